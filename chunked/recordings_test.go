package chunked_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/chunked"
)

// shared returns a file of the folder that stands beside the project.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not beside the project", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			b, err = io.ReadAll(z)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// part is a frame of a stream that is known to be whole.
type part struct{ meta, body []byte }

// parts takes a stream apart, in another way than the package does.
func parts(t *testing.T, in []byte) (out []part) {
	t.Helper()
	for len(in) > 0 {
		header, rest, _ := bytes.Cut(in, []byte("\n"))
		var m, b int
		if _, err := fmt.Sscanf(string(header), "chunked 1.0,%d,%d", &m, &b); err != nil || m+b > len(rest) {
			t.Fatalf("frame %d: %q, %v", len(out), header, err)
		}
		out = append(out, part{rest[:m], rest[m : m+b]})
		in = rest[m+b:]
	}
	return out
}

// lines splits a body into records, by counting quotes.
func lines(body []byte) (out [][]byte) {
	start, quoted := 0, false
	for i, c := range body {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n' && !quoted:
			out = append(out, body[start:i])
			start = i + 1
		}
	}
	return out
}

func TestRecordingsStayTheSame(t *testing.T) {
	for name, requests := range map[string]int{
		"chunked-recordings/sum-map.6.3.input.gz":             1,
		"chunked-recordings/harvest-multibyte.8.0.3.input.gz": 9,
		"chunked-recordings/countmatches.6.3.input":           1,
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			in := shared(t, name)
			rows := 0
			command := &chunked.StreamingCommand{
				Setup:   func(context.Context, *chunked.Info) error { return nil },
				Outputs: []string{"n", "twice"},
				Each: func(_ context.Context, rec *chunked.Record) error {
					if rec.Set("n", strconv.Itoa(rows)); rows%7 == 0 {
						rec.SetValues("twice", "a$", "b")
					}
					rows++
					return nil
				},
			}
			var out bytes.Buffer
			if err := chunked.Serve(t.Context(), bytes.NewReader(in), &out, command); err != nil {
				t.Fatal(err)
			}
			requested, replied := parts(t, in)[1:], parts(t, out.Bytes())[1:]
			if len(requested) != requests || len(replied) != requests {
				t.Fatalf("%d requests, %d replies", len(requested), len(replied))
			}
			n := 0
			for i, r := range replied {
				if got, want := string(r.meta), `{"finished":`+strconv.FormatBool(i == requests-1)+`}`; got != want {
					t.Errorf("reply %d: metadata %s", i, got)
				}
				from, to := lines(requested[i].body), lines(r.body)
				if len(from) != len(to) || len(from) < 2 {
					t.Fatalf("reply %d: %d records became %d", i, len(from), len(to))
				}
				for j := range from {
					want := string(from[j]) + ",n,twice,__mv_n,__mv_twice"
					if j > 0 {
						if want = fmt.Sprintf("%s,%d,,,", from[j], n); n%7 == 0 {
							want = fmt.Sprintf("%s,%d,\"a$\nb\",,$a$$$;$b$", from[j], n)
						}
						n++
					}
					if string(to[j]) != want {
						t.Fatalf("reply %d, record %d: got %.300q\nwant %.300q", i, j, to[j], want)
					}
				}
			}
			if n != rows {
				t.Errorf("%d rows in the replies, %d seen", n, rows)
			}
		})
	}
}

// The second frame of this recording was made by hand and is cut off.
func TestRecordedGetinfo(t *testing.T) {
	in := shared(t, "chunked-recordings/generatehello.6.3.input")
	var info *chunked.Info
	h := handler{getinfo: func(i *chunked.Info) (*chunked.Config, error) { info = i; return nil, nil }}
	err := chunked.Serve(t.Context(), bytes.NewReader(in), io.Discard, h)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if info == nil || info.SplunkVersion != "20150522" || len(info.Args) != 1 || info.Args[0] != "count=1000" ||
		info.SessionKey.IsZero() || !strings.HasPrefix(info.SearchText(), "generatehello  count=1000 ") {
		t.Errorf("got %+v", info)
	}
}

// This reply was damaged by a text mode, which added a CR to each line: its
// first header is readable, but the lengths do not fit.
func TestDamagedRecording(t *testing.T) {
	in := shared(t, "chunked-recordings/generatehello.6.3.sdk-reply")
	err := chunked.Serve(t.Context(), bytes.NewReader(in), io.Discard, handler{})
	if err == nil {
		t.Error("a damaged stream is taken for a good one")
	}
}

// exampleCommand gives the answers of the worked examples.
func exampleCommand() chunked.Handler {
	var o struct {
		Field string `arg:"field,required"`
		Out   string `arg:"out"`
	}
	c := &chunked.StreamingCommand{Options: &o, Outputs: []string{"tc_votes", "tc_last"}}
	events, lookups := 0, 0
	c.Setup = func(context.Context, *chunked.Info) error {
		if o.Out == "tc list" {
			c.Config = chunked.Config{Type: chunked.TypeStateful, RequiredFields: []string{o.Field}}
			c.Outputs = []string{"tc_ips", "tc_note"}
		}
		return nil
	}
	c.Each = func(_ context.Context, rec *chunked.Record) error {
		switch events++; strings.Join(rec.Values(o.Field), "|") {
		case "evil.example":
			rec.Set("tc_votes", "-1")
			rec.Set("tc_last", "2020-02-11")
		case "bücher.example":
			rec.Set("tc_votes", "0")
		}
		return nil
	}
	each := c.Each
	c.Each = func(ctx context.Context, rec *chunked.Record) error {
		if o.Out == "" {
			return each(ctx, rec)
		}
		switch events++; strings.Join(rec.Values(o.Field), "|") {
		case "evil.example":
			rec.SetValues("tc_ips", "198.51.100.7", "203.0.113.9")
			rec.Set("tc_note", "seen before")
			lookups++
		case "a.example|b$c.example":
			rec.SetValues("tc_ips", "203.0.113.9")
			rec.SetValues("tc_note", "cost: $5; ", "second line")
			lookups++
		case "":
			rec.Inspector().Warn("1 event has no value in field %q", o.Field)
		}
		return nil
	}
	c.Done = func(_ context.Context, insp *chunked.Inspector) error {
		if o.Out != "" {
			insp.Info("%d events, %d lookups", events, lookups)
			insp.Metric("tclookup.lookups", 12e6, int64(lookups), int64(events), int64(events))
		}
		return nil
	}
	return c
}

func TestWorkedExamples(t *testing.T) {
	for _, name := range []string{"1-streaming-all-fields", "2-selected-fields-multivalue", "3-refused-in-getinfo"} {
		t.Run(name, func(t *testing.T) {
			in, want := shared(t, "chunked-examples/"+name+".request"), shared(t, "chunked-examples/"+name+".reply")
			var out bytes.Buffer
			err := chunked.Serve(t.Context(), bytes.NewReader(in), &out, exampleCommand())
			if refused := strings.HasPrefix(name, "3"); (err != nil) != refused {
				t.Errorf("Serve returned %v", err)
			}
			got, wanted := parts(t, out.Bytes()), parts(t, want)
			if len(got) != len(wanted) {
				t.Fatalf("%d replies, want %d", len(got), len(wanted))
			}
			for i := range got {
				if !bytes.Equal(got[i].meta, wanted[i].meta) {
					t.Errorf("reply %d: metadata\n%s, want\n%s", i, got[i].meta, wanted[i].meta)
				}
				if g, w := table(t, got[i].body), table(t, wanted[i].body); g != w {
					t.Errorf("reply %d: got\n%s\nwant\n%s", i, g, w)
				}
			}
		})
	}
}

// table is the rows of a body as JSON objects without empty cells: the order
// of the columns and the quotes are the command's choice.
func table(t *testing.T, body []byte) string {
	t.Helper()
	var names []string
	var out strings.Builder
	for n, line := range lines(body) {
		row := map[string]string{}
		for i, cell := range cells(line) {
			if n == 0 {
				names = append(names, cell)
			} else if cell != "" {
				row[names[i]] = cell
			}
		}
		if n > 0 {
			b, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%s\n", b)
		}
	}
	return out.String()
}

func cells(line []byte) (out []string) {
	cell, quoted := []byte(nil), false
	for i, c := range line {
		switch {
		case c == '"':
			if quoted = !quoted; quoted && i > 0 && line[i-1] == '"' {
				cell = append(cell, '"')
			}
		case c == ',' && !quoted:
			out, cell = append(out, string(cell)), nil
		default:
			cell = append(cell, c)
		}
	}
	return append(out, string(cell))
}
