package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/internal/accept"
)

// recording reads the frames of a recording of splunkd.
func recording(t testing.TB, name string) (metas, bodies [][]byte) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "chunked-recordings", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the recordings of splunkd are not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := io.Reader(f)
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	for r := bufio.NewReader(in); ; {
		head, err := r.ReadString('\n')
		if head == "" && errors.Is(err, io.EOF) {
			return metas, bodies
		}
		var m, b int
		if _, err := fmt.Sscanf(head, "chunked 1.0,%d,%d", &m, &b); err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		frame := make([]byte, m+b)
		if _, err := io.ReadFull(r, frame); err != nil {
			t.Fatal(err)
		}
		metas, bodies = append(metas, frame[:m]), append(bodies, frame[m:])
	}
}

// records splits CSV at the ends of lines that are outside quotes.
func records(body []byte) [][]byte {
	var out [][]byte
	quoted := false
	start := 0
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

// What splunkd really sent comes back to the byte, in order, with the added
// cells behind each row.
func TestSearchRecordings(t *testing.T) {
	if testing.Short() {
		t.Skip("sends tens of MB")
	}
	s := accept.NewServer(t, nil)
	for _, tt := range []struct {
		file, field string
		rows        int
	}{
		{"countmatches.6.3.input", "text", 500},
		{"sum-map.6.3.input.gz", "host", 50_000},
		{"harvest-multibyte.8.0.3.input.gz", "teststring", 40_682},
	} {
		t.Run(tt.file, func(t *testing.T) {
			metas, bodies := recording(t, tt.file)
			c, err := dial(t, asking(t, s))()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Getinfo(chunkedtest.Info{Metadata: withArgs(t, metas[0], tt.field, "output=status,error,hashes", "all_fields=true")}); err != nil {
				t.Fatal(err)
			}
			rows := 0
			for i, body := range bodies[1:] {
				var exec struct{ Finished bool }
				if err := json.Unmarshal(metas[i+1], &exec); err != nil {
					t.Fatal(err)
				}
				r, err := c.Execute(body, exec.Finished)
				if err != nil {
					t.Fatal(err)
				}
				before, after := records(body), records(r.Body)
				if len(before) != len(after) {
					t.Fatalf("request %d: %d records became %d", i+1, len(before), len(after))
				}
				for n := range before {
					if rest, ok := bytes.CutPrefix(after[n], before[n]); !ok || len(rest) == 0 || rest[0] != ',' {
						t.Fatalf("request %d, record %d: %.300q became %.300q", i+1, n, before[n], after[n])
					}
				}
				rows += len(before) - 1
			}
			if rows != tt.rows {
				t.Errorf("%d rows, should be %d", rows, tt.rows)
			}
			start := time.Now()
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v to end", took)
			}
		})
	}
}

// withArgs puts arguments into recorded metadata.
func withArgs(t testing.TB, meta []byte, args ...string) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(meta, &all); err != nil {
		t.Fatal(err)
	}
	info, ok := all["searchinfo"].(map[string]any)
	if !ok {
		t.Fatalf("no searchinfo in %s", meta)
	}
	info["args"], info["raw_args"] = args, args
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
