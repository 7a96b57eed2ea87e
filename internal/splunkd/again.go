package splunkd

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// tries is how often a request is sent at most that passes in time. With the
// pauses between them that is about half a minute.
const tries = 6

// maxRetryAfter is the longest pause that splunkd can ask for.
const maxRetryAfter = 2 * time.Minute

// busy reports whether splunkd did not begin with what was asked for.
func busy(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable)
}

// passing reports whether an error may be gone at the next try.
func passing(err error) bool {
	var e *Error
	var n *netError
	if errors.As(err, &e) {
		return slices.Contains([]int{429, 500, 502, 503, 504}, e.Status)
	}
	return errors.As(err, &n)
}

// again calls f until it succeeds, fails with an error that does not help, or
// was called often enough.
func (c *Client) again(ctx context.Context, helps func(error) bool, f func() error) error {
	pause := c.pause
	for n := 1; ; n++ {
		err := f()
		if err == nil || n == tries || !helps(err) || ctx.Err() != nil {
			return err
		}
		wait := pause/2 + rand.N(pause/2+1)
		pause *= 2
		var e *Error
		if errors.As(err, &e) {
			wait = max(wait, min(e.RetryAfter, maxRetryAfter))
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}
	}
}
