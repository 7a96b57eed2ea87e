package chunked

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An ArgError is one mistake in the arguments of a command.
type ArgError struct {
	// Option is the name of the option, empty for a word that belongs to none.
	Option string
	// Value is what was given, if anything.
	Value string
	// Problem says what is wrong, Allowed what is right, as phrases.
	Problem, Allowed string
}

func (e *ArgError) Error() string {
	if e.Allowed == "" {
		return e.Problem
	}
	return e.Problem + "; " + e.Allowed
}

// ArgErrors are all mistakes found in the arguments of a command.
type ArgErrors []*ArgError

// Error joins the mistakes into one line.
func (e ArgErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the single mistakes.
func (e ArgErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// ParseArgs reads the arguments of a command into the struct that dst points
// to. Args are Info.Args, without quotes; rawArgs are Info.RawArgs, as typed,
// which tell quoted words from bare ones, or nil.
//
// Fields with an arg tag are options; embedded structs may have more:
//
//	Field  []string      `arg:"field,required,positional" help:"fields to look at"`
//	Mode   string        `arg:"mode" default:"live" enum:"live,cache" help:"..."`
//	Wait   time.Duration `arg:"max_wait" default:"30s" min:"0" max:"1h"`
//	Count  int           `arg:"count" default:"10" min:"1"`
//
// A field is a string, bool, integer, float, time.Duration, []string or
// encoding.TextUnmarshaler. Truth values are 1, t, true, y, yes or 0, f,
// false, n, no; durations are as time.ParseDuration reads them, with d and w
// for days and weeks. A []string takes elements separated by commas, where an
// element in double quotes may have commas, and its option may be repeated;
// with positional it also takes the words that are no option, and with an
// empty name only these. A word that is quoted as a whole, like "a=b,c", is
// never an option and never split. The choices of an enum are found in any
// case and stored as listed. An option that is not given is set to its
// default, or left as it is when it has none.
//
// Names are case-sensitive. "key = value" may be written with blanks, and
// stray commas between the arguments are ignored.
//
// All mistakes are reported at once, up to twenty, as ArgErrors; what is in
// dst then is undefined. Any other error is a mistake in the struct.
func ParseArgs(args, rawArgs []string, dst any) error {
	set, err := optionsOf(dst)
	if err != nil {
		return err
	}
	p := argParser{options: set}
	p.parse(tokenize(args, rawArgs))
	for _, o := range set {
		p.finish(o)
	}
	if len(p.errs) > 0 {
		return p.errs
	}
	return nil
}

// maxMistakes is the number of mistakes after which the rest is not looked at.
const maxMistakes = 20

// argParser assigns tokens to options.
type argParser struct {
	options []*option
	errs    ArgErrors
	meant   []string // options that were misspelt, in all likelihood
}

func (p *argParser) find(name string) *option {
	for _, o := range p.options {
		if o.Name == name && name != "" {
			return o
		}
	}
	return nil
}

func (p *argParser) parse(toks []token) {
	for i := 0; i < len(toks) && len(p.errs) < maxMistakes; i++ {
		t := toks[i]
		eq := t.equals()
		switch {
		case eq == 0:
			p.mistake("", t.text, fmt.Sprintf("%q has no option name in front of it", t.text), "options are written name=value")
		case eq > 0:
			value := t.after(eq)
			if value.text == "" && !value.quoted && i+1 < len(toks) && !p.isOption(toks[i+1:]) {
				i++
				value = toks[i]
			}
			p.assign(strings.TrimSpace(t.text[:eq]), value)
		case i+1 < len(toks) && toks[i+1].equals() == 0:
			i++
			value := toks[i].after(0)
			if value.text == "" && !value.quoted && i+1 < len(toks) {
				i++
				value = toks[i]
			}
			p.assign(t.text, value)
		default:
			p.word(t)
		}
	}
}

// isOption reports whether toks begins with a known option and its value, and
// so is not the value of the option before.
func (p *argParser) isOption(toks []token) bool {
	if eq := toks[0].equals(); eq > 0 {
		return p.find(toks[0].text[:eq]) != nil
	}
	return len(toks) > 1 && toks[1].equals() == 0 && p.find(toks[0].text) != nil
}

func (p *argParser) mistake(option, value, problem, allowed string) {
	p.errs = append(p.errs, &ArgError{Option: option, Value: value, Problem: problem, Allowed: allowed})
}

func (p *argParser) assign(name string, value token) {
	o := p.find(name)
	if o == nil {
		p.mistake(name, value.text, fmt.Sprintf("unknown option %q", name), p.hint(name))
		return
	}
	if o.given && o.Kind != KindList {
		p.mistake(name, value.text, fmt.Sprintf("option %q is given twice, now as %q", name, value.text), "give it once")
		return
	}
	p.set(o, value.text, false)
}

// set stores a value; whole keeps a list's element from being split.
func (p *argParser) set(o *option, value string, whole bool) {
	err := o.set(value, whole)
	o.given = true
	if err == nil {
		return
	}
	problem := fmt.Sprintf("option %q cannot be %q", o.label(), value)
	var bad *valueError
	if errors.As(err, &bad) {
		p.mistake(o.label(), value, problem, bad.allowed)
		return
	}
	p.mistake(o.label(), value, problem, err.Error())
}

// word takes a word that is no option.
func (p *argParser) word(t token) {
	for _, o := range p.options {
		if o.Positional {
			p.set(o, t.text, t.quoted)
			return
		}
	}
	if o := p.find(t.text); o != nil {
		p.mistake(t.text, "", fmt.Sprintf("option %q has no value", t.text), fmt.Sprintf("write %s=VALUE", t.text))
		return
	}
	p.mistake("", t.text, fmt.Sprintf("unexpected word %q", t.text), "options are written name=value")
}

// hint says what an unknown option may have been meant to be.
func (p *argParser) hint(name string) string {
	var names []string
	for _, o := range p.options {
		if o.Name != "" {
			names = append(names, o.Name)
		}
	}
	if best := closest(name, names); best != "" {
		p.meant = append(p.meant, best)
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(names) == 0 {
		return "the command has no options"
	}
	return "the options are " + strings.Join(names, ", ")
}

// finish sets what was not given to its default and checks that required
// options are there.
func (p *argParser) finish(o *option) {
	if !o.given && o.HasDefault {
		p.set(o, o.Default, false)
	}
	reported := slices.Contains(p.meant, o.Name) || slices.ContainsFunc(p.errs, func(e *ArgError) bool { return e.Option == o.label() })
	if o.Required && (!o.given || o.empty) && !reported {
		allowed := fmt.Sprintf("write %s=VALUE", o.Name)
		switch {
		case o.Name == "":
			allowed = "write it as a word"
		case o.Positional:
			allowed += " or only the value"
		}
		if o.Help != "" {
			allowed += " (" + o.Help + ")"
		}
		p.mistake(o.label(), "", fmt.Sprintf("option %q is required", o.label()), allowed)
	}
}

// closest returns the word that is most like s, the first of several, or
// nothing when none is like it.
func closest(s string, words []string) string {
	best, limit := "", min(2, max(1, len(s)/3))+1
	for _, w := range words {
		if d := editDistance(strings.ToLower(s), strings.ToLower(w)); d < limit && d < len(w) {
			best, limit = w, d
		}
	}
	return best
}

// editDistance is the number of characters to insert, delete, replace or swap
// with their neighbour to get from a to b. Very long texts are far apart.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var before, last, row [65]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
