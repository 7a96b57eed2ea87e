package lint

import (
	"archive/tar"
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/apppkg"
	"github.com/tclookup/tclookup/internal/apppkg/apptest"
	"github.com/tclookup/tclookup/internal/apppkg/archive"
)

var when = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

const fileName = "tclookup-" + apptest.Version + ".tgz"

// TestOurPackages: the project's own packages have nothing to mend.
func TestOurPackages(t *testing.T) {
	in := apptest.Input(t)
	for _, p := range apppkg.Platforms() {
		data, err := apppkg.Pack(in, p, when)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Package(p.FileName(in.Version), bytes.NewReader(data), Options{}) {
			if f.Severity > Note {
				t.Errorf("%s: %s", p.Name, f)
			}
		}
	}
}

// TestMutations: each check finds the fault it is for, and every check has a fault.
func TestMutations(t *testing.T) {
	in := apptest.Input(t)
	data, err := apppkg.Pack(in, apppkg.Platforms()[0], when)
	if err != nil {
		t.Fatal(err)
	}
	base, err := archive.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	for _, m := range slices.Concat(packageMutations(), binaryMutations(), confMutations(), identityMutations(), roleMutations(), viewMutations(), ownMutations()) {
		covered[m.check] = true
		t.Run(m.check+"/"+strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			p := &mutant{T: t, fileName: fileName, builds: in.Builds, pkg: &archive.Package{Gzip: base.Gzip, Members: slices.Clone(base.Members)}}
			m.change(p)
			want := Error
			if m.severity != nil {
				want = *m.severity
			}
			var got []Finding
			for _, f := range examine(p.fileName, p.pkg, p.err, p.options) {
				if f.Message == "" || f.Mend == "" || f.File == "" || f.Check == "" {
					t.Errorf("finding with something empty: %+v", f)
				}
				if f.Check == m.check && f.Severity == want && f.File == m.file {
					return
				}
				if f.Severity > Note {
					got = append(got, f)
				}
			}
			t.Errorf("no %s of %s in %s, but %v", want, m.check, m.file, got)
		})
	}
	for _, name := range Checks() {
		if !covered[name] {
			t.Errorf("%s has no mutation", name)
		}
	}
}

type mutation struct {
	check, name string
	severity    *Severity // nil: Error
	file        string    // where the finding must be
	change      func(*mutant)
}

func severity(s Severity) *Severity { return &s }

// mutant is a package to spoil.
type mutant struct {
	*testing.T
	fileName string
	builds   apppkg.Builds
	pkg      *archive.Package
	err      error
	options  Options
}

func (m *mutant) index(path string) int {
	return slices.IndexFunc(m.pkg.Members, func(x archive.Member) bool { return x.Name == "tclookup/"+path })
}

func (m *mutant) member(path string) *archive.Member {
	m.Helper()
	i := m.index(path)
	if i < 0 {
		m.Fatalf("no %s in the package", path)
	}
	return &m.pkg.Members[i]
}

// put adds a file, or replaces its contents.
func (m *mutant) put(path, text string) {
	if i := m.index(path); i >= 0 {
		m.pkg.Members[i].Data = []byte(text)
		return
	}
	m.add(tar.Header{Name: "tclookup/" + path, Typeflag: tar.TypeReg, Mode: 0o644}, text)
}

func (m *mutant) add(h tar.Header, text string) {
	h.ModTime = m.pkg.Members[0].ModTime
	m.pkg.Members = append(m.pkg.Members, archive.Member{Header: h, Data: []byte(text)})
}

// edit replaces the first occurrence of old, which must be there.
func (m *mutant) edit(path, old, new string) {
	m.Helper()
	f := m.member(path)
	if !bytes.Contains(f.Data, []byte(old)) {
		m.Fatalf("%s: no %q", path, old)
	}
	f.Data = bytes.Replace(f.Data, []byte(old), []byte(new), 1)
}

func (m *mutant) append(path, text string) {
	m.Helper()
	f := m.member(path)
	f.Data = append(bytes.Clone(f.Data), text...)
}

func (m *mutant) remove(path string) {
	m.Helper()
	m.member(path)
	m.pkg.Members = slices.Delete(m.pkg.Members, m.index(path), m.index(path)+1)
}

func (m *mutant) mode(path string, mode int64) {
	m.Helper()
	m.member(path).Mode = mode
}

// change applies f to a copy of a file's bytes.
func (m *mutant) change(path string, f func([]byte)) {
	m.Helper()
	x := m.member(path)
	x.Data = bytes.Clone(x.Data)
	f(x.Data)
}

// edits return changes for tables that need one each.

func edit(path, old, new string) func(*mutant) {
	return func(m *mutant) { m.Helper(); m.edit(path, old, new) }
}

// editAll replaces every occurrence: programs hold their build record twice.
func editAll(path, old, new string) func(*mutant) {
	return func(m *mutant) {
		m.Helper()
		m.edit(path, old, new)
		f := m.member(path)
		f.Data = bytes.ReplaceAll(f.Data, []byte(old), []byte(new))
	}
}

func put(path, text string) func(*mutant) {
	return func(m *mutant) { m.put(path, text) }
}

func add(path, text string) func(*mutant) {
	return func(m *mutant) { m.Helper(); m.append(path, text) }
}

func remove(path string) func(*mutant) {
	return func(m *mutant) { m.Helper(); m.remove(path) }
}

func mode(path string, bits int64) func(*mutant) {
	return func(m *mutant) { m.Helper(); m.mode(path, bits) }
}

func both(fs ...func(*mutant)) func(*mutant) {
	return func(m *mutant) {
		m.Helper()
		for _, f := range fs {
			f(m)
		}
	}
}

func renameTop(m *mutant, to string) {
	for i := range m.pkg.Members {
		x := &m.pkg.Members[i]
		x.Name = to + strings.TrimPrefix(x.Name, "tclookup")
	}
}

// TestPackageNeverPanics reads what is no package, or half of one.
func TestPackageNeverPanics(t *testing.T) {
	data, err := apppkg.Pack(apptest.Input(t), apppkg.Platforms()[0], when)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, []byte("no gzip"), data[:10], data[:1000], data[:len(data)-1]} {
		findings := Package(fileName, bytes.NewReader(bad), Options{})
		if !slices.ContainsFunc(findings, func(f Finding) bool { return f.Check == "check_package_compression" }) {
			t.Errorf("%d bytes: %v", len(bad), findings)
		}
	}
}

func TestVersionOfTheProgramItself(t *testing.T) {
	in := apptest.Input(t)
	data, err := apppkg.Pack(in, apppkg.Platforms()[0], when)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		answer string
		err    error
		faults int
	}{{apptest.Version, nil, 0}, {"0.0.9", nil, 1}, {"", errors.New("exit status 2"), 1}} {
		asked, faults := 0, 0
		o := Options{Version: func([]byte) (string, error) { asked++; return tt.answer, tt.err }}
		for _, f := range Package(fileName, bytes.NewReader(data), o) {
			if f.Check == "program_version" {
				faults++
			}
		}
		if asked == 0 {
			t.Skip("no program of the package runs on this machine")
		}
		if asked != 1 || faults != tt.faults {
			t.Errorf("program says %q, %v: asked %d times, %d faults", tt.answer, tt.err, asked, faults)
		}
	}
}

func TestDenyPatternInBothReadings(t *testing.T) {
	tests := []struct {
		pattern, path  string
		splunk, python bool
	}{
		{`apps[/\\]a[/\\]bin[/\\]...`, "apps/a/bin/tool", true, true},
		{`apps[/\\]a[/\\]bin[/\\]...`, `apps\a\bin\tool`, true, true},
		{`apps[/\\]a[/\\]bin[/\\]...`, "apps/a/bin/x", true, false}, // three characters as a regular expression
		{`apps[/\\]a[/\\]bin[/\\]...`, "apps/b/bin/tool", false, false},
		{`apps/a/bin/*`, "apps/a/bin/tool", true, true},
		{`apps/a/bin/*`, "apps/a/bin/deep/tool", false, true},
		{`apps/a/...`, "apps/a/x86/bin/tool", true, true},
		{`apps/a/x.y`, "apps/a/xzy", false, true},
		{`apps/a/...tool`, "apps/a/bin/tool", true, false},
	}
	for _, tt := range tests {
		p, err := newDenyPattern("n", tt.pattern, 1)
		if err != nil {
			t.Fatal(err)
		}
		if s, py := p.splunk.MatchString(tt.path), p.python.MatchString(tt.path); s != tt.splunk || py != tt.python {
			t.Errorf("%s on %s: Splunk %t, Python %t, want %t, %t", tt.pattern, tt.path, s, py, tt.splunk, tt.python)
		}
	}
	if _, err := newDenyPattern("n", "apps/(", 1); err == nil {
		t.Error("an open group: no error")
	}
}

func TestSpecDescribes(t *testing.T) {
	sp := parseSpec([]byte("# prose = no\n* [no]\n[tclookup]\nmode = <string>\n* what = prose\n indented = prose\n" +
		"[source:<name>]\nrate = <rate>\n[cache]\nttl_found_<type> = <duration>\nodd<key = <string>\n<a>-<b> = <string>\n"))
	tests := []struct {
		stanza, key string
		want        bool
	}{
		{"tclookup", "", true}, {"tclookup", "mode", true}, {"tclookup", "what", false}, {"tclookup", "indented", false},
		{"no", "", false}, {"source:x", "rate", true}, {"source:", "rate", false}, {"source:x", "mode", false},
		{"cache", "ttl_found_ip", true}, {"cache", "ttl_found_", false}, {"cache", "ttl_found", false},
		{"cache", "odd<key", true}, {"cache", "oddkey", false}, {"cache", "x-y", true}, {"cache", "x-", false}, {"cache", "x.y", false},
	}
	for _, tt := range tests {
		if got := sp.describes(tt.stanza, tt.key); got != tt.want {
			t.Errorf("describes(%q, %q) = %v, want %v", tt.stanza, tt.key, got, tt.want)
		}
	}
}

// FuzzExamine: no file in a package makes the checks panic, and each finding says
// what, where and what to do.
func FuzzExamine(f *testing.F) {
	for _, name := range []string{"default/commands.conf", "default/distsearch.conf", "default/app.conf", "README/tclookup.conf.spec", "README/inputs.conf.spec",
		"app.manifest", "metadata/default.meta", "bin/x.path", "linux_x86_64/bin/x", "darwin_x86_64/bin/x", "windows_x86_64/bin/x.exe",
		"default/data/ui/views/a.xml", "default/data/ui/nav/default.xml", "lookups/a.csv", "static/appIcon.png", "default/savedsearches.conf", "default/macros.conf"} {
		for _, data := range []string{"", "[a]\nb = c\n", "\x7fELF\x02\x01\x01", "MZ", "\xca\xfe\xba\xbe\x00\x00\x00\x01", "<a version=\"2\">", "{}", "a,b\n"} {
			f.Add(name, []byte(data), int64(0o644))
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte, mode int64) {
		pkg := &archive.Package{Members: []archive.Member{
			{Header: tar.Header{Name: "tclookup/default/app.conf", Typeflag: tar.TypeReg, Mode: 0o644}, Data: []byte("[launcher]\nversion = 1.0.0\n")},
			{Header: tar.Header{Name: "tclookup/" + name, Typeflag: tar.TypeReg, Mode: mode}, Data: data},
		}}
		for _, f := range examine("tclookup-1.0.0.tgz", pkg, nil, Options{}) {
			if f.Check == "" || f.File == "" || f.Message == "" || f.Mend == "" || f.Line < 0 {
				t.Fatalf("finding with something empty: %+v", f)
			}
		}
	})
}
