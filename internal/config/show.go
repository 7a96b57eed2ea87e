package config

import (
	"fmt"
	"io"
	"strings"
)

// Effective is a setting as it holds.
type Effective struct {
	Stanza string `json:"stanza"`
	Key    string `json:"key"`
	// Value is as it was written, Redacted for a secret, empty for nothing.
	Value  string `json:"value"`
	Origin Origin `json:"origin"`
}

// Effective returns all settings of all stanzas and sources as they hold.
func (c *Config) Effective() []Effective {
	all := make([]Effective, 0, len(table)*2)
	var ofSource []*Setting
	for i := range table {
		if s := &table[i]; s.Stanza == AnySource {
			ofSource = append(ofSource, s)
		} else {
			all = append(all, c.effective(s, s.Stanza))
		}
	}
	for _, src := range c.All {
		for _, s := range ofSource {
			e := c.effective(s, SourceStanza+src.Name)
			if s.Key == "kind" && e.Value == "" {
				e.Value = src.Kind
			}
			all = append(all, e)
		}
	}
	for _, f := range c.Feeds {
		for i := range feedTable {
			all = append(all, c.effective(&feedTable[i], FeedStanza+f.Name))
		}
	}
	return all
}

func (c *Config) effective(s *Setting, stanza string) Effective {
	e := Effective{Stanza: stanza, Key: s.Key, Value: s.Default}
	for i := range c.given {
		if g := &c.given[i]; g.key == s.Key && g.stanza == stanza {
			e.Origin = g.origin
			if g.text != "" {
				e.Value = g.text
			}
		}
	}
	return e
}

// Show lists all settings for a person, each with where it was given. Secrets
// are not shown.
func (c *Config) Show(w io.Writer) error {
	all := c.Effective()
	width := 0
	for _, e := range all {
		width = max(width, min(len(e.Key)+len(" = ")+len(e.Value), 60))
	}
	var b strings.Builder
	stanza := ""
	for _, e := range all {
		if e.Stanza != stanza {
			if stanza != "" {
				b.WriteByte('\n')
			}
			stanza = e.Stanza
			fmt.Fprintf(&b, "[%s]\n", stanza)
		}
		value := strings.Join(strings.FieldsFunc(e.Value, func(r rune) bool { return r == '\n' }), " ")
		fmt.Fprintf(&b, "%-*s  %s\n", width, e.Key+" = "+value, e.Origin)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
