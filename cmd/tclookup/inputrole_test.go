package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/accept"
)

// inputXML is what splunkd writes on the stdin of the input of a task.
func (s *splunkHome) inputXML(task, forTime string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<input>
  <server_host>search-01</server_host>
  <server_uri>%s</server_uri>
  <session_key>%s</session_key>
  <checkpoint_dir>%s</checkpoint_dir>
  <configuration><stanza name="tclookup://%s"><param name="for">%s</param><param name="interval">60</param><param name="task">%s</param></stanza></configuration>
</input>`, s.URL, systemKey, s.dir, task, forTime, task)
}

// started is an input that runs.
type started struct {
	*exec.Cmd
	out, errs bytes.Buffer
}

// input starts the program as splunkd starts a modular input. stdin stays open
// as splunkd leaves it.
func (s *splunkHome) input(t *testing.T, task, forTime string) *started {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	c := &started{Cmd: s.Command(context.Background())}
	c.Stdin, c.Stdout, c.Stderr = r, &c.out, &c.errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := w.WriteString(s.inputXML(task, forTime)); err != nil {
		t.Fatal(err)
	}
	return c
}

// stop ends the input as splunkd does, and returns how long that took.
func (c *started) stop(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	c.wait(t)
	return time.Since(start)
}

// wait waits for the end of the input.
func (c *started) wait(t *testing.T) {
	t.Helper()
	if err := c.Wait(); err != nil {
		t.Errorf("%v; stderr: %s", err, c.errs.String())
	}
	if got := c.out.String(); got != "<stream></stream>\n" {
		t.Errorf("stdout %q", got)
	}
	if strings.Contains(c.errs.String(), systemKey) || strings.Contains(c.errs.String(), apiKey) {
		t.Errorf("a secret on stderr: %s", c.errs.String())
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in half a minute it did not come to pass: %s", what)
		}
	}
}

// What an analyst without the right to the key left in the queue, the input
// asks for with the key, and the next search has it. The KV store is filled.
func TestInputAsksWithTheKey(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes are not interrupted there")
	}
	srv := accept.NewServer(t, nil)
	s := newSplunk(t, "[tclookup]\nkvstore = true\n"+unlimited(srv, "stored_key = true"))
	s.Passwords[[2]string{"tclookup", "threatcrowd"}] = apiKey
	s.Collections["tclookup_cache"] = map[string]map[string]any{"old": {"tc_fetched": 1e9}}
	events := one("d", "bad.com", "nothing.com", "good.com")
	if _, err := s.search(t, analystKey, "tclookup field=d", events); err != nil {
		t.Fatal(err)
	}
	if n := len(srv.Questions()); n != 0 {
		t.Fatalf("%d requests without a key", n)
	}
	in := s.input(t, "queue", "5m")
	eventually(t, "three requests", func() bool { return len(srv.Questions()) == 3 })
	eventually(t, "an empty queue", func() bool {
		out := s.Run(t, nil, "cache", "stats", "--output", "json")
		return strings.Contains(out.Stdout, `"queued":0`)
	})
	if took := in.stop(t); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if got := sentKeys(srv); !slices.Equal(got, []string{apiKey, apiKey, apiKey}) {
		t.Errorf("keys sent: %q", got)
	}
	if log := in.errs.String(); !strings.Contains(log, "INFO tclookup: answered=3 failed=0") {
		t.Errorf("stderr: %s", log)
	}
	docs := s.Documents("tclookup_cache")
	if len(docs) != 3 || docs["domain:bad.com"]["tc_verdict"] != "malicious" || docs["domain:nothing.com"]["tc_status"] != "not_found" {
		t.Errorf("%v", docs)
	}
	lines := s.log(t)
	if l := lines[len(lines)-1]; l["role"] != "input" || l["command"] != "tclookup://queue" || l["answered"] != 3.0 || l["requests"] != 3.0 || l["left"] != 0.0 {
		t.Errorf("%v", l)
	}
	res, err := s.search(t, analystKey, "tclookup field=d", events)
	if err != nil || res.Table.Get(0, "tc_verdict") != "malicious" || res.Table.Get(1, "tc_status") != "not_found" {
		t.Errorf("%v, %v", err, res.Table)
	}
	if n := len(srv.Questions()); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// Members of a cluster have queues of their own and ask one at a time.
func TestInputsOfACluster(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes are not interrupted there")
	}
	srv := accept.NewServer(t, nil)
	a, b := newSplunk(t, unlimited(srv)), newSplunk(t, unlimited(srv))
	b.Server = a.Server // the KV store is the cluster's
	a.Roles = []string{"search_head", "shc_member"}
	a.Server.Collections["tclookup_leases"] = map[string]map[string]any{
		"tclookup://queue": {"_key": "tclookup://queue", "holder": "c/1/1", "until": float64(time.Now().Add(time.Hour).Unix())},
	}
	for i, s := range []*splunkHome{a, b} {
		if _, err := s.search(t, analystKey, "tclookup field=d mode=queue", one("d", fmt.Sprintf("bad%d.com", i))); err != nil {
			t.Fatal(err)
		}
	}
	ina, inb := a.input(t, "queue", "5m"), b.input(t, "queue", "5m")
	tries := func() (n int) {
		for _, c := range a.Calls() {
			if c == "GET /servicesNS/nobody/tclookup/storage/collections/data/tclookup_leases/tclookup://queue" {
				n++
			}
		}
		return n
	}
	eventually(t, "both look whose turn it is", func() bool { return tries() >= 2 })
	if n := len(srv.Questions()); n != 0 {
		t.Errorf("%d requests while another member has the turn", n)
	}
	a.Drop("tclookup_leases", "tclookup://queue")
	eventually(t, "both have asked, and have given back their turns", func() bool {
		return len(srv.Questions()) == 2 && len(a.Documents("tclookup_leases")) == 0
	})
	ina.stop(t)
	inb.stop(t)
	if got := a.Documents("tclookup_leases"); len(got) != 0 {
		t.Errorf("turns that nobody gave back: %v", got)
	}
	for _, in := range []*started{ina, inb} {
		if !strings.Contains(in.errs.String(), "another member of the cluster is asking; waiting for its turn") || !strings.Contains(in.errs.String(), "answered=1") {
			t.Errorf("stderr: %s", in.errs.String())
		}
	}
}

// feeds is a server of feeds: /list is one, /broken is none, and /slow ends
// when its client does.
type feeds struct {
	*httptest.Server
	lists, slow atomic.Int32 // how often each was asked for
	key         atomic.Value // the last one that was sent
}

func newFeeds(t *testing.T) *feeds {
	f := &feeds{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list":
			f.lists.Add(1)
			f.key.Store(r.Header.Get("Auth-Key"))
			fmt.Fprint(w, "evil.example.net\nnot a value\n")
		case "/slow":
			f.slow.Add(1)
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// stanza is the feed name at a path of the server.
func (f *feeds) stanza(name, path string) string {
	return fmt.Sprintf("[feed:%s]\nurl = %s%s?token=%s\nallow_private = true\nproxy = none\nauth_header = Auth-Key\n", name, f.URL, path, apiKey)
}

// A round of the input downloads the feeds that are due, and searches know
// what is in them. One that fails keeps the others from nothing.
func TestInputPullsFeeds(t *testing.T) {
	f := newFeeds(t)
	s := newSplunk(t, f.stanza("broken", "/none")+f.stanza("list", "/list"))
	s.Env = append(s.Env, "TCLOOKUP_FEED_LIST_AUTH="+apiKey)
	round := func() (stderr string, last map[string]any) {
		t.Helper()
		in := s.input(t, "feeds", "5m")
		in.wait(t)
		lines := s.log(t)
		return in.errs.String(), lines[len(lines)-1]
	}
	stderr, l := round()
	if !strings.Contains(stderr, "INFO tclookup: feed list: import 1, 1 facts from 2 records; 1 bad, 0 passed over") ||
		!strings.Contains(stderr, "WARN tclookup: feed broken was not imported: ") || !strings.Contains(stderr, "403") {
		t.Errorf("stderr: %s", stderr)
	}
	if l["role"] != "input" || l["command"] != "tclookup://feeds" || l["complete"] != true || l["imported"] != 1.0 || l["facts"] != 1.0 ||
		l["bad_records"] != 1.0 || l["failed"] != 1.0 || l["unchanged"] != 0.0 {
		t.Errorf("%v", l)
	}
	if f.key.Load() != apiKey {
		t.Errorf("the key sent: %v", f.key.Load())
	}
	res, err := s.search(t, analystKey, "tclookup field=d", one("d", "evil.example.net", "good.example.net"))
	if err != nil || res.Table.Get(0, "tc_verdict") != "malicious" || res.Table.Get(0, "tc_source") != "local" || res.Table.Get(1, "tc_status") != "not_found" {
		t.Errorf("%v, %v", err, res.Table)
	}
	// What is there and not due is not asked for; what failed is.
	if _, l = round(); l["imported"] != 0.0 || l["failed"] != 1.0 || f.lists.Load() != 1 {
		t.Errorf("%v; asked %d times", l, f.lists.Load())
	}
}

// Nothing to do is no line in the app's log.
func TestInputWithoutDueFeeds(t *testing.T) {
	f := newFeeds(t)
	for name, conf := range map[string]string{
		"no feed is configured":                                  "",
		"the source of the kind local is switched off; there is": "[source:local]\nenabled = false\n" + f.stanza("list", "/list"),
	} {
		s := newSplunk(t, conf)
		in := s.input(t, "feeds", "5m")
		in.wait(t)
		if !strings.Contains(in.errs.String(), "INFO tclookup: "+name) {
			t.Errorf("stderr: %s", in.errs.String())
		}
		if _, err := os.Stat(filepath.Join(s.dir, "var/log/splunk/tclookup.log")); err == nil {
			t.Errorf("%s: a line in the log: %v", name, s.log(t))
		}
	}
	s := newSplunk(t, f.stanza("list", "/list"))
	for range 2 {
		s.input(t, "feeds", "5m").wait(t)
	}
	if n := len(s.log(t)); n != 1 || f.lists.Load() != 1 {
		t.Errorf("%d lines, asked %d times", n, f.lists.Load())
	}
}

// In the middle of a download the input ends when it is told.
func TestInputEndsDuringDownload(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes are not interrupted there")
	}
	f := newFeeds(t)
	s := newSplunk(t, f.stanza("slow", "/slow"))
	in := s.input(t, "feeds", "5m")
	eventually(t, "the feed is asked for", func() bool { return f.slow.Load() == 1 })
	if took := in.stop(t); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

// Each member of a cluster has a copy of the feeds, which they download one at
// a time.
func TestFeedsOfACluster(t *testing.T) {
	f := newFeeds(t)
	a, b := newSplunk(t, f.stanza("list", "/list")), newSplunk(t, f.stanza("list", "/list"))
	b.Server = a.Server // the KV store is the cluster's
	a.Roles = []string{"search_head", "shc_member"}
	a.Server.Collections["tclookup_leases"] = map[string]map[string]any{
		"tclookup://feeds": {"_key": "tclookup://feeds", "holder": "c/1/1", "until": float64(time.Now().Add(time.Hour).Unix())},
	}
	ina, inb := a.input(t, "feeds", "5m"), b.input(t, "feeds", "5m")
	eventually(t, "both look whose turn it is", func() bool {
		n := 0
		for _, c := range a.Calls() {
			if c == "GET /servicesNS/nobody/tclookup/storage/collections/data/tclookup_leases/tclookup://feeds" {
				n++
			}
		}
		return n >= 2
	})
	if n := f.lists.Load(); n != 0 {
		t.Errorf("%d downloads while another member has the turn", n)
	}
	a.Drop("tclookup_leases", "tclookup://feeds")
	for _, in := range []*started{ina, inb} {
		in.wait(t)
		if !strings.Contains(in.errs.String(), "another member of the cluster is downloading feeds; waiting for its turn") || !strings.Contains(in.errs.String(), "imported=1") {
			t.Errorf("stderr: %s", in.errs.String())
		}
	}
	if got := a.Documents("tclookup_leases"); len(got) != 0 || f.lists.Load() != 2 {
		t.Errorf("%d downloads, turns that nobody gave back: %v", f.lists.Load(), got)
	}
}
