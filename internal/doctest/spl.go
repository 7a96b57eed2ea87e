package doctest

import (
	"fmt"
	"strings"
)

// search is one search of an spl block.
type search struct {
	line int // of the document
	text string
}

// searches returns the searches of an spl block: an empty line separates them.
func searches(b *block) []search {
	var all []search
	var open *search
	for n, line := range strings.Split(b.text, "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			open = nil
		case open == nil:
			all = append(all, search{b.line + n, line})
			open = &all[len(all)-1]
		default:
			open.text += "\n" + line
		}
	}
	return all
}

// stages splits a search into its commands, subsearches too, outside quotes.
func stages(spl string) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i < len(spl); i++ {
		switch c := spl[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '|' || c == '[' || c == ']'):
			out = append(out, strings.TrimSpace(spl[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(spl[start:]))
}

// asTyped returns a command with its bare commas taken away, as splunkd does
// before it calls the program. A comma in the value of an option other than
// field would cut the value short without a word, so it is an error.
func asTyped(command string) (string, error) {
	out := []byte(command)
	quoted, word := false, 0
	for i, c := range out {
		switch {
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\n'):
			word = i + 1
		case !quoted && c == ',':
			if w := string(out[word:i]); strings.Contains(w, "=") && !strings.HasPrefix(w, "field=") {
				return "", fmt.Errorf("a comma outside quotes ends the value of %q", w)
			}
			out[i], word = ' ', i+1
		}
	}
	return string(out), nil
}
