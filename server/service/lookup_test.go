package service

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
	"github.com/tclookup/tclookup/source"
)

func TestLookup(t *testing.T) {
	h := newHouse(t, nil)
	h.local.set("bad.example", bad)
	h.up.set("plugx", &source.Report{Hashes: []string{"aa"}, Summary: source.Summary{Related: 1}})
	h.up.results["late.example"] = denied(5 * time.Second)
	h.up.results["torn.example"] = source.Result{Status: source.Failed, Err: fmt.Errorf("torn")}
	lines := []string{
		`"BAD[.]example"`, `{"value":"plugx","type":"antivirus"}`, `"nothing.example"`, `"me@corp.example"`, `"not an indicator"`, `"late.example"`, `"torn.example"`, `"bad.example"`, `{"type":"ip","value":"bad.example"}`,
	}
	want := []string{
		`{"value":"BAD[.]example","status":"found","type":"domain","indicator":"bad.example","source":"local","cache":"local","age":0,"report":{"indicator":"bad.example","type":"domain","source":"local","verdict":"malicious","votes":-1,"related":2,` +
			`"resolutions":[{"value":"198.51.100.7","last_seen":"2026-05-06"}],"emails":["who@mail.example"],"permalink":"https://tc.corp.example/domain.php?domain=bad.example"}}`,
		`{"value":"plugx","status":"found","type":"antivirus","indicator":"plugx","source":"threatcrowd","cache":"live","age":0,"report":{"indicator":"plugx","type":"antivirus","source":"threatcrowd","verdict":"unknown","related":1,"hashes":["aa"],` +
			`"permalink":"https://tc.corp.example/listMalware.php?antivirus=plugx"}}`,
		`{"value":"nothing.example","status":"not_found","type":"domain","indicator":"nothing.example","source":"threatcrowd","age":0}`,
		`{"value":"me@corp.example","status":"excluded","type":"email","indicator":"me@corp.example","error":"internal suffix .corp.example","source":"local","age":0}`,
		`{"value":"not an indicator","status":"invalid","error":"…"}`,
		`{"value":"late.example","status":"queued","type":"domain","indicator":"late.example","error":"request budget used up; next request possible in 5s","source":"threatcrowd"}`,
		`{"value":"torn.example","status":"error","type":"domain","indicator":"torn.example","error":"torn","source":"threatcrowd"}`,
		"", `{"value":"bad.example","status":"invalid","error":"…"}`,
	}
	want[7] = strings.Replace(want[0], "BAD[.]example", "bad.example", 1)
	errText := regexp.MustCompile(`("status":"invalid","error":)"[^"]+"`)
	check := func(name string, w *httptest.ResponseRecorder, got []string, typ string) {
		t.Helper()
		for i := range got {
			got[i] = errText.ReplaceAllString(got[i], `$1"…"`)
		}
		if diff := cmp.Diff(want, got); diff != "" || w.Code != 200 || w.Header().Get("Content-Type") != typ {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), diff)
		}
	}
	w := h.send("POST", "/v1/lookup", "\ufeff\r\n"+strings.Join(lines, "\r\n\n")+"\n", "Content-Type", "application/x-ndjson")
	check("lines", w, strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n"), "application/x-ndjson")
	w = h.send("POST", "/v1/lookup", " [ "+strings.Join(lines, ",\n")+"]\n", "Content-Type", "application/json; charset=utf-8")
	var array []json.RawMessage
	if err := json.Unmarshal(w.Body.Bytes(), &array); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	var got []string
	for _, a := range array {
		got = append(got, string(a))
	}
	check("array", w, got, "application/json")
	if h.local.count("bad.example") != 2 { // once in each request
		t.Errorf("asked %d times", h.local.count("bad.example"))
	}
	for body, want := range map[string]string{"": "", "\n\n": "", "[]": "[]\n", " [ ] ": "[]\n"} {
		if w := h.send("POST", "/v1/lookup", body); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%q: %d %q", body, w.Code, w.Body)
		}
	}
	var z bytes.Buffer
	zw := gzip.NewWriter(&z)
	_, _ = io.WriteString(zw, `"bad.example"`)
	_ = zw.Close()
	h.want(h.send("POST", "/v1/lookup?type=domain", z.String(), "Content-Encoding", "gzip"), 200, `"found"`)
	h.want(h.send("POST", "/v1/lookup?type=ip", `"bad.example"`), 200, `"invalid"`)
}

func TestLookupWrong(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.MaxValues = 3 })
	bomb := func() string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		zero := bytes.Repeat([]byte(" "), 1<<20)
		for range 20 {
			_, _ = z.Write(zero)
		}
		_ = z.Close()
		return b.String()
	}()
	for _, tt := range []struct {
		body   string
		header []string
		code   int
		text   string
	}{
		{`["a","b","c","d"]`, nil, 413, "the most in one request is 3"}, {"\"a\"\n\"b\"\n\"c\"\n\"d\"", nil, 413, "the most"},
		{"\"a\"\nbad.example", nil, 400, "line 2: a value is a JSON string"}, {`"a`, nil, 400, "line 1: broken JSON"}, {`{"val":"x"}`, nil, 400, "line 1: not an object such as"},
		{`{"value":7}`, nil, 400, "line 1"}, {`{"value":"x","type":"url"}`, nil, 400, "line 1: "}, {`["a",`, nil, 400, "element 2: broken JSON"}, {`["a"`, nil, 400, "array does not end"}, {`["a" "b"]`, nil, 400, "element 2"}, {`["a"] x`, nil, 400, "follows"},
		{`[["a"]]`, nil, 400, "element 1"}, {`[null]`, nil, 400, "element 1"}, {"7", nil, 400, "line 1"},
		{"x", []string{"Content-Encoding", "gzip"}, 400, "not"}, {"x", []string{"Content-Encoding", "br"}, 415, "gzip only"}, {bomb, []string{"Content-Encoding", "gzip"}, 413, "longer than"},
		{strings.Repeat(" ", maxLookupBody+1), nil, 413, "longer than"}, {"<x/>", []string{"Content-Type", "application/xml"}, 415, "JSON Lines"},
		{`"a"`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "other sites"},
	} {
		w := h.send("POST", "/v1/lookup", tt.body, tt.header...)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.text) {
			t.Errorf("%.40q: %d, want %d %q: %s", tt.body, w.Code, tt.code, tt.text, w.Body)
		}
	}
	h.want(h.send("POST", "/v1/lookup?type=url", `"a"`), 400, "type: ")
	h.want(h.get("/v1/lookup"), 405, "POST")
	if h.local.total()+h.up.total() != 0 {
		t.Error("something was asked for")
	}
}

// TestLookupStreams: the first batch is there before the last is asked for.
func TestLookupStreams(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Upstream = nil; o.Now = time.Now })
	gate := make(chan struct{})
	slow := &slowAfter{fake: h.local, first: lookupBatch, gate: gate}
	h.o.Local = slow
	srv := httptest.NewServer(h)
	defer srv.Close()
	var body strings.Builder
	for i := range lookupBatch + 10 {
		fmt.Fprintf(&body, "\"d%d.example\"\n", i)
	}
	resp, err := http.Post(srv.URL+"/v1/lookup", "application/x-ndjson", strings.NewReader(body.String()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for i := range lookupBatch + 10 {
		var f found
		if err := dec.Decode(&f); err != nil || f.Value != fmt.Sprintf("d%d.example", i) || f.Status != "not_found" {
			t.Fatalf("%d: %+v, %v", i, f, err)
		}
		if i == lookupBatch-1 {
			close(gate)
		}
	}
}

type slowAfter struct {
	*fake
	first int
	gate  chan struct{}
	seen  int
}

func (s *slowAfter) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	if s.seen >= s.first {
		<-s.gate
	}
	s.seen += len(in)
	s.fake.Lookup(ctx, in, done)
}

// TestLookupTime: once the time of a request is over, what is here is answered
// all the same.
func TestLookupTime(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.MaxWait = time.Nanosecond })
	var body strings.Builder
	for i := range 3 * lookupBatch {
		h.local.set(fmt.Sprintf("d%d.example", i), bad)
		fmt.Fprintf(&body, "\"d%d.example\"\n", i)
	}
	w := h.send("POST", "/v1/lookup", body.String())
	if n := strings.Count(w.Body.String(), `"status":"found"`); n != 3*lookupBatch {
		t.Errorf("%d found", n)
	}
}

// FuzzLookup: no body makes it panic; a body that is taken has one answer, in
// order, for each value.
func FuzzLookup(f *testing.F) {
	for _, s := range []string{`"a.example"`, "[\"a\",{\"value\":\"b\",\"type\":\"hash\"}]", "[", "{}", "\xff", `["\ud800"]`, "\"a\"\n\n{\"value\":\"\"}", `[1`, "[]]"} {
		f.Add([]byte(s))
	}
	h := newHouse(f, func(o *Options) { o.MaxValues = 50 })
	f.Fuzz(func(t *testing.T, body []byte) {
		list, array, err := parseValues(body, indicator.None, 50)
		w := h.send("POST", "/v1/lookup", string(body))
		if (err == nil) != (w.Code == 200) {
			t.Fatalf("%v, status %d", err, w.Code)
		}
		if err != nil {
			if strings.ContainsAny(strings.TrimSuffix(w.Body.String(), "\n"), "\r\n") {
				t.Errorf("the error has lines: %q", w.Body)
			}
			return
		}
		var values []string
		if array {
			var out []found
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
				t.Fatal(err)
			}
			for _, o := range out {
				values = append(values, o.Value)
			}
		} else {
			for line := range bytes.Lines(w.Body.Bytes()) {
				var o found
				if err := json.Unmarshal(line, &o); err != nil {
					t.Fatal(err)
				}
				values = append(values, o.Value)
			}
		}
		if !slices.EqualFunc(values, list, func(v string, w wanted) bool { return v == w.value }) {
			t.Errorf("%q for %v", values, list)
		}
	})
}

// FuzzRequest gives the service any path, query and header fields.
func FuzzRequest(f *testing.F) {
	for _, p := range []string{"/searchApi/v2/domain/report/", "/searchApi/v1/api.php", "/vote.php", "/feeds/ips.txt", "/v1/lookup", "/metrics", "/", "//", "/feeds/../x", "*"} {
		f.Add(p, "domain=a.example&type=domain&query=a&vote=1&value=x.example", "Bearer x", "gzip;q=0.1", "POST")
		f.Add(p, "%zz&&=", "Basic !", "*", "GET")
	}
	h := newHouse(f, func(o *Options) { o.Access.GetVotes = true })
	f.Fuzz(func(t *testing.T, path, query, auth, accept, method string) {
		w := h.send(method, path+"?"+query, query, "Authorization", auth, "Accept-Encoding", accept)
		if w.Code < 200 || w.Code >= 500 && !slices.Contains([]int{502, 503}, w.Code) {
			t.Errorf("status %d", w.Code)
		}
		for k, list := range w.Header() {
			for _, v := range list {
				if strings.ContainsAny(v, "\r\n\x00") {
					t.Errorf("%s: %q", k, v)
				}
			}
		}
	})
}

// TestOpenAPI holds the description against the service: every path of it is
// answered as it says, and every path of the service is in it.
func TestOpenAPI(t *testing.T) {
	h := newHouse(t, nil)
	w := h.get("/openapi.json")
	type parameter struct {
		Name     string
		Required bool
		Example  string
	}
	type operation struct {
		OperationID string
		Parameters  []parameter
		RequestBody struct {
			Content map[string]struct{ Example json.RawMessage }
		}
		Responses map[string]json.RawMessage
		Security  *[]any
	}
	var doc struct {
		OpenAPI    string
		Info       struct{ Version string }
		Paths      map[string]map[string]operation
		Components map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Version == "VERSION" || doc.Info.Version == "" {
		t.Errorf("%+v", doc.Info)
	}
	// Every reference leads somewhere.
	for _, m := range regexp.MustCompile(`"#/components/(\w+)/(\w+)"`).FindAllStringSubmatch(w.Body.String(), -1) {
		if doc.Components[m[1]][m[2]] == nil {
			t.Errorf("nothing at %s", m[0])
		}
	}
	closed := newHouse(t, func(o *Options) { o.Access.Open = false })
	ids, described := map[string]bool{}, map[route]bool{}
	for path, ops := range doc.Paths {
		described[routeOf(path)] = true
		for method, op := range ops {
			method = strings.ToUpper(method)
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s: operationId %q", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			target := path + "?"
			for _, p := range op.Parameters {
				if p.Required {
					target += p.Name + "=" + p.Example + "&"
				}
			}
			said := func(w *httptest.ResponseRecorder, want string) {
				t.Helper()
				if got := fmt.Sprint(w.Code); got != want || op.Responses[got] == nil {
					t.Errorf("%s %s: status %s, want %s; described are %v", method, path, got, want, op.Responses)
				}
			}
			if len(op.RequestBody.Content) == 0 {
				said(h.send(method, target, "", "X-Api-Key", h.voter), "200")
			}
			for media, c := range op.RequestBody.Content {
				body := string(c.Example)
				switch media {
				case "application/x-ndjson":
					_ = json.Unmarshal(c.Example, &body)
				case "application/x-www-form-urlencoded":
					var form map[string]string
					_ = json.Unmarshal(c.Example, &form)
					body = ""
					for k, v := range form {
						body += k + "=" + v + "&"
					}
				}
				said(h.send(method, target, body, "Content-Type", media, "X-Api-Key", h.voter), "200")
				said(h.send(method, target, "\x00", "Content-Type", media, "X-Api-Key", h.voter), "400")
				said(h.send(method, target, "x", "Content-Type", "image/png", "X-Api-Key", h.voter), "415")
			}
			if other := h.send("PATCH", target, "", "X-Api-Key", h.voter); other.Code != 405 {
				t.Errorf("PATCH %s: %d", path, other.Code)
			}
			if op.Security == nil {
				said(closed.send(method, target, ""), "401")
			} else {
				said(closed.send(method, target, ""), "200")
			}
		}
	}
	for rt := range routes {
		if rt != routePages && !described[rt] {
			t.Errorf("%s is not described", routeNames[rt])
		}
	}
}

// TestPublicClients: what public clients of the API do with an answer works on
// ours: the fields they read have the types they read them as.
func TestPublicClients(t *testing.T) {
	h := newHouse(t, nil)
	h.local.set("bad.example", bad)
	h.local.set("198.51.100.7", &source.Report{Summary: source.Summary{Related: 1, Verdict: source.Malicious}, Resolutions: []source.Resolution{{Value: "bad.example", LastSeen: "2026-05-06"}}})
	body := h.get(domainPath + "bad.example").Body.Bytes()
	// A struct with a string code and lists, as Go clients decode it.
	var g struct {
		ResponseCode string `json:"response_code"`
		Resolutions  []struct {
			LastResolved string `json:"last_resolved"`
			IPAddress    string `json:"ip_address"`
		} `json:"resolutions"`
		Hashes, Emails, Subdomains, References []string
		Votes                                  int
		Permalink                              string
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&g); err != nil || g.ResponseCode != "1" || g.Resolutions[0].IPAddress != "198.51.100.7" || g.Votes != -1 {
		t.Errorf("%v %+v", err, g)
	}
	// Clients that trust an answer only when its permalink names the value.
	if !strings.Contains(g.Permalink, "bad.example") {
		t.Errorf("permalink %s", g.Permalink)
	}
	// Clients that search the text for escaped addresses and index the lists.
	for _, want := range []string{`{"response_code":"1",`, `"permalink":"https:\/\/`, `"emails":["`, `"subdomains":[]`, `"hashes":[]`} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	// Clients that read dates as YYYY-MM-DD.
	if _, err := time.Parse("2006-01-02", g.Resolutions[0].LastResolved); err != nil {
		t.Error(err)
	}
	// Text clients: one splits the lines at \r, another at \n, and both split
	// at commas and look at the first word in capitals.
	v1 := h.get("/searchApi/v1/api.php?type=ip&query=198.51.100.7&displayDates=true").Body.String()
	for _, sep := range []string{"\r", "\n"} {
		for line := range strings.SplitSeq(v1, sep) {
			if f := strings.Split(strings.TrimSpace(line), ","); len(f) != 4 || f[0] != "DOMAIN" || f[1] != "bad.example" || f[3] != "2026-05-06" {
				t.Errorf("%q of %q", f, v1)
			}
		}
	}
}

// TestRecordings answers with recorded reports of the original, through a
// source that sends them, byte for byte but for the permalink's address.
func TestRecordings(t *testing.T) {
	const dir = "../../../shared/data/threatcrowd/"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no recorded answers at " + dir)
	}
	for file, tt := range map[string]struct{ value, target string }{
		"email_william19770319@yahoo.com_2015.json": {"william19770319@yahoo.com", "email/report/?email=william19770319@yahoo.com"},
	} {
		raw, err := os.ReadFile(dir + file)
		if err != nil {
			t.Fatal(err)
		}
		var e struct{ Domains []string }
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		h := newHouse(t, func(o *Options) { o.PublicURL = "https://www.threatcrowd.org/" })
		h.up.set(tt.value, &source.Report{Domains: e.Domains, Summary: source.Summary{Related: uint32(len(e.Domains))}})
		if diff := cmp.Diff(string(raw), h.get(server.Root+tt.target).Body.String()); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

func BenchmarkReport(b *testing.B) {
	h := newHouse(b, func(o *Options) { o.Now = time.Now })
	h.local.set("bad.example", bad)
	r := httptest.NewRequest("GET", domainPath+"bad.example", nil)
	r.RemoteAddr = "127.0.0.1:1"
	w := &null{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
	if w.n == 0 {
		b.Error("nothing was written")
	}
}

type null struct {
	header http.Header
	n      int
}

func (n *null) Header() http.Header         { return n.header }
func (n *null) Write(b []byte) (int, error) { n.n += len(b); return len(b), nil }
func (n *null) WriteHeader(int)             {}
