package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/lookupcache/disk"
	"github.com/tclookup/tclookup/source"
)

// DrainOptions say how the queue is worked off.
type DrainOptions struct {
	// Forever waits for more when the queue is empty.
	Forever bool
	// Waiting is called once when another process of the host has its turn.
	Waiting func()
	// Progress is called after each answer, with what is left in the queue.
	Progress func(d Drained, left int)
}

// Drained is what came of working off the queue. Its JSON is printed by
// --summary.
type Drained struct {
	Answered int64 `json:"answered"`
	Failed   int64 `json:"failed"`   // to be tried again later
	Excluded int64 `json:"excluded"` // not to be sent any more
	Unknown  int64 `json:"unknown"`  // of servers that are not configured
	Left     int   `json:"left"`
}

const (
	drainLock  = 30 * time.Second
	drainTake  = 10 * time.Minute // an item comes back after this if we are killed
	drainBatch = 8                // small, so that what is most wanted is asked first
	drainRetry = 5 * time.Minute
	drainLook  = time.Second // how often an empty queue is looked at
)

// Drain works off the queue of the host, the most wanted first, at the pace
// of the budgets, until it is empty or ctx ends. One process does so at a
// time. What a source fails to answer stays in the queue for later.
func (e *Engine) Drain(ctx context.Context, o DrainOptions) (d Drained, err error) {
	q := e.Store.Queue()
	lock, err := q.Lock(ctx, drainLock, false)
	if errors.Is(err, disk.ErrDraining) {
		if o.Waiting != nil {
			o.Waiting()
		}
		lock, err = q.Lock(ctx, drainLock, true)
	}
	if err != nil {
		return d, err
	}
	defer lock.Unlock()
	ctx = lock.Context()
	for ctx.Err() == nil {
		items, err := q.Take(ctx, drainBatch, drainTake)
		if err != nil {
			return e.drained(d, err)
		}
		if len(items) == 0 {
			if !o.Forever {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(drainLook):
			}
			continue
		}
		if err := e.drain(ctx, items, &d, o); err != nil {
			return e.drained(d, err)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return e.drained(d, err)
	}
	return e.drained(d, nil)
}

// drained adds what is left.
func (e *Engine) drained(d Drained, err error) (Drained, error) {
	d.Left, _ = e.Store.Queue().Len(context.Background())
	return d, err
}

// drain asks for some items.
func (e *Engine) drain(ctx context.Context, items []disk.QueueItem, d *Drained, o DrainOptions) error {
	q := e.Store.Queue()
	byScope := map[string][]indicator.Indicator{}
	var never, later []lookupcache.Key
	for _, it := range items {
		switch {
		case e.link(it.Key.Scope) == nil:
			d.Unknown++
			later = append(later, it.Key)
		case e.Rules.Excluded(it.Key.Indicator) != "": // the rules have changed since
			d.Excluded++
			never = append(never, it.Key)
		default:
			byScope[it.Key.Scope] = append(byScope[it.Key.Scope], it.Key.Indicator)
		}
	}
	left, _ := q.Len(ctx)
	soon := []lookupcache.Key{}
	for name, inds := range byScope {
		link := e.link(name)
		link.Cache.Lookup(ctx, inds, func(i int, r source.Result) {
			key := lookupcache.Key{Scope: name, Indicator: inds[i]}
			switch {
			case r.Origin == source.Stale, r.Status == source.Limited && ctx.Err() == nil, r.Status == source.Failed && ctx.Err() == nil:
				d.Failed++
				later = append(later, key)
			case r.Status == source.Found, r.Status == source.NotFound:
				d.Answered++
				left--
				if r.Status == source.Found || e.only(link, inds[i].Type) {
					e.answered(inds[i], r)
				}
				never = append(never, key)
			case r.Status == source.Unsupported:
				never = append(never, key)
			default:
				soon = append(soon, key)
			}
			if o.Progress != nil {
				o.Progress(*d, max(left, 0))
			}
		})
	}
	done := context.WithoutCancel(ctx)
	return errors.Join(q.Remove(done, never), q.Return(done, later, drainRetry), q.Return(done, soon, 0))
}

// only reports whether no other source answers a type, so that what the link
// does not know nobody knows.
func (e *Engine) only(l *Link, t indicator.Type) bool {
	for i := range e.Links {
		if o := &e.Links[i]; o != l && o.Cache.Types().Has(t) {
			return false
		}
	}
	return true
}

// link returns the source whose answers have a scope.
func (e *Engine) link(scope string) *Link {
	for i := range e.Links {
		if e.Links[i].Scope == scope {
			return &e.Links[i]
		}
	}
	return nil
}
