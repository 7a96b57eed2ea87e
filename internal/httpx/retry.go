package httpx

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	backoffBase = 500 * time.Millisecond
	backoffCap  = 30 * time.Second
	// maxRetryAfter bounds the silence that a server can impose.
	maxRetryAfter = 24 * time.Hour
	// maxRetryWait is the longest wait for a retry when ctx has no deadline;
	// a longer Retry-After is left to the gate.
	maxRetryWait = 2 * time.Minute
)

// backoff is the wait before retry n, counted from 0: exponential with full
// jitter, on top of what the server asked for.
func (c *Client) backoff(n int, after time.Duration) time.Duration {
	ceil := backoffCap
	if n < 6 {
		ceil = min(backoffCap, backoffBase<<n)
	}
	if after > 0 {
		return after + time.Duration(c.rand()*float64(backoffBase))
	}
	return time.Duration(c.rand() * float64(ceil))
}

// RetryAfter returns what the server of an answer asks to wait in the field
// Retry-After (RFC 9110, section 10.2.3), 0 when it gave none that can be read;
// now is the time of the answer. A date is taken relative to the server's own
// clock, as its field Date tells it.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	for _, v := range h.Values("Retry-After") {
		v = strings.Trim(strings.TrimSpace(v), `"`)
		if n, err := strconv.ParseFloat(strings.TrimSuffix(v, "s"), 64); err == nil {
			if n > 0 { // false for NaN
				return time.Duration(min(n, maxRetryAfter.Seconds()) * float64(time.Second))
			}
			return 0
		}
		t, ok := parseDate(v)
		if !ok {
			continue
		}
		if d, ok := parseDate(h.Get("Date")); ok {
			now = d
		}
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

func parseDate(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{http.TimeFormat, time.RFC1123, time.RFC1123Z, time.RFC850, time.ANSIC, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
