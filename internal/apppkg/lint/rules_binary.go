package lint

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/internal/apppkg/fatmacho"
)

func binaryChecks() []check {
	return []check{
		{"check_idx_binary_compatibility", checkIndexerBinaries},
		{"check_aarch64_compatibility", checkArm},
		{"check_for_binary_files_without_source_code", checkDeclaration},
		{"check_distsearch_conf_for_concerning_replicated_file_size", checkBundleSize},
		{"deny_list_pattern", checkDenyList},
		{"program_format", checkFormats},
		{"program_execute_bit", checkProgramModes},
		{"program_static", checkStatic},
		{"program_signature", checkSignatures},
		{"program_console", checkConsole},
		{"program_build", checkBuild},
		{"program_version", checkProgramVersion},
		{"path_pointer", checkPointers},
		{"bill_of_materials", checkBill},
	}
}

// bundled says whether a file gets into the knowledge bundle, as AppInspect reads
// the deny list.
func (a *app) bundled(name string) bool {
	patterns, _ := a.denyPatterns()
	for _, p := range patterns {
		if p.python.MatchString("apps/" + a.id + "/" + name) {
			return false
		}
	}
	return true
}

func checkIndexerBinaries(a *app) {
	for _, name := range a.commandFiles() {
		data := a.files[name].Data
		if format(data) != "ELF" || !a.bundled(name) {
			continue
		}
		if got, err := arches(data); err != nil || !strings.HasPrefix(got[0], "arm") {
			a.fail(name, 0, "keep it out of the bundle with [replicationDenylist] in distsearch.conf", "a program for x86 that is sent to the indexers")
		}
	}
}

func checkArm(a *app) {
	for _, name := range a.natives() {
		data := a.files[name].Data
		if got, err := arches(data); format(data) == "ELF" && err == nil && !strings.HasPrefix(got[0], "arm") {
			a.note(name, 0, "take the linux_arm64 package where this check is asked for", "not for ARM: the package does not pass the tag aarch64_compatibility")
		}
	}
}

// declarationHeading is what AppInspect looks for, in lower case.
const declarationHeading = "# binary file declaration"

func checkDeclaration(a *app) {
	names := a.natives()
	m := readme(a)
	if len(names) == 0 || m == nil {
		return
	}
	const mend = "name each executable, and where its source is, below \"# Binary File Declaration\""
	if !slices.ContainsFunc(strings.Split(strings.ToLower(string(m.Data)), "\n"), func(l string) bool {
		return strings.TrimSpace(l) == declarationHeading
	}) {
		a.fail("README.md", 0, mend, "there is no heading \"# Binary File Declaration\"")
	}
	for _, name := range names {
		if !strings.Contains(string(m.Data), "`"+name+"`") {
			a.fail("README.md", 0, mend, "does not name `%s`", name)
		}
	}
}

// concerningSize is where AppInspect begins to warn of bundled files.
const concerningSize = 50 << 20

func checkBundleSize(a *app) {
	for name, m := range a.sorted() {
		if len(m.Data) > concerningSize && a.bundled(name) {
			a.warn(name, 0, "keep it out of the bundle with [replicationDenylist] in distsearch.conf", "%d MiB are sent to every indexer", len(m.Data)>>20)
		}
	}
}

func checkDenyList(a *app) {
	const file = "default/distsearch.conf"
	patterns, bad := a.denyPatterns()
	for line, err := range bad {
		a.fail(file, line, "write a pattern that means the same to Splunk and as a regular expression", "%v", err)
	}
	for _, p := range patterns {
		if !strings.Contains(p.text, a.id) {
			a.fail(file, p.line, "name the app in it: the list is global", "%s also holds for other apps", p.name)
		}
		if at := "apps/" + a.id + "/default/app.conf"; p.splunk.MatchString(at) || p.python.MatchString(at) {
			a.fail(file, p.line, "match the programs only", "%s keeps configuration from the indexers", p.name)
		}
	}
	for _, name := range a.natives() {
		at := "apps/" + a.id + "/" + name
		windows := strings.ReplaceAll(at, "/", `\`)
		var splunk, python bool
		for _, p := range patterns {
			splunk = splunk || p.splunk.MatchString(at) && p.splunk.MatchString(windows)
			python = python || p.python.MatchString(at)
		}
		if !splunk || !python {
			a.fail(file, 0, "match the path with / and with \\", "%s gets into the knowledge bundle (kept out as Splunk reads the list: %t, as AppInspect does: %t)", name, splunk, python)
		}
	}
}

func checkFormats(a *app) {
	for name, m := range a.sorted() {
		want, formats := cpu(name)
		if formats == nil || path.Ext(name) == ".path" {
			continue
		}
		if got := format(m.Data); !slices.Contains(formats, got) {
			a.fail(name, 0, "put the right build there", "not %s", strings.Join(formats, " or "))
			continue
		}
		got, err := arches(m.Data)
		switch {
		case err != nil:
			a.fail(name, 0, "put the right build there", "damaged: %v", err)
		case want != "" && !slices.Equal(got, []string{want}):
			a.fail(name, 0, "put the right build there", "built for %s instead of %s", strings.Join(got, ", "), want)
		case want == "" && (!slices.Contains(got, "amd64") || !slices.Contains(got, "arm64")):
			a.fail(name, 0, "join the builds for both CPUs", "built for %s alone", strings.Join(got, ", "))
		}
	}
}

func checkProgramModes(a *app) {
	for name, m := range a.sorted() {
		if format(m.Data) != "" && m.Mode&0o111 != 0o111 {
			a.fail(name, 0, "use mode 0755", "mode %04o: a program that nobody can start", m.Mode)
		}
	}
}

func checkStatic(a *app) {
	for name, m := range a.sorted() {
		if format(m.Data) != "ELF" {
			continue
		}
		if needs := dynamic(m.Data); needs != "" {
			a.fail(name, 0, "build it with CGO_ENABLED=0", "not a static program: it needs %s", needs)
		}
	}
}

func checkSignatures(a *app) {
	for name, m := range a.sorted() {
		if f := format(m.Data); f != "Mach-O" && f != "universal Mach-O" {
			continue
		}
		parts, err := machSlices(m.Data)
		if err != nil {
			continue // program_format
		}
		for _, p := range parts {
			if p.arch != "arm64" {
				continue
			}
			if err := fatmacho.CheckSignature(p.data); err != nil {
				a.fail(name, 0, "take the file as Go's linker wrote it", "the arm64 part does not start on macOS: %v", err)
			}
		}
	}
}

func checkConsole(a *app) {
	for name, m := range a.sorted() {
		if format(m.Data) == "PE" && !isConsole(m.Data) {
			a.fail(name, 0, "build it without -H windowsgui", "not a console program: it has no standard streams")
		}
	}
}

func checkBuild(a *app) {
	for _, name := range a.natives() {
		for _, image := range images(a.files[name].Data) {
			settings, err := goSettings(image)
			switch {
			case err != nil:
				a.fail(name, 0, "build it with go build", "no record of how it was built: %v", err)
			case settings["-trimpath"] != "true":
				a.fail(name, 0, "build it with -trimpath", "holds paths of the machine it was built on")
			case settings["CGO_ENABLED"] != "0":
				a.fail(name, 0, "build it with CGO_ENABLED=0", "built with cgo")
			}
		}
	}
}

func checkProgramVersion(a *app) {
	version := a.value("app", "launcher", "version")
	for _, name := range a.natives() {
		for _, image := range images(a.files[name].Data) {
			const mend = "build program and package from the same VERSION"
			if !strings.Contains(string(image), version) {
				a.fail(name, 0, mend, "the version of app.conf, %s, is not in it", version)
				continue
			}
			if a.options.Version == nil || !runsHere(image) {
				continue
			}
			got, err := a.options.Version(image)
			if err != nil {
				a.fail(name, 0, mend, "does not say its version: %v", err)
			} else if got != version {
				a.fail(name, 0, mend, "its version is %s, that of app.conf %s", got, version)
			}
		}
	}
}

// runsHere says whether this machine can start an executable.
func runsHere(image []byte) bool {
	formats := map[string]string{"linux": "ELF", "windows": "PE", "darwin": "Mach-O"}
	got, err := arches(image)
	return err == nil && formats[runtime.GOOS] == format(image) && slices.Contains(got, runtime.GOARCH)
}

// sbom is what the check reads of a CycloneDX file.
type sbom struct {
	BOMFormat string `json:"bomFormat"`
	Metadata  struct {
		Component struct {
			Version    string
			Properties []struct{ Name, Value string }
		}
	}
	Components []struct {
		Name, Version string
		Hashes        []struct{ Alg, Content string }
	}
}

const sbomFile = "sbom.cdx.json"

// checkBill compares the bill of materials with the programs beside it.
func checkBill(a *app) {
	f := a.files[sbomFile]
	if f == nil {
		a.fail(sbomFile, 0, mendPackage, "is missing: nobody can tell what the programs are made of")
		return
	}
	var bom sbom
	if err := json.Unmarshal(f.Data, &bom); err != nil || bom.BOMFormat != "CycloneDX" {
		a.fail(sbomFile, 0, mendPackage, "is no CycloneDX JSON: %v", err)
		return
	}
	if v := bom.Metadata.Component.Version; v != a.value("app", "launcher", "version") {
		a.fail(sbomFile, 0, mendPackage, "is about version %s", v)
	}
	commit := ""
	for _, p := range bom.Metadata.Component.Properties {
		if p.Name == "tclookup:commit" {
			commit = p.Value
		}
	}
	if commit == "" {
		a.warn(sbomFile, 0, "package from a git checkout, or with -commit", "does not say from which commit the programs are")
	}
	listed := map[string]string{} // file or module to hash or version
	for _, c := range bom.Components {
		listed[c.Name] = c.Version
		for _, h := range c.Hashes {
			if h.Alg == "SHA-256" {
				listed[c.Name] = h.Content
			}
		}
	}
	for _, name := range a.natives() {
		data := a.files[name].Data
		if sum := fmt.Sprintf("%x", sha256.Sum256(data)); listed[name] != sum {
			a.fail(sbomFile, 0, mendPackage, "the SHA-256 of %s is %s, not %q", name, sum, listed[name])
		}
		for _, image := range images(data) {
			if !bytes.Contains(image, []byte(commit)) {
				a.fail(name, 0, mendPackage, "is not from commit %s", commit)
			}
			info, err := buildinfo.Read(bytes.NewReader(image))
			if err != nil {
				continue // has its own check
			}
			for _, m := range info.Deps {
				if m.Replace != nil {
					m = m.Replace
				}
				if listed[m.Path] != m.Version {
					a.fail(sbomFile, 0, mendPackage, "%s holds %s %s, which is not listed", name, m.Path, m.Version)
				}
			}
		}
	}
}

func checkPointers(a *app) {
	for name := range a.sorted() {
		if path.Ext(name) != ".path" {
			continue
		}
		const mend = "write the path of the program below $SPLUNK_HOME/etc/apps/, without a line end"
		target, err := a.pointer(name)
		switch {
		case err != nil:
			a.fail(name, 0, mend, "%v", err)
		case format(a.files[target].Data) == "":
			a.fail(name, 0, mend, "%s is not a program", target)
		case path.Dir(target) != path.Dir(name):
			a.fail(name, 0, mend, "leads to %s, which is for another platform", target)
		}
	}
}
