package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// File is a parsed .conf file. Its strings share the memory of one copy of
// the data.
type File struct {
	Name string
	// Stanzas are in the order of the file; a stanza that is opened twice is
	// there twice. Keys above the first stanza are in a stanza "default".
	Stanzas []Stanza
}

// Stanza is a [name] line and the settings below it.
type Stanza struct {
	Name string
	Line int // of the [name] line, from 1
	// Entries are in the order of the file, repeated keys included: the last
	// one counts.
	Entries []Entry
}

// Entry is one "key = value". The lines of a continued value are joined by
// newlines, without the backslashes.
type Entry struct {
	Key, Value string
	Line       int // of the key, from 1
}

// Get returns the entry of a key that counts: the last one, over all stanzas
// of that name.
func (f *File) Get(stanza, key string) (e Entry, ok bool) {
	for i := range f.Stanzas {
		if f.Stanzas[i].Name != stanza {
			continue
		}
		for _, have := range f.Stanzas[i].Entries {
			if have.Key == key {
				e, ok = have, true
			}
		}
	}
	return e, ok
}

// ParseFile reads Splunk's .conf syntax: [stanza] lines, "key = value" with
// the first equals sign separating, comments from a # at the very start of a
// line, and values continued by a backslash that is the last character of the
// line. Lines may end in CR LF.
//
// It never fails: what it understood is in the File, and what was wrong in
// the problems. Repeated keys and stanzas, which Splunk merges, are problems
// marked as Warning. name is only used in problems. data is not kept.
func ParseFile(name string, data []byte) (*File, []Problem) {
	p := parser{file: &File{Name: name}}
	p.parse(data)
	return p.file, p.problems
}

type parser struct {
	file     *File
	rest     string
	line     int // number of the line that next returned
	problems []Problem
}

func (p *parser) parse(data []byte) {
	if len(data) >= 2 && (data[0] == 0xFF && data[1] == 0xFE || data[0] == 0xFE && data[1] == 0xFF) {
		p.problem(1, "the file is UTF-16; save it as UTF-8 without byte order mark")
		return
	}
	p.rest = string(data)
	if after, ok := strings.CutPrefix(p.rest, "\uFEFF"); ok {
		p.rest = after
		p.problem(1, "the file begins with a byte order mark, which hides its first line from Splunk; save it as UTF-8 without one")
	}
	p.encoding()
	for {
		line, ok := p.next()
		if !ok {
			break
		}
		p.parseLine(line)
	}
	p.duplicates()
	slices.SortStableFunc(p.problems, func(a, b Problem) int { return a.Line - b.Line })
}

// encoding reports the first line that is not UTF-8 and the first that holds
// control characters.
func (p *parser) encoding() {
	valid, clean := utf8.ValidString(p.rest), true
	for i := 0; i < len(p.rest) && clean; i++ {
		c := p.rest[i]
		switch {
		case c >= ' ' && c != 0x7F, c == '\t', c == '\n':
		case c == '\r' && (i+1 == len(p.rest) || p.rest[i+1] == '\n'):
		default:
			clean = false
		}
	}
	if valid && clean {
		return
	}
	n := 0
	for line := range strings.SplitSeq(p.rest, "\n") {
		n++
		line = strings.TrimSuffix(line, "\r")
		if !valid && !utf8.ValidString(line) {
			p.problem(n, "the line is not UTF-8; save the file as UTF-8")
			valid = true
		}
		if !clean && strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) {
			p.problem(n, "the line holds a control character; remove it")
			clean = true
		}
	}
}

// next returns the next line without its end.
func (p *parser) next() (string, bool) {
	if p.rest == "" {
		return "", false
	}
	line, rest, _ := strings.Cut(p.rest, "\n")
	p.rest = rest
	p.line++
	return strings.TrimSuffix(line, "\r"), true
}

const blanks = " \t"

func (p *parser) parseLine(line string) {
	text := strings.Trim(line, blanks)
	switch {
	case text == "" || line[0] == '#':
	case text[0] == '#':
		p.problem(p.line, "a comment must begin at the very start of the line: remove the blanks before the #")
	case text[0] == '[':
		p.stanza(text)
	default:
		p.entry(line)
	}
}

func (p *parser) stanza(text string) {
	name := text[1:]
	switch end := strings.LastIndexByte(name, ']'); {
	case end < 0:
		p.problem(p.line, "the stanza's closing ] is missing")
	case end != len(name)-1:
		p.problem(p.line, "text after the stanza's ]: a stanza stands alone on its line; a comment goes on a line of its own")
		name = name[:end]
	default:
		name = name[:end]
	}
	if name == "default" {
		p.problem(p.line, "a [default] stanza holds for every app of a Splunk server: name the stanza that is meant")
	}
	p.file.Stanzas = append(p.file.Stanzas, Stanza{Name: name, Line: p.line})
}

func (p *parser) entry(line string) {
	start := p.line
	key, value, ok := strings.Cut(line, "=")
	if !ok {
		value = line // its continuation is part of the same mistake
	}
	key = strings.Trim(key, blanks)
	value = p.continued(value, ok)
	// The text of the line is not repeated: it may be part of a secret.
	if !ok {
		p.problem(start, "neither [stanza] nor key = value nor # comment")
		return
	}
	if key == "" {
		p.problem(start, "the key before the = is missing")
		return
	}
	if len(p.file.Stanzas) == 0 {
		p.file.Stanzas = append(p.file.Stanzas, Stanza{Name: "default", Line: start})
		p.problem(start, "a key above the first stanza holds for every app of a Splunk server: put it below a [stanza]")
	}
	s := &p.file.Stanzas[len(p.file.Stanzas)-1]
	s.Entries = append(s.Entries, Entry{Key: key, Value: value, Line: start})
}

// continued returns the value that begins with text, the rest of the current
// line, and goes on as long as lines end in a backslash. report says whether
// its problems are worth reporting.
func (p *parser) continued(text string, report bool) string {
	part, more := p.backslash(text, report)
	if !more { // nearly always
		return strings.Trim(part, blanks)
	}
	var b strings.Builder
	b.WriteString(part)
	for more {
		line, ok := p.next()
		if !ok {
			if report {
				p.problem(p.line, "the value ends in a backslash, which continues it on the next line, but the file ends here")
			}
			break
		}
		part, more = p.backslash(line, report)
		b.WriteByte('\n')
		b.WriteString(part)
	}
	return strings.Trim(b.String(), blanks+"\n")
}

// backslash takes the backslash at the end of a line off; more reports
// whether there was one.
func (p *parser) backslash(line string, report bool) (part string, more bool) {
	part, more = strings.CutSuffix(line, `\`)
	if !more && report && strings.HasSuffix(strings.TrimRight(line, blanks), `\`) {
		p.problem(p.line, "blanks after the backslash at the end of the line: the value does not continue; remove the blanks, or the backslash")
	}
	return part, more
}

// duplicates reports stanzas and keys that are there more than once.
func (p *parser) duplicates() {
	type place struct{ stanza, key string }
	seen := make(map[place]int, 16)
	for i := range p.file.Stanzas {
		s := &p.file.Stanzas[i]
		at := place{stanza: s.Name}
		if first, ok := seen[at]; ok {
			p.problems = append(p.problems, Problem{
				Origin: Origin{p.file.Name, s.Line}, Stanza: s.Name, Warning: true,
				Message: fmt.Sprintf("the stanza was opened in line %d already; put its settings together", first),
			})
		} else {
			seen[at] = s.Line
		}
		for _, e := range s.Entries {
			at.key = e.Key
			if first, ok := seen[at]; ok {
				p.problems = append(p.problems, Problem{
					Origin: Origin{p.file.Name, e.Line}, Stanza: s.Name, Key: e.Key, Warning: true,
					Message: fmt.Sprintf("set in line %d already; the last one counts: remove one", first),
				})
			}
			seen[at] = e.Line
		}
	}
}

func (p *parser) problem(line int, message string) {
	p.problems = append(p.problems, Problem{Origin: Origin{p.file.Name, line}, Message: message})
}
