package scs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/cloud/scs/scstest"
	"github.com/tclookup/tclookup/internal/results"
)

func tenant(t testing.TB) *scstest.Server {
	t.Helper()
	s := scstest.Start()
	t.Cleanup(s.Close)
	return s
}

// conf is a configuration for a tenant that does not wait long between tries.
func conf(s *scstest.Server) Config {
	return Config{
		Tenant: scstest.Tenant, APIURL: s.URL, AuthURL: s.URL, ClientID: scstest.ClientID,
		ClientSecret: chunked.NewSecret(scstest.ClientSecret), Timeout: 20 * time.Second, Pause: time.Millisecond,
	}
}

func client(t testing.TB, s *scstest.Server, change func(*Config)) *Client {
	t.Helper()
	cfg := conf(s)
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// secrets checks that an error shows none, and is one line.
func secrets(t testing.TB, err error) {
	t.Helper()
	for _, secret := range []string{scstest.ClientSecret, "s3cret%2Fof", scstest.RefreshToken, "access-token-"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("a secret in %q", err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("several lines: %q", err)
	}
}

func TestConfig(t *testing.T) {
	s := tenant(t)
	for name, change := range map[string]func(*Config){
		"a tenant's name":        func(c *Config) { c.Tenant = "a/b" },
		"no client":              func(c *Config) { c.ClientID = "" },
		"one of the two":         func(c *Config) { c.RefreshToken = chunked.NewSecret("x") },
		"secret of the client":   func(c *Config) { c.ClientSecret = chunked.Secret{} },
		"has to be https":        func(c *Config) { c.AuthURL = "http://auth.example.com" },
		"give https://host":      func(c *Config) { c.APIURL = "ftp://x" },
		"more than scheme, host": func(c *Config) { c.APIURL = "https://u:p@x" },
		"is no URL":              func(c *Config) { c.APIURL = "https://\x00" },
	} {
		cfg := conf(s)
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// read reads a whole search.
func read(ctx context.Context, s *Search, rows int) (string, error) {
	sid, err := s.Start(ctx)
	if err != nil {
		return "", err
	}
	st, err := results.Wait(ctx, s, sid, func(*results.State) {})
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(results.NewReader(ctx, results.Options{Total: st.Total, PageRows: rows, Fetch: func(ctx context.Context, at int64, n int) (*results.Page, error) {
		return s.Page(ctx, sid, at, n)
	}}))
	return string(text), err
}

func TestSearch(t *testing.T) {
	s := tenant(t)
	s.Search = func(q string) *scstest.Job {
		return &scstest.Job{
			Fields: []string{"z", "a"}, Polls: 1,
			Rows: []string{`{"z":"1","a":12345678901234567890}`, `{"z":["x","y"]}`, `{"a":1.50}`},
		}
	}
	for name, change := range map[string]func(*Config){
		"client credentials": func(c *Config) { c.Scope = "backend" },
		"refresh token": func(c *Config) {
			c.ClientSecret, c.RefreshToken = chunked.Secret{}, chunked.NewSecret(scstest.RefreshToken)
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := read(t.Context(), &Search{Client: client(t, s, change), Query: "from main", Module: "m", Earliest: "-1d@d", Latest: "@d"}, 2)
			if err != nil || text != `{"z":"1","a":12345678901234567890}`+"\n"+`{"z":["x","y"]}`+"\n"+`{"a":1.50}`+"\n" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
	want := map[string]any{"query": "from main", "module": "m", "queryParameters": map[string]any{"earliest": "-1d@d", "latest": "@d"}}
	if got := s.Jobs["sid-1"].Request; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if n := s.Issued(); n != 2 {
		t.Errorf("%d tokens for two clients", n)
	}
	search := &Search{Client: client(t, s, nil)}
	if err := search.Cancel(t.Context(), "sid-1"); err != nil || s.Jobs["sid-1"].Status != "canceled" {
		t.Error(err)
	}
	if _, err := search.State(t.Context(), "sid-1"); err == nil || !strings.Contains(err.Error(), "been canceled") {
		t.Error(err)
	}
	s.Search = func(string) *scstest.Job { return &scstest.Job{Failed: "no such index"} }
	if _, err := read(t.Context(), search, 5); err == nil || !strings.Contains(err.Error(), "has failed: no such index") {
		t.Error(err)
	}
	s.Search = func(string) *scstest.Job { return nil }
	if _, err := read(t.Context(), search, 5); err == nil || !strings.Contains(err.Error(), "cannot parse the query") {
		t.Error(err)
	}
	if _, err := search.State(t.Context(), "nosuch"); err == nil || !strings.Contains(err.Error(), "HTTP 404") {
		t.Error(err)
	}
}

// A token that ends in the middle is renewed, once for all that wait for it.
func TestTokenExpires(t *testing.T) {
	s := tenant(t)
	s.Jobs["1"] = &scstest.Job{}
	search := &Search{Client: client(t, s, nil)}
	if _, err := search.State(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	s.Expire()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := search.State(t.Context(), "1"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.Issued(); n > 4 { // a request may begin with the old one while the new one comes
		t.Errorf("%d tokens were asked for", n)
	}
	s.ExpiresIn = 0 // said to be over at once: it is used until it is refused
	s.Expire()
	for range 3 {
		if _, err := search.State(t.Context(), "1"); err != nil {
			t.Error(err)
		}
	}
}

// A token near its end is renewed before it is refused.
func TestTokenRenewedEarly(t *testing.T) {
	s := tenant(t)
	s.Jobs["1"] = &scstest.Job{}
	c := client(t, s, nil)
	search := &Search{Client: c}
	for range 2 {
		if _, err := search.State(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
	}
	c.tokens.mu.Lock()
	c.tokens.have.StartTime -= 3590
	c.tokens.mu.Unlock()
	if _, err := search.State(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if n := s.Issued(); n != 2 {
		t.Errorf("%d tokens", n)
	}
}

func TestTokenRefused(t *testing.T) {
	s := tenant(t)
	for name, change := range map[string]func(*Config){
		"wrong secret":  func(c *Config) { c.ClientSecret = chunked.NewSecret("wrong secret\twith blank") },
		"wrong refresh": func(c *Config) { c.ClientSecret, c.RefreshToken = chunked.Secret{}, chunked.NewSecret("wrong-refresh") },
	} {
		before := len(s.Calls())
		_, err := (&Search{Client: client(t, s, change)}).Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no token from the identity provider") || strings.Contains(err.Error(), "with blank") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		secrets(t, err)
		if n := len(s.Calls()) - before; n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	// A service that takes no token ends with an error, not in a circle.
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"code":"unauthorized","message":"bad token\n%s"}`, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		return true
	}
	_, err := (&Search{Client: client(t, s, nil)}).State(t.Context(), "1")
	if err == nil || !strings.Contains(err.Error(), "HTTP 401") {
		t.Fatal(err)
	}
	secrets(t, err)
}

// What passes is tried again, and a search is not started twice.
func TestAgain(t *testing.T) {
	for _, tt := range []struct {
		status, times int // 0 cuts the connection
		reads, starts int
		ok            bool
	}{
		{429, 2, 3, 3, true}, {503, 2, 3, 3, true}, {500, 2, 3, 1, true}, {0, 2, 3, 1, true},
		{429, 100, 8, 8, false}, {400, 1, 1, 1, false}, {302, 1, 1, 1, false},
	} {
		t.Run(fmt.Sprint(tt.status, "x", tt.times), func(t *testing.T) {
			s := tenant(t)
			s.Search = func(string) *scstest.Job { return &scstest.Job{} }
			s.Jobs["1"] = &scstest.Job{}
			var n atomic.Int64
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" || n.Add(1) > int64(tt.times) {
					return false
				}
				if tt.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Location", "http://elsewhere.example.com/")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, "<html>")
				return true
			}
			search := &Search{Client: client(t, s, nil)}
			if tt.status == 302 { // a fault of the network, as far as the SDK tells
				search.Client.tries = 1
			}
			_, err := search.State(t.Context(), "1")
			if (err == nil) != tt.ok || int(n.Load()) != tt.reads {
				t.Errorf("reading: %d requests, %v", n.Load(), err)
			}
			n.Store(0)
			_, err = search.Start(t.Context())
			if (err == nil) != (tt.ok && tt.starts > 1) || int(n.Load()) != tt.starts {
				t.Errorf("starting: %d requests, %v", n.Load(), err)
			}
		})
	}
}

// Every wait ends with the context, wherever the server hangs.
func TestCancelled(t *testing.T) {
	for _, where := range []string{"token", "header", "body", "again"} {
		t.Run(where, func(t *testing.T) {
			s := tenant(t)
			arrived, release := make(chan struct{}, 10), make(chan struct{})
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				if (r.URL.Path == "/token") != (where == "token") {
					return false
				}
				switch where {
				case "again":
					w.Header().Set("Retry-After", "100")
					w.WriteHeader(http.StatusTooManyRequests)
					arrived <- struct{}{}
					return true
				case "body":
					fmt.Fprint(w, `{"sid":`)
					_ = http.NewResponseController(w).Flush()
				}
				arrived <- struct{}{}
				<-release
				return true
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-arrived; cancel() }()
			_, err := (&Search{Client: client(t, s, nil)}).State(ctx, "1")
			if where == "again" {
				if err == nil || ctx.Err() == nil {
					t.Errorf("%v, %v", err, ctx.Err())
				}
			} else if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			close(release)
		})
	}
}

// The time for one request, and for a token, is bounded.
func TestTimeout(t *testing.T) {
	for _, where := range []string{"/token", "/ourtenant/search/v2beta1/jobs/1"} {
		s := tenant(t)
		release := make(chan struct{})
		s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != where {
				return false
			}
			<-release
			return true
		}
		_, err := (&Search{Client: client(t, s, func(c *Config) { c.Timeout, c.Tries = 50*time.Millisecond, 1 })}).State(t.Context(), "1")
		if err == nil || !strings.Contains(err.Error(), "within 50ms") {
			t.Errorf("%s: %v", where, err)
		}
		close(release)
	}
}

// What a service asks to wait is heard, and bounded.
func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-1": 0, "999999": maxRetryAfter, "99999999999999999999": maxRetryAfter, "x": 0,
		"Mon, 02 Jan 2006 15:04:05 GMT": 0, "Mon, 02 Jan 2090 15:04:05 GMT": maxRetryAfter,
	} {
		s := tenant(t)
		s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/ourtenant/search/v2beta1/jobs/1" {
				return false
			}
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		_, err := (&Search{Client: client(t, s, func(c *Config) { c.Tries = 1 })}).State(t.Context(), "1")
		var e *Error
		if !errors.As(err, &e) || e.after != want {
			t.Errorf("%q: %v, %+v, want %v", value, err, e, want)
		}
	}
}
