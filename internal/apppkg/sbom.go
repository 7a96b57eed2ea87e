package apppkg

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
)

// SBOMPath is where the bill of materials lies in a package.
const SBOMPath = "sbom.cdx.json"

// linked is what one program file is made of.
type linked struct {
	path   string // in the package
	sha256 string
	infos  []*debug.BuildInfo // one for each build in the file
}

// SBOM returns the software bill of materials of a package, as CycloneDX JSON:
// every program file with its SHA-256, and the modules that are
// linked into it, as its own build record names them. Equal programs give equal
// bytes; when is the time it states.
func SBOM(in Input, p Platform, when time.Time) ([]byte, error) {
	var programs []linked
	for _, prog := range p.Programs {
		image, err := in.Builds.image(prog)
		if err != nil {
			return nil, err
		}
		l := linked{path: prog.Path, sha256: fmt.Sprintf("%x", sha256.Sum256(image))}
		for _, t := range prog.Targets {
			info, err := buildinfo.Read(bytes.NewReader(in.Builds[t]))
			if err != nil {
				return nil, fmt.Errorf("bill of materials: build record of %s for %s: %w", prog.Path, t, err)
			}
			l.infos = append(l.infos, info)
		}
		programs = append(programs, l)
	}
	var b bytes.Buffer
	enc := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	// 1.5 is what scanners of the last years read.
	if err := enc.EncodeVersion(bom(in, programs, licensePaths(in.Licenses), when), cdx.SpecVersion1_5); err != nil {
		return nil, fmt.Errorf("bill of materials: %w", err)
	}
	return b.Bytes(), nil
}

func bom(in Input, programs []linked, licenses map[string][]string, when time.Time) *cdx.BOM {
	app := cdx.Component{
		BOMRef: AppID, Type: cdx.ComponentTypeApplication, Name: AppID, Version: in.Version,
		Description: "Splunk app tclookup",
		Licenses:    &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}
	if in.Commit != "" {
		app.Properties = &[]cdx.Property{{Name: "tclookup:commit", Value: in.Commit}}
	}
	var files, libraries []cdx.Component
	var top []string
	var depends []cdx.Dependency
	known := map[string]bool{}
	for _, l := range programs {
		ref := "file:" + l.path
		top = append(top, ref)
		var refs []string
		for _, info := range l.infos {
			for _, c := range modules(info, licenses) {
				if !known[c.BOMRef] {
					known[c.BOMRef] = true
					libraries = append(libraries, c)
				}
				if !slices.Contains(refs, c.BOMRef) {
					refs = append(refs, c.BOMRef)
				}
			}
		}
		slices.Sort(refs)
		files = append(files, cdx.Component{
			BOMRef: ref, Type: cdx.ComponentTypeFile, Name: l.path, Version: in.Version,
			Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: l.sha256}},
			Properties: properties(l.infos),
		})
		depends = append(depends, cdx.Dependency{Ref: ref, Dependencies: &refs})
	}
	slices.SortFunc(libraries, func(a, b cdx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	for _, c := range libraries {
		depends = append(depends, cdx.Dependency{Ref: c.BOMRef})
	}
	components := append(files, libraries...)
	depends = append([]cdx.Dependency{{Ref: AppID, Dependencies: &top}}, depends...)
	out := cdx.NewBOM()
	out.Metadata = &cdx.Metadata{Timestamp: when.UTC().Format(time.RFC3339), Component: &app}
	out.Components, out.Dependencies = &components, &depends
	return out
}

// properties says for what and with what a file was built.
func properties(infos []*debug.BuildInfo) *[]cdx.Property {
	var out []cdx.Property
	for _, info := range infos {
		set := map[string]string{}
		for _, s := range info.Settings {
			set[s.Key] = s.Value
		}
		out = append(out, cdx.Property{Name: "tclookup:build", Value: strings.TrimSpace(set["GOOS"] + "/" + set["GOARCH"] + " " + info.GoVersion)})
	}
	slices.SortFunc(out, func(a, b cdx.Property) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
	out = slices.Compact(out)
	return &out
}

// modules returns what a build record names, and Go's own library.
func modules(info *debug.BuildInfo, licenses map[string][]string) []cdx.Component {
	out := []cdx.Component{library("std", strings.TrimPrefix(info.GoVersion, "go"), "", licenses["go"])}
	for _, m := range info.Deps {
		name := m.Path
		if m.Replace != nil {
			m = m.Replace
		}
		out = append(out, library(m.Path, m.Version, m.Sum, licenses[name]))
	}
	return out
}

func library(name, version, sum string, licenses []string) cdx.Component {
	// A version of Go may have words behind it, such as those of experiments.
	version, _, _ = strings.Cut(version, " ")
	c := cdx.Component{Type: cdx.ComponentTypeLibrary, Name: name, Version: version}
	c.PackageURL = "pkg:golang/" + name + "@" + strings.ReplaceAll(version, "+", "%2B")
	c.BOMRef = c.PackageURL
	if sum != "" {
		// The hash of go.sum: over the names and hashes of the module's files.
		c.Properties = &[]cdx.Property{{Name: "tclookup:go.sum", Value: sum}}
	}
	if len(licenses) > 0 {
		var refs []cdx.ExternalReference
		for _, l := range licenses {
			refs = append(refs, cdx.ExternalReference{Type: cdx.ERTypeLicense, URL: l})
		}
		c.ExternalReferences = &refs
	}
	return c
}

// licensePaths lists the licence files of a package by module.
func licensePaths(files []archive.File) map[string][]string {
	out := map[string][]string{}
	for _, f := range files {
		// The terms of a part of a module count for the module above it, too.
		for m := path.Dir(strings.TrimPrefix(f.Path, "LICENSES/")); m != "."; m = path.Dir(m) {
			out[m] = append(out[m], "./"+f.Path)
		}
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}
