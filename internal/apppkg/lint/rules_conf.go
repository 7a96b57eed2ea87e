package lint

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tclookup/tclookup/internal/config"
)

func confChecks() []check {
	return []check{
		{"check_config_file_parsing", checkParsing},
		{"check_validate_no_duplicate_stanzas_in_conf_files", checkDuplicates},
		{"check_no_default_stanzas", checkDefaultStanzas},
		{"check_manipulation_outside_of_app_container", checkOutsidePaths},
		{"check_reload_trigger_for_all_custom_confs", checkCustomTriggers},
		{"check_for_trigger_stanza", checkSplunkTriggers},
		{"check_reload_trigger_for_meta", checkMetaTriggers},
		{"check_custom_conf_replication", checkReplication},
		{"check_server_conf_only_contains_custom_conf_sync_stanzas_or_diag_stanza", checkServerConf},
		{"check_conf_deny_list", checkRefusedConfs},
		{"check_validate_json_data_is_well_formed", checkJSON},
		{"check_that_all_xml_files_are_well_formed", checkXML},
		{"check_for_secret_disclosure", checkSecrets},
		{"check_hard_coded_paths", checkDeveloperPaths},
	}
}

// parsed yields every conf and meta file with its path.
func (a *app) parsed() func(func(string, *config.File) bool) {
	return func(yield func(string, *config.File) bool) {
		for name, f := range a.sortedConfs() {
			if !yield(confPath(name), f) {
				return
			}
		}
		if a.meta != nil {
			yield("metadata/default.meta", a.meta)
		}
	}
}

func checkParsing(a *app) {
	const mend = "write it as splunkd reads it: UTF-8, LF, [stanza], key = value"
	global := map[string]bool{}
	for name, f := range a.parsed() {
		for _, s := range f.Stanzas {
			if s.Name == "default" {
				global[fmt.Sprint(name, s.Line)] = true
			}
		}
		if i := bytes.IndexByte(a.files[name].Data, '\r'); i >= 0 {
			a.fail(name, bytes.Count(a.files[name].Data[:i], []byte("\n"))+1, mend, "a carriage return")
		}
	}
	for _, p := range a.problems {
		// Warnings are repetitions; they and global stanzas have their own checks.
		if !p.Warning && !global[fmt.Sprint(p.From, p.Line)] {
			a.fail(p.From, p.Line, mend, "%s", p.Message)
		}
	}
}

func checkDuplicates(a *app) {
	for _, p := range a.problems {
		if p.Warning {
			a.fail(p.From, p.Line, "keep one of them", "[%s] %s: %s", p.Stanza, p.Key, p.Message)
		}
	}
}

func checkDefaultStanzas(a *app) {
	for name, f := range a.parsed() {
		for _, s := range f.Stanzas {
			if s.Name == "default" {
				a.fail(name, s.Line, "put the keys into stanzas of their own", "[default] and keys above the first stanza hold for every app")
			}
		}
	}
}

var otherApp = regexp.MustCompile(`etc[/\\]apps[/\\]([^/\\]+)`)

func checkOutsidePaths(a *app) {
	for conf, f := range a.sortedConfs() {
		for _, s := range f.Stanzas {
			for _, e := range s.Entries {
				m := otherApp.FindStringSubmatch(e.Value)
				if strings.Contains(e.Value, "../") || strings.Contains(e.Value, `..\`) || m != nil && m[1] != a.id {
					a.fail(confPath(conf), e.Line, "stay inside the app", "%s leads out of the app: %s", e.Key, e.Value)
				}
			}
		}
	}
}

// customConfs yields the conf files of default/ that are not Splunk's.
func (a *app) customConfs() func(func(string, *config.File) bool) {
	return func(yield func(string, *config.File) bool) {
		for name, f := range a.sortedConfs() {
			if !isSplunkConf(name) && !yield(name, f) {
				return
			}
		}
	}
}

func checkCustomTriggers(a *app) {
	for name := range a.customConfs() {
		key := "reload." + name
		switch value := a.value("app", "triggers", key); {
		case value == "":
			a.fail("default/app.conf", 0, "add "+key+" = simple to [triggers]", "every change of %s.conf asks for a restart", name)
		case value == "never":
			a.warn("default/app.conf", 0, "use "+key+" = simple", "%s = never: changes have no effect before a restart", key)
		}
	}
}

func checkSplunkTriggers(a *app) {
	if a.confs["app"] == nil {
		return
	}
	for _, s := range a.stanzas("app") {
		for _, e := range s.Entries {
			name, ok := strings.CutPrefix(e.Key, "reload.")
			if s.Name != "triggers" || !ok || !isSplunkConf(name) || name == "passwords" {
				continue
			}
			severity := Warning
			if a.exported(name) {
				severity = Error
			}
			a.report(severity, "default/app.conf", e.Line, "take it out", "%s: %s.conf is Splunk's own and reloads by itself", e.Key, name)
		}
	}
}

// exported says whether default.meta exports a category to the whole system.
func (a *app) exported(category string) bool {
	if a.meta == nil {
		return false
	}
	for _, name := range []string{category, ""} {
		if e, ok := a.meta.Get(name, "export"); ok {
			return e.Value == "system"
		}
	}
	return false
}

func checkMetaTriggers(a *app) {
	if a.meta == nil {
		return
	}
	for _, s := range a.meta.Stanzas {
		category, _, _ := strings.Cut(s.Name, "/")
		if !isMetaKind(category) && a.value("app", "triggers", "reload."+category) == "" {
			a.warn("metadata/default.meta", s.Line, "add reload."+category+" = simple to [triggers] in app.conf", "[%s] is no category that Splunk reloads by itself", s.Name)
		}
	}
}

func checkReplication(a *app) {
	for name := range a.customConfs() {
		key := "conf_replication_include." + name
		if !isTrue(a.value("server", "shclustering", key)) {
			a.warn("default/server.conf", 0, "add "+key+" = true to [shclustering]", "changes of %s.conf stay on one member of a search head cluster", name)
		}
	}
}

func checkServerConf(a *app) {
	for _, s := range a.stanzas("server") {
		for _, e := range s.Entries {
			ok := s.Name == "shclustering" && strings.HasPrefix(e.Key, "conf_replication_include.") ||
				s.Name == "diag" && strings.HasPrefix(e.Key, "EXCLUDE-")
			if !ok {
				a.fail("default/server.conf", e.Line, "take it out", "[%s] %s: an app may only set conf_replication_include.* and [diag] EXCLUDE-*", s.Name, e.Key)
			}
		}
	}
}

func checkRefusedConfs(a *app) {
	for name, f := range a.sortedConfs() {
		severity, refused := refusedConf(name)
		if name == "authentication" && onlyRoleMaps(f) {
			refused = false
		}
		if refused {
			a.report(severity, confPath(name), 0, "leave it out of the package", "an app may not ship %s.conf", name)
		}
	}
}

func onlyRoleMaps(f *config.File) bool {
	for _, s := range f.Stanzas {
		if !strings.HasPrefix(s.Name, "roleMap_") {
			return false
		}
	}
	return true
}

func checkJSON(a *app) {
	for name, m := range a.sorted() {
		if path.Ext(name) != ".json" && name != "app.manifest" {
			continue
		}
		var v any
		if err := json.Unmarshal(m.Data, &v); err != nil {
			a.fail(name, 0, "write strict JSON, without comments", "%v", err)
		}
	}
}

func checkXML(a *app) {
	for name, m := range a.sorted() {
		if path.Ext(name) != ".xml" {
			continue
		}
		dec := xml.NewDecoder(bytes.NewReader(m.Data))
		elements := 0
		for {
			token, err := dec.Token()
			if _, ok := token.(xml.StartElement); ok {
				elements++
			}
			if err == io.EOF && elements > 0 {
				break
			}
			if err != nil {
				line, _ := dec.InputPos()
				a.fail(name, line, "write well-formed XML", "%v", err)
				break
			}
		}
	}
}

var (
	secretText = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|://[^/\s:@<>$]+:[^/\s:@<>$]+@`)
	secretKey  = regexp.MustCompile(`(?i)(password|secret|token|api_?key|session_?key|credential)`)
)

func checkSecrets(a *app) {
	const mend = "take it out, and change the secret if it was a real one"
	for name, m := range a.sorted() {
		if !isText(m.Data) {
			continue
		}
		for _, at := range secretText.FindAllIndex(m.Data, -1) {
			a.fail(name, bytes.Count(m.Data[:at[0]], []byte("\n"))+1, mend, "looks like a private key, an access key or a password in a URL")
		}
	}
	for conf, f := range a.sortedConfs() {
		for _, s := range f.Stanzas {
			for _, e := range s.Entries {
				if conf == "authorize" {
					continue // names of capabilities, not secrets
				}
				if e.Value != "" && secretKey.MatchString(e.Key) {
					a.fail(confPath(conf), e.Line, mend, "[%s] %s is set in a file everybody can read", s.Name, e.Key)
				}
			}
		}
	}
}

var developerPath = regexp.MustCompile(`(?:^|[\s"'=(])(?:/home/|/Users/|/root/|[A-Za-z]:\\Users\\)\w`)

func checkDeveloperPaths(a *app) {
	for name, m := range a.sorted() {
		if !isText(m.Data) || strings.HasPrefix(name, "LICENSES/") {
			continue
		}
		for _, at := range developerPath.FindAllIndex(m.Data, -1) {
			a.warn(name, bytes.Count(m.Data[:at[0]], []byte("\n"))+1, "use $SPLUNK_HOME or a path inside the app", "a path of one person's machine")
		}
	}
}

func isText(data []byte) bool {
	return format(data) == "" && utf8.Valid(data) && !bytes.ContainsRune(data, 0)
}
