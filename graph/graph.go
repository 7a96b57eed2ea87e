// Package graph walks from indicators to the infrastructure that reports
// relate to them, and writes what it finds for people and for the tools that
// draw graphs.
package graph

import (
	"encoding/json"

	"github.com/tclookup/tclookup/indicator"
)

// Reference is the type of a node that stands for a published reference, such
// as the address of an article. All other types are those of indicators.
const Reference = "reference"

// Relation says what the target of an edge is to its source.
type Relation string

// The relations, by the list of a report that names the target.
const (
	Resolution          Relation = "resolution"           // domain → address, address → domain: passive DNS
	CommunicatingSample Relation = "communicating_sample" // domain or address → file that contacted it
	ContactedIP         Relation = "contacted_ip"         // file → address that it contacted
	ContactedDomain     Relation = "contacted_domain"     // file → domain that it contacted
	RegistrantEmail     Relation = "registrant_email"     // domain → e-mail address that registered it
	RegisteredDomain    Relation = "registered_domain"    // e-mail address → domain that it registered
	Subdomain           Relation = "subdomain"            // domain → domain below it
	Detection           Relation = "detection"            // file → name that a scanner gives it
	DetectedSample      Relation = "detected_sample"      // name of a scanner → file that it detects
	SameFile            Relation = "same_file"            // file → other hash of the same file
	ReferenceTo         Relation = "reference"            // anything → where it was written about
)

// inverses maps a relation to what it is when read from the target: the
// reports of both ends name the same fact.
var inverses = map[Relation][]Relation{
	Resolution:          {Resolution},
	CommunicatingSample: {ContactedIP, ContactedDomain},
	ContactedIP:         {CommunicatingSample},
	ContactedDomain:     {CommunicatingSample},
	RegistrantEmail:     {RegisteredDomain},
	RegisteredDomain:    {RegistrantEmail},
	Detection:           {DetectedSample},
	DetectedSample:      {Detection},
	SameFile:            {SameFile},
}

// Node is something that was asked about or named by a report. Its strings
// are valid UTF-8 without control characters.
type Node struct {
	Value string `json:"value"`
	Type  string `json:"type"` // that of an indicator, or Reference
	// Status is one of the words of the output field status; empty when the
	// node was not asked about, as it lies at the end of the walk or is a
	// reference.
	Status  string `json:"status,omitempty"`
	Reason  string `json:"reason,omitempty"`  // why it was not answered
	Verdict string `json:"verdict,omitempty"` // empty unless a source answered Found
	// FirstSeen and LastSeen are the oldest and the newest date known of the
	// node and its edges, YYYY-MM-DD, empty when none is.
	FirstSeen string `json:"first_seen,omitempty"`
	LastSeen  string `json:"last_seen,omitempty"`
	Depth     int    `json:"depth"`             // hops from the nearest start, which has 0
	Related   int    `json:"related,omitempty"` // entities its report names
	Omitted   int    `json:"omitted,omitempty"` // of those, left out of the graph because of a bound
	Source    string `json:"source,omitempty"`  // which source answered
	Permalink string `json:"permalink,omitempty"`
}

// Indicator returns the indicator that a node stands for; its type is None for
// a reference.
func (n *Node) Indicator() indicator.Indicator {
	if n.Type == Reference {
		return indicator.Indicator{Value: n.Value}
	}
	t, err := indicator.ParseType(n.Type)
	if err != nil {
		return indicator.Indicator{Value: n.Value}
	}
	return indicator.Indicator{Type: t, Value: n.Value}
}

// Edge is one relation. Source and Target are indices of Graph.Nodes.
type Edge struct {
	Source, Target int
	Relation       Relation
	FirstSeen      string // YYYY-MM-DD, empty when no source says when it was first seen
	LastSeen       string // YYYY-MM-DD, empty when unknown
	Depth          int    // hops from the nearest start to the far end: 1 for what a start's own report names
}

// Graph is what a walk found. Nodes and edges are in the order in which a walk
// breadth first meets them, the starts first, and so the same for the same
// answers. An edge that reports of both its ends name is there once, from the
// end that was asked first.
type Graph struct {
	Nodes []Node
	Edges []Edge
	// Starts is the number of nodes, the first ones, that the walk began with.
	Starts int
	// Truncated says that a bound of the Options left something out.
	Truncated bool
	// Notes say, one line each, in what the graph is not complete: what a
	// bound left out, what could not be asked or answered.
	Notes []string
}

// Complete reports whether the graph has everything within its depth.
func (g *Graph) Complete() bool { return len(g.Notes) == 0 }

// Row is one edge as a record, with the names of the search command tcreport.
type Row struct {
	Source     string   `json:"source"`
	SourceType string   `json:"source_type"`
	Relation   Relation `json:"relation"`
	Target     string   `json:"target"`
	TargetType string   `json:"target_type"`
	FirstSeen  string   `json:"first_seen,omitempty"`
	LastSeen   string   `json:"last_seen,omitempty"`
	Verdict    string   `json:"verdict,omitempty"` // of the target, empty when it is not known
	Depth      int      `json:"depth"`
}

// Row returns the edge with index i as a record.
func (g *Graph) Row(i int) Row {
	e := &g.Edges[i]
	s, t := &g.Nodes[e.Source], &g.Nodes[e.Target]
	return Row{
		Source: s.Value, SourceType: s.Type, Relation: e.Relation, Target: t.Value, TargetType: t.Type,
		FirstSeen: e.FirstSeen, LastSeen: e.LastSeen, Verdict: t.Verdict, Depth: e.Depth,
	}
}

// MarshalJSON writes {"complete", "nodes", "edges", "notes"}; edges name their
// ends, as Row has them.
func (g *Graph) MarshalJSON() ([]byte, error) {
	rows := make([]Row, len(g.Edges))
	for i := range rows {
		rows[i] = g.Row(i)
	}
	nodes := g.Nodes
	if nodes == nil {
		nodes = []Node{}
	}
	return json.Marshal(struct {
		Complete bool     `json:"complete"`
		Starts   int      `json:"starts"`
		Nodes    []Node   `json:"nodes"`
		Edges    []Row    `json:"edges"`
		Notes    []string `json:"notes,omitempty"`
	}{g.Complete(), g.Starts, nodes, rows, g.Notes})
}
