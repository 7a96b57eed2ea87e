//go:build unix

package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tclookup/tclookup/internal/accept"
)

// running is a program that runs while the test does something to it.
type running struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *os.File
	stderr bytes.Buffer
}

func start(t testing.TB, p *accept.Program, args ...string) *running {
	t.Helper()
	r := &running{t: t, cmd: p.Command(t.Context(), args...)}
	var err error
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.stdout, r.cmd.Stdout, r.cmd.Stderr = read, write, &r.stderr
	err = r.cmd.Start()
	_ = write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill(); _ = read.Close() })
	return r
}

// code waits for the end and returns the exit code, -1 for a signal.
func (r *running) code() int {
	r.t.Helper()
	done := make(chan error, 1)
	go func() { done <- r.cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			r.t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		r.t.Fatalf("it does not end; stderr: %s", r.stderr.String())
	}
	if strings.Contains(r.stderr.String(), "goroutine ") {
		r.t.Errorf("it panicked: %s", r.stderr.String())
	}
	return r.cmd.ProcessState.ExitCode()
}

var signals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}

// A run that waits for stdin ends at a signal.
func TestInterruptWaitingForInput(t *testing.T) {
	s := accept.NewServer(t, nil)
	for _, sig := range signals {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			r := start(t, asking(t, s), "enrich", "--field", "d", "--output", "status")
			fmt.Fprint(r.stdin, "d,n\nbad.com,1\nnothing.com,2\ngood.c")
			out := bufio.NewReader(r.stdout)
			for _, want := range []string{"d,n,tc_status\n", "bad.com,1,found\n", "nothing.com,2,not_found\n"} {
				if line, err := out.ReadString('\n'); line != want {
					t.Fatalf("%q, %v; should be %q", line, err, want)
				}
			}
			_ = r.cmd.Process.Signal(sig)
			rest, _ := io.ReadAll(out)
			if c := r.code(); c != exitInterrupted {
				t.Errorf("the exit code is %d", c)
			}
			if len(rest) > 0 {
				t.Errorf("%q follows", rest)
			}
			if r.stderr.Len() > 200 {
				t.Errorf("stderr: %s", r.stderr.String())
			}
		})
	}
}

// A run that waits for a server ends at a signal. What was written is whole
// records, and a compressed stream can be read to its end.
func TestInterruptWaitingForServer(t *testing.T) {
	for _, compress := range []string{"none", "gzip", "zstd"} {
		for _, sig := range signals {
			t.Run(compress+"/"+sig.String(), func(t *testing.T) {
				t.Parallel()
				arrived := make(chan struct{}, 100)
				release := make(chan struct{})
				s := accept.NewServer(t, func(w http.ResponseWriter, q *accept.Question) {
					if strings.HasPrefix(q.Value, "slow") {
						arrived <- struct{}{}
						<-release
						return
					}
					accept.Answer(w, q)
				})
				defer close(release)
				p := asking(t, s)
				path := filepath.Join(p.Home, "out")
				r := start(t, p, "enrich", "--field", "d", "--output", "status", "--max-wait", "0", "--compress", compress, "-o", path)
				fmt.Fprint(r.stdin, "d\n"+strings.Repeat("bad.com\n", 1000))
				for wait := time.Now(); len(s.Questions()) == 0; time.Sleep(time.Millisecond) {
					if time.Since(wait) > 20*time.Second {
						t.Fatal("no request")
					}
				}
				fmt.Fprint(r.stdin, strings.Repeat("slow.com\n", 1000))
				<-arrived
				began := time.Now()
				_ = r.cmd.Process.Signal(sig)
				if c := r.code(); c != exitInterrupted {
					t.Errorf("the exit code is %d; stderr %s", c, r.stderr.String())
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it takes %v to end", took)
				}
				text := unpacked(t, path, compress)
				rest, _ := strings.CutPrefix(text, "d,tc_status\n")
				for line := range strings.Lines(rest) {
					if line != "bad.com,found\n" && line != "slow.com,skipped\n" && line != "slow.com,queued\n" {
						t.Fatalf("there is a record %q", line)
					}
				}
				if !strings.HasPrefix(text, "d,tc_status\nbad.com,found\n") {
					t.Errorf("what was answered is not written: %.100q", text)
				}
			})
		}
	}
}

// unpacked reads a file that has to be a whole compressed stream.
func unpacked(t testing.TB, path, compress string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := io.Reader(f)
	switch compress {
	case "gzip":
		in, err = gzip.NewReader(f)
	case "zstd":
		in, err = zstd.NewReader(f)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatalf("the output breaks off: %v", err)
	}
	return string(text)
}

// Reports end at a signal too.
func TestInterruptReport(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	s := accept.NewServer(t, func(http.ResponseWriter, *accept.Question) { arrived <- struct{}{}; <-release })
	defer close(release)
	r := start(t, asking(t, s), "report", "--max-wait", "0", "bad.com")
	<-arrived
	_ = r.cmd.Process.Signal(syscall.SIGINT)
	if c := r.code(); c != exitInterrupted {
		t.Errorf("the exit code is %d", c)
	}
}

// A search command that is told to end while it waits answers the request,
// or hangs up; it does not hang.
func TestInterruptSearch(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	s := accept.NewServer(t, func(http.ResponseWriter, *accept.Question) { arrived <- struct{}{}; <-release })
	defer close(release)
	r := start(t, asking(t, s), "splunk")
	info := `{"action":"getinfo","searchinfo":{"args":["d","max_wait=1h"]}}`
	exe := `{"action":"execute","finished":false}`
	body := "d,\"_chunked_idx\"\n\"bad.com\",0\n"
	fmt.Fprintf(r.stdin, "chunked 1.0,%d,0\n%schunked 1.0,%d,%d\n%s%s", len(info), info, len(exe), len(body), exe, body)
	<-arrived
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, r.stdout)
	if c := r.code(); c < 0 {
		t.Errorf("the signal killed it")
	}
}

// A search that is cancelled closes its pipes: the command must not go on
// waiting for a server.
func TestSearchHangUpWhileWaiting(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	s := accept.NewServer(t, func(http.ResponseWriter, *accept.Question) { arrived <- struct{}{}; <-release })
	defer close(release)
	r := start(t, asking(t, s), "splunk")
	info := `{"action":"getinfo","searchinfo":{"args":["d","max_wait=1h"]}}`
	exe := `{"action":"execute","finished":false}`
	body := "d,\"_chunked_idx\"\n\"bad.com\",0\n"
	fmt.Fprintf(r.stdin, "chunked 1.0,%d,0\n%schunked 1.0,%d,%d\n%s%s", len(info), info, len(exe), len(body), exe, body)
	<-arrived
	_ = r.stdin.Close()
	_ = r.stdout.Close()
	if c := r.code(); c < 0 {
		t.Errorf("a signal ended it")
	}
	if r.stderr.Len() > 0 {
		t.Errorf("it does not end quietly: %s", r.stderr.String())
	}
}

// Who reads the output may have enough, as head has.
func TestClosedStdout(t *testing.T) {
	s := accept.NewServer(t, nil)
	rows := "d\n" + strings.Repeat("bad.com\n", 400_000)
	for _, args := range [][]string{
		{"enrich", "--field", "d"},
		{"enrich", "--field", "d", "--compress", "gzip"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			r := start(t, asking(t, s), args...)
			go func() { _, _ = io.WriteString(r.stdin, rows); _ = r.stdin.Close() }()
			if _, err := io.ReadFull(r.stdout, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			_ = r.stdout.Close()
			c := r.code()
			if c == exitOK {
				t.Errorf("it ended as if all had been written")
			}
			if strings.Count(r.stderr.String(), "\n") > 2 {
				t.Errorf("stderr: %s", r.stderr.String())
			}
			t.Logf("exit code %d, %s", c, r.stderr.String())
		})
	}
}

// A disk that is full is an error, wherever it shows.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	s := accept.NewServer(t, nil)
	for _, args := range [][]string{
		{"enrich", "--field", "d", "-o", "/dev/full"},
		{"enrich", "--field", "d", "-o", "/dev/full", "--compress", "gzip"},
		{"enrich", "--field", "d", "-o", "/dev/full", "--compress", "zstd"},
	} {
		o := asking(t, s).Run(t, strings.NewReader("d\nbad.com\n"), args...)
		if o.Code != exitFailed || !strings.Contains(o.Stderr, "no space left") {
			t.Errorf("%q: exit code %d, %s", args, o.Code, o.Stderr)
		}
		if n := strings.Count(o.Stderr, "no space left"); n != 1 {
			t.Errorf("%q says it %d times: %s", args, n, o.Stderr)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"enrich", "--field", "d"}, {"version"}, {"report", "bad.com"}, {"explain", "bad.com"}, {"demo"}, {"completion", "fish"}, {"--help"}} {
		c := asking(t, s).Command(t.Context(), args...)
		var errs bytes.Buffer
		c.Stdin, c.Stdout, c.Stderr = strings.NewReader("d\nbad.com\n"), full, &errs
		if err := c.Run(); err == nil || c.ProcessState.ExitCode() != exitFailed {
			t.Errorf("%q > /dev/full: %v, %s", args, err, errs.String())
		}
	}
}
