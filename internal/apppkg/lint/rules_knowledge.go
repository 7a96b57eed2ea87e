package lint

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

func knowledgeChecks() []check {
	return []check{
		{"check_all_lookups_are_used", checkLookupsUsed},
		{"check_props_conf_has_referenced_transforms", checkPropsReferences},
		{"check_saved_search_specifies_a_search", checkSearchText},
		{"check_saved_searches_are_not_disabled", checkSearchDisabled},
		{"check_for_emails_in_saved_search", checkSearchEmails},
		{"check_for_real_time_saved_searches", checkRealTime},
		{"check_for_gratuitous_cron_scheduling", checkCron},
		{"check_for_empty_saved_search_description", checkSearchDescription},
		{"check_for_sched_saved_searches_times", checkSearchTimes},
		{"schedules_disabled", checkSchedulesDisabled},
		{"check_required_stanza_fields_are_specified", checkWorkflowFields},
		{"check_workflow_actions_link_uri_does_not_use_http_protocol", checkWorkflowLinks},
		{"workflow_fields", checkWorkflowEveryField},
		{"check_authorize_conf_admin_all_objects_privileges", checkCapabilities},
		{"check_import_roles_and_grantable_roles_for_builtin_roles", checkRoles},
		{"check_authorize_conf_capability_not_modified", checkCapabilityNames},
		{"macro_arguments", checkMacros},
	}
}

// used says whether a conf value or a view names something.
func (a *app) used(word string) bool {
	for _, f := range a.sortedConfs() {
		for _, s := range f.Stanzas {
			for _, e := range s.Entries {
				if strings.Contains(e.Value, word) {
					return true
				}
			}
		}
	}
	for name, m := range a.sorted() {
		if path.Ext(name) == ".xml" && strings.Contains(string(m.Data), word) {
			return true
		}
	}
	return false
}

func checkLookupsUsed(a *app) {
	for name := range a.sorted() {
		if strings.HasPrefix(name, "lookups/") && !a.used(strings.TrimSuffix(path.Base(name), ".default")) {
			a.fail(name, 0, "define it in transforms.conf, or leave it out", "nothing refers to it")
		}
	}
}

func checkPropsReferences(a *app) {
	for _, s := range a.stanzas("props") {
		for _, e := range s.Entries {
			var names []string
			switch class, _, _ := strings.Cut(e.Key, "-"); class {
			case "REPORT", "TRANSFORMS":
				names = strings.Split(e.Value, ",")
			case "LOOKUP":
				names = strings.Fields(e.Value)[:min(1, len(strings.Fields(e.Value)))]
			}
			for _, n := range names {
				n = strings.TrimSpace(n)
				if !slices.ContainsFunc(a.stanzas("transforms"), func(t stanza) bool { return t.Name == n }) {
					a.fail("default/props.conf", e.Line, "define it in transforms.conf", "[%s] %s: there is no [%s]", s.Name, e.Key, n)
				}
			}
		}
	}
}

func scheduled(s stanza) bool { return isTrue(get(s, "enableSched")) }

func checkSearchText(a *app) {
	for _, s := range a.stanzas("savedsearches") {
		if get(s, "search") == "" {
			a.fail("default/savedsearches.conf", s.Line, "write the search", "[%s] has no search", s.Name)
		}
	}
}

func checkSearchDisabled(a *app) {
	for _, s := range a.stanzas("savedsearches") {
		if isTrue(get(s, "disabled")) && !scheduled(s) {
			a.warn("default/savedsearches.conf", s.Line, "leave disabled out: without enableSched it only runs when somebody asks", "[%s] is disabled", s.Name)
		}
	}
}

func checkSearchEmails(a *app) {
	for _, s := range a.stanzas("savedsearches") {
		if e, ok := lookup(s, "action.email.to"); ok && e.Value != "" {
			a.fail("default/savedsearches.conf", e.Line, "leave it to the administrator", "[%s] sends mail to %s", s.Name, e.Value)
		}
	}
}

func checkRealTime(a *app) {
	for _, s := range a.stanzas("savedsearches") {
		for _, key := range []string{"dispatch.earliest_time", "dispatch.latest_time"} {
			if e, ok := lookup(s, key); ok && strings.HasPrefix(e.Value, "rt") {
				a.fail("default/savedsearches.conf", e.Line, "use a time range", "[%s] %s = %s is a real-time search", s.Name, key, e.Value)
			}
		}
	}
}

func checkCron(a *app) {
	for _, s := range a.stanzas("savedsearches") {
		e, ok := lookup(s, "cron_schedule")
		if scheduled(s) && !ok {
			a.fail("default/savedsearches.conf", s.Line, "write cron_schedule", "[%s] is scheduled, but not when", s.Name)
		}
		if minute, _, _ := strings.Cut(e.Value, " "); minute == "*" || minute == "*/1" {
			a.fail("default/savedsearches.conf", e.Line, "run it less often", "[%s] runs every minute", s.Name)
		}
	}
}

func checkSearchDescription(a *app) {
	for _, s := range a.stanzas("savedsearches") {
		if e, ok := lookup(s, "description"); ok && e.Value == "" {
			a.fail("default/savedsearches.conf", e.Line, "describe it, or take the key out", "[%s] has an empty description", s.Name)
		}
	}
}

func checkSearchTimes(a *app) {
	for _, s := range a.stanzas("savedsearches") {
		for _, key := range []string{"dispatch.earliest_time", "dispatch.latest_time"} {
			if scheduled(s) && get(s, key) == "" {
				a.fail("default/savedsearches.conf", s.Line, "write "+key, "[%s] is scheduled over all time", s.Name)
			}
		}
	}
}

func checkSchedulesDisabled(a *app) {
	for _, s := range a.stanzas("savedsearches") {
		if scheduled(s) && !isTrue(get(s, "disabled")) {
			a.warn("default/savedsearches.conf", s.Line, "set disabled = 1", "[%s] runs as soon as the app is installed", s.Name)
		}
	}
}

func checkWorkflowFields(a *app) {
	for _, s := range a.stanzas("workflow_actions") {
		keys := []string{"type", "label"}
		switch get(s, "type") {
		case "link":
			keys = append(keys, "link.uri")
		case "search":
			keys = append(keys, "search.search_string")
		}
		for _, key := range keys {
			if get(s, key) == "" {
				a.fail("default/workflow_actions.conf", s.Line, "write it", "[%s] has no %s", s.Name, key)
			}
		}
	}
}

func checkWorkflowLinks(a *app) {
	for _, s := range a.stanzas("workflow_actions") {
		if e, ok := lookup(s, "link.uri"); ok && strings.HasPrefix(e.Value, "http:") {
			a.fail("default/workflow_actions.conf", e.Line, "use https", "[%s] opens a page without encryption", s.Name)
		}
	}
}

func checkWorkflowEveryField(a *app) {
	for _, s := range a.stanzas("workflow_actions") {
		fields := strings.TrimSpace(get(s, "fields"))
		if fields == "" || fields == "*" {
			a.fail("default/workflow_actions.conf", s.Line, "name the fields it is for", "[%s] shows up on every field", s.Name)
		}
	}
}

func checkCapabilities(a *app) {
	for _, s := range a.stanzas("authorize") {
		for _, e := range s.Entries {
			switch e.Key {
			case "admin_all_objects", "edit_user", "edit_roles", "change_authentication", "edit_tokens_all", "edit_tokens_settings":
				if strings.HasPrefix(s.Name, "role_") && (e.Value == "enabled" || isTrue(e.Value)) {
					a.fail("default/authorize.conf", e.Line, "take it out", "[%s] grants %s", s.Name, e.Key)
				}
			}
		}
	}
}

// checkCapabilityNames: an app declares capabilities of its own, which are
// named like it, and grants those that are declared.
func checkCapabilityNames(a *app) {
	declared := map[string]bool{}
	for _, s := range a.stanzas("authorize") {
		if name, ok := strings.CutPrefix(s.Name, "capability::"); ok {
			declared[name] = true
			if !strings.HasPrefix(name, a.id+"_") {
				a.fail("default/authorize.conf", s.Line, "name it "+a.id+"_…", "[%s] may be a capability of Splunk's or of another app", s.Name)
			}
		}
	}
	for _, s := range a.stanzas("authorize") {
		for _, e := range s.Entries {
			if strings.HasPrefix(s.Name, "role_") && strings.HasPrefix(e.Key, a.id+"_") && !declared[e.Key] {
				a.fail("default/authorize.conf", e.Line, "declare it: [capability::"+e.Key+"]", "[%s] grants %s, which is not declared", s.Name, e.Key)
			}
		}
	}
}

func checkRoles(a *app) {
	for _, s := range a.stanzas("authorize") {
		switch s.Name {
		case "role_admin", "role_sc_admin", "role_user", "role_power", "role_can_delete", "tokens_auth":
			a.fail("default/authorize.conf", s.Line, "use a role of your own", "[%s] is Splunk's", s.Name)
		}
		for _, key := range []string{"importRoles", "grantableRoles"} {
			for role := range strings.SplitSeq(get(s, key), ";") {
				if role = strings.TrimSpace(role); role == "admin" || role == "sc_admin" {
					a.fail("default/authorize.conf", s.Line, "take it out", "[%s] %s = %s", s.Name, key, role)
				}
			}
		}
	}
}

var macroName = regexp.MustCompile(`^([^()]+)(?:\((\d+)\))?$`)

func checkMacros(a *app) {
	for _, s := range a.stanzas("macros") {
		m := macroName.FindStringSubmatch(s.Name)
		if m == nil {
			a.fail("default/macros.conf", s.Line, "write name or name(count)", "[%s] is no name of a macro", s.Name)
			continue
		}
		var args []string
		for arg := range strings.SplitSeq(get(s, "args"), ",") {
			if arg = strings.TrimSpace(arg); arg != "" {
				args = append(args, arg)
			}
		}
		if n := len(args); m[2] != "" && m[2] != itoa(n) || m[2] == "" && n > 0 {
			a.fail("default/macros.conf", s.Line, "let name(count) and args agree", "[%s] has %d args", s.Name, n)
		}
		for _, arg := range args {
			if !strings.Contains(get(s, "definition"), "$"+arg+"$") {
				a.fail("default/macros.conf", s.Line, "use $"+arg+"$ in the definition", "[%s] does not use its argument %s", s.Name, arg)
			}
		}
	}
}
