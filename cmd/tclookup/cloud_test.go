package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/accept"
	"github.com/tclookup/tclookup/internal/splunkd/splunkdtest"
)

const stackToken = "eyJraWQiOi-secret-token"

// stack is a Splunk elsewhere, which runs searches for stackToken, and the
// program with a source to ask.
func stack(t testing.TB, j *splunkdtest.Job) (*splunkdtest.Server, *accept.Program, *accept.Server) {
	t.Helper()
	s := splunkdtest.New(t)
	s.Do(func() {
		s.Users[stackToken] = splunkdtest.User{Name: "analyst"}
		s.Search = func(url.Values) *splunkdtest.Job {
			c := *j
			return &c
		}
	})
	src := accept.NewServer(t, nil)
	return s, asking(t, src, "TCLOOKUP_SPLUNKD_TOKEN="+stackToken), src
}

// proxyJob has n results.
func proxyJob(n int) *splunkdtest.Job {
	j := &splunkdtest.Job{Fields: []string{"d", "n"}}
	for i := range n {
		j.Rows = append(j.Rows, fmt.Sprintf(`{"d":"%s","n":"%d"}`, []string{"bad.com", "one.com", "10.0.0.1"}[i%3], i))
	}
	return j
}

func checkOutcome(t testing.TB, o *accept.Outcome, code int, stdout, stderr string) {
	t.Helper()
	if o.Code != code {
		t.Errorf("exit code %d, want %d; stderr: %s", o.Code, code, o.Stderr)
	}
	if stdout != "*" && o.Stdout != stdout {
		t.Errorf("stdout %q, want %q", o.Stdout, stdout)
	}
	if stderr == "" && o.Stderr != "" || !strings.Contains(o.Stderr, stderr) {
		t.Errorf("stderr %q, want %q", o.Stderr, stderr)
	}
	if strings.Contains(o.Stderr, stackToken) {
		t.Errorf("the token is on stderr: %s", o.Stderr)
	}
}

func TestCloudStream(t *testing.T) {
	s, p, src := stack(t, &splunkdtest.Job{Fields: []string{"d", "n"}, Rows: []string{
		`{"d":"bad.com","n":"1"}`, `{"n": "2", "d":["10.0.0.1","one.com"]}`, `{"d":"bad.com","big":12345678901234567890}`,
	}})
	o := p.Run(t, nil, "cloud", "enrich", "--splunkd", s.URL, "--search", "index=proxy", "--earliest", "-1d@d", "--field", "d", "--output", "status")
	checkOutcome(t, o, 0, `{"d":"bad.com","n":"1","tc_status":"found"}
{"n": "2", "d":["10.0.0.1","one.com"], "tc_status": "found"}
{"d":"bad.com","big":12345678901234567890,"tc_status":"found"}
`, "")
	if got := slices.Sorted(keysOf(src.Counts())); fmt.Sprint(got) != "[domain/bad.com domain/one.com]" {
		t.Errorf("asked %v", got)
	}
	s.Search = func(url.Values) *splunkdtest.Job { return proxyJob(2) }
	o = p.Run(t, nil, "cloud", "enrich", "--splunkd", s.URL, "--search", "index=proxy", "--field", "d", "--output", "status", "--format", "csv")
	checkOutcome(t, o, 0, "d,n,tc_status\nbad.com,0,found\none.com,1,found\n", "")
	s.Search = func(url.Values) *splunkdtest.Job { return &splunkdtest.Job{} }
	o = p.Run(t, nil, "cloud", "enrich", "--splunkd", s.URL, "--search", "index=nothing", "--field", "d")
	checkOutcome(t, o, 0, "", "")
	for _, call := range s.Calls() {
		if call != "POST /services/search/v2/jobs/export" {
			t.Error(call)
		}
	}
}

func keysOf(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestCloudJob(t *testing.T) {
	j := proxyJob(5)
	j.Polls, j.Messages = 2, []map[string]string{{"type": "WARN", "text": "an indexer is down"}}
	s, p, _ := stack(t, j)
	args := []string{"cloud", "enrich", "--splunkd", s.URL, "--field", "d", "--output", "status", "--page-rows", "2", "--summary"}
	o := p.Run(t, nil, append(args, "--search", "index=proxy", "--as-job", "--format", "csv", "--progress", "always")...)
	checkOutcome(t, o, 0, "d,n,tc_status\nbad.com,0,found\none.com,1,found\n10.0.0.1,2,excluded\nbad.com,3,found\none.com,4,found\n", "an indexer is down")
	if !strings.Contains(o.Stderr, `"rows":5`) || !strings.Contains(o.Stderr, `"job":"1763980000.1"`) {
		t.Error(o.Stderr)
	}
	again := p.Run(t, nil, append(args, "--job", "1763980000.1")...)
	if again.Code != 0 || strings.Count(again.Stdout, "\n") != 5 || !strings.HasPrefix(again.Stdout, `{"d":"bad.com","n":"0","tc_status":"found"}`) {
		t.Errorf("%d %q %s", again.Code, again.Stdout, again.Stderr)
	}
	pages := 0
	for _, call := range s.Calls() {
		if strings.HasSuffix(call, "/results") {
			pages++
		}
	}
	if pages != 6 {
		t.Errorf("%d pages were asked for, want 2 x 3", pages)
	}
}

// startedOnce checks that a search was started as one job.
func startedOnce(t testing.TB, s *splunkdtest.Server) {
	t.Helper()
	starts := 0
	for _, call := range s.Calls() {
		if call == "POST /services/search/v2/jobs" {
			starts++
		}
	}
	if starts != 1 {
		t.Errorf("the search was started %d times", starts)
	}
}

// A run that is killed goes on with the same job, and writes what an
// uninterrupted one does. Killing it for good takes nothing away either.
func TestCloudResumeAfterKill(t *testing.T) {
	const rows, perPage = 400, 20
	j := proxyJob(rows)
	s, p, _ := stack(t, j)
	// What is known already is not claimed: a killed run would hold its claims for a while.
	checkOutcome(t, p.Run(t, strings.NewReader("d\nbad.com\none.com\n"), "enrich", "--field", "d"), 0, "*", "")
	out, journal := filepath.Join(p.Home, "out.jsonl"), filepath.Join(p.Home, "journal")
	args := []string{"cloud", "enrich", "--splunkd", s.URL, "--search", "index=proxy", "--field", "d", "--output", "status", "--page-rows", fmt.Sprint(perPage), "--resume", journal, "-o", out}
	var mu sync.Mutex
	block := -1 // pages until the server answers no more
	blocked := make(chan struct{}, 10)
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasSuffix(r.URL.Path, "/results") || block < 0 {
			return false
		}
		if block--; block >= 0 {
			return false
		}
		blocked <- struct{}{}
		panic(http.ErrAbortHandler) // and the program will try again
	}
	for _, pages := range []int{3, 0, 9} {
		mu.Lock()
		block = pages
		mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		c := p.Command(ctx, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		<-blocked
		_ = c.Process.Kill()
		_ = c.Wait()
		cancel()
	}
	mu.Lock()
	block = -1
	mu.Unlock()
	o := p.Run(t, nil, args...)
	checkOutcome(t, o, 0, "", "")
	var want strings.Builder
	for i, r := range j.Rows {
		fmt.Fprintf(&want, "%s,\"tc_status\":\"%s\"}\n", strings.TrimSuffix(r, "}"), []string{"found", "found", "excluded"}[i%3])
	}
	got, err := os.ReadFile(out)
	if err != nil || string(got) != want.String() {
		t.Errorf("the output has %d lines and %d bytes, want %d and %d; %v", strings.Count(string(got), "\n"), len(got), rows, want.Len(), err)
	}
	startedOnce(t, s)
	if ttl := s.Jobs["1763980000.1"].Form.Get("timeout"); ttl != "86400" {
		t.Errorf("the job is kept for %q s", ttl)
	}
	checkOutcome(t, p.Run(t, nil, args...), 0, "", "complete already")
	other := slices.Clone(args)
	other[slices.Index(other, "index=proxy")] = "index=other"
	checkOutcome(t, p.Run(t, nil, other...), 2, "", "belongs to another search")
	delete(s.Jobs, "1763980000.1")
	if err := os.Remove(journal); err != nil {
		t.Fatal(err)
	}
	checkOutcome(t, p.Run(t, nil, args...), 1, "", "there is no search job 1763980000.1")
}

func TestCloudFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(n int, w http.ResponseWriter, r *http.Request) bool
		job   *splunkdtest.Job
		code  int
		rows  int
		text  string
	}{
		"one page fails for a while": {func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n != 4 {
				return false
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		}, nil, 0, 5, ""},
		"too many requests": {func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n != 1 {
				return false
			}
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}, nil, 0, 5, ""},
		"connection cut in a page": {func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n != 4 {
				return false
			}
			fmt.Fprint(w, `{"fields":[],"results":[{"d":"x`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, nil, 0, 5, ""},
		"token expires": {func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n < 4 {
				return false
			}
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"messages":[{"type":"WARN","text":"call not properly authenticated %s"}]}`, stackToken)
			return true
		}, nil, 1, 2, "HTTP 401"},
		"search fails": {nil, &splunkdtest.Job{Failed: "Error in 'stats': bad"}, 1, 0, "Error in 'stats': bad"},
		"page is no JSON": {func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n < 4 {
				return false
			}
			fmt.Fprint(w, "<html>hello</html>")
			return true
		}, nil, 1, 2, "not the JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := tt.job
			if j == nil {
				j = proxyJob(5)
			}
			s, p, _ := stack(t, j)
			n := 0 // requests: the start, the state, and then the pages
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				n++
				return tt.fault != nil && tt.fault(n, w, r)
			}
			o := p.Run(t, nil, "cloud", "enrich", "--splunkd", s.URL, "--search", "x", "--as-job", "--field", "d", "--output", "status", "--page-rows", "2")
			checkOutcome(t, o, tt.code, "*", tt.text)
			if rows := strings.Count(o.Stdout, "\n"); rows != tt.rows {
				t.Errorf("%d rows, want %d: %s", rows, tt.rows, o.Stderr)
			}
		})
	}
}

// An export that is cut off fails the run, and what came is written.
func TestCloudStreamCutOff(t *testing.T) {
	s, p, _ := stack(t, nil)
	s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprintln(w, `{"preview":false,"result":{"d":"bad.com"}}`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	o := p.Run(t, nil, "cloud", "enrich", "--splunkd", s.URL, "--search", "x", "--field", "d", "--output", "status")
	checkOutcome(t, o, 1, `{"d":"bad.com","tc_status":"found"}`+"\n", "are not all")
}

func TestCloudWrong(t *testing.T) {
	s, p, _ := stack(t, nil)
	file := filepath.Join(p.Home, "token")
	if err := os.WriteFile(file, []byte(stackToken+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	without := *p
	without.Env = slices.DeleteFunc(slices.Clone(p.Env), func(s string) bool { return strings.HasPrefix(s, "TCLOOKUP_SPLUNKD_TOKEN=") })
	for _, tt := range []struct {
		p    *accept.Program
		args string
		want string
	}{
		{p, "--search x --field d", "no server"},
		{p, "--splunkd {url} --field d", "no search"},
		{p, "--splunkd {url} --search x", "no field"},
		{p, "--splunkd {url} --search x --job 1 --field d", "cannot be had together"},
		{p, "--splunkd {url} --job ../../x --field d", "no id of a search job"},
		{p, "--splunkd {url} --job .. --field d", "no id of a search job"},
		{p, "--splunkd {url} --search x --field d --format tsv", "--format cannot be"},
		{p, "--splunkd {url} --search x --field d --page-rows 0", "--page-rows cannot be"},
		{p, "--splunkd {url} --search x --field d --resume j", "--resume needs --output-file"},
		{p, "--splunkd ftp://x --search x --field d", "give https://host:8089"},
		{p, "--splunkd http://u:pw@x --search x --field d", "holds more than"},
		{&without, "--splunkd {url} --search x --field d", "no token"},
		{&without, "--splunkd {url} --search x --field d --token-file nosuch", "nosuch"},
		{&without, "--splunkd {url} --search x --field d --token-file " + file, "chmod 600"},
	} {
		if runtime.GOOS == "windows" && tt.want == "chmod 600" {
			continue
		}
		o := tt.p.Run(t, nil, append([]string{"cloud", "enrich"}, strings.Fields(strings.ReplaceAll(tt.args, "{url}", s.URL))...)...)
		checkOutcome(t, o, 2, "", tt.want)
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Search = func(url.Values) *splunkdtest.Job { return proxyJob(1) }
	o := without.Run(t, nil, "cloud", "enrich", "--splunkd", s.URL, "--search", "x", "--field", "d", "--output", "status", "--token-file", file)
	checkOutcome(t, o, 0, `{"d":"bad.com","n":"0","tc_status":"found"}`+"\n", "")
}
