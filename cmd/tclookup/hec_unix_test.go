//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tclookup/tclookup/internal/hec/hectest"
)

// A run that is killed again and again goes on without loss, and what arrives
// twice is bounded by what was under way, and counted.
func TestHECKilled(t *testing.T) {
	const rows, batch, inFlight = 1500, 25, 2
	var mu sync.Mutex
	var victim *exec.Cmd
	kill := map[int]bool{}
	s := &hectest.Server{Token: "0ff1ce-token", Acks: true}
	s.Fault = func(n int, _ []hectest.Event) *hectest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if kill[n] {
			_ = victim.Process.Kill() // the events are taken, but nobody is told
		}
		return nil
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	p := program(t, "TCLOOKUP_HEC_TOKEN=0ff1ce-token")
	in := filepath.Join(p.Home, "in.csv")
	var text strings.Builder
	text.WriteString("n,d\n")
	for i := range rows {
		fmt.Fprintf(&text, "%d,host%d.example.org\n", i, i%50)
	}
	if err := os.WriteFile(in, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	once := func() (killed bool, stderr string) {
		cmd := p.Command(t.Context(), "enrich", "--field", "d", "--mode", "cache", "--output", "status", "--to", "hec", "--hec-url", srv.URL,
			"--hec-batch-events", fmt.Sprint(batch), "--hec-in-flight", fmt.Sprint(inFlight), "--resume", "journal", "--summary", "in.csv")
		var out strings.Builder
		cmd.Stderr = &out
		mu.Lock()
		victim = cmd
		err := cmd.Start()
		mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		if !cmd.ProcessState.Exited() {
			return true, ""
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		return false, out.String()
	}
	kills := 0
	var resent int64
	for _, at := range []int{0, 9, 40, -1} {
		n, _ := s.Requests()
		mu.Lock()
		clear(kill)
		kill[n+at] = at >= 0
		mu.Unlock()
		killed, stderr := once()
		if killed {
			kills++
			continue
		}
		var sum struct {
			Resent, Confirmed int64
			Complete          bool
		}
		if err := json.Unmarshal([]byte(stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:]), &sum); err != nil {
			t.Fatalf("%v in %q", err, stderr)
		}
		if resent = sum.Resent; !sum.Complete {
			t.Errorf("%s", stderr)
		}
	}
	if kills != 3 {
		t.Fatalf("%d runs were killed", kills)
	}
	count := map[string]int{}
	for _, e := range s.Events() {
		count[string(e.Event)]++
	}
	again := len(s.Events()) - len(count)
	if len(count) != rows {
		t.Errorf("%d of %d rows arrived", len(count), rows)
	}
	if most := kills * (inFlight + 1) * batch; again > most || again == 0 {
		t.Errorf("%d events arrived again, the bound is %d", again, most)
	}
	if resent == 0 || resent > (inFlight+1)*batch {
		t.Errorf("the last run counts %d events as sent again", resent)
	}
	t.Logf("%d kills, %d events again", kills, again)
}
