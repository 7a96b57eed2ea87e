package graph

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// writeText writes the graph for a person, as a tree: each node stands below
// the first that named it. Relations between others follow.
func (g *Graph) writeText(w io.Writer) {
	l := &layout{g: g, boxes: make([]box, len(g.Nodes)), groups: make([][]group, len(g.Nodes)), tree: make([]bool, len(g.Edges))}
	l.plant()
	var lines []textLine
	for i := range g.Nodes {
		if l.boxes[i].side == 0 {
			lines = l.branch(lines, i, "")
		}
	}
	width := 0
	for _, line := range lines {
		if n := utf8.RuneCountInString(line.name); line.state != "" && n <= maxName {
			width = max(width, n)
		}
	}
	for _, line := range lines {
		fmt.Fprintf(w, "%s\n", strings.TrimRight(fmt.Sprintf("%-*s  %s", width, line.name, line.state), " "))
	}
	further := false
	for i := range g.Edges {
		if l.tree[i] {
			continue
		}
		if !further {
			further = true
			fmt.Fprint(w, "also\n")
		}
		fmt.Fprintf(w, "  %s\n", g.describeEdge(&g.Edges[i]))
	}
}

// maxName is the longest name that others are lined up with, in characters.
const maxName = 60

// textLine is a line of a tree: a node and what is known about it, or a
// heading.
type textLine struct{ name, state string }

// branch appends a node and what it named.
func (l *layout) branch(lines []textLine, n int, indent string) []textLine {
	node := &l.g.Nodes[n]
	state := node.Verdict
	if state == "" {
		state = strings.ReplaceAll(node.Status, "_", " ")
	}
	seen := node.LastSeen
	if node.FirstSeen != seen {
		seen = node.FirstSeen + " to " + seen
	}
	state = fmt.Sprintf("%-9s  %-10s  %s", node.Type, state, seen)
	if node.Omitted > 0 {
		state += fmt.Sprintf("  %d more not shown", node.Omitted)
	}
	lines = append(lines, textLine{indent + node.Value, state})
	for i := range l.groups[n] {
		gr := &l.groups[n][i]
		lines = append(lines, textLine{name: indent + "  " + gr.heading() + ":"})
		for _, m := range gr.nodes {
			lines = l.branch(lines, m, indent+"    ")
		}
	}
	return lines
}
