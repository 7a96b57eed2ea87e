package graph

import (
	"archive/zip"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// maltegoEntity returns the type of Maltego's standard entities that a node
// is, and the property of it that holds the value.
func maltegoEntity(n *Node) (typ, property string) {
	switch n.Type {
	case "domain":
		return "maltego.Domain", "fqdn"
	case "ip":
		if a, err := netip.ParseAddr(n.Value); err == nil && a.Is6() {
			return "maltego.IPv6Address", "ipv6-address"
		}
		return "maltego.IPv4Address", "ipv4-address"
	case "email":
		return "maltego.EmailAddress", "email"
	case "hash":
		return "maltego.Hash", "properties.hash"
	case Reference:
		if strings.HasPrefix(n.Value, "http://") || strings.HasPrefix(n.Value, "https://") {
			return "maltego.URL", "url"
		}
	}
	return "maltego.Phrase", "text"
}

// writeMaltego writes a graph file of Maltego (.mtgx): a ZIP archive that
// holds GraphML with Maltego's own elements. Unlike a table it needs no mapping
// of columns when it is opened, and each node has its entity type.
func (g *Graph) writeMaltego(w io.Writer) error {
	z := zip.NewWriter(w)
	// No time of day in it, so that the same graph gives the same bytes.
	f, err := z.CreateHeader(&zip.FileHeader{Name: "Graphs/Graph1.graphml", Method: zip.Deflate})
	if err != nil {
		return err
	}
	g.writeMaltegoGraph(f)
	return z.Close()
}

const maltegoHead = `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:mtg="http://maltego.paterva.com/xml/mtgx">
  <VersionInfo createdBy="tclookup" subtitle="" version="1"/>
  <key attr.name="MaltegoEntity" for="node" id="d0"/>
  <key for="node" id="d1" yfiles.type="nodegraphics"/>
  <key attr.name="MaltegoLink" for="edge" id="d2"/>
  <key for="edge" id="d3" yfiles.type="edgegraphics"/>
  <graph edgedefault="directed" id="G">
`

func (g *Graph) writeMaltegoGraph(w io.Writer) {
	property := func(name, display, typ, value string) {
		if value != "" {
			fmt.Fprintf(w, `<mtg:Property displayName="%s" hidden="false" name="%s" nullable="true" readonly="false" type="%s"><mtg:Value>%s</mtg:Value></mtg:Property>`,
				esc(display), esc(name), typ, esc(value))
		}
	}
	fmt.Fprint(w, maltegoHead)
	places := newLayout(g).boxes
	for i := range g.Nodes {
		n := &g.Nodes[i]
		typ, key := maltegoEntity(n)
		fmt.Fprintf(w, `    <node id="n%d"><data key="d0"><mtg:MaltegoEntity type="%s"><mtg:Properties>`, i, typ)
		if typ == "maltego.URL" {
			property("short-title", "Short title", "string", n.Value)
		}
		property(key, "Value", "string", n.Value)
		property("tclookup.status", "Status", "string", n.Status)
		property("tclookup.verdict", "Verdict", "string", n.Verdict)
		property("tclookup.first_seen", "First seen", "string", n.FirstSeen)
		property("tclookup.last_seen", "Last seen", "string", n.LastSeen)
		property("tclookup.permalink", "Permalink", "string", n.Permalink)
		fmt.Fprintf(w, `</mtg:Properties></mtg:MaltegoEntity></data><data key="d1"><mtg:EntityRenderer><mtg:Position x="%d" y="%d"/></mtg:EntityRenderer></data></node>`+"\n",
			places[i].x, 3*places[i].y)
	}
	for i, e := range g.Edges {
		fmt.Fprintf(w, `    <edge id="e%d" source="n%d" target="n%d"><data key="d2"><mtg:MaltegoLink type="maltego.link.manual-link"><mtg:Properties>`, i, e.Source, e.Target)
		property("maltego.link.manual.type", "Label", "string", e.Relation.label())
		property("maltego.link.show-label", "Show Label", "int", "0")
		property("tclookup.first_seen", "First seen", "string", e.FirstSeen)
		property("tclookup.last_seen", "Last seen", "string", e.LastSeen)
		fmt.Fprint(w, `</mtg:Properties></mtg:MaltegoLink></data><data key="d3"><mtg:LinkRenderer/></data></edge>`+"\n")
	}
	fmt.Fprint(w, "  </graph>\n</graphml>\n")
}
