package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/internal/accept"
)

// TestArm64Conversation has the program for linux/arm64 hold the conversation
// of a search, under qemu's user emulation, and compares what comes out with
// what the program for this machine gives.
func TestArm64Conversation(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program for another machine")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH == "arm64" {
		t.Skip("this machine does not need or have qemu's user emulation")
	}
	qemu, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no qemu-aarch64 on this machine: .ci/run installs it")
		}
		t.Skip("the program for linux/arm64 is tested under qemu-aarch64 (package qemu-user), which is not on this machine")
	}
	exe := filepath.Join(t.TempDir(), "tclookup")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", exe, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	events := chunkedtest.NewTable("ioc", "_raw").
		Add("zq-updates-demo.com", "a").Add("hxxp://44.128.17[.]21/x", `"b", c`).Add("10.1.2.3", "d\ne").Add("nothing", "").Add("zq-updates-demo.com", "f")
	run := func(name string, args ...string) *chunkedtest.Table {
		t.Helper()
		home := t.TempDir()
		s := chunkedtest.Search{
			Info: chunkedtest.Parse(`tclookup field=ioc demo=true output="status,type,verdict,related,resolutions,indicator"`), Probes: 1, ChunkRows: []int{2},
			Dial: func() (*chunkedtest.Conversation, error) {
				cmd := exec.CommandContext(t.Context(), name, args...)
				cmd.Dir, cmd.Env = home, accept.Environ(home)
				cmd.Stderr = &failing{t: t}
				return chunkedtest.Exec(cmd, 2*time.Minute)
			},
		}
		res, err := s.Run(events)
		if err != nil {
			t.Fatal(err)
		}
		return res.Table
	}
	native, err := exec.LookPath("tclookup")
	if err != nil {
		t.Fatal(err)
	}
	want := run(native, "splunk", "tclookup")
	got := run(qemu, exe, "splunk", "tclookup")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("linux/arm64 gives something else (-this machine +arm64):\n%s", d)
	}
	if v := got.Get(0, "tc_verdict"); len(got.Rows) != 5 || v != "malicious" {
		t.Errorf("%d rows, verdict %q", len(got.Rows), v)
	}
}
