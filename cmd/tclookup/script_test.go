package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tclookup/tclookup/internal/accept"
	"github.com/tclookup/tclookup/internal/hec/hectest"
)

type (
	serverKey    struct{}
	collectorKey struct{}
)

// TestScripts runs the scripts of testdata/script. Each has a home and a
// server of its own, which the environment names; accept.Answer says what it
// answers. The commands beyond those of testscript are:
//
//	asked KEY...            exactly these were asked for, each once
//	votes VOTE/VALUE...     exactly these votes were cast, each once
//	gzip|gunzip IN OUT      and zstd, unzstd
//	utf16 ORDER IN OUT      le or be, with a byte order mark
//	crlf IN OUT             the same lines, ended as on Windows
//	chomp IN OUT            without the last end of line
//	subst FILE...           with the server's address in place of $SERVER
//	exitcode N PROGRAM...   it ends with this code
//	indexed OUT             writes the events that the collector has, in order
//	longlines FILE          FILE, - for stderr, has no line of more than 400 bytes
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			s := accept.Start()
			e.Defer(s.Close)
			e.Values[serverKey{}] = s
			home := filepath.Join(e.WorkDir, ".home")
			if err := os.Mkdir(home, 0o700); err != nil {
				return err
			}
			for _, v := range accept.Environ(home) {
				if name, value, _ := strings.Cut(v, "="); name != "PATH" {
					e.Setenv(name, value)
				}
			}
			c := &hectest.Server{Token: "0ff1ce-token", Acks: true, AckAfter: 1, Indexes: []string{"main", "threats"}}
			collector := httptest.NewServer(c)
			e.Defer(collector.Close)
			e.Values[collectorKey{}] = c
			e.Setenv("HEC_URL", collector.URL)
			e.Setenv("SERVER", s.URL)
			e.Setenv("TCLOOKUP_SOURCE_THREATCROWD_BASE_URL", s.URL)
			e.Setenv("TCLOOKUP_SOURCE_THREATCROWD_RATE", "unlimited")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"asked":     asked,
			"votes":     cast,
			"gzip":      converter(compressor(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })),
			"zstd":      converter(compressor(func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z })),
			"gunzip":    converter(func(in []byte) ([]byte, error) { return unpack(gzip.NewReader(bytes.NewReader(in))) }),
			"unzstd":    converter(func(in []byte) ([]byte, error) { return unpack(zstd.NewReader(bytes.NewReader(in))) }),
			"crlf":      converter(func(in []byte) ([]byte, error) { return bytes.ReplaceAll(in, []byte("\n"), []byte("\r\n")), nil }),
			"chomp":     converter(func(in []byte) ([]byte, error) { return bytes.TrimSuffix(in, []byte("\n")), nil }),
			"utf16":     toUTF16,
			"subst":     subst,
			"exitcode":  exitCode,
			"longlines": longLines,
			"indexed":   indexed,
		},
	})
}

// indexed writes each event as a line: its metadata, then the event itself.
func indexed(ts *testscript.TestScript, _ bool, args []string) {
	var lines []string
	for _, e := range ts.Value(collectorKey{}).(*hectest.Server).Events() {
		lines = append(lines, strings.Join([]string{string(e.Time), e.Host, e.Source, e.Sourcetype, e.Index, string(e.Event)}, " ")+"\n")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "")), 0o600))
}

// exitCode runs the program, `exitcode N tclookup args...`, and checks how it
// ended.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		code = -1
		if rest, ok := strings.CutPrefix(err.Error(), "exit status "); ok {
			code, _ = strconv.Atoi(rest)
		}
	}
	if want, _ := strconv.Atoi(args[0]); code != want {
		ts.Fatalf("%q ended with %v, should be %d", args[1:], err, want)
	}
}

func asked(ts *testscript.TestScript, _ bool, want []string) {
	counts := ts.Value(serverKey{}).(*accept.Server).Counts()
	got := slices.Sorted(maps.Keys(counts))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		ts.Fatalf("asked for %q, should be %q", got, want)
	}
	for k, n := range counts {
		if n != 1 {
			ts.Fatalf("%s was asked for %d times", k, n)
		}
	}
}

// cast checks the votes.
func cast(ts *testscript.TestScript, _ bool, want []string) {
	var got []string
	for _, q := range ts.Value(serverKey{}).(*accept.Server).Questions() {
		if q.Kind == "vote" {
			got = append(got, q.Value)
		}
	}
	if !slices.Equal(got, want) {
		ts.Fatalf("the votes are %q, should be %q", got, want)
	}
}

func converter(f func([]byte) ([]byte, error)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) != 2 {
			ts.Fatalf("usage: IN OUT")
		}
		out, err := f([]byte(ts.ReadFile(args[0])))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), out, 0o600))
	}
}

func compressor(f func(io.Writer) io.WriteCloser) func([]byte) ([]byte, error) {
	return func(in []byte) ([]byte, error) {
		var b bytes.Buffer
		w := f(&b)
		_, err := w.Write(in)
		if err2 := w.Close(); err == nil {
			err = err2
		}
		return b.Bytes(), err
	}
}

func unpack(r io.Reader, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func toUTF16(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: utf16 le|be IN OUT")
	}
	var out []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + ts.ReadFile(args[1]))) {
		if args[0] == "le" {
			out = append(out, byte(u), byte(u>>8))
		} else {
			out = append(out, byte(u>>8), byte(u))
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), out, 0o600))
}

// subst replaces $SERVER in a file.
func subst(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := strings.ReplaceAll(ts.ReadFile(name), "$SERVER", ts.Getenv("SERVER"))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

func longLines(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		for l := range strings.Lines(ts.ReadFile(name)) {
			if len(l) > 400 {
				ts.Fatalf("%s has a line of %d bytes: %s", name, len(l), l)
			}
		}
	}
}
