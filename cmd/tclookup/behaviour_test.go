package main

import (
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/accept"
)

const page = "<!DOCTYPE html>\n<html><head><title>503 Service Temporarily Unavailable</title></head>\r\n<body><center><h1>503 Service</h1></center><hr>nginx</body></html>"

// says answers with a status and a body.
func says(code int, body string, header ...string) func(http.ResponseWriter, *accept.Question) {
	return func(w http.ResponseWriter, _ *accept.Question) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// first answers by f at first, and then as usual.
func first(f func(http.ResponseWriter, *accept.Question)) func(http.ResponseWriter, *accept.Question) {
	var n atomic.Int64
	return func(w http.ResponseWriter, q *accept.Question) {
		if n.Add(1) == 1 {
			f(w, q)
			return
		}
		accept.Answer(w, q)
	}
}

// What a server does to one of three rows never makes another answer of it,
// costs no row, and does not stop the run.
func TestServerBehaviours(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"response_code":"0"}`) }))
	defer other.Close()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	fmt.Fprint(z, `{"response_code":"1","hashes":["`)
	_, _ = z.Write(bytes.Repeat([]byte("a"), 50<<20))
	fmt.Fprint(z, `"]}`)
	_ = z.Close()
	var hang func(http.ResponseWriter, *accept.Question) // until the test ends
	env := func(key, value string) string { return "TCLOOKUP_SOURCE_THREATCROWD_" + key + "=" + value }
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter, *accept.Question)
		env    []string
		status string
		words  []string // of the text that says why
	}{
		{"found", says(200, `{"response_code":"1","votes":0}`), nil, "found", nil},
		{"found, a number", says(200, ` {"response_code":1,"votes":"0"} `, "Content-Type", "text/html"), nil, "found", nil},
		{"not found", says(200, `{"response_code":"0"}`), nil, "not_found", nil},
		{"not found, a number", says(200, "\n{\"response_code\":0,\"resolutions\":[]}"), nil, "not_found", nil},
		{"not found, empty", says(200, ""), nil, "not_found", nil},
		{"malformed", says(200, `{"response_code":"1","votes":`), nil, "error", []string{"JSON"}},
		{"not JSON after it", says(200, `{"response_code":"0"}{"response_code":"1"}`), nil, "error", []string{"JSON"}},
		{"array", says(200, `[{"response_code":"0"}]`), nil, "error", []string{"JSON"}},
		{"no code", says(200, `{"subdomains":["www.one.com"],"votes":-1}`), nil, "error", []string{"response_code"}},
		{"odd code", says(200, `{"response_code":"7"}`), nil, "error", []string{"response_code"}},
		{"text", says(200, "Too many connections"), nil, "error", []string{"Too many connections"}},
		{"page with 200", says(200, page, "Content-Type", "text/html"), nil, "error", []string{"503 Service Temporarily Unavailable"}},
		{"page with 404", says(404, page, "Content-Type", "text/html"), nil, "error", []string{"404"}},
		{"404 with JSON", says(404, `{"response_code":"0"}`), nil, "error", []string{"404"}},
		{"403", says(403, "<html><title>Just a moment...</title>"), nil, "error", []string{"403", "Just a moment"}},
		{"500", says(500, page, "Content-Type", "text/html"), nil, "error", []string{"500"}},
		{"500 with an answer", says(500, `{"response_code":"0"}`), nil, "error", []string{"500"}},
		{"503", says(503, page), nil, "error", []string{"503"}},
		{"503, empty", says(503, ""), nil, "error", []string{"503"}},
		{"204", says(204, ""), nil, "error", []string{"204"}},
		{"oversized", says(200, `{"response_code":"1","hashes":["`+strings.Repeat("a", 9<<20)+`"]}`), nil, "error", []string{"8 MiB"}},
		{"bomb", says(200, bomb.String(), "Content-Encoding", "gzip"), nil, "error", []string{"8 MiB"}},
		{"not gzip", says(200, `{"response_code":"0"}`, "Content-Encoding", "gzip"), nil, "error", []string{"gzip"}},
		{"deep", says(200, `{"response_code":"1","x":`+strings.Repeat("[", 1<<20)), nil, "error", nil},
		{"cut off", says(200, `{"response_code":"0"}`, "Content-Length", "100"), nil, "error", nil},
		{"hung up", func(w http.ResponseWriter, _ *accept.Question) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_ = c.Close()
		}, nil, "error", nil},
		{"not HTTP", func(w http.ResponseWriter, _ *accept.Question) {
			c, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprint(c, "220 mail.example.com ESMTP\r\n")
			_ = c.Close()
		}, nil, "error", nil},
		{"slower than timeout", hang, []string{env("TIMEOUT", "0.3")}, "error", []string{"time"}},
		{"slower than max_wait", hang, []string{"TCLOOKUP_MAX_WAIT=1s"}, "queued", []string{"no answer within max_wait"}},
		{"slower than max_wait, nowhere to queue", hang, []string{"TCLOOKUP_MAX_WAIT=1s", "TCLOOKUP_CACHE_DISK=false"}, "skipped", []string{"no answer within max_wait"}},
		{"429, seconds", says(429, "", "Retry-After", "3600"), []string{env("RETRIES", "2")}, "queued", []string{"429", "1h"}},
		{"429, date", says(429, "", "Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), []string{env("RETRIES", "2")}, "queued", []string{"429"}},
		{"429, then an answer", first(says(429, "slow down", "Retry-After", "1")), []string{env("RETRIES", "2")}, "found", nil},
		{"503, then an answer", first(says(503, page)), []string{env("RETRIES", "2")}, "found", nil},
		{"hung up, then an answer", first(func(w http.ResponseWriter, _ *accept.Question) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_ = c.Close()
		}), []string{env("RETRIES", "2")}, "found", nil},
		{"redirected to another host", func(w http.ResponseWriter, q *accept.Question) {
			w.Header().Set("Location", other.URL+q.Path+"?"+q.RawQuery)
			w.WriteHeader(302)
		}, nil, "error", []string{"redirect", "127.0.0.1"}},
		{"redirected within the host", func(w http.ResponseWriter, q *accept.Question) {
			if !strings.Contains(q.RawQuery, "again=1") {
				w.Header().Set("Location", q.Path+"?again=1&"+q.RawQuery)
				w.WriteHeader(301)
				return
			}
			accept.Answer(w, q)
		}, nil, "found", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			s := accept.NewServer(t, func(w http.ResponseWriter, q *accept.Question) {
				switch {
				case q.Value != "one.com":
					accept.Answer(w, q)
				case tt.answer == nil:
					<-ended
				default:
					tt.answer(w, q)
				}
			})
			t.Cleanup(func() { close(ended) })
			p := asking(t, s, tt.env...)
			// One after the other, so that the good one is not in the way of the bad one's faults.
			checkBehaviour(t, p, tt.status, tt.words, "found")
			n := s.Counts()["domain/one.com"]
			if tt.status != "found" && tt.status != "not_found" {
				return
			}
			checkBehaviour(t, p, tt.status, nil, "found")
			if again := s.Counts()["domain/one.com"]; again != n {
				t.Errorf("a second run asks again: %d requests, then %d", n, again)
			}
		})
	}
}

// checkBehaviour enriches three rows: bad.com, one.com and a private address.
func checkBehaviour(t *testing.T, p *accept.Program, status string, words []string, others ...string) {
	t.Helper()
	o := p.Run(t, strings.NewReader("d\nbad.com\none.com\n10.0.0.1\n"), "enrich", "--field", "d", "--output", "status,error", "-j", "1")
	if o.Code != 0 {
		t.Fatalf("exit code %d: %s", o.Code, o.Stderr)
	}
	got, why := column(t, o.Stdout, "tc_status"), column(t, o.Stdout, "tc_error")
	if len(got) != 3 || !slices.Contains(others, got[0]) || got[1] != status || got[2] != "excluded" {
		t.Fatalf("statuses are %q, should be %q, %q, excluded; %q", got, others, status, why)
	}
	if (why[1] == "") != (status == "found" || status == "not_found") {
		t.Errorf("status %s has the error text %q", status, why[1])
	}
	if why[1] != "" {
		t.Log(why[1])
		if !strings.Contains(o.Stderr, status) {
			t.Errorf("stderr does not say that there are rows with status %s: %q", status, o.Stderr)
		}
	}
	for _, w := range words {
		if !strings.Contains(why[1], w) {
			t.Errorf("%q is not in the error text %q", w, why[1])
		}
	}
	if strings.ContainsAny(why[1], "\r\n<>\t") || len(why[1]) > 400 {
		t.Errorf("the error text is not a line that a person reads: %q", why[1])
	}
}

// A server that is not there, or not the one that it says to be.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	tls := accept.NewTLSServer(t, nil)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(key, value string) string { return "TCLOOKUP_SOURCE_THREATCROWD_" + key + "=" + value }
	for _, tt := range []struct {
		name, url string
		env       []string
		status    string
		words     []string
	}{
		{"refused", "http://" + l.Addr().String() + "/searchApi/v2/", nil, "error", []string{"refused", l.Addr().String()}},
		{"no such host", "http://no-such-host.invalid/searchApi/v2/", nil, "error", []string{"no-such-host.invalid"}},
		{"no TLS", strings.Replace(accept.NewServer(t, nil).URL, "http://", "https://", 1), nil, "error", []string{"TLS", "base_url"}},
		{"TLS, not trusted", tls.URL, nil, "error", []string{"certificate", "ca_file"}},
		{"TLS, ca_file", tls.URL, []string{env("CA_FILE", ca)}, "found", nil},
		{"TLS, insecure", tls.URL, []string{env("INSECURE_TLS", "true")}, "found", nil},
		{"TLS, asked without", strings.Replace(tls.URL, "https://", "http://", 1), nil, "error", nil},
		{"dead proxy", accept.NewServer(t, nil).URL, []string{env("PROXY", "http://"+l.Addr().String())}, "error", []string{"proxy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := program(t, append([]string{env("BASE_URL", tt.url), env("RATE", "unlimited"), env("RETRIES", "0")}, tt.env...)...)
			checkBehaviour(t, p, tt.status, tt.words, tt.status)
		})
	}
}

// A source that is out of order is not asked for every row.
func TestBreaker(t *testing.T) {
	s := accept.NewServer(t, says(503, page))
	p := asking(t, s, "TCLOOKUP_SOURCE_THREATCROWD_BREAK_AFTER=3", "TCLOOKUP_SOURCE_THREATCROWD_CONCURRENCY=2")
	var values []string
	for i := range 200 {
		values = append(values, fmt.Sprintf("d%d.com", i))
	}
	o := p.Run(t, strings.NewReader(table("d", values...)), "enrich", "--field", "d", "--output", "status,error")
	if o.Code != 0 {
		t.Fatal(o.Stderr)
	}
	for i, st := range column(t, o.Stdout, "tc_status") {
		if st != "error" && st != "queued" {
			t.Fatalf("row %d has status %q", i, st)
		}
	}
	if n := len(s.Questions()); n < 3 || n > 10 {
		t.Errorf("%d requests, with break_after = 3", n)
	}
	t.Log(column(t, o.Stdout, "tc_error")[199], o.Stderr)
}

// In no window of time are there more requests than the budget allows.
func TestBudget(t *testing.T) {
	const rate, burst = 20.0, 5
	s := accept.NewServer(t, nil)
	p := asking(t, s, "TCLOOKUP_SOURCE_THREATCROWD_RATE=20/s", "TCLOOKUP_SOURCE_THREATCROWD_BURST=5", "TCLOOKUP_MAX_WAIT=0")
	ended := make(chan *accept.Outcome)
	for i := range 3 { // three processes share it
		var values []string
		for j := range 12 {
			values = append(values, fmt.Sprintf("p%d-%d.com", i, j))
		}
		go func() {
			ended <- p.Run(t, strings.NewReader(table("d", values...)), "enrich", "--field", "d", "--output", "status")
		}()
	}
	for range 3 {
		o := <-ended
		for i, st := range column(t, o.Stdout, "tc_status") {
			if st != "found" {
				t.Errorf("row %d has status %q: %s", i, st, o.Stderr)
			}
		}
	}
	q := s.Questions()
	if len(q) != 36 {
		t.Errorf("%d requests, should be 36", len(q))
	}
	// Arrival is later than departure by what the machine needs: a burst may
	// be squeezed together by that much.
	const slack = 0.25
	for i := range q {
		for j := i; j < len(q); j++ {
			w := q[j].At.Sub(q[i].At).Seconds()
			if n := float64(j - i + 1); n > rate*(w+slack)+burst {
				t.Fatalf("%v requests within %.3f s", n, w)
			}
		}
	}
}
