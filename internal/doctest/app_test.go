package doctest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/internal/applog"
	"github.com/tclookup/tclookup/internal/splunkapp"
	"github.com/tclookup/tclookup/source"
)

// appSearch is a search that the app ships.
type appSearch struct {
	at, text string
	// shown are the fields that what shows its result names.
	shown []string
	// free says that it is an example about events of the reader's own, whose
	// fields nobody knows.
	free bool
}

// tokens are what dashboards and field menus put into searches, in quotes
// where the view says |s.
var tokens = map[string]string{
	"mode": "cache", "verdict": "malicious suspicious", "value": "zq-updates-demo.com", "depth": "2", "@field_value": "zq-updates-demo.com",
}

var token = regexp.MustCompile(`\$([@\w.]+)(\|s)?\$`)

// fill puts values in the place of tokens.
func fill(t *testing.T, at, spl string) string {
	t.Helper()
	return token.ReplaceAllStringFunc(spl, func(s string) string {
		m := token.FindStringSubmatch(s)
		v, ok := tokens[m[1]]
		if !ok {
			t.Errorf("%s: the test does not know the token %s", at, s)
		}
		if m[2] != "" {
			return `"` + v + `"`
		}
		return v
	})
}

// appSearches collects all searches that the app ships.
func appSearches(t *testing.T) []appSearch {
	t.Helper()
	var all []appSearch
	views, err := filepath.Glob(filepath.Join(root, "app/default/data/ui/views/*.xml"))
	if err != nil || len(views) < 4 {
		t.Fatalf("views: %v, %v", views, err)
	}
	for _, name := range views {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), `<dashboard version="2"`) {
			all = append(all, studioSearches(t, filepath.Base(name), data)...)
		} else {
			all = append(all, viewSearches(t, filepath.Base(name), data)...)
		}
	}
	for conf, key := range map[string]string{"savedsearches.conf": "search", "workflow_actions.conf": "search.search_string"} {
		f, err := appConf(conf)
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Stanzas {
			if s := entry(&f.Stanzas[i], key); s != "" {
				all = append(all, appSearch{at: conf + " [" + f.Stanzas[i].Name + "]", text: s})
			}
		}
	}
	f, err := appConf("searchbnf.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Stanzas {
		for _, e := range s.Entries {
			if strings.HasPrefix(e.Key, "example") {
				all = append(all, appSearch{at: "searchbnf.conf [" + s.Name + "] " + e.Key, text: e.Value, free: true})
			}
		}
	}
	samples := map[string]string{"field": "dest_host", "mode": "queue", "verdict": "malicious", "model": "Web", "name": "host"}
	m, err := appMacros()
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range m {
		call, _, _ := strings.Cut(name, "(")
		var args []string
		for _, a := range x.args {
			v := samples[a]
			if a == "field" && len(x.args) == 3 {
				v = "Web.dest"
			}
			if v == "" {
				t.Errorf("macro %s: the test does not know the argument %s", name, a)
			}
			args = append(args, v)
		}
		if len(args) > 0 {
			call += "(" + strings.Join(args, ", ") + ")"
		}
		before := "index=a | "
		if strings.HasPrefix(x.definition, "tstats") {
			before = "| "
		} else if !strings.Contains(x.definition, "|") && !strings.HasPrefix(x.definition, "eval") {
			before = ""
		}
		all = append(all, appSearch{at: "macro " + name, text: before + "`" + call + "`"})
	}
	return all
}

// viewSearches are those of Simple XML; a search with a base goes on where
// that ends.
func viewSearches(t *testing.T, name string, data []byte) []appSearch {
	t.Helper()
	type xmlSearch struct {
		ID    string `xml:"id,attr"`
		Base  string `xml:"base,attr"`
		Query string `xml:"query"`
	}
	var all []appSearch
	base := map[string]string{}
	dec := xml.NewDecoder(bytes.NewReader(data))
	title := name
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "title":
			if err := dec.DecodeElement(&title, &e); err != nil {
				t.Fatal(err)
			}
		case "search":
			var s xmlSearch
			if err := dec.DecodeElement(&s, &e); err != nil {
				t.Fatal(err)
			}
			text := s.Query
			if s.Base != "" {
				if base[s.Base] == "" {
					t.Errorf("%s: %s: there is no search %s above", name, title, s.Base)
				}
				text = base[s.Base] + " | " + s.Query
			}
			if s.ID != "" {
				base[s.ID] = text
			}
			all = append(all, appSearch{at: name + ": " + title + " " + s.ID, text: text})
		case "link":
			var link string
			if err := dec.DecodeElement(&link, &e); err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`\$row\.([\w.]+)\$`).FindAllStringSubmatch(link, -1) {
				all[len(all)-1].shown = append(all[len(all)-1].shown, m[1])
			}
		}
	}
}

// studioSearches are those of Dashboard Studio, with the fields that
// visualizations name.
func studioSearches(t *testing.T, name string, data []byte) []appSearch {
	t.Helper()
	var view struct {
		Definition string `xml:"definition"`
	}
	var d struct {
		DataSources map[string]struct {
			Type    string
			Options struct{ Query, Extend string }
		}
		Visualizations map[string]struct {
			DataSources   map[string]string
			Options       json.RawMessage
			EventHandlers json.RawMessage
		}
		Inputs map[string]any
		Layout struct {
			Structure    []struct{ Item string }
			GlobalInputs []string
		}
	}
	if err := xml.Unmarshal(data, &view); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(view.Definition), &d); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	placed := map[string]bool{}
	for _, s := range d.Layout.Structure {
		placed[s.Item] = true
		if _, ok := d.Visualizations[s.Item]; !ok {
			t.Errorf("%s: the layout has %s, which is not there", name, s.Item)
		}
	}
	for _, in := range d.Layout.GlobalInputs {
		if d.Inputs[in] == nil {
			t.Errorf("%s: the layout has the input %s, which is not there", name, in)
		}
	}
	if len(d.Layout.GlobalInputs) != len(d.Inputs) {
		t.Errorf("%s: %d inputs, %d of them placed", name, len(d.Inputs), len(d.Layout.GlobalInputs))
	}
	shown := map[string][]string{}
	named := regexp.MustCompile(`(?:seriesByName|frameBySeriesNames)\('([^']+)'\)|"row\.([\w]+)\.value"`)
	for id, v := range d.Visualizations {
		if !placed[id] {
			t.Errorf("%s: %s is not in the layout", name, id)
		}
		source := v.DataSources["primary"]
		if d.DataSources[source].Type == "" {
			t.Errorf("%s: %s shows %q, which is not there", name, id, source)
		}
		for _, m := range named.FindAllStringSubmatch(string(v.Options)+string(v.EventHandlers), -1) {
			shown[source] = append(shown[source], m[1]+m[2])
		}
	}
	var all []appSearch
	for id, s := range d.DataSources {
		text := s.Options.Query
		if s.Type == "ds.chain" {
			up, ok := d.DataSources[s.Options.Extend]
			if !ok || up.Type != "ds.search" {
				t.Errorf("%s: %s goes on from %q, which is not there", name, id, s.Options.Extend)
			}
			text = up.Options.Query + " | " + text
		}
		all = append(all, appSearch{at: name + ": " + id, text: text, shown: shown[id]})
	}
	return all
}

// logFields are the fields of a line of the app's log.
func logFields() []string {
	var out []string
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous:
				walk(f.Type)
			case name == "status":
				for _, s := range enrich.Statuses() {
					out = append(out, "status."+s)
				}
			case name == "answers":
				for _, o := range []source.Origin{source.Memory, source.Disk, source.Live, source.Stale, source.Local, "redis"} {
					out = append(out, "answers."+string(o))
				}
			case name != "":
				out = append(out, name)
			}
		}
	}
	walk(reflect.TypeFor[applog.Head]())
	walk(reflect.TypeFor[splunkapp.Account]())
	return out
}

// lookupFields are the fields of the app's lookups.
func lookupFields(t *testing.T) map[string][]string {
	t.Helper()
	f, err := appConf("transforms.conf")
	if err != nil {
		t.Fatal(err)
	}
	// Those of Enterprise Security's local intelligence, from its manual
	// ("Supported types of threat intelligence").
	out := map[string][]string{
		"tclookup_domain_intel": {"description", "domain", "weight"},
		"tclookup_ip_intel":     {"description", "ip", "weight"},
		"tclookup_email_intel":  {"description", "src_user", "subject", "weight"},
		"tclookup_file_intel":   {"description", "file_hash", "file_name", "weight"},
	}
	for i := range f.Stanzas {
		s := &f.Stanzas[i]
		list := names(entry(s, "fields_list"))
		if len(list) == 0 && out[s.Name] == nil {
			t.Errorf("transforms.conf [%s]: the test does not know its fields", s.Name)
		}
		if len(list) > 0 {
			out[s.Name] = list
		}
	}
	return out
}

// TestAppSearches: the program takes each of its calls in the searches that the
// app ships, and no command or panel names a field that no command before gives.
func TestAppSearches(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	p := newPage(t, "app", build(t))
	m, err := appMacros()
	if err != nil {
		t.Fatal(err)
	}
	log, lookups := logFields(), lookupFields(t)
	columns := map[string][]string{}
	run := func(name, stage string, in []string) ([]string, error) {
		key := stage + "\x00" + strings.Join(in, "\x00")
		if out, ok := columns[key]; ok {
			return out, nil
		}
		out, err := p.columns(t, name, stage, in)
		columns[key] = out
		return out, err
	}
	calls, searches := 0, appSearches(t)
	for _, s := range searches {
		text := fill(t, s.at, s.text)
		calls += p.calls(t, m, s.at, text)
		expanded, err := m.expand(text)
		if err != nil || s.free {
			continue // calls has told of the error
		}
		f := &flow{run: run, log: log, lookups: lookups}
		if err := f.follow(expanded); err != nil {
			t.Errorf("%s: %v", s.at, err)
			continue
		}
		if err := f.need(s.shown...); err != nil {
			t.Errorf("%s: what is shown: %v", s.at, err)
		}
	}
	if len(searches) < 60 || calls < 40 {
		t.Errorf("%d searches with %d calls were found", len(searches), calls)
	}
}

// columns runs a command of the app on sample data, and returns the fields of
// its rows that it did not get.
func (p *page) columns(t *testing.T, name, stage string, in []string) ([]string, error) {
	t.Helper()
	typed, err := asTyped(strings.Join(strings.Fields(stage), " "))
	if err != nil {
		return nil, err
	}
	if name != "tcstatus" {
		typed += " demo=true"
		typed = strings.NewReplacer(` mode=cache`, "", ` mode="cache"`, "", ` mode=queue`, "").Replace(typed)
	}
	s := chunkedtest.Search{Info: chunkedtest.Parse(typed), Dial: func() (*chunkedtest.Conversation, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(p.bin, "tclookup"), "splunk", name)
		cmd.Dir, cmd.Env = p.dir, p.env
		return chunkedtest.Exec(cmd, 0)
	}}
	looked := fieldOptions(stage)
	events := chunkedtest.NewTable(looked...)
	var cells []any
	for range looked {
		cells = append(cells, "zq-updates-demo.com")
	}
	if len(looked) > 0 {
		events.Add(cells...)
	}
	res, err := s.Run(events)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", typed, err)
	}
	if len(res.Table.Rows) == 0 {
		return nil, fmt.Errorf("%s: no rows come out", typed)
	}
	return res.Table.Columns, nil
}
