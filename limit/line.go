package limit

import (
	"container/list"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Allowance is what the callers in a Line take from. It is safe for concurrent
// use and never waits for a request to become possible.
type Allowance interface {
	// Take takes one request. When none is allowed now the error is a *Denied.
	Take(ctx context.Context, prio Priority) (Ticket, error)
	// Check returns the *Denied that a caller would get behind ahead others,
	// or nil. For an interactive caller it also notes that somebody waits.
	Check(ctx context.Context, prio Priority, ahead int) error
	// Status tells what is left.
	Status(ctx context.Context) (Status, error)
}

// Line is where the callers of one process wait for a budget: interactive
// ones first, and first come first served. Only the first in the line asks
// the budget again, and not before the local pace allows, so that many waiting
// callers do not wear out a budget on disk. It is safe for concurrent use and
// starts no goroutines.
type Line struct {
	budget Allowance
	spread time.Duration
	now    func() time.Time

	mu     sync.Mutex
	queue  [2]list.List // of *waiter
	pace   *rate.Limiter
	credit int // grants the pace has counted that were never sent
	burst  int
}

type waiter struct {
	prio Priority
	at   *list.Element
	wake chan struct{}
}

// NewLine returns a line in front of b. Each wait is made longer by a random
// time up to spread, so that several processes do not ask at the same moment.
// now is the clock of the pace, time.Now when nil.
func NewLine(b Allowance, p Policy, spread time.Duration, now func() time.Time) *Line {
	l := &Line{budget: b, spread: spread, burst: p.burst(), now: now}
	if now == nil {
		l.now = time.Now
	}
	l.pace = rate.NewLimiter(rate.Inf, l.burst)
	if period := p.period(); period > 0 {
		l.pace.SetLimit(rate.Every(time.Duration(period)))
	}
	return l
}

// Gate returns the line as a gate for callers of one priority.
func (l *Line) Gate(prio Priority) Gate { return lineGate{l, prio} }

type lineGate struct {
	line *Line
	prio Priority
}

func (g lineGate) Take(ctx context.Context) (Ticket, error) { return g.line.Take(ctx, g.prio) }
func (g lineGate) Status(ctx context.Context) (Status, error) {
	return g.line.budget.Status(ctx)
}

// Take waits for one request, see Gate. When ctx is cancelled it returns the
// error of ctx; when its deadline passes, the *Denied that it waited for.
func (l *Line) Take(ctx context.Context, prio Priority) (Ticket, error) {
	if err := ctx.Err(); err != nil {
		return nil, ended(ctx, &Denied{Reason: Budget})
	}
	prio = min(prio, Background)
	w := l.join(prio)
	defer l.leave(w)
	for {
		var t Ticket
		var err error
		ahead := l.ahead(w)
		if ahead > 0 {
			err = l.budget.Check(ctx, prio, ahead)
		} else {
			t, err = l.first(ctx, prio)
		}
		if err == nil && t != nil {
			return &lineTicket{Ticket: t, line: l}, nil
		}
		var d *Denied
		if err != nil && !errors.As(err, &d) {
			if ctx.Err() != nil {
				return nil, ended(ctx, &Denied{Reason: Budget})
			}
			return nil, err
		}
		if d == nil { // behind somebody who is about to take
			d = &Denied{Reason: Budget}
		}
		if end, ok := ctx.Deadline(); ok && time.Now().Add(d.Retry).After(end) {
			return nil, d
		}
		if err := l.wait(ctx, w, ahead == 0, d); err != nil {
			return nil, err
		}
	}
}

// first takes for the first in the line, at the local pace.
func (l *Line) first(ctx context.Context, prio Priority) (Ticket, error) {
	delay := l.paced(l.now())
	if delay <= 0 {
		t, err := l.budget.Take(ctx, prio)
		if err != nil {
			l.refund()
		}
		return t, err
	}
	err := l.budget.Check(ctx, prio, 0)
	if d := (*Denied)(nil); err == nil || errors.As(err, &d) && d.Retry < delay {
		return nil, &Denied{Reason: Budget, Retry: delay}
	}
	return nil, err
}

// paced counts one request, or says how long the pace wants it to wait.
func (l *Line) paced(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.credit > 0 {
		l.credit--
		return 0
	}
	r := l.pace.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > 0 {
		r.CancelAt(now)
	}
	return delay
}

// refund gives back what paced counted for a request that was not sent.
func (l *Line) refund() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.credit = min(l.credit+1, l.burst)
}

// wait sleeps until it is time to ask again.
func (l *Line) wait(ctx context.Context, w *waiter, first bool, d *Denied) error {
	var again <-chan time.Time
	if first {
		sleep := max(d.Retry, 100*time.Microsecond)
		if l.spread > 0 {
			sleep += rand.N(l.spread)
		}
		timer := time.NewTimer(sleep)
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-again:
	case <-w.wake:
	case <-ctx.Done():
		return ended(ctx, d)
	}
	return nil
}

// ended is the error of a wait that ended with its context.
func ended(ctx context.Context, d *Denied) error {
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return d
}

func (l *Line) join(prio Priority) *waiter {
	w := &waiter{prio: prio, wake: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	w.at = l.queue[prio].PushBack(w)
	return w
}

func (l *Line) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue[w.prio].Remove(w.at)
	l.wakeLocked(false)
}

// ahead counts those in the line before w.
func (l *Line) ahead(w *waiter) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for e := w.at.Prev(); e != nil; e = e.Prev() {
		n++
	}
	if w.prio == Background {
		n += l.queue[Interactive].Len()
	}
	return n
}

// Wake makes the first in the line ask again, or everybody: something has
// changed.
func (l *Line) Wake(everybody bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakeLocked(everybody)
}

func (l *Line) wakeLocked(everybody bool) {
	for i := range l.queue {
		for e := l.queue[i].Front(); e != nil; e = e.Next() {
			select {
			case e.Value.(*waiter).wake <- struct{}{}:
			default:
			}
			if !everybody {
				return
			}
		}
	}
}

// lineTicket wakes the line when its request is over.
type lineTicket struct {
	Ticket
	line *Line
	once sync.Once
}

func (t *lineTicket) Done(o Outcome) {
	t.once.Do(func() {
		t.Ticket.Done(o)
		if o.Seen.IsZero() {
			t.line.refund()
		}
		t.line.Wake(o.Verdict == Failing || o.Verdict == Throttled || !o.Until.IsZero())
	})
}
