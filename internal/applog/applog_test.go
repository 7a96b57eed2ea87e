package applog

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is one of several processes when the environment says so.
func TestMain(m *testing.M) {
	if dir := os.Getenv("APPLOG_TEST_DIR"); dir != "" {
		l := &Log{Dir: dir, MaxBytes: 4 << 10, Keep: 1000}
		for i := range 100 {
			if err := l.Write(Head{Role: "command", SID: fmt.Sprintf("%s.%d", os.Getenv("APPLOG_TEST_ID"), i)}, map[string]int{"rows": i}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// lines returns the decoded lines of all files of a log.
func lines(t *testing.T, dir string) []map[string]any {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, FileName+"*"))
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			var m map[string]any
			if err := json.Unmarshal(s.Bytes(), &m); err != nil {
				t.Fatalf("%s: %q: %v", name, s.Text(), err)
			}
			out = append(out, m)
		}
		f.Close()
	}
	return out
}

func TestWrite(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 5e6, time.FixedZone("", 3600))
	l := &Log{Dir: t.TempDir(), Now: func() time.Time { return at }}
	if err := l.Write(Head{Role: "alert", Command: "tclookup", User: "a\"b", Error: "first\n second " + strings.Repeat("x", 900)}, struct {
		Rows int `json:"rows"`
	}{7}); err != nil {
		t.Fatal(err)
	}
	for _, empty := range []any{nil, struct{}{}} {
		if err := l.Write(Head{Role: "input"}, empty); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Write(Head{}, []int{1}); err == nil {
		t.Error("a list is taken for an account")
	}
	got := lines(t, l.Dir)
	if len(got) != 3 {
		t.Fatalf("%d lines", len(got))
	}
	m := got[0]
	if m["time"] != "2026-11-24T09:00:00.005Z" || m["role"] != "alert" || m["user"] != `a"b` || m["rows"] != 7.0 {
		t.Errorf("%v", m)
	}
	if e := m["error"].(string); !strings.HasPrefix(e, "first second x") || len([]rune(e)) != maxError+1 {
		t.Errorf("%q", e)
	}
	data, err := os.ReadFile(filepath.Join(l.Dir, FileName))
	if err != nil || !strings.HasPrefix(string(data), `{"time":"2026-`) {
		t.Errorf("%.40s, %v", data, err) // the time comes first, where splunkd looks for it
	}
}

func TestNowhere(t *testing.T) {
	var none *Log
	for _, l := range []*Log{none, {}} {
		if err := l.Write(Head{}, nil); err != nil {
			t.Error(err)
		}
	}
	l := &Log{Dir: filepath.Join(t.TempDir(), "missing")}
	if err := l.Write(Head{}, nil); err == nil {
		t.Error("a missing directory is no error")
	}
}

func TestKeeps(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := &Log{Dir: t.TempDir(), MaxBytes: 1, Keep: 2, Now: func() time.Time { at = at.Add(time.Second); return at }}
	for i := range 10 {
		if err := l.Write(Head{SID: fmt.Sprint(i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	got := lines(t, l.Dir)
	if len(got) != 3 || got[0]["sid"] != "9" || got[1]["sid"] != "7" || got[2]["sid"] != "8" {
		t.Errorf("%v", got)
	}
}

// Processes that write and rotate at the same time lose no line and mix none.
func TestProcesses(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var cmds []*exec.Cmd
	for p := range 6 {
		c := exec.Command(exe)
		c.Env = append(os.Environ(), "APPLOG_TEST_DIR="+dir, fmt.Sprintf("APPLOG_TEST_ID=p%d", p))
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, c)
	}
	for _, c := range cmds {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	seen := map[any]int{}
	for _, m := range lines(t, dir) {
		seen[m["sid"]]++
	}
	for p := range 6 {
		for i := range 100 {
			if sid := fmt.Sprintf("p%d.%d", p, i); seen[sid] != 1 {
				t.Errorf("%s is there %d times", sid, seen[sid])
			}
		}
	}
}
