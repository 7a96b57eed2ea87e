package lint

import (
	"bytes"
	"encoding/json"
	"image/png"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

func identityChecks() []check {
	return []check{
		{"check_version_is_valid_semver", checkVersions},
		{"check_for_valid_package_id", checkPackageID},
		{"check_that_app_name_config_is_valid", checkFirstDigit},
		{"check_for_default_splunk_app", checkBuiltinID},
		{"check_for_valid_ui_label", checkLabel},
		{"check_for_updates_disabled", checkUpdates},
		{"check_that_setup_has_not_been_performed", checkConfigured},
		{"check_no_install_source_checksum", checkChecksums},
		{"check_for_invalid_app_names", checkAppName},
		{"check_build_number", checkBuildNumber},
		{"check_manifest", checkManifest},
		{"check_default_meta_exists", checkMetaExists},
		{"check_meta_default_write_access", checkWriteAccess},
		{"check_kos_are_accessible", checkCloudAdmins},
		{"check_app_icon_dimensions", checkIcons},
	}
}

// manifest is what the checks read of app.manifest.
type manifest struct {
	SchemaVersion string `json:"schemaVersion"`
	Info          struct {
		Title string `json:"title"`
		ID    struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"id"`
		License       manifestText `json:"license"`
		PrivacyPolicy manifestText `json:"privacyPolicy"`
		ReleaseNotes  manifestText `json:"releaseNotes"`
	} `json:"info"`
	SupportedDeployments []string `json:"supportedDeployments"`
	TargetWorkloads      []string `json:"targetWorkloads"`
}

// manifestText names a file of the app.
type manifestText struct {
	Text string `json:"text"`
}

// manifest returns app.manifest, or nil when it is absent or no JSON.
func (a *app) manifest() *manifest {
	f := a.files["app.manifest"]
	if f == nil {
		return nil
	}
	m := &manifest{}
	if json.Unmarshal(f.Data, m) != nil {
		return nil
	}
	return m
}

var semver2 = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

func checkVersions(a *app) {
	places := []struct{ file, what, version string }{
		{"default/app.conf", "[launcher] version", a.value("app", "launcher", "version")},
		{"default/app.conf", "[id] version", a.value("app", "id", "version")},
	}
	if m := a.manifest(); m != nil {
		places = append(places, struct{ file, what, version string }{"app.manifest", "info.id.version", m.Info.ID.Version})
	}
	first := places[0].version
	for _, p := range places {
		switch {
		case p.version == "":
			a.fail(p.file, 0, "set it", "%s is missing", p.what)
		case !semver2.MatchString(p.version):
			a.fail(p.file, 0, "write it like 1.2.3 or 1.2.3-beta.1", "%s is %q, not a semantic version", p.what, p.version)
		case first != "" && p.version != first:
			a.fail(p.file, 0, "use one version everywhere", "%s is %s, but [launcher] version %s", p.what, p.version, first)
		}
	}
}

var (
	validID    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	reservedID = regexp.MustCompile(`(?i)^(CON|PRN|AUX|NUL|COM\d|LPT\d)$`)
)

func checkPackageID(a *app) {
	const mend = "use the name of the app's directory everywhere"
	id := a.value("app", "package", "id")
	switch {
	case id == "":
		a.fail("default/app.conf", 0, mend, "[package] id is missing")
		return
	case !validID.MatchString(id) || strings.HasSuffix(id, ".") || reservedID.MatchString(id) ||
		strings.HasSuffix(id, ".tar") || strings.HasSuffix(id, ".tgz") || strings.HasSuffix(id, ".spl"):
		a.fail("default/app.conf", 0, "letters, digits, _ . - only", "[package] id %q is not allowed", id)
	case id != a.id:
		a.fail("default/app.conf", 0, mend, "[package] id is %q, the directory %q", id, a.id)
	}
	if name := a.value("app", "id", "name"); name != id {
		a.fail("default/app.conf", 0, mend, "[id] name is %q, [package] id %q", name, id)
	}
	if m := a.manifest(); m != nil && m.Info.ID.Name != id {
		a.fail("app.manifest", 0, mend, "info.id.name is %q, [package] id %q", m.Info.ID.Name, id)
	}
}

func checkFirstDigit(a *app) {
	if a.id != "" && a.id[0] >= '0' && a.id[0] <= '9' {
		a.fail(a.id, 0, "choose another name", "the app's name begins with a digit")
	}
}

func checkBuiltinID(a *app) {
	if isBuiltinApp(a.id) {
		a.fail(a.id, 0, "choose another name", "an app of that name is part of Splunk")
	}
}

func checkLabel(a *app) {
	const mend = "write a [ui] label of 5 to 80 characters"
	label := a.value("app", "ui", "label")
	if n := utf8.RuneCountInString(label); n < 5 || n > 80 {
		a.fail("default/app.conf", 0, mend, "[ui] label %q has %d characters", label, n)
	}
}

func checkUpdates(a *app) {
	if v := a.value("app", "package", "check_for_updates"); v == "" || isTrue(v) {
		a.warn("default/app.conf", 0, "set [package] check_for_updates = false", "asks Splunkbase for updates of a private app")
	}
}

func checkConfigured(a *app) {
	if isTrue(a.value("app", "install", "is_configured")) {
		a.fail("default/app.conf", 0, "set is_configured = false", "[install] is_configured is true as shipped")
	}
}

func checkChecksums(a *app) {
	for _, key := range []string{"install_source_checksum", "install_source_local_checksum"} {
		if a.value("app", "install", key) != "" {
			a.fail("default/app.conf", 0, "take it out", "[install] %s is set by Splunk alone", key)
		}
	}
}

func checkAppName(a *app) {
	texts := []string{a.value("app", "ui", "label"), a.value("app", "launcher", "description")}
	for _, t := range texts {
		l := strings.ToLower(t)
		if strings.HasPrefix(l, "splunk for ") || strings.Contains(l, "splunk app for") {
			a.fail("default/app.conf", 0, "say \"… for Splunk\"", "%q reads as an app by Splunk", t)
		}
	}
}

var positive = regexp.MustCompile(`^[1-9]\d*$`)

func checkBuildNumber(a *app) {
	if b := a.value("app", "install", "build"); !positive.MatchString(b) {
		a.fail("default/app.conf", 0, "set [install] build to a number that rises with every release", "[install] build is %q", b)
	}
}

func checkManifest(a *app) {
	m := a.manifest()
	if m == nil {
		return
	}
	if m.SchemaVersion != "2.0.0" {
		a.fail("app.manifest", 0, "use 2.0.0", "schemaVersion is %q", m.SchemaVersion)
	}
	for what, list := range map[string][]string{"supportedDeployments": m.SupportedDeployments, "targetWorkloads": m.TargetWorkloads} {
		if len(list) == 0 {
			a.fail("app.manifest", 0, "name at least one", "%s is empty", what)
		}
	}
	for what, t := range map[string]manifestText{"license": m.Info.License, "privacyPolicy": m.Info.PrivacyPolicy, "releaseNotes": m.Info.ReleaseNotes} {
		if text := strings.TrimPrefix(t.Text, "./"); text != "" && a.files[text] == nil {
			a.fail("app.manifest", 0, "name a file of the app", "info.%s.text: there is no file %s", what, text)
		}
	}
}

func checkMetaExists(a *app) {
	if a.meta == nil {
		a.fail("metadata/default.meta", 0, "write it", "is missing: nobody's rights are defined")
	}
}

// access reads "read : [ a, b ], write : [ c ]".
func access(value string) (read, write []string) {
	lists := map[string][]string{}
	for _, m := range accessList.FindAllStringSubmatch(value, -1) {
		for role := range strings.SplitSeq(m[2], ",") {
			if role = strings.TrimSpace(role); role != "" {
				lists[m[1]] = append(lists[m[1]], role)
			}
		}
	}
	return lists["read"], lists["write"]
}

var accessList = regexp.MustCompile(`(read|write)\s*:\s*\[([^\]]*)\]`)

func checkWriteAccess(a *app) {
	if a.meta == nil {
		return
	}
	const mend = "write access = read : [ * ], write : [ admin, sc_admin ] into []"
	e, ok := a.meta.Get("", "access")
	_, write := access(e.Value)
	switch {
	case !ok || len(write) == 0:
		a.fail("metadata/default.meta", e.Line, mend, "[] names nobody who may write")
	case slices.Contains(write, "*"):
		a.fail("metadata/default.meta", e.Line, mend, "[] lets everybody write")
	}
}

func checkCloudAdmins(a *app) {
	if a.meta == nil {
		return
	}
	for _, s := range a.meta.Stanzas {
		e, _ := lookup(s, "access")
		read, write := access(e.Value)
		for _, roles := range [][]string{read, write} {
			if slices.Contains(roles, "admin") && !slices.Contains(roles, "sc_admin") {
				a.warn("metadata/default.meta", e.Line, "add sc_admin", "[%s] gives admin rights that Splunk Cloud's sc_admin lacks", s.Name)
			}
		}
	}
}

func checkIcons(a *app) {
	icons := []struct {
		name          string
		width, height int
		exact         bool
	}{
		{"appIcon.png", 36, 36, true}, {"appIcon_2x.png", 72, 72, true},
		{"appIconAlt.png", 36, 36, true}, {"appIconAlt_2x.png", 72, 72, true},
		{"appLogo.png", 160, 40, false}, {"appLogo_2x.png", 320, 80, false},
	}
	for _, icon := range icons {
		name := "static/" + icon.name
		f := a.files[name]
		if f == nil {
			a.fail(name, 0, "draw it", "is missing")
			continue
		}
		c, err := png.DecodeConfig(bytes.NewReader(f.Data))
		switch {
		case err != nil:
			a.fail(name, 0, "save it as PNG", "%v", err)
		case icon.exact && (c.Width != icon.width || c.Height != icon.height),
			c.Width > icon.width || c.Height > icon.height:
			a.fail(name, 0, "draw it in the right size", "%d×%d instead of %d×%d", c.Width, c.Height, icon.width, icon.height)
		}
	}
}
