package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/hec/hectest"
)

// TestCloudToHEC: the results of a search go from one Splunk to another through
// the program. Killed on the way it goes on with the same job; no result is
// missing, and what arrives twice is bounded by what was under way.
func TestCloudToHEC(t *testing.T) {
	const rows, batch, inFlight = 300, 20, 2
	j := proxyJob(rows)
	from, p, _ := stack(t, j)
	// What is known already is not claimed: a killed run would hold its claims for a while.
	checkOutcome(t, p.Run(t, strings.NewReader("d\nbad.com\none.com\n"), "enrich", "--field", "d"), 0, "*", "")
	var mu sync.Mutex
	var victim *exec.Cmd
	killAt := -1
	to := &hectest.Server{Token: "0ff1ce-token", Acks: true}
	to.Fault = func(n int, _ []hectest.Event) *hectest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if n == killAt {
			_ = victim.Process.Kill() // the events are taken, but nobody is told
		}
		return nil
	}
	srv := httptest.NewServer(to)
	defer srv.Close()
	p.Env = append(p.Env, "TCLOOKUP_HEC_TOKEN=0ff1ce-token")
	args := []string{
		"cloud", "enrich", "--splunkd", from.URL, "--search", "index=proxy", "--field", "d", "--output", "status", "--page-rows", "50",
		"--to", "hec", "--hec-url", srv.URL, "--hec-batch-events", fmt.Sprint(batch), "--hec-in-flight", fmt.Sprint(inFlight),
		"--resume", filepath.Join(p.Home, "journal"), "--summary",
	}
	kills := 0
	for _, after := range []int{1, 4, 6, -1} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := p.Command(ctx, args...)
		var said strings.Builder
		cmd.Stderr = &said
		n, _ := to.Requests()
		mu.Lock()
		if killAt = -1; after >= 0 {
			killAt = n + after
		}
		victim = cmd
		err := cmd.Start()
		mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		cancel()
		switch {
		case !cmd.ProcessState.Exited():
			kills++
		case err != nil:
			t.Fatalf("%v: %s", err, said.String())
		case !strings.Contains(said.String(), `"complete":true`):
			t.Errorf("the summary is %s", said.String())
		}
	}
	if kills != 3 {
		t.Fatalf("%d runs were killed", kills)
	}
	count := map[string]int{}
	for _, e := range to.Events() {
		var r struct {
			N      string `json:"n"`
			Status string `json:"tc_status"`
		}
		if err := json.Unmarshal(e.Event, &r); err != nil || r.Status == "" {
			t.Fatalf("event %s: %v", e.Event, err)
		}
		count[r.N]++
	}
	again := len(to.Events()) - len(count)
	if most := kills * (inFlight + 1) * batch; len(count) != rows || again == 0 || again > most {
		t.Errorf("%d of %d results arrived, %d of them again; the bound is %d", len(count), rows, again, most)
	}
	startedOnce(t, from)
}
