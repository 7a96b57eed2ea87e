package filter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/sink"
)

// collector is a destination that keeps the objects it is sent. It breaks
// down after some batches, with the batch or without.
type collector struct {
	columns []string
	text    bool

	mu    sync.Mutex
	got   map[string]int
	left  int // batches until it breaks down
	loses bool
}

var errBroken = errors.New("the server broke down")

func (c *collector) Wants() sink.Forms {
	return sink.Forms{Object: !c.text, Text: c.text, Columns: c.columns}
}

func (c *collector) Encode(dst []byte, r *sink.Record) ([]byte, error) {
	if len(r.Object) == 0 {
		dst = append(dst, r.Text...)
	} else {
		dst = append(dst, r.Object...)
	}
	for _, v := range r.Columns {
		dst = append(append(dst, '|'), v...)
	}
	return dst, nil
}

func (c *collector) Deliver(_ context.Context, b *sink.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	if c.left < 0 && c.loses {
		return errBroken
	}
	b.Sent()
	for i := range b.Len() {
		c.got[string(b.Event(i))]++
	}
	if c.left < 0 {
		return errBroken // it has the events, but cannot say so
	}
	return nil
}

func sendAll(t testing.TB, to *sink.Sink, j *Journal, warn func(string), in ...string) error {
	_, err := Run(t.Context(), Options{Inputs: inputs(in...), Sink: to, Detect: true, Enricher: enricher(t), Journal: j, Warn: warn})
	return err
}

func TestSend(t *testing.T) {
	for _, tt := range []struct {
		name    string
		in      []string
		columns []string
		text    bool
		want    []string
		warning string
	}{
		{"csv", []string{"d,n\nevil.com,1\n\n\"foo.com\",\n"}, nil, false,
			[]string{`{"d":"evil.com","n":"1","tc_status":"found"}`, `{"d":"foo.com","tc_status":"not_found"}`}, ""},
		{"json lines", []string{"{\"d\":\"evil.com\",\"n\":1}\n\noops\n"}, nil, false,
			[]string{`{"d":"evil.com","n":1,"tc_status":"found"}`, "oops"}, "line 3 is no JSON object"},
		{"lines", []string{"d,n\nevil.com,1\n"}, nil, true, []string{"evil.com,1,found"}, ""},
		{"formats and columns that differ", []string{"d,n\nevil.com,1\n", `{"d":"foo.com"}`, "", "x,d\ny,\n"}, nil, false,
			[]string{`{"d":"evil.com","n":"1","tc_status":"found"}`, `{"d":"foo.com","tc_status":"not_found"}`, `{"x":"y","tc_status":""}`}, "in2: no records"},
		{"metadata", []string{"d,n\nevil.com,1\n"}, []string{"n", "host"}, false,
			[]string{`{"d":"evil.com","n":"1","tc_status":"found"}|1|`}, `no column "host"`},
		{"a header only", []string{"d,n\n"}, nil, false, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &collector{columns: tt.columns, text: tt.text, got: map[string]int{}, left: 100}
			var warnings []string
			if err := sendAll(t, sink.New(c, sink.Options{}), nil, func(w string) { warnings = append(warnings, w) }, tt.in...); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if c.got[want] != 1 {
					t.Errorf("%s is missing in %v", want, c.got)
				}
			}
			if len(c.got) != len(tt.want) {
				t.Errorf("%d events, want %d: %v", len(c.got), len(tt.want), c.got)
			}
			if all := strings.Join(warnings, "; "); (tt.warning == "") != (all == "") || !strings.Contains(all, tt.warning) {
				t.Errorf("warnings %q, want %q", all, tt.warning)
			}
		})
	}
}

// TestSendResume breaks runs off at random points and continues them: every
// record arrives, and none arrives twice that was not counted as sent again.
func TestSendResume(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	text := func(from, n int) string {
		var b strings.Builder
		b.WriteString("n,d,note\r\n")
		for i := range n {
			fmt.Fprintf(&b, "%d,evil%d.com,\"a \"\"note\"\"\nof two lines\"\r\n", from+i, i%20)
			if i%17 == 0 {
				b.WriteString("\r\n")
			}
		}
		return b.String()
	}
	var jsonl strings.Builder
	for i := range 200 {
		fmt.Fprintf(&jsonl, "{\"n\":\"%d\",\"d\":\"evil%d.com\"}\n\n", 500+i, i%7)
	}
	in := []string{text(0, 300), "", strings.TrimSuffix(text(300, 200), "\r\n"), jsonl.String()}
	const records = 700
	for range 12 {
		path := filepath.Join(t.TempDir(), "journal")
		c := &collector{got: map[string]int{}}
		o := sink.Options{Events: 1 + rng.IntN(60), InFlight: 1 + rng.IntN(4)}
		var resent int64
		for stops := 0; ; stops++ {
			j, err := OpenJournal(path, "x", []string{"in"}, "there", nil)
			if errors.Is(err, ErrComplete) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			c.left, c.loses = rng.IntN(10), rng.IntN(2) == 0
			if stops > 8 {
				c.left = 1 << 20
			}
			o.Note, o.Tried = j.Note, j.Tried()
			to := sink.New(c, o)
			if err := sendAll(t, to, j, func(string) {}, in...); err != nil && !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
			resent += to.Stats().Resent
			j.Close()
		}
		twice, seen := 0, map[string]bool{}
		for event, n := range c.got {
			var rec struct{ N string }
			if err := json.Unmarshal([]byte(event), &rec); err != nil {
				t.Fatalf("%q: %v", event, err)
			}
			seen[rec.N] = true
			twice += n - 1
		}
		if len(seen) != records || len(c.got) != records {
			t.Fatalf("%d of %d records arrived", len(seen), records)
		}
		if int64(twice) > resent {
			t.Errorf("%d events arrived again, %d were counted", twice, resent)
		}
	}
}

// An interrupted run waits for the server for a while, and no longer.
func TestSendInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	to := sink.New(stuck{began}, sink.Options{Events: 1})
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, Options{Inputs: inputs("d\nevil.com\n"), Sink: to, Grace: time.Millisecond, Detect: true, Enricher: enricher(t), Warn: func(string) {}})
		ended <- err
	}()
	<-began
	cancel()
	if err := <-ended; !errors.Is(err, ErrInterrupted) {
		t.Errorf("error %v", err)
	}
	if st := to.Stats(); st.Confirmed != 0 {
		t.Errorf("%+v", st)
	}
}

// stuck never confirms.
type stuck struct{ began chan struct{} }

func (stuck) Wants() sink.Forms { return sink.Forms{Object: true} }

func (stuck) Encode(dst []byte, r *sink.Record) ([]byte, error) { return append(dst, r.Object...), nil }

func (s stuck) Deliver(ctx context.Context, _ *sink.Batch) error {
	close(s.began)
	<-ctx.Done()
	return ctx.Err()
}
