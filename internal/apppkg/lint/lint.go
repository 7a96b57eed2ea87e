// Package lint examines a packaged Splunk app offline, with the checks that
// Splunk's own vetting (AppInspect) makes and those it should make.
package lint

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
)

// Severity says how bad a finding is.
type Severity int

// The severities. A package is fit for delivery when it has no Error.
const (
	Note    Severity = iota // worth knowing, nothing to do
	Warning                 // vetting passes, users may suffer
	Error                   // vetting fails, or the app does not work
)

func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return fmt.Sprintf("severity %d", int(s))
}

// Finding is one fault.
type Finding struct {
	Check    string // AppInspect's name of the check, or ours
	Severity Severity
	File     string // path in the app, or the package's file name
	Line     int    // from 1; 0 when the fault is not in one line
	Message  string // what is wrong
	Mend     string // what to do
}

func (f Finding) String() string {
	at := f.File
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return fmt.Sprintf("%s: %s: %s: %s; %s", at, f.Severity, f.Check, f.Message, f.Mend)
}

// Options say how far the lint goes.
type Options struct {
	// Version starts a program of the package that this machine can run and
	// returns what it says its version is. Nil: no program is started.
	Version func(image []byte) (string, error)
}

type check struct {
	name string
	run  func(*app)
}

// Checks returns the names of all checks.
func Checks() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

func checks() []check {
	return slices.Concat(packageChecks(), binaryChecks(), confChecks(), identityChecks(),
		commandChecks(), inputChecks(), knowledgeChecks(), viewChecks(), ownChecks())
}

// Package examines the package that r delivers; fileName is the name of its
// file. The findings are sorted by file, line, check and message.
func Package(fileName string, r io.Reader, o Options) []Finding {
	pkg, err := archive.Read(r)
	return examine(fileName, pkg, err, o)
}

// examine examines what was read of a package; err says why that is not all of it.
func examine(fileName string, pkg *archive.Package, err error, o Options) []Finding {
	a := load(fileName, pkg)
	a.readErr = err
	a.options = o
	for _, c := range checks() {
		if err != nil && !slices.Contains(archiveChecks, c.name) {
			continue
		}
		a.check = c.name
		c.run(a)
	}
	slices.SortStableFunc(a.findings, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Check, y.Check), cmp.Compare(x.Message, y.Message))
	})
	return a.findings
}
