package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// world is a source in memory.
type world struct {
	name    string
	reports map[indicator.Indicator]*source.Report
	result  *source.Result // the answer about everything else
	asked   []string
}

func (w *world) Name() string             { return w.name }
func (w *world) Types() indicator.TypeSet { return indicator.AllTypes }

func (w *world) Lookup(_ context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	for i, ind := range in {
		w.asked = append(w.asked, ind.Value)
		switch r := w.reports[ind]; {
		case r != nil:
			done(i, source.Result{Status: source.Found, Source: w.name, Origin: source.Disk, Fetched: now.Add(-time.Hour), Summary: r.Summary, Raw: []byte(ind.Value)})
		case w.result != nil:
			done(i, *w.result)
		default:
			done(i, source.Result{Status: source.NotFound, Source: w.name})
		}
	}
}

func (w *world) Decode(ind indicator.Indicator, _ []byte) (*source.Report, error) {
	if r := w.reports[ind]; r != nil {
		return r, nil
	}
	return nil, source.ErrMalformed
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

const (
	md5    = "0123456789abcdef0123456789abcdef"
	script = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
)

func domain(v string) indicator.Indicator {
	return indicator.Indicator{Type: indicator.Domain, Value: v}
}
func ip(v string) indicator.Indicator { return indicator.Indicator{Type: indicator.IP, Value: v} }

func evil() *world {
	many := make([]string, 150)
	for i := range many {
		many[i] = fmt.Sprintf("s%d.evil.com", i)
	}
	return &world{name: "world", reports: map[indicator.Indicator]*source.Report{
		domain("evil.com"): {
			Summary: source.Summary{Verdict: source.Malicious, Votes: -1, HasVotes: true, Related: 157, LastSeen: "2026-03-02", Permalink: "https://elsewhere.test/domain.php?domain=evil.com"},
			Resolutions: []source.Resolution{
				{Value: "8.8.4.4", LastSeen: "2026-03-02"}, {Value: "10.0.0.1", LastSeen: "2026-01-01"}, {Value: script},
			},
			Hashes: []string{md5}, Emails: []string{"who@mail.com", `"x"@` + script}, Subdomains: many,
			References: []string{"https://blog.example.net/a.html?x=1", "javascript:alert(1)", script, "httpblog.mangled.example"},
		},
		ip("8.8.4.4"):                      {Summary: source.Summary{Verdict: source.Harmless}, Resolutions: []source.Resolution{{Value: "evil.com", LastSeen: "2025-03-02"}, {Value: "far.com"}}},
		ip("10.0.0.1"):                     {Summary: source.Summary{Verdict: source.Suspicious}},
		{Type: indicator.Hash, Value: md5}: {MD5: md5, SHA1: md5 + "01234567", Scans: []string{"Trojan.X/<b>", "Worm:W32"}, IPs: []string{"8.8.4.4"}, Domains: []string{"evil.com"}},
		{Type: indicator.Email, Value: "who@mail.com"}:   {Domains: []string{"evil.com"}},
		{Type: indicator.Antivirus, Value: "Trojan.X A"}: {Hashes: []string{md5}},
	}}
}

// votes remembers votes; the header Voter names who may.
type votes struct {
	cast []string
	err  error
}

func (v *votes) Voter(r *http.Request) (string, bool) {
	name := r.Header.Get("Voter")
	if _, pass, ok := r.BasicAuth(); ok {
		name = pass
	}
	return name, name != ""
}

func (v *votes) Vote(_ *http.Request, ind indicator.Indicator, voter string, n int8) error {
	v.cast = append(v.cast, fmt.Sprintf("%s %s %s %d", voter, ind.Type, ind.Value, n))
	return v.err
}

// handler returns pages over a source.
func handler(t *testing.T, src source.Source, o Options) *Handler {
	t.Helper()
	var err error
	if o.Parser, err = indicator.NewParser(indicator.ParserConfig{}); err != nil {
		t.Fatal(err)
	}
	if o.Rules, err = indicator.NewRules(indicator.RulesConfig{Defaults: true}); err != nil {
		t.Fatal(err)
	}
	o.Lookup = Asking(src, o.Rules)
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	return send(h, http.MethodGet, target, nil, header...)
}

func send(h http.Handler, method, target string, form url.Values, header ...string) *httptest.ResponseRecorder {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, "http://tc.test"+target, body)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// check looks at a page as a strict reader does: each header that keeps the
// visitor safe, and in the text nothing that runs, fetches or leads elsewhere.
// It returns the text.
func check(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
		t.Errorf("leads to %q", to)
	}
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || w.Code/100 == 3 {
		return w.Body.String()
	}
	doc, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	var refs []string
	var text strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data + "\n")
		}
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "style", "iframe", "object", "embed", "img", "base", "foreignobject":
			t.Errorf("element %s", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style":
				t.Errorf("attribute %s of %s", a.Key, n.Data)
			case a.Key == "id":
				ids[a.Val]++
			case a.Key == "aria-labelledby", a.Key == "for":
				refs = append(refs, strings.Fields(a.Val)...)
			case a.Key == "href", a.Key == "action", a.Key == "src":
				if !strings.HasPrefix(a.Val, "#") && (!strings.HasPrefix(a.Val, "/") || strings.HasPrefix(a.Val, "//")) {
					t.Errorf("%s of %s leads elsewhere: %q", a.Key, n.Data, a.Val)
				}
				if id, ok := strings.CutPrefix(a.Val, "#"); ok {
					refs = append(refs, id)
				}
			}
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %s is there %d times", id, n)
		}
	}
	for _, id := range refs {
		if ids[id] == 0 {
			t.Errorf("no element has the id %s", id)
		}
	}
	if got := strings.Count(w.Body.String(), "<h1"); got != 1 {
		t.Errorf("%d main headings", got)
	}
	return text.String()
}

func TestPages(t *testing.T) {
	known := evil()
	known.name = "here"
	for _, c := range []struct {
		name, target string
		code         int
		want         []string
	}{
		{"home", "/", 200, []string{"What is known about it?"}},
		{"domain", "/domain.php?domain=evil.com", 200, []string{
			"evil.com", "malicious", "most votes say malicious", "world, disk, asked 60 minutes ago", "hxxps://elsewhere[.]test/domain.php?domain=evil.com",
			"hxxps://blog[.]example[.]net/a.html?x=1", "100 of ", "Show all rows", "Resolutions", "Registrants", "When it resolved", "What is related to evil.com", "never sent",
		}},
		{"defanged", "/domain.php?domain=hxxp%3A%2F%2Fevil%5B.%5Dcom%2Fx", 200, []string{"malicious"}},
		{"all rows", "/domain.php?domain=evil.com&all=1", 200, []string{"s149.evil.com"}},
		{"further", "/domain.php?domain=evil.com&depth=2", 200, []string{"far.com", "Beyond the first hop"}},
		{"ip", "/ip.php?ip=8.8.4.4", 200, []string{"harmless", "evil.com"}},
		{"excluded", "/ip.php?ip=10.0.0.2", 200, []string{"excluded", "never sent to anybody: private address"}},
		{"email", "/email.php?email=who@mail.com", 200, []string{"Domains registered with it"}},
		{"file", "/malware.php?md5=" + strings.ToUpper(md5), 200, []string{"SHA-1", "Trojan.X/<b>", "Detections", "The same file"}},
		{"antivirus", "/listMalware.php?antivirus=Trojan.X++A&page=2", 200, []string{"Files with this name"}},
		{"not found", "/domain.php?domain=nobody.com", 200, []string{"not found", "not the same as harmless"}},
		{"nothing", "/domain.php", 400, []string{"Nothing was asked for"}},
		{"wrong type", "/ip.php?ip=evil.com", 400, []string{"This is no IP address"}},
		{"script", "/domain.php?domain=" + url.QueryEscape(script), 400, []string{script}},
		{"search for nothing", "/search?q=+", 303, nil},
		{"search for a script", "/search?q=" + url.QueryEscape(script), 400, []string{"This is no indicator", "Look it up as an antivirus name"}},
		{"search type", "/search?q=a&type=person", 400, []string{"There is no such type"}},
		{"no page", "/nowhere.php?x=" + url.QueryEscape(script), 404, []string{"There is no such page"}},
		{"no file", "/static/../pages.go", 404, nil},
		{"no download", "/download/a.exe?type=domain&value=evil.com", 404, nil},
		{"download of nothing", "/download/related.csv?type=domain&value=nobody.com", 404, []string{"There is no report"}},
		{"download of no type", "/download/related.csv?type=auto&value=nobody.com", 404, nil},
		{"long", "/search?q=" + strings.Repeat("a", 9000), 414, nil},
		{"long value", "/search?q=" + strings.Repeat("a", 3000), 400, nil},
		{"robots", "/robots.txt", 200, []string{"Disallow: /"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := get(handler(t, evil(), Options{Known: known, Votes: &votes{}}), c.target)
			if w.Code != c.code && !(c.name == "no file" && w.Code == http.StatusMovedPermanently) {
				t.Errorf("code %d", w.Code)
			}
			text := check(t, w)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
		})
	}
}

// A permalink that leads to the page is not on it.
func TestOwnPermalink(t *testing.T) {
	if text := check(t, get(handler(t, evil(), Options{}), "/ip.php?ip=8.8.4.4")); strings.Contains(text, "Elsewhere") {
		t.Errorf("the page leads to itself:\n%s", text)
	}
}

// What must not be sent is not, whatever page asks, and a page asks its source
// about one thing.
func TestPagesAsk(t *testing.T) {
	w, known := evil(), evil()
	h := handler(t, w, Options{Known: known})
	for _, target := range []string{"/domain.php?domain=evil.com&depth=3", "/ip.php?ip=10.0.0.1", "/ip.php?ip=10.0.0.2", "/download/related.csv?type=ip&value=10.0.0.1", "/search?q=8.8.8.8"} {
		get(h, target)
	}
	if got := strings.Join(w.asked, " "); got != "evil.com" {
		t.Errorf("asked about %q", got)
	}
	for _, v := range known.asked {
		if strings.HasPrefix(v, "10.") {
			t.Errorf("asked about %s", v)
		}
	}
}

// A look-up that has something of one's own about a private address is shown.
func TestPrivate(t *testing.T) {
	h := handler(t, evil(), Options{})
	h.o.Lookup = func(_ context.Context, ind indicator.Indicator) (source.Result, *source.Report) {
		return source.Result{Status: source.Found, Source: "local"}, evil().reports[ind]
	}
	if text := check(t, get(h, "/ip.php?ip=10.0.0.1")); !strings.Contains(text, "suspicious") || !strings.Contains(text, "never sent to anybody: private address") {
		t.Errorf("got\n%s", text)
	}
	if w := get(h, "/ip.php?ip=10.9.9.9"); w.Code != 502 {
		t.Errorf("found without a report: %d", w.Code)
	}
}

func TestSearch(t *testing.T) {
	h := handler(t, evil(), Options{})
	for q, want := range map[string]string{
		"hxxps://Evil[.]com/path":         "/domain.php?domain=evil.com",
		" 8.8.4.4:443":                    "/ip.php?ip=8.8.4.4",
		"Who <who@Mail.com>":              "/email.php?email=who%40mail.com",
		strings.ToUpper(md5):              "/malware.php?md5=" + md5,
		"//evil.com/%2f..":                "/domain.php?domain=evil.com",
		"2001:4860:4860::8888":            "/ip.php?ip=2001%3A4860%3A4860%3A%3A8888",
		"http://evil.com\\@good.com/&x=1": "",
	} {
		w := get(h, "/search?q="+url.QueryEscape(q))
		if to := w.Header().Get("Location"); want != "" && (w.Code != http.StatusSeeOther || to != want) {
			t.Errorf("%q: %d to %q, want %q", q, w.Code, to, want)
		}
		check(t, w)
	}
	if to := get(h, "/search?type=antivirus&q=Trojan.X%20%20A").Header().Get("Location"); to != "/listMalware.php?antivirus=Trojan.X+A" {
		t.Errorf("antivirus: %q", to)
	}
}

func TestUnanswered(t *testing.T) {
	for _, c := range []struct {
		res  source.Result
		code int
		want string
	}{
		{source.Result{Status: source.Failed, Err: errors.New("no route <b>")}, 502, "A source failed: no route <b>."},
		{source.Result{Status: source.Limited, Err: errors.New("budget spent")}, 503, "It was not answered in time: budget spent."},
		{source.Result{}, 503, "It was not answered in time."},
		{source.Result{Status: source.Unsupported}, 200, "No source answers this type."},
	} {
		h := handler(t, &world{result: &c.res}, Options{})
		w := get(h, "/domain.php?domain=evil.com")
		if text := check(t, w); w.Code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%+v: %d\n%s", c.res, w.Code, text)
		}
		if w := get(h, "/download/report.json?type=domain&value=evil.com"); w.Code != max(c.code, 404) {
			t.Errorf("%+v: download %d", c.res, w.Code)
		}
	}
	h := handler(t, &world{name: "odd", reports: map[indicator.Indicator]*source.Report{}, result: &source.Result{Status: source.Found, Raw: []byte("x")}}, Options{})
	if w := get(h, "/domain.php?domain=evil.com"); w.Code != 502 {
		t.Errorf("a report that cannot be read: %d", w.Code)
	}
}

func TestDownloads(t *testing.T) {
	h := handler(t, evil(), Options{Known: evil()})
	for _, e := range exports {
		w := get(h, "/download/"+e.name+"?type=domain&value=evil.com&depth=2")
		check(t, w)
		disposition := w.Header().Get("Content-Disposition")
		if w.Code != 200 || w.Body.Len() == 0 || !strings.HasPrefix(disposition, `attachment; filename="evil.com`) {
			t.Errorf("%s: %d, %d bytes, %s", e.name, w.Code, w.Body.Len(), disposition)
		}
		if strings.HasSuffix(e.name, ".json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s is no JSON", e.name)
		}
		if head := send(h, http.MethodHead, "/download/"+e.name+"?type=domain&value=evil.com", nil); head.Body.Len() != 0 || head.Code != 200 {
			t.Errorf("%s: HEAD has %d bytes", e.name, head.Body.Len())
		}
	}
	if got := get(h, "/download/related.csv?type=domain&value=evil.com").Body.String(); !strings.Contains(got, "s149.evil.com") {
		t.Error("the CSV does not have everything")
	}
	for in, want := range map[string]string{"": "indicator", "..": "indicator", "a b\"/\\\r\n": "a_b_____", strings.Repeat("x", 200): strings.Repeat("x", 80)} {
		if got := fileName(in); got != want {
			t.Errorf("name for %q: %q", in, got)
		}
	}
}

// form takes the hidden fields out of a page.
func form(t *testing.T, w *httptest.ResponseRecorder) url.Values {
	t.Helper()
	doc, err := html.Parse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	v := url.Values{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" {
			continue
		}
		a := map[string]string{}
		for _, x := range n.Attr {
			a[x.Key] = x.Val
		}
		if a["type"] == "hidden" {
			v.Set(a["name"], a["value"])
		}
	}
	return v
}

func TestVote(t *testing.T) {
	v := &votes{}
	at := now
	h := handler(t, evil(), Options{Votes: v, Now: func() time.Time { return at }})
	page := func(who string) url.Values { return form(t, get(h, "/domain.php?domain=evil.com", "Voter", who)) }
	vote := func(f url.Values, word string, header ...string) *httptest.ResponseRecorder {
		f.Set("vote", word)
		w := send(h, http.MethodPost, "/vote", f, header...)
		check(t, w)
		return w
	}
	w := vote(page("ann"), "malicious", "Voter", "ann", "Sec-Fetch-Site", "same-origin")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/domain.php?domain=evil.com&voted=malicious" {
		t.Errorf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	if text := check(t, get(h, w.Header().Get("Location"), "Voter", "ann")); !strings.Contains(text, "Your vote, malicious, is counted.") || !strings.Contains(text, "ann") {
		t.Errorf("after the vote:\n%s", text)
	}
	vote(page("ann"), "none", "Voter", "ann")
	if got := strings.Join(v.cast, "; "); got != "ann domain evil.com -1; ann domain evil.com 0" {
		t.Errorf("votes: %s", got)
	}
	v.cast = nil

	other := page("ann")
	other.Set("value", "nobody.com")
	odd := page("ann")
	odd.Set("type", "auto")
	late := page("ann")
	for _, c := range []struct {
		name   string
		form   url.Values
		word   string
		code   int
		header []string
	}{
		{"another site", page("ann"), "harmless", 403, []string{"Voter", "ann", "Sec-Fetch-Site", "cross-site"}},
		{"another origin", page("ann"), "harmless", 403, []string{"Voter", "ann", "Origin", "https://evil.test"}},
		{"somebody else's form", page("ann"), "harmless", 403, []string{"Voter", "bob"}},
		{"another indicator", other, "harmless", 403, []string{"Voter", "ann"}},
		{"nobody", page("ann"), "harmless", 403, nil},
		{"no vote", page("ann"), "", 400, []string{"Voter", "ann"}},
		{"no type", odd, "harmless", 400, []string{"Voter", "ann"}},
		{"no token", url.Values{"type": {"domain"}, "value": {"evil.com"}}, "harmless", 403, []string{"Voter", "ann"}},
		{"token that is none", url.Values{"type": {"domain"}, "value": {"evil.com"}, "token": {"x"}}, "harmless", 403, []string{"Voter", "ann"}},
		{"nothing", url.Values{}, "harmless", 400, []string{"Voter", "ann"}},
		{"too large", url.Values{"token": {strings.Repeat("x", 9000)}}, "harmless", 400, []string{"Voter", "ann"}},
	} {
		if w := vote(c.form, c.word, c.header...); w.Code != c.code {
			t.Errorf("%s: %d", c.name, w.Code)
		}
	}
	at = now.Add(formLife + time.Second)
	if w := vote(late, "harmless", "Voter", "ann"); w.Code != 403 {
		t.Errorf("an old form: %d", w.Code)
	}
	at = now
	if w := send(h, http.MethodGet, "/vote?type=domain&value=evil.com&vote=malicious", nil, "Voter", "ann"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	if len(v.cast) > 0 {
		t.Errorf("votes were counted: %q", v.cast)
	}
	v.err = errors.New("disk full")
	if w := vote(page("ann"), "harmless", "Voter", "ann"); w.Code != 503 {
		t.Errorf("a vote that is not kept: %d", w.Code)
	}
	if w := send(handler(t, evil(), Options{}), http.MethodPost, "/vote", url.Values{}); w.Code != 404 {
		t.Errorf("no votes: %d", w.Code)
	}
}

func TestSignIn(t *testing.T) {
	h := handler(t, evil(), Options{Votes: &votes{}})
	const target = "/sign-in?type=domain&value=evil.com"
	w := get(h, target)
	if check(t, w); w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("%d, %q", w.Code, w.Header().Get("WWW-Authenticate"))
	}
	for target, to := range map[string]string{
		target: "/domain.php?domain=evil.com", "/sign-in?type=domain&value=%2F%2Fevil.org%2F": "/domain.php?domain=evil.org", "/sign-in?type=ip&value=%2F%2Fevil.org%2F": "/", "/sign-in": "/", "/sign-in?type=url&value=https://evil.com": "/",
		"/sign-in?type=antivirus&value=//evil.com": "/listMalware.php?antivirus=%2F%2Fevil.com",
	} {
		if w := get(h, target, "Voter", "ann"); w.Code != 303 || w.Header().Get("Location") != to {
			t.Errorf("%s: %d to %q", target, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestAssets(t *testing.T) {
	h := handler(t, evil(), Options{})
	w := get(h, "/static/style.css")
	css := w.Body.String()
	if w.Code != 200 || !strings.Contains(css, ".tc-graph") || !strings.Contains(css, "prefers-color-scheme: dark") {
		t.Errorf("style sheet: %d", w.Code)
	}
	if strings.Contains(css, "url(") || strings.Contains(css, "@import") {
		t.Error("the style sheet fetches something")
	}
	if w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("a new version's style sheet is not seen: %s", w.Header().Get("Cache-Control"))
	}
	if w := get(h, "/static/style.css", "If-None-Match", w.Header().Get("ETag")); w.Code != http.StatusNotModified {
		t.Errorf("again: %d", w.Code)
	}
	if w := send(h, http.MethodPost, "/static/style.css", url.Values{}); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	if w := get(h, "/static/icon.svg"); w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("icon: %s", w.Header().Get("Content-Type"))
	}
}

func TestNew(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("made from nothing")
	}
}

func TestDefang(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "https://a.b.com/x.html?y=z.w": "hxxps://a[.]b[.]com/x.html?y=z.w", "HTTP://A.com": "HXXP://A[.]com",
		"a.b/c.d": "a[.]b/c.d", "ftp://a.b": "ftp[:]//a[.]b", "javascript:alert(1)": "javascript:alert(1)", "https://a.b?c.d": "hxxps://a[.]b?c.d",
	} {
		if got := defang(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTicks(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct{ from, to, want string }{
		{"2026-01-20", "2026-02-10", "2026-02"},
		{"2025-11-20", "2026-03-10", "2025-12 2026-01 2026-02 2026-03"},
		{"2014-05-01", "2026-03-10", "2016 2018 2020 2022 2024 2026"},
		{"0001-01-02", "9999-12-31", "1000 2000 3000 4000 5000 6000 7000 8000 9000"},
	} {
		var got []string
		for _, x := range ticks(day(c.from), day(c.to)) {
			got = append(got, x.label)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s to %s: %q, want %s", c.from, c.to, got, c.want)
		}
	}
}

// Whatever is asked for, the page is safe and nothing panics.
func FuzzPages(f *testing.F) {
	for _, s := range []string{"evil.com", script, "//x", "\x00\xff", "{{.}}", "a'b\"c", "javascript:alert(1)", md5, "who@mail.com"} {
		f.Add(s, s)
	}
	h, err := newFuzzed()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value, named string) {
		w := evil()
		w.reports[domain("evil.com")].References = []string{named}
		w.reports[domain("evil.com")].Scans = []string{named}
		w.reports[domain("evil.com")].Resolutions[0].Value = named
		w.reports[domain("evil.com")].Resolutions[0].LastSeen = named
		w.reports[domain("evil.com")].Permalink = named
		h.o.Lookup, h.o.Known = Asking(w, h.o.Rules), w
		check(t, get(h, "/domain.php?domain=evil.com&depth=2"))
		v := url.QueryEscape(value)
		for _, k := range kinds {
			check(t, get(h, "/"+k.page+"?"+k.param+"="+v))
		}
		check(t, get(h, "/search?q="+v))
		check(t, get(h, "/sign-in?type=antivirus&value="+v))
	})
}

func newFuzzed() (*Handler, error) {
	p, err := indicator.NewParser(indicator.ParserConfig{})
	if err != nil {
		return nil, err
	}
	r, err := indicator.NewRules(indicator.RulesConfig{Defaults: true})
	if err != nil {
		return nil, err
	}
	return New(Options{Lookup: Asking(evil(), r), Parser: p, Rules: r, Votes: &votes{}})
}
