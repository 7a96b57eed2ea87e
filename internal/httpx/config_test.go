package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/source"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func TestNewErrors(t *testing.T) {
	tests := []struct {
		change func(*Config)
		text   string
	}{
		{func(c *Config) { c.BaseURL = "" }, "base_url is not set"},
		{func(c *Config) { c.BaseURL = "intel.example" }, "scheme"},
		{func(c *Config) { c.BaseURL = "ftp://intel.example/" }, "scheme"},
		{func(c *Config) { c.BaseURL = "http:///x" }, "no host"},
		{func(c *Config) { c.BaseURL = "http://a:b@intel.example/" }, "user name"},
		{func(c *Config) { c.BaseURL = "http://a:hunter2%zz@intel.example/" }, "not a URL"},
		{func(c *Config) { c.BaseURL = "http://intel.example/?a=b" }, "query"},
		{func(c *Config) { c.BaseURL = "http://intel.example/#x" }, "fragment"},
		{func(c *Config) { c.BaseURL = "http://intel.example:99999/" }, "port"},
		{func(c *Config) { c.BaseURL = "http://intel.example:/" }, "port"},
		{func(c *Config) { c.BaseURL = "http://in tel.example/" }, "not a URL"},
		{func(c *Config) { c.Gate = nil }, "no gate"},
		{func(c *Config) { c.Proxy = "gopher://proxy.example" }, "scheme"},
		{func(c *Config) { c.Proxy = "http://" }, "no host"},
		{func(c *Config) { c.Proxy = "http://u:hunter2@proxy.example:x" }, "not a URL"},
		{func(c *Config) { c.CAFile = "/nonexistent/ca.pem" }, "ca_file"},
		{func(c *Config) { c.CAFile = "config_test.go" }, "no certificate"},
		{func(c *Config) { c.Secret = http.Header{"X": {"hunter2\n"}} }, "api_key"},
		{func(c *Config) { c.UserAgent = "a\nb" }, "user agent"},
		{func(c *Config) { c.Timeout = -time.Second }, "negative"},
	}
	for _, tt := range tests {
		cfg := Config{Name: "intel", BaseURL: "http://intel.example/", Gate: newGate()}
		tt.change(&cfg)
		_, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), tt.text) || !strings.HasPrefix(err.Error(), "intel: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v does not say %q", err, tt.text)
		}
	}
}

func TestProxy(t *testing.T) {
	var asked string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI + " " + r.Header.Get("Proxy-Authorization")
		io.WriteString(w, "by proxy")
	}))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
	do := func(value string) error {
		asked = ""
		c, _ := client(t, "http://intel.invalid/x/", newGate(), func(c *Config) { c.Proxy, c.Retries = value, -1 })
		_, err := c.Do(context.Background(), Request{Path: "y"})
		return err
	}
	addr := strings.TrimPrefix(proxy.URL, "http://")
	for _, value := range []string{proxy.URL, addr} {
		if err := do(value); err != nil || !strings.HasPrefix(asked, "http://intel.invalid/x/y") {
			t.Errorf("proxy %q: %v, asked for %q", value, err, asked)
		}
	}
	if err := do("http://me:hunter2@" + addr); err != nil || !strings.HasSuffix(asked, " Basic bWU6aHVudGVyMg==") {
		t.Errorf("%v, asked for %q", err, asked)
	}
	t.Setenv("HTTP_PROXY", proxy.URL)
	if err := do(""); err != nil || asked == "" {
		t.Errorf("environment: %v, asked for %q", err, asked)
	}
	for _, value := range []string{"none", "direct"} {
		c, _ := client(t, "http://intel.invalid/", newGate(), func(c *Config) { c.Proxy = value })
		if c.transport.Proxy != nil {
			t.Errorf("%s: there is a proxy", value)
		}
	}
	proxy.Close()
	if err := do(proxy.URL); !errors.Is(err, source.ErrUnavailable) || !strings.Contains(err.Error(), "cannot reach the proxy: connection refused") {
		t.Errorf("dead proxy: %v", err)
	}
}

func TestRedirects(t *testing.T) {
	tests := []struct {
		from, to string
		want     string // the next URL, or what the error says
	}{
		{"http://intel.example/a", "/b?x=1#f", "http://intel.example/b?x=1"},
		{"http://intel.example/a", "b", "http://intel.example/b"},
		{"http://intel.example/a", "https://INTEL.example/a", "https://intel.example/a"},
		{"http://intel.example:8080/a", "https://intel.example/a", "https://intel.example/a"},
		{"http://intel.example:8080/a", "https://intel.example:8080/a", "https://intel.example:8080/a"},
		{"http://intel.example/a", "http://intel.example:80/b", "http://intel.example:80/b"},
		{"http://intel.example/a", "https://intel.example:8443/a", "another port"},
		{"http://intel.example/a", "http://intel.example:8080/a", "another port"},
		{"https://intel.example/a", "http://intel.example/a", "from https to http://intel.example"},
		{"https://intel.example/a", "https://www.intel.example/a", "redirects to https://www.intel.example, another host"},
		{"https://intel.example/a", "//evil.example/a", "another host"},
		{"https://intel.example/a", "https://intel.example@evil.example/a", "not followed"},
		{"https://intel.example/a", "https://me@intel.example/a", "not followed"},
		{"https://intel.example/a", "file:///etc/passwd", "not followed"},
		{"https://intel.example/a", "javascript:alert(1)", "not followed"},
		{"https://intel.example/a", "", "without a target"},
		{"https://intel.example/a", "http://[::1", "no URL"},
	}
	for _, tt := range tests {
		from, _ := url.Parse(tt.from)
		c, _ := client(t, from.Scheme+"://"+from.Host, newGate(), nil)
		got, err := c.redirect(&Request{}, from, 302, http.Header{"Location": {tt.to}})
		switch {
		case err != nil && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s to %s: %v", tt.from, tt.to, err)
		case err != nil && !errors.Is(err, source.ErrRefused) && !errors.Is(err, source.ErrMalformed):
			t.Errorf("%s to %s: %v has no kind", tt.from, tt.to, err)
		case err == nil && got.String() != tt.want:
			t.Errorf("%s to %s: %s", tt.from, tt.to, got)
		}
	}
}

func TestRedirectsCount(t *testing.T) {
	n := 0
	var keys []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		keys = append(keys, r.Header.Get("X-Key"))
		if n <= 2 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n), http.StatusFound)
		}
	}))
	defer srv.Close()
	gate := newGate()
	c, s := client(t, srv.URL, gate, func(c *Config) { c.Secret = http.Header{"X-Key": {"sesame"}} })
	if _, err := c.Do(context.Background(), Request{}); err != nil || gate.taken != 3 || c.Sent() != 3 || len(s.waits) != 0 {
		t.Errorf("%v, %d tickets, %d sent, waits %v", err, gate.taken, c.Sent(), s.waits)
	}
	if fmt.Sprint(keys) != "[sesame sesame sesame]" {
		t.Errorf("keys %q", keys)
	}
	n = -100
	if _, err := c.Do(context.Background(), Request{}); !errors.Is(err, source.ErrRefused) || n != -100+1+maxRedirects {
		t.Errorf("%v after %d requests", err, n+100)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	tests := []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0}, {"5", "", 5 * time.Second}, {" 5 ", "", 5 * time.Second}, {"1.5", "", 1500 * time.Millisecond},
		{`"5"`, "", 5 * time.Second}, {"5s", "", 5 * time.Second}, {"-5", "", 0}, {"NaN", "", 0}, {"soon", "", 0},
		{"99999999999999999999", "", maxRetryAfter}, {"Inf", "", maxRetryAfter},
		{date(time.Minute), "", time.Minute}, {date(-time.Minute), "", 0}, {date(1000 * time.Hour), "", maxRetryAfter},
		// The server's clock goes an hour ahead of, or behind, ours.
		{date(61 * time.Minute), date(time.Hour), time.Minute},
		{date(-59 * time.Minute), date(-time.Hour), time.Minute},
		{date(time.Minute), "nonsense", time.Minute},
		{now.Add(time.Minute).Format(time.RFC850), "", time.Minute},
		{now.Add(time.Minute).Format(time.ANSIC), "", time.Minute},
		{now.Add(time.Minute).Format(time.RFC1123Z), "", time.Minute},
	}
	for _, tt := range tests {
		h := http.Header{}
		h.Set("Retry-After", tt.value)
		h.Set("Date", tt.date)
		if got := RetryAfter(h, now); got != tt.want {
			t.Errorf("%q with date %q: %v, want %v", tt.value, tt.date, got, tt.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	r := 0.0
	c, _ := client(t, "http://intel.example/", newGate(), func(c *Config) { c.Rand = func() float64 { return r } })
	for n := range 70 {
		r = 0
		if d := c.backoff(n, 0); d != 0 {
			t.Errorf("retry %d: least wait %v", n, d)
		}
		r = 0.999999
		d := c.backoff(n, 0)
		if want := min(backoffCap, backoffBase<<min(n, 20)); d > want || d < want/2 {
			t.Errorf("retry %d: greatest wait %v, want about %v", n, d, want)
		}
		if d := c.backoff(n, time.Minute); d < time.Minute || d > time.Minute+backoffBase {
			t.Errorf("retry %d: %v after a minute asked for", n, d)
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"a.example": "a.example", "a b&c=d#e?f+g%h": "a%20b%26c%3Dd%23e%3Ff%2Bg%25h",
		"user@mail.example": "user@mail.example", "2001:db8::1": "2001%3Adb8%3A%3A1", "é\n": "%C3%A9%0A", "W32/X*Y": "W32%2FX%2AY",
	} {
		if got := Escape(in, "@"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if back, err := url.QueryUnescape(Escape(in, "@")); err != nil || back != in {
			t.Errorf("%q comes back as %q, %v", in, back, err)
		}
	}
}

func TestSnippet(t *testing.T) {
	long := strings.Repeat("é", 300)
	for in, want := range map[string]string{
		"": "", "plain\ttext\r\n": "plain text", "<p>a</p><STYLE>x{}</Style>b<!-- c > d -->e": "a b e",
		"a<script>never closed": "a", "x < y": "x", "\x1b[2Ja\u202eb\u200bc": "[2Jabc", "bad\xffutf": "bad\ufffdutf",
		"&lt;b&gt; stays": "&lt;b&gt; stays", "a\x00b": "(3 bytes that are no text)", long: strings.Repeat("é", 100) + "…",
	} {
		if got := Snippet([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzSnippet(f *testing.F) {
	f.Add([]byte("<html><script>a</script>b &amp; c</html>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := Snippet(body)
		if len(s) > snippetLen+len("…") || strings.ContainsAny(s, "\r\n\x1b\x00\u202e\u2028") || strings.ToValidUTF8(s, "") != s {
			t.Errorf("%q", s)
		}
	})
}
