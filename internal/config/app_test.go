package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/source"
)

const app = "../../app"

// appFile reads a file of the app.
func appFile(t *testing.T, path ...string) (string, []byte) {
	t.Helper()
	name := filepath.Join(append([]string{app}, path...)...)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(app, "default", "app.conf")); errors.Is(err, fs.ErrNotExist) {
			t.Skip("the app is not there")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return name, data
}

func TestAppDefault(t *testing.T) {
	name, data := appFile(t, "default", FileName)
	c, err := Load(Options{Files: []string{name}, Strict: true})
	if err != nil || len(c.Warnings()) > 0 {
		t.Fatal(err, c.Warnings())
	}
	if len(c.Active()) > 0 {
		t.Error("the app as it is shipped asks a server")
	}
	// What the app ships says what holds without it.
	plain := load(t, Options{})
	for i, e := range c.Effective() {
		if p := plain.Effective()[i]; e.Origin != (Origin{}) && p.Value != e.Value {
			t.Errorf("%s: [%s] %s = %s, but the built-in default is %s", e.Origin, e.Stanza, e.Key, e.Value, p.Value)
		}
	}
	// It needs not name settings without default, but must name all others.
	f, _ := ParseFile(name, data)
	for _, s := range Settings() {
		stanza := s.Stanza
		if stanza == AnySource {
			stanza = SourceStanza + "threatcrowd"
		}
		if _, ok := f.Get(stanza, s.Key); !ok && s.Default != "" {
			t.Errorf("%s does not name [%s] %s = %s", name, stanza, s.Key, s.Default)
		}
	}
}

func TestAppExample(t *testing.T) {
	name, _ := appFile(t, "README", FileName+".example")
	c, err := Load(Options{Files: []string{name}, Strict: true})
	if err != nil || len(c.Warnings()) > 0 {
		t.Fatal(err, c.Warnings())
	}
	if len(c.Active()) == 0 {
		t.Error("the example configures no source")
	}
}

// specKeys reads what README/*.conf.spec describes: stanzas and lines
// "key = <type>" at the start of a line. Lines that begin with * explain.
func specKeys(t *testing.T, data []byte) map[string]int {
	t.Helper()
	keys := map[string]int{}
	stanza := ""
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, " \t\r")
		switch {
		case line == "" || strings.ContainsAny(line[:1], "*# \t"):
		case line[0] == '[':
			stanza = strings.Trim(line, "[]")
			if strings.HasPrefix(stanza, SourceStanza) {
				stanza = AnySource
			}
			if strings.HasPrefix(stanza, FeedStanza) {
				stanza = AnyFeed
			}
		default:
			key, _, ok := strings.Cut(line, "=")
			if !ok {
				continue
			}
			key = strings.TrimSpace(key)
			if prefix, ok := strings.CutSuffix(key, "<type>"); ok {
				for _, name := range typeWords {
					keys[stanza+" "+prefix+name] = i + 1
				}
				continue
			}
			if prefix, ok := strings.CutSuffix(key, "<verdict>"); ok {
				for _, v := range []source.Verdict{source.Unknown, source.Harmless, source.Suspicious, source.Malicious} {
					keys[stanza+" "+prefix+v.String()] = i + 1
				}
				continue
			}
			keys[stanza+" "+key] = i + 1
		}
	}
	return keys
}

func TestAppSpec(t *testing.T) {
	name, data := appFile(t, "README", FileName+".spec")
	keys := specKeys(t, data)
	for _, s := range append(slices.Clone(Settings()), FeedSettings()...) {
		at := s.Stanza + " " + s.Key
		if keys[at] == 0 {
			t.Errorf("%s does not describe [%s] %s", name, s.Stanza, s.Key)
		}
		delete(keys, at)
	}
	for at, line := range keys {
		t.Errorf("%s:%d describes %s, which is no setting", name, line, at)
	}
}
