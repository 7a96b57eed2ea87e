// Package apptest provides small real programs in place of tclookup for tests of
// the packager and its checks.
package apptest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/tclookup/tclookup/internal/apppkg"
)

// Version is the version the programs are built as.
const Version = "0.1.0"

// Commit is the revision they claim to be from.
const Commit = "0123456789abcdef0123456789abcdef01234567"

// Stub is the main package of the programs, seen from the project's root.
const Stub = "./internal/apppkg/testdata/stub"

// Root returns the project's directory. It must be called from a test, which go
// runs in its package's directory.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's directory")
		}
	}
}

// Builds returns the stub built for the targets, and perhaps more; for every one
// that a package needs when none is given. The images must not be changed. It skips the test where
// there is no go command, and in short mode.
func Builds(t testing.TB, targets ...apppkg.Target) apppkg.Builds {
	t.Helper()
	if testing.Short() {
		t.Skip("builds programs, which takes a while")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("building programs for the test needs the go command")
	}
	if targets == nil {
		targets = apppkg.Targets(apppkg.Platforms()...)
	}
	built.Lock()
	defer built.Unlock()
	missing := slices.DeleteFunc(slices.Clone(targets), func(x apppkg.Target) bool { return built.images[x] != nil })
	fresh, err := apppkg.Build(t.Context(), Options(t, missing...))
	if err != nil {
		t.Fatal(err)
	}
	if built.images == nil {
		built.images = apppkg.Builds{}
	}
	maps.Copy(built.images, fresh)
	return maps.Clone(built.images)
}

// built are the programs of this test process: linking takes seconds.
var built struct {
	sync.Mutex
	images apppkg.Builds
}

// Options say how the stub is built.
func Options(t testing.TB, targets ...apppkg.Target) apppkg.BuildOptions {
	return apppkg.BuildOptions{Root: Root(t), Main: Stub, Version: Version, Commit: Commit, Targets: targets}
}

// Input returns what the project's own app and the stubs make up.
func Input(t testing.TB) apppkg.Input {
	t.Helper()
	root := Root(t)
	license, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	in := apppkg.Input{App: os.DirFS(filepath.Join(root, "app")), License: license, Changes: []byte("# Changelog\n"), Version: Version, Commit: Commit, Builds: Builds(t)}
	in.Licenses, err = apppkg.Licenses(t.Context(), root, Stub, apppkg.Targets(apppkg.Platforms()[1]))
	if err != nil {
		t.Fatal(err)
	}
	return in
}
