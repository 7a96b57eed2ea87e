package disk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrDraining: another process works off the queue.
var ErrDraining = errors.New("another process is working off the queue")

// errLost ends the context of a lock that was lost.
var errLost = errors.New("the lock on the queue was lost")

const (
	lockName = "drain"
	takeLock = `insert into locks (name, holder, expires) values (?1, ?2, ?3)
	on conflict (name) do update set holder = ?2, expires = ?3`
	// waitLock is how often to look whether the lock is free.
	waitLock = 250 * time.Millisecond
)

// DrainLock is the right of one process of the host to work off the queue.
type DrainLock struct {
	store *Store
	id    string
	ttl   time.Duration
	ctx   context.Context
	lose  context.CancelCauseFunc
	stop  chan struct{}
	once  sync.Once
	done  sync.WaitGroup
}

// Lock takes the lock. It is kept by a heartbeat and falls free ttl, 15
// minutes at most, after its process was killed. When another holds it, Lock
// waits if told to, and else returns ErrDraining at once.
func (q *Queue) Lock(ctx context.Context, ttl time.Duration, wait bool) (*DrainLock, error) {
	s := q.store
	l := &DrainLock{store: s, ttl: min(max(ttl, time.Second), maxLease), stop: make(chan struct{})}
	l.id = fmt.Sprintf("%s/%p", s.holder, l)
	for {
		err := l.beat(ctx, true)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrDraining) || !wait {
			return nil, err
		}
		select {
		case <-time.After(waitLock):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	l.ctx, l.lose = context.WithCancelCause(ctx)
	l.done.Go(l.keep)
	return l, nil
}

// Context ends when the lock is lost: when the process slept for longer than
// the lock lasts, or the database cannot be written.
func (l *DrainLock) Context() context.Context { return l.ctx }

// Unlock gives the lock back.
func (l *DrainLock) Unlock() {
	l.once.Do(func() {
		close(l.stop)
		l.done.Wait()
		l.lose(context.Canceled)
		ctx, cancel := context.WithTimeout(context.Background(), settleTime)
		defer cancel()
		// It falls free by itself when this fails.
		_ = l.store.write(ctx, "unlock queue", func(w *write) error {
			_, err := w.exec("delete from locks where name = ? and holder = ?", lockName, l.id)
			return err
		})
	})
}

// keep renews the lock until Unlock.
func (l *DrainLock) keep() {
	tick := time.NewTicker(l.ttl / 4)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-l.stop:
			return
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		err := l.beat(l.ctx, false)
		switch {
		case err == nil:
			last = time.Now()
		case errors.Is(err, ErrDraining), time.Since(last) > l.ttl/2:
			l.lose(fmt.Errorf("%w: %w", errLost, err))
			return
		}
	}
}

// beat takes the lock or renews it.
func (l *DrainLock) beat(ctx context.Context, take bool) error {
	var holder string
	free := false
	err := l.store.write(ctx, "lock queue", func(w *write) error {
		var expires int64
		found, err := w.row("select holder, expires from locks where name = ?", []any{lockName}, &holder, &expires)
		if err != nil {
			return err
		}
		free = found && holder == l.id || take && (!found || !live(expires, w.now))
		if !free {
			return errUnchanged
		}
		_, err = w.exec(takeLock, lockName, l.id, w.now+l.ttl.Milliseconds())
		return err
	})
	if err == nil && !free {
		return fmt.Errorf("%w (%s)", ErrDraining, holder)
	}
	return err
}
