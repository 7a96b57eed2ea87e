package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// known says found to everything that begins with evil.
type known struct{}

func (known) Name() string             { return "known" }
func (known) Types() indicator.TypeSet { return indicator.AllTypes }
func (known) Decode(indicator.Indicator, []byte) (*source.Report, error) {
	return &source.Report{}, nil
}
func (known) Lookup(_ context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	for i, ind := range in {
		r := source.Result{Status: source.NotFound, Source: "known", Fetched: time.Now()}
		if strings.HasPrefix(ind.Value, "evil") {
			r.Status = source.Found
		}
		done(i, r)
	}
}

func enricher(t testing.TB) *enrich.Enricher {
	t.Helper()
	p, err := indicator.NewParser(indicator.ParserConfig{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrich.New(enrich.Options{Fields: []enrich.Field{{Name: "d"}}, Parser: p, Source: known{}, Output: []string{"status"}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// inputs makes inputs of texts; pieces of them come as small reads.
func inputs(texts ...string) []Input {
	var in []Input
	for i, text := range texts {
		in = append(in, Input{fmt.Sprint("in", i), func() (io.ReadCloser, error) {
			return io.NopCloser(&slow{strings.NewReader(text)}), nil
		}})
	}
	return in
}

type slow struct{ r io.Reader }

func (s *slow) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), 700)]) }

func filterAll(t testing.TB, out io.Writer, j *Journal, in ...string) error {
	_, err := Run(t.Context(), Options{Inputs: inputs(in...), Out: out, Detect: true, Enricher: enricher(t), Journal: j, Warn: func(string) {}})
	return err
}

func TestSeveralInputs(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []string
		out  string
		err  string
	}{
		{"one header", []string{"d,e\nevil.com,1\n", "d,e\nfoo.com,2\n"}, "d,e,tc_status\nevil.com,1,found\nfoo.com,2,not_found\n", ""},
		{"no final line end", []string{"d,e\nevil.com,1", "d,e\nfoo.com,2"}, "d,e,tc_status\nevil.com,1,found\nfoo.com,2,not_found", ""},
		{"json lines", []string{`{"d":"evil.com"}`, `{"d":"foo.com","x":[1]}`}, "{\"d\":\"evil.com\",\"tc_status\":\"found\"}\n{\"d\":\"foo.com\",\"x\":[1],\"tc_status\":\"not_found\"}", ""},
		{"an empty one first", []string{"", "d\nevil.com\n"}, "d,tc_status\nevil.com,found\n", ""},
		{"other columns", []string{"d,e\nevil.com,1\n", "d,f\nfoo.com,2\n"}, "d,e,tc_status\nevil.com,1,found\n", "in1: has other columns than in0"},
		{"other format", []string{"d\nevil.com\n", `{"d":"foo.com"}`}, "d,tc_status\nevil.com,found\n", "in1: is jsonl, but in0 is csv"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := filterAll(t, &out, nil, tt.in...)
			if out.String() != tt.out {
				t.Errorf("\n got %q\nwant %q", out.String(), tt.out)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// killed is a file whose disk is full after some bytes.
type killed struct {
	f    *os.File
	left int
}

var errKilled = errors.New("killed")

func (k *killed) Write(p []byte) (int, error) {
	if len(p) > k.left {
		n, _ := k.f.Write(p[:k.left]) // half a record gets out
		k.left = 0
		return n, errKilled
	}
	k.left -= len(p)
	return k.f.Write(p)
}

// TestResume stops runs at random points, several times each, and continues
// them: the bytes are those of a run that was never stopped.
func TestResume(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	utf16 := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, c := range s {
			b = append(b, byte(c), byte(c>>8))
		}
		return string(b)
	}
	csvText := func(n int) string {
		var b strings.Builder
		b.WriteString("n,d,note\r\n")
		for i := range n {
			fmt.Fprintf(&b, "%d,%s%d.com,\"a \"\"note\"\"\nof two lines\"\r\n", i, []string{"evil", "foo"}[rng.IntN(2)], rng.IntN(50))
		}
		return b.String()
	}
	var jsonl strings.Builder
	for i := range 300 {
		fmt.Fprintf(&jsonl, "{\"n\":%d,\"d\":\"evil%d.com\"}\n\n", i, i%7)
	}
	for name, in := range map[string][]string{
		"csv": {csvText(400)}, "three files": {csvText(150), strings.TrimSuffix(csvText(100), "\r\n"), csvText(50)},
		"utf-16": {utf16(csvText(200))}, "json lines": {jsonl.String()}, "header only": {"n,d,note\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var want bytes.Buffer
			if err := filterAll(t, &want, nil, in...); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				dir := t.TempDir()
				stops := 0
				for {
					f, err := os.OpenFile(filepath.Join(dir, "out"), os.O_RDWR|os.O_CREATE, 0o600)
					if err != nil {
						t.Fatal(err)
					}
					j, err := OpenJournal(filepath.Join(dir, "journal"), "x", []string{"in"}, "out", f)
					if errors.Is(err, ErrComplete) {
						f.Close()
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					out := io.Writer(f)
					if stops < 4 {
						out = &killed{f, rng.IntN(want.Len()/2 + 2)}
					}
					if err := filterAll(t, out, j, in...); err != nil && !errors.Is(err, errKilled) {
						t.Fatal(err)
					}
					stops++
					j.Close()
					f.Close()
				}
				got, err := os.ReadFile(filepath.Join(dir, "out"))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want.Bytes()) {
					t.Fatalf("after %d stops %d bytes, want %d", stops, len(got), want.Len())
				}
			}
		})
	}
}

func TestJournalRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	j, err := OpenJournal(path, "opts", []string{"a.csv"}, "out", out)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	for _, tt := range []struct {
		options, input, output, want string
	}{
		{"opts", "b.csv", "out", `with the inputs ["a.csv"] and not ["b.csv"]`},
		{"others", "a.csv", "out", "with the options opts and not others"},
		{"opts", "a.csv", "out2", "with the output out and not out2"},
	} {
		if _, err := OpenJournal(path, tt.options, []string{tt.input}, tt.output, out); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	if err := os.WriteFile(path, []byte("d,e\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(path, "opts", []string{"a.csv"}, "out", out); err == nil || !strings.Contains(err.Error(), "is no journal") {
		t.Errorf("a foreign file: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "d,e\n1,2\n" {
		t.Error("a foreign file was changed")
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	defer w.Close()
	var out bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, Options{
			Inputs: []Input{{"pipe", func() (io.ReadCloser, error) { return r, nil }}}, Out: &out,
			Syntax: codec.SyntaxCSV, Enricher: enricher(t), Warn: func(string) {},
		})
		ended <- err
	}()
	if _, err := io.WriteString(w, "d\nevil.com\nfoo.c"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, ErrInterrupted) {
		t.Errorf("error %v", err)
	}
	if s := out.String(); s != "" && s != "d,tc_status\nevil.com,found\n" {
		t.Errorf("got %q", s)
	}
}
