package pages

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/tclookup/tclookup/internal/browsertest"
)

// browser is a headless Chromium with one page, driven over its debugging
// protocol.
type browser struct {
	t     *testing.T
	ws    *websocket.Conn
	id    int
	logs  []string // what the page complains about
	wrong []string // what it asked others for
	site  string
}

// startBrowser starts Chromium.
func startBrowser(t *testing.T, site string) *browser {
	t.Helper()
	path, profile := browsertest.Path(t), browsertest.Profile(t)
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--remote-debugging-port=0", "--remote-allow-origins=*", "--user-data-dir="+profile, "about:blank")
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	// The browser writes the port that it got to a file.
	var port string
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if b, err := os.ReadFile(filepath.Join(profile, "DevToolsActivePort")); err == nil && bytes.Contains(b, []byte("\n")) {
			port, _, _ = strings.Cut(string(b), "\n")
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("chromium does not start")
		}
	}
	res, err := http.Get("http://127.0.0.1:" + port + "/json/list")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var targets []struct {
		Type string `json:"type"`
		URL  string `json:"webSocketDebuggerUrl"`
	}
	if err := json.NewDecoder(res.Body).Decode(&targets); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		if target.Type != "page" {
			continue
		}
		ws, err := websocket.Dial(target.URL, "", "http://127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		ws.MaxPayloadBytes = 64 << 20
		t.Cleanup(func() { ws.Close() })
		b := &browser{t: t, ws: ws, site: site}
		for _, domain := range []string{"Page", "Log", "Network", "Runtime", "Accessibility"} {
			b.call(domain+".enable", nil)
		}
		return b
	}
	t.Fatal("chromium has no page")
	return nil
}

type event struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
}

// next reads one message, and notes what pages must not do.
func (b *browser) next() event {
	b.t.Helper()
	var e event
	if err := errors.Join(b.ws.SetReadDeadline(time.Now().Add(time.Minute)), websocket.JSON.Receive(b.ws, &e)); err != nil {
		b.t.Fatal(err)
	}
	switch e.Method {
	case "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown":
		b.logs = append(b.logs, string(e.Params))
	case "Network.requestWillBeSent":
		var p struct {
			Request struct{ URL string } `json:"request"`
		}
		_ = json.Unmarshal(e.Params, &p)
		if !strings.HasPrefix(p.Request.URL, b.site) {
			b.wrong = append(b.wrong, p.Request.URL)
		}
	}
	return e
}

// call calls a method of the protocol.
func (b *browser) call(method string, params any) json.RawMessage {
	b.t.Helper()
	b.id++
	if params == nil {
		params = struct{}{}
	}
	if err := websocket.JSON.Send(b.ws, map[string]any{"id": b.id, "method": method, "params": params}); err != nil {
		b.t.Fatal(err)
	}
	for {
		if e := b.next(); e.ID == b.id {
			if e.Error != nil {
				b.t.Fatalf("%s: %s", method, e.Error.Message)
			}
			return e.Result
		}
	}
}

// load runs something that makes the browser load a page, and waits for it.
func (b *browser) load(method string, params any) {
	b.t.Helper()
	b.id++
	if err := websocket.JSON.Send(b.ws, map[string]any{"id": b.id, "method": method, "params": params}); err != nil {
		b.t.Fatal(err)
	}
	for {
		if e := b.next(); e.Method == "Page.loadEventFired" {
			return
		}
	}
}

func (b *browser) open(path string) { b.load("Page.navigate", map[string]string{"url": b.site + path}) }

// eval returns the value of a JavaScript expression in the page; the page's
// own policy is not for the debugger.
func (b *browser) eval(expression string, v any) {
	b.t.Helper()
	var out struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	if err := json.Unmarshal(b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}), &out); err != nil || out.ExceptionDetails != nil {
		b.t.Fatalf("%s: %v %s", expression, err, out.ExceptionDetails)
	}
	if err := json.Unmarshal(out.Result.Value, v); err != nil {
		b.t.Fatalf("%s: %v: %s", expression, err, out.Result.Value)
	}
}

// key presses a key.
func (b *browser) key(name string, code int, text string) {
	b.t.Helper()
	p := map[string]any{"type": "keyDown", "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text}
	if name == "Enter" {
		b.load("Input.dispatchKeyEvent", p)
		return
	}
	b.call("Input.dispatchKeyEvent", p)
	p["type"] = "keyUp"
	b.call("Input.dispatchKeyEvent", p)
}

// focused is the text of the element that has the focus.
func (b *browser) focused() (text string) {
	b.t.Helper()
	b.eval(`(e => (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.id).trim())(document.activeElement)`, &text)
	return text
}

func (b *browser) view(width int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
}

func (b *browser) screenshot() image.Image {
	b.t.Helper()
	var out struct{ Data string }
	if err := json.Unmarshal(b.call("Page.captureScreenshot", nil), &out); err != nil {
		b.t.Fatal(err)
	}
	data, err := base64.StdEncoding.DecodeString(out.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	return img
}

// contrasts are the texts of a page whose colours are too near to each other
// (WCAG 2.2, 1.4.3: 4.5 to 1). Where SVG has a box of its own behind a text,
// that counts.
const contrasts = `(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); };
  const lum = c => { const f = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = e => {
    const box = e.closest('.node')?.querySelector('rect');
    if (e instanceof SVGElement && box) return parse(getComputedStyle(box).fill);
    for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || ['title', 'desc', 'style'].includes(e.localName) || e.closest('.hidden, .skip, option')) continue;
    const s = getComputedStyle(e), fg = parse(e instanceof SVGElement ? s.fill : s.color), bg = behind(e);
    const [a, b] = [lum(fg), lum(bg)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push(e.localName + '.' + (e.getAttribute('class') || '') + ' ' + e.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2));
  }
  return bad;
})()`

func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	v := &votes{}
	known := evil()
	h := handler(t, evil(), Options{Known: known, Votes: named{v}})
	srv := httptest.NewServer(h)
	defer srv.Close()
	b := startBrowser(t, srv.URL)

	for _, path := range []string{
		"/", "/domain.php?domain=evil.com", "/domain.php?domain=evil.com&depth=3&all=1", "/malware.php?md5=" + md5,
		"/domain.php?domain=nobody.com", "/search?q=" + url.QueryEscape(script),
	} {
		b.open(path)
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int{320, 800, 1440} {
				b.view(width, scheme)
				name := fmt.Sprintf("%s at %d in %s", path, width, scheme)
				var wide int
				if b.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth", &wide); wide > 0 {
					t.Errorf("%s: the page is %d pixels wider than the window", name, wide)
				}
			}
			var bad []string
			if b.eval(contrasts, &bad); len(bad) > 0 {
				t.Errorf("%s in %s: hard to read: %q", path, scheme, bad)
			}
			r, g, bl, _ := b.screenshot().At(2, 890).RGBA()
			if bright := (r + g + bl) / 3 >> 8; (bright > 128) != (scheme == "light") {
				t.Errorf("%s in %s: the ground has a brightness of %d", path, scheme, bright)
			}
		}
	}
	// The check of colours finds what is wrong.
	var bad []string
	if b.eval("document.querySelector('h1').style.color = 'rgb(90, 90, 90)', 1", new(int)); true {
		if b.eval(contrasts, &bad); len(bad) != 1 || !strings.HasPrefix(bad[0], "h1.") {
			t.Errorf("a dark heading on a dark ground: %q", bad)
		}
	}

	// By keyboard alone, with no script: search, follow a relation, vote.
	b.view(1000, "light")
	b.open("/")
	b.key("Tab", 9, "")
	if got := b.focused(); got != "To the content" {
		t.Errorf("the first stop is %q", got)
	}
	b.key("Tab", 9, "")
	b.key("Tab", 9, "")
	if got := b.focused(); !strings.HasPrefix(got, "Domain, IP address") {
		t.Errorf("the third stop is %q", got)
	}
	b.call("Input.insertText", map[string]string{"text": "hxxp://evil[.]com/"})
	b.key("Enter", 13, "\r")
	b.at("/domain.php?domain=evil.com")
	var seen []string
	for range 60 {
		b.key("Tab", 9, "")
		if got := b.focused(); strings.HasPrefix(got, "8.8.4.4, IP address") {
			break
		} else {
			seen = append(seen, got)
		}
	}
	if got := b.focused(); !strings.HasPrefix(got, "8.8.4.4, IP address, harmless") {
		t.Fatalf("the drawing cannot be reached: %q", seen)
	}
	b.key("Enter", 13, "\r")
	b.at("/ip.php?ip=8.8.4.4")
	b.open("/domain.php?domain=evil.com")
	b.eval("document.querySelector('button[value=malicious]').focus(), 1", new(int))
	b.key("Enter", 13, "\r")
	b.at("/domain.php?domain=evil.com&voted=malicious")
	if got := strings.Join(v.cast, ";"); got != "ann domain evil.com -1" {
		t.Errorf("votes: %q", got)
	}

	// What a screen reader is told.
	var tree struct {
		Nodes []struct {
			Ignored bool
			Role    struct{ Value string }
			Name    struct{ Value any }
		}
	}
	if err := json.Unmarshal(b.call("Accessibility.getFullAXTree", nil), &tree); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		name := strings.TrimSpace(fmt.Sprint(n.Name.Value))
		told = append(told, n.Role.Value+" "+name)
		switch n.Role.Value {
		case "link", "button", "searchbox", "combobox", "columnheader", "rowheader", "heading", "region", "image":
			if n.Name.Value == nil || name == "" {
				t.Errorf("a %s has no name", n.Role.Value)
			}
		}
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{
		"main", "searchbox Domain, IP address", "heading evil.com", "status", "region Related", "What is related to evil.com", "link 8.8.4.4, IP address, harmless",
		"image 2 resolutions seen between", "columnheader Verdict", "rowheader 8.8.4.4", "button Malicious",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("a screen reader is not told %q of\n%s", want, all)
		}
	}

	var logs []string
	for _, l := range b.logs {
		// The pages that say that something is wrong do so with their code.
		if !strings.Contains(l, "the server responded with a status of 400") {
			logs = append(logs, l)
		}
	}
	if len(logs) > 0 || len(b.wrong) > 0 {
		t.Errorf("the browser complains about %q, asked for %q", logs, b.wrong)
	}
}

// at fails unless the browser shows a page of the site.
func (b *browser) at(path string) {
	b.t.Helper()
	var at string
	if b.eval("location.href", &at); at != b.site+path {
		b.t.Fatalf("at %s, not %s", at, path)
	}
}

// named are votes in which everybody is ann.
type named struct{ *votes }

func (named) Voter(*http.Request) (string, bool) { return "ann", true }
