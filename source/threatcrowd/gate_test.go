package threatcrowd

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// TestRealGate: with the gate of package limit, no more is sent than the
// budget allows, and what is left is answered at once.
func TestRealGate(t *testing.T) {
	reasons := func(rs []source.Result) map[limit.Reason]int {
		n := map[limit.Reason]int{}
		for _, r := range rs {
			var d *limit.Denied
			if errors.As(r.Err, &d) && r.Status == source.Limited {
				n[d.Reason]++
			}
		}
		return n
	}
	for _, tt := range []struct {
		name   string
		status int
		policy limit.Policy
		reason limit.Reason
		sent   int
	}{
		{"burst used up", 200, limit.Policy{Rate: 0.001, Burst: 5}, limit.Budget, 5},
		{"day used up", 200, limit.Policy{Burst: 100, Daily: 3}, limit.Daily, 3},
		{"server down", 500, limit.Policy{Burst: 100, BreakAfter: 4, Cooldown: time.Hour}, limit.Open, 4},
		{"server asks for silence", 429, limit.Policy{Burst: 100}, limit.Paused, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n++
				if tt.status == http.StatusTooManyRequests {
					w.Header().Set("Retry-After", "3600")
				}
				w.WriteHeader(tt.status)
			}))
			defer srv.Close()
			c := client(t, srv.URL, limit.NewLocal(tt.policy), func(c *Config) { c.Concurrency, c.Retries = 1, -1 })
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			got := lookup(t, ctx, c, many(20))
			if r := reasons(got); n != tt.sent || r[tt.reason] != 20-tt.sent {
				t.Errorf("%d sent, denied %v, want %d sent and the others denied for %v", n, r, tt.sent, tt.reason)
			}
		})
	}
}
