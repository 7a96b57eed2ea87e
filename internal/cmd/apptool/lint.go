package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/tclookup/tclookup/internal/apppkg/lint"
)

// errFindings says that a package has errors, which were printed.
var errFindings = errors.New("not fit for delivery")

// check examines packages and prints what it finds.
func check(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("apptool lint", flag.ContinueOnError)
	notes := flags.Bool("notes", false, "also print what needs no mending")
	strict := flags.Bool("strict", false, "count warnings as errors")
	start := flags.Bool("run", false, "also start the program for this machine and compare its version")
	list := flags.Bool("list", false, "print the names of all checks")
	if err := parseFlags(flags, args); err != nil {
		return err
	}
	if *list {
		for _, name := range lint.Checks() {
			fmt.Println(name)
		}
		return nil
	}
	if flags.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "apptool lint: name the packages to check")
		return errUsage
	}
	least := lint.Error
	if *strict {
		least = lint.Warning
	}
	var o lint.Options
	if *start {
		o.Version = func(image []byte) (string, error) { return programVersion(ctx, image) }
	}
	bad := 0
	for _, name := range flags.Args() {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		findings := lint.Package(filepath.Base(name), f, o)
		f.Close()
		for _, finding := range findings {
			if finding.Severity >= least {
				bad++
			}
			if finding.Severity > lint.Note || *notes {
				fmt.Printf("%s: %s\n", name, finding)
			}
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d faults: %w", bad, errFindings)
	}
	return nil
}

var versionText = regexp.MustCompile(`\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?`)

// programVersion starts a program with "version" and returns the first version in
// what it prints.
func programVersion(ctx context.Context, image []byte) (string, error) {
	dir, err := os.MkdirTemp("", "tclookup-lint-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "program.exe")
	if err := os.WriteFile(name, image, 0o755); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, "version").Output()
	if err != nil {
		return "", err
	}
	v := versionText.Find(out)
	if v == nil {
		return "", fmt.Errorf("version: no version in %q", out)
	}
	return string(v), nil
}
