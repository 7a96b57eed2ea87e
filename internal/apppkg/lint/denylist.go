package lint

import (
	"fmt"
	"regexp"
	"strings"
)

// denyPattern is one line of distsearch.conf's [replicationDenylist].
type denyPattern struct {
	name, text string
	line       int
	splunk     *regexp.Regexp // as splunkd reads it
	python     *regexp.Regexp // as AppInspect reads it
}

// denyPatterns reads the patterns that keep files out of the knowledge bundle.
// Those that cannot be read are in bad.
func (a *app) denyPatterns() (patterns []denyPattern, bad map[int]error) {
	bad = map[int]error{}
	for _, s := range a.stanzas("distsearch") {
		if s.Name != "replicationDenylist" && s.Name != "replicationBlacklist" {
			continue
		}
		for _, e := range s.Entries {
			p, err := newDenyPattern(e.Key, e.Value, e.Line)
			if err != nil {
				bad[e.Line] = err
				continue
			}
			patterns = append(patterns, p)
		}
	}
	return patterns, bad
}

func newDenyPattern(name, text string, line int) (denyPattern, error) {
	p := denyPattern{name: name, text: text, line: line}
	var err error
	if p.splunk, err = regexp.Compile("^(?:" + splunkPattern(text) + ")$"); err != nil {
		return p, fmt.Errorf("as a pattern of Splunk's: %w", err)
	}
	if p.python, err = regexp.Compile("^(?:" + text + ")"); err != nil {
		return p, fmt.Errorf("as a regular expression: %w", err)
	}
	return p, nil
}

// splunkPattern turns a pattern of distsearch.conf into a regular expression:
// "..." is anything, "*" anything but a separator, "." itself; the rest is a regular
// expression already.
func splunkPattern(text string) string {
	var b strings.Builder
	for text != "" {
		switch {
		case strings.HasPrefix(text, "..."):
			b.WriteString(".*")
			text = text[3:]
			continue
		case text[0] == '*':
			b.WriteString(`[^/\\]*`)
		case text[0] == '.':
			b.WriteString(`\.`)
		case text[0] == '\\' && len(text) > 1:
			b.WriteString(text[:2])
			text = text[2:]
			continue
		default:
			b.WriteByte(text[0])
		}
		text = text[1:]
	}
	return b.String()
}
