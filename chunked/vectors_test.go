package chunked_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tclookup/tclookup/chunked"
)

// vector is a conversation in a file of testdata/vectors. Its lines are
//
//	# a comment
//	handler NAME       who answers, see vectorHandlers
//	maxbody N          the limit of the server, in bytes
//	> METADATA         a request; its body follows in lines of >> "..."
//	< METADATA         a reply; its body follows in lines of << "..."
//	raw "..."          bytes of the request as they are
//	expect: TEXT       Serve returns an error with this text; without it, nil
type vector struct {
	handler        string
	maxBody        int64
	request, reply []byte
	expect         string
}

func readVector(t testing.TB, path string) vector {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var v vector
	type part struct {
		dst        *[]byte
		meta, body string
	}
	var open *part
	flush := func() {
		if open != nil {
			*open.dst = fmt.Appendf(*open.dst, "chunked 1.0,%d,%d\n%s%s", len(open.meta), len(open.body), open.meta, open.body)
		}
		open = nil
	}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		text := ""
		if word == ">>" || word == "<<" || word == "raw" {
			if text, err = strconv.Unquote(rest); err != nil {
				t.Fatalf("%s:%d: %v", path, n, err)
			}
		}
		switch word {
		case "", "#":
		case "handler":
			v.handler = rest
		case "maxbody":
			v.maxBody, _ = strconv.ParseInt(rest, 10, 64)
		case ">":
			flush()
			open = &part{dst: &v.request, meta: rest}
		case "<":
			flush()
			open = &part{dst: &v.reply, meta: rest}
		case ">>", "<<":
			open.body += text
		case "raw":
			flush()
			v.request = append(v.request, text...)
		case "expect:":
			v.expect = rest
		default:
			t.Fatalf("%s:%d: unknown word %q", path, n, word)
		}
	}
	flush()
	return v
}

type handler struct {
	getinfo func(info *chunked.Info) (*chunked.Config, error)
	execute func(req *chunked.Request, reply *chunked.Reply) error
}

func (h handler) Getinfo(_ context.Context, info *chunked.Info) (*chunked.Config, error) {
	if h.getinfo == nil {
		return nil, nil
	}
	return h.getinfo(info)
}

func (h handler) Execute(_ context.Context, req *chunked.Request, reply *chunked.Reply) error {
	if h.execute == nil {
		reply.Body = append(reply.Body, req.Body...)
		return nil
	}
	return h.execute(req, reply)
}

// vectorHandlers make the handlers of the vectors, each for one conversation.
var vectorHandlers = map[string]func() chunked.Handler{
	"echo": func() chunked.Handler { return handler{} },
	"same": func() chunked.Handler {
		return handler{execute: func(req *chunked.Request, reply *chunked.Reply) error {
			reply.SetBody(req.Body)
			return nil
		}}
	},
	"config": func() chunked.Handler {
		return handler{getinfo: func(*chunked.Info) (*chunked.Config, error) {
			c := &chunked.Config{
				Type: chunked.TypeReporting, RequiredFields: []string{"a", `"b"`},
				MaxWait: 90*time.Second + 1, StreamingPreop: "fields a",
			}
			c.Info("ready")
			return c, nil
		}}
	},
	"badtype": func() chunked.Handler {
		return handler{getinfo: func(*chunked.Info) (*chunked.Config, error) {
			return &chunked.Config{Type: "eventing"}, nil
		}}
	},
	"refuse": func() chunked.Handler {
		return handler{getinfo: func(*chunked.Info) (*chunked.Config, error) {
			c := &chunked.Config{Type: chunked.TypeStateful}
			c.Warn("look out")
			return c, errors.Join(errors.New("first"), errors.New("second"))
		}}
	},
	"fail": func() chunked.Handler {
		return handler{execute: func(req *chunked.Request, reply *chunked.Reply) error {
			reply.Info("request %d", req.Number)
			reply.Body = append(reply.Body, "lost"...)
			if req.Number == 1 {
				return errors.New(`no "way"`)
			}
			return nil
		}}
	},
	"panic": func() chunked.Handler {
		return handler{execute: func(*chunked.Request, *chunked.Reply) error { panic("boom") }}
	},
	"inspect": func() chunked.Handler {
		return handler{execute: func(req *chunked.Request, reply *chunked.Reply) error {
			reply.Warn("same\r\n text ")
			reply.Warn("same text")
			reply.Debug("%d", req.Number)
			reply.Error("bad \xff byte, tab\t, \"quote\"")
			reply.Metric("m", 0, 0, 0, 0)
			reply.Metric("n", chunked.Null, chunked.Null, chunked.Null, chunked.Null)
			reply.Metric("m", 12*time.Millisecond, 2, 4, 4)
			return nil
		}}
	},
	"finish": func() chunked.Handler { // tries to set finished on its own
		return handler{execute: func(_ *chunked.Request, reply *chunked.Reply) error {
			reply.Finished = !reply.Finished
			return nil
		}}
	},
	"length": func() chunked.Handler {
		var o struct {
			Field string `arg:"field,required" help:"the field to measure"`
		}
		return &chunked.StreamingCommand{
			Options: &o, Outputs: []string{"len", "parts"},
			Each: func(_ context.Context, rec *chunked.Record) error {
				rec.Set("len", strconv.Itoa(len(rec.Get(o.Field))))
				rec.SetValues("parts", strings.Fields(rec.Get(o.Field))...)
				return nil
			},
		}
	},
	"count": func() chunked.Handler {
		return &chunked.GeneratingCommand{
			Outputs: []string{"n"}, ChunkRows: 2,
			Generate: func(_ context.Context, rec *chunked.Record, yield func() bool) error {
				for i := range 5 {
					if rec.Set("n", strconv.Itoa(i)); !yield() {
						break
					}
				}
				return nil
			},
		}
	},
	"reverse": func() chunked.Handler {
		return &chunked.EventsCommand{
			Outputs: []string{"b"},
			Arrange: func(_ context.Context, recs []*chunked.Record) ([]*chunked.Record, error) {
				var out []*chunked.Record
				for i := len(recs) - 1; i >= 0; i-- {
					if recs[i].Get("b") == "" {
						recs[i].Set("b", "none")
					}
					out = append(out, recs[i])
				}
				return out, nil
			},
		}
	},
	"rows": func() chunked.Handler {
		n := 0
		return &chunked.ReportingCommand{
			Outputs: []string{"rows"},
			Each:    func(context.Context, *chunked.Record) error { n++; return nil },
			Report: func(_ context.Context, rec *chunked.Record, yield func() bool) error {
				rec.Set("rows", strconv.Itoa(n))
				yield()
				return nil
			},
		}
	},
}

func (v vector) replay(t *testing.T, name string, r io.Reader) {
	t.Helper()
	var out bytes.Buffer
	s := chunked.Server{Stderr: io.Discard, MaxBody: v.maxBody}
	err := s.Serve(context.Background(), r, &out, vectorHandlers[v.handler]())
	if !bytes.Equal(out.Bytes(), v.reply) {
		t.Fatalf("%s: replies\n%q\nwant\n%q", name, out.Bytes(), v.reply)
	}
	switch {
	case v.expect == "" && err != nil:
		t.Fatalf("%s: Serve returned %v", name, err)
	case v.expect != "" && (err == nil || !strings.Contains(err.Error(), v.expect)):
		t.Fatalf("%s: Serve returned %v, want an error with %q", name, err, v.expect)
	}
}

// pieces reads at most n bytes at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			v := readVector(t, file)
			if vectorHandlers[v.handler] == nil {
				t.Fatalf("no handler %q", v.handler)
			}
			whole := func() io.Reader { return bytes.NewReader(v.request) }
			v.replay(t, "whole", whole())
			v.replay(t, "bytes", iotest.OneByteReader(whole()))
			v.replay(t, "halves", iotest.HalfReader(whole()))
			v.replay(t, "end with data", iotest.DataErrReader(whole()))
			v.replay(t, "sevens", pieces{whole(), 7})
			v.replay(t, "64 KiB", pieces{whole(), 64 << 10})
			for i := 1; i < len(v.request); i++ {
				two := io.MultiReader(bytes.NewReader(v.request[:i]), bytes.NewReader(v.request[i:]))
				v.replay(t, fmt.Sprintf("split at %d", i), two)
			}
		})
	}
}
