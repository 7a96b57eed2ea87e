package graph

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Format is a form that a graph can be written in.
type Format string

// The formats.
const (
	JSON    Format = "json"
	CSV     Format = "csv"
	GraphML Format = "graphml"
	DOT     Format = "dot"
	Maltego Format = "maltego"
	SVG     Format = "svg"
	Text    Format = "text" // for a person at a terminal
)

// MediaType returns the media type of a format for HTTP.
func (f Format) MediaType() string {
	switch f {
	case JSON:
		return "application/json"
	case CSV:
		return "text/csv; charset=utf-8"
	case GraphML:
		return "application/graphml+xml"
	case DOT:
		return "text/vnd.graphviz; charset=utf-8"
	case Maltego:
		return "application/zip"
	case SVG:
		return "image/svg+xml"
	case Text:
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// Extension returns the end of the name of a file in a format, with the dot.
func (f Format) Extension() string {
	switch f {
	case Maltego:
		return ".mtgx"
	case Text:
		return ".txt"
	}
	return "." + string(f)
}

// Write writes the graph in a format. The same graph gives the same bytes.
// Errors are those of w, but for a format that does not exist.
func (g *Graph) Write(w io.Writer, f Format) error {
	b := bufio.NewWriter(w)
	var err error
	switch f {
	case JSON:
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		err = e.Encode(g)
	case CSV:
		err = g.writeCSV(b)
	case GraphML:
		g.writeGraphML(b)
	case DOT:
		g.writeDOT(b)
	case Maltego:
		err = g.writeMaltego(b)
	case SVG:
		g.WriteSVG(b, Drawing{})
	case Text:
		g.writeText(b)
	default:
		return fmt.Errorf("unknown format %q of a graph: allowed are json, csv, graphml, dot, maltego, svg, text", f)
	}
	if err != nil {
		return err
	}
	return b.Flush() // a bufio.Writer keeps its first error
}

// columns are the names of the fields of a Row.
var columns = []string{"source", "source_type", "relation", "target", "target_type", "first_seen", "last_seen", "verdict", "depth"}

// writeCSV writes the edges as CSV (RFC 4180). A cell that a spreadsheet would
// take for a formula gets an apostrophe before it: what a report names was
// written by strangers. Of indicators only e-mail addresses and antivirus
// names can begin like that; JSON has them as they are.
func (g *Graph) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write(columns) // Flush and Error tell
	for i := range g.Edges {
		r := g.Row(i)
		_ = c.Write([]string{
			plainCell(r.Source), r.SourceType, string(r.Relation), plainCell(r.Target), r.TargetType,
			r.FirstSeen, r.LastSeen, r.Verdict, strconv.Itoa(r.Depth),
		})
	}
	c.Flush()
	return c.Error()
}

// plainCell returns a cell that no spreadsheet computes.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", firstRune(s)) {
		return "'" + s
	}
	return s
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// esc escapes text for XML, in content and attributes.
func esc(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

// attribute is a declared attribute of GraphML.
type attribute struct{ id, of, name, typ string }

var graphMLKeys = []attribute{
	{"label", "node", "label", "string"}, {"type", "node", "type", "string"}, {"status", "node", "status", "string"},
	{"verdict", "node", "verdict", "string"}, {"first", "node", "first_seen", "string"}, {"last", "node", "last_seen", "string"},
	{"depth", "node", "depth", "int"}, {"src", "node", "source", "string"}, {"link", "node", "permalink", "string"},
	{"relation", "edge", "relation", "string"}, {"elabel", "edge", "label", "string"},
	{"efirst", "edge", "first_seen", "string"}, {"elast", "edge", "last_seen", "string"}, {"edepth", "edge", "depth", "int"},
}

// writeGraphML writes GraphML 1.0 as Gephi, yEd, Cytoscape and NetworkX read it.
func (g *Graph) writeGraphML(w io.Writer) {
	fmt.Fprint(w, xml.Header, `<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">`, "\n")
	for _, k := range graphMLKeys {
		fmt.Fprintf(w, `  <key id="%s" for="%s" attr.name="%s" attr.type="%s"/>`+"\n", k.id, k.of, k.name, k.typ)
	}
	fmt.Fprint(w, `  <graph id="G" edgedefault="directed">`, "\n")
	data := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "      <data key=\"%s\">%s</data>\n", key, esc(value))
		}
	}
	for i, n := range g.Nodes {
		fmt.Fprintf(w, "    <node id=\"n%d\">\n", i)
		data("label", n.Value)
		data("type", n.Type)
		data("status", n.Status)
		data("verdict", n.Verdict)
		data("first", n.FirstSeen)
		data("last", n.LastSeen)
		data("depth", strconv.Itoa(n.Depth))
		data("src", n.Source)
		data("link", n.Permalink)
		fmt.Fprint(w, "    </node>\n")
	}
	for i, e := range g.Edges {
		fmt.Fprintf(w, "    <edge id=\"e%d\" source=\"n%d\" target=\"n%d\">\n", i, e.Source, e.Target)
		data("relation", string(e.Relation))
		data("elabel", e.Relation.label())
		data("efirst", e.FirstSeen)
		data("elast", e.LastSeen)
		data("edepth", strconv.Itoa(e.Depth))
		fmt.Fprint(w, "    </edge>\n")
	}
	fmt.Fprint(w, "  </graph>\n</graphml>\n")
}

// label is a relation for people.
func (r Relation) label() string { return strings.ReplaceAll(string(r), "_", " ") }

// quoteDOT writes a string of the DOT language. In labels the backslash has a
// meaning, and a line break ends nothing.
func quoteDOT(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ").Replace(s) + `"`
}

// dotShape is the shape by the type of a node.
var dotShape = map[string]string{"domain": "ellipse", "ip": "box", "email": "hexagon", "hash": "note", "antivirus": "octagon", Reference: "plaintext"}

var dotFill = map[string]string{"malicious": "#f8c9c4", "suspicious": "#fbe3b5", "harmless": "#cdebd0"}

// writeDOT writes the language of Graphviz.
func (g *Graph) writeDOT(w io.Writer) {
	fmt.Fprint(w, "digraph tclookup {\n  graph [rankdir=LR];\n  node [fontname=\"sans-serif\", fontsize=10];\n  edge [fontname=\"sans-serif\", fontsize=8];\n")
	for i, n := range g.Nodes {
		shape := dotShape[n.Type]
		if shape == "" {
			shape = "box"
		}
		fmt.Fprintf(w, "  n%d [label=%s, shape=%s, tooltip=%s", i, quoteDOT(n.Value), shape, quoteDOT(n.describe()))
		if fill := dotFill[n.Verdict]; fill != "" {
			fmt.Fprintf(w, ", style=filled, fillcolor=%q", fill)
		}
		if n.Depth == 0 {
			fmt.Fprint(w, ", penwidth=2")
		}
		fmt.Fprint(w, "];\n")
	}
	for _, e := range g.Edges {
		label := e.Relation.label()
		if e.LastSeen != "" {
			label += " " + e.LastSeen
		}
		fmt.Fprintf(w, "  n%d -> n%d [label=%s];\n", e.Source, e.Target, quoteDOT(label))
	}
	fmt.Fprint(w, "}\n")
}

// describe says in one line what is known about a node, for a tooltip or a
// screen reader.
func (n *Node) describe() string {
	parts := []string{n.Value, typeName(n.Type)}
	switch {
	case n.Verdict != "":
		parts = append(parts, n.Verdict)
	case n.Status != "":
		parts = append(parts, strings.ReplaceAll(n.Status, "_", " "))
	}
	if n.Reason != "" {
		parts = append(parts, n.Reason)
	}
	switch {
	case n.LastSeen != "" && n.FirstSeen != n.LastSeen:
		parts = append(parts, "seen "+n.FirstSeen+" to "+n.LastSeen)
	case n.LastSeen != "":
		parts = append(parts, "seen "+n.LastSeen)
	}
	if n.Omitted > 0 {
		parts = append(parts, fmt.Sprintf("%d more not shown", n.Omitted))
	}
	return strings.Join(parts, ", ")
}

// typeName is the type of a node for people.
func typeName(t string) string {
	switch t {
	case "ip":
		return "IP address"
	case "email":
		return "e-mail address"
	case "hash":
		return "file"
	case "antivirus":
		return "antivirus name"
	}
	return t
}
