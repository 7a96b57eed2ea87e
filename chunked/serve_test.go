package chunked

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// funcs is a handler made of functions; what is nil does the least.
type funcs struct {
	getinfo func(ctx context.Context, info *Info) (*Config, error)
	execute func(ctx context.Context, req *Request, reply *Reply) error
}

func (f funcs) Getinfo(ctx context.Context, info *Info) (*Config, error) {
	if f.getinfo == nil {
		return nil, nil
	}
	return f.getinfo(ctx, info)
}

func (f funcs) Execute(ctx context.Context, req *Request, reply *Reply) error {
	if f.execute == nil {
		return nil
	}
	return f.execute(ctx, req, reply)
}

// frame returns a frame.
func frame(meta, body string) string {
	return fmt.Sprintf("chunked 1.0,%d,%d\n%s%s", len(meta), len(body), meta, body)
}

const getinfoMeta = `{"action":"getinfo","searchinfo":{"args":[],"raw_args":[],"command":"cmd"}}`

// conversationOf returns getinfo and execute requests with the bodies, the
// last of which is finished.
func conversationOf(bodies ...string) string {
	in := frame(getinfoMeta, "")
	for i, b := range bodies {
		meta := executeMore
		if i == len(bodies)-1 {
			meta = executeLast
		}
		in += frame(meta, b)
	}
	return in
}

// serve runs a conversation over a prepared input.
func serve(t *testing.T, in string, h Handler) (string, error) {
	t.Helper()
	var out, stderr bytes.Buffer
	s := Server{Stderr: &stderr, DrainTimeout: time.Minute}
	err := s.Serve(context.Background(), strings.NewReader(in), &out, h)
	if stderr.Len() > 0 {
		t.Logf("stderr: %s", stderr.String())
	}
	return out.String(), err
}

var echo = funcs{execute: func(_ context.Context, req *Request, reply *Reply) error {
	_, err := reply.Write(req.Body)
	return err
}}

func TestServeEchoes(t *testing.T) {
	out, err := serve(t, conversationOf("a\n1\n", "", "a\n2\n"), echo)
	want := frame(`{"type":"streaming"}`, "") + frame(`{"finished":false}`, "a\n1\n") +
		frame(`{"finished":false}`, "") + frame(`{"finished":true}`, "a\n2\n")
	if err != nil || out != want {
		t.Errorf("got %q, %v\nwant %q", out, err, want)
	}
}

func TestServeFails(t *testing.T) {
	bad := errors.New("no\nway")
	out, err := serve(t, conversationOf("a\n1\n", "a\n2\n"), funcs{
		execute: func(_ context.Context, _ *Request, reply *Reply) error {
			reply.Warn("first")
			reply.Body = append(reply.Body, "half a reply"...)
			return bad
		},
	})
	want := frame(`{"type":"streaming"}`, "") +
		frame(`{"inspector":{"messages":[["WARN","cmd: first"],["ERROR","cmd: no; way"]]},"finished":true,"error":"no; way"}`, "")
	var reported *ReportedError
	if out != want || !errors.As(err, &reported) || !errors.Is(err, bad) {
		t.Errorf("got %q, %v\nwant %q", out, err, want)
	}
}

func TestServeEnds(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		want error
	}{
		"nothing":          {"", nil},
		"getinfo only":     {frame(getinfoMeta, ""), nil},
		"between requests": {frame(getinfoMeta, "") + frame(executeMore, ""), nil},
		"in a header":      {frame(getinfoMeta, "") + "chunked 1", io.ErrUnexpectedEOF},
		"in metadata":      {frame(getinfoMeta, "")[:40], io.ErrUnexpectedEOF},
		"in a body":        {frame(getinfoMeta, "") + "chunked 1.0,36,5\n" + executeLast + "ab", io.ErrUnexpectedEOF},
	} {
		_, err := serve(t, test.in, echo)
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}
