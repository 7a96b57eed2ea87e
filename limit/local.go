package limit

import (
	"context"
	"sync"
	"time"
)

// localLife is the life of a ticket within a process, where tickets get lost
// through programming mistakes only.
const localLife = time.Hour

// Local is a gate within one process. It is safe for concurrent use.
type Local struct {
	line   *Line
	policy Policy
	start  time.Time

	mu    sync.Mutex
	state State
}

// NewLocal returns a gate that holds the policy within this process. Its
// callers are interactive; see Background for the others.
func NewLocal(p Policy) *Local {
	l := &Local{policy: p, start: time.Now()}
	l.line = NewLine((*localBudget)(l), p, 0, nil)
	return l
}

// Take waits for one request, see Gate.
func (l *Local) Take(ctx context.Context) (Ticket, error) { return l.line.Take(ctx, Interactive) }

// Status tells what is left, see Gate.
func (l *Local) Status(ctx context.Context) (Status, error) {
	return (*localBudget)(l).Status(ctx)
}

// Background returns a gate to the same budget whose callers let those of l
// go first.
func (l *Local) Background() Gate { return l.line.Gate(Background) }

// Resume makes l go on from a state that was kept elsewhere, the tickets under
// way included; from a budget that was just used up when st is nil. It is
// meant to be called before the first Take.
func (l *Local) Resume(st *State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = UsedUp((*localBudget)(l).now(), l.policy)
	if st != nil {
		l.state = *st
		l.state.Open = append([]OpenState(nil), st.Open...)
	}
}

// localBudget is the budget of a Local.
type localBudget Local

// now is the time by the monotonic clock, which nobody sets.
func (l *localBudget) now() time.Time { return l.start.Add(time.Since(l.start)) }

func (l *localBudget) Take(_ context.Context, prio Priority) (Ticket, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, d := l.state.Take(l.now(), l.policy, prio, localLife)
	if d != nil {
		return nil, d
	}
	return &localTicket{budget: l, seq: seq}, nil
}

// Check notes no waiting caller: the line serves interactive ones first.
func (l *localBudget) Check(_ context.Context, prio Priority, ahead int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.state.Check(l.now(), l.policy, prio, ahead); d != nil {
		return d
	}
	return nil
}

func (l *localBudget) Status(context.Context) (Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Status(l.now(), l.policy), nil
}

type localTicket struct {
	budget *localBudget
	seq    uint64
}

func (t *localTicket) Done(o Outcome) {
	t.budget.mu.Lock()
	defer t.budget.mu.Unlock()
	t.budget.state.Done(t.budget.now(), t.budget.policy, t.seq, o)
}
