package graph

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
)

var formats = []Format{JSON, CSV, GraphML, DOT, Maltego, SVG, Text}

// hostile is a graph with a value in every place that strangers fill.
func hostile(value string) *Graph {
	return &Graph{
		Starts: 1,
		Nodes: []Node{
			{Value: value, Type: "domain", Status: "found", Verdict: "malicious", Source: value, Permalink: value, LastSeen: "2026-01-02", FirstSeen: "2026-01-01"},
			{Value: value, Type: Reference, Depth: 1, Reason: value, Status: "error"},
			{Value: value, Type: "antivirus", Depth: 1, Omitted: 3},
			{Value: "2001:db8::1", Type: "ip", Depth: 1, Status: "excluded"},
		},
		Edges: []Edge{
			{Source: 0, Target: 1, Relation: ReferenceTo, Depth: 1},
			{Source: 0, Target: 2, Relation: Detection, FirstSeen: "2026-01-01", LastSeen: "2026-01-02", Depth: 1},
			{Source: 0, Target: 3, Relation: Resolution, Depth: 1},
			{Source: 1, Target: 2, Relation: Detection, Depth: 2},
		},
		Notes: []string{value},
	}
}

func written(t *testing.T, g *Graph, f Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := g.Write(&b, f); err != nil {
		t.Fatalf("%s: %v", f, err)
	}
	return b.Bytes()
}

// texts reads XML, which must be well-formed, and returns its text and the
// values of its attributes.
func texts(t *testing.T, b []byte) (text []string) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, b)
		}
		switch tok := tok.(type) {
		case xml.CharData:
			text = append(text, string(tok))
		case xml.StartElement:
			if tok.Name.Local == "script" || strings.HasPrefix(tok.Name.Local, "on") {
				t.Fatalf("element %s", tok.Name.Local)
			}
			for _, a := range tok.Attr {
				if strings.HasPrefix(a.Name.Local, "on") {
					t.Fatalf("attribute %s", a.Name.Local)
				}
				text = append(text, a.Value)
			}
		}
	}
}

// maltegoGraph takes the GraphML out of a graph file of Maltego.
func maltegoGraph(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("Graphs/Graph1.graphml")
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkFormats writes a graph in every format and reads it again.
func checkFormats(t *testing.T, g *Graph, value string) {
	t.Helper()
	for _, f := range formats {
		b := written(t, g, f)
		if !bytes.Equal(b, written(t, g, f)) {
			t.Errorf("%s: another text for the same graph", f)
		}
		switch f {
		case JSON:
			var back struct {
				Nodes []Node
				Edges []Row
				Notes []string
			}
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatalf("json: %v", err)
			}
			want := strings.ToValidUTF8(value, "\ufffd")
			if len(back.Nodes) != len(g.Nodes) || len(back.Edges) != len(g.Edges) || len([]rune(back.Nodes[0].Value)) < len([]rune(want)) {
				t.Errorf("json: %s", b)
			}
		case CSV:
			rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
			if err != nil || len(rows) != len(g.Edges)+1 || !slices.Equal(rows[0], columns) {
				t.Fatalf("csv: %v %q", err, rows)
			}
			for _, cell := range slices.Concat(rows[1:]...) {
				if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") {
					t.Errorf("csv: a spreadsheet computes %q", cell)
				}
			}
		case GraphML, SVG:
			texts(t, b)
		case Maltego:
			texts(t, maltegoGraph(t, b))
		case DOT:
			if n := bytes.Count(b, []byte("\n")); n != len(g.Nodes)+len(g.Edges)+5 {
				t.Errorf("dot: %d lines\n%s", n, b)
			}
			for _, line := range strings.Split(string(b), "\n") {
				if quotes(line)%2 != 0 {
					t.Errorf("dot: a string is open in %q", line)
				}
			}
		}
	}
}

// quotes counts the quotation marks of a line of DOT that begin or end a
// string.
func quotes(s string) (n int) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			n++
		}
	}
	return n
}

var nasty = []string{
	"", "plain.com", `"; "`, `\`, `\"`, `</title><script>alert(1)</script>`, `]]>`, "&amp;<&>'\"", "a\x00b\x1b[31m", "\xff\xfe", "\uffff",
	"=cmd|' /C calc'!A0", "@SUM(A1)", "+1", "-1", "\t=1", "\r\n=2", "javascript:alert(1)", "line\nbreak", "＝1+1",
	strings.Repeat("ü", 100), strings.Repeat("0", 128), "http://x.test/?a=1&b=2",
}

func TestWriteHostile(t *testing.T) {
	for _, v := range nasty {
		t.Run(fmt.Sprintf("%.20q", v), func(t *testing.T) { checkFormats(t, hostile(v), v) })
	}
	checkFormats(t, &Graph{Starts: 1, Nodes: []Node{{Value: "alone.com", Type: "domain"}}}, "alone.com")
}

func FuzzWrite(f *testing.F) {
	for _, v := range nasty {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) { checkFormats(t, hostile(v), v) })
}

func TestWriteUnknown(t *testing.T) {
	if err := new(Graph).Write(io.Discard, "pdf"); err == nil || !strings.Contains(err.Error(), "graphml") {
		t.Errorf("unknown format: %v", err)
	}
	for _, f := range formats {
		if err := hostile("x").Write(&brokenWriter{}, f); !errors.Is(err, errBroken) {
			t.Errorf("%s: a full disk is %v", f, err)
		}
		if f.MediaType() == "" || !strings.HasPrefix(f.Extension(), ".") {
			t.Errorf("%s: %q, %q", f, f.MediaType(), f.Extension())
		}
	}
}

var errBroken = errors.New("disk full")

type brokenWriter struct{}

func (*brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestCSV(t *testing.T) {
	g := Walk(context.Background(), evil(), []indicator.Indicator{domain("evil.com")}, Options{Depth: 2})
	got := strings.Split(string(written(t, g, CSV)), "\n")
	want := []string{
		"source,source_type,relation,target,target_type,first_seen,last_seen,verdict,depth",
		"evil.com,domain,resolution,8.8.4.4,ip,2026-01-15,2026-03-02,unknown,1",
		"evil.com,domain,resolution,10.0.0.1,ip,,2026-01-01,,1",
	}
	if diff := cmp.Diff(want, got[:3]); diff != "" {
		t.Error(diff)
	}
}

func TestText(t *testing.T) {
	g := Walk(context.Background(), evil(), []indicator.Indicator{domain("evil.com")}, Options{Depth: 2, List: 2})
	want := `evil.com           domain  malicious  2026-01-01 to 2026-03-02  1 more not shown
  2 resolutions:
    8.8.4.4          ip      unknown    2025-01-01 to 2026-03-02  1 more not shown
      resolution:
        other.com    domain             2025-01-01
      communicating sample:
        ` + md5b + `  hash
    10.0.0.1         ip      excluded   2026-01-01
  subdomain:
    a.evil.com       domain  not found
`
	got := string(written(t, g, Text))
	fold := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if !strings.HasPrefix(fold(got), fold(want)) {
		t.Errorf("got\n%s", got)
	}
	if !strings.Contains(got, "also\n  "+md5a+": contacted ip 8.8.4.4") {
		t.Errorf("relations between others are missing in\n%s", got)
	}
}

func TestGraphMLStructure(t *testing.T) {
	g := Walk(context.Background(), evil(), []indicator.Indicator{domain("evil.com")}, Options{Depth: 2})
	type data struct {
		Key   string `xml:"key,attr"`
		Value string `xml:",chardata"`
	}
	var doc struct {
		Keys []struct {
			ID string `xml:"id,attr"`
		} `xml:"key"`
		Nodes []struct {
			ID   string `xml:"id,attr"`
			Data []data `xml:"data"`
		} `xml:"graph>node"`
		Edges []struct {
			Source string `xml:"source,attr"`
			Target string `xml:"target,attr"`
			Data   []data `xml:"data"`
		} `xml:"graph>edge"`
	}
	if err := xml.Unmarshal(written(t, g, GraphML), &doc); err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, k := range doc.Keys {
		declared[k.ID] = true
	}
	ids := map[string]bool{}
	for i, n := range doc.Nodes {
		ids[n.ID] = true
		if n.Data[0].Key != "label" || n.Data[0].Value != g.Nodes[i].Value {
			t.Errorf("node %d: %+v", i, n)
		}
		for _, d := range n.Data {
			if !declared[d.Key] {
				t.Errorf("key %s is not declared", d.Key)
			}
		}
	}
	for i, e := range doc.Edges {
		if !ids[e.Source] || !ids[e.Target] || e.Data[0].Value != string(g.Edges[i].Relation) {
			t.Errorf("edge %d: %+v", i, e)
		}
	}
	if len(doc.Nodes) != len(g.Nodes) || len(doc.Edges) != len(g.Edges) {
		t.Errorf("%d nodes, %d edges", len(doc.Nodes), len(doc.Edges))
	}
}

func TestMaltego(t *testing.T) {
	g := &Graph{Starts: 1, Nodes: []Node{
		{Value: "evil.com", Type: "domain", Verdict: "malicious"}, {Value: "8.8.4.4", Type: "ip"}, {Value: "2001:db8::1", Type: "ip"},
		{Value: "who@mail.com", Type: "email"}, {Value: md5a, Type: "hash"}, {Value: "Trojan.X", Type: "antivirus"},
		{Value: "https://blog.example/", Type: Reference}, {Value: "httpblog.example", Type: Reference},
	}}
	text := string(maltegoGraph(t, written(t, g, Maltego)))
	for _, want := range []string{
		`type="maltego.Domain"`, `name="fqdn" nullable="true" readonly="false" type="string"><mtg:Value>evil.com<`,
		`type="maltego.IPv4Address"`, `name="ipv4-address"`, `type="maltego.IPv6Address"`, `name="ipv6-address"`,
		`type="maltego.EmailAddress"`, `name="email"`, `type="maltego.Hash"`, `name="properties.hash"`,
		`type="maltego.Phrase"`, `name="text"`, `type="maltego.URL"`, `<mtg:Value>malicious<`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestSVG(t *testing.T) {
	g := Walk(context.Background(), evil(), []indicator.Indicator{domain("evil.com")}, Options{Depth: 2})
	var b bytes.Buffer
	g.WriteSVG(&b, Drawing{Inline: true, Href: func(n *Node) string {
		if n.Type == Reference {
			return ""
		}
		return "/x?a=1&v=" + n.Value
	}})
	text := b.String()
	for _, want := range []string{
		`role="group" aria-labelledby="tc-graph-title tc-graph-desc"`, `<title id="tc-graph-title">What is related to evil.com</title>`,
		`3 resolutions`, `href="/x?a=1&amp;v=8.8.4.4"`, `evil.com, domain, malicious, seen 2026-01-01 to 2026-03-02`,
		`10.0.0.1, IP address, excluded, private`, `evil.com: resolution 8.8.4.4, seen 2026-01-15 to 2026-03-02`,
		`class="node malicious start"`, `>✕</text>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(text, "<style") || strings.Count(text, "<a ") != len(g.Nodes)-1 {
		t.Errorf("style sheet or links: %d", strings.Count(text, "<a "))
	}
	if file := string(written(t, g, SVG)); !strings.Contains(file, "<style>") || strings.Contains(file, "<a ") || strings.Contains(file, "url(") {
		t.Error("the file is not a drawing of its own")
	}
}

// Wherever nodes are, all are drawn, within the drawing, and none on another.
func TestLayoutProperties(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := randomWorld(r, 2+r.IntN(40))
		starts := []indicator.Indicator{domain("d1.com"), domain("d2.com"), domain("d3.com")}[:1+r.IntN(3)]
		g := Walk(context.Background(), w, starts, Options{Depth: 1 + r.IntN(4), MaxEdges: 1 + r.IntN(100)})
		l := newLayout(g)
		for i, b := range l.boxes {
			if !b.drawn || b.x < 0 || b.y < 0 || b.x+b.w > l.width || b.y+rowHeight > l.height {
				t.Fatalf("seed %d: node %d at %+v in %d × %d", seed, i, b, l.width, l.height)
			}
			for j, c := range l.boxes[:i] {
				if b.x < c.x+c.w && c.x < b.x+b.w && b.y < c.y+rowHeight && c.y < b.y+rowHeight {
					t.Fatalf("seed %d: nodes %d and %d are on each other: %+v %+v", seed, j, i, c, b)
				}
			}
		}
		for n := range l.groups {
			for k := range l.groups[n] {
				y := l.headingY(&l.groups[n][k])
				for i, b := range l.boxes {
					if head := l.boxes[l.groups[n][k].nodes[0]]; b.x == head.x && y > b.y && y-10 < b.y+rowHeight {
						t.Fatalf("seed %d: a heading at %d is on node %d: %+v", seed, y, i, b)
					}
				}
			}
		}
	}
}

func TestShorten(t *testing.T) {
	if s := shorten(strings.Repeat("ab", 40), 11); s != "ababab…abab" {
		t.Errorf("got %s", s)
	}
	if s := shorten("short", 11); s != "short" {
		t.Errorf("got %s", s)
	}
}
