package lookupcache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// lookup is one call of Lookup.
type lookup struct {
	c     *Cache
	in    []indicator.Indicator
	keys  []Key // of in
	done  func(int, source.Result)
	stale map[int]Entry // kept answers that have expired

	flushed time.Time
	puts    []int
	entries []Entry
}

// What is learned is shared with other processes at once when answers come
// slowly, and in batches when they come fast.
const (
	flushEvery = 20 * time.Millisecond
	flushMany  = 64
)

func (l *lookup) answer(i int, r source.Result) { l.done(i, r) }

// giveUp answers what could not be asked: with an expired answer if there is
// one that is not too old, else with why.
func (l *lookup) giveUp(i int, r source.Result) {
	e, ok := l.stale[i]
	if ok && l.c.policy.Now().Before(e.Expires.Add(l.c.policy.StaleFor)) {
		s := l.c.result(&e, source.Stale)
		s.Expires, s.Err = l.c.policy.Now().Add(time.Second), r.Err
		l.answer(i, s)
		return
	}
	l.answer(i, r)
}

// fromTiers answers what the tiers know and returns the rest.
func (l *lookup) fromTiers(ctx context.Context, open []int) []int {
	// Reading what is on this machine is not waiting for a source.
	ctx = context.WithoutCancel(ctx)
	now := l.c.policy.Now()
	all := make([]Entry, len(open))
	for t, tier := range l.c.tiers {
		if len(open) == 0 {
			break
		}
		keys := l.keys
		if len(open) < len(keys) {
			keys = make([]Key, len(open))
			for n, i := range open {
				keys[n] = l.keys[i]
			}
		}
		entries := all[:len(open)]
		clear(entries)
		if err := tier.Get(ctx, keys, l.c.policy.Reports, entries); err != nil {
			l.c.failed(tier, "reading", err)
			continue
		}
		var promoted []Key
		var promote []Entry
		rest := open[:0]
		for n, i := range open {
			e := &entries[n]
			if !l.c.fresh(e, now) {
				if old, ok := l.stale[i]; e.OK() && (!ok || old.Fetched.Before(e.Fetched)) {
					l.stale[i] = *e
				}
				rest = append(rest, i)
				continue
			}
			if t > 0 && l.c.policy.Promote {
				promoted, promote = append(promoted, keys[n]), append(promote, *e)
			}
			l.answer(i, l.c.result(e, source.Origin(tier.Name())))
		}
		open = rest
		for _, up := range l.c.tiers[:t] {
			if len(promoted) > 0 {
				if err := up.Put(ctx, promoted, promote); err != nil {
					l.c.failed(up, "writing", err)
				}
			}
		}
	}
	return open
}

// ask asks the source for what no tier knows. An indicator that somebody else
// is asking for, in this process or another of the host, is waited for.
func (l *lookup) ask(ctx context.Context, open []int) {
	window := len(open)
	if l.c.shared != nil {
		window = l.c.policy.Window
	}
	var wait []int
	for len(open) > 0 {
		n := min(window, len(open))
		mine, busy := l.claim(ctx, open[:n])
		open, wait = open[n:], append(wait, busy...)
		if r, stopped := l.askMine(ctx, mine); stopped {
			for _, i := range append(open, wait...) {
				l.giveUp(i, r)
			}
			return
		}
	}
	pause := 2 * time.Millisecond
	for len(wait) > 0 {
		if !l.sleep(ctx, wait[0], pause) {
			r := l.late(ctx, "another search is asking for it")
			for _, i := range wait {
				l.giveUp(i, r)
			}
			return
		}
		n := min(len(wait), 256)
		mine, busy := l.claim(ctx, wait[:n])
		rest := append(wait[n:len(wait):len(wait)], busy...)
		if len(rest) == len(wait) {
			pause = min(2*pause, 250*time.Millisecond)
		} else {
			pause = 2 * time.Millisecond
		}
		wait = rest
		for len(mine) > 0 {
			n := min(l.c.policy.Window, len(mine))
			r, stopped := l.askMine(ctx, mine[:n])
			mine = mine[n:]
			if stopped {
				l.release(mine)
				for _, i := range append(wait, mine...) {
					l.giveUp(i, r)
				}
				return
			}
		}
	}
}

// late says why waiting ended.
func (l *lookup) late(ctx context.Context, doing string) source.Result {
	if errors.Is(ctx.Err(), context.Canceled) {
		return source.Result{Status: source.Failed, Source: l.c.Name(), Err: fmt.Errorf("interrupted: %w", ctx.Err())}
	}
	return source.Result{Status: source.Limited, Source: l.c.Name(), Err: fmt.Errorf("no answer within max_wait: %s", doing)}
}

// sleep waits until key i may have been answered; false when ctx ends first.
func (l *lookup) sleep(ctx context.Context, i int, d time.Duration) bool {
	l.c.mu.Lock()
	flight := l.c.flights[l.keys[i]]
	l.c.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-flight: // nil, and so never, if it is another process that asks
		return true
	case <-t.C:
		return true
	}
}

// claim takes the right to ask for what is open. It answers what has been
// answered in the meantime.
func (l *lookup) claim(ctx context.Context, open []int) (mine, busy []int) {
	ctx = context.WithoutCancel(ctx)
	l.c.mu.Lock()
	for _, i := range open {
		if l.c.flights[l.keys[i]] != nil {
			busy = append(busy, i)
			continue
		}
		l.c.flights[l.keys[i]] = make(chan struct{})
		mine = append(mine, i)
	}
	l.c.mu.Unlock()
	// A flight of this process may have landed since the tiers were read.
	if m, ok := l.c.firstTier(); ok && len(mine) > 0 {
		mine = l.landed(ctx, m, mine)
	}
	if l.c.shared == nil || len(mine) == 0 {
		return mine, busy
	}
	keys := make([]Key, len(mine))
	for n, i := range mine {
		keys[n] = l.keys[i]
	}
	claims, entries := make([]Claim, len(mine)), make([]Entry, len(mine))
	if err := l.c.shared.Claim(ctx, keys, l.c.policy.Since, l.c.policy.Lease, claims, entries); err != nil {
		l.c.failed(l.c.shared, "claiming", err)
		return mine, busy
	}
	rest := mine[:0]
	for n, i := range mine {
		switch claims[n] {
		case Busy:
			l.land(i)
			busy = append(busy, i)
		case Answered:
			l.land(i)
			l.answer(i, l.c.result(&entries[n], source.Origin(l.c.shared.Name())))
		default:
			rest = append(rest, i)
		}
	}
	return rest, busy
}

// firstTier is the tier that flights of this process land in.
func (c *Cache) firstTier() (Tier, bool) {
	if len(c.tiers) == 0 {
		return nil, false
	}
	return c.tiers[0], true
}

// landed answers those of mine that a flight of this process has answered.
func (l *lookup) landed(ctx context.Context, t Tier, mine []int) []int {
	keys := make([]Key, len(mine))
	for n, i := range mine {
		keys[n] = l.keys[i]
	}
	entries := make([]Entry, len(mine))
	if err := t.Get(ctx, keys, l.c.policy.Reports, entries); err != nil {
		return mine
	}
	now := l.c.policy.Now()
	rest := mine[:0]
	for n, i := range mine {
		if l.c.fresh(&entries[n], now) {
			l.land(i)
			l.answer(i, l.c.result(&entries[n], source.Origin(t.Name())))
			continue
		}
		rest = append(rest, i)
	}
	return rest
}

// land ends the flight of key i in this process.
func (l *lookup) land(i int) {
	l.c.mu.Lock()
	if ch := l.c.flights[l.keys[i]]; ch != nil {
		close(ch)
		delete(l.c.flights, l.keys[i])
	}
	l.c.mu.Unlock()
}

// askMine asks the source for claimed keys and keeps what it says. stopped is
// set when the source may not be asked any more in this run; r says why.
func (l *lookup) askMine(ctx context.Context, mine []int) (r source.Result, stopped bool) {
	if len(mine) == 0 {
		return r, false
	}
	stop := sync.OnceFunc(l.keepAlive(mine))
	defer stop()
	inds := make([]indicator.Indicator, len(mine))
	for n, i := range mine {
		inds[n] = l.in[i]
	}
	var unanswered []int
	l.c.next.Lookup(ctx, inds, func(n int, got source.Result) {
		i := mine[n]
		switch got.Status {
		case source.Found, source.NotFound:
			e := l.c.entry(l.in[i], &got)
			got.Expires = e.Expires
			l.keep(ctx, i, e)
			l.answer(i, got)
			return
		case source.Limited:
			r, stopped = got, true
		}
		unanswered = append(unanswered, i)
		l.giveUp(i, got)
	})
	l.flush(ctx)
	stop() // before the release, or it might claim again what nobody asks for
	l.release(unanswered)
	return r, stopped && !onlyThis(r.Err)
}

// onlyThis reports whether a limit concerns single indicators only.
func onlyThis(err error) bool {
	var d *limit.Denied
	return err != nil && !errors.As(err, &d) && !errors.Is(err, context.DeadlineExceeded)
}

// keepAlive renews the claims of a call that takes long.
func (l *lookup) keepAlive(mine []int) (stop func()) {
	if l.c.shared == nil {
		return func() {}
	}
	quit := make(chan struct{})
	var wg sync.WaitGroup
	keys := make([]Key, len(mine))
	for n, i := range mine {
		keys[n] = l.keys[i]
	}
	wg.Go(func() {
		t := time.NewTicker(l.c.policy.Lease / 3)
		defer t.Stop()
		claims, entries := make([]Claim, len(keys)), make([]Entry, len(keys))
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				// Answered keys are not claimed again: their answers are there.
				// A failure is of this moment, and there is still time.
				if err := l.c.shared.Claim(context.Background(), keys, l.c.policy.Since, l.c.policy.Lease, claims, entries); err != nil {
					l.c.failed(l.c.shared, "renewing claims", err)
				}
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

// keep remembers an answer, in memory at once and elsewhere soon.
func (l *lookup) keep(ctx context.Context, i int, e Entry) {
	l.puts, l.entries = append(l.puts, i), append(l.entries, e)
	if now := l.c.policy.Now(); len(l.puts) >= flushMany || now.Sub(l.flushed) >= flushEvery {
		l.flush(ctx)
	}
}

// flush writes what is remembered to the tiers and ends its claims.
func (l *lookup) flush(ctx context.Context) {
	if len(l.puts) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	keys := make([]Key, len(l.puts))
	for n, i := range l.puts {
		keys[n] = l.keys[i]
	}
	for _, t := range l.c.tiers {
		if err := t.Put(ctx, keys, l.entries); err != nil {
			l.c.failed(t, "writing", err)
		}
	}
	for _, i := range l.puts {
		l.land(i)
	}
	l.puts, l.entries = nil, nil
	l.flushed = l.c.policy.Now()
}

// release gives claims back without an answer.
func (l *lookup) release(open []int) {
	if len(open) == 0 {
		return
	}
	keys := make([]Key, len(open))
	for n, i := range open {
		keys[n] = l.keys[i]
		l.land(i)
	}
	if l.c.shared != nil {
		if err := l.c.shared.Release(context.Background(), keys); err != nil {
			l.c.failed(l.c.shared, "releasing", err)
		}
	}
}
