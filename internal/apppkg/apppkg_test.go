package apppkg_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/internal/apppkg"
	"github.com/tclookup/tclookup/internal/apppkg/apptest"
	"github.com/tclookup/tclookup/internal/apppkg/archive"
	"github.com/tclookup/tclookup/internal/config"
)

var when = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func TestPackTwiceGivesTheSameBytes(t *testing.T) {
	first, second := apptest.Input(t), apptest.Input(t)
	// Two of the builds once more.
	again, err := apppkg.Build(t.Context(), apptest.Options(t, apppkg.Target{OS: "linux", Arch: "arm64"}, apppkg.Target{OS: "darwin", Arch: "arm64"}))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(second.Builds, again)
	for _, p := range apppkg.Platforms() {
		a, err := apppkg.Pack(first, p, when)
		if err != nil {
			t.Fatal(err)
		}
		b, err := apppkg.Pack(second, p, when.In(time.FixedZone("", 3600)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two packages", p.Name)
		}
	}
}

// fakeBuilds stand for builds where nobody looks into them.
func fakeBuilds(t *testing.T) apppkg.Builds {
	t.Helper()
	return apppkg.Builds{
		{OS: "linux", Arch: "amd64"}: []byte("linux/amd64"), {OS: "linux", Arch: "arm64"}: []byte("linux/arm64"),
		{OS: "windows", Arch: "amd64"}: []byte("windows/amd64"),
	}
}

func platform(t *testing.T, name string) apppkg.Platform {
	t.Helper()
	p, err := apppkg.ParsePlatforms(name)
	if err != nil || len(p) != 1 {
		t.Fatal(p, err)
	}
	return p[0]
}

func assemble(t *testing.T, in apppkg.Input, p string) map[string]archive.File {
	t.Helper()
	files, err := apppkg.Assemble(in, platform(t, p))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]archive.File{}
	for _, f := range files {
		m[f.Path] = f
	}
	return m
}

func TestAssembleForOnePlatform(t *testing.T) {
	in := apppkg.Input{App: os.DirFS("../../app"), License: []byte("terms"), Version: "1.2.3", Builds: fakeBuilds(t)}
	for name, program := range map[string]string{
		"linux_x86_64": "linux_x86_64/bin/tclookup", "linux_arm64": "bin/tclookup", "windows_x86_64": "windows_x86_64/bin/tclookup.exe",
	} {
		t.Run(name, func(t *testing.T) {
			m := assemble(t, in, name)
			if f := m["tclookup/"+program]; len(f.Data) == 0 || !f.Executable {
				t.Errorf("no program %s", program)
			}
			conf, problems := config.ParseFile("commands.conf", m["tclookup/default/commands.conf"].Data)
			if len(problems) > 0 {
				t.Error(problems)
			}
			for _, s := range []string{"tclookup", "threatcrowdlookup"} {
				if e, _ := conf.Get(s, "filename"); e.Value != filepath.Base(program) {
					t.Errorf("[%s] filename = %q, want %q", s, e.Value, filepath.Base(program))
				}
				if e, _ := conf.Get(s, "command.arg.2"); e.Value != s {
					t.Errorf("[%s] command.arg.2 = %q", s, e.Value)
				}
			}
			for path, f := range m {
				if strings.HasSuffix(path, ".path") {
					t.Errorf("%s: a path pointer", path)
				}
				if f.Executable && path != "tclookup/"+program && path != "tclookup/bin/tclookup_lookup.sh" {
					t.Errorf("%s: a program for another platform", path)
				}
				if bytes.Contains(f.Data, []byte("@VERSION@")) || bytes.Contains(f.Data, []byte("@BUILD@")) {
					t.Errorf("%s: a placeholder is left", path)
				}
			}
			if !bytes.Contains(m["tclookup/default/app.conf"].Data, []byte("\nversion = 1.2.3\n")) {
				t.Error("app.conf lacks the version")
			}
		})
	}
}

// The external lookup starts through a shell script in bin, which there is
// everywhere but in the package for Windows; its stanza goes with it.
func TestExternalLookup(t *testing.T) {
	in := apppkg.Input{App: os.DirFS("../../app"), License: []byte("terms"), Version: "1.2.3", Builds: fakeBuilds(t)}
	for _, name := range []string{"linux_x86_64", "linux_arm64", "windows_x86_64"} {
		m := assemble(t, in, name)
		launcher, there := m["tclookup/bin/tclookup_lookup.sh"]
		conf, problems := config.ParseFile("transforms.conf", m["tclookup/default/transforms.conf"].Data)
		if len(problems) > 0 {
			t.Error(problems)
		}
		_, stanza := conf.Get("tclookup", "external_cmd")
		if want := name != "windows_x86_64"; there != want || stanza != want || there && !launcher.Executable {
			t.Errorf("%s: launcher %t, executable %t, stanza %t; should be %t", name, there, launcher.Executable, stanza, want)
		}
		if _, ok := conf.Get("tclookup_kv", "collection"); !ok {
			t.Errorf("%s: the KV-store lookup is gone", name)
		}
	}
}

// The launcher starts the build for the machine, from any directory.
func TestLauncher(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh")
	}
	data, err := os.ReadFile("../../app/bin/tclookup_lookup.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "etc", "apps of splunk", "tclookup")
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // a program of the test
			t.Fatal(err)
		}
	}
	write("bin/tclookup_lookup.sh", string(data))
	uname := map[string]string{"linux_x86_64/bin/tclookup": "Linux x86_64", "bin/tclookup": "Linux aarch64", "darwin_x86_64/bin/tclookup": "Darwin arm64"}
	for program := range uname {
		write(program, "#!/bin/sh\necho "+program+" \"$@\"\n")
	}
	run := func(machine string) (string, error) {
		system, cpu, _ := strings.Cut(machine, " ")
		write("fake/uname", "#!/bin/sh\ncase $1 in -s) echo "+system+";; -m) echo "+cpu+";; esac\n")
		cmd := exec.Command("./tclookup_lookup.sh", "domain", "a b")
		cmd.Dir = filepath.Join(dir, "bin")
		cmd.Env = []string{"PATH=" + filepath.Join(dir, "fake") + ":" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for program, machine := range uname {
		if out, err := run(machine); err != nil || out != program+" lookup domain a b\n" {
			t.Errorf("%s: %q, %v", machine, out, err)
		}
	}
	if out, err := run("SunOS sparc"); err == nil || !strings.Contains(out, "this package has no program for SunOS on sparc") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestAssembleLeavesOutWhatIsLocal(t *testing.T) {
	app := fstest.MapFS{
		"default/app.conf":         {Data: []byte("[id]\nversion = @VERSION@\n")},
		"default/commands.conf":    {Data: []byte("[x]\n")},
		"local/tclookup.conf":      {Data: []byte("[source:x]\n")},
		"local/deep/file":          {},
		"metadata/local.meta":      {},
		"metadata/default.meta":    {},
		".hidden":                  {},
		".git/config":              {},
		"default/.app.conf.swp":    {},
		"bin/tclookup":             {Data: []byte("an old build")},
		"linux_x86_64/bin/trial":   {},
		"bin/tclookup.path":        {},
		"default/data/local/x.xml": {}, // not the local/ of the app
	}
	m := assemble(t, apppkg.Input{App: app, Version: "1.0.0", Builds: fakeBuilds(t)}, "linux_arm64")
	var got []string
	for path := range m {
		got = append(got, strings.TrimPrefix(path, "tclookup/"))
	}
	want := []string{"CHANGELOG.md", "LICENSE", "bin/tclookup", "default/app.conf", "default/commands.conf", "default/data/local/x.xml", "metadata/default.meta"}
	if d := cmp.Diff(want, slices.Sorted(slices.Values(got))); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	if got := string(m["tclookup/bin/tclookup"].Data); got != "linux/arm64" {
		t.Errorf("bin/tclookup is %q", got)
	}
}

func TestAssembleErrors(t *testing.T) {
	good := fstest.MapFS{"default/app.conf": {Data: []byte("@VERSION@")}}
	tests := []struct {
		name string
		in   apppkg.Input
		want error
	}{
		{"no build", apppkg.Input{App: good, Version: "1.0.0"}, apppkg.ErrMissingBuild},
		{"no placeholder", apppkg.Input{App: fstest.MapFS{"app.manifest": {Data: []byte("{}")}}, Version: "1.0.0", Builds: fakeBuilds(t)}, apppkg.ErrNoPlaceholder},
		{"no app", apppkg.Input{App: os.DirFS(filepath.Join(t.TempDir(), "none")), Version: "1.0.0"}, fs.ErrNotExist},
	}
	for _, tt := range tests {
		if _, err := apppkg.Assemble(tt.in, platform(t, "linux_x86_64")); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := apppkg.Assemble(apppkg.Input{App: good, Version: "one"}, platform(t, "linux_x86_64")); err == nil {
		t.Error("not a version: no error")
	}
}

func TestLicenses(t *testing.T) {
	// A library is as good as a main package: its licences and those of what it needs.
	files, err := apppkg.Licenses(t.Context(), apptest.Root(t), "modernc.org/sqlite", apppkg.Targets(platform(t, "all")))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		got[f.Path] = string(f.Data)
	}
	for _, want := range []string{"LICENSES/go/LICENSE", "LICENSES/modernc.org/sqlite/LICENSE", "LICENSES/modernc.org/libc/LICENSE", "LICENSES/golang.org/x/sys/LICENSE"} {
		if len(got[want]) < 100 {
			t.Errorf("no %s", want)
		}
	}
	if list := got["LICENSES/modules.txt"]; !strings.Contains(list, "\nmodernc.org/sqlite v1.") || strings.Contains(list, "kong") {
		t.Errorf("modules.txt:\n%s", list)
	}
}

func TestTclookupConfDefaults(t *testing.T) {
	shipped, err := os.ReadFile("../../app/default/tclookup.conf")
	if err != nil {
		t.Fatal(err)
	}
	f, problems := config.ParseFile("tclookup.conf", shipped)
	if len(problems) > 0 {
		t.Error(problems)
	}
	for _, s := range config.Settings() {
		stanza := strings.Replace(s.Stanza, config.AnySource, config.SourceStanza+"threatcrowd", 1)
		e, ok := f.Get(stanza, s.Key)
		switch {
		case s.Key == "kind":
		case ok && s.Default == "":
			t.Errorf("line %d: [%s] %s is set, but has no default", e.Line, stanza, s.Key)
		case e.Value != s.Default:
			t.Errorf("[%s] %s = %q, the program's default is %q", stanza, s.Key, e.Value, s.Default)
		}
	}
	c, err := config.Load(config.Options{Files: []string{"../../app/default/tclookup.conf"}, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Active(); len(a) > 0 {
		t.Errorf("as shipped it points to %s", a[0].BaseURL)
	}
	if _, err := config.Load(config.Options{Files: []string{"../../app/README/tclookup.conf.example"}, Strict: true}); err != nil {
		t.Errorf("the example: %v", err)
	}
}
