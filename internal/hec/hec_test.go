package hec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/hec/hectest"
	"github.com/tclookup/tclookup/internal/sink"
)

// outcome is what came of a run.
type outcome struct {
	err      error
	stats    sink.Stats
	events   []hectest.Event
	warnings []string
	refused  []string // place and reason
	last     sink.Progress
	requests int
}

// deliver sends n records to a server, in batches of 5.
func deliver(t *testing.T, s *hectest.Server, n int, change func(*Config, *sink.Options)) outcome {
	t.Helper()
	s.Token = "3f1c0a2e-token"
	srv := httptest.NewServer(s)
	defer srv.Close()
	var out outcome
	var mu sync.Mutex
	c := Config{
		URL: srv.URL, Token: s.Token, Poll: time.Millisecond, Rand: func() float64 { return 0 },
		Warn: func(w string) { mu.Lock(); defer mu.Unlock(); out.warnings = append(out.warnings, w) },
	}
	o := sink.Options{
		Events: 5,
		Refused: func(r *sink.Refusal) error {
			out.refused = append(out.refused, fmt.Sprintf("%d: %s", r.At.Offset, r.Reason))
			return nil
		},
		Note: func(p sink.Progress) error { out.last = p; return nil },
	}
	if change != nil {
		change(&c, &o)
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	to := sink.New(h, o)
	for i := range n {
		r := &sink.Record{
			Object: fmt.Appendf(nil, `{"n":%d}`, i), Text: fmt.Appendf(nil, "n=%d", i), At: sink.Position{Offset: int64(i + 1)},
			Columns: make([]string, len(h.Wants().Columns)),
		}
		for c, name := range h.Wants().Columns {
			r.Columns[c] = fmt.Sprint(name, i%2)
		}
		if err := to.Add(t.Context(), r); err != nil {
			break
		}
	}
	out.err = to.Close(t.Context())
	out.stats, out.events = to.Stats(), s.Events()
	out.requests, _ = s.Requests()
	for _, p := range s.Problems() {
		t.Errorf("the server found: %s", p)
	}
	return out
}

// numbers returns which of n records arrived at least once, and how many
// arrived again.
func (o outcome) numbers(t *testing.T, n int) (missing []int, again int) {
	t.Helper()
	count := make([]int, n)
	for _, e := range o.events {
		var v struct{ N int }
		if err := json.Unmarshal(e.Event, &v); err != nil {
			t.Fatal(err)
		}
		count[v.N]++
	}
	for i, c := range count {
		if c == 0 {
			missing = append(missing, i)
		}
		again += max(0, c-1)
	}
	return missing, again
}

func on(numbers ...int) func(int) bool {
	return func(n int) bool { return slices.Contains(numbers, n) }
}

// Whatever goes wrong for a while, every event arrives, and no more arrive
// twice than are counted.
func TestFaultsThatPass(t *testing.T) {
	fault := func(when func(int) bool, f hectest.Fault) func(int, []hectest.Event) *hectest.Fault {
		return func(n int, _ []hectest.Event) *hectest.Fault {
			if !when(n) {
				return nil
			}
			return &f
		}
	}
	for _, tt := range []struct {
		name    string
		s       *hectest.Server
		change  func(*Config, *sink.Options)
		resent  int64 // exactly, -1 for at least as many as arrived again
		warning string
	}{
		{"nothing", &hectest.Server{Acks: true}, nil, 0, ""},
		{"no acknowledgement", &hectest.Server{}, nil, 0, "has no indexer acknowledgement"},
		{"acknowledged late", &hectest.Server{Acks: true, AckAfter: 3}, nil, 0, ""},
		{"not compressed", &hectest.Server{Acks: true}, func(c *Config, _ *sink.Options) { c.Plain = true }, 0, ""},
		{"busy", &hectest.Server{Acks: true, Fault: fault(on(0, 1, 2, 7), hectest.Fault{Status: 503, Body: `{"text":"Server is busy","code":9}`})}, nil, 0,
			"HTTP 503, code 9: the server is busy; trying again"},
		{"too many requests", &hectest.Server{Acks: true, Fault: fault(on(3), hectest.Fault{Status: 429, Body: "slow down"})}, nil, 0, `it says "slow down"`},
		{"queue full", &hectest.Server{Acks: true, Fault: fault(on(0), hectest.Fault{Status: 429, Body: `{"text":"HEC queue at capacity","code":26}`})}, nil, 0, "queue is full"},
		{"internal error, not taken", &hectest.Server{Acks: true, Fault: fault(on(3), hectest.Fault{Status: 500, Body: `{"text":"Internal server error","code":8}`})}, nil, 5, "internal error"},
		{"internal error, taken", &hectest.Server{Acks: true, Fault: fault(on(3), hectest.Fault{Status: 500, Take: true})}, nil, 5, "HTTP 500"},
		{"gateway", &hectest.Server{Acks: true, Fault: fault(on(0), hectest.Fault{Status: 502, Body: "<html>Bad gateway</html>"})}, nil, 5, "Bad gateway"},
		{"cut before", &hectest.Server{Acks: true, Fault: fault(on(3), hectest.Fault{})}, nil, 5, "trying again"},
		{"cut behind", &hectest.Server{Acks: true, Fault: fault(on(0, 4), hectest.Fault{Take: true})}, nil, 10, "trying again"},
		{"an acknowledgement never comes", &hectest.Server{Acks: true, Fault: fault(on(3), hectest.Fault{NoAck: true})},
			func(c *Config, _ *sink.Options) { c.AckWait = 300 * time.Millisecond }, -1, "are sent again, and may be there twice"},
		{"events are lost on the way to the index", &hectest.Server{Acks: true, Fault: fault(on(0, 5), hectest.Fault{NoAck: true, Lose: true})},
			func(c *Config, _ *sink.Options) { c.AckWait = 300 * time.Millisecond }, -1, "did not come"},
		{"questions fail", &hectest.Server{Acks: true, AckFault: func(n int) *hectest.Fault {
			switch n {
			case 0:
				return &hectest.Fault{}
			case 1:
				return &hectest.Fault{Status: 503, Body: `{"text":"x","code":19}`}
			case 2:
				return &hectest.Fault{Status: 200, Body: "{"}
			}
			return nil
		}}, nil, 0, "acknowledgement service is not available"},
		{"a load balancer with cookies", &hectest.Server{Acks: true, Sticky: "node-3"}, nil, 0, ""},
		{"too large for the server", &hectest.Server{Acks: true, MaxBody: 40}, nil, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.s
			const n = 48
			out := deliver(t, s, n, tt.change)
			if out.err != nil {
				t.Fatal(out.err)
			}
			missing, again := out.numbers(t, n)
			if len(missing) > 0 {
				t.Errorf("events %v are missing", missing)
			}
			if tt.resent >= 0 && out.stats.Resent != tt.resent || out.stats.Resent < int64(again) {
				t.Errorf("%d arrived again, %d were counted, want %d", again, out.stats.Resent, tt.resent)
			}
			if out.stats.Confirmed != n || out.stats.Sent != n || out.last.Confirmed.Offset != n {
				t.Errorf("%+v, %+v", out.stats, out.last)
			}
			if all := strings.Join(out.warnings, "; "); (tt.warning == "") != (all == "") || !strings.Contains(all, tt.warning) {
				t.Errorf("warnings %q, want %q", all, tt.warning)
			}
		})
	}
}

// What cannot pass ends the run with a text that says what to do, and the
// token is in none.
func TestFaultsThatEndTheRun(t *testing.T) {
	always := func(status int, body string) func(int, []hectest.Event) *hectest.Fault {
		return func(int, []hectest.Event) *hectest.Fault { return &hectest.Fault{Status: status, Body: body} }
	}
	for _, tt := range []struct {
		name   string
		s      *hectest.Server
		change func(*Config, *sink.Options)
		want   []string
		most   int // requests
	}{
		{"wrong token", &hectest.Server{}, func(c *Config, _ *sink.Options) { c.Token = "another-token" }, []string{"HTTP 403, code 4", "TCLOOKUP_HEC_TOKEN"}, 0},
		{"disabled token", &hectest.Server{Fault: always(403, `{"text":"Token disabled","code":1}`)}, nil, []string{"code 1", "enable it in Splunk"}, 1},
		{"a wrong index", &hectest.Server{Indexes: []string{"main"}}, func(c *Config, _ *sink.Options) { c.Index.Text = "typo" }, []string{"code 7", "check --hec-index"}, 1},
		{"no collector", &hectest.Server{Fault: always(404, "<html>Not here")}, nil, []string{"HTTP 404", "check --hec-url", "Not here"}, 1},
		{"a web page", &hectest.Server{Fault: always(200, "<html><title>Splunk</title>")}, nil, []string{"no HTTP Event Collector", "8088"}, 1},
		{"a bare 401", &hectest.Server{Fault: always(401, "")}, nil, []string{"HTTP 401", "check the token"}, 1},
		{"acknowledgement is required", &hectest.Server{}, func(c *Config, _ *sink.Options) { c.RequireAck = true }, []string{"gives no acknowledgement"}, 1},
		{"busy for ever", &hectest.Server{Fault: always(503, `{"text":"Server is busy","code":9}`)}, func(c *Config, _ *sink.Options) {
			c.RetryFor = time.Millisecond
			c.Rand = func() float64 { return 0.1 }
		},
			[]string{"code 9: the server is busy", "given up", "--resume"}, 1},
		{"Retry-After beyond the bound", &hectest.Server{Fault: func(int, []hectest.Event) *hectest.Fault {
			return &hectest.Fault{Status: 503, Header: map[string]string{"Retry-After": "3600"}}
		}}, nil, []string{"HTTP 503", "given up after 0s"}, 1},
		{"acknowledgements never come", &hectest.Server{Acks: true, AckAfter: 1 << 30}, func(c *Config, _ *sink.Options) { c.AckWait = time.Millisecond },
			[]string{"did not come within 1ms, 4 times", "sticky sessions"}, 100},
		{"everything is malformed", &hectest.Server{Fault: always(400, `{"text":"Invalid data format","code":6}`)}, nil, []string{"101 events in a row", "malformed"}, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.s
			out := deliver(t, s, 200, tt.change)
			if out.err == nil {
				t.Fatal("no error")
			}
			text := out.err.Error()
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not say %q", text, want)
				}
			}
			if strings.Contains(text, "token\"") || strings.Contains(text, s.Token) || strings.ContainsAny(text, "\n") {
				t.Errorf("%q", text)
			}
			if out.requests > tt.most {
				t.Errorf("%d requests, at most %d should be sent", out.requests, tt.most)
			}
			if out.stats.Confirmed > 0 && tt.name != "acknowledgements never come" {
				t.Errorf("%+v", out.stats)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		srv := httptest.NewServer(nil)
		srv.Close()
		h, err := New(Config{URL: srv.URL, Token: "3f1c0a2e-token", RetryFor: time.Millisecond, Rand: func() float64 { return 0.5 }})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		to := sink.New(h, sink.Options{})
		if err := to.Add(t.Context(), &sink.Record{Object: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		err = to.Close(t.Context())
		if err == nil || !strings.Contains(err.Error(), "--hec-url") {
			t.Errorf("%v", err)
		}
		if st := to.Stats(); st.Resent != 0 || st.Sent != 0 {
			t.Errorf("nothing was sent, the account is %+v", st)
		}
	})
}

// One event that the collector does not take is left out; all others arrive.
func TestSingleEventsRefused(t *testing.T) {
	for name, indexes := range map[string]*hectest.Server{
		"said which":     {Acks: true, Indexes: []string{"i0"}},
		"not said which": {Acks: true, Indexes: []string{"i0"}, Vague: true},
	} {
		t.Run(name, func(t *testing.T) {
			out := deliver(t, indexes, 20, func(c *Config, o *sink.Options) {
				c.Index = Meta{Column: "i"}
				o.InFlight = 1
			})
			if out.err != nil {
				t.Fatal(out.err)
			}
			if out.stats.Refused != 10 || out.stats.Confirmed != 10 || len(out.refused) != 10 || out.last.Refused != 10 {
				t.Errorf("%+v, %q", out.stats, out.refused)
			}
			slices.Sort(out.refused)
			if want := "10: the index does not exist, or the token may not write to it"; out.refused[0] != want {
				t.Errorf("told %q, want %q", out.refused[0], want)
			}
			count := map[string]int{}
			again := 0
			for _, e := range out.events {
				if e.Index != "i0" {
					t.Errorf("%+v was taken", e)
				}
				if count[string(e.Event)]++; count[string(e.Event)] > 1 {
					again++
				}
			}
			if len(count) != 10 || int64(again) > out.stats.Resent {
				t.Errorf("%d events, %d again, %d counted", len(count), again, out.stats.Resent)
			}
		})
	}
}

// An event that is larger than the collector takes is left out, whether that
// is known before or only then.
func TestTooLargeEvent(t *testing.T) {
	one := len(`{"event":{"n":1}}`)
	for name, tt := range map[string]struct {
		s      *hectest.Server
		bound  int
		reason string
	}{
		"the server's bound": {&hectest.Server{Acks: true, MaxBody: one}, 0, "larger than the collector takes"},
		"ours":               {&hectest.Server{Acks: true}, one, "has 18 bytes, more than the bound of 17"},
	} {
		t.Run(name, func(t *testing.T) {
			out := deliver(t, tt.s, 12, func(_ *Config, o *sink.Options) { o.MaxEvent = tt.bound })
			if out.err != nil {
				t.Fatal(out.err)
			}
			if out.stats.Refused != 2 || out.stats.Confirmed != 10 || !strings.Contains(strings.Join(out.refused, ";"), tt.reason) {
				t.Errorf("%+v %q", out.stats, out.refused)
			}
		})
	}
}

// A run that is given up returns at once, whatever it waits for.
func TestCancel(t *testing.T) {
	for name, s := range map[string]*hectest.Server{
		"waiting for an acknowledgement": {Token: "t0ken", Acks: true, AckAfter: 1 << 30},
		"waiting to try again": {Token: "t0ken", Fault: func(int, []hectest.Event) *hectest.Fault {
			return &hectest.Fault{Status: 503, Header: map[string]string{"Retry-After": "60"}, Body: `{"code":9}`}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(s)
			defer srv.Close()
			h, err := New(Config{URL: srv.URL, Token: "t0ken"})
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			to := sink.New(h, sink.Options{})
			if err := to.Add(t.Context(), &sink.Record{Object: []byte(`{"n":1}`)}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- to.Close(ctx) }()
			for n := 0; n == 0; n, _ = s.Requests() {
				time.Sleep(time.Millisecond)
			}
			gone := errors.New("gone")
			cancel(gone)
			if err := <-ended; !errors.Is(err, gone) {
				t.Errorf("%v", err)
			}
		})
	}
}
