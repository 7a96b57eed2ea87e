package lint

import (
	"bytes"
	"encoding/xml"
	"path"
	"regexp"
	"slices"
	"strings"
)

// viewChecks are about what people see in Splunk Web.
func viewChecks() []check {
	return []check{
		{"check_default_data_ui_file_allow_list", checkUINames},
		{"check_validate_no_embedded_javascript", checkNoScripts},
		{"check_validate_no_event_handler", checkNoHandlers},
		{"check_for_removed_simple_xml", checkRemovedElements},
		{"check_for_noninteger_height_option", checkHeights},
		{"check_for_advanced_xml", checkAdvancedXML},
		{"view_files", checkViewFiles},
		{"view_links", checkViewLinks},
		{"view_tokens", checkViewTokens},
		{"setup_view", checkSetupView},
		{"check_javascript", checkJavaScript},
	}
}

const uiDir = "default/data/ui/"

// checkUINames: XML and HTML files, and no others.
func checkUINames(a *app) {
	for name := range a.sorted() {
		below, ok := strings.CutPrefix(name, uiDir)
		if !ok {
			continue
		}
		kind, _, _ := strings.Cut(below, "/")
		want := []string{".xml"}
		if kind == "alerts" {
			want = []string{".html"}
		}
		if !slices.Contains([]string{"views", "nav", "panels", "alerts", "manager"}, kind) || !slices.Contains(want, path.Ext(name)) {
			a.fail(name, 0, "keep views, nav, panels and manager in .xml, alerts in .html, and nothing else there", "not a file that Splunk Web reads")
		}
	}
}

// uiXML yields the start elements of the XML files of the user interface.
func (a *app) uiXML(yield func(file string, line int, e xml.StartElement)) {
	for name, m := range a.sorted() {
		if !strings.HasPrefix(name, uiDir) || path.Ext(name) != ".xml" {
			continue
		}
		dec := xml.NewDecoder(bytes.NewReader(m.Data))
		for {
			token, err := dec.Token()
			if err != nil {
				break // damaged XML has its own check
			}
			if e, ok := token.(xml.StartElement); ok {
				line, _ := dec.InputPos()
				yield(name, line, e)
			}
		}
	}
}

func checkNoScripts(a *app) {
	a.uiXML(func(name string, line int, e xml.StartElement) {
		for _, x := range e.Attr {
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(x.Value)), "javascript:") {
				a.fail(name, line, "put it into a file in appserver/static", "<%s %s> holds JavaScript", e.Name.Local, x.Name.Local)
			}
		}
		if strings.EqualFold(e.Name.Local, "script") {
			a.fail(name, line, "put it into a file in appserver/static and name that in script=\"\" of the view", "a <script> in the view")
		}
	})
}

func checkNoHandlers(a *app) {
	a.uiXML(func(name string, line int, e xml.StartElement) {
		for _, x := range e.Attr {
			if attr := strings.ToLower(x.Name.Local); strings.HasPrefix(attr, "on") && len(attr) > 4 {
				a.fail(name, line, "attach it in a script", "<%s> has the event handler %s", e.Name.Local, x.Name.Local)
			}
		}
	})
}

func checkRemovedElements(a *app) {
	a.uiXML(func(name string, line int, e xml.StartElement) {
		switch e.Name.Local {
		case "seed", "searchTemplate", "list", "searchString", "searchName", "searchPostProcess":
			a.fail(name, line, "use <search>, <initialValue> or <table>", "<%s> is not read any more", e.Name.Local)
		}
		if e.Name.Local == "option" && slices.Contains([]string{"previewResults", "displayRowNumbers", "linkView", "linkSearch", "linkFields"}, attr(e, "name")) {
			a.fail(name, line, "take it out, or use <drilldown>", "the option %s is not read any more", attr(e, "name"))
		}
	})
}

var digits = regexp.MustCompile(`^\d+$`)

func checkHeights(a *app) {
	for name, m := range a.sorted() {
		if !strings.HasPrefix(name, viewsDir) {
			continue
		}
		for _, at := range heightOption.FindAllSubmatchIndex(m.Data, -1) {
			if value := string(m.Data[at[2]:at[3]]); !digits.MatchString(value) {
				a.fail(name, bytes.Count(m.Data[:at[0]], []byte("\n"))+1, "write pixels without a unit", "the height %q is no whole number", value)
			}
		}
	}
}

var heightOption = regexp.MustCompile(`<option name="height">\s*([^<]*?)\s*</option>`)

func checkAdvancedXML(a *app) {
	for name := range a.sorted() {
		if strings.HasPrefix(name, "appserver/modules/") || strings.HasPrefix(name, "default/data/ui/html/") {
			a.fail(name, 0, "use dashboards", "modules and HTML dashboards are gone")
		}
	}
	a.uiXML(func(name string, line int, e xml.StartElement) {
		if e.Name.Local == "module" || e.Name.Local == "view" && strings.HasPrefix(name, viewsDir) {
			a.fail(name, line, "use <dashboard> or <form>", "<%s> is Advanced XML, which is gone", e.Name.Local)
		}
	})
}

// checkViewFiles: the scripts and styles that a view names exist.
func checkViewFiles(a *app) {
	a.uiXML(func(name string, line int, e xml.StartElement) {
		if e.Name.Local != "dashboard" && e.Name.Local != "form" {
			return
		}
		for _, kind := range []string{"script", "stylesheet"} {
			for file := range strings.SplitSeq(attr(e, kind), ",") {
				file = strings.TrimSpace(file)
				if file != "" && !strings.Contains(file, ":") && a.files["appserver/static/"+file] == nil {
					a.fail(name, line, "write it, or take the name out", "%s: there is no appserver/static/%s", kind, file)
				}
			}
		}
	})
}

var viewLink = regexp.MustCompile(`/app/([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+)`)

// checkViewLinks: what views and workflow actions link to within the app exists.
func checkViewLinks(a *app) {
	look := func(name string, line int, text string) {
		for _, m := range viewLink.FindAllStringSubmatch(text, -1) {
			if m[1] == a.id && !isSplunkView(m[2]) && a.files[viewsDir+m[2]+".xml"] == nil {
				a.fail(name, line, "ship the view, or link to another", "links to the view %s, which is not there", m[2])
			}
		}
	}
	for name, m := range a.sorted() {
		if strings.HasPrefix(name, viewsDir) {
			look(name, 0, string(m.Data))
		}
	}
	for _, s := range a.stanzas("workflow_actions") {
		look(confPath("workflow_actions"), s.Line, get(s, "link.uri"))
		if v := get(s, "search.view"); v != "" && get(s, "search.app") == a.id && !isSplunkView(v) && a.files[viewsDir+v+".xml"] == nil {
			a.fail(confPath("workflow_actions"), s.Line, "ship the view, or use search", "[%s] opens the view %s, which is not there", s.Name, v)
		}
	}
}

var (
	queryText = regexp.MustCompile(`(?s)<query>(.*?)</query>|"query":\s*"((?:[^"\\]|\\.)*)"`)
	// A token of a search: its name begins with a letter; those of environment
	// and time ranges cannot hold what somebody typed.
	bareToken = regexp.MustCompile(`\$([A-Za-z][\w.]*)\$`)
)

// checkViewTokens: what somebody typed or put into an address gets into a
// search as one quoted word.
func checkViewTokens(a *app) {
	for name, m := range a.sorted() {
		if !strings.HasPrefix(name, viewsDir) {
			continue
		}
		for _, at := range queryText.FindAllSubmatchIndex(m.Data, -1) {
			for _, token := range bareToken.FindAllSubmatch(m.Data[at[0]:at[1]], -1) {
				a.fail(name, bytes.Count(m.Data[:at[0]], []byte("\n"))+1, "write $"+string(token[1])+"|s$", "the search takes $%s$ unquoted: whoever makes a link can put SPL into it", token[1])
			}
		}
	}
}

func checkSetupView(a *app) {
	if v := a.value("app", "ui", "setup_view"); v != "" && a.files[viewsDir+v+".xml"] == nil {
		a.fail("default/app.conf", 0, "ship the view", "[ui] setup_view: there is no view %s", v)
	}
}

// riskyScript matches what reviewers of JavaScript look for.
var riskyScript = regexp.MustCompile(`\b(eval|Function)\s*\(|\.(innerHTML|outerHTML)\s*=|insertAdjacentHTML|document\.write|console\.\w+\s*\(|\b(localStorage|sessionStorage)\b|["']http://|<iframe`)

func checkJavaScript(a *app) {
	for name, m := range a.sorted() {
		if !strings.HasPrefix(name, "appserver/static/") || path.Ext(name) != ".js" {
			continue
		}
		for _, at := range riskyScript.FindAllIndex(m.Data, -1) {
			a.warn(name, bytes.Count(m.Data[:at[0]], []byte("\n"))+1, "build elements, use https, keep nothing in the browser, log nothing", "%q is what reviewers refuse", m.Data[at[0]:at[1]])
		}
	}
}
