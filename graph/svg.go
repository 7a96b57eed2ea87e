package graph

import (
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// StyleSheet is the CSS of the drawings, in light and in dark. A page that
// embeds a drawing with Drawing.Inline serves it.
//
//go:embed svg.css
var StyleSheet string

// Drawing says how a graph is drawn as SVG.
type Drawing struct {
	// Inline leaves the style sheet out and the drawing open to assistive
	// technology, for HTML that has StyleSheet itself.
	Inline bool
	// Href returns where a node leads, empty for nowhere; nil leads nowhere.
	Href func(n *Node) string
}

// plural is the heading of some nodes of a relation.
func (r Relation) plural(n int) string {
	name := r.label()
	switch r {
	case ContactedIP:
		name = "contacted IP"
	case RegistrantEmail:
		name = "registrant e-mail"
	case SameFile:
		return "same file"
	}
	if n == 1 {
		return name
	}
	return strconv.Itoa(n) + " " + name + "s"
}

// glyphs mark the type of a node.
var glyphs = map[string]string{"domain": "dom", "ip": "IP", "email": "@", "hash": "file", "antivirus": "AV", Reference: "ref"}

// mark is the verdict, or else the status, as a class of the style sheet and a
// sign that needs no colour.
func (n *Node) mark() (class, sign string) {
	switch n.Verdict {
	case "malicious":
		return "malicious", "✕"
	case "suspicious":
		return "suspicious", "!"
	case "harmless":
		return "harmless", "✓"
	}
	switch n.Status {
	case "found":
		return "found", "•"
	case "excluded", "invalid":
		return "unsent", "–"
	case "error", "skipped", "queued":
		return "open", "…"
	}
	return "plain", ""
}

// maxShrunk is the width up to which a drawing can be made to fit a window and
// still be read, in pixels. Wider ones have the class "wide".
const maxShrunk = 1250

// WriteSVG draws the graph: the starts in the middle, related ones to both
// sides by relation. Text is escaped, everything has a title, colours are the
// style sheet's. Errors are those of w, which has to remember them, as a
// bufio.Writer does.
func (g *Graph) WriteSVG(w io.Writer, d Drawing) {
	l := newLayout(g)
	role := `role="img"`
	if d.Inline { // an image would hide the links from assistive technology
		role = `role="group"`
	}
	class := "tc-graph"
	if l.width > maxShrunk {
		class += " wide"
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" class="%s" width="%d" height="%d" viewBox="0 0 %d %d" %s aria-labelledby="tc-graph-title tc-graph-desc">`+"\n",
		class, l.width, l.height, l.width, l.height, role)
	fmt.Fprintf(w, "<title id=\"tc-graph-title\">%s</title>\n<desc id=\"tc-graph-desc\">%s</desc>\n", esc(g.title()), esc(g.summary()))
	if !d.Inline {
		fmt.Fprintf(w, "<style>\n%s</style>\n<rect class=\"ground\" width=\"100%%\" height=\"100%%\"/>\n", StyleSheet)
	}
	fmt.Fprint(w, "<g class=\"edges\">\n")
	for i := range g.Edges {
		l.edge(w, i)
	}
	fmt.Fprint(w, "</g>\n<g class=\"nodes\">\n")
	for i := range g.Nodes {
		l.node(w, i, d)
	}
	fmt.Fprint(w, "</g>\n</svg>\n")
}

func (g *Graph) title() string {
	var names []string
	for i := range min(g.Starts, len(g.Nodes)) {
		if i == 3 {
			names = append(names, fmt.Sprintf("%d more", g.Starts-3))
			break
		}
		names = append(names, g.Nodes[i].Value)
	}
	return "What is related to " + strings.Join(names, ", ")
}

func (g *Graph) summary() string {
	count := map[Relation]int{}
	var order []Relation
	for _, e := range g.Edges {
		if count[e.Relation]++; count[e.Relation] == 1 {
			order = append(order, e.Relation)
		}
	}
	if len(order) == 0 {
		return "Nothing is related."
	}
	parts := make([]string, len(order))
	for i, r := range order {
		if parts[i] = r.plural(count[r]); count[r] == 1 {
			parts[i] = "1 " + parts[i]
		}
	}
	return strings.Join(parts, ", ") + "."
}

// edge draws a curve between two nodes.
func (l *layout) edge(w io.Writer, i int) {
	e := &l.g.Edges[i]
	s, t := &l.boxes[e.Source], &l.boxes[e.Target]
	if !s.drawn || !t.drawn {
		return
	}
	class := "edge"
	if !l.tree[i] {
		class = "edge cross"
	}
	// The ends, and whether the curve leaves them to the right or to the left.
	from, to, out, in := s.x+s.w, t.x, 1, -1
	switch {
	case from < to:
	case t.x+t.w < s.x:
		from, to, out, in = s.x, t.x+t.w, -1, 1
	case s.side < 0: // one above the other: around the outside
		from, to, out, in = s.x, t.x, -1, -1
	default:
		to, in = t.x+t.w, 1
	}
	bend := columnGap / 2
	if out != in {
		bend = max(to-from, from-to) / 2
	}
	fmt.Fprintf(w, `<path class="%s" d="M%d %dC%d %d %d %d %d %d"><title>%s</title></path>`+"\n",
		class, from, s.middle(), from+out*bend, s.middle(), to+in*bend, t.middle(), to, t.middle(), esc(l.g.describeEdge(e)))
}

func (g *Graph) describeEdge(e *Edge) string {
	text := g.Nodes[e.Source].Value + ": " + e.Relation.label() + " " + g.Nodes[e.Target].Value
	switch {
	case e.FirstSeen != "":
		text += ", seen " + e.FirstSeen + " to " + e.LastSeen
	case e.LastSeen != "":
		text += ", last seen " + e.LastSeen
	}
	return text
}

// node draws a node and the headings of what stands beside it.
func (l *layout) node(w io.Writer, i int, d Drawing) {
	n, b := &l.g.Nodes[i], &l.boxes[i]
	if !b.drawn {
		return
	}
	href := ""
	if d.Href != nil {
		href = d.Href(n)
	}
	class, sign := n.mark()
	if n.Depth == 0 {
		class += " start"
	}
	tag, end := fmt.Sprintf(`<g class="node %s">`, class), "</g>"
	if href != "" {
		tag, end = fmt.Sprintf(`<a class="node %s" href="%s">`, class, esc(href)), "</a>"
	}
	fmt.Fprintf(w, `%s<title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="5"/>`, tag, esc(n.describe()), b.x, b.y, b.w, rowHeight)
	fmt.Fprintf(w, `<text class="glyph" x="%d" y="%d">%s</text>`, b.x+8, b.middle()+4, esc(glyphs[n.Type]))
	fmt.Fprintf(w, `<text class="label" x="%d" y="%d">%s</text>`, b.x+38, b.middle()+4, esc(l.labels[i]))
	if sign != "" {
		fmt.Fprintf(w, `<text class="sign" x="%d" y="%d">%s</text>`, b.x+b.w-9, b.middle()+4, sign)
	}
	fmt.Fprintf(w, "%s\n", end)
	for k := range l.groups[i] {
		gr := &l.groups[i][k]
		first := &l.boxes[gr.nodes[0]]
		x, anchor := first.x+2, "start"
		if gr.side < 0 {
			x, anchor = first.x+first.w-2, "end"
		}
		fmt.Fprintf(w, `<text class="heading" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", x, l.headingY(gr), anchor, esc(gr.heading()))
	}
}

// headingY is the base line of a heading: just above the first node of its
// group, which may stand lower than the group begins.
func (l *layout) headingY(gr *group) int {
	return max(gr.y+headHeight, l.boxes[gr.nodes[0]].y) - 6
}
