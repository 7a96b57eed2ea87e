package lint

import (
	"archive/tar"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
	"github.com/tclookup/tclookup/internal/config"
)

// app is a package under examination. Paths are relative to the app's directory.
type app struct {
	fileName string
	options  Options
	pkg      *archive.Package
	readErr  error
	id       string // the top-level directory
	files    map[string]*archive.Member
	confs    map[string]*config.File // default/<name>.conf
	meta     *config.File            // metadata/default.meta, nil when absent
	problems []config.Problem        // of confs and meta

	check    string // being run
	findings []Finding
}

func load(fileName string, pkg *archive.Package) *app {
	a := &app{fileName: fileName, pkg: pkg, files: map[string]*archive.Member{}, confs: map[string]*config.File{}}
	for i := range a.pkg.Members {
		m := &a.pkg.Members[i]
		top, below, _ := strings.Cut(strings.TrimPrefix(m.Name, "./"), "/")
		if a.id == "" {
			a.id = top
		}
		if top == a.id && below != "" && m.Typeflag == tar.TypeReg {
			a.files[below] = m
		}
	}
	for name, m := range a.sorted() {
		switch {
		case path.Dir(name) == "default" && path.Ext(name) == ".conf":
			a.confs[strings.TrimSuffix(path.Base(name), ".conf")] = a.parse(name, m.Data)
		case name == "metadata/default.meta":
			a.meta = a.parse(name, m.Data)
		}
	}
	return a
}

func (a *app) parse(name string, data []byte) *config.File {
	f, problems := config.ParseFile(name, data)
	a.problems = append(a.problems, problems...)
	return f
}

// sorted yields the app's files by path.
func (a *app) sorted() func(func(string, *archive.Member) bool) {
	return func(yield func(string, *archive.Member) bool) {
		for _, name := range slices.Sorted(maps.Keys(a.files)) {
			if !yield(name, a.files[name]) {
				return
			}
		}
	}
}

// sortedConfs yields the conf files of default/ by name.
func (a *app) sortedConfs() func(func(string, *config.File) bool) {
	return func(yield func(string, *config.File) bool) {
		for _, name := range slices.Sorted(maps.Keys(a.confs)) {
			if !yield(name, a.confs[name]) {
				return
			}
		}
	}
}

// stanzas returns the stanzas of a conf file of default/, none when it is absent.
func (a *app) stanzas(conf string) []config.Stanza {
	if f := a.confs[conf]; f != nil {
		return f.Stanzas
	}
	return nil
}

// value returns one setting of a conf file of default/, or "".
func (a *app) value(conf, stanza, key string) string {
	if f := a.confs[conf]; f != nil {
		e, _ := f.Get(stanza, key)
		return e.Value
	}
	return ""
}

// get returns the value of a stanza's key, or "".
func get(s config.Stanza, key string) string {
	e, _ := lookup(s, key)
	return e.Value
}

func lookup(s config.Stanza, key string) (config.Entry, bool) {
	for i := len(s.Entries) - 1; i >= 0; i-- {
		if s.Entries[i].Key == key {
			return s.Entries[i], true
		}
	}
	return config.Entry{}, false
}

// isTrue says whether splunkd reads a value as true.
func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "t", "yes", "y":
		return true
	}
	return false
}

func (a *app) report(s Severity, file string, line int, mend, format string, args ...any) {
	a.findings = append(a.findings, Finding{
		Check: a.check, Severity: s, File: file, Line: line, Mend: mend, Message: fmt.Sprintf(format, args...),
	})
}

func (a *app) fail(file string, line int, mend, format string, args ...any) {
	a.report(Error, file, line, mend, format, args...)
}

func (a *app) warn(file string, line int, mend, format string, args ...any) {
	a.report(Warning, file, line, mend, format, args...)
}

func (a *app) note(file string, line int, mend, format string, args ...any) {
	a.report(Note, file, line, mend, format, args...)
}

// confPath is the path of a conf file of default/.
func confPath(conf string) string { return "default/" + conf + ".conf" }

// inBin says whether a file lies in a directory called bin, at any depth.
func inBin(name string) bool {
	return strings.HasPrefix(name, "bin/") || strings.Contains(name, "/bin/")
}
