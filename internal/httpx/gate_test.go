package httpx

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
)

// fakeGate gives tickets until it has none left, and keeps what came of them.
type fakeGate struct {
	deny error // for every ticket after left
	left int

	mu       sync.Mutex
	taken    int
	outcomes []limit.Outcome
}

func newGate() *fakeGate { return &fakeGate{left: 1 << 30} }

func (g *fakeGate) Take(ctx context.Context) (limit.Ticket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken >= g.left {
		return nil, g.deny
	}
	g.taken++
	return &fakeTicket{gate: g}, nil
}

func (g *fakeGate) Status(context.Context) (limit.Status, error) { return limit.Status{}, nil }

type fakeTicket struct {
	gate *fakeGate
	done bool
}

func (t *fakeTicket) Done(o limit.Outcome) {
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	if t.done {
		panic("ticket given back twice")
	}
	t.done = true
	t.gate.outcomes = append(t.gate.outcomes, o)
}

// check fails unless all tickets were given back, with these verdicts.
func (g *fakeGate) check(t *testing.T, want ...limit.Verdict) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken != len(g.outcomes) {
		t.Errorf("%d tickets taken, %d given back", g.taken, len(g.outcomes))
	}
	var got []limit.Verdict
	for _, o := range g.outcomes {
		got = append(got, o.Verdict)
	}
	if len(got) != len(want) {
		t.Fatalf("verdicts %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("verdicts %v, want %v", got, want)
		}
	}
}

// sleeper counts the waits for retries and sleeps none of them.
type sleeper struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (s *sleeper) wait(_ <-chan struct{}, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = append(s.waits, d)
}

// client returns a client for base whose waits are not slept.
func client(t *testing.T, base string, gate limit.Gate, change func(*Config)) (*Client, *sleeper) {
	t.Helper()
	s := new(sleeper)
	cfg := Config{
		Name: "intel", BaseURL: base, Gate: gate, Proxy: "none",
		Rand: func() float64 { return 0.5 }, Wait: s.wait,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, s
}
