package lint

import "slices"

// platformDirs are the directories in which splunkd looks for programs: those of
// the platforms and the common one (commands.conf.spec, "filename"; AppInspect
// also knows darwin_x86).
func platformDirs() []string {
	return []string{
		"linux_x86/bin", "linux_x86_64/bin", "windows_x86/bin", "windows_x86_64/bin",
		"darwin_x86/bin", "darwin_x86_64/bin", "bin",
	}
}

// commandExtensions are tried for a chunked command without a filename.
func commandExtensions() []string {
	return []string{".py", ".pl", ".cmd", ".bat", ".exe", ".js", ".sh", ""}
}

// isSplunkConf says whether a conf file is one of Splunk's own, so that an app's
// file of that name is no custom one.
func isSplunkConf(name string) bool { return slices.Contains(splunkConfs[:], name) }

var splunkConfs = [...]string{
	"alert_actions", "app", "audit", "authentication", "authorize", "bookmarks", "checklist", "collections",
	"commands", "crawl", "datamodels", "datatypesbnf", "default-mode", "deployment", "deploymentclient", "distsearch",
	"event_renderers", "eventdiscoverer", "eventtypes", "federated", "fields", "global-banner", "health", "indexes",
	"inputs", "instance.cfg", "limits", "literals", "livetail", "macros", "messages", "metric_alerts",
	"metric_rollups", "multikv", "outputs", "passwords", "procmon-filters", "props", "pubsub", "restmap",
	"rolling_upgrade", "savedsearches", "searchbnf", "segmenters", "server", "serverclass", "serverclass.seed.xml",
	"source-classifier", "sourcetypes", "splunk-launch", "tags", "telemetry", "tenants", "times", "transactiontypes",
	"transforms", "ui-prefs", "ui-tour", "user-prefs", "user-seed", "viewstates", "visualizations", "web",
	"web-features", "wmi", "workflow_actions", "workload_policy", "workload_pools", "workload_rules",
}

// isMetaKind says whether a category of a .meta file is one that Splunk knows
// besides the names of its conf files.
func isMetaKind(name string) bool {
	switch name {
	case "", "views", "nav", "lookups", "manager", "panels", "html", "quickstart", "alerts", "models", "appserver", "static", "tools":
		return true
	}
	return isSplunkConf(name)
}

// refusedConf returns the severity of an app's having a conf file, and whether
// it has one at all.
func refusedConf(name string) (Severity, bool) {
	switch name {
	case "audit", "crawl", "datatypesbnf", "default-mode", "deployment", "deploymentclient", "health", "instance.cfg",
		"limits", "literals", "messages", "outputs", "pubsub", "serverclass", "serverclass.seed.xml",
		"source-classifier", "sourcetypes", "splunk-launch", "telemetry", "user-seed", "wmi", "workload_pools",
		"workload_rules", "authentication":
		return Error, true
	case "bookmarks", "passwords", "viewstates":
		return Warning, true
	}
	return Note, false
}

// isBuiltinApp says whether an app id belongs to an app that Splunk ships.
func isBuiltinApp(id string) bool {
	switch id {
	case "alert_logevent", "alert_webhook", "appsbrowser", "framework", "gettingstarted", "introspection_generator_addon",
		"journald_input", "launcher", "learned", "legacy", "python_upgrade_readiness_app", "sample_app", "search",
		"splunk-dashboard-studio", "splunk-rolling-upgrade", "splunk_archiver", "splunk_assist", "splunk_essentials_8_0",
		"splunk_gdi", "splunk_httpinput", "splunk_ingest_actions", "splunk_instrumentation", "splunk_internal_metrics",
		"splunk_metrics_workspace", "splunk_monitoring_console", "splunk_rapid_diag", "splunk_secure_gateway",
		"SplunkForwarder", "SplunkLightForwarder", "SplunkDeploymentServerConfig", "user-prefs", "system":
		return true
	}
	return false
}

// isSplunkView says whether a view is one of Splunk's that an app's nav may name.
func isSplunkView(name string) bool {
	switch name {
	case "search", "reports", "alerts", "dashboards", "datasets", "home":
		return true
	}
	return false
}
