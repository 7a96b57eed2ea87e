package service

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

const domainPath = "/searchApi/v2/domain/report/?domain="

var bad = &source.Report{
	Summary:     source.Summary{Verdict: source.Malicious, Votes: -1, HasVotes: true, Related: 2},
	Resolutions: []source.Resolution{{Value: "198.51.100.7", LastSeen: "2026-05-06"}}, Emails: []string{"who@mail.example"},
}

// TestReports: the API page's own requests, from the local intelligence, byte
// for byte.
func TestReports(t *testing.T) {
	h := newHouse(t, nil)
	for v, r := range map[string]*source.Report{
		"owner@aol.example": {Domains: []string{"aoldaily.com", "cnndaily.com"}, Summary: source.Summary{Related: 2, Verdict: source.Malicious}},
		"aoldaily.com":      bad,
		"188.40.75.132":     {Resolutions: []source.Resolution{{Value: "a.example"}}, Summary: source.Summary{Related: 1, Verdict: source.Harmless}},
		"plugx":             {Hashes: []string{"31d0e421894004393c48de1769744687"}, Summary: source.Summary{Related: 1, Verdict: source.Malicious}},
		"ec8c89aa5e521572c74e2dd02a4daf78": {MD5: "ec8c89aa5e521572c74e2dd02a4daf78", SHA1: "da39a3ee5e6b4b0d3255bfef95601890afd80709", Scans: []string{"W32/A"},
			IPs: []string{"198.51.100.7"}, Domains: []string{"b.example"}, References: []string{"http://blog.example/"}, Summary: source.Summary{Related: 3, Verdict: source.Malicious}},
	} {
		h.local.set(v, r)
	}
	for target, want := range map[string]string{
		"/searchApi/v2/email/report/?email=owner@aol.example": `{"response_code":"1","domains":["aoldaily.com","cnndaily.com"],"references":[],"permalink":"https:\/\/tc.corp.example\/email.php?email=owner@aol.example"}`,
		domainPath + "AOLdaily.com": `{"response_code":"1","resolutions":[{"last_resolved":"2026-05-06","ip_address":"198.51.100.7"}],"hashes":[],"emails":["who@mail.example"],` +
			`"subdomains":[],"references":[],"votes":-1,"permalink":"https:\/\/tc.corp.example\/domain.php?domain=aoldaily.com"}`,
		"/searchApi/v2/ip/report/?ip=188.40.75.132": `{"response_code":"1","resolutions":[{"last_resolved":"0000-00-00","domain":"a.example"}],"hashes":[],"references":[],"votes":0,` +
			`"permalink":"https:\/\/tc.corp.example\/ip.php?ip=188.40.75.132"}`,
		"/searchApi/v2/antivirus/report/?antivirus=plugx": `{"response_code":"1","hashes":["31d0e421894004393c48de1769744687"],"references":[],"permalink":"https:\/\/tc.corp.example\/listMalware.php?antivirus=plugx"}`,
		"/searchApi/v2/file/report/?resource=EC8C89AA5E521572C74E2DD02A4DAF78": `{"response_code":"1","md5":"ec8c89aa5e521572c74e2dd02a4daf78","sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709","scans":["W32\/A"],` +
			`"ips":["198.51.100.7"],"domains":["b.example"],"references":["http:\/\/blog.example\/"],"permalink":"https:\/\/tc.corp.example\/malware.php?md5=ec8c89aa5e521572c74e2dd02a4daf78"}`,
		domainPath + "nothing.example": `{"response_code":"0"}`, domainPath: `{"response_code":"0"}`,
		domainPath + "%0d%0aSet-Cookie:x": `{"response_code":"0"}`, "/searchApi/v2/ip/report/?ip=http://169.254.169.254/": `{"response_code":"0"}`,
	} {
		for range 2 { // the second time from a ready answer
			w := h.get(target)
			if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Age") != "" {
				t.Errorf("%s: %d %v %s", target, w.Code, w.Header(), diff)
			}
		}
	}
	const file = "/searchApi/v2/file/report/?resource=ec8c89aa5e521572c74e2dd02a4daf78"
	w := h.get(file, "Accept-Encoding", "gzip")
	if z, err := gzip.NewReader(w.Body); err != nil || w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("%v %v", err, w.Header())
	} else if b, _ := io.ReadAll(z); string(b) != h.get(file).Body.String() {
		t.Errorf("%s", b)
	}
	if n := h.local.count("aoldaily.com"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	h.want(h.get("/searchApi/v2/url/report/?url=x"), 404, "no such endpoint")
	h.want(h.send("POST", domainPath+"x.example", ""), 405, "GET and HEAD")
	h.want(h.get(domainPath+strings.Repeat("x", 9000)), 414, "longer")
	h.want(h.get("/"), 404, "/openapi.json")
	h.want(h.get("/searchApi/v1/api.php?type=domain&query=aoldaily.com&displayDates=true"), 200,
		"IP,198.51.100.7,https://tc.corp.example/domain.php?domain=aoldaily.com,2026-05-06\r\nEMAIL,who@mail.example,https://tc.corp.example/domain.php?domain=aoldaily.com,")
	if w := h.get("/searchApi/v1/api.php?type=domain&query=nothing.example"); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// TestBroker: store first, then what is behind; and what the answers mean.
func TestBroker(t *testing.T) {
	h := newHouse(t, nil)
	h.local.set("known.example", bad)
	h.local.set("dns.example", &source.Report{Summary: source.Summary{Related: 1, LastSeen: "2026-11-01"}, Resolutions: []source.Resolution{{Value: "192.0.2.1", LastSeen: "2026-11-01"}}})
	h.local.set("listed.example", &source.Report{Summary: source.Summary{Verdict: source.Malicious}, References: []string{"https://feed.example/"}})
	h.local.set("slow.example", &source.Report{Summary: source.Summary{Verdict: source.Malicious}})
	h.local.set("only.example", &source.Report{Summary: source.Summary{Verdict: source.Malicious}})
	h.up.set("dns.example", &source.Report{Summary: source.Summary{Related: 2, Verdict: source.Harmless, HasVotes: true, Votes: 1, LastSeen: "2026-01-01", Permalink: "https://elsewhere.example/"},
		Resolutions: []source.Resolution{{Value: "192.0.2.2", LastSeen: "2026-01-01"}, {Value: "192.0.2.1", LastSeen: "2025-01-01"}}})
	h.up.set("listed.example", &source.Report{Summary: source.Summary{Related: 1}, Hashes: []string{"aa"}, References: []string{"https://feed.example/", "https://other.example/"}})
	h.up.set("new.example", bad)
	h.up.results["late.example"], h.up.results["slow.example"] = denied(90*time.Second), denied(90*time.Second)
	h.up.results["broken.example"] = source.Result{Status: source.Failed, Err: errors.New("certificate of secret-host expired")}
	h.up.results["old.example"] = source.Result{Status: source.NotFound, Origin: source.Stale, Fetched: now.Add(-time.Hour), Expires: now.Add(time.Second)}

	h.want(h.get(domainPath+"known.example"), 200, `"votes":-1`)
	if h.up.count("known.example") != 0 {
		t.Error("asked outside for what is known here")
	}
	h.want(h.get(domainPath+"dns.example"), 200, `[{"last_resolved":"2026-11-01","ip_address":"192.0.2.1"},{"last_resolved":"2026-01-01","ip_address":"192.0.2.2"}],"hashes":[],"emails":[],"subdomains":[],"references":[],"votes":1,"permalink":"https:\/\/tc.corp.example`)
	h.want(h.get(domainPath+"listed.example"), 200, `"hashes":["aa"],"emails":[],"subdomains":[],"references":["https:\/\/feed.example\/","https:\/\/other.example\/"]`)
	h.want(h.get(domainPath+"only.example"), 200, `"response_code":"1"`)
	h.want(h.get(domainPath+"new.example"), 200, `"votes":-1`)
	if w := h.get(domainPath + "new.example"); w.Header().Get("Age") != "0" {
		t.Errorf("age %q", w.Header().Get("Age"))
	}
	if w := h.get(domainPath + "old.example"); w.Header().Get("Age") != "3600" || w.Body.String() != `{"response_code":"0"}` {
		t.Errorf("age %q: %s", w.Header().Get("Age"), w.Body)
	}
	w := h.get(domainPath + "late.example")
	h.want(w, 429, "queued: ")
	if w.Header().Get("Retry-After") != "90" || w.Header().Get(source.ScopeHeader) != source.ScopeIndicator {
		t.Errorf("%v", w.Header())
	}
	h.want(h.get("/searchApi/v1/api.php?type=domain&query=late.example"), 429, "queued: ")
	w = h.get(domainPath + "broken.example")
	h.want(w, 502, "a source behind this service failed")
	if strings.Contains(w.Body.String(), "secret-host") || !strings.Contains(h.log.String(), "secret-host") || w.Header().Get(source.ScopeHeader) == "" {
		t.Errorf("%s; log %s", w.Body, h.log)
	}
	// What is known here is told although the source behind cannot be asked
	// now, and the source is asked again.
	for range 2 {
		h.want(h.get(domainPath+"slow.example"), 200, `"response_code":"1"`)
		h.now = h.now.Add(2 * time.Second)
	}
	if n := h.up.count("slow.example"); n != 2 {
		t.Errorf("asked %d times", n)
	}
	want := []string{"late.example", "late.example", "slow.example", "slow.example"}
	var got []string
	for _, ind := range h.queued {
		got = append(got, ind.Value)
	}
	if !slices.Equal(got, want) {
		t.Errorf("queued %q", got)
	}
	h.up.mu.Lock()
	h.up.broken = errors.New("gone")
	h.up.mu.Unlock()
	h.want(h.get(domainPath+"only.example"), 200, `"response_code":"1"`)
}

func TestSkippedWithoutQueue(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Queue = nil })
	h.up.results["late.example"] = source.Result{Status: source.Limited, Err: context.DeadlineExceeded}
	w := h.get(domainPath + "late.example")
	h.want(w, 429, "skipped: ")
	if w.Header().Get("Retry-After") != "10" {
		t.Errorf("%v", w.Header())
	}
	h2 := newHouse(t, func(o *Options) {
		o.Queue = func(context.Context, []indicator.Indicator) error { return errors.New("disk full") }
	})
	h2.up.results["late.example"] = denied(0)
	h2.want(h2.get(domainPath+"late.example"), 429, "skipped: ")
}

// TestNothingPrivateLeaves: what is excluded, and what is no indicator, is
// asked for in this house only, by every path.
func TestNothingPrivateLeaves(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		var err error
		if o.Rules, err = indicator.NewRules(indicator.RulesConfig{Suffixes: []string{"corp.example"}, Defaults: true}); err != nil {
			t.Fatal(err)
		}
	})
	h.local.set("10.1.2.3", &source.Report{Summary: source.Summary{Related: 1}, Resolutions: []source.Resolution{{Value: "printer.corp.example"}}})
	for _, tt := range []struct{ kind, param, value string }{
		{"ip", "ip", "10.1.2.3"}, {"ip", "ip", "::ffff:192.168.1.1"}, {"ip", "ip", "169.254.169.254"}, {"domain", "domain", "printer.corp.example"},
		{"domain", "domain", "localhost"}, {"domain", "domain", "a.b@c"}, {"domain", "domain", "http://evil.com/"}, {"domain", "domain", "10.1.2.3"},
		{"email", "email", "me@corp.example"}, {"email", "email", "a b@evil.com"}, {"file", "resource", "not-a-hash"}, {"domain", "domain", "evil.com/../../x"},
	} {
		h.get("/searchApi/v2/" + tt.kind + "/report/?" + tt.param + "=" + url.QueryEscape(tt.value))
		h.get("/searchApi/v1/api.php?type=" + tt.kind + "&query=" + url.QueryEscape(tt.value))
		b, _ := json.Marshal([]string{tt.value})
		h.send("POST", "/v1/lookup", string(b))
	}
	// Of a URL the host is asked for, and nothing else.
	if h.up.count("evil.com") == 0 || h.up.total() != h.up.count("evil.com") {
		t.Errorf("asked outside for %v", h.up.asked)
	}
	h.want(h.get("/searchApi/v2/ip/report/?ip=10.1.2.3"), 200, "printer.corp.example")
	w := h.send("POST", "/v1/lookup", `["10.1.2.3","192.168.1.1"]`)
	h.want(w, 200, `"status":"excluded"`)
	h.want(w, 200, `"status":"found"`)
}

func TestImportsAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(o *Options) { o.Now = time.Now; o.Upstream = nil })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Watch(ctx); close(done) }()
		synctest.Wait()
		h.want(h.get(domainPath+"a.example"), 200, `"response_code":"0"`)
		h.local.set("a.example", bad)
		h.want(h.get(domainPath+"a.example"), 200, `"response_code":"0"`) // for a moment
		time.Sleep(1100 * time.Millisecond)
		h.want(h.get(domainPath+"a.example"), 200, `"response_code":"1"`)
		h.local.mu.Lock()
		h.local.broken = errors.New("disk on fire")
		h.local.mu.Unlock()
		time.Sleep(5 * time.Second)
		h.want(h.get(domainPath+"a.example"), 502, "failed")
		h.want(h.get("/readyz"), 503, "cannot be read")
		h.want(h.get("/healthz"), 200, "ok")
		if n := strings.Count(h.log.String(), "the local intelligence cannot be read"); n != 1 {
			t.Errorf("said %d times", n)
		}
		cancel()
		<-done
	})
}

// A report that was read before a change is not kept as the answer after it.
func TestLateReportIsNotKept(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Upstream = nil })
	h.local.wait = make(chan struct{})
	got := make(chan *httptest.ResponseRecorder)
	go func() { got <- h.get(domainPath + "a.example") }()
	for len(h.slots) == 0 {
		time.Sleep(time.Millisecond)
	}
	h.bodies.purge() // an import
	close(h.local.wait)
	<-got
	if h.bodies.store.Len() != 0 || h.bodies.bytes != 0 {
		t.Error("it is kept")
	}
}

func TestBodiesBound(t *testing.T) {
	c := newBodies(100_000)
	ind := func(i int) indicator.Indicator {
		return indicator.Indicator{Type: indicator.Domain, Value: fmt.Sprint(i, ".example")}
	}
	for i := range 1000 {
		b := newBody(make([]byte, i%600))
		b.expiry = now.Add(time.Hour)
		c.put(ind(i%700), b, c.age())
		var sum int64
		for _, k := range c.store.Keys() {
			v, _ := c.store.Peek(k)
			sum += v.cost(k)
		}
		if c.bytes != sum || sum > 100_000 {
			t.Fatalf("%d bytes counted, %d held", c.bytes, sum)
		}
	}
	if c.store.Len() < 50 {
		t.Errorf("only %d held", c.store.Len())
	}
	c.put(ind(5000), newBody(make([]byte, 50_000)), c.age())
	if c.get(ind(5000), now) != nil {
		t.Error("one answer takes half of the room")
	}
	if c.get(ind(999%700), now.Add(2*time.Hour)) != nil {
		t.Error("an expired answer is given")
	}
	c.purge()
	if c.bytes != 0 {
		t.Errorf("%d bytes after the purge", c.bytes)
	}
}

func TestFeeds(t *testing.T) {
	h := newHouse(t, nil)
	for i := range 30 {
		h.local.set(fmt.Sprintf("d%02d.example", i), bad)
	}
	h.local.set("198.51.100.7", bad)
	h.local.set("good.example", &source.Report{})
	w := h.get("/feeds/domains.txt")
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	if len(lines) != 30 || lines[0] != "d00.example" || !slices.IsSorted(lines) || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d lines %v", len(lines), w.Header())
	}
	h.want(h.get("/feeds/ips.txt"), 200, "198.51.100.7\n")
	tag, modified := w.Header().Get("ETag"), w.Header().Get("Last-Modified")
	z := h.get("/feeds/domains.txt", "Accept-Encoding", "gzip")
	zipped, err := gzip.NewReader(z.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(zipped); string(b) != w.Body.String() || z.Header().Get("ETag") == tag || z.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v\n%s", z.Header(), b)
	}
	for _, header := range [][]string{{"If-None-Match", tag}, {"If-None-Match", `"x", ` + tag}, {"If-Modified-Since", modified}, {"If-None-Match", z.Header().Get("ETag"), "Accept-Encoding", "gzip"}} {
		if w := h.get("/feeds/domains.txt", header...); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("%q: %d, %d bytes", header, w.Code, w.Body.Len())
		}
	}
	// A change of something else makes no new feed.
	h.now = h.now.Add(time.Hour)
	h.local.set("good.example", &source.Report{Summary: source.Summary{Related: 1}})
	if w := h.get("/feeds/domains.txt", "If-Modified-Since", modified); w.Code != 304 {
		t.Errorf("%d although nothing has changed", w.Code)
	}
	h.local.set("new.example", bad)
	h.want(h.get("/feeds/domains.txt", "If-None-Match", tag, "If-Modified-Since", modified), 200, "new.example\n")
	h.want(h.get("/feeds/hardcore.txt"), 404, "domains.txt, ips.txt and hashes.txt")
	h.want(h.send("DELETE", "/feeds/ips.txt", ""), 405, "GET")
	h.local.mu.Lock()
	h.local.broken = errors.New("torn")
	h.local.mu.Unlock()
	h.want(h.get("/feeds/domains.txt"), 503, "cannot be made")
}

func TestVotes(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Upstream = nil })
	form := "application/x-www-form-urlencoded"
	vote := func(tok, body string, header ...string) *httptest.ResponseRecorder {
		header = append(header, "Content-Type", form)
		if tok != "" {
			header = append(header, "Authorization", "Bearer "+tok)
		}
		return h.send("POST", "/vote.php", body, header...)
	}
	report := domainPath + "bad.example"
	h.want(h.get(report), 200, `"response_code":"0"`)
	h.want(vote("", "vote=0&value=bad.example"), 403, "token that may vote")
	h.want(vote(h.reader, "vote=0&value=bad.example"), 403, "token that may vote")
	h.want(vote("tcs_wrong", "vote=0&value=bad.example"), 401, "not known")
	h.want(vote(h.voter, "vote=0&value=BAD[.]example"), 200, "The vote of token:voter about bad.example is kept")
	h.want(h.get(report), 200, `"votes":-1`)
	h.want(vote(h.voter, "vote=1&value=bad.example"), 200, "")
	h.want(h.get(report), 200, `"votes":1`)
	h.want(vote(h.voter, "vote=none&value=bad.example"), 200, "")
	h.want(h.get(report), 200, `"response_code":"0"`)
	for body, code := range map[string]int{
		"vote=2&value=bad.example": 400, "value=bad.example": 400, "vote=1": 400, "vote=1&value=": 400, "vote=1&value=%00x.example%0d%0aSet:": 400, "": 400,
		"vote=1&value=" + strings.Repeat("x", 20000): 413,
	} {
		if w := vote(h.voter, body); w.Code != code || strings.ContainsAny(strings.TrimSuffix(w.Body.String(), "\n"), "\r\n<") {
			t.Errorf("%.60q: %d %s", body, w.Code, w.Body)
		}
	}
	h.want(h.send("POST", "/vote.php", "{}", "Authorization", "Bearer "+h.voter, "Content-Type", "application/json"), 415, "form")
	// A page elsewhere cannot vote with what a browser knows.
	basic := "Basic " + basicOf("x", h.voter)
	h.want(h.send("POST", "/vote.php", "vote=1&value=bad.example", "Authorization", basic, "Content-Type", form, "Sec-Fetch-Site", "cross-site"), 403, "other sites")
	h.want(h.send("POST", "/vote.php", "vote=1&value=bad.example", "Authorization", basic, "Content-Type", form, "Origin", "https://evil.example"), 403, "other sites")
	h.want(h.send("POST", "/vote.php", "vote=1&value=bad.example", "Authorization", basic, "Content-Type", form, "Sec-Fetch-Site", "same-origin"), 200, "kept")
	// GET: as tclookup votes, with its key; not as the original took it.
	const target = "/vote.php?vote=0&value=bad.example"
	h.want(h.get(target), 405, "get_votes")
	h.want(h.get(target, "Authorization", basic), 405, "get_votes")
	h.want(h.get(target, "X-Api-Key", h.reader), 405, "get_votes")
	h.want(h.get(target, "X-Api-Key", h.voter), 200, "kept")
	h.want(h.send("PUT", target, ""), 405, "POST")
	h.local.mu.Lock()
	h.local.broken = errors.New("disk full")
	h.local.mu.Unlock()
	h.want(vote(h.voter, "vote=0&value=bad.example"), 503, "could not be kept")

	open := newHouse(t, func(o *Options) { o.Access.GetVotes = true })
	open.want(open.get(target), 200, "address:127.0.0.1")
	open.want(open.get(target, "Sec-Fetch-Site", "cross-site"), 403, "other sites")
	open.want(open.get(target, "X-Api-Key", open.reader), 403, "may vote")
	if len(open.local.votes["bad.example"]) != 1 {
		t.Errorf("votes %v", open.local.votes)
	}
	none := newHouse(t, func(o *Options) { o.Votes = nil })
	none.want(none.get(target), 404, "no votes")
}

func TestAccess(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Access.Open = false })
	for _, target := range []string{domainPath + "a.example", "/searchApi/v1/api.php?type=ip&query=198.51.100.7", "/vote.php", "/feeds/ips.txt", "/v1/lookup", "/metrics", "/", "/searchApi/v2/x"} {
		w := h.get(target)
		h.want(w, 401, "a token is needed")
		if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: %v", target, w.Header())
		}
	}
	for _, target := range []string{"/healthz", "/readyz", "/openapi.json"} {
		h.want(h.get(target), 200, "")
	}
	for _, header := range [][]string{
		{"Authorization", "Bearer " + h.reader}, {"Authorization", "bearer  " + h.reader}, {"X-Api-Key", h.reader}, {"Authorization", "Basic " + basicOf("anyone", h.reader)}, {"X-Api-Key", h.voter},
	} {
		h.want(h.get(domainPath+"a.example", header...), 200, "response_code")
	}
	for _, header := range [][]string{
		{"Authorization", "Bearer x"}, {"Authorization", h.reader}, {"Authorization", "Bearer " + h.reader + "x"}, {"X-Api-Key", "tcs_"}, {"Authorization", "Basic !!!"},
		{"Authorization", "Basic " + basicOf(h.reader, "")}, {"Authorization", "Digest " + h.reader},
	} {
		if w := h.get(domainPath+"a.example", header...); w.Code != 401 {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
	if s := h.log.String(); strings.Contains(s, h.reader) {
		t.Error("a token is in the log")
	}
}

func TestHosts(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Access.Hosts = []string{"localhost", "127.0.0.1", "::1"} })
	for _, host := range []string{"localhost:8080", "LOCALHOST", "127.0.0.1:1", "[::1]:8080", "[::1]"} {
		h.want(h.get("/healthz", "Host", host), 200, "ok")
	}
	for _, host := range []string{"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "localhost.evil.example:80"} {
		h.want(h.get(domainPath+"a.example", "Host", host), 421, "does not go by that name")
	}
}

func TestClientRate(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Access.Rate, o.Access.Burst = 0.001, 3 })
	count := func(header ...string) (n int) {
		for range 10 {
			if w := h.get("/searchApi/v2/ip/report/?ip=x", header...); w.Code == 200 {
				n++
			} else if w.Code != 429 || w.Header().Get("Retry-After") == "" || w.Header().Get(source.ScopeHeader) != "" {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		}
		return n
	}
	for _, tt := range []struct {
		header []string
		want   int
	}{
		{[]string{"Remote", "198.51.100.1:1000"}, 3}, {[]string{"Remote", "198.51.100.1:2000"}, 0}, {[]string{"Remote", "198.51.100.2:1000"}, 3},
		{[]string{"Remote", "[2001:db8::1]:1"}, 3}, {[]string{"Remote", "[2001:db8::2]:1"}, 0}, {[]string{"Remote", "[2001:db8:0:1::1]:1"}, 3},
		{[]string{"Remote", "198.51.100.1:1", "X-Api-Key", h.reader}, 3}, {[]string{"X-Api-Key", h.reader}, 0}, {nil, 10},
	} {
		if n := count(tt.header...); n != tt.want {
			t.Errorf("%q: %d requests, want %d", tt.header, n, tt.want)
		}
	}
	for i := range maxClients + 10 {
		h.limits.take(fmt.Sprint(i))
	}
	if n := h.limits.clients.Len(); n != maxClients {
		t.Errorf("%d clients held", n)
	}
}

func basicOf(user, pass string) string {
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth(user, pass)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}

func TestBusy(t *testing.T) {
	h := newHouse(t, nil)
	for range maxSlots {
		h.slots <- struct{}{}
	}
	for _, w := range []*httptest.ResponseRecorder{h.get(domainPath + "a.example"), h.send("POST", "/v1/lookup", `["a.example"]`), h.get("/searchApi/v1/api.php?type=domain&query=a.example")} {
		h.want(w, 503, "too many look-ups")
		if w.Header().Get("Retry-After") == "" || w.Header().Get(source.ScopeHeader) != "" {
			t.Errorf("%v", w.Header())
		}
	}
}

func TestMetrics(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Budgets = func(context.Context) []Budget { return []Budget{{"threatcrowd", 4}} }
		o.Sent = func() int64 { return 7 }
	})
	h.get(domainPath + "a.example")
	h.get(domainPath + "a.example")
	h.up.results["late.example"] = denied(time.Second)
	h.get(domainPath + "late.example")
	w := h.get("/metrics")
	for _, want := range []string{
		`tclookup_requests_total{path="report",code="200"} 2`, `tclookup_requests_total{path="report",code="429"} 1`, "tclookup_ready_hits_total 1", `tclookup_lookups_total{status="not_found"} 1`,
		`tclookup_lookups_total{status="queued"} 1`, `tclookup_upstream_available{source="threatcrowd"} 4`, "tclookup_upstream_requests_total 7", `tclookup_request_seconds_bucket{path="report",le="+Inf"} 3`,
		`tclookup_request_seconds_count{path="report"} 3`, "tclookup_ready_answers 1", "tclookup_open_requests 1",
	} {
		h.want(w, 200, want+"\n")
	}
	// The form that Prometheus reads: a TYPE before each name, no name twice.
	typed := map[string]bool{}
	for line := range strings.Lines(w.Body.String()) {
		f := strings.Fields(line)
		if f[0] == "#" {
			if f[1] == "TYPE" {
				if typed[f[2]] {
					t.Errorf("%s twice", f[2])
				}
				typed[f[2]] = true
			}
			continue
		}
		name, _, _ := strings.Cut(f[0], "{")
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if len(f) != 2 || !typed[name] && !typed[base] {
			t.Errorf("line %q", line)
		}
	}
}

// TestConcurrent: many clients, few indicators, imports and votes between; each
// answer is one of those that were right at some moment.
func TestConcurrent(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Now = time.Now })
	ctx, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() { h.Watch(ctx) })
	srv := httptest.NewServer(h)
	defer srv.Close()
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := range 100 {
				switch {
				case c == 0 && i%10 == 0:
					h.local.set(fmt.Sprintf("d%d.example", i%7), bad)
				case c == 1 && i%10 == 0:
					h.send("POST", "/vote.php", fmt.Sprintf("vote=%d&value=d%d.example", i%2, i%7), "X-Api-Key", h.voter)
				}
				resp, err := http.Get(srv.URL + domainPath + fmt.Sprintf("d%d.example", i%7))
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != 200 || !json.Valid(b) {
					t.Errorf("%d %v %s", resp.StatusCode, err, b)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	watch.Wait()
	if n := h.meter.requests[routeReport][0].Load(); n != 800 {
		t.Errorf("%d requests counted", n)
	}
	if n := h.meter.open.Load(); n != 0 {
		t.Errorf("%d requests open", n)
	}
	for i := range 7 {
		h.want(h.get(domainPath+fmt.Sprintf("d%d.example", i)), 200, `"response_code":"1"`)
	}
}

// TestHeaders: no answer can be taken for a page, put in a frame or kept by a
// shared cache.
func TestHeaders(t *testing.T) {
	h := newHouse(t, nil)
	for _, target := range []string{domainPath + "a.example", "/searchApi/v1/api.php", "/vote.php", "/v1/lookup", "/metrics", "/healthz", "/openapi.json", "/searchApi/v2/<script>"} {
		w := h.get(target)
		g := w.Header().Get
		if g("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(g("Content-Security-Policy"), "default-src 'none'") || g("Referrer-Policy") != "no-referrer" || g("Cache-Control") != "no-store" || strings.Contains(g("Content-Type"), "html") {
			t.Errorf("%s: %v", target, w.Header())
		}
	}
}

func TestPages(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Pages = func(s *Service) (http.Handler, error) {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				name, vote := Client(r)
				res, rep := s.Look(r.Context(), indicator.Indicator{Type: indicator.Domain, Value: "bad.example"})
				w.WriteHeader(http.StatusTeapot)
				fmt.Fprintf(w, "%s %s %t %t %s", r.URL.Path, name, vote, res.Status == source.Found, rep.Permalink)
			}), nil
		}
		o.Access.Open = false
		o.AccessLog = true
	})
	h.local.set("bad.example", bad)
	h.want(h.get("/domain.php?domain=a.example", "X-Api-Key", h.voter), 418, "/domain.php token:voter true true https://tc.corp.example/domain.php?domain=bad.example")
	h.want(h.get("/x", "X-Api-Key", h.reader), 418, "/x token:reader false")
	h.want(h.get("/x"), 401, "")
	if s := h.log.String(); strings.Count(s, "msg=request") != 3 || !strings.Contains(s, "status=418") || strings.Contains(s, h.voter) {
		t.Errorf("log %s", s)
	}
}
