package alert

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/internal/config"
)

// The app's files name exactly the parameters that there are, with the
// defaults that they have.
func TestParametersInTheApp(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile("../../../app/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	want := slices.Sorted(slices.Values(Names()))
	conf, problems := config.ParseFile("alert_actions.conf", []byte(read("default/alert_actions.conf")))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	defaults := map[string]any{}
	for _, s := range conf.Stanzas {
		if s.Name != Action {
			t.Errorf("[%s]", s.Name)
		}
		for _, e := range s.Entries {
			if name, ok := strings.CutPrefix(e.Key, "param."); ok && name != "_cam" {
				defaults[name] = e.Value
			}
		}
	}
	if got := slices.Sorted(maps.Keys(defaults)); !slices.Equal(got, want) {
		t.Errorf("alert_actions.conf has %q, want %q", got, want)
	}
	defaults["field"] = "d"
	shipped, err := readParams(defaults)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := readParams(map[string]any{"field": "d"})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := shipped, bare; a.Type != b.Type || a.Output != b.Output || a.Mode != b.Mode || a.MaxWait != b.MaxWait || a.Index != b.Index ||
		a.Vote != "off" || b.Vote != "off" || a.VoteLimit != b.VoteLimit || a.Demo || b.Demo {
		t.Errorf("the defaults of the file are %+v, those of the program %+v", shipped, bare)
	}
	for file, pattern := range map[string]string{
		"README/alert_actions.conf.spec":       `(?m)^param\.([a-z_]+) =`,
		"README/savedsearches.conf.spec":       `(?m)^action\.tclookup\.param\.([a-z_]+) =`,
		"default/data/ui/alerts/tclookup.html": `name="action\.tclookup\.param\.([a-z_]+)"`,
	} {
		var got []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(file), -1) {
			if m[1] != "_cam" {
				got = append(got, m[1])
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", file, got, want)
		}
	}
}
