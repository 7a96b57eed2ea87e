package input

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/internal/splunkd"
	"github.com/tclookup/tclookup/internal/splunkd/splunkdtest"
)

// clock is moved by hand.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(c.at.Load(), 0) }
func (c *clock) forward(d time.Duration) { c.at.Add(int64(d / time.Second)) }

// member returns the lease as a member of the cluster has it.
func member(t *testing.T, s *splunkdtest.Server, c *clock, host string) *lease {
	t.Helper()
	client, err := splunkd.New(splunkd.Config{URI: s.URL, Token: chunked.NewSecret("system")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	l := newLease(client, "tclookup://queue", host)
	l.now, l.renew = c.now, time.Millisecond
	return l
}

func newCluster(t *testing.T) (*splunkdtest.Server, *clock) {
	s := splunkdtest.New(t)
	s.Collections[leases] = nil
	s.Users["system"] = splunkdtest.User{Name: "splunk-system-user"}
	c := &clock{}
	c.forward(1_700_000_000 * time.Second)
	return s, c
}

func TestLease(t *testing.T) {
	s, c := newCluster(t)
	a, b := member(t, s, c, "a"), member(t, s, c, "b")
	first, err := a.take(t.Context())
	if err != nil || first == nil {
		t.Fatalf("%v, %v", first, err)
	}
	if other, err := b.take(t.Context()); other != nil || err != nil {
		t.Fatalf("both have the turn: %v", err)
	}
	first.end()
	second, err := b.take(t.Context())
	if err != nil || second == nil {
		t.Fatalf("%v, %v", second, err)
	}
	second.end()
	if n := len(s.Documents(leases)); n != 0 {
		t.Errorf("%d turns are left", n)
	}
}

// A turn is renewed as long as it lasts, and nobody takes it.
func TestLeaseRenewed(t *testing.T) {
	s, c := newCluster(t)
	a, b := member(t, s, c, "a"), member(t, s, c, "b")
	turn, err := a.take(t.Context())
	if err != nil || turn == nil {
		t.Fatal(err)
	}
	defer turn.end()
	for range 5 {
		c.forward(leaseLife / 2)
		for until := c.now().Add(leaseLife).Unix(); s.Documents(leases)["tclookup://queue"]["until"] != float64(until); {
			if turn.ctx.Err() != nil {
				t.Fatal("the turn was lost")
			}
			time.Sleep(time.Millisecond)
		}
		if other, err := b.take(t.Context()); other != nil || err != nil {
			t.Fatalf("both have the turn: %v", err)
		}
	}
}

// The turn of a member that is gone is free when its time and the grace are
// over; one that only slept learns that it has lost its turn.
func TestLeaseOfOneThatIsGone(t *testing.T) {
	s, c := newCluster(t)
	a, b := member(t, s, c, "a"), member(t, s, c, "b")
	a.renew = time.Hour
	gone, err := a.take(t.Context())
	if err != nil || gone == nil {
		t.Fatal(err)
	}
	c.forward(leaseLife + leaseGrace - time.Second)
	if other, err := b.take(t.Context()); other != nil || err != nil {
		t.Fatalf("taken too early: %v", err)
	}
	c.forward(time.Second)
	next, err := b.take(t.Context())
	if err != nil || next == nil {
		t.Fatalf("%v, %v", next, err)
	}
	awake := *a
	awake.renew = time.Millisecond
	(&turn{lease: &awake, ctx: gone.ctx, cancel: gone.cancel, done: make(chan struct{})}).keep()
	<-gone.ctx.Done()
	gone.end() // does not take it from b
	if d := s.Documents(leases)["tclookup://queue"]; d == nil || !strings.HasPrefix(d["holder"].(string), "b/") {
		t.Errorf("%v", d)
	}
	next.end()
}

// Whoever asks at the same time: one has the turn.
func TestLeaseOfMany(t *testing.T) {
	s, c := newCluster(t)
	for round := range 20 {
		if round%2 == 1 { // the turn of one that is gone lies there
			gone := member(t, s, c, "gone")
			gone.renew = time.Hour
			if turn, err := gone.take(t.Context()); turn == nil || err != nil {
				t.Fatal(err)
			}
			c.forward(leaseLife + leaseGrace)
		}
		var wg sync.WaitGroup
		var have atomic.Int32
		turns := make([]*turn, 8)
		for i := range turns {
			m := member(t, s, c, string(rune('a'+i)))
			wg.Go(func() {
				turn, err := m.take(t.Context())
				if err != nil {
					t.Error(err)
				}
				if turn != nil {
					have.Add(1)
				}
				turns[i] = turn
			})
		}
		wg.Wait()
		if n := have.Load(); n > 1 || n == 0 && round%2 == 0 {
			t.Fatalf("%d have the turn", n)
		}
		for _, turn := range turns {
			if turn != nil {
				turn.end()
			}
		}
		s.Drop(leases, "tclookup://queue")
	}
}

func TestLeaseFaults(t *testing.T) {
	s, c := newCluster(t)
	var down atomic.Bool
	s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return down.Load()
	}
	a := member(t, s, c, "a")
	turn, err := a.take(t.Context())
	if err != nil || turn == nil {
		t.Fatal(err)
	}
	b := member(t, s, c, "b")
	down.Store(true)
	if _, err := b.take(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot take turns (collection tclookup_leases)") {
		t.Error(err)
	}
	if turn.ctx.Err() != nil {
		t.Error("a KV store that is away for a moment costs the turn")
	}
	c.forward(leaseLife)
	select {
	case <-turn.ctx.Done():
	case <-time.After(30 * time.Second):
		t.Error("the turn is kept although it cannot be renewed")
	}
	turn.end()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.take(ctx); err == nil {
		t.Error("no error")
	}
}
