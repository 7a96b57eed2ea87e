package lint

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
	"github.com/tclookup/tclookup/internal/config"
)

type (
	stanza = config.Stanza
	member = archive.Member
)

func itoa(n int) string { return strconv.Itoa(n) }

// ownChecks are about what no check of AppInspect sees and what hurts users.
func ownChecks() []check {
	return []check{
		{"conf_spec", checkSpecs},
		{"nav_views", checkNav},
		{"check_simplexml_standards_version", checkViewVersions},
		{"studio_definition", checkStudio},
		{"case_twins", checkCaseTwins},
		{"windows_names", checkWindowsNames},
		{"reproducible_archive", checkReproducible},
		{"file_name", checkFileName},
	}
}

func checkSpecs(a *app) {
	for conf, f := range a.customConfs() {
		name := "README/" + conf + ".conf.spec"
		if a.files[name] == nil {
			a.fail(name, 0, "write it", "%s.conf has no spec file", conf)
			continue
		}
		sp := parseSpec(a.files[name].Data)
		for _, s := range f.Stanzas {
			if !sp.describes(s.Name, "") {
				a.fail(confPath(conf), s.Line, "describe it in "+name, "[%s] is not in the spec", s.Name)
				continue
			}
			for _, e := range s.Entries {
				if !sp.describes(s.Name, e.Key) {
					a.fail(confPath(conf), e.Line, "describe it in "+name, "[%s] %s is not in the spec", s.Name, e.Key)
				}
			}
		}
	}
}

const (
	navFile  = "default/data/ui/nav/default.xml"
	viewsDir = "default/data/ui/views/"
)

func checkNav(a *app) {
	nav := a.files[navFile]
	if nav == nil {
		if isTrue(a.value("app", "ui", "is_visible")) {
			a.fail(navFile, 0, "write it, or set [ui] is_visible = false", "a visible app has no navigation")
		}
		return
	}
	defaults := 0
	dec := xml.NewDecoder(bytes.NewReader(nav.Data))
	for {
		token, err := dec.Token()
		if err != nil {
			break // damaged XML has its own check
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "view" {
			continue
		}
		name := attr(start, "name")
		if attr(start, "default") == "true" {
			defaults++
		}
		if name != "" && !isSplunkView(name) && a.files[viewsDir+name+".xml"] == nil {
			line, _ := dec.InputPos()
			a.fail(navFile, line, "ship the view, or take it out", "there is no view %s", name)
		}
	}
	if defaults != 1 {
		a.fail(navFile, 0, "mark one view with default=\"true\"", "%d default views", defaults)
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// view is the root element of a dashboard.
type view struct {
	XMLName    xml.Name
	Version    string `xml:"version,attr"`
	Definition string `xml:"definition"`
}

// views yields the dashboards and forms by path; those of other kinds are passed over.
func (a *app) views() func(func(string, view) bool) {
	return func(yield func(string, view) bool) {
		for name, m := range a.sorted() {
			if !strings.HasPrefix(name, viewsDir) || path.Ext(name) != ".xml" {
				continue
			}
			var v view
			if xml.Unmarshal(m.Data, &v) != nil || v.XMLName.Local != "dashboard" && v.XMLName.Local != "form" {
				continue
			}
			if !yield(name, v) {
				return
			}
		}
	}
}

func checkViewVersions(a *app) {
	for name, v := range a.views() {
		if v.Version != "1.1" && v.Version != "2" {
			a.fail(name, 0, "write version=\"1.1\", in Dashboard Studio version=\"2\"", "version %q gets an outdated jQuery", v.Version)
		}
	}
}

func checkStudio(a *app) {
	for name, v := range a.views() {
		if v.Version != "2" {
			continue
		}
		var def struct {
			DataSources    map[string]json.RawMessage `json:"dataSources"`
			Visualizations map[string]struct {
				DataSources map[string]string `json:"dataSources"`
			} `json:"visualizations"`
		}
		if err := json.Unmarshal([]byte(v.Definition), &def); err != nil {
			a.fail(name, 0, "write JSON into <definition>", "%v", err)
			continue
		}
		for id, vis := range def.Visualizations {
			for _, source := range vis.DataSources {
				if _, ok := def.DataSources[source]; !ok {
					a.fail(name, 0, "define it in dataSources", "%s shows %s, which is not there", id, source)
				}
			}
		}
	}
}

func checkCaseTwins(a *app) {
	seen := map[string]string{}
	for _, m := range a.pkg.Members {
		lower := strings.ToLower(strings.TrimSuffix(m.Name, "/"))
		if other, ok := seen[lower]; ok {
			a.fail(m.Name, 0, "rename one", "the same as %s where case does not count", other)
			continue
		}
		seen[lower] = m.Name
	}
}

var windowsDevice = regexp.MustCompile(`(?i)^(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?$`)

func checkWindowsNames(a *app) {
	for _, m := range a.pkg.Members {
		for part := range strings.SplitSeq(strings.TrimSuffix(m.Name, "/"), "/") {
			if strings.ContainsAny(part, `<>:"|?*\`) || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' }) ||
				strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || windowsDevice.MatchString(part) {
				a.fail(m.Name, 0, "rename it", "%q is no file name on Windows", part)
				break
			}
		}
	}
}

func checkReproducible(a *app) {
	const mend = "pack it with the project's packager"
	if a.pkg.Gzip.Name != "" || !a.pkg.Gzip.ModTime.IsZero() || a.pkg.Gzip.Comment != "" || len(a.pkg.Gzip.Extra) > 0 {
		a.fail(a.fileName, 0, mend, "the gzip header holds a name or a time")
	}
	members := a.pkg.Members
	if !slices.IsSortedFunc(members, func(x, y member) int { return strings.Compare(x.Name, y.Name) }) {
		a.fail(a.fileName, 0, mend, "the members are not sorted")
	}
	for _, m := range members {
		switch {
		case m.Uid != 0 || m.Gid != 0 || m.Uname != "" || m.Gname != "":
			a.fail(m.Name, 0, mend, "owner %d:%d %q:%q instead of 0 and no name", m.Uid, m.Gid, m.Uname, m.Gname)
		case !m.ModTime.Equal(members[0].ModTime):
			a.fail(m.Name, 0, mend, "another time than the first member's")
		case m.Typeflag == tar.TypeReg && m.Mode != 0o644 && m.Mode != 0o755, m.Typeflag == tar.TypeDir && m.Mode != 0o755:
			a.fail(m.Name, 0, mend, "mode %04o instead of 0644 or 0755", m.Mode)
		}
	}
}

func checkFileName(a *app) {
	version := a.value("app", "launcher", "version")
	base := path.Base(a.fileName)
	rest, ok := strings.CutPrefix(base, a.id+"-"+version)
	if !ok || !strings.HasSuffix(rest, ".tgz") || rest != ".tgz" && !strings.HasPrefix(rest, "-") {
		a.fail(a.fileName, 0, "name it "+a.id+"-"+version+"[-platform].tgz", "the file's name does not say what is inside")
	}
}
