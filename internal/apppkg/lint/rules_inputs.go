package lint

import (
	"path"
	"strings"
)

func inputChecks() []check {
	return []check{
		{"check_inputs_conf_spec", checkInputsSpec},
		{"check_modular_inputs_scripts_exist", checkSchemesExist},
		{"check_scripted_inputs_cmd_path_pattern", checkScriptedInputs},
		{"check_inputs_conf_kinds", checkInputKinds},
		{"inputs_disabled", checkInputsDisabled},
		{"check_alert_actions_exe_exist", checkActionsExist},
		{"check_alert_actions_conf_for_alert_execute_cmd_properties", checkActionPointers},
		{"check_for_payload_format", checkPayloadFormat},
		{"check_alert_icon_exists_for_custom_alerts", checkActionIcon},
		{"check_workflow_html_exists_for_custom_alert", checkActionHTML},
		{"check_transforms_conf_for_external_cmd", checkExternalCommands},
	}
}

const inputsSpec = "README/inputs.conf.spec"

// schemes returns the modular inputs the app declares, with their lines.
func (a *app) schemes() []specStanza {
	f := a.files[inputsSpec]
	if f == nil {
		return nil
	}
	return parseSpec(f.Data).stanzas
}

func schemeName(stanza string) string {
	name, _, _ := strings.Cut(stanza, "://")
	return name
}

func checkInputsSpec(a *app) {
	if a.files[inputsSpec] == nil {
		return
	}
	schemes := a.schemes()
	if len(schemes) == 0 {
		a.fail(inputsSpec, 0, "write [scheme://<name>] and its arguments", "declares no modular input")
	}
	seen := map[string]bool{}
	for _, s := range schemes {
		if len(s.keys) == 0 {
			a.fail(inputsSpec, s.line, "describe one argument at least", "[%s] has no arguments", s.name)
		}
		if seen[s.name] {
			a.fail(inputsSpec, s.line, "keep one of them", "[%s] is there twice", s.name)
		}
		seen[s.name] = true
	}
}

func checkSchemesExist(a *app) {
	for _, s := range a.schemes() {
		name := schemeName(s.name)
		if len(a.inPlatformDirs(name, name+".exe", name+".py", name+".sh", name+".bat", name+".cmd")) == 0 {
			a.fail(inputsSpec, s.line, "put a program of that name into bin or a platform directory", "[%s] has no program", s.name)
		}
	}
}

func checkScriptedInputs(a *app) {
	for _, s := range a.stanzas("inputs") {
		cmd, ok := strings.CutPrefix(s.Name, "script://")
		if !ok {
			continue
		}
		cmd = strings.ReplaceAll(cmd, `\`, "/")
		program, _, _ := strings.Cut(cmd, " ")
		mend := "write script://$SPLUNK_HOME/etc/apps/" + a.id + "/bin/…"
		below, inside := strings.CutPrefix(program, "$SPLUNK_HOME/etc/apps/"+a.id+"/")
		switch {
		case strings.HasPrefix(program, "./bin/"):
			a.warn("default/inputs.conf", s.Line, mend, "[%s] depends on the working directory", s.Name)
		case !inside || !strings.HasPrefix(below, "bin/") || path.Clean(below) != below:
			a.fail("default/inputs.conf", s.Line, mend, "[%s] is not a program in the app's bin", s.Name)
		case a.files[below] == nil:
			a.fail("default/inputs.conf", s.Line, mend, "%s is not in the package", below)
		}
	}
}

func checkInputKinds(a *app) {
	for _, s := range a.stanzas("inputs") {
		kind, _, _ := strings.Cut(s.Name, ":")
		switch kind {
		case "tcp", "tcp-ssl", "splunktcp", "splunktcp-ssl", "splunktcptoken", "udp", "SSL", "fschange", "batch", "fifo",
			"http", "remote_queue_monitor":
			a.fail("default/inputs.conf", s.Line, "take it out", "[%s]: apps may not open inputs of that kind", s.Name)
		}
	}
}

func checkInputsDisabled(a *app) {
	for _, s := range a.stanzas("inputs") {
		if strings.Contains(s.Name, "://") && !isTrue(get(s, "disabled")) {
			a.fail("default/inputs.conf", s.Line, "set disabled = 1", "[%s] runs as soon as the app is installed", s.Name)
		}
	}
}

func checkActionsExist(a *app) {
	for _, s := range a.stanzas("alert_actions") {
		if !isTrue(get(s, "is_custom")) {
			continue
		}
		cmd := get(s, "alert.execute.cmd")
		if cmd == "" && len(a.inPlatformDirs(s.Name, s.Name+".exe", s.Name+".py", s.Name+".sh", s.Name+".bat", s.Name+".cmd")) == 0 ||
			cmd != "" && a.files["bin/"+cmd] == nil {
			a.fail("default/alert_actions.conf", s.Line, "put the program into bin or a platform directory", "[%s] has no program", s.Name)
		}
	}
}

func checkActionPointers(a *app) {
	for _, s := range a.stanzas("alert_actions") {
		for _, e := range s.Entries {
			if strings.HasPrefix(e.Key, "alert.execute.cmd") && strings.HasSuffix(e.Value, ".path") {
				a.fail("default/alert_actions.conf", e.Line, "name the program like the stanza", "[%s] %s: path pointers are refused", s.Name, e.Key)
			}
		}
	}
}

func checkPayloadFormat(a *app) {
	for _, s := range a.stanzas("alert_actions") {
		if e, ok := lookup(s, "payload_format"); ok && e.Value != "json" && e.Value != "xml" {
			a.fail("default/alert_actions.conf", e.Line, "write json", "[%s] payload_format = %s", s.Name, e.Value)
		}
	}
}

func checkActionIcon(a *app) {
	for _, s := range a.stanzas("alert_actions") {
		icon := get(s, "icon_path")
		if isTrue(get(s, "is_custom")) && (icon == "" || a.files["appserver/static/"+icon] == nil) {
			a.fail("default/alert_actions.conf", s.Line, "put the picture into appserver/static and name it in icon_path", "[%s] has no icon", s.Name)
		}
	}
}

func checkActionHTML(a *app) {
	for _, s := range a.stanzas("alert_actions") {
		if html := "default/data/ui/alerts/" + s.Name + ".html"; isTrue(get(s, "is_custom")) && a.files[html] == nil {
			a.fail(html, 0, "write the form", "[%s] in alert_actions.conf has no form", s.Name)
		}
	}
}

func checkExternalCommands(a *app) {
	for _, s := range a.stanzas("transforms") {
		f := strings.Fields(get(s, "external_cmd"))
		if len(f) == 0 {
			continue
		}
		if a.files["bin/"+f[0]] == nil {
			a.fail("default/transforms.conf", s.Line, "put the program into bin", "[%s] external_cmd: there is no bin/%s", s.Name, f[0])
		}
		if path.Ext(f[0]) == ".py" && get(s, "python.version") == "" {
			a.fail("default/transforms.conf", s.Line, "set python.version = python3", "[%s] does not say which Python", s.Name)
		}
	}
}
