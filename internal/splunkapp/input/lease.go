package input

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tclookup/tclookup/internal/splunkd"
)

// leases is the collection in which members of a search head cluster say who
// has a turn.
const leases = "tclookup_leases"

const (
	leaseLife  = time.Minute      // a turn ends after this unless it is renewed
	leaseRenew = 15 * time.Second // how often it is
	// leaseGrace is how long a turn that has ended is respected, as the clocks
	// of members differ.
	leaseGrace = 30 * time.Second
)

// lease is a turn that one member of the cluster has at a time, in one
// document of the KV store: it is inserted, which only one can do, and deleted
// at the end. One that was not renewed may be deleted by others.
type lease struct {
	store  *splunkd.Client
	name   string
	holder string
	now    func() time.Time
	renew  time.Duration
}

// document of the collection.
type leaseDocument struct {
	Key    string `json:"_key"`
	Holder string `json:"holder"`
	Until  int64  `json:"until"` // epoch seconds
}

func newLease(store *splunkd.Client, name, host string) *lease {
	holder := fmt.Sprintf("%s/%d/%d", host, os.Getpid(), time.Now().UnixNano())
	return &lease{store: store, name: name, holder: holder, now: time.Now, renew: leaseRenew}
}

func (l *lease) document() leaseDocument {
	return leaseDocument{Key: l.name, Holder: l.holder, Until: l.now().Add(leaseLife).Unix()}
}

// take tries to get the turn. It returns nil when another member has it.
func (l *lease) take(ctx context.Context) (*turn, error) {
	err := l.store.Insert(ctx, leases, l.document())
	if errors.Is(err, splunkd.ErrConflict) {
		var d leaseDocument
		switch err = l.store.Get(ctx, leases, l.name, &d); {
		case errors.Is(err, splunkd.ErrNotFound): // it has just been given back
			return nil, nil
		case err != nil:
			return nil, l.wrap(err)
		case l.now().Before(time.Unix(d.Until, 0).Add(leaseGrace)):
			return nil, nil
		}
		// Exactly the one that has ended: who renewed or took it meanwhile keeps it.
		if err = l.store.Delete(ctx, leases, map[string]any{"_key": d.Key, "holder": d.Holder, "until": d.Until}); err != nil {
			return nil, l.wrap(err)
		}
		if err = l.store.Insert(ctx, leases, l.document()); errors.Is(err, splunkd.ErrConflict) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, l.wrap(err)
	}
	t := &turn{lease: l, done: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancel(ctx)
	go t.keep()
	return t, nil
}

func (l *lease) wrap(err error) error {
	return fmt.Errorf("the members of the cluster cannot take turns (collection %s): %w", leases, err)
}

// turn is a lease that this member has.
type turn struct {
	*lease
	// ctx ends when the turn is lost.
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
}

// keep renews the turn until it ends.
func (t *turn) keep() {
	defer close(t.done)
	tick := time.NewTicker(t.renew)
	defer tick.Stop()
	until := t.now().Add(leaseLife)
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
		}
		var d leaseDocument
		err := t.store.Get(t.ctx, leases, t.name, &d)
		if err == nil && d.Holder == t.holder {
			next := t.now().Add(leaseLife)
			if err = t.store.Replace(t.ctx, leases, t.name, t.document()); err == nil {
				until = next
			}
		}
		// A KV store that is away for a moment costs no turn; another holder does.
		if err == nil && d.Holder != t.holder || errors.Is(err, splunkd.ErrNotFound) || !t.now().Before(until) {
			t.cancel()
			return
		}
	}
}

// end gives the turn back.
func (t *turn) end() {
	t.cancel()
	<-t.done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), 2*time.Second)
	defer cancel()
	// If that fails it ends by itself.
	_ = t.store.Delete(ctx, leases, map[string]any{"_key": t.name, "holder": t.holder})
}
