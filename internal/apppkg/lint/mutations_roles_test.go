package lint

import "archive/tar"

func roleMutations() []mutation {
	const (
		commands, bnf, meta        = "default/commands.conf", "default/searchbnf.conf", "metadata/default.meta"
		inputs, inputSpec, actions = "default/inputs.conf", "README/inputs.conf.spec", "default/alert_actions.conf"
		searches, workflow         = "default/savedsearches.conf", "default/workflow_actions.conf"
		transforms, props          = "default/transforms.conf", "default/props.conf"
		authorize, macros          = "default/authorize.conf", "default/macros.conf"
	)
	sched := "enableSched = 1\ndisabled = 1\ncron_schedule = 7 * * * *\ndispatch.earliest_time = -1h\ndispatch.latest_time = now\n"
	return []mutation{
		{"check_command_scripts_exist", "no program", nil, commands, add(commands, "[tcreport]\nchunked = true\n")},
		{"check_command_scripts_exist", "filename", nil, commands, edit(commands, "filename = tclookup.path", "filename = tclookup.sh")},
		{"check_command_scripts_exist", "two candidates", nil, commands, put("bin/tclookup.sh", "#!/bin/sh\n")},
		{"check_ignored_parameters_v2_command", "local", nil, commands, add(commands, "local = true\n")},
		{"check_ignored_parameters_v2_command", "spelling of true", nil, commands, edit(commands, "chunked = true", "chunked = 1")},
		{"check_ignored_parameters_v1_command", "maxwait", nil, commands, both(edit(commands, "chunked = true", ""), edit(commands, "[tclookup]\n", "[tclookup]\nmaxwait = 1\n"))},
		{"command_name", "underscore", nil, commands, edit(commands, "[tclookup]", "[tc_lookup]")},
		{"command_arguments", "wrong stanza", nil, commands, edit(commands, "command.arg.2 = threatcrowdlookup", "command.arg.2 = tclookup")},
		{"command_arguments", "gap", nil, commands, add(commands, "command.arg.4 = x\n")},
		{"command_help", "missing", nil, bnf, edit(bnf, "[threatcrowdlookup-command]", "[threatcrowdlookup-cmd]")},
		{"command_help", "no usage", nil, bnf, edit(bnf, "usage = public", "")},
		{"command_help", "other name", nil, bnf, edit(bnf, "syntax = tclookup ", "syntax = lookup ")},
		{"command_help", "no options", nil, bnf, edit(bnf, "[tclookup-options]", "[tclookup-opts]")},
		{"command_export", "not exported", nil, meta, edit(meta, "[searchbnf]\nexport = system", "[searchbnf]\nexport = none")},

		{"check_inputs_conf_spec", "empty", nil, inputSpec, put(inputSpec, "# nothing\n")},
		{"check_inputs_conf_spec", "no arguments", nil, inputSpec, put(inputSpec, "[tclookup://<name>]\n")},
		{"check_inputs_conf_spec", "twice", nil, inputSpec, put(inputSpec, "[tclookup://<name>]\na = <string>\n[tclookup://<name>]\na = <string>\n")},
		{"check_modular_inputs_scripts_exist", "no program", nil, inputSpec, put(inputSpec, "[tcfeed://<name>]\na = <string>\n")},
		{"check_scripted_inputs_cmd_path_pattern", "relative", severity(Warning), inputs, put(inputs, "[script://./bin/tclookup drain]\ndisabled = 1\n")},
		{"check_scripted_inputs_cmd_path_pattern", "elsewhere", nil, inputs, put(inputs, "[script:///bin/sh]\ndisabled = 1\n")},
		{"check_scripted_inputs_cmd_path_pattern", "dots", nil, inputs, put(inputs, "[script://$SPLUNK_HOME/etc/apps/tclookup/bin/../x]\ndisabled = 1\n")},
		{"check_scripted_inputs_cmd_path_pattern", "missing", nil, inputs, put(inputs, "[script://$SPLUNK_HOME/etc/apps/tclookup/bin/x]\ndisabled = 1\n")},
		{"check_inputs_conf_kinds", "tcp", nil, inputs, put(inputs, "[tcp://:9997]\ndisabled = 1\n")},
		{"check_inputs_conf_kinds", "http", nil, inputs, put(inputs, "[http]\ndisabled = 1\n")},
		{"inputs_disabled", "enabled", nil, inputs, put(inputs, "[tclookup://default]\ninterval = 60\n")},
		{"check_alert_actions_exe_exist", "by name", nil, actions, put(actions, "[tcvote]\nis_custom = 1\n")},
		{"check_alert_actions_exe_exist", "by cmd", nil, actions, put(actions, "[tcvote]\nis_custom = 1\nalert.execute.cmd = x\n")},
		{"check_alert_actions_conf_for_alert_execute_cmd_properties", "pointer", nil, actions, put(actions, "[tcvote]\nis_custom = 1\nalert.execute.cmd = tclookup.path\n")},
		{"check_for_payload_format", "csv", nil, actions, put(actions, "[tclookup]\nis_custom = 1\npayload_format = csv\n")},
		{"check_alert_icon_exists_for_custom_alerts", "no icon", nil, actions, put(actions, "[tclookup]\nis_custom = 1\nicon_path = a.png\n")},
		{"check_workflow_html_exists_for_custom_alert", "no form", nil, "default/data/ui/alerts/tcvote.html", put(actions, "[tcvote]\nis_custom = 1\n")},
		{"check_transforms_conf_for_external_cmd", "no program", nil, transforms, put(transforms, "[x]\nexternal_cmd = x lookup\n")},
		{"check_transforms_conf_for_external_cmd", "Python", nil, transforms, both(put("bin/x.py", ""), put(transforms, "[x]\nexternal_cmd = x.py lookup\n"))},

		{"check_all_lookups_are_used", "unused", nil, "lookups/a.csv", put("lookups/a.csv", "a,b\n")},
		{"check_props_conf_has_referenced_transforms", "report", nil, props, put(props, "[x]\nREPORT-a = none\n")},
		{"check_props_conf_has_referenced_transforms", "lookup", nil, props, put(props, "[x]\nLOOKUP-a = none domain OUTPUT status\n")},
		{"check_saved_search_specifies_a_search", "none", nil, searches, put(searches, "[a]\ndescription = x\n")},
		{"check_saved_searches_are_not_disabled", "disabled", severity(Warning), searches, put(searches, "[a]\nsearch = x\ndisabled = 1\n")},
		{"check_for_emails_in_saved_search", "mail", nil, searches, put(searches, "[a]\nsearch = x\naction.email.to = a@example.org\n")},
		{"check_for_real_time_saved_searches", "rt", nil, searches, put(searches, "[a]\nsearch = x\ndispatch.earliest_time = rt-5m\n")},
		{"check_for_gratuitous_cron_scheduling", "every minute", nil, searches, put(searches, "[a]\nsearch = x\n"+sched+"cron_schedule = * * * * *\n")},
		{"check_for_gratuitous_cron_scheduling", "no schedule", nil, searches, put(searches, "[a]\nsearch = x\nenableSched = 1\n")},
		{"check_for_empty_saved_search_description", "empty", nil, searches, put(searches, "[a]\nsearch = x\ndescription =\n")},
		{"check_for_sched_saved_searches_times", "no times", nil, searches, put(searches, "[a]\nsearch = x\nenableSched = 1\ncron_schedule = 7 * * * *\n")},
		{"schedules_disabled", "runs", severity(Warning), searches, put(searches, "[a]\nsearch = x\n"+sched+"disabled = 0\n")},
		{"check_required_stanza_fields_are_specified", "label", nil, workflow, put(workflow, "[a]\ntype = link\nlink.uri = https://example.org\nfields = domain\n")},
		{"check_required_stanza_fields_are_specified", "uri", nil, workflow, put(workflow, "[a]\ntype = link\nlabel = x\nfields = domain\n")},
		{"check_required_stanza_fields_are_specified", "search", nil, workflow, put(workflow, "[a]\ntype = search\nlabel = x\nfields = domain\n")},
		{"check_workflow_actions_link_uri_does_not_use_http_protocol", "http", nil, workflow, put(workflow, "[a]\ntype = link\nlabel = x\nlink.uri = http://example.org\nfields = domain\n")},
		{"workflow_fields", "every field", nil, workflow, put(workflow, "[a]\ntype = link\nlabel = x\nlink.uri = https://example.org\nfields = *\n")},
		{"check_authorize_conf_admin_all_objects_privileges", "grants", nil, authorize, put(authorize, "[role_tclookup]\nadmin_all_objects = enabled\n")},
		{"check_import_roles_and_grantable_roles_for_builtin_roles", "imports admin", nil, authorize, put(authorize, "[role_tclookup]\nimportRoles = user;admin\n")},
		{"check_import_roles_and_grantable_roles_for_builtin_roles", "changes user", nil, authorize, put(authorize, "[role_user]\nx = enabled\n")},
		{"check_authorize_conf_capability_not_modified", "Splunk's", nil, authorize, put(authorize, "[capability::edit_user]\n")},
		{"check_authorize_conf_capability_not_modified", "not declared", nil, authorize, put(authorize, "[role_tclookup]\ntclookup_fly = enabled\n")},
		{"macro_arguments", "count", nil, macros, put(macros, "[a(2)]\nargs = x\ndefinition = $x$\n")},
		{"macro_arguments", "no count", nil, macros, put(macros, "[a]\nargs = x\ndefinition = $x$\n")},
		{"macro_arguments", "not used", nil, macros, put(macros, "[a(1)]\nargs = x\ndefinition = y\n")},
		{"macro_arguments", "name", nil, macros, put(macros, "[a(x)]\ndefinition = y\n")},
	}
}

func viewMutations() []mutation {
	const view, js = "default/data/ui/views/a.xml", "appserver/static/a.js"
	dashboard := func(inside string) func(*mutant) {
		return put(view, `<dashboard version="1.1"><label>a</label>`+inside+`</dashboard>`)
	}
	return []mutation{
		{"check_default_data_ui_file_allow_list", "script", nil, "default/data/ui/views/a.js", put("default/data/ui/views/a.js", "")},
		{"check_default_data_ui_file_allow_list", "directory", nil, "default/data/ui/html/a.xml", put("default/data/ui/html/a.xml", "<a/>")},
		{"check_default_data_ui_file_allow_list", "alert", nil, "default/data/ui/alerts/a.xml", put("default/data/ui/alerts/a.xml", "<a/>")},
		{"check_validate_no_embedded_javascript", "element", nil, view, dashboard("<row><panel><html><script>1</script></html></panel></row>")},
		{"check_validate_no_embedded_javascript", "link", nil, view, dashboard(`<a href=" JavaScript:x()">x</a>`)},
		{"check_validate_no_event_handler", "click", nil, view, dashboard(`<p onclick="x()"/>`)},
		{"check_for_removed_simple_xml", "searchString", nil, view, dashboard(`<searchString>a</searchString>`)},
		{"check_for_removed_simple_xml", "option", nil, view, dashboard(`<option name="linkView">a</option>`)},
		{"check_for_noninteger_height_option", "px", nil, view, dashboard(`<option name="height">300px</option>`)},
		{"check_for_advanced_xml", "view", nil, view, put(view, `<view template="x"><module name="y"/></view>`)},
		{"check_for_advanced_xml", "HTML", nil, "default/data/ui/html/a.html", put("default/data/ui/html/a.html", "")},
		{"view_files", "script", nil, view, put(view, `<form version="1.1" script="none.js"><label>a</label></form>`)},
		{"view_files", "style", nil, view, put(view, `<form version="1.1" stylesheet="setup.css, none.css"><label>a</label></form>`)},
		{"view_links", "view", nil, view, dashboard(`<link>/app/tclookup/nowhere?form.x=1</link>`)},
		{"view_links", "action", nil, "default/workflow_actions.conf", edit("default/workflow_actions.conf", "/app/tclookup/tclookup_report?", "/app/tclookup/tclookup_rapport?")},
		{"view_links", "search", nil, "default/workflow_actions.conf", edit("default/workflow_actions.conf", "search.view = search", "search.view = find")},
		{"view_tokens", "Simple XML", nil, view, dashboard(`<search><query>index=$index$ | head 1</query></search>`)},
		{"view_tokens", "Studio", nil, view, put(view, `<dashboard version="2"><definition><![CDATA[{"dataSources":{"a":{"options":{"query":"x=\"$y$\""}}}}]]></definition></dashboard>`)},
		{"setup_view", "missing", nil, "default/app.conf", remove("default/data/ui/views/tclookup_setup.xml")},
		{"check_javascript", "HTML", severity(Warning), js, put(js, "a.innerHTML = b;\n")},
		{"check_javascript", "log", severity(Warning), js, put(js, "console.log(1);\n")},
	}
}

func ownMutations() []mutation {
	const conf, spec, nav, view = "default/tclookup.conf", "README/tclookup.conf.spec", "default/data/ui/nav/default.xml", "default/data/ui/views/a.xml"
	studio := func(json string) string {
		return `<dashboard version="2"><label>a</label><definition><![CDATA[` + json + `]]></definition></dashboard>`
	}
	return []mutation{
		{"conf_spec", "no file", nil, spec, remove(spec)},
		{"conf_spec", "stanza", nil, conf, edit(spec, "[source:<name>]", "[src:<name>]")},
		{"conf_spec", "key", nil, conf, edit(spec, "\nrate = ", "\nrates = ")},
		{"nav_views", "no view", nil, nav, put(nav, `<nav><view name="overview" default="true"/></nav>`)},
		{"nav_views", "no default", nil, nav, put(nav, `<nav><view name="search"/></nav>`)},
		{"nav_views", "visible without", nil, nav, remove(nav)},
		{"check_simplexml_standards_version", "none", nil, view, put(view, "<dashboard><label>a</label></dashboard>")},
		{"check_simplexml_standards_version", "old", nil, view, put(view, `<form version="1.0"><label>a</label></form>`)},
		{"studio_definition", "no JSON", nil, view, put(view, studio("{,}"))},
		{"studio_definition", "no source", nil, view, put(view, studio(`{"dataSources":{},"visualizations":{"v":{"dataSources":{"primary":"ds"}}}}`))},
		{"case_twins", "file", nil, "tclookup/readme.md", put("readme.md", "")},
		{"windows_names", "colon", nil, "tclookup/static/a:b.png", put("static/a:b.png", "")},
		{"windows_names", "device", nil, "tclookup/static/aux.png", put("static/aux.png", "")},
		{"windows_names", "dot", nil, "tclookup/static/a.", put("static/a.", "")},
		{"reproducible_archive", "gzip name", nil, fileName, func(m *mutant) { m.pkg.Gzip.Name = "x.tar" }},
		{"reproducible_archive", "gzip time", nil, fileName, func(m *mutant) { m.pkg.Gzip.ModTime = when }},
		{"reproducible_archive", "order", nil, fileName, func(m *mutant) { m.pkg.Members[1], m.pkg.Members[2] = m.pkg.Members[2], m.pkg.Members[1] }},
		{"reproducible_archive", "owner", nil, "tclookup/README.md", func(m *mutant) { m.member("README.md").Uid = 1000 }},
		{"reproducible_archive", "user name", nil, "tclookup/README.md", func(m *mutant) { m.member("README.md").Uname = "root" }},
		{"reproducible_archive", "time", nil, "tclookup/README.md", func(m *mutant) { m.member("README.md").ModTime = when.AddDate(0, 0, 1) }},
		{"reproducible_archive", "mode", nil, "tclookup/bin/", func(m *mutant) { m.member("bin/").Header = withMode(m.member("bin/").Header, 0o750) }},
		{"file_name", "version", nil, "tclookup-9.9.9.tgz", func(m *mutant) { m.fileName = "tclookup-9.9.9.tgz" }},
		{"file_name", "suffix", nil, "tclookup-0.1.0.zip", func(m *mutant) { m.fileName = "tclookup-0.1.0.zip" }},
	}
}

func withMode(h tar.Header, mode int64) tar.Header {
	h.Mode = mode
	return h
}
