package accept

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tclookup/tclookup"

// pkg is what go list tells about a package.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// packages lists the packages that match, with all they need.
func packages(t *testing.T, patterns ...string) map[string]*pkg {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command")
	}
	c := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-json=ImportPath,Standard,Imports,Deps"}, patterns...)...)
	c.Dir = "../.."
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, errs.String())
	}
	all := map[string]*pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// ours returns the path of one of the project's packages without the
// module's, and whether it is one.
func ours(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, module)
	return strings.TrimPrefix(rest, "/"), ok && (rest == "" || rest[0] == '/')
}

// Imports go one way: from the commands down to packages that stand alone.
func TestImportDirection(t *testing.T) {
	all := packages(t, "./...")
	seen := 0
	for _, p := range all {
		name, ok := ours(p.ImportPath)
		if !ok {
			continue
		}
		seen++
		for _, i := range p.Imports {
			to, own := ours(i)
			switch {
			case own && (strings.HasPrefix(to, "cmd/") || strings.HasPrefix(to, "internal/cmd/")) && !strings.HasPrefix(name, to[:strings.LastIndex(to, "/")]):
				t.Errorf("%s imports the command %s", name, to)
			case own && to == "internal/accept":
				t.Errorf("%s imports %s, which is for tests", name, to)
			case strings.Contains(i, "splunk-cloud-sdk-go") && name != "cloud" && !strings.HasPrefix(name, "cloud/"):
				t.Errorf("%s imports %s, which is for cloud alone", name, i)
			}
		}
	}
	if seen < 10 {
		t.Fatalf("only %d packages of the project were looked at", seen)
	}
	for _, tt := range []struct {
		name    string
		allowed func(*pkg) bool
	}{
		// The protocol can be used by others without anything of ours.
		{"chunked", func(p *pkg) bool { return p.Standard }},
		{"record", func(p *pkg) bool { _, own := ours(p.ImportPath); return !own }},
		{"limit", func(p *pkg) bool { _, own := ours(p.ImportPath); return !own }},
		{"indicator", func(p *pkg) bool {
			to, own := ours(p.ImportPath)
			return !own || strings.HasPrefix(to, "indicator/")
		}},
		{"codec", only("chunked", "record")},
		{"source", only("indicator", "limit")},
		{"enrich", only("indicator", "record", "source", "limit")},
		{"lookupcache", only("indicator", "source", "limit")},
		{"source/threatcrowd", only("indicator", "source", "limit", "internal/httpx")},
	} {
		p := all[module+"/"+tt.name]
		if p == nil {
			t.Errorf("there is no package %s", tt.name)
			continue
		}
		for _, d := range p.Deps {
			if dep := all[d]; dep != nil && !tt.allowed(dep) {
				t.Errorf("%s needs %s", tt.name, d)
			}
		}
	}
}

// only allows the project's packages of these names, those below indicator,
// and all that are not the project's.
func only(names ...string) func(*pkg) bool {
	return func(p *pkg) bool {
		to, own := ours(p.ImportPath)
		return !own || slices.Contains(names, to) || strings.HasPrefix(to, "indicator/")
	}
}

// What is linked into the program is of a few modules.
func TestProgramNeedsNoTests(t *testing.T) {
	for path := range packages(t, "./cmd/tclookup") {
		if name, ok := ours(path); path == "testing" || ok && name == "internal/accept" {
			t.Errorf("the program needs %s", path)
		}
	}
}
