package threatcrowd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// fakeGate gives left tickets, then denies, and keeps the verdicts.
type fakeGate struct {
	left int
	deny error

	mu       sync.Mutex
	taken    int
	verdicts []limit.Verdict
}

func (g *fakeGate) Take(context.Context) (limit.Ticket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken >= g.left {
		return nil, g.deny
	}
	g.taken++
	return ticket{g}, nil
}

func (g *fakeGate) Status(context.Context) (limit.Status, error) { return limit.Status{}, nil }

type ticket struct{ g *fakeGate }

func (t ticket) Done(o limit.Outcome) {
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	t.g.verdicts = append(t.g.verdicts, o.Verdict)
}

func open() *fakeGate { return &fakeGate{left: 1 << 30} }

func client(t *testing.T, base string, gate limit.Gate, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{BaseURL: base, Gate: gate, Proxy: "none", Wait: func(<-chan struct{}, time.Duration) {}}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestEndpoints(t *testing.T) {
	var uri string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri = r.RequestURI
		io.WriteString(w, `{"response_code":"1","domains":["`+r.Method+`.example"]}`)
	}))
	defer srv.Close()
	type call func(context.Context, string) (*source.Report, []byte, error)
	for _, base := range []string{"", "/", "/searchApi/v2", "/searchApi/v2/", "/searchApi/", "//"} {
		c := client(t, srv.URL+base, open(), nil)
		for _, tt := range []struct {
			call       call
			value, uri string
		}{
			{c.DomainReport, " Evil.Example ", "domain/report/?domain=evil.example"},
			{c.IPReport, "192.0.2.1", "ip/report/?ip=192.0.2.1"},
			{c.IPReport, "2001:DB8::1", "ip/report/?ip=2001%3Adb8%3A%3A1"},
			{c.EmailReport, "Owner@Mail.Example", "email/report/?email=owner@mail.example"},
			{c.EmailReport, "o+w&n=er@mail.example", "email/report/?email=o%2Bw%26n%3Der@mail.example"},
			{c.FileReport, "0123456789ABCDEF0123456789ABCDEF", "file/report/?resource=0123456789abcdef0123456789abcdef"},
			{c.AntivirusReport, "Gen*Made Up/1#x", "antivirus/report/?antivirus=Gen%2AMade%20Up%2F1%23x"},
		} {
			r, raw, err := tt.call(context.Background(), tt.value)
			if want := "/searchApi/v2/" + tt.uri; err != nil || uri != want {
				t.Fatalf("base %q: %v, asked for %q, want %q", base, err, uri, want)
			}
			if len(r.Domains) != 1 || r.Domains[0] != "get.example" || !strings.Contains(string(raw), "GET.example") {
				t.Errorf("%+v from %s", r, raw)
			}
		}
		if c.Requests() != 7 {
			t.Errorf("%d requests", c.Requests())
		}
	}
	c := client(t, srv.URL+"/pre/fix", open(), nil)
	if _, _, err := c.IPReport(context.Background(), "192.0.2.1"); err != nil || uri != "/pre/fix/searchApi/v2/ip/report/?ip=192.0.2.1" {
		t.Errorf("%v, asked for %q", err, uri)
	}
	for _, v := range []string{"", " ", strings.Repeat("x", 2049)} {
		if _, _, err := c.DomainReport(context.Background(), v); err == nil {
			t.Errorf("value of %d bytes was sent", len(v))
		}
	}
}

func TestNewErrors(t *testing.T) {
	for base, text := range map[string]string{
		"": "base_url is not set", "intel.example": "scheme", "https://intel.example/searchApi/v2/domain/report/": "searchApi/v2/",
		"https://u:hunter2@intel.example/": "user name", "https://intel.example/?x=y": "query",
	} {
		_, err := New(Config{BaseURL: base, Gate: open()})
		if err == nil || !strings.Contains(err.Error(), text) || !strings.HasPrefix(err.Error(), "threatcrowd: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("base %q: %v", base, err)
		}
	}
}

// TestAnswers: every answer of the server ends in the right status, and only
// what the API calls "not found" is NotFound.
func TestAnswers(t *testing.T) {
	const page = `<html><head><title>503 Service Temporarily Unavailable</title></head></html>`
	tests := []struct {
		name    string
		status  int
		body    string
		header  string
		want    source.Status
		kind    error
		text    string
		tickets int
	}{
		{"found", 200, `{"response_code":"1","votes":-1}`, "", source.Found, nil, "", 1},
		{"not found", 200, `{"response_code":"0"}`, "", source.NotFound, nil, "", 1},
		{"empty", 200, ``, "", source.NotFound, nil, "", 1},
		{"message", 200, `{"message":"Empty"}`, "", source.Failed, source.ErrMalformed, "no response_code", 1},
		{"text", 200, "oh no\r\n", "", source.Failed, source.ErrMalformed, `not a JSON object: check that base_url leads to a ThreatCrowd API (text/plain): it says "oh no"`, 1},
		{"array", 200, `[]`, "", source.Failed, source.ErrMalformed, "not a JSON object", 1},
		{"html with 200", 200, page, "", source.Failed, source.ErrMalformed, `it says "503 Service Temporarily Unavailable"`, 1},
		{"overload", 200, "Too many connections", "", source.Failed, source.ErrUnavailable, "overloaded", 3},
		{"html with 503", 503, page, "", source.Failed, source.ErrUnavailable, "503", 3},
		{"404", 404, `{"response_code":"0"}`, "", source.Failed, source.ErrRefused, "base_url may be wrong", 1},
		{"403 challenge", 403, "<title>Just a moment...</title> Cloudflare", "", source.Failed, source.ErrRefused, "bot check", 1},
		{"429", 429, "slow down", "9999", source.Limited, source.ErrThrottled, "asks to wait", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			}))
			defer srv.Close()
			gate := open()
			c := client(t, srv.URL, gate, func(c *Config) { c.Retries = 2 })
			var got source.Result
			before := time.Now()
			c.Lookup(context.Background(), []indicator.Indicator{{Type: indicator.IP, Value: "192.0.2.1"}}, func(_ int, r source.Result) { got = r })
			if got.Status != tt.want || !errors.Is(got.Err, tt.kind) || got.Source != "threatcrowd" || got.Origin != source.Live {
				t.Fatalf("%+v", got)
			}
			if (got.Status == source.Found) != (string(got.Raw) == tt.body && got.Raw != nil) {
				t.Errorf("raw %q", got.Raw)
			}
			if ok := got.Status == source.Found || got.Status == source.NotFound; ok != (got.Err == nil) || ok && got.Fetched.Before(before) {
				t.Errorf("error %v, fetched %v", got.Err, got.Fetched)
			}
			if got.Err != nil && !strings.Contains(got.Err.Error(), tt.text) {
				t.Errorf("error %q does not say %q", got.Err, tt.text)
			}
			if got.Status == source.Found && got.Summary.Verdict != source.Malicious {
				t.Errorf("summary %+v", got.Summary)
			}
			if gate.taken != tt.tickets || len(gate.verdicts) != tt.tickets {
				t.Errorf("%d tickets, %d given back, want %d", gate.taken, len(gate.verdicts), tt.tickets)
			}
		})
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer srv.Close()
	if r, raw, err := client(t, srv.URL, open(), nil).DomainReport(context.Background(), "a.example"); !errors.Is(err, ErrNotFound) || r != nil || raw != nil {
		t.Errorf("%v, %q, %v", r, raw, err)
	}
}

// many returns n indicators.
func many(n int) []indicator.Indicator {
	in := make([]indicator.Indicator, n)
	for i := range in {
		in[i] = indicator.Indicator{Type: indicator.Domain, Value: fmt.Sprintf("h%d.example", i)}
	}
	return in
}

// lookup calls Lookup and checks its promises about done.
func lookup(t *testing.T, ctx context.Context, c *Client, in []indicator.Indicator) []source.Result {
	t.Helper()
	out := make([]source.Result, len(in))
	count := make([]int, len(in))
	var inside atomic.Int32
	c.Lookup(ctx, in, func(i int, r source.Result) {
		if inside.Add(1) != 1 {
			t.Error("two calls of done at once")
		}
		out[i] = r
		count[i]++
		inside.Add(-1)
	})
	for i, n := range count {
		if n != 1 {
			t.Fatalf("indicator %d was answered %d times", i, n)
		}
	}
	return out
}

// TestFanOut: as many requests as allowed are open at once, never more, and
// the most wanted are asked first.
func TestFanOut(t *testing.T) {
	var now, most atomic.Int64
	var mu sync.Mutex
	var order []string
	full := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		mu.Lock()
		order = append(order, r.URL.Query().Get("domain"))
		most.Store(max(most.Load(), n))
		if len(order) == 3 {
			close(full)
		}
		mu.Unlock()
		<-full // the first three meet here
		io.WriteString(w, `{"response_code":"1"}`)
	}))
	defer srv.Close()
	c := client(t, srv.URL, open(), func(c *Config) { c.Concurrency = 3 })
	in := many(20)
	for i, r := range lookup(t, context.Background(), c, in) {
		if r.Status != source.Found {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if most.Load() != 3 {
		t.Errorf("%d requests at once, want 3", most.Load())
	}
	for i, v := range order { // with three at work none is ahead by more
		var n int
		fmt.Sscanf(v, "h%d.example", &n)
		if n > i+3 {
			t.Errorf("%s was asked as number %d", v, i)
		}
	}
	if got := lookup(t, context.Background(), c, nil); len(got) != 0 {
		t.Error(got)
	}
}

// TestDenied: after the first denial nothing more is asked of the gate.
func TestDenied(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"response_code":"0"}`)
	}))
	defer srv.Close()
	for _, reason := range []limit.Reason{limit.Budget, limit.Open, limit.Spent} {
		deny := &limit.Denied{Reason: reason, Retry: time.Minute}
		takes := 0
		gate := &countingGate{fakeGate: &fakeGate{left: 3, deny: deny}, takes: &takes}
		c := client(t, srv.URL, gate, func(c *Config) { c.Concurrency = 1 })
		in := many(10)
		in[8].Type = indicator.None
		for i, r := range lookup(t, context.Background(), c, in) {
			want := source.Limited
			switch {
			case i < 3:
				want = source.NotFound
			case i == 8:
				want = source.Unsupported
			}
			var d *limit.Denied
			if r.Status != want || (want == source.Limited) != (errors.As(r.Err, &d) && d == deny) {
				t.Errorf("%d: %+v", i, r)
			}
		}
		if takes != 4 {
			t.Errorf("the gate was asked %d times", takes)
		}
	}
}

type countingGate struct {
	*fakeGate
	takes *int
}

func (g *countingGate) Take(ctx context.Context) (limit.Ticket, error) {
	*g.takes++
	return g.fakeGate.Take(ctx)
}

// TestEnd: when ctx ends, all that is open is answered, as the end was.
func TestEnd(t *testing.T) {
	arrived := make(chan struct{}, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer srv.Close()
	c := client(t, srv.URL, open(), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	for i, r := range lookup(t, ctx, c, many(9)) {
		if r.Status != source.Limited || !errors.Is(r.Err, context.DeadlineExceeded) {
			t.Errorf("deadline: %d: %+v", i, r)
		}
	}
	for len(arrived) > 0 {
		<-arrived
	}
	ctx, cancel = context.WithCancel(context.Background())
	go func() {
		<-arrived
		cancel()
	}()
	for i, r := range lookup(t, ctx, c, many(9)) {
		if r.Status != source.Failed || !errors.Is(r.Err, context.Canceled) {
			t.Errorf("interrupted: %d: %+v", i, r)
		}
	}
}

// TestTypes: what the configuration does not want asked is not asked.
func TestTypes(t *testing.T) {
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n++ }))
	defer srv.Close()
	c := client(t, srv.URL, open(), func(c *Config) {
		c.Types, c.Name, c.APIKey = indicator.Types(indicator.IP), "mine", "sesame"
	})
	if c.Types() != indicator.Types(indicator.IP) || c.Name() != "mine" {
		t.Errorf("%v, %q", c.Types(), c.Name())
	}
	got := lookup(t, context.Background(), c, []indicator.Indicator{{Type: indicator.Domain, Value: "a.example"}, {Type: indicator.IP, Value: "192.0.2.1"}})
	if got[0].Status != source.Unsupported || got[1].Status != source.NotFound || n != 1 || got[1].Source != "mine" {
		t.Errorf("%+v after %d requests", got, n)
	}
	if client(t, srv.URL, open(), nil).Types() != indicator.AllTypes {
		t.Error("the default is not all types")
	}
}
