package apppkg

import (
	"runtime/debug"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
)

// record is a build record with modules.
func record(goos, version string, deps ...*debug.Module) *debug.BuildInfo {
	return &debug.BuildInfo{GoVersion: version, Deps: deps, Settings: []debug.BuildSetting{{Key: "GOOS", Value: goos}, {Key: "GOARCH", Value: "amd64"}}}
}

func TestBillOfMaterials(t *testing.T) {
	b := &debug.Module{Path: "example.org/b", Version: "v2.0.0+incompatible", Sum: "h1:b"}
	a := &debug.Module{Path: "example.org/a/v2", Version: "v2.1.0", Sum: "h1:a"}
	fork := &debug.Module{Path: "example.org/c", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1", Sum: "h1:c"}}
	licenses := licensePaths([]archive.File{
		{Path: "LICENSES/go/LICENSE"}, {Path: "LICENSES/example.org/c/NOTICE"}, {Path: "LICENSES/example.org/c/part/LICENSE"}, {Path: "LICENSES/modules.txt"},
	})
	got := bom(Input{Version: "1.2.3", Commit: "abc"}, []linked{
		{"linux/bin/x", "11", []*debug.BuildInfo{record("linux", "go1.26.1", b, a)}},
		{"darwin/bin/x", "22", []*debug.BuildInfo{record("darwin", "go1.26.1", a), record("darwin", "go1.26.1", a, fork)}},
	}, licenses, time.Unix(1700000000, 0))

	if got.Metadata.Timestamp != "2023-11-14T22:13:20Z" || got.Metadata.Component.Version != "1.2.3" {
		t.Errorf("metadata %+v", got.Metadata)
	}
	var refs []string
	for _, c := range *got.Components {
		refs = append(refs, c.BOMRef)
	}
	want := []string{
		"file:linux/bin/x", "file:darwin/bin/x", "pkg:golang/example.com/fork@v1.0.1", "pkg:golang/example.org/a/v2@v2.1.0",
		"pkg:golang/example.org/b@v2.0.0%2Bincompatible", "pkg:golang/std@1.26.1",
	}
	if d := cmp.Diff(want, refs); d != "" {
		t.Errorf("components (-want +got):\n%s", d)
	}
	depends := map[string]string{}
	for _, d := range *got.Dependencies {
		if d.Dependencies != nil {
			depends[d.Ref] = strings.Join(*d.Dependencies, " ")
		} else {
			depends[d.Ref] = ""
		}
	}
	if len(depends) != len(refs)+1 {
		t.Errorf("%d dependencies of %d components", len(depends), len(refs))
	}
	for ref, on := range map[string]string{
		"tclookup":          "file:linux/bin/x file:darwin/bin/x",
		"file:linux/bin/x":  "pkg:golang/example.org/a/v2@v2.1.0 pkg:golang/example.org/b@v2.0.0%2Bincompatible pkg:golang/std@1.26.1",
		"file:darwin/bin/x": "pkg:golang/example.com/fork@v1.0.1 pkg:golang/example.org/a/v2@v2.1.0 pkg:golang/std@1.26.1",
	} {
		if depends[ref] != on {
			t.Errorf("%s depends on %q, want %q", ref, depends[ref], on)
		}
	}
	terms := func(c cdx.Component) (urls []string) {
		if c.ExternalReferences != nil {
			for _, r := range *c.ExternalReferences {
				urls = append(urls, r.URL)
			}
		}
		return urls
	}
	if d := cmp.Diff([]string{"./LICENSES/example.org/c/NOTICE", "./LICENSES/example.org/c/part/LICENSE"}, terms((*got.Components)[2])); d != "" {
		t.Errorf("licences of a replaced module (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"./LICENSES/go/LICENSE"}, terms((*got.Components)[5])); d != "" {
		t.Errorf("licences of Go (-want +got):\n%s", d)
	}
}
