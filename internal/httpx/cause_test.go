package httpx

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
)

// asks sends requests to a handler until n have failed, and returns what was
// said last.
func asks(t *testing.T, h http.HandlerFunc, p limit.Policy, n int) error {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	c, err := New(Config{Name: "own", BaseURL: srv.URL, Gate: limit.NewLocal(p), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range n {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err = c.Do(ctx, Request{Path: "x"})
		cancel()
	}
	return err
}

// Whoever is denied by an open breaker learns why it opened.
func TestBreakerTellsItsCause(t *testing.T) {
	err := asks(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "database gone", 500) }, limit.Policy{BreakAfter: 2, Cooldown: time.Minute}, 4)
	const want = `own: circuit breaker open; next request possible in 1m0s; before that: HTTP 500 Internal Server Error: the server failed: it says "database gone"`
	if err == nil || err.Error() != want || !errors.Is(err, limit.ErrDenied) {
		t.Errorf("%v, want %s", err, want)
	}
}

// What the status says is not said again.
func TestTooManyRequestsText(t *testing.T) {
	for _, body := range []string{"Too Many Requests", "<h1>429 Too Many Requests</h1>", ""} {
		err := asks(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429); _, _ = w.Write([]byte(body)) }, limit.Policy{}, 1)
		if err == nil || strings.Count(strings.ToLower(err.Error()), "too many requests") != 1 || !strings.HasSuffix(err.Error(), "lower rate in the source's settings") {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// The end of the time is said in the words of the settings.
func TestMaxWaitText(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer srv.Close()
	c, err := New(Config{Name: "own", BaseURL: srv.URL, Gate: limit.NewLocal(limit.Policy{}), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = c.Do(ctx, Request{Path: "x"})
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "max_wait") || strings.Contains(err.Error(), "context") {
		t.Errorf("%v", err)
	}
}
