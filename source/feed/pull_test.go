package feed

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// feedServer serves a list and counts how often it had to send it.
type feedServer struct {
	body, etag string
	status     int
	sent       int
	asked      []*http.Request
}

func (f *feedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, r)
	switch {
	case f.status != 0:
		w.WriteHeader(f.status)
	case r.URL.Path == "/away":
		http.Redirect(w, r, "http://198.51.100.1/list", http.StatusFound)
	case f.etag != "" && r.Header.Get("If-None-Match") == f.etag:
		w.WriteHeader(http.StatusNotModified)
	default:
		f.sent++
		w.Header().Set("ETag", f.etag)
		fmt.Fprint(w, f.body)
	}
}

func TestPull(t *testing.T) {
	f := &feedServer{body: "a.example\n", etag: `"1"`}
	srv := httptest.NewServer(f)
	defer srv.Close()
	s := store(t)
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	p := &Pull{
		Feed: "f", URL: srv.URL + "/list?x=y", Options: options(t), Interval: time.Hour, Header: "Auth-Key", Secret: "hidden",
		Proxy: "none", AllowPrivate: true, Now: func() time.Time { return now },
	}
	run := func() Pulled {
		t.Helper()
		out, err := p.Run(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	known := func(value string) bool {
		t.Helper()
		rep, _, err := s.Report(t.Context(), indicator.Indicator{Type: indicator.Domain, Value: value})
		if err != nil {
			t.Fatal(err)
		}
		return rep != nil
	}
	if out := run(); out.Generation.Facts != 1 || out.Generation.Source != srv.URL+"/list" || !known("a.example") {
		t.Errorf("%+v", out)
	}
	if r := f.asked[0]; r.Header.Get("Auth-Key") != "hidden" || r.URL.RawQuery != "x=y" || r.Header.Get("If-None-Match") != "" {
		t.Errorf("%+v", r)
	}
	if out := run(); !out.Next.Equal(now.Add(time.Hour)) || len(f.asked) != 1 {
		t.Errorf("%+v, asked %d times", out, len(f.asked))
	}
	now = now.Add(time.Hour)
	if out := run(); !out.Unchanged || f.sent != 1 || len(f.asked) != 2 {
		t.Errorf("%+v, sent %d times", out, f.sent)
	}
	// The same content under another tag is no new import.
	now, f.etag = now.Add(time.Hour), `"2"`
	if out := run(); !out.Unchanged || f.sent != 2 {
		t.Errorf("%+v, sent %d times", out, f.sent)
	}
	now, f.etag, f.body = now.Add(time.Hour), `"3"`, "b.example\n"
	if out := run(); out.Unchanged || !known("b.example") || known("a.example") {
		t.Errorf("%+v", out)
	}
	// A failing server, a page instead of a feed: what is there stays, and it
	// is asked again before the interval is over.
	for _, wrong := range []func(){func() { f.status = 404 }, func() { f.status, f.body, f.etag = 0, "<html>", "" }} {
		wrong()
		now = now.Add(time.Hour)
		for range 2 {
			if _, err := p.Run(t.Context(), s); err == nil || strings.Contains(err.Error(), "hidden") || !known("b.example") {
				t.Errorf("%v", err)
			}
		}
	}
	f.body, f.etag = "c.example\n", `"4"`
	if run(); !known("c.example") {
		t.Error("not imported after the fault")
	}
	// After an undo the server is asked for all of it.
	if _, _, err := s.Undo(t.Context(), "f", 0); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if run(); !known("c.example") {
		t.Error("not imported after an undo")
	}
	p.Force = true
	if out := run(); !out.Unchanged || f.asked[len(f.asked)-1].Header.Get("If-None-Match") != "" {
		t.Errorf("%+v", out)
	}
	p.Force, p.URL = false, srv.URL+"/away"
	if _, err := p.Run(t.Context(), s); !errors.Is(err, source.ErrRefused) {
		t.Errorf("redirect to another host: %v", err)
	}
	p.URL, p.MaxBytes = srv.URL+"/list", 5
	if _, err := p.Run(t.Context(), s); !errors.Is(err, source.ErrTooLarge) {
		t.Error(err)
	}
	p.MaxBytes, p.AllowPrivate = 0, false
	asked := len(f.asked)
	if _, err := p.Run(t.Context(), s); err == nil || !strings.Contains(err.Error(), "allow_private") || len(f.asked) != asked {
		t.Errorf("a private address: %v", err)
	}
	// A proxy may be in the own network: the server is its affair.
	p.URL, p.Proxy, f.body, f.etag = "http://feeds.example/list", srv.URL, "d.example\n", ""
	if run(); !known("d.example") || f.asked[len(f.asked)-1].Host != "feeds.example" {
		t.Error("not imported through the proxy")
	}
	p.URL = "nonsense"
	if _, err := p.Run(t.Context(), s); err == nil {
		t.Error("no address at all")
	}
}

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"198.51.100.1:80": true, "8.8.8.8:443": true, "[2001:db8::1]:80": true,
		"127.0.0.1:80": false, "10.0.0.1:80": false, "192.168.1.1:80": false, "169.254.169.254:80": false, "100.64.0.1:80": false,
		"0.0.0.0:80": false, "[::1]:80": false, "[fe80::1]:80": false, "[fd00::1]:80": false, "[::ffff:10.0.0.1]:80": false, "224.0.0.1:80": false, "x": false,
	} {
		if err := public(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}
