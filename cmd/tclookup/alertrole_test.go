package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/internal/accept"
)

// resultsFile writes results as splunkd does: gzip CSV with the columns of
// multivalue fields.
func (s *splunkHome) resultsFile(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.dir, "var", "run", "splunk", "dispatch", "scheduler__voter__search__RMD5_at_1700000000_1")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "results.csv.gz")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// alert runs the action for the user of a session.
func (s *splunkHome) alert(t *testing.T, key, results string, params map[string]string) *accept.Outcome {
	t.Helper()
	pl := map[string]any{
		"app": "search", "owner": s.Users[key].Name, "sid": "scheduler__1", "search_name": "Odd hosts & more", "results_file": results,
		"results_link": "https://splunk.example/app/search", "server_host": "search-01", "server_uri": s.URL, "session_key": key,
		"configuration": params, "result": map[string]any{"host": "h1", "d": []string{"bad.com", "good.com"}},
	}
	in, err := json.Marshal(pl)
	if err != nil {
		t.Fatal(err)
	}
	out := s.Run(t, bytes.NewReader(in), "--execute")
	if out.Stdout != "" {
		t.Errorf("on stdout: %s", out.Stdout)
	}
	for line := range strings.Lines(out.Stderr) {
		if level, _, ok := strings.Cut(line, " "); !ok || !slices.Contains([]string{"DEBUG", "INFO", "WARN", "ERROR"}, level) {
			t.Errorf("a line without a level on stderr: %s", line)
		}
	}
	if strings.Contains(out.Stderr, key) {
		t.Errorf("the session key is on stderr: %s", out.Stderr)
	}
	return out
}

// indexed returns the lines that were indexed.
func (s *splunkHome) indexed(t *testing.T) (lines []map[string]any) {
	t.Helper()
	for _, e := range s.Events() {
		if e.Sourcetype != "tclookup:result" || e.Source != "tclookup:Odd hosts & more" {
			t.Errorf("%+v", e)
		}
		for line := range strings.Lines(e.Body) {
			if !strings.HasPrefix(line, `{"time":"20`) {
				t.Errorf("the line does not begin with its time: %s", line)
			}
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			lines = append(lines, m)
		}
	}
	return lines
}

const someResults = `"_time",host,d,"__mv__time","__mv_host","__mv_d"
1700000000,h1,"bad.com",,,
1700000001,"h,2","good.com
nothing.com",,,"$good.com$;$nothing.com$"
1700000002,h3,"10.0.0.1",,,
1700000003,h4,,,,
`

func TestAlertAction(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	out := s.alert(t, voterKey, s.resultsFile(t, someResults), map[string]string{"field": "d", "index": "threat", "output": "full", "type": "auto"})
	if out.Code != exitOK || !strings.Contains(out.Stderr, "INFO tclookup: results=4 indexed=4 votes=0 requests=3 sid=scheduler__1") {
		t.Fatalf("%d: %s", out.Code, out.Stderr)
	}
	lines := s.indexed(t)
	if len(lines) != 4 || s.Events()[0].Index != "threat" || s.Events()[0].User != "voter" {
		t.Fatalf("%v", lines)
	}
	for i, want := range []map[string]string{
		{"orig_rid": "0", "orig_sid": "scheduler__1", "search_name": "Odd hosts & more", "owner": "voter", "orig_time": "1700000000", "d": "bad.com",
			"tc_status": "found", "tc_verdict": "malicious", "tc_votes": "-1", "tc_resolutions": "[203.0.113.9 198.51.100.7]"},
		{"orig_rid": "1", "d": "[good.com nothing.com]", "tc_status": "found", "tc_verdict": "harmless"},
		{"orig_rid": "2", "d": "10.0.0.1", "tc_status": "excluded"},
		{"orig_rid": "3", "d": "<nil>", "tc_status": "<nil>"},
	} {
		for k, v := range want {
			if got := fmt.Sprint(lines[i][k]); got != v {
				t.Errorf("line %d: %s = %s, should be %s", i, k, got, v)
			}
		}
		if lines[i]["host"] != nil {
			t.Errorf("line %d has a field that nobody asked for", i)
		}
	}
	if casts(srv) != nil {
		t.Errorf("votes %q", casts(srv))
	}
	l := s.log(t)
	if last := l[len(l)-1]; last["role"] != "alert" || last["user"] != "voter" || last["sid"] != "scheduler__1" || last["indexed"] != 4.0 || last["rows"] != 4.0 || last["complete"] != true {
		t.Errorf("%v", last)
	}
	if text := fmt.Sprint(l); strings.Contains(text, "bad.com") || strings.Contains(text, "h1") {
		t.Errorf("the log holds a value: %s", text)
	}
}

// Without a file of results the one in the payload counts, lists and all.
func TestAlertSingleResult(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	if out := s.alert(t, voterKey, "", map[string]string{"field": "d, host", "output": "verdict"}); out.Code != exitOK {
		t.Fatalf("%d: %s", out.Code, out.Stderr)
	}
	lines := s.indexed(t)
	if len(lines) != 1 || lines[0]["d_tc_verdict"] != "malicious" || fmt.Sprint(lines[0]["d"]) != "[bad.com good.com]" || lines[0]["host"] != "h1" {
		t.Errorf("%v", lines)
	}
}

func TestAlertVotes(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	const results = "d\nbad.com\nhxxp://bad[.]com/\n8.8.4.4\n10.0.0.1\n31d0e421894004393c48de1769744687\nnew.com\n-\n"
	file := s.resultsFile(t, results)
	out := s.alert(t, analystKey, file, map[string]string{"field": "d", "vote": "malicious", "index": "none"})
	if out.Code != exitFailed || !strings.Contains(out.Stderr, "user analyst may not do that: the capability tclookup_vote is missing") {
		t.Errorf("%d: %s", out.Code, out.Stderr)
	}
	if n := len(srv.Questions()); n != 0 {
		t.Errorf("%d requests before the refusal", n)
	}
	out = s.alert(t, voterKey, file, map[string]string{"field": "d", "vote": "malicious", "vote_limit": "2", "index": "none"})
	if out.Code != exitOK || !strings.Contains(out.Stderr, "votes=2") || !strings.Contains(out.Stderr, "WARN tclookup: param.vote_limit is 2") {
		t.Errorf("%d: %s", out.Code, out.Stderr)
	}
	if got := casts(srv); !slices.Equal(got, []string{"0/bad.com", "0/8.8.4.4"}) {
		t.Errorf("votes %q", got)
	}
	if n := len(s.Events()); n != 0 {
		t.Errorf("index = none indexed %d times", n)
	}
}

func TestAlertFaults(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	file := s.resultsFile(t, someResults)
	for want, params := range map[string]map[string]string{
		"param.field is empty":                   {},
		"param.vote = yes: allowed is off":       {"field": "d", "vote": "yes"},
		"param.vote_limit = 0: allowed":          {"field": "d", "vote_limit": "0"},
		"param.demo = maybe":                     {"field": "d", "demo": "maybe"},
		"param.type":                             {"field": "d", "type": "url"},
		"param.mode":                             {"field": "d", "mode": "fast"},
		"param.max_wait cannot be 0":             {"field": "d", "max_wait": "0"},
		"output":                                 {"field": "d", "output": "everything"},
		`no result has a field "nowhere"`:        {"field": "nowhere"},
		"supplied index 'missing' missing":       {"field": "d", "index": "missing"},
		"allowed is off, with samples":           {"field": "d", "demo": "1", "vote": "harmless"},
		"4 result lines are not indexed: splunk": {"field": "d", "index": "missing"},
	} {
		if out := s.alert(t, voterKey, file, params); out.Code != exitFailed || !strings.Contains(out.Stderr, want) {
			t.Errorf("%v: code %d: %s", params, out.Code, out.Stderr)
		}
	}
	if out := s.alert(t, analystKey, file, map[string]string{"field": "d"}); out.Code != exitFailed || !strings.Contains(out.Stderr, "the capability edit_tcp is missing") {
		t.Errorf("%d: %s", out.Code, out.Stderr)
	}
	if out := s.alert(t, voterKey, filepath.Join(s.dir, "gone.csv.gz"), map[string]string{"field": "d"}); out.Code != exitFailed || !strings.Contains(out.Stderr, "gone.csv.gz") {
		t.Errorf("%d: %s", out.Code, out.Stderr)
	}
	for _, empty := range []string{"", "d\n"} {
		if out := s.alert(t, voterKey, s.resultsFile(t, empty), map[string]string{"field": "d"}); out.Code != exitOK || !strings.Contains(out.Stderr, "WARN tclookup: the alert has no results") {
			t.Errorf("%q: %d: %s", empty, out.Code, out.Stderr)
		}
	}
	for in, want := range map[string]string{
		"": "not the JSON object", "<alert/>": "payload_format = json", `{"session_key":"` + voterKey: "not the JSON object",
	} {
		out := s.Run(t, strings.NewReader(in), "--execute")
		if out.Code != exitFailed || !strings.Contains(out.Stderr, "ERROR tclookup: ") || !strings.Contains(out.Stderr, want) || strings.Contains(out.Stderr, voterKey) {
			t.Errorf("%q: %d: %s", in, out.Code, out.Stderr)
		}
	}
}

func TestExternalLookup(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	lookup := func(in string) *accept.Outcome {
		t.Helper()
		return s.Run(t, strings.NewReader(in), "lookup", "domain", "ip", "email", "hash", "value")
	}
	for in, want := range map[string]string{
		"domain,ip,tc_status,tc_verdict,tc_votes\nbad.com,,,,\nnothing.com,,,,\n10.0.0.1,,,,\n\"a\nb\",,,,\n": "domain,ip,tc_status,tc_verdict,tc_votes\n" +
			"bad.com,,found,malicious,-1\nnothing.com,,not_found,unknown,\n10.0.0.1,,invalid,,\n\"a\nb\",,invalid,,\n",
		"domain,ip,value,tc_verdict,other\n,8.8.4.4,,,\n":               "domain,ip,value,tc_verdict,other\n,8.8.4.4,,unknown,\n",
		"value,tc_type,tc_verdict\nhxxp://good[.]com/x,,\n10.0.0.1,,\n": "value,tc_type,tc_verdict\nhxxp://good[.]com/x,domain,harmless\n10.0.0.1,ip,unknown\n",
		"domain,tc_verdict\n":      "domain,tc_verdict\n",    // a header alone
		"domain,tc_verdict\n,\n":   "domain,tc_verdict\n,\n", // the reverse direction: there is nothing to look up
		"domain,other\nbad.com,\n": "domain,other\nbad.com,\n",
		"":                         "",
	} {
		if out := lookup(in); out.Code != exitOK || out.Stdout != want || out.Stderr != "" {
			t.Errorf("%q gives %d, %q, %s; should be %q", in, out.Code, out.Stdout, out.Stderr, want)
		}
	}
	for k, n := range srv.Counts() {
		if n != 1 {
			t.Errorf("%s was asked for %d times", k, n)
		}
	}
	if out := lookup("host,tc_verdict\nx,\n"); out.Code != exitFailed || !strings.Contains(out.Stderr, "none of the columns domain, ip, email, hash, value") {
		t.Errorf("%d: %s", out.Code, out.Stderr)
	}
	if out := s.Run(t, strings.NewReader("d\n"), "lookup"); out.Code != exitFailed || !strings.Contains(out.Stderr, "no input field") {
		t.Errorf("%d: %s", out.Code, out.Stderr)
	}
	l := s.log(t)
	if l[0]["role"] != "lookup" {
		t.Errorf("%v", l[0])
	}
}

// A lookup gets no session, so a source with a stored key answers from the
// cache, and the rest is queued.
func TestExternalLookupStoredKey(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv, "stored_key = true"))
	out := s.Run(t, strings.NewReader("domain,tc_status\nbad.com,\n"), "lookup", "domain")
	if out.Code != exitOK || out.Stdout != "domain,tc_status\nbad.com,queued\n" || !strings.Contains(out.Stderr, "only what Splunk starts with a session can read it") {
		t.Errorf("%d: %s%s", out.Code, out.Stdout, out.Stderr)
	}
	if n := len(srv.Questions()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Without a source both say what is missing, where somebody reads it.
func TestRolesWithoutSource(t *testing.T) {
	s := newSplunk(t, "")
	out := s.Run(t, strings.NewReader("domain,tc_status\nbad.com,\n"), "lookup", "domain")
	if out.Code != exitOK || out.Stdout != "domain,tc_status\nbad.com,unsupported\n" || !strings.Contains(out.Stderr, "no source is configured") {
		t.Errorf("%d: %s%s", out.Code, out.Stdout, out.Stderr)
	}
	out = s.alert(t, voterKey, s.resultsFile(t, someResults), map[string]string{"field": "d"})
	if out.Code != exitOK || !strings.Contains(out.Stderr, "WARN tclookup: no source is configured") {
		t.Errorf("%d: %s", out.Code, out.Stderr)
	}
}

// Intelligence of one's own is a source: who has nothing else is not told that
// there is none.
func TestRolesWithLocalSource(t *testing.T) {
	s := newSplunk(t, "")
	list := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(list, []byte("bad.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	active := func() string {
		t.Helper()
		res, err := s.search(t, analystKey, "tcstatus", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range res.Table.Rows {
			if res.Table.Get(i, "name") == "local" && res.Table.Get(i, "metric") == "active" {
				return res.Table.Get(i, "value") + " " + res.Table.Get(i, "note")
			}
		}
		return "no row"
	}
	if got := active(); got != "0 nothing has been imported yet" {
		t.Errorf("before: %s", got)
	}
	if out := s.Run(t, nil, "feed", "import", list); out.Code != exitOK {
		t.Fatalf("%d: %s", out.Code, out.Stderr)
	}
	out := s.Run(t, strings.NewReader("domain,tc_status\nbad.com,\n"), "lookup", "domain")
	if out.Code != exitOK || out.Stdout != "domain,tc_status\nbad.com,found\n" || out.Stderr != "" {
		t.Errorf("%d: %s%s", out.Code, out.Stdout, out.Stderr)
	}
	out = s.alert(t, voterKey, s.resultsFile(t, someResults), map[string]string{"field": "d"})
	if out.Code != exitOK || strings.Contains(out.Stderr, "no source") {
		t.Errorf("%d: %s", out.Code, out.Stderr)
	}
	if got := active(); got != "1 intelligence of one's own" {
		t.Errorf("after: %s", got)
	}
}
