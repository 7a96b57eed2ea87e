package accept

import (
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Root is the path below which the endpoints are.
const Root = "/searchApi/v2/"

// A Question is one request that a Server got.
type Question struct {
	At       time.Time
	Method   string
	Host     string // as the client wrote it
	Path     string
	RawQuery string
	Header   http.Header
	// Kind and Value are what is asked for: the endpoint, such as domain, and
	// the decoded parameter; of a vote they are vote and like 0/evil.com. Both
	// are empty when the request is none of the API's.
	Kind, Value string
}

// Key names the indicator that is asked for, like domain/evil.com.
func (q *Question) Key() string { return q.Kind + "/" + q.Value }

// A Server notes each request and has it answered by a function.
type Server struct {
	// URL is the base address of the API, with the slash at its end.
	URL string
	*httptest.Server

	mu    sync.Mutex
	asked []Question
}

// parameters are the parameters of the endpoints.
var parameters = map[string]string{"domain": "domain", "ip": "ip", "email": "email", "antivirus": "antivirus", "file": "resource"}

// NewServer starts a server that runs until the test ends. A nil answer means
// Answer.
func NewServer(t testing.TB, answer func(http.ResponseWriter, *Question)) *Server {
	t.Helper()
	s := newServer(answer)
	s.Start()
	s.URL = s.Server.URL + Root
	t.Cleanup(s.Close)
	return s
}

// NewTLSServer is NewServer with a certificate that nobody trusts.
func NewTLSServer(t testing.TB, answer func(http.ResponseWriter, *Question)) *Server {
	t.Helper()
	s := newServer(answer)
	s.StartTLS()
	s.URL = s.Server.URL + Root
	t.Cleanup(s.Close)
	return s
}

// Start starts a server for who has no test to end it; it is closed by Close.
func Start() *Server {
	s := newServer(nil)
	s.Start()
	s.URL = s.Server.URL + Root
	return s
}

func newServer(answer func(http.ResponseWriter, *Question)) *Server {
	if answer == nil {
		answer = Answer
	}
	s := &Server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := question(r)
		s.mu.Lock()
		s.asked = append(s.asked, q)
		s.mu.Unlock()
		answer(w, &q)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it are what is tested
	return s
}

func question(r *http.Request) Question {
	q := Question{At: time.Now(), Method: r.Method, Host: r.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery, Header: r.Header.Clone()}
	rest, ok := strings.CutPrefix(r.URL.Path, Root)
	kind, ok2 := strings.CutSuffix(rest, "/report/")
	if ok && ok2 && r.URL.Query().Has(parameters[kind]) {
		q.Kind, q.Value = kind, r.URL.Query().Get(parameters[kind])
	}
	if r.URL.Path == "/vote.php" && r.URL.Query().Has("vote") && r.URL.Query().Has("value") {
		q.Kind, q.Value = "vote", r.URL.Query().Get("vote")+"/"+r.URL.Query().Get("value")
	}
	return q
}

// Questions returns the requests so far, in the order they came.
func (s *Server) Questions() []Question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Question(nil), s.asked...)
}

// Counts returns how often each indicator was asked for, by Question.Key.
func (s *Server) Counts() map[string]int {
	n := map[string]int{}
	for _, q := range s.Questions() {
		n[q.Key()]++
	}
	return maps.Clone(n)
}

// Answer answers a question by the look of its value, so that a test can tell
// from an event what has to come out: values that hold "nothing" are not
// known, "bad" is malicious, "good" is harmless, all others are known without
// a vote.
func Answer(w http.ResponseWriter, q *Question) {
	switch {
	case q.Kind == "":
		http.NotFound(w, &http.Request{})
	case q.Kind == "vote":
		fmt.Fprint(w, "<html>Thank you</html>")
	case strings.Contains(q.Value, "nothing"):
		fmt.Fprint(w, `{"response_code":"0"}`)
	default:
		fmt.Fprint(w, Report(q.Kind, q.Value))
	}
}

// Report is the report that Answer gives about a value, in the form of the
// service.
func Report(kind, value string) string {
	votes := 0
	switch {
	case strings.Contains(value, "bad"):
		votes = -1
	case strings.Contains(value, "good"):
		votes = 1
	}
	link := `"permalink":"https:\/\/www.threatcrowd.org\/` + kind + `.php?` + kind + `=` + url.QueryEscape(value) + `"`
	switch kind {
	case "domain":
		return fmt.Sprintf(`{"response_code":"1","resolutions":[{"last_resolved":"2026-03-02","ip_address":"198.51.100.7"},{"last_resolved":"2026-05-06","ip_address":"203.0.113.9"}],`+
			`"hashes":["31d0e421894004393c48de1769744687"],"emails":["",""],"subdomains":["www.%s","\"x$;$y"],"references":[],"votes":%d,%s}`, value, votes, link)
	case "ip":
		return fmt.Sprintf(`{"response_code":"1","resolutions":[{"last_resolved":"2026-01-02","domain":"one.com\r"}],"hashes":[],"references":[""],"votes":%d,%s}`, votes, link)
	case "email":
		return `{"response_code":"1","domains":["one.com","two.com"],"references":[],` + link + `}`
	case "antivirus":
		return `{"response_code":"1","hashes":["31d0e421894004393c48de1769744687"],"references":[],` + link + `}`
	}
	return `{"response_code":"1","md5":"31d0e421894004393c48de1769744687","sha1":"","scans":["","Trojan.A*B"],"ips":["0.0.0.0"],"domains":["one.com"],"references":[],` + link + `}`
}
