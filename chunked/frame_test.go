package chunked

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLyingLengthAllocatesLittle(t *testing.T) {
	in := "chunked 1.0,36,1000000000\n" + executeLast + strings.Repeat("x", 3<<20)
	f := newFrameReader(strings.NewReader(in), 0, 0)
	if err := f.read(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v", err)
	}
	if cap(f.body) > trustGrow<<20 {
		t.Errorf("3 MiB arrived and %d bytes are allocated", cap(f.body))
	}
	few := newFrameReader(strings.NewReader("chunked 1.0,36,1000000000\n"+executeLast+"x"), 0, 0)
	if err := few.read(); !errors.Is(err, io.ErrUnexpectedEOF) || cap(few.body) > firstGrow {
		t.Errorf("1 byte arrived and %d bytes are allocated (%v)", cap(few.body), err)
	}
}

func TestTooLargeAllocatesNothing(t *testing.T) {
	f := newFrameReader(strings.NewReader("chunked 1.0,36,2000\n"+executeLast), 0, 1999)
	err := f.read()
	var frame *FrameError
	if !errors.Is(err, ErrTooLarge) || !errors.As(err, &frame) || frame.Length != 2000 || frame.Limit != 1999 || frame.Part != "body" {
		t.Errorf("got %v", err)
	}
	if f.body != nil || f.meta != nil {
		t.Error("something was allocated")
	}
}

func TestReaderErrorIsKept(t *testing.T) {
	in := frame(executeLast, "abc")
	for cut := range len(in) {
		broken := errors.New("broken")
		r := io.MultiReader(strings.NewReader(in[:cut]), iotest.ErrReader(broken))
		var frame *FrameError
		if err := newFrameReader(r, 0, 0).read(); !errors.Is(err, broken) || !errors.As(err, &frame) {
			t.Errorf("cut at %d: got %v", cut, err)
		}
	}
}

func TestBuffersShrink(t *testing.T) {
	big := strings.Repeat("x", 5<<20)
	in := frame(executeMore, big)
	for range 10 {
		in += frame(executeMore, "small")
	}
	f := newFrameReader(strings.NewReader(in), 0, 0)
	sizes := []int{}
	for f.read() == nil {
		sizes = append(sizes, cap(f.body))
	}
	if len(sizes) != 11 || sizes[0] < len(big) || sizes[1] < len(big) || sizes[10] >= 1<<20 {
		t.Errorf("capacities %v", sizes)
	}

	var r Reply
	r.reset(false)
	r.Body = append(r.Body, big...)
	r.reset(false)
	if cap(r.Body) < len(big) {
		t.Errorf("the capacity %d is not kept", cap(r.Body))
	}
	for range 10 {
		r.Body = append(r.Body, "small"...)
		r.reset(false)
	}
	if cap(r.Body) >= 1<<20 || cap(r.Body) == 0 {
		t.Errorf("the capacity is %d after small replies", cap(r.Body))
	}
}

// writes notes each Write.
type writes struct {
	calls   []string
	flushes int
}

func (w *writes) Write(p []byte) (int, error) {
	w.calls = append(w.calls, string(p))
	return len(p), nil
}

func (w *writes) Flush() error { w.flushes++; return nil }

func TestReplyIsOneWrite(t *testing.T) {
	large := strings.Repeat("y", copyBelow+1)
	for name, test := range map[string]struct {
		fill func(r *Reply)
		body string
		want int
	}{
		"appended": {func(r *Reply) { r.Body = append(r.Body, "abc"...) }, "abc", 1},
		"empty":    {func(*Reply) {}, "", 1},
		"grown":    {func(r *Reply) { r.Grow(len(large)); _, _ = r.WriteString(large) }, large, 1},
		"regrown": {func(r *Reply) {
			_, _ = r.WriteString("a")
			r.Grow(len(large))
			_, _ = r.WriteString(large)
		}, "a" + large, 1},
		"small and foreign": {func(r *Reply) { r.SetBody([]byte("abc")) }, "abc", 1},
		"large and foreign": {func(r *Reply) { r.SetBody([]byte(large)) }, large, 2},
		"set and appended":  {func(r *Reply) { r.SetBody([]byte("abc")); r.Body = append(r.Body, 'd') }, "abcd", 1},
		"cut":               {func(r *Reply) { r.Body = append(r.Body, "abc"...)[1:] }, "bc", 1},
		"outgrown": {func(r *Reply) {
			for range 3 {
				_, _ = r.WriteString(large)
			}
		}, strings.Repeat(large, 3), 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := &writes{}
			err := Serve(t.Context(), strings.NewReader(conversationOf("")), w, funcs{
				execute: func(_ context.Context, _ *Request, r *Reply) error { test.fill(r); return nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(w.calls[1:], ""); got != frame(`{"finished":true}`, test.body) {
				t.Errorf("got %.100q", got)
			}
			if len(w.calls)-1 != test.want || w.flushes != 2 {
				t.Errorf("%d writes, %d flushes; want %d and 2", len(w.calls)-1, w.flushes, test.want)
			}
		})
	}
}

// TestStream: a body that is made while it is written is the same frame, and
// one that is not as long as announced ends the conversation.
func TestStream(t *testing.T) {
	pieces := func(p ...string) func([]byte) []byte {
		return func(dst []byte) []byte {
			if len(p) > 0 {
				dst, p = append(dst, p[0]...), p[1:]
			}
			return dst
		}
	}
	large := strings.Repeat("z", pieceRoom)
	for name, test := range map[string]struct {
		size  int
		next  func([]byte) []byte
		body  string // as far as it is written
		fault string
	}{
		"one piece":    {3, pieces("abc"), "abc", ""},
		"three pieces": {6, pieces("abc", "d", "ef"), "abcdef", ""},
		"large pieces": {2*len(large) + 1, pieces("a", large, large), "a" + large + large, ""},
		"no body":      {0, pieces("never asked for"), "", ""},
		"too short":    {4, pieces("abc"), "abc", "piece of 0 bytes came when 1 bytes"},
		"too long":     {4, pieces("abc", "de"), "abc", "piece of 2 bytes came when 1 bytes"},
		"panic":        {4, func([]byte) []byte { panic("ouch") }, "", "ouch"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &writes{}
			err := (&Server{Stderr: io.Discard}).Serve(t.Context(), strings.NewReader(conversationOf("")), w, funcs{
				execute: func(_ context.Context, _ *Request, r *Reply) error { r.Stream(test.size, test.next); return nil },
			})
			if test.fault == "" && err != nil || test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)) {
				t.Fatalf("error %v, want %q", err, test.fault)
			}
			got := strings.Join(w.calls[1:], "")
			if test.fault == "" && got != frame(`{"finished":true}`, test.body) || !strings.HasSuffix(got, test.body) {
				t.Errorf("got %.100q", got)
			}
		})
	}
}

// TestStreamThenBody: a streamed reply leaves nothing behind for the next one.
func TestStreamThenBody(t *testing.T) {
	var out strings.Builder
	err := Serve(t.Context(), strings.NewReader(frame(getinfoMeta, "")+frame(executeMore, "")+frame(executeLast, "")), &out, funcs{
		execute: func(_ context.Context, req *Request, r *Reply) error {
			if req.Number == 0 {
				r.Stream(1, func(dst []byte) []byte { return append(dst, 's') })
			} else {
				r.Body = append(r.Body, "body"...)
			}
			return nil
		},
	})
	if err != nil || !strings.HasSuffix(out.String(), frame(`{"finished":false}`, "s")+frame(`{"finished":true}`, "body")) {
		t.Errorf("%v: %q", err, out.String())
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add([]byte(conversationOf("a\n1\n", "")))
	f.Add([]byte("chunked \t1.0 , 1 , 2\r\nabc"))
	f.Add([]byte("chunked 1.0,4611686018427387904,0\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		src := bytes.NewReader(in)
		r := newFrameReader(iotest.HalfReader(src), 1<<20, 1<<20)
		for {
			err := r.read()
			var bad *FrameError
			switch {
			case err == io.EOF:
				if src.Len() > 0 || r.br.Buffered() > 0 {
					t.Fatal("an early end")
				}
				return
			case err != nil:
				if !errors.As(err, &bad) {
					t.Fatalf("no FrameError: %v", err)
				}
				return
			}
			// What was read is written in the exact form and read again.
			var out bytes.Buffer
			w := frameWriter{w: &out}
			if err := w.write(r.meta, r.body, nil, 0); err != nil {
				t.Fatal(err)
			}
			again := newFrameReader(&out, 1<<20, 1<<20)
			if err := again.read(); err != nil || !bytes.Equal(again.meta, r.meta) || !bytes.Equal(again.body, r.body) {
				t.Fatalf("%q, %q became %q, %q, %v", r.meta, r.body, again.meta, again.body, err)
			}
		}
	})
}
