//go:build unix

package main

import (
	"net/http"
	"syscall"
	"testing"
	"time"
)

// A run that waits for a search, or in the middle of a stream, ends at a
// signal at once; a job that it started and nobody will ask for is ended.
func TestCloudInterrupted(t *testing.T) {
	for _, asJob := range []bool{true, false} {
		j := proxyJob(3)
		j.Polls = 1 << 30
		s, p, _ := stack(t, j)
		waiting := make(chan struct{}, 1<<10)
		release := make(chan struct{})
		fault := func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				waiting <- struct{}{}
			}
			if r.URL.Path == "/services/search/v2/jobs/export" {
				_ = http.NewResponseController(w).Flush()
				waiting <- struct{}{}
				<-release
				return true
			}
			return false
		}
		s.Do(func() { s.Fault = fault })
		args := []string{"cloud", "enrich", "--splunkd", s.URL, "--search", "x", "--field", "d"}
		if asJob {
			args = append(args, "--as-job")
		}
		r := start(t, p, args...)
		<-waiting
		began := time.Now()
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		if c := r.code(); c != exitInterrupted {
			t.Errorf("the exit code is %d; stderr %s", c, r.stderr.String())
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it takes %v to end", took)
		}
		close(release)
		s.Do(func() {
			if asJob && !s.Jobs["1763980000.1"].Canceled {
				t.Error("the job goes on")
			}
		})
	}
}
