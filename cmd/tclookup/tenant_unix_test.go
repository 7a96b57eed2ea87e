//go:build unix && !nocloud

package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Wherever the SDK waits, a signal ends the run at once.
func TestTenantInterrupted(t *testing.T) {
	for _, where := range []string{"/token", "/jobs", "/results"} {
		s, p, args := tenant(t, 3)
		waiting, release := make(chan struct{}, 10), make(chan struct{})
		fault := func(_ http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, where) {
				return false
			}
			waiting <- struct{}{}
			<-release
			return true
		}
		s.Do(func() { s.Fault = fault })
		r := start(t, p, append(args, "--search", "x")...)
		<-waiting
		began := time.Now()
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		if c := r.code(); c != exitInterrupted {
			t.Errorf("%s: the exit code is %d; stderr %s", where, c, r.stderr.String())
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: it takes %v to end", where, took)
		}
		close(release)
	}
}
