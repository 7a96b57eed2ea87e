package limit

import (
	"context"
	"sync"
)

// Cap is a run's own bound on requests, over all its gates. Requests that
// were never sent do not count. It is safe for concurrent use.
type Cap struct {
	mu   sync.Mutex
	left int
}

// NewCap returns a bound of n requests.
func NewCap(n int) *Cap { return &Cap{left: n} }

// Gate returns a gate that grants the requests of g while the bound is not
// reached. Then Take returns a *Denied with the reason Spent.
func (c *Cap) Gate(g Gate) Gate { return &capped{gate: g, Cap: c} }

// Capped returns a gate that grants at most n of the requests of g.
func Capped(g Gate, n int) Gate { return NewCap(n).Gate(g) }

func (c *Cap) add(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left+n < 0 {
		return false
	}
	c.left += n
	return true
}

type capped struct {
	gate Gate
	*Cap
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
	return &cappedTicket{Ticket: t, cap: c.Cap}, nil
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
	cap  *Cap
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
