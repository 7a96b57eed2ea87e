package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/accept"
)

// inputXML is what splunkd writes on the stdin of the input.
func (s *splunkHome) inputXML(forTime string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<input>
  <server_host>search-01</server_host>
  <server_uri>%s</server_uri>
  <session_key>%s</session_key>
  <checkpoint_dir>%s</checkpoint_dir>
  <configuration><stanza name="tclookup://queue"><param name="for">%s</param><param name="interval">60</param></stanza></configuration>
</input>`, s.URL, systemKey, s.dir, forTime)
}

// started is an input that runs.
type started struct {
	*exec.Cmd
	out, errs bytes.Buffer
}

// input starts the program as splunkd starts a modular input. stdin stays open
// as splunkd leaves it.
func (s *splunkHome) input(t *testing.T, forTime string) *started {
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
	if _, err := w.WriteString(s.inputXML(forTime)); err != nil {
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
	if err := c.Wait(); err != nil {
		t.Errorf("%v; stderr: %s", err, c.errs.String())
	}
	if got := c.out.String(); got != "<stream></stream>\n" {
		t.Errorf("stdout %q", got)
	}
	if strings.Contains(c.errs.String(), systemKey) || strings.Contains(c.errs.String(), apiKey) {
		t.Errorf("a secret on stderr: %s", c.errs.String())
	}
	return time.Since(start)
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
	in := s.input(t, "5m")
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
	ina, inb := a.input(t, "5m"), b.input(t, "5m")
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
	eventually(t, "both have asked", func() bool { return len(srv.Questions()) == 2 })
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
