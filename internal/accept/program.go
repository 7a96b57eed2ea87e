package accept

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Program is started by tests in an environment of its own: nothing of the
// machine's configuration, caches or proxies gets in.
type Program struct {
	// Path of the executable, and its name as it sees it itself; an empty one
	// is the file's.
	Path, Name string
	// Home is the home directory, below which everything the program may
	// write lies.
	Home string
	// Env are further variables, as NAME=value.
	Env []string
}

// NewProgram returns the program at path with a home that the test removes.
func NewProgram(t testing.TB, path string, env ...string) *Program {
	t.Helper()
	return &Program{Path: path, Home: t.TempDir(), Env: env}
}

// Command returns a command that is ready to start.
func (p *Program) Command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, p.Path, args...)
	if p.Name != "" {
		c.Args[0] = p.Name
	}
	c.Dir = p.Home
	c.Env = append(Environ(p.Home), p.Env...)
	return c
}

// Environ is an environment in which only home can be found.
func Environ(home string) []string {
	env := []string{
		"HOME=" + home, "USERPROFILE=" + home, "TMPDIR=" + home,
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
		"TCLOOKUP_DATA_DIR=" + filepath.Join(home, "data"),
	}
	for _, name := range []string{"PATH", "SYSTEMROOT", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// An Outcome is how a program ended.
type Outcome struct {
	Stdout, Stderr string
	Code           int // -1 when a signal ended it
	Took           time.Duration
	State          *os.ProcessState
}

// Run runs the program to its end. A program that takes longer than a minute
// is killed and fails the test.
func (p *Program) Run(t testing.TB, stdin io.Reader, args ...string) *Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := p.Command(ctx, args...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = stdin, &out, &errs
	start := time.Now()
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %q: %v", p.Path, args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%q did not end; stderr: %s", args, errs.String())
	}
	o := &Outcome{Stdout: out.String(), Stderr: errs.String(), Code: c.ProcessState.ExitCode(), Took: time.Since(start), State: c.ProcessState}
	if strings.Contains(o.Stderr, "panic:") || strings.Contains(o.Stderr, "goroutine ") {
		t.Errorf("%q panicked:\n%s", args, o.Stderr)
	}
	return o
}

// Files returns the paths of all files and directories below dir, relative to
// it.
func Files(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		all = append(all, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
