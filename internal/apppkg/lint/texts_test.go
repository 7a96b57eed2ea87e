package lint

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/internal/config"
)

const appDir = "../../../app/"

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(appDir + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// specStanzaOf names a setting's stanza as the spec writes it.
func specStanzaOf(s config.Setting) string {
	return strings.Replace(s.Stanza, config.AnySource, "source:<name>", 1)
}

// settings are those of feeds too.
func settings() []config.Setting {
	return append(slices.Clone(config.Settings()), config.FeedSettings()...)
}

func TestSpecDescribesEverySetting(t *testing.T) {
	sp := parseSpec(read(t, "README/tclookup.conf.spec"))
	for _, s := range settings() {
		if !sp.describes(strings.NewReplacer(config.AnySource, "source:x", config.AnyFeed, "feed:x").Replace(s.Stanza), s.Key) {
			t.Errorf("[%s] %s is not in the spec", s.Stanza, s.Key)
		}
	}
	for _, stanza := range sp.stanzas {
		for _, key := range stanza.keys {
			if !slices.ContainsFunc(settings(), func(s config.Setting) bool {
				return specStanzaOf(s) == stanza.name && matchPlaceholder(key, s.Key)
			}) {
				t.Errorf("the spec describes [%s] %s, which does not exist", stanza.name, key)
			}
		}
	}
}

// TestSpecDefaults: what the spec gives as the default is the program's default.
func TestSpecDefaults(t *testing.T) {
	stated := map[string]string{}
	var stanza, key string
	for line := range strings.SplitSeq(string(read(t, "README/tclookup.conf.spec")), "\n") {
		if strings.HasPrefix(line, "[") {
			stanza = strings.Trim(line, "[]")
		} else if value, ok := strings.CutPrefix(line, "* Default: "); ok {
			stated[stanza+" "+key] = value
		} else if k, _, ok := strings.Cut(line, " = "); ok && !strings.ContainsAny(line[:1], "*# ") {
			key = k
			if _, ok := stated[stanza+" "+key]; ok {
				t.Errorf("[%s] %s is there twice", stanza, key)
			}
			stated[stanza+" "+key] = "nothing"
		}
	}
	for at, value := range stated {
		if value == "nothing" {
			t.Errorf("%s: no default is given", at)
		}
	}
	for _, s := range settings() {
		if s.Default == "" {
			continue
		}
		if got := stated[specStanzaOf(s)+" "+s.Key]; got != s.Default {
			t.Errorf("[%s] %s: the spec says the default is %q, the program %q", s.Stanza, s.Key, got, s.Default)
		}
	}
}

func TestSearchHelpListsEveryOption(t *testing.T) {
	f, problems := config.ParseFile("searchbnf.conf", read(t, "default/searchbnf.conf"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	e, _ := f.Get("tclookup-options", "syntax")
	var got []string
	for _, m := range regexp.MustCompile(`\(([a-z_]+)=`).FindAllStringSubmatch(e.Value, -1) {
		got = append(got, m[1])
	}
	want := []string{"field", "type", "output", "prefix", "mode", "max_wait", "max_lookups", "list_limit", "refresh", "source", "cim", "all_fields", "kvstore", "demo"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("options (-want +got):\n%s", d)
	}
	description, _ := f.Get("tclookup-command", "description")
	for _, o := range want {
		if !strings.Contains(description.Value, "\n"+strings.ToUpper(o)+": ") {
			t.Errorf("the description does not explain %s", o)
		}
	}
	// An option in an example must be one.
	option := regexp.MustCompile(`\b([a-z_]+)=`)
	for _, s := range f.Stanzas {
		if s.Name != "tclookup-command" && s.Name != "threatcrowdlookup-command" {
			continue
		}
		for _, e := range s.Entries {
			_, command, ok := strings.Cut(e.Value, "lookup field=")
			if !strings.HasPrefix(e.Key, "example") {
				continue
			}
			if !ok {
				t.Errorf("line %d: [%s] %s does not show the command", e.Line, s.Name, e.Key)
			}
			command, _, _ = strings.Cut(command, " | ")
			for _, m := range option.FindAllStringSubmatch(command, -1) {
				if !slices.Contains(want, m[1]) {
					t.Errorf("line %d: there is no option %s", e.Line, m[1])
				}
			}
		}
	}
}
