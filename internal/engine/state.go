package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/lookupcache/disk"
)

// openStore opens what the processes of this host share. Without it a run
// goes on in memory, and says so once.
func (e *Engine) openStore(ctx context.Context) {
	c := e.opts.Config
	if !c.Cache.Disk || e.opts.Demo || e.opts.DataDir == "" {
		return
	}
	store, err := disk.Open(ctx, disk.Options{
		Dir: e.opts.DataDir, MaxBytes: c.Cache.MaxDisk, Logger: e.opts.Log, TicketLife: ticketLife(c),
	})
	if err != nil {
		e.StoreError = err
		if e.opts.Log != nil {
			e.opts.Log.Warn(fmt.Sprintf("going on in memory, without what other searches know: %v", err))
		}
		return
	}
	e.Store = store
	e.closed = append(e.closed, store)
}

// ticketLife is longer than any request can take.
func ticketLife(c *config.Config) time.Duration {
	longest := 20 * time.Second
	for _, s := range c.All {
		longest = max(longest, s.Timeout)
	}
	return longest + time.Minute
}

// gate returns the budget of a source: shared by the host if there is a store.
func (e *Engine) gate(s *config.Source) limit.Gate {
	if e.Store != nil {
		prio := limit.Interactive
		if e.opts.Background {
			prio = limit.Background
		}
		return e.Store.Gate(Scope(s), s.Limit(), prio)
	}
	g := limit.NewLocal(s.Limit())
	if e.opts.Background {
		return g.Background()
	}
	return g
}

// tiers returns the tiers of a source's cache.
func (e *Engine) tiers() []lookupcache.Tier {
	tiers := []lookupcache.Tier{e.memory}
	if e.Store != nil {
		tiers = append(tiers, e.Store)
	}
	if e.opts.Demo { // what the demo says is for nobody else
		return tiers
	}
	return append(tiers, e.opts.Tiers...)
}

// Enqueue has indicators fetched in the background. There must be a Store.
func (e *Engine) Enqueue(ctx context.Context, inds []indicator.Indicator) error {
	items := make([]enrich.Wanted, len(inds))
	for i, ind := range inds {
		items[i] = enrich.Wanted{Indicator: ind, Rows: 1}
	}
	return queue{e}.Enqueue(ctx, items)
}

// queue writes what a run could not wait for to the queue of the host.
type queue struct{ e *Engine }

// Enqueue implements enrich.Queue.
func (q queue) Enqueue(ctx context.Context, items []enrich.Wanted) error {
	var list []disk.QueueItem
	for _, w := range items {
		for _, l := range q.e.Links {
			if l.Cache.Types().Has(w.Indicator.Type) {
				list = append(list, disk.QueueItem{Key: lookupcache.Key{Scope: l.Scope, Indicator: w.Indicator}, Rows: w.Rows})
				break
			}
		}
	}
	return q.e.Store.Queue().Add(ctx, list)
}
