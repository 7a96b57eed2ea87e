package chunked

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

type common struct {
	Refresh bool `arg:"refresh" help:"ask again"`
}

type testOptions struct {
	Field []string      `arg:"field,required,positional" help:"fields to look at"`
	Mode  string        `arg:"mode" default:"live" enum:"live,cache,queue"`
	Out   []string      `arg:"output" enum:"Summary,full"`
	Wait  time.Duration `arg:"max_wait" default:"30s" min:"0" max:"1h"`
	Limit int8          `arg:"list_limit" default:"50" min:"0"`
	Max   uint          `arg:"max"`
	Ratio float64       `arg:"ratio" min:"0.5" max:"1"`
	Addr  netip.Addr    `arg:"addr"`
	Text  string        `arg:"text"`
	common
	Ignored string
}

func TestParseArgs(t *testing.T) {
	base := func(change func(o *testOptions)) testOptions {
		o := testOptions{Field: []string{"f"}, Mode: "live", Wait: 30 * time.Second, Limit: 50}
		change(&o)
		return o
	}
	for _, test := range []struct {
		raw  string // arguments as typed, separated by |
		args string // without quotes; empty: the same
		want testOptions
	}{
		{"f", "", base(func(*testOptions) {})},
		{"field=f", "", base(func(*testOptions) {})},
		{`field="f"`, "field=f", base(func(*testOptions) {})},
		{`"f"`, "f", base(func(*testOptions) {})},
		{`"field=x"`, "field=x", base(func(o *testOptions) { o.Field = []string{"field=x"} })},
		{`"a,b"`, "a,b", base(func(o *testOptions) { o.Field = []string{"a,b"} })},
		{`"say \"x\""`, `say "x"`, base(func(o *testOptions) { o.Field = []string{`say "x"`} })},
		{`field="a,b"`, "field=a,b", base(func(o *testOptions) { o.Field = []string{"a", "b"} })},
		{`field="a , \"b,c\",, d"`, `field=a , "b,c",, d`, base(func(o *testOptions) { o.Field = []string{"a", "b,c", "d"} })},
		{"field=a|b|field=c|d,e", "", base(func(o *testOptions) { o.Field = []string{"a", "b", "c", "d", "e"} })},
		{"a,|,|b|,,|field=c,", "", base(func(o *testOptions) { o.Field = []string{"a", "b", "c"} })},
		{`f|text="a,"`, "f|text=a,", base(func(o *testOptions) { o.Text = "a," })},
		{`f|text="a",`, "f|text=a,", base(func(o *testOptions) { o.Text = "a" })},
		{`f|text=a=b`, "", base(func(o *testOptions) { o.Text = "a=b" })},
		{`f|text="\w+"`, `f|text=\w+`, base(func(o *testOptions) { o.Text = `\w+` })},
		{`f|text=" a "`, "f|text= a ", base(func(o *testOptions) { o.Text = " a " })},
		{`f|text=""|refresh=t`, "f|text=|refresh=t", base(func(o *testOptions) { o.Refresh = true })},
		{"text|=|a|f", "", base(func(o *testOptions) { o.Text = "a" })},
		{`text|=|"mode=x"|f`, "text|=|mode=x|f", base(func(o *testOptions) { o.Text = "mode=x" })},
		{"text=|a|f", "", base(func(o *testOptions) { o.Text = "a" })},
		{"text|=a|f", "", base(func(o *testOptions) { o.Text = "a" })},
		{"f|text=|mode=cache", "", base(func(o *testOptions) { o.Mode = "cache" })},
		{"f|text=|mode|=|cache", "", base(func(o *testOptions) { o.Mode = "cache" })},
		{"f|text=|a=b", "", base(func(o *testOptions) { o.Text = "a=b" })},
		{`text = "two"|f`, `text = "two"|f`, base(func(o *testOptions) { o.Text = "two" })},
		{`text = "two"|f`, "text = two|f", base(func(o *testOptions) { o.Text = "two" })},
		{`"text"="x"|f`, "text=x|f", base(func(o *testOptions) { o.Text = "x" })},
		{"f|refresh=T", "", base(func(o *testOptions) { o.Refresh = true })},
		{"f|refresh=YES", "", base(func(o *testOptions) { o.Refresh = true })},
		{"f|refresh=0", "", base(func(*testOptions) {})},
		{"f|mode=CACHE", "", base(func(o *testOptions) { o.Mode = "cache" })},
		{`f|output="full,summary"`, "f|output=full,summary", base(func(o *testOptions) { o.Out = []string{"full", "Summary"} })},
		{"f|max_wait=0", "", base(func(o *testOptions) { o.Wait = 0 })},
		{"f|max_wait=1h0m", "", base(func(o *testOptions) { o.Wait = time.Hour })},
		{"f|list_limit=127|max=5|ratio=.75", "", base(func(o *testOptions) { o.Limit, o.Max, o.Ratio = 127, 5, .75 })},
		{"f|addr=192.0.2.1", "", base(func(o *testOptions) { o.Addr = netip.MustParseAddr("192.0.2.1") })},
		{"field=bücher", "", base(func(o *testOptions) { o.Field = []string{"bücher"} })},
	} {
		args := test.args
		if args == "" {
			args = test.raw
		}
		got := testOptions{Field: []string{"old"}}
		if err := ParseArgs(strings.Split(args, "|"), strings.Split(test.raw, "|"), &got); err != nil {
			t.Errorf("%s: %v", test.raw, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v\nwant %+v", test.raw, got, test.want)
		}
	}
}

func TestParseArgsMistakes(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", `option "field" is required; write field=VALUE or only the value (fields to look at)`},
		{"field=", `option "field" is required; write field=VALUE or only the value (fields to look at)`},
		{"fild=domain|f", `unknown option "fild"; did you mean "field"?`},
		{"f|colour=red", `unknown option "colour"; the options are field, mode, output, max_wait, list_limit, max, ratio, addr, text, refresh`},
		{"f|Mode=live", `unknown option "Mode"; did you mean "mode"?`},
		{"f|mode=lve", `option "mode" cannot be "lve"; did you mean "live"? Use live, cache or queue`},
		{"f|mode=other", `option "mode" cannot be "other"; use live, cache or queue`},
		{"f|output=summary,none", `option "output" cannot be "summary,none"; use Summary or full`},
		{"f|refresh=maybe", `option "refresh" cannot be "maybe"; use true or false`},
		{"f|max_wait=soon", `option "max_wait" cannot be "soon"; use a duration like 30s, 5m, 24h or 7d, from 0 to 1h`},
		{"f|max_wait=7d", `option "max_wait" cannot be "7d"; use a duration like 30s, 5m, 24h or 7d, from 0 to 1h`},
		{"f|max_wait=-1s", `option "max_wait" cannot be "-1s"; use a duration like 30s, 5m, 24h or 7d, from 0 to 1h`},
		{"f|list_limit=128", `option "list_limit" cannot be "128"; use a whole number, 0 or more`},
		{"f|list_limit=-1", `option "list_limit" cannot be "-1"; use a whole number, 0 or more`},
		{"f|max=-1", `option "max" cannot be "-1"; use a whole number, 0 or more`},
		{"f|ratio=0.4", `option "ratio" cannot be "0.4"; use a number, from 0.5 to 1`},
		{"f|ratio=NaN", `option "ratio" cannot be "NaN"; use a number, from 0.5 to 1`},
		{"f|addr=x", `option "addr" cannot be "x"; ParseAddr("x"): unable to parse IP`},
		{"f|text=a|text=b", `option "text" is given twice, now as "b"; give it once`},
		{"=x", `"=x" has no option name in front of it; options are written name=value; option "field" is required; write field=VALUE or only the value (fields to look at)`},
		{"fild=a|mode=x|max=y", `unknown option "fild"; did you mean "field"?; option "mode" cannot be "x"; use live, cache or queue; ` +
			`option "max" cannot be "y"; use a whole number, 0 or more`},
	} {
		var args []string
		if test.args != "" {
			args = strings.Split(test.args, "|")
		}
		err := ParseArgs(args, args, new(testOptions))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got  %v\nwant %s", test.args, err, test.want)
		}
		var all ArgErrors
		var one *ArgError
		if !errors.As(err, &all) || !errors.As(err, &one) {
			t.Errorf("%s: no ArgErrors: %#v", test.args, err)
		}
	}
}

func TestParseArgsWords(t *testing.T) {
	var o struct {
		Refresh bool `arg:"refresh"`
	}
	for args, want := range map[string]string{
		"refresh": `option "refresh" has no value; write refresh=VALUE`,
		"other":   `unexpected word "other"; options are written name=value`,
	} {
		if err := ParseArgs([]string{args}, nil, &o); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", args, err)
		}
	}
	var only struct {
		Names []string `arg:",positional,required"`
	}
	if err := ParseArgs([]string{"a,", "b"}, nil, &only); err != nil || !slices.Equal(only.Names, []string{"a", "b"}) {
		t.Errorf("%v, %v", only, err)
	}
	if err := ParseArgs(nil, nil, &only); err == nil || err.Error() != `option "names" is required; write it as a word` {
		t.Errorf("got %v", err)
	}
	if err := ParseArgs([]string{"x=1"}, nil, &struct{}{}); err == nil || err.Error() != `unknown option "x"; the command has no options` {
		t.Errorf("got %v", err)
	}
}

func TestMistakesAreBounded(t *testing.T) {
	args := strings.Split(strings.TrimSuffix(strings.Repeat("colour=red|", 10_000), "|"), "|")
	var mistakes ArgErrors
	if err := ParseArgs(args, args, new(testOptions)); !errors.As(err, &mistakes) || len(mistakes) > maxMistakes+1 {
		t.Errorf("%d mistakes", len(mistakes))
	}
}

func TestDefaultsAreKept(t *testing.T) {
	o := struct {
		A int      `arg:"a"`
		B string   `arg:"b" default:"tag"`
		C []string `arg:"c" default:"x,y"`
	}{A: 7, B: "own", C: []string{"own"}}
	if err := ParseArgs(nil, nil, &o); err != nil || o.A != 7 || o.B != "tag" || !slices.Equal(o.C, []string{"x", "y"}) {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestBadOptionStructs(t *testing.T) {
	for name, dst := range map[string]any{
		"no pointer": struct{}{},
		"nil":        (*struct{})(nil),
		"type": &struct {
			A chan int `arg:"a"`
		}{},
		"flag": &struct {
			A int `arg:"a,needed"`
		}{},
		"name": &struct {
			A int `arg:"a b"`
		}{},
		"no name": &struct {
			A int `arg:""`
		}{},
		"twice": &struct {
			A int `arg:"a"`
			B int `arg:"a"`
		}{},
		"two lists": &struct {
			A []string `arg:"a,positional"`
			B []string `arg:"b,positional"`
		}{},
		"positional": &struct {
			A string `arg:"a,positional"`
		}{},
		"bound": &struct {
			A int `arg:"a" min:"x"`
		}{},
		"bound of a string": &struct {
			A string `arg:"a" min:"1"`
		}{},
		"unexported": &struct {
			a int `arg:"a"`
		}{},
	} {
		err := ParseArgs(nil, nil, dst)
		var mistakes ArgErrors
		if err == nil || errors.As(err, &mistakes) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := Options(dst); err == nil {
			t.Errorf("%s: Options finds nothing wrong", name)
		}
	}
}

func TestOptions(t *testing.T) {
	got, err := Options(new(testOptions))
	if err != nil || len(got) != 10 {
		t.Fatalf("%d options, %v", len(got), err)
	}
	want := Option{Name: "max_wait", Kind: KindDuration, Default: "30s", HasDefault: true, Min: "0", Max: "1h"}
	if !reflect.DeepEqual(got[3], want) {
		t.Errorf("got %+v", got[3])
	}
	if got[9].Name != "refresh" || got[9].Help != "ask again" || !got[0].Required || !got[0].Positional {
		t.Errorf("got %+v", got)
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0": 0, "30s": 30 * time.Second, "7d": 7 * 24 * time.Hour, "1w": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour,
		"1.5d": 36 * time.Hour, "1h1d": 25 * time.Hour, "-1d": -24 * time.Hour, "-2h": -2 * time.Hour, "1m30s": 90 * time.Second,
		"90µs": 90 * time.Microsecond,
	} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "30", "d", "-", "--1d", "1d-1h", "1x", "1 d", "1e9d", "999999999w", "..d", "1d1", "106751d24h"} {
		if got, err := parseDuration(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestClosest(t *testing.T) {
	words := []string{"field", "filed", "mode", "x"}
	for s, want := range map[string]string{"fild": "field", "feild": "field", "MODE": "mode", "mdoe": "mode", "y": "", "zzzzz": "", "": "", strings.Repeat("m", 100): ""} {
		if got := closest(s, words); got != want {
			t.Errorf("%q: got %q", s, got)
		}
	}
}

func FuzzParseArgs(f *testing.F) {
	f.Add("field=a|b,|,|mode = cache", `field="a"|b,|,|mode = cache`)
	f.Add("a|=|b", "")
	f.Add("=|=|=", `"="|=|=`)
	f.Fuzz(func(t *testing.T, args, raw string) {
		var o testOptions
		err := ParseArgs(strings.Split(args, "|"), strings.Split(raw, "|"), &o)
		var mistakes ArgErrors
		if err != nil {
			if !errors.As(err, &mistakes) || err.Error() == "" {
				t.Fatalf("%#v", err)
			}
			return
		}
		if len(o.Field) == 0 || slices.Contains(o.Field, "") || o.Wait < 0 || o.Wait > time.Hour || o.Limit < 0 ||
			!slices.Contains([]string{"live", "cache", "queue"}, o.Mode) {
			t.Fatalf("accepted %+v", o)
		}
		// A second run into the same struct gives the same.
		again := o
		if err := ParseArgs(strings.Split(args, "|"), strings.Split(raw, "|"), &again); err != nil || !reflect.DeepEqual(o, again) {
			t.Fatalf("%+v became %+v, %v", o, again, err)
		}
	})
}
