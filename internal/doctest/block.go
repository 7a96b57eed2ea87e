package doctest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// block is a fenced block of a document.
type block struct {
	line    int      // of its first line of text, from 1
	kind    string   // the first word of the info string
	options []string // the other words
	text    string
}

// kinds are what blocks may be.
var kinds = []string{"", "sh", "spl", "go", "console", "text", "ini", "json", "csv"}

// blocks returns the fenced blocks of a document. A block that is not closed,
// or is of an unknown kind, is an error.
func blocks(text string) ([]block, error) {
	var all []block
	var open *block
	var lines []string
	for n, line := range strings.Split(text, "\n") {
		info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case !fence && open != nil:
			lines = append(lines, line)
		case !fence:
		case open == nil:
			words := strings.Fields(info)
			open, lines = &block{line: n + 2}, nil
			if len(words) > 0 {
				open.kind, open.options = words[0], words[1:]
			}
			if !slices.Contains(kinds, open.kind) {
				return nil, fmt.Errorf("line %d: a block of kind %q: allowed are %s", n+1, open.kind, strings.Join(kinds[1:], ", "))
			}
		case info != "":
			return nil, fmt.Errorf("line %d: a block begins in the one of line %d", n+1, open.line-1)
		default:
			open.text = strings.Join(lines, "\n") + "\n"
			all = append(all, *open)
			open = nil
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: a block that is not closed", open.line-1)
	}
	return all, nil
}

// option returns the value of an option written name=value.
func (b *block) option(name string) (string, bool) {
	for _, o := range b.options {
		if v, ok := strings.CutPrefix(o, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// exit returns the exit code that a sh block must end with.
func (b *block) exit() (int, error) {
	v, ok := b.option("exit")
	if !ok {
		return 0, nil
	}
	return strconv.Atoi(v)
}

// matches reports whether got is what want says, line by line, … standing for
// any text. It returns the first line of want that is not so.
func matches(want, got string) (line string, ok bool) {
	w, g := strings.Split(strings.TrimRight(want, "\n"), "\n"), strings.Split(strings.TrimRight(got, "\n"), "\n")
	for n, line := range w {
		if n >= len(g) || !like(line, strings.TrimRight(g[n], " \r")) {
			return line, false
		}
	}
	if len(g) > len(w) {
		return "nothing before " + g[len(w)], false
	}
	return "", true
}

// like compares a line with a pattern in which … stands for any text.
func like(pattern, line string) bool {
	parts := strings.Split(pattern, "…")
	rest, ok := strings.CutPrefix(line, parts[0])
	if !ok {
		return false
	}
	if len(parts) == 1 {
		return rest == ""
	}
	for _, p := range parts[1 : len(parts)-1] {
		_, after, ok := strings.Cut(rest, p)
		if !ok {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
