package results

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestParse(t *testing.T) {
	p, err := Parse([]byte(`{"preview":false,"fields":[{"name":"a"},"b"],"results":[ {"a": "1", "big": 12345678901234567890},{"b":["x","y"]} ],"messages":[]}`))
	if err != nil || fmt.Sprint(p.Fields) != "[a b]" || len(p.Rows) != 2 || string(p.Rows[0]) != `{"a":"1","big":12345678901234567890}` {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{``, `[]`, `{"results":[1]}`, `{"fields":[{}],"results":[]}`, `{"results":[{]}`, `{"fields":[3]}`} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// pager answers from rows, no more than most at a time.
func pager(fields []string, rows []string, most int) func(context.Context, int64, int) (*Page, error) {
	return func(_ context.Context, offset int64, count int) (*Page, error) {
		p := &Page{Fields: fields}
		for i := int(offset); i < min(len(rows), int(offset)+min(count, most)); i++ {
			p.Rows = append(p.Rows, json.RawMessage(rows[i]))
		}
		return p, nil
	}
}

// Whatever the sizes of pages, the text is the same, and has every row once.
func TestPages(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		var rows []string
		for i := range rng.IntN(60) {
			rows = append(rows, fmt.Sprintf(`{"n":"%d","d":"a,\"%d"}`, i, i))
		}
		total := int64(len(rows))
		if rng.IntN(2) == 0 {
			total = -1
		}
		for _, isCSV := range []bool{false, true} {
			r := NewReader(t.Context(), Options{
				Fetch: pager([]string{"d", "n"}, rows, 1+rng.IntN(20)), Total: total, PageRows: 1 + rng.IntN(30), CSV: isCSV,
			})
			text, err := io.ReadAll(iotest.OneByteReader(r))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Join(append(slices.Clone(rows), ""), "\n")
			if isCSV {
				want = "d,n\n"
				for i := range rows {
					want += fmt.Sprintf("\"a,\"\"%d\",%d\n", i, i)
				}
				if len(rows) == 0 && total == 0 {
					want = ""
				}
			}
			if string(text) != want {
				t.Fatalf("%q, want %q", text, want)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCSV(t *testing.T) {
	fields := []string{"d", "l", "x"}
	for _, tt := range []struct{ row, want, err string }{
		{`{"d":"a","l":["1","2"],"x":3.50}`, "a,1;2,3.50\n", ""},
		{`{"x":null,"l":[],"d":["a"]}`, "a,,\n", ""},
		{`{"d":"a\nb","x":true,"l":{"k":1}}`, "\"a\nb\",\"{\"\"k\"\":1}\",true\n", ""},
		{`{"d":["a","b"]}`, "", `result 1 has 2 values in field "d"`},
		{`{"new":"a"}`, "", `result 1 has a field "new"`},
	} {
		r := NewReader(t.Context(), Options{Fetch: pager(fields, []string{tt.row}, 1), Total: 1, CSV: true, Separator: ";", Single: []string{"d"}})
		text, err := io.ReadAll(r)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v", tt.row, err)
			}
			continue
		}
		if err != nil || string(text) != "d,l,x\n"+tt.want {
			t.Errorf("%s: %q, %v", tt.row, text, err)
		}
	}
	// Without names of fields, those of the first result count.
	r := NewReader(t.Context(), Options{Fetch: pager(nil, []string{`{"z":"1","a":"2"}`}, 1), Total: 1, CSV: true})
	if text, err := io.ReadAll(r); err != nil || string(text) != "z,a\n1,2\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// A server that gives less or more than it said is not believed.
func TestCount(t *testing.T) {
	r := NewReader(t.Context(), Options{Fetch: pager(nil, []string{`{}`}, 5), Total: 3})
	if _, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "has 3 results, but the server gives only 1") {
		t.Error(err)
	}
	r = NewReader(t.Context(), Options{Total: -1, PageRows: 1, Fetch: func(context.Context, int64, int) (*Page, error) {
		return &Page{Rows: make([]json.RawMessage, 2)}, nil
	}})
	if _, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "2 results where 1 were asked for") {
		t.Error(err)
	}
}

// A fault comes behind the rows before it, and stays.
func TestFault(t *testing.T) {
	broken := errors.New("broken")
	next := pager(nil, []string{`{"a":1}`, `{"a":2}`}, 1)
	r := NewReader(t.Context(), Options{Total: -1, Fetch: func(ctx context.Context, at int64, n int) (*Page, error) {
		if at == 1 {
			return nil, broken
		}
		return next(ctx, at, n)
	}})
	text, err := io.ReadAll(r)
	if string(text) != "{\"a\":1}\n" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReader(t.Context(), Options{Total: -1, Fetch: func(ctx context.Context, _ int64, _ int) (*Page, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		go func() {
			time.Sleep(time.Second)
			_ = r.Close()
		}()
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// jobs says that a job runs for a while.
type jobs struct {
	Jobs
	polls int
}

func (j *jobs) State(context.Context, string) (*State, error) {
	j.polls--
	return &State{Done: j.polls < 0, Total: 7}, nil
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told, start := 0, time.Now()
		s, err := Wait(t.Context(), &jobs{polls: 30}, "1", func(*State) { told++ })
		if err != nil || s.Total != 7 || told != 31 {
			t.Errorf("%+v, %v, told %d times", s, err, told)
		}
		if took := time.Since(start); took > 30*lastPause || took < 10*lastPause {
			t.Errorf("31 questions in %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		if _, err := Wait(ctx, &jobs{polls: 1e6}, "1", func(*State) {}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// FuzzPage: whatever a server answers, the rows are JSON on a line each, and
// the table is one.
func FuzzPage(f *testing.F) {
	f.Add([]byte(`{"fields":[{"name":"a"},{"name":"b"}],"results":[{"a":"1\n"},{"b":["x","y"],"a":null}]}`))
	f.Add([]byte(`{"results":[{"a":{"b":[1,{}]}},{"a":"2"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Parse(body)
		if err != nil {
			return
		}
		read := func(isCSV bool) (string, error) {
			text, err := io.ReadAll(NewReader(t.Context(), Options{Total: int64(len(p.Rows)), PageRows: 1 << 20, CSV: isCSV,
				Fetch: func(context.Context, int64, int) (*Page, error) { return p, nil }}))
			return string(text), err
		}
		text, err := read(false)
		if err != nil || strings.Count(text, "\n") != len(p.Rows) {
			t.Fatalf("%q, %v", text, err)
		}
		for line := range strings.Lines(text) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("%q", line)
			}
		}
		if table, err := read(true); err == nil && len(p.Rows) > 0 && len(p.Fields) > 0 {
			all, err := csv.NewReader(strings.NewReader(table)).ReadAll()
			if err != nil || len(all) != len(p.Rows)+1 {
				t.Fatalf("%d records of %d rows in %q: %v", len(all), len(p.Rows), table, err)
			}
		}
	})
}
