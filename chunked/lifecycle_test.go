package chunked

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A synctest bubble fails when a goroutine is left blocked, so these tests
// also show that Serve leaves none behind.

func TestHangupCancelsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var out bytes.Buffer
		go func() {
			_, _ = io.WriteString(w, frame(getinfoMeta, "")+frame(executeMore, "a\n1\n"))
			time.Sleep(time.Second)
			_ = w.Close()
		}()
		start := time.Now()
		err := Serve(t.Context(), r, &out, funcs{execute: func(ctx context.Context, _ *Request, reply *Reply) error {
			<-ctx.Done()
			if context.Cause(ctx) != ErrHangup {
				t.Errorf("cause %v", context.Cause(ctx))
			}
			return ctx.Err()
		}})
		if err != nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if got := out.String(); strings.Count(got, "chunked 1.0,") != 2 || !strings.Contains(got, `"error":"context canceled"`) {
			t.Errorf("replies %q", got)
		}
	})
}

func TestHangupStillReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, err := serve(t, frame(getinfoMeta, "")+frame(executeMore, "a\n1\n"), funcs{
			execute: func(ctx context.Context, req *Request, reply *Reply) error {
				<-ctx.Done()
				reply.Body = append(reply.Body, req.Body...)
				return nil
			},
		})
		if err != nil || !strings.HasSuffix(out, frame(`{"finished":false}`, "a\n1\n")) {
			t.Errorf("%q, %v", out, err)
		}
	})
}

func TestLastRequestIsNotCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := serve(t, conversationOf("a\n1\n", "a\n2\n"), funcs{
			execute: func(ctx context.Context, _ *Request, _ *Reply) error {
				time.Sleep(time.Hour)
				return ctx.Err()
			},
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWaitingRequestIsNoHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, conversationOf("a\n1\n", "a\n2\n", "")) }()
		var out bytes.Buffer
		err := Serve(t.Context(), r, &out, funcs{execute: func(ctx context.Context, req *Request, _ *Reply) error {
			synctest.Wait()
			return ctx.Err()
		}})
		if err != nil {
			t.Error(err)
		}
		_ = w.Close()
	})
}

func TestContextEndsServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, frame(getinfoMeta, "")) }()
		why := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(why) })
		if err := Serve(ctx, r, io.Discard, echo); err != why {
			t.Errorf("got %v", err)
		}
		_ = w.Close() // a read of an io.Pipe cannot be interrupted otherwise
	})
}

func TestBlockedReadIsInterrupted(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Serve(ctx, r, io.Discard, echo); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines became %d", before, after)
	}
	go func() { _, _ = w.WriteString("x") }()
	if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("the pipe cannot be read any more: %v", err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, conversationOf("")+"more that is thrown away") }()
		start := time.Now()
		err := Serve(t.Context(), r, io.Discard, funcs{execute: func(context.Context, *Request, *Reply) error {
			return errors.New("failed")
		}})
		var reported *ReportedError
		if !errors.As(err, &reported) || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		_ = w.Close()
	})
}

func TestClosedStdoutIsAQuietEnd(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), strings.NewReader(conversationOf("")), w, echo); err != nil {
		t.Errorf("a pipe: %v", err)
	}
	pr, pw := io.Pipe()
	_ = pr.Close()
	if err := Serve(t.Context(), strings.NewReader(conversationOf("")), pw, echo); err != nil {
		t.Errorf("an io.Pipe: %v", err)
	}
	full := errors.New("disk full")
	fr, fw := io.Pipe()
	_ = fr.CloseWithError(full)
	if err := Serve(t.Context(), strings.NewReader(conversationOf("")), fw, echo); !errors.Is(err, full) {
		t.Errorf("another error: %v", err)
	}
}

// A handler's own broken connection is not that of stdout.
func TestHandlersClosedPipeIsAnError(t *testing.T) {
	_, err := serve(t, conversationOf(""), funcs{execute: func(context.Context, *Request, *Reply) error {
		return io.ErrClosedPipe
	}})
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func TestPanicIsLoggedInShortLines(t *testing.T) {
	var stderr bytes.Buffer
	s := Server{Stderr: &stderr}
	cause := errors.New("cause " + strings.Repeat("long ", 1000))
	err := s.Serve(t.Context(), strings.NewReader(conversationOf("")), io.Discard, funcs{
		execute: func(context.Context, *Request, *Reply) error { panic(cause) },
	})
	var p *PanicError
	if !errors.As(err, &p) || !errors.Is(err, cause) {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(stderr.String(), "lifecycle_test.go") {
		t.Errorf("the place is missing:\n%s", stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if len(line) > 400 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
	if n := strings.Count(stderr.String(), "\n"); n > 30 {
		t.Errorf("%d lines", n)
	}
}

type finisher struct {
	funcs
	finished int
}

func (f *finisher) Finish() { f.finished++; panic("ignored") }

func TestFinishIsCalledOnce(t *testing.T) {
	for _, in := range []string{"", frame(getinfoMeta, ""), conversationOf("", ""), "garbage"} {
		f := &finisher{funcs: echo}
		if _, err := serve(t, in, f); (err != nil) != (in == "garbage") {
			t.Errorf("%q: %v", in, err)
		}
		if f.finished != 1 {
			t.Errorf("%q: called %d times", in, f.finished)
		}
	}
}

func TestGenerateIsStopped(t *testing.T) {
	stopped := false
	g := &GeneratingCommand{Outputs: []string{"n"}, ChunkRows: 1, Generate: func(_ context.Context, rec *Record, yield func() bool) error {
		defer func() { stopped = true }()
		for yield() {
			rec.Set("n", "1")
		}
		return nil
	}}
	if _, err := serve(t, conversationOf(""), g); err != nil {
		t.Fatal(err)
	}
	if !stopped {
		t.Error("Generate goes on after the end of the search")
	}
}

func TestMessagesAreBounded(t *testing.T) {
	out, err := serve(t, conversationOf("", ""), funcs{execute: func(_ context.Context, req *Request, reply *Reply) error {
		for i := range 400 {
			reply.Info("request %d message %d", req.Number, i)
		}
		reply.Error("%s", strings.Repeat("é", maxMessage))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out, `["INFO"`); n < 400 || n > maxMessages {
		t.Errorf("%d messages", n)
	}
	if !strings.Contains(out, `["WARN","cmd: too many messages`) {
		t.Error("it does not say that some are left out")
	}
	if len(out) > 40*maxMessages+3*maxMessage {
		t.Errorf("%d bytes", len(out))
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"", "text", "cmd: text"},
		{"other", "text", "other: text"},
		{"other", "other: text", "other: text"},
	} {
		var out bytes.Buffer
		s := Server{Name: test.name}
		err := s.Serve(t.Context(), strings.NewReader(conversationOf("")), &out, funcs{
			execute: func(_ context.Context, _ *Request, reply *Reply) error { reply.Warn("%s", test.text); return nil },
		})
		if err != nil || !strings.Contains(out.String(), `"`+test.want+`"`) {
			t.Errorf("%+v: %q, %v", test, out.String(), err)
		}
	}
}
