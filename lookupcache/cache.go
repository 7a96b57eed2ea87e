package lookupcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

const found = source.Found

// Policy says how a Cache treats one source's answers.
type Policy struct {
	// Scope is the scope of all keys: the source's name and server.
	Scope string
	// TTL returns how long an answer is good for.
	TTL func(ind indicator.Indicator, status source.Status, v source.Verdict) time.Duration
	// Jitter spreads times to live by up to this part of them, 0 to 1, so that
	// what was asked together does not end together.
	Jitter float64
	// StaleFor is how long after its end an answer may still be given when the
	// source cannot be asked.
	StaleFor time.Duration
	// Since refuses answers fetched before it (refresh); zero: none.
	Since time.Time
	// Reports says that whole reports are wanted and not only summaries.
	Reports bool
	// Promote copies what a lower tier knows into those above it: for processes
	// that live long. A single run holds what it was told anyway.
	Promote bool
	// Offline never asks the source.
	Offline bool
	// Window is the number of indicators claimed from other processes at a
	// time; 0 means 16. Lease is how long a claim outlives a killed process;
	// 0 means 15 s.
	Window int
	Lease  time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log receives what goes wrong in a tier, once each; nil: nobody.
	Log *slog.Logger
}

// Cache is a Source that remembers what another source answered. It is safe
// for concurrent use.
type Cache struct {
	next   source.Source
	policy Policy
	tiers  []Tier
	shared Claimer // the tier shared between processes, nil if none

	mu      sync.Mutex
	flights map[Key]chan struct{} // keys that a goroutine of ours asks for
	broken  map[string]bool       // tiers whose failure was said
}

// New returns a cache around next. The first tier is asked first; answers of
// a later one are promoted to those before it, with their own time to live.
func New(next source.Source, p Policy, tiers ...Tier) *Cache {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Window <= 0 {
		p.Window = 16
	}
	if p.Lease <= 0 {
		p.Lease = 15 * time.Second
	}
	c := &Cache{next: next, policy: p, tiers: tiers, flights: map[Key]chan struct{}{}, broken: map[string]bool{}}
	for _, t := range tiers {
		if s, ok := t.(Claimer); ok {
			c.shared = s
		}
	}
	return c
}

// Name implements source.Source.
func (c *Cache) Name() string { return c.next.Name() }

// Types implements source.Source.
func (c *Cache) Types() indicator.TypeSet { return c.next.Types() }

// Decode implements source.Source.
func (c *Cache) Decode(ind indicator.Indicator, raw []byte) (*source.Report, error) {
	return c.next.Decode(ind, raw)
}

// Peek returns the kept answer of an indicator, expired or not, and the name
// of the tier that has it.
func (c *Cache) Peek(ctx context.Context, ind indicator.Indicator) (Entry, string) {
	for _, t := range c.tiers {
		var out [1]Entry
		if err := t.Get(ctx, []Key{c.key(ind)}, true, out[:]); err == nil && out[0].OK() {
			return out[0], t.Name()
		}
	}
	return Entry{}, ""
}

func (c *Cache) key(ind indicator.Indicator) Key { return Key{c.policy.Scope, ind} }

// Lookup implements source.Source.
func (c *Cache) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	l := &lookup{c: c, in: in, done: done, keys: make([]Key, len(in)), stale: map[int]Entry{}}
	open := make([]int, 0, len(in))
	for i, ind := range in {
		l.keys[i] = c.key(ind)
		if !c.next.Types().Has(ind.Type) {
			l.answer(i, source.Result{Status: source.Unsupported, Source: c.Name()})
			continue
		}
		open = append(open, i)
	}
	open = l.fromTiers(ctx, open)
	if c.policy.Offline {
		for _, i := range open {
			l.giveUp(i, source.Result{Status: source.Unasked})
		}
		return
	}
	l.ask(ctx, open)
}

// fresh reports whether e may be given without asking.
func (c *Cache) fresh(e *Entry, now time.Time) bool {
	return e.OK() && now.Before(e.Expires) && !e.Fetched.Before(c.policy.Since)
}

// result makes a result of a kept answer.
func (c *Cache) result(e *Entry, o source.Origin) source.Result {
	return source.Result{
		Status: e.Status, Source: c.Name(), Origin: o, Fetched: e.Fetched,
		Expires: e.Expires, Summary: e.Summary, Raw: e.Raw,
	}
}

// entry makes a kept answer of a live one.
func (c *Cache) entry(ind indicator.Indicator, r *source.Result) Entry {
	ttl := c.policy.TTL(ind, r.Status, r.Summary.Verdict)
	if j := c.policy.Jitter; j > 0 {
		ttl += time.Duration((rand.Float64()*2 - 1) * j * float64(ttl))
	}
	return Entry{Status: r.Status, Fetched: r.Fetched, Expires: r.Fetched.Add(ttl), Summary: r.Summary, Raw: r.Raw}
}

// failed notes that a tier does not work. A broken tier is a miss.
func (c *Cache) failed(t Tier, doing string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken[t.Name()] || c.policy.Log == nil {
		return
	}
	c.broken[t.Name()] = true
	c.policy.Log.Warn(fmt.Sprintf("%s cache: %s: %v; going on without it", t.Name(), doing, err))
}
