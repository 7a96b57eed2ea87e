package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/internal/accept"
)

// one is a table with one event.
func one(field string, values ...string) *chunkedtest.Table {
	t := chunkedtest.NewTable(field)
	for _, v := range values {
		t.Add(v)
	}
	return t
}

// sentKeys returns the API keys that a server was sent.
func sentKeys(s *accept.Server) []string {
	var keys []string
	for _, q := range s.Questions() {
		keys = append(keys, q.Header.Get("X-Api-Key"))
	}
	return keys
}

// The key of a source comes from Splunk's stored passwords, with the rights of
// who searches, and only when something has to be asked.
func TestSearchStoredKey(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv, "stored_key = true"))
	s.Passwords[[2]string{"tclookup", "threatcrowd"}] = apiKey
	s.Passwords[[2]string{"other", "threatcrowd"}] = "of another app"

	res, err := s.search(t, analystKey, "tclookup field=d output=full", one("d", "bad.com", "good.com"))
	if err != nil {
		t.Fatal(err)
	}
	for r := range 2 {
		if got := res.Table.Get(r, "tc_status"); got != "queued" {
			t.Errorf("without the right to read the key: status %q", got)
		}
	}
	const why = "user analyst may not read the API key of threatcrowd (the capability list_storage_passwords is missing)"
	if text := fmt.Sprint(res.Messages); !strings.Contains(text, why) {
		t.Errorf("%s is missing in %s", why, text)
	}
	if got := res.Table.Get(0, "tc_error"); !strings.Contains(got, why) {
		t.Errorf("tc_error = %q", got)
	}
	if n := len(srv.Questions()); n != 0 {
		t.Errorf("%d requests without a key", n)
	}

	if res, err = s.search(t, systemKey, "tclookup field=d", one("d", "bad.com")); err != nil || res.Table.Get(0, "tc_status") != "found" {
		t.Fatalf("with the right: %v, %v", err, res.Table)
	}
	if got := sentKeys(srv); !slices.Equal(got, []string{apiKey}) {
		t.Errorf("keys sent: %q", got)
	}

	calls := len(s.Calls())
	if res, err = s.search(t, analystKey, "tclookup field=d", one("d", "bad.com")); err != nil || res.Table.Get(0, "tc_status") != "found" {
		t.Errorf("from the cache: %v, %v", err, res.Table)
	}
	if n := len(s.Calls()) - calls; n != 0 {
		t.Errorf("a search that the cache answers sent splunkd %d requests", n)
	}
}

func TestSearchStoredKeyMissing(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv, "stored_key = true"))
	for want, prepare := range map[string]func(){
		"no API key of threatcrowd is stored (realm tclookup)": func() {},
		"does not show the API key of threatcrowd in clear text": func() {
			s.Passwords[[2]string{"tclookup", "threatcrowd"}] = apiKey
			s.HidePasswords = true
		},
	} {
		prepare()
		res, err := s.search(t, systemKey, "tclookup field=d", one("d", "bad.com"))
		if err != nil || res.Table.Get(0, "tc_status") != "queued" || !strings.Contains(fmt.Sprint(res.Messages), want) {
			t.Errorf("%s: %v, %v", want, err, res.Messages)
		}
		s.Passwords, s.HidePasswords = map[[2]string]string{}, false
	}
	// Outside of Splunk nobody gives a session: the report says so.
	out := s.Run(t, nil, "report", "bad.com")
	if out.Code != exitFailed || !strings.Contains(out.Stdout, "only what Splunk starts with a session can read it") {
		t.Errorf("%d: %s%s", out.Code, out.Stdout, out.Stderr)
	}
	if n := len(srv.Questions()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestSearchLog(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	events := one("d", "bad.com", "nothing.com", "10.0.0.1", "bad.com", "")
	if _, err := s.search(t, analystKey, "threatcrowdlookup field=d", events, func(s *chunkedtest.Search) { s.Probes = 2 }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.search(t, analystKey, "tclookup field=d", &chunkedtest.Table{Columns: []string{"d"}}); err != nil {
		t.Fatal(err)
	}
	lines := s.log(t)
	if len(lines) != 2 { // none of the processes that got only getinfo
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	l := lines[0]
	for key, want := range map[string]any{
		"role": "command", "command": "threatcrowdlookup", "sid": "1700000000.7", "user": "analyst", "complete": true,
		"rows": 5.0, "distinct": 3.0, "requests": 2.0, "excluded_values": 1.0,
	} {
		if l[key] != want {
			t.Errorf("%s = %v, should be %v", key, l[key], want)
		}
	}
	if got := fmt.Sprint(l["status"], l["answers"]); got != "map[excluded:1 found:2 not_found:1] map[live:2]" {
		t.Error(got)
	}
	if l["seconds"].(float64) <= 0 || l["bytes_in"].(float64) <= 0 || l["bytes_out"].(float64) <= l["bytes_in"].(float64) {
		t.Errorf("%v", l)
	}
	for _, v := range []string{"bad.com", "nothing.com", "10.0.0.1"} {
		if strings.Contains(fmt.Sprint(lines), v) {
			t.Errorf("the log holds the value %s", v)
		}
	}
	if lines[1]["rows"] != 0.0 || lines[1]["command"] != "tclookup" {
		t.Errorf("%v", lines[1])
	}
}

func TestSearchFillsKVStore(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	events := one("d", "bad.com", "nothing.com", "10.0.0.1", "-", "8.8.4.4")
	for _, spl := range []string{"tclookup field=d", "tclookup field=d kvstore=true demo=true"} {
		if _, err := s.search(t, analystKey, spl, events); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Documents("tclookup_cache"); len(got) != 0 {
		t.Fatalf("without kvstore, or with samples: %v", got)
	}
	preview := func(s *chunkedtest.Search) { s.Info.Preview = true }
	if _, err := s.search(t, analystKey, "tclookup field=d kvstore=true", events, preview); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("a preview sent splunkd %d requests", n)
	}
	if _, err := s.search(t, analystKey, "tclookup field=d kvstore=true", events); err != nil {
		t.Fatal(err)
	}
	docs := s.Documents("tclookup_cache")
	if len(docs) != 3 {
		t.Fatalf("%v", docs)
	}
	bad := docs["domain:bad.com"]
	for k, want := range map[string]any{
		"indicator": "bad.com", "tc_type": "domain", "tc_status": "found", "tc_verdict": "malicious", "tc_votes": "-1",
		"tc_last_seen": "2026-05-06", "tc_source": "threatcrowd",
	} {
		if bad[k] != want {
			t.Errorf("%s = %v, should be %v", k, bad[k], want)
		}
	}
	if bad["tc_fetched"].(float64) < 1.6e9 || docs["domain:nothing.com"]["tc_status"] != "not_found" || docs["ip:8.8.4.4"]["tc_verdict"] != "unknown" {
		t.Errorf("%v", docs)
	}
	// Who may not write there gets the answers all the same, and is told.
	s.ReadOnly = []string{"tclookup_cache"}
	res, err := s.search(t, analystKey, "tclookup field=d kvstore=true", events)
	if err != nil || res.Table.Get(0, "tc_status") != "found" {
		t.Fatal(err)
	}
	if text := fmt.Sprint(res.Messages); !strings.Contains(text, "3 of 3 answers are not in the KV store (collection tclookup_cache)") {
		t.Error(text)
	}
}

// casts returns the votes that a server got.
func casts(s *accept.Server) (votes []string) {
	for _, q := range s.Questions() {
		if q.Kind == "vote" {
			votes = append(votes, q.Value)
		}
	}
	return votes
}

func TestVoteCommand(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	const spl = `tcvote value="hxxp://bad[.]com/x" vote=malicious`
	refused := func(key, spl, want string, change ...func(*chunkedtest.Search)) {
		t.Helper()
		_, err := s.search(t, key, spl, nil, change...)
		var failed *chunkedtest.CommandError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, should be refused with %q", spl, err, want)
		}
	}
	refused(analystKey, spl, "no vote was cast: user analyst may not do that: the capability tclookup_vote is missing")
	refused("ended", spl, "the capability tclookup_vote cannot be checked: splunkd: GET /services/authentication/current-context: HTTP 401")
	refused(voterKey, spl, "no session", func(s *chunkedtest.Search) {
		s.Info.Metadata = []byte(`{"action":"getinfo","searchinfo":{"args":["value=bad.com","vote=malicious"],"raw_args":[]}}`)
	})
	refused(voterKey, "tcvote value=bad.com", `"vote"`)
	refused(voterKey, "tcvote value=bad.com vote=evil", `malicious`)
	refused(voterKey, "tcvote value=10.0.0.1 vote=malicious", "10.0.0.1 is not sent to anybody")
	refused(voterKey, "tcvote value=bad.com vote=malicious type=hash", "domain")
	refused(voterKey, "tcvote value=bad.com vote=malicious max_wait=0", "max_wait cannot be 0")
	if res, err := s.search(t, voterKey, spl, nil, func(s *chunkedtest.Search) { s.Info.Preview = true }); err != nil || len(res.Table.Rows) != 0 {
		t.Errorf("in a preview: %v, %v", res.Table, err)
	}
	if got := casts(srv); got != nil {
		t.Fatalf("votes %q were cast", got)
	}
	res, err := s.search(t, voterKey, spl, nil, func(s *chunkedtest.Search) { s.Probes = 3 })
	if err != nil {
		t.Fatal(err)
	}
	if !res.Getinfo.Generating || res.Getinfo.Type != "stateful" {
		t.Errorf("%+v", res.Getinfo)
	}
	for k, want := range map[string]string{
		"indicator": "bad.com", "type": "domain", "vote": "malicious", "source": "threatcrowd", "status": "found", "verdict": "malicious", "votes": "-1",
		"note": "the vote was cast",
	} {
		if got := res.Table.Get(0, k); got != want {
			t.Errorf("%s = %q, should be %q", k, got, want)
		}
	}
	if got := casts(srv); !slices.Equal(got, []string{"0/bad.com"}) || len(srv.Questions()) != 2 {
		t.Errorf("votes %q in %d requests", got, len(srv.Questions()))
	}
	if l := s.log(t); len(l) == 0 || l[len(l)-1]["command"] != "tcvote" || l[len(l)-1]["user"] != "voter" || l[len(l)-1]["complete"] != true {
		t.Errorf("%v", l)
	}
}

func TestStatusCommand(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	figures := func() map[string]string {
		t.Helper()
		res, err := s.search(t, analystKey, "tcstatus", nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"_time", "section", "name", "metric", "value", "unit", "note"}; !slices.Equal(res.Table.Columns, want) {
			t.Errorf("the fields are %q", res.Table.Columns)
		}
		out := map[string]string{}
		for r := range res.Table.Rows {
			out[res.Table.Get(r, "section")+"/"+res.Table.Get(r, "metric")] = res.Table.Get(r, "value")
		}
		return out
	}
	figures()
	if _, err := s.search(t, analystKey, "tclookup field=d", one("d", "bad.com", "good.com", "nothing.com")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.search(t, analystKey, "tclookup field=d mode=queue", one("d", "new.com", "newer.com")); err != nil {
		t.Fatal(err)
	}
	got := figures()
	for k, want := range map[string]string{
		"source/active": "1", "source/api_key": "none", "cache/present": "1", "cache/found": "2", "cache/not_found": "1", "cache/expired": "0",
		"queue/queued": "2", "breaker/state": "closed", "breaker/failures": "0",
	} {
		if got[k] != want {
			t.Errorf("%s = %q, should be %q", k, got[k], want)
		}
	}
	if got["budget/available"] == "" || got["cache/bytes"] == "" {
		t.Errorf("%v", got)
	}
	if n := len(srv.Questions()); n != 3 {
		t.Errorf("%d requests", n)
	}
}

func TestReportCommand(t *testing.T) {
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, unlimited(srv))
	run := func(spl string, change ...func(*chunkedtest.Search)) (*chunkedtest.Result, error) {
		t.Helper()
		return s.search(t, analystKey, spl, nil, change...)
	}
	relations := func(res *chunkedtest.Result) (list []string) {
		for r := range res.Table.Rows {
			list = append(list, res.Table.Get(r, "depth")+" "+res.Table.Get(r, "source")+" "+res.Table.Get(r, "relation")+" "+res.Table.Get(r, "target"))
		}
		return list
	}
	for _, change := range []func(*chunkedtest.Search){
		func(s *chunkedtest.Search) { s.Info.Preview = true },
		func(s *chunkedtest.Search) { s.Info = chunkedtest.Parse("tcreport value=bad.com mode=cache") },
	} {
		if res, err := run("tcreport value=bad.com", change); err != nil || len(res.Table.Rows) != 0 || len(srv.Questions()) != 0 {
			t.Errorf("%v, %v, %d requests", res.Table, err, len(srv.Questions()))
		}
	}
	res, err := run(`tcreport value="hxxp://bad[.]com"`, func(s *chunkedtest.Search) { s.Probes = 2 })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"source", "source_type", "relation", "target", "target_type", "first_seen", "last_seen", "verdict", "depth"}; !slices.Equal(res.Table.Columns, want) {
		t.Errorf("the fields are %q", res.Table.Columns)
	}
	want := []string{
		"1 bad.com resolution 203.0.113.9", "1 bad.com resolution 198.51.100.7", "1 bad.com subdomain www.bad.com",
		`1 bad.com subdomain "x$;$y`, "1 bad.com communicating_sample 31d0e421894004393c48de1769744687",
	}
	if got := relations(res); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if res.Table.Get(0, "last_seen") != "2026-05-06" || res.Table.Get(0, "source_type") != "domain" || res.Table.Get(0, "target_type") != "ip" {
		t.Errorf("%v", res.Table.Rows[0])
	}
	if n := len(srv.Questions()); n != 1 {
		t.Errorf("%d requests", n)
	}
	// Two hops, in replies of three rows each: the same first rows, and each
	// indicator asked once.
	res, err = run("tcreport value=bad.com depth=2", func(s *chunkedtest.Search) { s.Info.MaxResultRows = 3 })
	if err != nil {
		t.Fatal(err)
	}
	if got := relations(res); len(got) <= len(want) || !slices.Equal(got[:len(want)], want) || res.Replies < 3 {
		t.Errorf("%d replies: %q", res.Replies, got)
	}
	for k, n := range srv.Counts() {
		if n != 1 || strings.Contains(k, "203.0.113.9") { // a documentation address is not sent
			t.Errorf("%s was asked for %d times", k, n)
		}
	}
	// A budget that is spent gives what there is, and says so.
	if res, err = run("tcreport value=good.com depth=3 max_lookups=1"); err != nil || len(res.Table.Rows) == 0 {
		t.Errorf("%v, %v", res.Table, err)
	}
	if text := fmt.Sprint(res.Messages); !strings.Contains(text, "of the indicators were not answered") {
		t.Error(text)
	}
	for spl, want := range map[string]string{
		"tcreport value=nothing.com": "no source knows nothing.com", "tcreport 10.0.0.1": "10.0.0.1 is not sent to anybody: ",
	} {
		if res, err := run(spl); err != nil || !strings.Contains(fmt.Sprint(res.Messages), want) {
			t.Errorf("%s: %v, %v", spl, res.Messages, err)
		}
	}
	for spl, want := range map[string]string{
		"tcreport": `"value"`, "tcreport value=bad.com depth=0": "depth", "tcreport value=bad.com depth=6": "depth", "tcreport value=bad.com mode=queue": "mode",
		`tcreport value="two words"`: "two words", "tcreport value=bad.com typ=ip": "typ", "tcreport value=bad.com type=url": "unknown type",
	} {
		if _, err := run(spl); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", spl, err)
		}
	}
	if res, err := run("tcreport value=zq-updates-demo.com demo=true"); err != nil || len(res.Table.Rows) == 0 {
		t.Errorf("samples: %v", err)
	}
	none := newSplunk(t, "")
	if _, err := none.search(t, analystKey, "tcreport value=bad.com", nil); err == nil || !strings.Contains(err.Error(), "no source is configured") {
		t.Error(err)
	}
}
