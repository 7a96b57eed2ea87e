package lookupcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// upstream is a source that counts what it is asked.
type upstream struct {
	mu      sync.Mutex
	asked   map[string]int
	takes   time.Duration // for one answer
	answers map[string]source.Result
	deny    int // after so many answers the budget is spent; 0: never
	open    int
	most    int
}

func newUpstream() *upstream {
	return &upstream{asked: map[string]int{}, answers: map[string]source.Result{}}
}

func (u *upstream) Name() string             { return "up" }
func (u *upstream) Types() indicator.TypeSet { return indicator.Types(indicator.Domain) }
func (u *upstream) Decode(indicator.Indicator, []byte) (*source.Report, error) {
	return &source.Report{}, nil
}

func (u *upstream) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	for i, ind := range in {
		u.mu.Lock()
		denied := u.deny > 0 && len(u.asked) >= u.deny
		if !denied {
			u.asked[ind.Value]++
			u.open++
			u.most = max(u.most, u.open)
		}
		u.mu.Unlock()
		if denied {
			done(i, source.Result{Status: source.Limited, Source: "up", Err: &limit.Denied{Reason: limit.Budget, Retry: time.Hour}})
			continue
		}
		if u.takes > 0 {
			time.Sleep(u.takes)
		}
		u.mu.Lock()
		u.open--
		r, ok := u.answers[ind.Value]
		u.mu.Unlock()
		if !ok {
			r = source.Result{Status: source.NotFound}
			if strings.HasPrefix(ind.Value, "evil") {
				r = source.Result{Status: source.Found, Summary: source.Summary{Verdict: source.Malicious}, Raw: []byte("report of " + ind.Value)}
			}
		}
		r.Source, r.Origin, r.Fetched = "up", source.Live, time.Now()
		done(i, r)
	}
}

func (u *upstream) count(v string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked[v]
}

// shared is a tier that several caches share, as processes share a disk.
type shared struct {
	mu     sync.Mutex
	store  map[Key]Entry
	leases map[Key]lease
}

type lease struct {
	holder *handle
	until  time.Time
}

// handle is one process's view of it.
type handle struct{ *shared }

func newShared() *shared { return &shared{store: map[Key]Entry{}, leases: map[Key]lease{}} }

func (h *handle) Name() string { return "disk" }
func (h *handle) Close() error { return nil }
func (h *handle) Get(_ context.Context, keys []Key, raw bool, out []Entry) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, k := range keys {
		out[i] = h.store[k]
		if !raw {
			out[i].Raw = nil
		}
	}
	return nil
}

func (h *handle) Put(_ context.Context, keys []Key, entries []Entry) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, k := range keys {
		h.store[k] = entries[i]
		delete(h.leases, k)
	}
	return nil
}

func (h *handle) Claim(_ context.Context, keys []Key, since time.Time, ttl time.Duration, claims []Claim, out []Entry) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for i, k := range keys {
		e := h.store[k]
		l, held := h.leases[k]
		switch {
		case e.OK() && now.Before(e.Expires) && !e.Fetched.Before(since):
			claims[i], out[i] = Answered, e
		case held && l.holder != h && now.Before(l.until):
			claims[i] = Busy
		default:
			claims[i] = Mine
			h.leases[k] = lease{h, now.Add(ttl)}
		}
	}
	return nil
}

func (h *handle) Release(_ context.Context, keys []Key) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range keys {
		if h.leases[k].holder == h {
			delete(h.leases, k)
		}
	}
	return nil
}

var policy = Policy{
	Scope: "up@test", StaleFor: time.Hour,
	TTL: func(_ indicator.Indicator, s source.Status, _ source.Verdict) time.Duration {
		if s == source.Found {
			return 10 * time.Minute
		}
		return time.Minute
	},
}

func domains(names ...string) []indicator.Indicator {
	var in []indicator.Indicator
	for _, n := range names {
		in = append(in, indicator.Indicator{Type: indicator.Domain, Value: n})
	}
	return in
}

// ask returns the answers as text: status and origin.
func ask(ctx context.Context, c *Cache, in []indicator.Indicator) []string {
	out := make([]string, len(in))
	names := map[source.Status]string{source.Unasked: "unasked", source.Found: "found", source.NotFound: "not found",
		source.Unsupported: "unsupported", source.Limited: "limited", source.Failed: "failed"}
	c.Lookup(ctx, in, func(i int, r source.Result) {
		if out[i] != "" {
			out[i] += "!"
		}
		out[i] += names[r.Status]
		if r.Origin != "" {
			out[i] += "/" + string(r.Origin)
		}
	})
	return out
}

func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, disk := newUpstream(), newShared()
		in := domains("evil.com", "none.com")
		c := New(u, policy, NewMemory(10, 0), &handle{disk})
		check(t, ask(t.Context(), c, in), "found/live", "not found/live")
		check(t, ask(t.Context(), c, in), "found/memory", "not found/memory")
		// Another process finds them on disk, and there again.
		once := New(u, policy, NewMemory(10, 0), &handle{disk})
		check(t, ask(t.Context(), once, in), "found/disk", "not found/disk")
		check(t, ask(t.Context(), once, in), "found/disk", "not found/disk")
		// One that lives long finds them on disk, and then in its own memory.
		long := policy
		long.Promote = true
		d := New(u, long, NewMemory(10, 0), &handle{disk})
		check(t, ask(t.Context(), d, in), "found/disk", "not found/disk")
		check(t, ask(t.Context(), d, in), "found/memory", "not found/memory")
		// A not-found goes by its own clock.
		time.Sleep(2 * time.Minute)
		check(t, ask(t.Context(), d, in), "found/memory", "not found/live")
		if u.count("evil.com") != 1 || u.count("none.com") != 2 {
			t.Errorf("asked %v", u.asked)
		}
		// A type that the source does not answer is not asked.
		check(t, ask(t.Context(), d, []indicator.Indicator{{Type: indicator.IP, Value: "1.2.3.4"}}), "unsupported")
	})
}

func TestReportsOnDemand(t *testing.T) {
	u, disk := newUpstream(), newShared()
	in := domains("evil.com")
	ask(t.Context(), New(u, policy, &handle{disk}), in)
	mem := NewMemory(10, 0)
	check(t, ask(t.Context(), New(u, policy, mem, &handle{disk}), in), "found/disk") // summary only
	p := policy
	p.Reports = true
	var raw string
	New(u, p, mem, &handle{disk}).Lookup(t.Context(), in, func(_ int, r source.Result) { raw = string(r.Raw) })
	if raw != "report of evil.com" || u.count("evil.com") != 1 {
		t.Errorf("report %q, asked %d times", raw, u.count("evil.com"))
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	u := newUpstream()
	u.answers["evil.com"] = source.Result{Status: source.Failed, Err: errors.New("down")}
	c := New(u, policy, NewMemory(10, 0))
	for range 3 {
		check(t, ask(t.Context(), c, domains("evil.com")), "failed/live")
	}
	if u.count("evil.com") != 3 {
		t.Errorf("asked %d times", u.count("evil.com"))
	}
}

func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		c := New(u, policy, NewMemory(10, 0))
		in := domains("evil.com", "new.com")
		ask(t.Context(), c, in[:1])
		time.Sleep(20 * time.Minute)
		u.answers["evil.com"] = source.Result{Status: source.Failed, Err: errors.New("down")}
		u.answers["new.com"] = u.answers["evil.com"]
		check(t, ask(t.Context(), c, in), "found/stale", "failed/live")
		u.deny = 1
		check(t, ask(t.Context(), c, in), "found/stale", "limited")
		p := policy
		p.Offline = true
		check(t, ask(t.Context(), New(u, p, c.tiers...), in), "found/stale", "unasked")
		var age time.Duration
		c.Lookup(t.Context(), in[:1], func(_ int, r source.Result) { age = time.Since(r.Fetched) })
		if age != 20*time.Minute {
			t.Errorf("age %v", age)
		}
		time.Sleep(time.Hour)
		check(t, ask(t.Context(), c, in), "limited", "limited")
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, disk := newUpstream(), newShared()
		in := domains("evil.com")
		ask(t.Context(), New(u, policy, NewMemory(10, 0), &handle{disk}), in)
		time.Sleep(time.Second)
		p := policy
		p.Since = time.Now()
		c := New(u, p, NewMemory(10, 0), &handle{disk})
		check(t, ask(t.Context(), c, in), "found/live")
		check(t, ask(t.Context(), c, in), "found/memory") // once is enough
	})
}

// TestOneFlight: goroutines and processes that want the same at the same time
// ask once.
func TestOneFlight(t *testing.T) {
	for _, processes := range []int{1, 8} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, disk := newUpstream(), newShared()
				u.takes = 50 * time.Millisecond
				var names []string
				for i := range 40 {
					names = append(names, fmt.Sprintf("evil%d.com", i))
				}
				var wg sync.WaitGroup
				for p := range processes {
					c := New(u, policy, NewMemory(100, 0), &handle{disk})
					for g := range 4 {
						wg.Go(func() {
							time.Sleep(time.Duration(p*4+g) * 7 * time.Millisecond)
							for _, a := range ask(t.Context(), c, domains(names...)) {
								if !strings.HasPrefix(a, "found/") || strings.Contains(a, "!") {
									t.Errorf("answer %q", a)
								}
							}
						})
					}
				}
				wg.Wait()
				for _, n := range names {
					if u.count(n) != 1 {
						t.Errorf("%s asked %d times", n, u.count(n))
					}
				}
			})
		})
	}
}

// TestKilledHolder: a claim whose holder is gone ends by itself.
func TestKilledHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, disk := newUpstream(), newShared()
		in := domains("evil.com")
		dead := &handle{disk}
		c := New(u, policy, &handle{disk})
		claims, out := make([]Claim, 1), make([]Entry, 1)
		if err := dead.Claim(t.Context(), []Key{c.key(in[0])}, time.Time{}, 15*time.Second, claims, out); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		check(t, ask(t.Context(), c, in), "found/live")
		if w := time.Since(start); w < 15*time.Second || w > 16*time.Second {
			t.Errorf("waited %v", w)
		}
	})
}

// TestWaiterKeepsItsOwnTime: who waits for another waits no longer than he
// may.
// lingering is a tier whose Release takes long after it has released.
type lingering struct{ handle }

func (l *lingering) Release(ctx context.Context, keys []Key) error {
	err := l.handle.Release(ctx, keys)
	time.Sleep(time.Minute)
	return err
}

// TestReleasedIsNotClaimedAgain: claims are renewed while a source is asked,
// and not any more when they are given back.
func TestReleasedIsNotClaimedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.takes = time.Minute
		u.answers["fails.com"] = source.Result{Status: source.Failed, Err: errors.New("no")}
		s := newShared()
		c := New(u, policy, NewMemory(10, 0), &lingering{handle{s}})
		check(t, ask(t.Context(), c, domains("fails.com")), "failed/live")
		for k, l := range s.leases {
			t.Errorf("%v is claimed until %v", k, l.until)
		}
	})
}

func TestWaiterKeepsItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, disk := newUpstream(), newShared()
		u.takes = time.Minute
		in := domains("evil.com")
		var wg sync.WaitGroup
		wg.Go(func() { check(t, ask(t.Context(), New(u, policy, &handle{disk}), in), "found/live") })
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		check(t, ask(ctx, New(u, policy, &handle{disk}), in), "limited")
		if w := time.Since(start); w != 5*time.Second {
			t.Errorf("waited %v", w)
		}
		// The holder has renewed its claim all the while: nobody else asks.
		time.Sleep(40 * time.Second)
		check(t, ask(t.Context(), New(u, policy, &handle{disk}), in), "found/disk")
		wg.Wait()
		if u.count("evil.com") != 1 {
			t.Errorf("asked %d times", u.count("evil.com"))
		}
	})
}

// TestDeniedStops: after a no of the budget nothing more is claimed or asked.
func TestDeniedStops(t *testing.T) {
	u, disk := newUpstream(), newShared()
	u.deny = 3
	p := policy
	p.Window = 2
	got := ask(t.Context(), New(u, p, &handle{disk}), domains("evil1.com", "evil2.com", "evil3.com", "evil4.com", "evil5.com", "evil6.com"))
	check(t, got, "found/live", "found/live", "found/live", "limited", "limited", "limited")
	if len(disk.leases) != 0 {
		t.Errorf("%d claims left", len(disk.leases))
	}
}

// broken is a tier that fails.
type broken struct{ handle }

func (*broken) Name() string { return "disk" }
func (*broken) Get(context.Context, []Key, bool, []Entry) error {
	return errors.New("disk image is malformed")
}
func (*broken) Put(context.Context, []Key, []Entry) error { return errors.New("disk full") }
func (*broken) Claim(context.Context, []Key, time.Time, time.Duration, []Claim, []Entry) error {
	return errors.New("database is locked")
}

func TestBrokenTier(t *testing.T) {
	var log strings.Builder
	p := policy
	p.Log = slog.New(slog.NewTextHandler(&log, nil))
	u := newUpstream()
	c := New(u, p, NewMemory(10, 0), &broken{handle{newShared()}})
	check(t, ask(t.Context(), c, domains("evil.com")), "found/live")
	check(t, ask(t.Context(), c, domains("evil.com")), "found/memory")
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d log lines, want 1: %s", n, log.String())
	}
}

func TestMemoryBounds(t *testing.T) {
	m := NewMemory(3, 0)
	now := time.Now()
	key := func(i int) Key { return Key{"s", indicator.Indicator{Type: indicator.Domain, Value: fmt.Sprint(i)}} }
	put := func(m *Memory, i, size int, at time.Time) {
		if err := m.Put(t.Context(), []Key{key(i)}, []Entry{{Status: source.Found, Fetched: at, Raw: make([]byte, size)}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		put(m, i, 10, now)
	}
	if m.Len() != 3 {
		t.Errorf("%d entries", m.Len())
	}
	m = NewMemory(1000, 10_000)
	for i := range 50 {
		put(m, i, 1000, now)
	}
	if m.Len() < 5 || m.Len() > 10 || m.bytes > 10_000 {
		t.Errorf("%d entries of %d bytes", m.Len(), m.bytes)
	}
	put(m, 7, 5, now)
	put(m, 7, 6, now.Add(-time.Hour)) // older: ignored
	out := make([]Entry, 1)
	if err := m.Get(t.Context(), []Key{key(7)}, true, out); err != nil || len(out[0].Raw) != 5 {
		t.Errorf("%d bytes, %v", len(out[0].Raw), err)
	}
	if err := m.Put(t.Context(), []Key{key(8)}, []Entry{{Status: source.Failed}}); err != nil {
		t.Fatal(err)
	}
	out[0] = Entry{}
	if _ = m.Get(t.Context(), []Key{key(8)}, true, out); out[0].OK() {
		t.Error("an error was kept")
	}
}
