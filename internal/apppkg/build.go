package apppkg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tclookup/tclookup/internal/apppkg/fatmacho"
)

// versionPackage is where the linker puts version and commit.
const versionPackage = "github.com/tclookup/tclookup/internal/version"

// Builds are program images by target.
type Builds map[Target][]byte

// BuildOptions say what to build.
type BuildOptions struct {
	Root    string // the module's directory
	Main    string // the main package, for instance ./cmd/tclookup
	Version string
	Commit  string // the revision of the sources, from Revision
	Targets []Target
	Log     func(format string, args ...any) // optional: told before each build
}

// Build cross-compiles the program for each target, without cgo and without the
// paths of this machine in it. The same sources and toolchain give the same bytes.
func Build(ctx context.Context, o BuildOptions) (Builds, error) {
	dir, err := os.MkdirTemp("", "tclookup-build-")
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	defer os.RemoveAll(dir)
	builds := Builds{}
	for _, t := range o.Targets {
		if o.Log != nil {
			o.Log("building %s for %s", o.Main, t)
		}
		image, err := buildOne(ctx, o, t, filepath.Join(dir, t.OS+"-"+t.Arch))
		if err != nil {
			return nil, err
		}
		builds[t] = image
	}
	return builds, nil
}

func buildOne(ctx context.Context, o BuildOptions, t Target, out string) ([]byte, error) {
	ldflags := "-s -w -X " + versionPackage + ".version=" + o.Version
	if o.Commit != "" {
		ldflags += " -X " + versionPackage + ".commit=" + o.Commit
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", out, o.Main)
	cmd.Dir = o.Root
	cmd.Env = goEnv(t)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build %s for %s: %w\n%s", o.Main, t, err, strings.TrimSpace(string(text)))
	}
	image, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("build of %s for %s: %w", o.Main, t, err)
	}
	return image, nil
}

// appTag leaves out of a program what a Splunk app has no use for: the SDK of
// Splunk Cloud Services, whose packages would be initialised in every search.
const appTag = "nocloud"

// goEnv is this process's environment with everything that changes the program
// set to a fixed value.
func goEnv(t Target) []string {
	return append(os.Environ(),
		"GOOS="+t.OS, "GOARCH="+t.Arch, "CGO_ENABLED=0",
		"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFLAGS=-tags="+appTag, "GOFIPS140=off")
}

// ErrMissingBuild says that a program of the package was not built.
var ErrMissingBuild = errors.New("no build")

// image returns the bytes of one program file.
func (b Builds) image(p Program) ([]byte, error) {
	var parts [][]byte
	for _, t := range p.Targets {
		if len(b[t]) == 0 {
			return nil, fmt.Errorf("%s: %w for %s", p.Path, ErrMissingBuild, t)
		}
		parts = append(parts, b[t])
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	fat, err := fatmacho.Join(parts...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Path, err)
	}
	return fat, nil
}
