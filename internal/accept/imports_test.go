package accept

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tclookup/tclookup"

// listed is what go list tells about a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string // of the program, tests left out
	Deps       []string // all of them, however far away
	Error      *struct{ Err string }
}

// packages lists all packages of the module and what they import, for the
// operating systems that are built for.
func packages(t *testing.T, tags ...string) map[string]*listed {
	t.Helper()
	all := map[string]*listed{}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		cmd := exec.Command("go", "list", "-e", "-deps", "-tags", strings.Join(tags, ","), "-json=ImportPath,Standard,Imports,Deps,Error", "./...")
		cmd.Dir = "../.."
		cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		dec := json.NewDecoder(strings.NewReader(string(out)))
		for {
			var p listed
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if old := all[p.ImportPath]; old != nil {
				old.Imports = append(old.Imports, p.Imports...)
				old.Deps = append(old.Deps, p.Deps...)
				continue
			}
			all[p.ImportPath] = &p
		}
	}
	return all
}

// own returns the packages of this module among paths, relative to it.
func own(paths []string) []string {
	var out []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, module+"/"); ok && !slices.Contains(out, rest) {
			out = append(out, rest)
		}
	}
	slices.Sort(out)
	return out
}

// under reports whether a package is one of some trees.
func under(path string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(t string) bool { return path == t || strings.HasPrefix(path, t+"/") })
}

// may lists, for each library package, what it may import of the project,
// directly. Imports point down only.
var may = map[string][]string{
	"chunked":                 {"internal/pages"},
	"record":                  nil,
	"indicator":               nil,
	"limit":                   nil,
	"codec":                   {"chunked", "record"},
	"source":                  {"indicator", "limit"},
	"enrich":                  {"indicator", "limit", "record", "source"},
	"lookupcache":             {"indicator", "limit", "source"},
	"graph":                   {"indicator", "source"},
	"lookupcache/disk":        {"indicator", "internal/localfs", "limit", "lookupcache", "lookupcache/disk/recent", "source"},
	"lookupcache/disk/recent": {"indicator", "internal/pages", "lookupcache", "source"},
	"server":                  {"indicator", "source"},
	"server/pages":            {"graph", "indicator", "source"},
	"server/service":          {"indicator", "internal/version", "limit", "server", "server/token", "source"},
	"server/token":            nil,
	"source/threatcrowd":      {"indicator", "internal/httpx", "limit", "source"},
	"source/feed":             {"indicator", "internal/httpx", "internal/stream", "limit", "source", "source/local", "source/threatcrowd"},
	"source/local":            {"indicator", "internal/localfs", "source"},
	"internal/localfs":        nil,
	"internal/pages":          nil,
	"internal/httpx":          {"limit", "source"},
	"internal/stream":         nil,
	"internal/sink":           nil,
	"internal/hec":            {"internal/httpx", "internal/sink", "limit"},
	"internal/hec/hectest":    nil,
	"internal/filter":         {"codec", "enrich", "internal/pages", "internal/sink", "internal/stream", "record"},
	"internal/config":         {"indicator", "limit", "source"},
	"internal/demodata":       {"indicator", "server"},
	"internal/version":        nil,
	"internal/results":        nil,
	"cloud":                   {"internal/results", "internal/splunkd"},
	"cloud/scs":               {"chunked", "internal/hec", "internal/httpx", "internal/results", "internal/sink", "lookupcache", "source"},
	"internal/splunkd":        {"chunked", "internal/httpx"},
	"internal/applog":         nil,
	"internal/logline":        nil,
	"chunked/chunkedtest":     {"chunked"},
	"internal/apppkg":         {"internal/apppkg/archive", "internal/apppkg/fatmacho"},
	"internal/apppkg/lint":    {"internal/apppkg/archive", "internal/apppkg/fatmacho", "internal/config"},
	"internal/accept":         nil,
	"internal/browsertest":    nil,

	"internal/apppkg/setuppage": {"internal/config"},
}

func TestImportsPointDown(t *testing.T) {
	if testing.Short() {
		t.Skip("asks go list")
	}
	all := packages(t)
	if all[module+"/chunked"] == nil || all[module+"/cmd/tclookup"] == nil {
		t.Fatal("go list does not list the module")
	}
	for path, p := range all {
		name, ours := strings.CutPrefix(path, module+"/")
		if !ours {
			continue
		}
		if p.Error != nil {
			continue // for another system, or without Go files
		}
		allowed, known := may[name]
		for _, imp := range own(p.Imports) {
			if known && !slices.Contains(allowed, imp) {
				t.Errorf("%s imports %s; it may import %q", name, imp, allowed)
			}
			if under(imp, "cmd", "internal/cmd") && !under(name, "internal/cmd") {
				t.Errorf("%s imports %s: nothing imports a program", name, imp)
			}
			if under(imp, "internal/engine", "internal/filter") && !under(name, "cmd", "internal/cmd", "internal/engine", "internal/filter", "internal/splunkapp") {
				t.Errorf("%s imports %s, which is above it", name, imp)
			}
			if under(imp, "internal/splunkapp") && !under(name, "cmd", "internal/splunkapp") {
				t.Errorf("%s imports %s, which is above it", name, imp)
			}
			if under(imp, "internal/accept", "internal/apppkg/apptest", "internal/splunkd/splunkdtest", "source/local/localtest") && !under(name, "internal/accept") {
				t.Errorf("%s imports %s, which is for tests", name, imp)
			}
			if under(imp, "lookupcache/disk", "lookupcache/redis", "source/threatcrowd", "source/local", "source/feed") &&
				!under(name, "cmd", "internal", "lookupcache", "source") {
				t.Errorf("%s imports %s: it works with the interface", name, imp)
			}
		}
		for _, imp := range p.Imports {
			foreign := !strings.HasPrefix(imp, module) && (all[imp] == nil || !all[imp].Standard)
			if foreign && name == "chunked" {
				t.Errorf("chunked imports %s: it needs the standard library only", imp)
			}
			if strings.HasPrefix(imp, "github.com/splunk/") && name != "cloud/scs" {
				t.Errorf("%s imports %s, which belongs to cloud/scs", name, imp)
			}
		}
	}
}

// What a search starts links nothing that it does not need.
func TestSearchPathDependencies(t *testing.T) {
	if testing.Short() {
		t.Skip("asks go list")
	}
	p := packages(t, "nocloud")[module+"/cmd/tclookup"] // as it is built for the app
	for _, dep := range p.Deps {
		switch {
		case strings.HasPrefix(dep, "github.com/splunk/"), strings.HasPrefix(dep, "github.com/golang/glog"), dep == "testing", dep == "net/http/httptest",
			strings.HasPrefix(dep, "github.com/google/go-cmp"), strings.HasPrefix(dep, "github.com/rogpeppe/go-internal/testscript"), dep == "runtime/cgo":
			t.Errorf("the program contains %s", dep)
		}
	}
}
