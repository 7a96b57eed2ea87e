package threatcrowd

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

func TestVote(t *testing.T) {
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.RequestURI+" "+r.Header.Get("X-Api-Key"))
		_, _ = io.WriteString(w, "<html>thanks</html>")
	}))
	defer srv.Close()
	domain := indicator.Indicator{Type: indicator.Domain, Value: "evil.example"}
	for _, tt := range []struct {
		base      string
		ind       indicator.Indicator
		malicious bool
		want      string
	}{
		{"", domain, true, "GET /vote.php?vote=0&value=evil.example k3y"},
		{"/searchApi/v2/", domain, false, "GET /vote.php?vote=1&value=evil.example k3y"},
		{"/tc/searchApi/v2", indicator.Indicator{Type: indicator.IP, Value: "2001:db8::1"}, true, "GET /tc/vote.php?vote=0&value=2001%3Adb8%3A%3A1 k3y"},
	} {
		got = nil
		gate := open()
		c := client(t, srv.URL+tt.base, gate, func(c *Config) { c.APIKey = "k3y" })
		if err := c.Vote(t.Context(), tt.ind, tt.malicious); err != nil {
			t.Error(err)
		}
		if len(got) != 1 || got[0] != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		if gate.taken != 1 || c.Requests() != 1 {
			t.Errorf("%d tickets for %d requests", gate.taken, c.Requests())
		}
	}
	got = nil
	c := client(t, srv.URL, open(), nil)
	for _, ind := range []indicator.Indicator{
		{Type: indicator.Hash, Value: "31d0e421894004393c48de1769744687"}, {Type: indicator.Email, Value: "a@b.example"}, {Type: indicator.Domain},
		{Type: indicator.Domain, Value: strings.Repeat("a", maxValue+1)}, {},
	} {
		if err := c.Vote(t.Context(), ind, true); err == nil {
			t.Errorf("%v: a vote is cast", ind.Type)
		}
	}
	if got != nil {
		t.Errorf("%q was sent", got)
	}
}

// A vote is sent once, whatever happens to it, and never without a ticket.
func TestVoteFails(t *testing.T) {
	status, n := http.StatusServiceUnavailable, 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.WriteHeader(status)
	}))
	defer srv.Close()
	ind := indicator.Indicator{Type: indicator.Domain, Value: "evil.example"}
	c := client(t, srv.URL, open(), func(c *Config) { c.Retries = 3 })
	for s, want := range map[int]error{503: source.ErrUnavailable, 429: source.ErrThrottled, 403: source.ErrRefused, 404: source.ErrRefused} {
		n, status = 0, s
		if err := c.Vote(t.Context(), ind, true); !errors.Is(err, want) || n != 1 {
			t.Errorf("HTTP %d: %v after %d requests", s, err, n)
		}
	}
	n = 0
	c = client(t, srv.URL, &fakeGate{deny: &limit.Denied{}}, nil)
	if err := c.Vote(t.Context(), ind, true); !errors.Is(err, limit.ErrDenied) || n != 0 {
		t.Errorf("without a ticket: %v after %d requests", err, n)
	}
}
