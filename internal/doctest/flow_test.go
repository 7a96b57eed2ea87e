package doctest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// flow follows the fields of a search from command to command, as far as the
// app's own searches go: which fields rows have after each, and that no command
// names one that none before it gives.
type flow struct {
	fields map[string]bool
	// open says that rows may have any fields: they are events.
	open bool
	// run returns the fields that a command of the app gives, given those it gets.
	run func(name, stage string, in []string) ([]string, error)
	// log are the fields of the app's own log, lookups those of lookups.
	log     []string
	lookups map[string][]string
}

// follow goes through a search without macros.
func (f *flow) follow(spl string) error {
	f.fields = map[string]bool{}
	for i, stage := range pipeline(spl) {
		if i == 0 && stage != "" {
			f.events(stage)
			continue
		}
		if stage == "" && i == 0 {
			continue
		}
		if err := f.stage(stage); err != nil {
			return fmt.Errorf("%s: %w", stage, err)
		}
	}
	return nil
}

// pipeline splits a search at | outside quotes and subsearches.
func pipeline(spl string) []string {
	var out []string
	start, depth, quoted := 0, 0, false
	for i := 0; i < len(spl); i++ {
		switch c := spl[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '|' && depth == 0:
			out = append(out, strings.TrimSpace(spl[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(spl[start:]))
}

func (f *flow) set(names ...string) {
	f.fields, f.open = map[string]bool{}, false
	f.add(names...)
}

func (f *flow) add(names ...string) {
	for _, n := range names {
		f.fields[n] = true
	}
}

// events is a search of an index.
func (f *flow) events(stage string) {
	if strings.Contains(stage, `sourcetype="tclookup:log"`) {
		f.set(append([]string{"_time", "_raw", "host", "source", "sourcetype", "index"}, f.log...)...)
		return
	}
	f.open = true
}

// need checks that fields are there.
func (f *flow) need(names ...string) error {
	for _, n := range names {
		n = strings.Trim(n, `'"`)
		if n == "" || f.open || f.fields[n] {
			continue
		}
		return fmt.Errorf("no command before gives the field %q; there are %q", n, slices.Sorted(maps.Keys(f.fields)))
	}
	return nil
}

var (
	quotedText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	word       = regexp.MustCompile(`'[^']+'|[A-Za-z_]\w*(\s*\()?`)
	keywords   = []string{"and", "or", "not", "in", "like", "true", "false", "null", "xor"}
)

// expression returns the fields that an eval expression names.
func expression(text string) []string {
	var out []string
	for _, w := range word.FindAllString(quotedText.ReplaceAllString(text, " "), -1) {
		if !strings.HasSuffix(w, "(") && !slices.Contains(keywords, strings.ToLower(w)) {
			out = append(out, strings.Trim(w, "'"))
		}
	}
	return out
}

// split divides at commas outside quotes and parentheses.
func split(text string) []string {
	var out []string
	start, depth, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(text[start:]))
}

// names reads a list of field names.
func names(text string) []string {
	var out []string
	for _, n := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
		if n != "-" && n != "+" && n != "0" {
			out = append(out, strings.Trim(n, `"`))
		}
	}
	return out
}

var option = regexp.MustCompile(`(?:^|\s)(?:bins|span|limit|count|useother|usenull|override_if_empty|append|summariesonly|type)=\S+`)

func (f *flow) stage(stage string) error {
	name, rest, _ := strings.Cut(strings.Join(strings.Fields(stage), " "), " ")
	if slices.Contains(commands, name) {
		out, err := f.run(name, stage, slices.Sorted(maps.Keys(f.fields)))
		if err != nil {
			return err
		}
		if name == "tclookup" || name == "threatcrowdlookup" {
			if err := f.need(fieldOptions(stage)...); err != nil {
				return err
			}
			f.add(out...)
			return nil
		}
		f.set(out...)
		return nil
	}
	bare := strings.TrimSpace(option.ReplaceAllString(" "+rest, " "))
	switch name {
	case "makeresults":
		f.set("_time")
	case "inputlookup":
		lookup, where, _ := strings.Cut(rest, " WHERE ")
		f.set(f.lookups[lookup]...)
		if len(f.fields) == 0 {
			return fmt.Errorf("there is no lookup %q", lookup)
		}
		return f.need(expression(where)...)
	case "outputlookup":
		if want := f.lookups[bare]; !slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(maps.Keys(f.fields))) {
			return fmt.Errorf("the lookup %q has the fields %q, not %q", bare, want, slices.Sorted(maps.Keys(f.fields)))
		}
	case "eval", "fieldformat":
		for _, a := range split(rest) {
			to, from, ok := strings.Cut(a, "=")
			if !ok {
				return fmt.Errorf("%q is no assignment", a)
			}
			if err := f.need(expression(from)...); err != nil {
				return err
			}
			f.add(strings.TrimSpace(to))
		}
	case "where":
		return f.need(expression(rest)...)
	case "search":
		for _, m := range regexp.MustCompile(`([A-Za-z_][\w.]*)\s*(?:=|!=| IN )`).FindAllStringSubmatch(quotedText.ReplaceAllString(rest, " "), -1) {
			if err := f.need(m[1]); err != nil {
				return err
			}
		}
	case "fields", "table":
		if drop, ok := strings.CutPrefix(rest, "- "); ok {
			for _, n := range names(drop) {
				delete(f.fields, n)
			}
			return nil
		}
		list := names(rest)
		if err := f.need(list...); err != nil {
			return err
		}
		f.set(list...)
	case "sort", "fillnull", "mvexpand", "dedup", "bin":
		return f.need(names(bare)...)
	case "convert":
		for _, m := range regexp.MustCompile(`ctime\((\w+)\)`).FindAllStringSubmatch(rest, -1) {
			if err := f.need(m[1]); err != nil {
				return err
			}
		}
	case "rename":
		from, to, _ := strings.Cut(rest, " AS ")
		if err := f.need(from); err != nil {
			return err
		}
		delete(f.fields, from)
		f.add(to)
	case "stats", "eventstats", "timechart", "tstats":
		return f.aggregate(name, bare)
	default:
		return fmt.Errorf("the test does not know the command %s", name)
	}
	return nil
}

var aggregation = regexp.MustCompile(`^(\w+)(?:\((.*)\))?(?: AS (\w+|"[^"]+"))?$`)

func (f *flow) aggregate(name, text string) error {
	text, by, _ := strings.Cut(text, " BY ")
	var out []string
	if name == "tstats" {
		var from string
		text, from, _ = strings.Cut(text, " FROM ")
		if from == "" {
			return fmt.Errorf("tstats without FROM")
		}
		f.open = true
	}
	for _, a := range split(text) {
		m := aggregation.FindStringSubmatch(a)
		if m == nil {
			return fmt.Errorf("%q is no aggregation", a)
		}
		if err := f.need(expression(strings.TrimSuffix(strings.TrimPrefix(m[2], "eval("), ")"))...); err != nil {
			return err
		}
		as := strings.Trim(m[3], `"`)
		if as == "" {
			as = a
		}
		out = append(out, as)
	}
	groups := names(by)
	if err := f.need(groups...); err != nil {
		return err
	}
	switch name {
	case "eventstats":
		f.add(out...)
	case "timechart":
		if err := f.need("_time"); err != nil {
			return err
		}
		f.set(append(out, "_time")...)
		f.open = by != "" // the values of a field become columns
	default:
		f.set(append(out, groups...)...)
	}
	return nil
}

// fieldOptions returns the fields that a call of tclookup looks up.
func fieldOptions(stage string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`\bfield=("?)([\w., ]+?)("?)(?:\s|$)`).FindAllStringSubmatch(stage, -1) {
		out = append(out, names(m[2])...)
	}
	return out
}

func TestFlow(t *testing.T) {
	f := &flow{
		log: []string{"requests"}, lookups: map[string][]string{"kv": {"indicator", "tc_verdict"}, "out": {"domain"}},
		run: func(name, _ string, _ []string) ([]string, error) {
			if name == "tclookup" {
				return []string{"tc_status"}, nil
			}
			return []string{"metric", "value"}, nil
		},
	}
	for _, good := range []string{
		`index=a | eval b=c | table b`,
		`| makeresults | eval a="x" | tclookup field=a | where tc_status="found" | table a, tc_status`,
		`index=a | stats count AS n, dc(src) BY dest | sort - n | table dest, n`,
		`| tcstatus | search metric=queued | stats sum(value) AS n`,
		`index=_internal sourcetype="tclookup:log" | timechart sum(requests) BY host`,
		`| inputlookup kv WHERE tc_verdict="x" | eval domain=indicator | table domain | outputlookup override_if_empty=false out`,
		`| tcstatus | eventstats max(value) AS m | eval "r"=if(isnull('m'), 0, value."x".m)`,
		`| tstats summariesonly=false count, min(_time) AS a FROM datamodel=Web WHERE Web.url=* BY Web.url | rename Web.url AS u | table u, a, count`,
	} {
		if err := f.follow(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{
		`| makeresults | table a`, `| tcstatus | where verdict="x"`, `index=a | stats count BY b | table c`, `| tcstatus | fields - value | stats sum(value)`,
		`| makeresults | tclookup field=a`, `index=_internal sourcetype="tclookup:log" | stats sum(answer)`, `| inputlookup none`,
		`| inputlookup kv | outputlookup out`, `| tcstatus | timechart count`, `| tcstatus | eval a='status'`, `| tcstatus | unheardof`, `| tcstatus | stats sum(value) AS n | table value`,
	} {
		if err := f.follow(bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}
