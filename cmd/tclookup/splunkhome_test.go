package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/internal/accept"
	"github.com/tclookup/tclookup/internal/splunkd/splunkdtest"
)

// splunkHome is a Splunk with the app in it and a splunkd beside it.
type splunkHome struct {
	*accept.Program
	*splunkdtest.Server
	dir string
}

// The session keys of splunkHome.
const (
	systemKey  = "system^key" // splunk-system-user: may everything
	analystKey = "analyst^key"
	voterKey   = "voter^key"
)

// newSplunk installs the program as an app; local is the text of its local
// tclookup.conf.
func newSplunk(t testing.TB, local string, env ...string) *splunkHome {
	t.Helper()
	dir := t.TempDir()
	app := filepath.Join(dir, "etc", "apps", "tclookup")
	for _, d := range []string{"linux_x86_64/bin", "local", "default"} {
		if err := os.MkdirAll(filepath.Join(app, filepath.FromSlash(d)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "var", "log", "splunk"), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(app, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shipped, err := os.ReadFile("../../app/default/tclookup.conf")
	if err != nil {
		t.Fatal(err)
	}
	write("default/tclookup.conf", string(shipped))
	write("local/tclookup.conf", local)
	s := &splunkHome{Program: program(t, append([]string{"SPLUNK_HOME=" + dir}, env...)...), Server: splunkdtest.New(t), dir: dir}
	exe := filepath.Join(app, "linux_x86_64", "bin", filepath.Base(s.Path))
	if err := os.Link(s.Path, exe); err != nil {
		copyFile(t, s.Path, exe)
	}
	s.Path = exe
	s.Server.Users = map[string]splunkdtest.User{
		systemKey:  {Name: "splunk-system-user", Capabilities: []string{"list_storage_passwords", "edit_tcp", "tclookup_vote", "admin_all_objects"}},
		analystKey: {Name: "analyst", Capabilities: []string{"search"}},
		voterKey:   {Name: "voter", Capabilities: []string{"search", "tclookup_vote", "edit_tcp"}},
	}
	s.Server.Collections["tclookup_cache"] = nil
	s.Server.Collections["tclookup_leases"] = nil
	return s
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// unlimited is a local tclookup.conf with a server that has no budget.
func unlimited(s *accept.Server, more ...string) string {
	return "[source:threatcrowd]\nbase_url = " + strings.TrimSuffix(s.URL, "/") +
		"\nrate = unlimited\nretries = 0\nbreak_after = 0\n" + strings.Join(more, "\n") + "\n"
}

// search runs a search with a command of any name, for the user of a session.
func (s *splunkHome) search(t testing.TB, key, spl string, events *chunkedtest.Table, change ...func(*chunkedtest.Search)) (*chunkedtest.Result, error) {
	t.Helper()
	info := chunkedtest.Parse(spl)
	info.SessionKey, info.SplunkdURI, info.SID = key, s.URL, "1700000000.7"
	info.Username = s.Users[key].Name
	run := chunkedtest.Search{Info: info, Dial: func() (*chunkedtest.Conversation, error) {
		c := s.Command(t.Context(), "splunk", info.Command)
		c.Stderr = &failing{t: t}
		return chunkedtest.Exec(c, 30*time.Second)
	}}
	for _, f := range change {
		f(&run)
	}
	return run.Run(events)
}

// log returns the lines of the app's log.
func (s *splunkHome) log(t testing.TB) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "var", "log", "splunk", "tclookup.log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, secret := range []string{systemKey, analystKey, voterKey, apiKey} {
		if strings.Contains(string(data), secret) {
			t.Errorf("the log holds the secret %s", secret)
		}
	}
	var out []map[string]any
	for line := range strings.Lines(string(data)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, m)
	}
	return out
}

const apiKey = "an-api-key-of-a-server"
