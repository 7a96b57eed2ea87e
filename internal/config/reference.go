package config

import (
	"fmt"
	"slices"
	"strings"
)

// Reference returns the Markdown tables of all settings that
// docs/configure.md shows.
func Reference() string {
	var b strings.Builder
	stanza := ""
	for _, s := range append(slices.Clone(table[:]), feedTable[:]...) {
		if s.Stanza != stanza {
			if stanza != "" {
				b.WriteByte('\n')
			}
			stanza = s.Stanza
			fmt.Fprintf(&b, "### `[%s]`\n\n| key | kind | default | meaning |\n|---|---|---|---|\n", stanza)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Key, s.kindText(), s.defaultText(), s.Meaning)
	}
	return b.String()
}

func (s *Setting) kindText() string {
	switch {
	case s.Kind == Word:
		return "`" + strings.Join(s.Words, "`, `") + "`"
	case s.Kind == Int:
		return fmt.Sprintf("number, %d to %d", s.Min, s.Max)
	}
	return s.Kind.String()
}

func (s *Setting) defaultText() string {
	if s.Default == "" {
		return s.Note
	}
	return "`" + s.Default + "`"
}
