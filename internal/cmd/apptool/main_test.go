package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/internal/apppkg"
	"github.com/tclookup/tclookup/internal/apppkg/apptest"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		nil, {"pack"}, {"package", "extra"}, {"package", "-platforms", "amiga"}, {"package", "-x"}, {"lint"}, {"lint", "-x"}, {"icons", "extra"},
	} {
		if err := run(t.Context(), args); !errors.Is(err, errUsage) {
			t.Errorf("apptool %q: error %v, want a usage error", args, err)
		}
	}
	for _, args := range [][]string{{"-h"}, {"lint", "-list"}} {
		if err := run(t.Context(), args); err != nil {
			t.Errorf("apptool %q: %v", args, err)
		}
	}
	if err := run(t.Context(), []string{"package", "-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("package -h: %v", err)
	}
}

func TestPackageThenLint(t *testing.T) {
	apptest.Builds(t, apppkg.Target{OS: "linux", Arch: "arm64"}) // skips without go
	version, err := apppkg.ReadVersion(apptest.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	args := []string{"package", "-q", "-root", apptest.Root(t), "-main", apptest.Stub, "-commit", "test", "-platforms", "linux_arm64", "-o", dir}
	var files [2][]byte
	name := filepath.Join(dir, "tclookup-"+version+"-linux_arm64.tgz")
	for i := range files {
		if err := run(t.Context(), args); err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two runs, two packages")
	}
	sbom := strings.TrimSuffix(name, ".tgz") + ".cdx.json"
	bill, err := os.ReadFile(sbom)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	want := fmt.Sprintf("%x  %s\n%x  %s\n", sha256.Sum256(bill), filepath.Base(sbom), sha256.Sum256(files[0]), filepath.Base(name))
	if err != nil || string(sums) != want {
		t.Errorf("SHA256SUMS is %q, %v; want %q", sums, err, want)
	}
	if err := run(t.Context(), []string{"lint", "-strict", name}); err != nil {
		t.Errorf("lint: %v", err)
	}
	cut := filepath.Join(dir, "tclookup-"+version+".tgz")
	if err := os.WriteFile(cut, files[0][:1000], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"lint", cut}); !errors.Is(err, errFindings) {
		t.Errorf("lint of half a package: %v", err)
	}
	if err := run(t.Context(), []string{"lint", filepath.Join(dir, "none.tgz")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("lint of nothing: %v", err)
	}
}
