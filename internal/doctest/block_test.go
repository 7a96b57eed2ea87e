package doctest

import (
	"reflect"
	"strings"
	"testing"
)

func TestBlocks(t *testing.T) {
	got, err := blocks("a\n```sh exit=3\nfalse\n```\n\n```text output\nx\ny\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 3, kind: "sh", options: []string{"exit=3"}, text: "false\n"},
		{line: 7, kind: "text", options: []string{"output"}, text: "x\ny\n"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if code, err := got[0].exit(); code != 3 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	for _, bad := range []string{"```sh\nls\n", "```bash\nls\n```\n", "```sh\n```ini\n```\n"} {
		if _, err := blocks(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a\nb\n", "a\nb", true},
		{"a\n", "a\nb\n", false},
		{"a\nb\n", "a\n", false},
		{"a … c … e", "a b c d e", true},
		{"a … c … e", "a b c d", false},
		{"…", "anything", true},
		{"ab…ba", "aba", false},
	} {
		if _, ok := matches(c.want, c.got); ok != c.ok {
			t.Errorf("%q against %q: %t", c.want, c.got, ok)
		}
	}
}

func TestStages(t *testing.T) {
	got := stages(`index=a x="|" | tclookup field=b | join c [ search d | tclookup c ]`)
	want := []string{`index=a x="|"`, "tclookup field=b", "join c", "search d", "tclookup c", ""}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAsTyped(t *testing.T) {
	got, err := asTyped(`tclookup field=a,b output="x,y" c, d`)
	if want := `tclookup field=a b output="x,y" c  d`; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := asTyped("tclookup field=a output=x,y"); err == nil || !strings.Contains(err.Error(), "output=x") {
		t.Errorf("a comma that cuts a value short: %v", err)
	}
}

func TestSearches(t *testing.T) {
	got := searches(&block{line: 10, text: "a\n| b\n\nc\n"})
	if want := []search{{10, "a\n| b"}, {13, "c"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestExpand(t *testing.T) {
	m := macros{
		"all":  {nil, "index=a"},
		"f(1)": {[]string{"x"}, "`all` | stats count BY $x$"},
		"f(2)": {[]string{"x", "y"}, "eval $x$=$y$"},
	}
	for in, want := range map[string]string{
		"no macro":                    "no macro",
		"`all` b":                     "index=a b",
		"`f(c)` | `f(d, 1)` | `f(e)`": "index=a | stats count BY c | eval d=1 | index=a | stats count BY e",
		"a `f( c )`":                  "a index=a | stats count BY c",
	} {
		if got, err := m.expand(in); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"`none`", "`f(1,2,3)`", "`all(1)`"} {
		if got, err := m.expand(bad); err == nil {
			t.Errorf("%s became %q", bad, got)
		}
	}
	if got, err := (macros{"x": {nil, "`x`"}}).expand("`x`"); err == nil {
		t.Errorf("a macro that calls itself became %q", got)
	}
}
