package httpx

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// TestServers is a table of how servers behave.
func TestServers(t *testing.T) {
	const (
		h = limit.Healthy
		f = limit.Failing
		l = limit.Throttled
	)
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			io.WriteString(w, "<html><head><title>no</title><script>var x=1</script></head><body>sorry\r\n\x1b[31m &amp; bye</body></html>")
		}
	}
	ok := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") }
	hangUp := func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	tests := []struct {
		name    string
		serve   []http.HandlerFunc // one for each request; the last for all that follow
		change  func(*Config)
		check   func(*Response) error
		body    string // of the answer
		kind    error  // of the error
		text    string // in the error
		verdict []limit.Verdict
		waits   []time.Duration
	}{
		{name: "ok", serve: []http.HandlerFunc{ok}, body: "fine", verdict: []limit.Verdict{h}},
		{name: "503 then ok", serve: []http.HandlerFunc{status(503), status(500), ok}, body: "fine",
			verdict: []limit.Verdict{f, f, h}, waits: []time.Duration{250 * time.Millisecond, 500 * time.Millisecond}},
		{name: "503 for ever", serve: []http.HandlerFunc{status(503)}, kind: source.ErrUnavailable,
			text: `503 Service Unavailable: the server failed: it says "no sorry [31m & bye"`, verdict: []limit.Verdict{f, f, f, f},
			waits: []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}},
		{name: "no retries", serve: []http.HandlerFunc{status(502)}, change: func(c *Config) { c.Retries = -1 },
			kind: source.ErrUnavailable, text: "502", verdict: []limit.Verdict{f}},
		{name: "429 seconds", serve: []http.HandlerFunc{status(429, "Retry-After", " 7 "), ok}, body: "fine",
			verdict: []limit.Verdict{l, h}, waits: []time.Duration{7*time.Second + 250*time.Millisecond}},
		{name: "429 date", serve: []http.HandlerFunc{
			status(429, "Retry-After", "Wed, 01 Jan 2020 00:00:30 GMT", "Date", "Wed, 01 Jan 2020 00:00:10 GMT"), ok}, body: "fine",
			verdict: []limit.Verdict{l, h}, waits: []time.Duration{20*time.Second + 250*time.Millisecond}},
		{name: "429 for long", serve: []http.HandlerFunc{status(429, "Retry-After", "3600")}, kind: source.ErrThrottled,
			text: "asks to wait 1h0m0s", verdict: []limit.Verdict{l}},
		{name: "429 about one value", serve: []http.HandlerFunc{status(429, "Retry-After", "7", source.ScopeHeader, source.ScopeIndicator), ok},
			kind: source.ErrThrottled, text: "no answer for this value now", verdict: []limit.Verdict{h}},
		{name: "502 about one value", serve: []http.HandlerFunc{status(502, source.ScopeHeader, source.ScopeIndicator), ok},
			kind: source.ErrUnavailable, text: "no answer for this value now", verdict: []limit.Verdict{h}},
		{name: "404 about one value", serve: []http.HandlerFunc{status(404, source.ScopeHeader, source.ScopeIndicator)},
			kind: source.ErrRefused, text: "base_url may be wrong", verdict: []limit.Verdict{h}},
		{name: "401", serve: []http.HandlerFunc{status(401)}, kind: source.ErrRefused, text: "api_key is not set", verdict: []limit.Verdict{h}},
		{name: "403 with key", serve: []http.HandlerFunc{status(403)}, kind: source.ErrRefused, text: "check api_key", verdict: []limit.Verdict{h},
			change: func(c *Config) { c.Secret = http.Header{"X-Key": {"sesame-0042"}} }},
		{name: "403 bot check", serve: []http.HandlerFunc{status(403, "Cf-Mitigated", "challenge")}, kind: source.ErrRefused,
			text: "Cloudflare bot check", verdict: []limit.Verdict{h}},
		{name: "503 bot check is not asked again", serve: []http.HandlerFunc{status(503, "Cf-Mitigated", "challenge")}, kind: source.ErrRefused,
			text: "Cloudflare bot check", verdict: []limit.Verdict{f}},
		{name: "521", serve: []http.HandlerFunc{status(521), ok}, body: "fine", verdict: []limit.Verdict{f, h}, waits: []time.Duration{250 * time.Millisecond}},
		{name: "404", serve: []http.HandlerFunc{status(404)}, kind: source.ErrRefused, text: "base_url may be wrong", verdict: []limit.Verdict{h}},
		{name: "400", serve: []http.HandlerFunc{status(400)}, kind: source.ErrRefused, text: "400 Bad Request", verdict: []limit.Verdict{h}},
		{name: "204 is no answer", serve: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }},
			kind: source.ErrMalformed, text: "204", verdict: []limit.Verdict{h}},
		{name: "too large", serve: []http.HandlerFunc{ok}, change: func(c *Config) { c.MaxBody = 3 }, kind: source.ErrTooLarge,
			text: "larger than 3 bytes", verdict: []limit.Verdict{h}},
		{name: "just large enough", serve: []http.HandlerFunc{ok}, change: func(c *Config) { c.MaxBody = 4 }, body: "fine", verdict: []limit.Verdict{h}},
		{name: "gzip bomb", serve: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			zero := make([]byte, 1<<20)
			for range 9 {
				z.Write(zero)
			}
			z.Close()
		}}, kind: source.ErrTooLarge, text: "larger than 8 MiB", verdict: []limit.Verdict{h}},
		{name: "gzip", serve: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, "packed")
			z.Close()
		}}, body: "packed", verdict: []limit.Verdict{h}},
		{name: "no gzip", serve: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "this is not gzip")
		}}, kind: source.ErrMalformed, text: "gzip", verdict: []limit.Verdict{h}},
		{name: "truncated", serve: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
		}, ok}, body: "fine", verdict: []limit.Verdict{f, h}, waits: []time.Duration{250 * time.Millisecond}},
		{name: "hangs up", serve: []http.HandlerFunc{hangUp}, change: func(c *Config) { c.Retries = 1 },
			kind: source.ErrUnavailable, text: "closed the connection", verdict: []limit.Verdict{f, f}, waits: []time.Duration{250 * time.Millisecond}},
		{name: "check says overloaded", serve: []http.HandlerFunc{ok}, change: func(c *Config) { c.Retries = 1 },
			check: func(*Response) error { return fmt.Errorf("busy: %w", source.ErrUnavailable) },
			kind:  source.ErrUnavailable, text: "busy", verdict: []limit.Verdict{f, f}, waits: []time.Duration{250 * time.Millisecond}},
		{name: "check says throttled", serve: []http.HandlerFunc{ok}, change: func(c *Config) { c.Retries = -1 },
			check: func(*Response) error { return source.ErrThrottled }, kind: source.ErrThrottled, verdict: []limit.Verdict{l}},
		{name: "check says malformed", serve: []http.HandlerFunc{ok},
			check: func(*Response) error { return source.ErrMalformed }, kind: source.ErrMalformed, verdict: []limit.Verdict{h}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int64
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				i := min(int(n.Add(1)), len(tt.serve))
				tt.serve[i-1](w, r)
			}))
			defer srv.Close()
			gate := newGate()
			c, s := client(t, srv.URL, gate, tt.change)
			resp, err := c.Do(context.Background(), Request{Path: "a", Query: "q=x", Check: tt.check})
			if !errors.Is(err, tt.kind) || (err == nil) != (tt.kind == nil) {
				t.Fatalf("error %v, want %v", err, tt.kind)
			}
			if err == nil && string(resp.Body) != tt.body {
				t.Errorf("body %q", resp.Body)
			}
			if err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q does not say %q", err, tt.text)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\r\n\x1b") {
				t.Errorf("error %q has control characters", err)
			}
			gate.check(t, tt.verdict...)
			if fmt.Sprint(s.waits) != fmt.Sprint(tt.waits) {
				t.Errorf("waits %v, want %v", s.waits, tt.waits)
			}
			if c.Sent() != n.Load() {
				t.Errorf("counted %d requests, the server %d", c.Sent(), n.Load())
			}
			for _, o := range gate.outcomes {
				if o.Seen.IsZero() {
					t.Error("a request that was sent counts as never seen")
				}
			}
		})
	}
}

// TestRequest: what reaches the server is what was asked, and nothing else.
func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	c, _ := client(t, srv.URL+"/in%20tel", newGate(), func(c *Config) {
		c.Secret = http.Header{"x-api-key": {"sesame"}}
		c.UserAgent = UserAgent("1.2.3")
	})
	if _, err := c.Do(context.Background(), Request{Path: "a%2Fb/", Query: "v=1%262"}); err != nil {
		t.Fatal(err)
	}
	if got.RequestURI != "/in%20tel/a%2Fb/?v=1%262" {
		t.Errorf("request URI %q", got.RequestURI)
	}
	if got.Method != "GET" || got.ContentLength != 0 || len(got.TransferEncoding) != 0 {
		t.Errorf("%s with length %d, %v", got.Method, got.ContentLength, got.TransferEncoding)
	}
	if got.Header.Get("X-Api-Key") != "sesame" || got.UserAgent() != "tclookup/1.2.3 (+https://github.com/tclookup/tclookup)" ||
		got.Header.Get("Accept-Encoding") != "gzip" {
		t.Errorf("header %v", got.Header)
	}
	if _, err := c.Do(context.Background(), Request{Method: "POST", Path: "p", Body: []byte("x=1"),
		Header: http.Header{"Content-Type": {"text/x"}}}); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || string(body) != "x=1" || got.ContentLength != 3 || got.Header.Get("Content-Type") != "text/x" {
		t.Errorf("%s %q of length %d, %v", got.Method, body, got.ContentLength, got.Header)
	}
}

func TestBadPaths(t *testing.T) {
	c, _ := client(t, "http://intel.example/api/", newGate(), nil)
	for _, r := range []Request{
		{Path: "../x"}, {Path: "a/%2e%2e/b"}, {Path: "a b"}, {Path: "a?b"}, {Path: "a#b"}, {Path: `a\b`}, {Path: "%zz"},
		{Path: "é"}, {Query: "a b"}, {Query: "a#b"}, {Query: "a\r\nb"}, {Query: "\x7f"},
	} {
		if u, err := c.resolve(r); err == nil {
			t.Errorf("%+v gives %s", r, u)
		}
	}
	for _, r := range []Request{{Path: "//evil.example/x"}, {Path: "@evil.example/"}, {Path: "http:%2F%2Fevil.example"}, {Path: ":80@evil.example"}} {
		u, err := c.resolve(r)
		if err == nil && (u.Host != "intel.example" || !strings.HasPrefix(u.String(), "http://intel.example/api/")) {
			t.Errorf("%+v gives %s", r, u)
		}
	}
}

// TestNoSecrets: neither the key nor the query is in an error, not even when
// the server says them back.
func TestNoSecrets(t *testing.T) {
	const key = "s3same+open/00"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(401)
		fmt.Fprintf(w, "bad key %s, %s", r.Header.Get("X-Key"), strings.ReplaceAll(key, "+", "%2B"))
	}))
	defer srv.Close()
	c, _ := client(t, srv.URL, newGate(), func(c *Config) { c.Secret = http.Header{"X-Key": {key}} })
	_, err := c.Do(context.Background(), Request{Query: "v=hidden-value"})
	if err == nil || strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "hidden-value") {
		t.Errorf("error %v", err)
	}
	var e *Error
	if !errors.As(err, &e) || e.Status != 401 || e.Source != "intel" {
		t.Errorf("error %#v", e)
	}
}

// TestReuse: connections are used again, also after answers that say no.
func TestReuse(t *testing.T) {
	peers := map[string]bool{}
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		if n++; n%2 == 0 {
			w.WriteHeader(404)
		}
		io.WriteString(w, strings.Repeat("x", 10000))
	}))
	defer srv.Close()
	c, _ := client(t, srv.URL, newGate(), nil)
	for range 6 {
		c.Do(context.Background(), Request{})
	}
	if n != 6 || len(peers) != 1 {
		t.Errorf("%d requests over %d connections", n, len(peers))
	}
}
