// Package browsertest finds the browser that tests of pages start.
package browsertest

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// Path returns the path of Chromium. A machine without it skips the test, but
// in CI, where its absence is a failure. Short tests are always skipped.
func Path(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no chromium on this machine: .ci/run installs it")
	}
	t.Skip("no chromium on this machine")
	return ""
}

// Profile returns a directory for the browser's own files that is removed at
// the end of the test. A browser that was ended may leave processes behind that
// write there for a moment, which the test's own directories do not bear.
func Profile(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 50 {
			if err := os.RemoveAll(dir); err == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Logf("%s could not be removed", dir)
	})
	return dir
}
