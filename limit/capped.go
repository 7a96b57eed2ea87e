package limit

import (
	"context"
	"sync"
)

// Capped returns a gate that grants at most n of the requests of g: a run's
// own bound. Requests that were never sent do not count. After n, Take returns
// a *Denied with the reason Spent.
func Capped(g Gate, n int) Gate { return &capped{gate: g, left: n} }

type capped struct {
	gate Gate
	mu   sync.Mutex
	left int
}

func (c *capped) add(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left+n < 0 {
		return false
	}
	c.left += n
	return true
}

func (c *capped) Take(ctx context.Context) (Ticket, error) {
	if !c.add(-1) {
		return nil, &Denied{Reason: Spent}
	}
	t, err := c.gate.Take(ctx)
	if err != nil {
		c.add(1)
		return nil, err
	}
	return &cappedTicket{Ticket: t, cap: c}, nil
}

func (c *capped) Status(ctx context.Context) (Status, error) {
	s, err := c.gate.Status(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Available = min(s.Available, c.left)
	return s, err
}

type cappedTicket struct {
	Ticket
	cap  *capped
	once sync.Once
}

func (t *cappedTicket) Done(o Outcome) {
	t.once.Do(func() {
		t.Ticket.Done(o)
		if o.Seen.IsZero() {
			t.cap.add(1)
		}
	})
}
