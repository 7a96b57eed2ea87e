// Package limit decides when the next request to a source may be sent: rate
// and burst, a daily allowance, the silence a server asked for, and a circuit
// breaker, behind one interface.
package limit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Policy is the budget of one source.
type Policy struct {
	// Rate is the number of requests a second; 0 means unlimited.
	Rate float64
	// Burst is the number of requests that may be sent at once. In no window
	// of w seconds are more than Rate*w+Burst requests sent. At least 1.
	Burst int
	// Daily is the number of requests in a UTC day; 0 means unlimited.
	Daily int
	// BreakAfter is the number of consecutive failures that open the circuit
	// breaker, 0 means never; it stays open for Cooldown, then one request
	// probes.
	BreakAfter int
	Cooldown   time.Duration
}

// Gate decides when requests may be sent. It is safe for concurrent use.
type Gate interface {
	// Take waits until one request may be sent. When that would be after
	// ctx's deadline it does not wait but returns a *Denied at once. Each
	// ticket must be given back with Done exactly once.
	Take(ctx context.Context) (Ticket, error)
	// Status tells what is left, without taking anything.
	Status(ctx context.Context) (Status, error)
}

// Ticket is the permission to send one request.
type Ticket interface {
	// Done says what came of the request.
	Done(Outcome)
}

// Verdict says what a request says about the health of its source.
type Verdict uint8

// The verdicts. Neutral is for requests that were given up by us (cancelled,
// never sent): they count neither for nor against the source.
const (
	Healthy Verdict = iota
	Failing
	Throttled
	Neutral
)

// Outcome is what came of a request.
type Outcome struct {
	Verdict Verdict
	// Seen is the latest moment at which the server can have received the
	// request. The bound on the rate holds as the server counts it, so the
	// next request waits from here and not from when this one was sent. Zero
	// means it was never sent.
	Seen time.Time
	// Until is when the server wants to be asked again (Retry-After); zero
	// means it did not say.
	Until time.Time
}

// Reason says why a request was denied.
type Reason uint8

// The reasons.
const (
	Budget Reason = iota // rate and burst are used up
	Daily                // the allowance of the day is used up
	Paused               // the server asked for silence
	Open                 // the circuit breaker is open
	Spent                // the run's own bound on requests is used up
)

func (r Reason) String() string {
	switch r {
	case Budget:
		return "request budget used up"
	case Daily:
		return "daily limit reached"
	case Paused:
		return "server asked to wait"
	case Open:
		return "circuit breaker open"
	case Spent:
		return "max_lookups reached"
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// ErrDenied is what every *Denied is, for errors.Is.
var ErrDenied = errors.New("request not allowed now")

// Denied is the error of a request that may not be sent in time.
type Denied struct {
	Reason Reason
	// Retry is when to ask again, seen from now; 0 means not in this run.
	Retry time.Duration
}

func (d *Denied) Error() string {
	if d.Retry > 0 {
		return fmt.Sprintf("%s; next request possible in %s", d.Reason, d.Retry.Round(time.Second))
	}
	return d.Reason.String()
}

// Is makes every Denied an ErrDenied.
func (d *Denied) Is(target error) bool { return target == ErrDenied }

// Status is what is left of a budget.
type Status struct {
	// Available is the number of requests that may be sent at once now.
	Available int `json:"available"`
	// Next is when the next request may be sent, Full when the whole burst is
	// available again; both at or before now when that is so already.
	Next time.Time `json:"next"`
	Full time.Time `json:"full"`
	// DailyLeft is what is left of the day's allowance, -1 without one.
	DailyLeft int `json:"daily_left"`
	// Breaker is "closed", "open" or "half-open".
	Breaker  string    `json:"breaker"`
	Failures int       `json:"failures"`
	Until    time.Time `json:"until,omitzero"` // end of a pause or an open breaker
}
