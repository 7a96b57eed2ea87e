package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// The bounds of a walk whose Options do not say.
const (
	DefaultMaxNodes = 500
	DefaultMaxEdges = 2000
	DefaultList     = 50
)

// Options say how far a walk goes.
type Options struct {
	// Depth is the number of hops: 1, which smaller ones mean too, shows what
	// the reports of the starts name; 2 asks about these as well.
	Depth int
	// MaxNodes and MaxEdges bound the graph; 0 is the default above. The
	// starts are always in it.
	MaxNodes, MaxEdges int
	// List is how many elements of each list of a report are followed; 0 is
	// DefaultList, below 0 is all.
	List int
	// Parser makes the values in reports canonical; nil knows the public
	// suffixes only.
	Parser *indicator.Parser
	// Rules say what is not sent; nil is the built-in exclusions.
	Rules *indicator.Rules
	// Known, if there is one, tells what is known already about the nodes that
	// the walk does not ask about. It is not to send anything.
	Known source.Source
	// Progress, if there is one, is called after each answer: how many there
	// are, and how many of the same hop are open. Never two calls at once.
	Progress func(answered, open int)
}

// decoder is implemented by a source that is several, such as source.Router.
type decoder interface {
	DecodeFrom(name string, ind indicator.Indicator, raw []byte) (*source.Report, error)
}

// Walk goes breadth first from the starts, which are canonical, to what
// reports relate to them, and asks src about each indicator once. What the
// rules exclude is in the graph and never sent. It always returns a graph:
// where the budget, ctx or a bound ends the walk early, or a source fails, the
// graph has what was found by then, and notes.
func Walk(ctx context.Context, src source.Source, starts []indicator.Indicator, o Options) *Graph {
	w := newWalker(src, o)
	var level []int
	for _, ind := range starts {
		n, fresh := w.node(ind.Type.String(), ind.Value, 0)
		if fresh {
			w.exclude(n, ind)
			level = append(level, n)
		}
	}
	w.g.Starts = len(level)
	for depth := 0; depth < w.o.Depth && len(level) > 0; depth++ {
		level = w.step(ctx, level)
	}
	w.known(ctx, level)
	w.notes()
	return w.g
}

// FromReport returns the graph of one report at hand: what Walk finds with
// Depth 1 when name is the source that answered with r. Nobody is asked, but
// for Options.Known.
func FromReport(ctx context.Context, ind indicator.Indicator, r *source.Report, name string, o Options) *Graph {
	w := newWalker(nil, o)
	n, _ := w.node(ind.Type.String(), ind.Value, 0)
	w.g.Starts = 1
	w.found(n, &r.Summary, name)
	w.report(n, ind, r)
	w.known(ctx, w.next)
	w.notes()
	return w.g
}

type nodeKey struct{ typ, value string }

type edgeKey struct {
	source, target int
	relation       Relation
}

// walker builds a graph.
type walker struct {
	o     Options
	src   source.Source
	g     *Graph
	nodes map[nodeKey]int
	edges map[edgeKey]int
	done  []bool // by node: it is not to be asked (again)
	next  []int  // nodes first met in this step

	answered                        int // of all hops
	droppedNodes, droppedEdges, cut int
	open                            int    // nodes that were to be asked and have no answer
	why                             string // why the first of them has none
	ended                           error  // of the context, when it ended the walk
}

func newWalker(src source.Source, o Options) *walker {
	o.Depth = max(o.Depth, 1)
	if o.MaxNodes <= 0 {
		o.MaxNodes = DefaultMaxNodes
	}
	if o.MaxEdges <= 0 {
		o.MaxEdges = DefaultMaxEdges
	}
	if o.List == 0 {
		o.List = DefaultList
	}
	if o.Parser == nil {
		o.Parser, _ = indicator.NewParser(indicator.ParserConfig{}) // fails for suffixes only
	}
	if o.Rules == nil {
		o.Rules, _ = indicator.NewRules(indicator.RulesConfig{Defaults: true})
	}
	return &walker{o: o, src: src, g: new(Graph), nodes: map[nodeKey]int{}, edges: map[edgeKey]int{}}
}

// node returns the index of a node, which is added when it is not there and
// there is room; the index is below zero when there is none. Starts have room.
func (w *walker) node(typ, value string, depth int) (n int, fresh bool) {
	key := nodeKey{typ, value}
	if n, ok := w.nodes[key]; ok {
		return n, false
	}
	switch {
	case depth > 0 && len(w.g.Nodes) >= w.o.MaxNodes:
		w.droppedNodes++
		return -1, false
	case depth > 0 && len(w.g.Edges) >= w.o.MaxEdges: // nothing would lead to it
		w.droppedEdges++
		return -1, false
	}
	n = len(w.g.Nodes)
	w.nodes[key] = n
	w.g.Nodes = append(w.g.Nodes, Node{Value: value, Type: typ, Depth: depth})
	w.done = append(w.done, false)
	return n, true
}

// exclude marks a node that must not be sent.
func (w *walker) exclude(n int, ind indicator.Indicator) {
	if why := w.o.Rules.Excluded(ind); why != "" {
		w.done[n] = true
		w.g.Nodes[n].Status, w.g.Nodes[n].Reason = "excluded", why
	}
}

// step asks about the nodes of a level and returns those of the next.
func (w *walker) step(ctx context.Context, level []int) []int {
	w.next = nil
	level = slices.DeleteFunc(slices.Clone(level), func(n int) bool { return w.done[n] })
	if len(level) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		for _, n := range level {
			w.unanswered(n, source.Result{Status: source.Limited, Err: err})
		}
		w.ended = err
		return nil
	}
	in := make([]indicator.Indicator, len(level))
	results := make([]source.Result, len(level))
	for i, n := range level {
		in[i] = w.g.Nodes[n].Indicator()
		w.done[n] = true
	}
	open := len(in)
	w.src.Lookup(ctx, in, func(i int, r source.Result) {
		results[i] = r
		w.answered, open = w.answered+1, open-1
		if w.o.Progress != nil {
			w.o.Progress(w.answered, open)
		}
	})
	for i, n := range level {
		w.answer(n, in[i], &results[i])
	}
	if w.open > 0 {
		w.ended = ctx.Err()
	}
	return w.next
}

// answer enters what a source said about a node.
func (w *walker) answer(n int, ind indicator.Indicator, r *source.Result) {
	switch r.Status {
	case source.Found:
		w.found(n, &r.Summary, r.Source)
		if len(r.Raw) == 0 {
			return
		}
		rep, err := decode(w.src, ind, r)
		if err != nil {
			w.unanswered(n, source.Result{Status: source.Failed, Err: err})
			return
		}
		w.report(n, ind, rep)
	case source.NotFound:
		w.g.Nodes[n].Status, w.g.Nodes[n].Source = "not_found", r.Source
	case source.Unsupported:
		w.g.Nodes[n].Status = "unsupported"
		if r.Err != nil {
			w.g.Nodes[n].Reason = r.Err.Error()
		}
		if w.g.Nodes[n].Depth == 0 {
			w.why, w.open = w.reason(n), w.open+1
		}
	default:
		w.unanswered(n, *r)
	}
}

// found enters a summary.
func (w *walker) found(n int, s *source.Summary, name string) {
	node := &w.g.Nodes[n]
	node.Status, node.Source = "found", name
	node.Verdict, node.Related, node.Permalink = s.Verdict.String(), int(s.Related), clean(s.Permalink)
	node.seen("", s.LastSeen)
}

// decode reads a report as its source does.
func decode(src source.Source, ind indicator.Indicator, r *source.Result) (*source.Report, error) {
	if d, ok := src.(decoder); ok && r.Source != "" {
		return d.DecodeFrom(r.Source, ind, r.Raw)
	}
	return src.Decode(ind, r.Raw)
}

// unanswered enters that a node was to be asked about and has no answer.
func (w *walker) unanswered(n int, r source.Result) {
	node := &w.g.Nodes[n]
	node.Status = "skipped"
	if r.Status == source.Failed {
		node.Status = "error"
	}
	if r.Err != nil {
		node.Reason = clean(r.Err.Error())
	}
	if w.open == 0 {
		w.why = w.reason(n)
	}
	w.open++
}

func (w *walker) reason(n int) string {
	if r := w.g.Nodes[n].Reason; r != "" {
		return r
	}
	return "nobody was asked"
}

// report enters what the report about a node names.
func (w *walker) report(n int, ind indicator.Indicator, r *source.Report) {
	if ind.Type == indicator.Hash {
		w.aliases(n, r)
	}
	samples := CommunicatingSample
	if ind.Type == indicator.Antivirus {
		samples = DetectedSample
	}
	domains := ContactedDomain
	if ind.Type == indicator.Email {
		domains = RegisteredDomain
	}
	for i, x := range r.Resolutions {
		if w.full(n, i, len(r.Resolutions)) {
			break
		}
		other := indicator.IP
		if ind.Type == indicator.IP {
			other = indicator.Domain
		}
		w.relate(n, Resolution, indicator.None, other, x.Value, x.LastSeen)
	}
	for _, l := range []struct {
		relation Relation
		typ      indicator.Type
		values   []string
	}{
		{ContactedIP, indicator.IP, r.IPs},
		{domains, indicator.Domain, r.Domains},
		{Subdomain, indicator.Domain, r.Subdomains},
		{RegistrantEmail, indicator.Email, r.Emails},
		{samples, indicator.Hash, r.Hashes},
		{Detection, indicator.Antivirus, r.Scans},
		{ReferenceTo, indicator.None, r.References},
	} {
		for i, v := range l.values {
			if w.full(n, i, len(l.values)) {
				break
			}
			w.relate(n, l.relation, l.typ, l.typ, v, "")
		}
	}
}

// full reports whether the i-th of a list is beyond the bound, and counts what
// is left out then.
func (w *walker) full(n, i, of int) bool {
	if w.o.List < 0 || i < w.o.List {
		return false
	}
	w.g.Nodes[n].Omitted += of - i
	w.cut++
	return true
}

// aliases enters the other hashes of a file. They need no asking: what is
// known about the file is known about them.
func (w *walker) aliases(n int, r *source.Report) {
	for _, h := range []string{r.MD5, r.SHA1} {
		if h == "" || h == w.g.Nodes[n].Value {
			continue
		}
		t := w.relate(n, SameFile, indicator.Hash, indicator.Hash, h, "")
		if t < 0 || w.g.Nodes[t].Status != "" || w.done[t] {
			continue
		}
		from := w.g.Nodes[n]
		node := &w.g.Nodes[t]
		node.Status, node.Verdict, node.Source, node.LastSeen, node.Permalink = from.Status, from.Verdict, from.Source, from.LastSeen, from.Permalink
		w.done[t] = true
	}
}

// relate enters one relation to a value as it stands in a report, and returns
// its node, below zero when there is none. want is the type the value must
// have, None that of a domain or an address, and other the one it is taken for
// when it is no indicator. A date is that of the newest sighting.
func (w *walker) relate(n int, rel Relation, want, other indicator.Type, value, date string) int {
	depth := w.g.Nodes[n].Depth + 1
	var t int
	var fresh bool
	if rel == ReferenceTo {
		if value = clean(value); value == "" {
			return -1
		}
		if t, fresh = w.node(Reference, value, depth); fresh {
			w.done[t] = true
		}
	} else if ind, err := w.parse(value, want); err == nil {
		if t, fresh = w.node(ind.Type.String(), ind.Value, depth); fresh {
			w.exclude(t, ind)
		}
	} else if errors.Is(err, indicator.ErrEmpty) {
		return -1
	} else if t, fresh = w.node(other.String(), clean(value), depth); fresh {
		w.done[t] = true
		w.g.Nodes[t].Status, w.g.Nodes[t].Reason = "invalid", err.Error()
	}
	if fresh {
		w.next = append(w.next, t)
	}
	if t < 0 {
		w.g.Nodes[n].Omitted++
		return -1
	}
	if t == n { // a name that is its own
		return t
	}
	w.edge(n, t, rel, date, depth)
	return t
}

var errNoHost = errors.New("neither a domain nor an address")

// parse reads a value that must have a type; None is a domain or an address.
func (w *walker) parse(value string, want indicator.Type) (indicator.Indicator, error) {
	ind, err := w.o.Parser.Parse(value, want)
	if err == nil && want == indicator.None && ind.Type != indicator.Domain && ind.Type != indicator.IP {
		err = errNoHost
	}
	return ind, err
}

// edge enters an edge, or what is new about one that is there.
func (w *walker) edge(s, t int, rel Relation, date string, depth int) {
	at, ok := w.edges[edgeKey{s, t, rel}]
	for _, r := range inverses[rel] {
		if ok {
			break
		}
		at, ok = w.edges[edgeKey{t, s, r}]
	}
	if !ok {
		if len(w.g.Edges) >= w.o.MaxEdges {
			w.droppedEdges++
			return
		}
		at = len(w.g.Edges)
		w.edges[edgeKey{s, t, rel}] = at
		w.g.Edges = append(w.g.Edges, Edge{Source: s, Target: t, Relation: rel, Depth: depth})
	}
	e := &w.g.Edges[at]
	if date != "" && e.LastSeen != "" && date != e.LastSeen { // two sightings
		e.FirstSeen = earlier(e.FirstSeen, min(date, e.LastSeen))
	}
	e.LastSeen = max(e.LastSeen, date)
	w.g.Nodes[s].seen(e.FirstSeen, e.LastSeen)
	w.g.Nodes[t].seen(e.FirstSeen, e.LastSeen)
}

// seen widens the time in which a node is known to be seen.
func (n *Node) seen(first, last string) {
	if first == "" {
		first = last
	}
	n.FirstSeen, n.LastSeen = earlier(n.FirstSeen, first), max(n.LastSeen, last)
}

// earlier returns the earlier of two dates, either of which may be unknown.
func earlier(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// known enters what is known already about nodes that nobody is asked about.
func (w *walker) known(ctx context.Context, level []int) {
	level = slices.DeleteFunc(slices.Clone(level), func(n int) bool { return w.done[n] })
	if w.o.Known == nil || len(level) == 0 {
		return
	}
	in := make([]indicator.Indicator, len(level))
	for i, n := range level {
		in[i] = w.g.Nodes[n].Indicator()
	}
	w.o.Known.Lookup(ctx, in, func(i int, r source.Result) {
		switch r.Status {
		case source.Found:
			w.found(level[i], &r.Summary, r.Source)
		case source.NotFound:
			w.g.Nodes[level[i]].Status, w.g.Nodes[level[i]].Source = "not_found", r.Source
		}
	})
}

// notes says in what the graph is not complete.
func (w *walker) notes() {
	note := func(format string, args ...any) { w.g.Notes = append(w.g.Notes, fmt.Sprintf(format, args...)) }
	switch {
	case w.open > 0 && errors.Is(w.ended, context.DeadlineExceeded):
		note("the time ended before %d of the indicators were answered: %s", w.open, w.why)
	case w.open > 0 && w.ended != nil:
		note("interrupted before %d of the indicators were answered", w.open)
	case w.open > 0:
		note("%d of the indicators were not answered; the first: %s", w.open, w.why)
	}
	w.g.Truncated = w.cut > 0 || w.droppedNodes > 0 || w.droppedEdges > 0
	if w.cut > 0 {
		note("%d lists were longer than the %d elements that are followed of each", w.cut, w.o.List)
	}
	if w.droppedNodes > 0 {
		note("the graph has its most nodes, %d; what reports name beyond them, %d times, is left out", w.o.MaxNodes, w.droppedNodes)
	}
	if w.droppedEdges > 0 {
		note("the graph has its most edges, %d; %d more are left out", w.o.MaxEdges, w.droppedEdges)
	}
}

// clean returns text for a node: valid UTF-8, no control characters, none that
// turn the direction of writing, not longer than the longest value looked at.
func clean(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '\ufffd'
		}
		return r
	}, s)
	if len(s) > indicator.MaxLen {
		s = strings.ToValidUTF8(s[:indicator.MaxLen], "") + "…"
	}
	return s
}
