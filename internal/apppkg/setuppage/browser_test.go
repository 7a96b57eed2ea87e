package setuppage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/browsertest"
	"github.com/tclookup/tclookup/internal/config"
)

// splunkWeb is as much of Splunk Web as the page sees: its own page, and
// splunkd's endpoints for conf files, stored passwords, the app and searches.
type splunkWeb struct {
	mu         sync.Mutex
	conf       map[string]map[string]string // stanza, key
	local      map[string]bool              // stanzas that may be removed
	passwords  map[string]string            // by name; the realm is tclookup
	denied     bool                         // the user may not see passwords
	hidden     bool                         // the list of passwords is empty though there are some
	readonly   bool                         // the user may not change anything
	answer     string                       // of the search
	configured string
	log        []string
	faults     []string
	page       string
}

const formKey = "1234567890"

// defaults returns the app's conf file as splunkd would show it.
func defaults(t *testing.T) map[string]map[string]string {
	t.Helper()
	data, err := os.ReadFile("../../../app/default/tclookup.conf")
	if err != nil {
		t.Fatal(err)
	}
	f, problems := config.ParseFile("tclookup.conf", data)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	conf := map[string]map[string]string{}
	for _, s := range f.Stanzas {
		conf[s.Name] = map[string]string{}
		for _, e := range s.Entries {
			conf[s.Name][e.Key] = e.Value
		}
	}
	return conf
}

func (w *splunkWeb) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

func (w *splunkWeb) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := r.URL.EscapedPath()
	switch {
	case path == "/de-DE/app/tclookup/tclookup_setup":
		http.SetCookie(rw, &http.Cookie{Name: "splunkweb_csrf_token_8000", Value: formKey, Path: "/"})
		_, _ = io.WriteString(rw, w.page)
	default:
		endpoint, ok := strings.CutPrefix(path, "/de-DE/splunkd/__raw/")
		if !ok {
			w.fault("unknown address %s", path)
			http.NotFound(rw, r)
			return
		}
		w.rest(rw, r, endpoint)
	}
}

func message(rw http.ResponseWriter, code int, text string) {
	rw.WriteHeader(code)
	_ = json.NewEncoder(rw).Encode(map[string]any{"messages": []map[string]string{{"type": "ERROR", "text": text}}})
}

func (w *splunkWeb) rest(rw http.ResponseWriter, r *http.Request, endpoint string) {
	if err := r.ParseForm(); err != nil {
		w.fault("%s: %v", endpoint, err)
	}
	if r.Form.Get("output_mode") != "json" {
		w.fault("%s: output_mode %q", endpoint, r.Form.Get("output_mode"))
	}
	if r.Method != http.MethodGet && (r.Header.Get("X-Splunk-Form-Key") != formKey || r.Header.Get("X-Requested-With") != "XMLHttpRequest") {
		message(rw, http.StatusUnauthorized, "CSRF validation failed")
		return
	}
	w.log = append(w.log, r.Method+" "+endpoint)
	if w.readonly && r.Method != http.MethodGet {
		message(rw, http.StatusForbidden, "You (user=nobody) do not have permission to perform this operation")
		return
	}
	switch {
	case strings.HasPrefix(endpoint, "servicesNS/nobody/tclookup/configs/conf-tclookup"):
		w.confs(rw, r, strings.TrimPrefix(endpoint, "servicesNS/nobody/tclookup/configs/conf-tclookup"))
	case strings.HasPrefix(endpoint, "servicesNS/nobody/tclookup/storage/passwords"):
		w.secrets(rw, r, strings.TrimPrefix(endpoint, "servicesNS/nobody/tclookup/storage/passwords"))
	case endpoint == "services/apps/local/tclookup" && r.Method == http.MethodPost:
		w.configured = r.PostForm.Get("configured")
		_, _ = io.WriteString(rw, `{"entry":[]}`)
	case endpoint == "servicesNS/nobody/tclookup/search/jobs" && r.Method == http.MethodPost && r.PostForm.Get("exec_mode") == "oneshot":
		if !strings.HasPrefix(r.PostForm.Get("search"), "|") {
			w.fault("search %q", r.PostForm.Get("search"))
		}
		_, _ = io.WriteString(rw, w.answer)
	default:
		w.fault("no endpoint %s %s", r.Method, endpoint)
		message(rw, http.StatusNotFound, "Not Found")
	}
}

func (w *splunkWeb) confs(rw http.ResponseWriter, r *http.Request, below string) {
	name, err := url.PathUnescape(strings.TrimPrefix(below, "/"))
	if err != nil || strings.Contains(strings.TrimPrefix(below, "/"), "/") {
		w.fault("stanza %q", below)
	}
	set := func(to map[string]string) {
		for k := range r.PostForm {
			if k != "name" {
				to[k] = r.PostForm.Get(k)
			}
		}
	}
	switch {
	case r.Method == http.MethodGet && name == "":
		var list []any
		for _, s := range slices.Sorted(maps.Keys(w.conf)) {
			list = append(list, map[string]any{"name": s, "acl": map[string]any{"removable": w.local[s]}, "content": w.conf[s]})
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"entry": list})
		return
	case r.Method == http.MethodPost && name == "":
		name = r.PostForm.Get("name")
		if w.conf[name] != nil || name == "" {
			message(rw, http.StatusConflict, "An object with name="+name+" already exists")
			return
		}
		w.conf[name], w.local[name] = map[string]string{}, true
		set(w.conf[name])
	case w.conf[name] == nil:
		message(rw, http.StatusNotFound, "Could not find object id="+name)
		return
	case r.Method == http.MethodPost:
		if r.PostForm.Has("name") {
			message(rw, http.StatusBadRequest, `Argument "name" is not supported by this handler.`)
			return
		}
		set(w.conf[name])
	case r.Method == http.MethodDelete && w.local[name]:
		delete(w.conf, name)
	default:
		message(rw, http.StatusBadRequest, "cannot be done")
		return
	}
	_, _ = io.WriteString(rw, `{"entry":[]}`)
}

func (w *splunkWeb) secrets(rw http.ResponseWriter, r *http.Request, below string) {
	id, err := url.PathUnescape(strings.TrimPrefix(below, "/"))
	if err != nil {
		w.fault("password %q", below)
	}
	if w.denied {
		message(rw, http.StatusForbidden, "insufficient permission to access this resource")
		return
	}
	name, realm := strings.CutPrefix(id, "tclookup:")
	name = strings.ReplaceAll(strings.TrimSuffix(name, ":"), `\:`, ":")
	switch {
	case r.Method == http.MethodGet && id == "":
		if !slices.Equal(r.Form["f"], []string{"realm", "username"}) || r.Form.Get("search") != "realm=tclookup" {
			w.fault("the list of passwords was asked for with %v: keys would come into the browser", r.Form)
		}
		list := []any{}
		for n := range w.passwords {
			if !w.hidden {
				list = append(list, map[string]any{"name": "tclookup:" + n + ":", "content": map[string]string{"realm": "tclookup", "username": n}})
			}
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"entry": list})
		return
	case r.Method == http.MethodPost && id == "":
		if r.PostForm.Get("realm") != "tclookup" {
			w.fault("realm %q", r.PostForm.Get("realm"))
		}
		if _, ok := w.passwords[r.PostForm.Get("name")]; ok {
			message(rw, http.StatusConflict, "already exists")
			return
		}
		w.passwords[r.PostForm.Get("name")] = r.PostForm.Get("password")
	case !realm || w.passwords[name] == "":
		message(rw, http.StatusNotFound, "Could not find object id="+id)
		return
	case r.Method == http.MethodPost:
		w.passwords[name] = r.PostForm.Get("password")
	case r.Method == http.MethodDelete:
		delete(w.passwords, name)
	}
	_, _ = io.WriteString(rw, `{"entry":[]}`)
}

// driver is what a person does on the page, in the page. Each step is a line
// of JavaScript; done ends it.
const driver = `
<script>
(function () {
  var q = function (s) { return document.querySelector('#tclookup-setup ' + s); };
  window.field = function (stanza, key) { return q('[data-stanza="' + stanza + '"][data-key="' + key + '"]'); };
  window.fill = function (stanza, key, value) {
    var e = field(stanza, key);
    e.value = value; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change'));
  };
  window.status_ = function () { var s = q('.tc-status'); return s ? s.textContent : ''; };
  window.until = function (what) {
    return new Promise(function (ok) {
      var n = 0;
      (function look() { if (what() || ++n > 400) { ok(); } else { setTimeout(look, 10); } }());
    });
  };
  window.press = function (selector) { q(selector).click(); return until(function () { return status_() && status_().slice(-1) !== '…'; }); };
  window.addEventListener('load', function () {
    until(function () { return q('#tc-save') || q('.tc-status'); }).then(function () { return (async function () { %s }()); }).then(function (r) {
      var p = document.createElement('pre');
      p.id = 'result'; p.textContent = JSON.stringify({ status: status_(), value: r === undefined ? null : r });
      document.body.appendChild(p);
    }, function (e) {
      var p = document.createElement('pre');
      p.id = 'result'; p.textContent = JSON.stringify({ status: 'driver: ' + e });
      document.body.appendChild(p);
    });
  });
}());
</script>`

type outcome struct {
	Status string
	Value  json.RawMessage
}

var viewHTML = regexp.MustCompile(`(?s)<html>(.*)</html>`)

// collect waits for the results of all frames.
const collect = `<script>
(function look() {
  var all = Array.from(document.querySelectorAll('iframe')).map(function (f) { return f.contentDocument && f.contentDocument.getElementById('result'); });
  if (!all.every(Boolean)) { return setTimeout(look, 20); }
  var p = document.createElement('pre');
  p.id = 'results'; p.textContent = JSON.stringify(all.map(function (r) { return JSON.parse(r.textContent); }));
  document.body.appendChild(p);
}());
</script>`

// visit opens the page once for each Splunk Web, all in one browser, does the
// steps there, and returns how each looks in the end. The root endpoint of each
// is /N.
func visit(t *testing.T, webs []*splunkWeb, steps []string) []outcome {
	t.Helper()
	browser := browsertest.Path(t)
	view, err := os.ReadFile("../../../app/default/data/ui/views/tclookup_setup.xml")
	if err != nil {
		t.Fatal(err)
	}
	panel := viewHTML.FindSubmatch(view)
	if panel == nil {
		t.Fatal("the view has no <html>")
	}
	mux := http.NewServeMux()
	outer := "<!DOCTYPE html><body>"
	for i, w := range webs {
		w.page = `<!DOCTYPE html><meta charset="utf-8"><link rel="stylesheet" href="/setup.css"><body><script src="/setup.js"></script>` + string(panel[1]) + fmt.Sprintf(driver, steps[i])
		root := fmt.Sprintf("/%d", i)
		mux.Handle(root+"/", http.StripPrefix(root, w))
		outer += fmt.Sprintf(`<iframe width="1100" height="2600" src="%s/de-DE/app/tclookup/tclookup_setup"></iframe>`, root)
	}
	mux.Handle("/setup.js", http.FileServer(http.Dir("../../../app/appserver/static")))
	mux.Handle("/setup.css", http.FileServer(http.Dir("../../../app/appserver/static")))
	mux.HandleFunc("/{$}", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, outer+collect) })
	server := httptest.NewServer(mux)
	defer server.Close()
	dom := open(t, browser, server.URL+"/", "--dump-dom")
	m := regexp.MustCompile(`(?s)<pre id="results">(.*?)</pre>`).FindSubmatch(dom)
	if m == nil {
		t.Fatalf("the page came to no end:\n%s", dom)
	}
	var all []outcome
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &all); err != nil {
		t.Fatal(err)
	}
	for _, w := range webs {
		for _, f := range w.faults {
			t.Error(f)
		}
	}
	if shot := os.Getenv("SETUP_SCREENSHOT"); shot != "" { // for a person to look at
		window := cmp.Or(os.Getenv("SETUP_WINDOW"), "1100,2600")
		open(t, browser, server.URL+"/0/de-DE/app/tclookup/tclookup_setup", "--screenshot="+shot, "--window-size="+window)
	}
	return all
}

// open has the browser show an address, and returns what it prints.
func open(t *testing.T, browser, address string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args = append(args, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-extensions",
		"--user-data-dir="+browsertest.Profile(t), "--virtual-time-budget=60000", address)
	cmd := exec.CommandContext(ctx, browser, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}
	return out
}

func newWeb(t *testing.T) *splunkWeb {
	t.Helper()
	return &splunkWeb{conf: defaults(t), local: map[string]bool{}, passwords: map[string]string{}}
}

// listSettings returns stanza, key, value and label of each control.
const listSettings = `return Array.from(document.querySelectorAll('[data-key]')).map(function (e) {
	var l = document.querySelector('label[for="' + e.id + '"]');
	var shown = e.tagName === 'SELECT' ? e.selectedOptions[0].textContent.replace('default: ', '') : e.value || e.placeholder;
	return [e.dataset.stanza, e.dataset.key, shown, l ? l.textContent : ''];
});`

// everySetting checks that what the program knows can be changed on the page.
func everySetting(t *testing.T, o outcome) {
	t.Helper()
	var got [][]string
	if err := json.Unmarshal(o.Value, &got); err != nil {
		t.Fatalf("%v: %+v", err, o)
	}
	shown := map[string]string{}
	for _, g := range got {
		shown[g[0]+" "+g[1]] = g[2]
		if g[3] != g[1] {
			t.Errorf("%s has the label %q", g[1], g[3])
		}
	}
	for _, s := range Settings() {
		stanza := strings.NewReplacer(config.AnySource, "source:threatcrowd", config.AnyFeed, "feed:empty").Replace(s.Stanza)
		value, ok := shown[stanza+" "+s.Key]
		if s.Key == "stored_key" {
			continue // follows from the key
		}
		if !ok {
			t.Errorf("[%s] %s is not on the page", stanza, s.Key)
		}
		if s.Default != "" && value != s.Default {
			t.Errorf("[%s] %s shows %q, its default is %q", stanza, s.Key, value, s.Default)
		}
	}
}

// TestPage does what people do on the page, and looks at what splunkd is asked for.
func TestPage(t *testing.T) {
	const key = "s3cret key+%&"
	tests := []struct {
		name   string
		prep   func(*splunkWeb)
		steps  string
		status string
		value  string // of the steps
		check  func(*testing.T, *splunkWeb)
	}{
		{
			name: "server and key",
			steps: `fill('source:threatcrowd', 'base_url', ' https://tc.example.com/a?b '); var bad = field('source:threatcrowd', 'base_url').getAttribute('aria-invalid');
				fill('source:threatcrowd', 'base_url', ' https://tc.example.com '); fill('source:threatcrowd', 'rate', '60/m'); fill('source:threatcrowd', 'api_key', '` + key + `');
				fill('exclude', 'suffix', 'corp.example, ü.example'); await press('#tc-save'); return bad + field('source:threatcrowd', 'api_key').value;`,
			status: "Saved. Searches use it from now on.",
			value:  `"true"`, // the mark of a wrong address, and nothing of the key
			check: func(t *testing.T, w *splunkWeb) {
				s := w.conf["source:threatcrowd"]
				if s["base_url"] != "https://tc.example.com" || s["rate"] != "60/m" || s["stored_key"] != "true" || w.passwords["threatcrowd"] != key {
					t.Errorf("conf %v, passwords %v", s, w.passwords)
				}
				if w.conf["exclude"]["suffix"] != "corp.example, ü.example" || w.configured != "true" {
					t.Errorf("exclude %v, configured %q", w.conf["exclude"], w.configured)
				}
				posts := 0
				for i, l := range w.log {
					if strings.HasPrefix(l, "POST") && strings.Contains(l, "conf-tclookup") {
						posts++
						if i < slices.Index(w.log, "POST servicesNS/nobody/tclookup/storage/passwords") {
							t.Errorf("stored_key is set before the key is stored: %v", w.log)
						}
					}
				}
				if posts != 2 {
					t.Errorf("%d stanzas were written, two have changes: %v", posts, w.log)
				}
			},
		},
		{
			name:   "nothing changed",
			steps:  `await press('#tc-save');`,
			status: "Saved. Searches use it from now on.",
			check: func(t *testing.T, w *splunkWeb) {
				if d := w.conf; !maps.EqualFunc(d, defaults(t), maps.Equal) || w.configured != "true" {
					t.Errorf("conf %v, configured %q", d, w.configured)
				}
			},
		},
		{
			name:   "a value that is not allowed",
			steps:  `fill('source:threatcrowd', 'timeout', 'soon'); fill('source:threatcrowd', 'burst', '0'); fill('source:threatcrowd', 'proxy', 'http://u:p@proxy.example.com'); fill('source:threatcrowd', 'rate', '9/m'); await press('#tc-save'); return document.querySelector('details').open;`,
			status: "Nothing was saved: 3 values are not allowed.",
			value:  "true", // what was folded away is shown
			check: func(t *testing.T, w *splunkWeb) {
				if w.conf["source:threatcrowd"]["rate"] != "6/m" || w.configured != "" {
					t.Errorf("something was saved: %v", w.log)
				}
			},
		},
		{
			name: "another source",
			steps: `document.getElementById('tc-new').value = 'Lab'; document.getElementById('tc-add').click(); var refused = status_();
				document.getElementById('tc-new').value = 'lab'; document.getElementById('tc-add').click();
				fill('source:lab', 'base_url', 'https://lab.example.com'); fill('source:lab', 'api_key', 'k'); await press('#tc-save'); return refused;`,
			status: "Saved. Searches use it from now on.",
			value:  `"A source needs a name in lower-case letters, digits, \"-\", \"_\" and \".\"."`,
			check: func(t *testing.T, w *splunkWeb) {
				want := map[string]string{"kind": "threatcrowd", "base_url": "https://lab.example.com", "stored_key": "true"}
				if !maps.Equal(w.conf["source:lab"], want) || w.passwords["lab"] != "k" {
					t.Errorf("conf %v, passwords %v", w.conf["source:lab"], w.passwords)
				}
			},
		},
		{
			name: "a source is removed with its key",
			prep: func(w *splunkWeb) {
				w.conf["source:lab"], w.local["source:lab"] = map[string]string{"kind": "threatcrowd"}, true
				w.passwords["lab"] = "k"
			},
			steps:  `await press('[data-source="lab"] .tc-remove');`,
			status: "Source lab is removed.",
			check: func(t *testing.T, w *splunkWeb) {
				if w.conf["source:lab"] != nil || len(w.passwords) > 0 {
					t.Errorf("left: %v, %v", w.conf["source:lab"], w.passwords)
				}
			},
		},
		{
			name: "another feed",
			steps: `var said = []; var add = function (name) { document.getElementById('tc-new-feed').value = name; document.getElementById('tc-add-feed').click(); said.push(status_()); };
				add('Lab'); add('lab'); add('lab');
				fill('feed:lab', 'url', 'https://u:p@feeds.example.com/list'); said.push(field('feed:lab', 'url').getAttribute('aria-invalid'));
				fill('feed:lab', 'url', ' https://feeds.example.com/list?days=7&x=@ '); said.push(field('feed:lab', 'url').getAttribute('aria-invalid'));
				fill('feed:lab', 'interval', '6h'); fill('feed:lab', 'verdict', 'suspicious');
				said.push(field('feed:lab', 'auth').disabled, field('feed:lab', 'auth').parentNode.textContent.indexOf('TCLOOKUP_FEED_LAB_AUTH') > 0);
				await press('#tc-save'); said.push(document.querySelectorAll('[data-feed]').length, field('feed:lab', 'url').value); return said;`,
			status: "Saved. Searches use it from now on.",
			value: `["A feed needs a name in lower-case letters, digits, \"-\", \"_\" and \".\".","Feed lab needs its url; then save.","There is a feed lab already.",` +
				`"true","false",true,true,1,"https://feeds.example.com/list?days=7&x=@"]`,
			check: func(t *testing.T, w *splunkWeb) {
				want := map[string]string{"url": "https://feeds.example.com/list?days=7&x=@", "interval": "6h", "verdict": "suspicious"}
				if !maps.Equal(w.conf["feed:lab"], want) || len(w.passwords) > 0 {
					t.Errorf("conf %v, passwords %v", w.conf["feed:lab"], w.passwords)
				}
			},
		},
		{
			name: "a feed is removed, and the key of a source of its name stays",
			prep: func(w *splunkWeb) {
				w.conf["feed:lab"], w.local["feed:lab"] = map[string]string{"url": "https://feeds.example.com/list"}, true
				w.conf["source:lab"], w.local["source:lab"] = map[string]string{"kind": "threatcrowd", "stored_key": "true"}, true
				w.passwords["lab"] = "k"
			},
			steps:  `await press('[data-feed="lab"] .tc-remove');`,
			status: "Feed lab is removed.",
			check: func(t *testing.T, w *splunkWeb) {
				if w.conf["feed:lab"] != nil || w.conf["source:lab"] == nil || w.passwords["lab"] != "k" {
					t.Errorf("left: %v, %v, %v", w.conf["feed:lab"], w.conf["source:lab"], w.passwords)
				}
			},
		},
		{
			name:   "a key is replaced",
			prep:   func(w *splunkWeb) { w.passwords["threatcrowd"] = "hunter2" },
			steps:  `var shown = document.documentElement.outerHTML.split('hunter2').length; fill('source:threatcrowd', 'api_key', 'new'); await press('#tc-save'); return shown;`,
			status: "Saved. Searches use it from now on.",
			value:  "2", // this line alone
			check: func(t *testing.T, w *splunkWeb) {
				if w.passwords["threatcrowd"] != "new" {
					t.Errorf("passwords %v", w.passwords)
				}
			},
		},
		{
			name:   "a key that cannot be seen is replaced",
			prep:   func(w *splunkWeb) { w.passwords["threatcrowd"], w.hidden = "old", true },
			steps:  `fill('source:threatcrowd', 'api_key', 'new'); await press('#tc-save');`,
			status: "Saved. Searches use it from now on.",
			check: func(t *testing.T, w *splunkWeb) {
				if w.passwords["threatcrowd"] != "new" {
					t.Errorf("passwords %v", w.passwords)
				}
			},
		},
		{
			name: "a key is deleted",
			prep: func(w *splunkWeb) {
				w.passwords["threatcrowd"] = "old"
				w.conf["source:threatcrowd"]["stored_key"] = "true"
			},
			steps:  `await press('.tc-forget');`,
			status: "The key of threatcrowd is deleted.",
			check: func(t *testing.T, w *splunkWeb) {
				if len(w.passwords) > 0 || w.conf["source:threatcrowd"]["stored_key"] != "false" {
					t.Errorf("passwords %v, conf %v", w.passwords, w.conf["source:threatcrowd"])
				}
			},
		},
		{
			name:   "somebody who may not",
			prep:   func(w *splunkWeb) { w.denied, w.readonly = true, true },
			steps:  `fill('source:threatcrowd', 'rate', '9/m'); await press('#tc-save');`,
			status: "Not everything was saved: Splunk does not let you do that: You (user=nobody) do not have permission to perform this operation\nThe page is for admin, sc_admin and the role tclookup_admin.",
			check: func(t *testing.T, w *splunkWeb) {
				if w.conf["source:threatcrowd"]["rate"] != "6/m" {
					t.Error("it was saved")
				}
			},
		},
		{
			name: "test",
			prep: func(w *splunkWeb) {
				w.answer = `{"messages":[{"type":"WARN","text":"a warning"},{"type":"INFO","text":"words"}],"results":[{"tc_status":"excluded"},
					{"section":"source","name":"lab","metric":"active","value":"1","note":"asks https://lab.example.com for ip"}]}`
			},
			steps:  `await press('#tc-test');`,
			status: "The command runs and takes its configuration.\nlab asks https://lab.example.com for ip.\na warning",
			check:  func(*testing.T, *splunkWeb) {},
		},
		{
			name: "test fails",
			prep: func(w *splunkWeb) {
				w.answer = `{"messages":[{"type":"FATAL","text":"a mistake in line 3"}],"results":[]}`
			},
			steps:  `await press('#tc-test');`,
			status: "The command does not run: a mistake in line 3",
			check:  func(*testing.T, *splunkWeb) {},
		},
	}
	webs, steps := []*splunkWeb{newWeb(t)}, []string{listSettings}
	webs[0].conf["feed:empty"] = map[string]string{}
	for _, tt := range tests {
		w := newWeb(t)
		if tt.prep != nil {
			tt.prep(w)
		}
		webs, steps = append(webs, w), append(steps, tt.steps)
	}
	outcomes := visit(t, webs, steps)
	everySetting(t, outcomes[0])
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, o := webs[i+1], outcomes[i+1]
			if o.Status != tt.status {
				t.Errorf("the page says %q, want %q\n%v", o.Status, tt.status, w.log)
			}
			if tt.value != "" && string(o.Value) != tt.value {
				t.Errorf("the steps give %s, want %s", o.Value, tt.value)
			}
			tt.check(t, w)
		})
	}
}
