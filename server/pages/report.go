package pages

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tclookup/tclookup/graph"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// Bounds of what a page shows unless all is asked for.
const (
	maxRows   = 100 // of a table
	maxDrawn  = 12  // of each list in a drawing
	maxNodes  = 150 // in a drawing
	maxDepth  = 3
	maxDates  = 40   // lines of a time line
	maxExport = 2000 // indicators in a download
)

// report is the body of the page of an indicator.
type report struct {
	Value, Type, Kind string
	Status            string // a word of the output field status
	Explain           string // what the status means, unless it is found
	Verdict           string
	Sign              string // of the verdict, for those who see no colours
	VotesText         string
	Facts             []fact
	Tables            []table
	Drawing           template.HTML
	Notes             []string
	TimeLine          template.HTML
	Depths            []link // other depths of the drawing
	Downloads         []link
	All               string // leads to the page with everything in the tables; empty when it is there
	Vote              *voteForm
	Voted             string
}

// State is the status in words.
func (p *report) State() string { return strings.ReplaceAll(p.Status, "_", " ") }

type fact struct{ Name, Value string }

type link struct {
	Text, Href string
	Here       bool
}

// table is one list of a report.
type table struct {
	ID, Title string
	Columns   []string
	Rows      []row
	Total     int
	Verdicts  bool // there is a column for them
}

type row struct {
	Text    string
	Href    string // to the page of it; empty when it has none
	Verdict string // of what is known about it; empty otherwise
	Sign    string
	Dates   []string // cells after the first
}

type voteForm struct {
	Name   string // who votes
	May    bool
	Token  string
	SignIn string
}

// report serves the page of an indicator.
func (h *Handler) report(w http.ResponseWriter, r *http.Request, k kind) {
	q := r.URL.Query()
	ind, ok := h.of(w, r, k, q.Get(k.param))
	if !ok {
		return
	}
	res, rep, excluded := h.answer(r.Context(), ind)
	depth := depthOf(q.Get("depth"))
	p := &report{Value: ind.Value, Type: ind.Type.String(), Kind: k.name}
	code := p.status(&res, excluded)
	if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "60")
	}
	if rep != nil {
		p.summary(rep, &res, h.o.Now(), r.Host+Address(ind))
		h.related(r.Context(), p, ind, rep, &res, depth, q.Get("all") != "")
	}
	if v := q.Get("voted"); v != "" {
		if _, ok := voteWords[v]; ok {
			p.Voted = v
		}
	}
	if h.o.Votes != nil {
		f := &voteForm{SignIn: signInAddress(ind)}
		if f.Name, f.May = h.o.Votes.Voter(r); f.May {
			f.Token = h.sign(f.Name, ind, h.o.Now())
		}
		p.Vote = f
	}
	h.show(w, r, code, "report.html", page{Title: ind.Value, Query: ind.Value, Type: p.typeForSearch(), Body: p})
}

// typeForSearch is what is chosen beside the search box.
func (p *report) typeForSearch() string {
	if p.Type == indicator.Antivirus.String() {
		return p.Type
	}
	return ""
}

// depthOf reads the depth of a drawing; whatever is none is 1.
func depthOf(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 1
	}
	return min(n, maxDepth)
}

// status enters how the look-up ended, and returns the code of the page.
func (p *report) status(res *source.Result, excluded string) int {
	p.Status = "not_found"
	reason := ""
	if res.Err != nil {
		reason = ": " + res.Err.Error()
	}
	switch {
	case res.Status == source.Found:
		p.Status = "found"
		if excluded != "" {
			p.Explain = "Only what is known here is shown. It is never sent to anybody: " + excluded + "."
		}
	case res.Status == source.Failed:
		p.Status, p.Explain = "error", "A source failed"+reason+"."
		return http.StatusBadGateway
	case excluded != "":
		p.Status, p.Explain = "excluded", "It is never sent to anybody: "+excluded+". Nothing is known about it here."
	case res.Status == source.NotFound:
		p.Explain = "Every source that was asked answered, and none knows it. That is not the same as harmless."
	case res.Status == source.Unsupported:
		p.Status, p.Explain = "unsupported", "No source answers this type"+reason+"."
	default:
		p.Status, p.Explain = "skipped", "It was not answered in time"+reason+". Load the page again in a minute."
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

var signs = map[string]string{"malicious": "✕", "suspicious": "!", "harmless": "✓"}

// summary enters what a report says in short. Here is the address of the page
// without its scheme.
func (p *report) summary(rep *source.Report, res *source.Result, now time.Time, here string) {
	p.Verdict = rep.Verdict.String()
	p.Sign = signs[p.Verdict]
	if rep.HasVotes {
		p.VotesText = [...]string{"most votes say malicious", "no votes, or as many for as against", "most votes say harmless"}[rep.Votes+1]
	}
	add := func(name, value string) {
		if value != "" {
			p.Facts = append(p.Facts, fact{name, value})
		}
	}
	add("Last seen", rep.LastSeen)
	add("Related", strconv.Itoa(int(rep.Related)))
	add("MD5", rep.MD5)
	add("SHA-1", rep.SHA1)
	if res.Source != "" {
		text := res.Source
		if !res.Fetched.IsZero() && res.Origin != "" && res.Origin != source.Local { // one's own is never old
			text += ", " + string(res.Origin) + ", asked " + ago(now.Sub(res.Fetched))
		}
		add("Source", text)
	}
	if _, address, _ := strings.Cut(rep.Permalink, "://"); address != here {
		add("Elsewhere", defang(rep.Permalink))
	}
}

// ago is a time span for people.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}

// defang writes the address of a web page so that no program makes a link of
// it and no click leads there.
func defang(s string) string {
	if s == "" {
		return ""
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	} else if strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") {
		scheme = strings.NewReplacer("tt", "xx", "TT", "XX").Replace(scheme) + "://"
	} else {
		scheme += "[:]//"
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	return scheme + strings.ReplaceAll(host, ".", "[.]") + path
}

// related enters what the report names: tables, the drawing, the time line.
func (h *Handler) related(ctx context.Context, p *report, ind indicator.Indicator, rep *source.Report, res *source.Result, depth int, all bool) {
	list := maxRows
	if all {
		list = -1
	}
	o := graph.Options{MaxNodes: 20000, MaxEdges: 20000, List: list, Parser: h.o.Parser, Rules: h.o.Rules, Known: h.o.Known}
	if !all {
		o.MaxNodes, o.MaxEdges = 8*maxRows+1, 8*maxRows
	}
	g := graph.FromReport(ctx, ind, rep, res.Source, o)
	p.Tables = tables(g, rep)
	for _, t := range p.Tables {
		if len(t.Rows) < t.Total && !all {
			p.All = pageAddress(ind, depth, true)
		}
	}
	p.TimeLine = timeLine(g)
	for _, f := range exports {
		p.Downloads = append(p.Downloads, link{Text: f.text, Href: downloadAddress(f.name, ind, depth)})
	}
	if len(g.Edges) == 0 {
		p.Explain = strings.TrimSpace(p.Explain + " Nothing is known to be related.")
		return
	}
	drawn, notes := h.drawn(ctx, ind, rep, res, depth)
	var b bytes.Buffer
	drawn.WriteSVG(&b, graph.Drawing{Inline: true, Href: func(n *graph.Node) string {
		if n.Depth == 0 || n.Status == "invalid" {
			return ""
		}
		return Address(n.Indicator())
	}})
	p.Drawing = template.HTML(b.String()) //nolint:gosec // WriteSVG escapes
	p.Notes = notes
	if h.o.Known != nil {
		for d := 1; d <= maxDepth; d++ {
			text := strconv.Itoa(d) + " hops"
			if d == 1 {
				text = "1 hop"
			}
			p.Depths = append(p.Depths, link{Text: text, Href: pageAddress(ind, d, all) + "#graph", Here: d == depth})
		}
	}
}

// drawn returns the graph of the drawing. Beyond the first hop only what is
// known already is walked through.
func (h *Handler) drawn(ctx context.Context, ind indicator.Indicator, rep *source.Report, res *source.Result, depth int) (*graph.Graph, []string) {
	o := graph.Options{Depth: depth, MaxNodes: maxNodes, MaxEdges: 2 * maxNodes, List: maxDrawn, Parser: h.o.Parser, Rules: h.o.Rules, Known: h.o.Known}
	g := h.walk(ctx, ind, rep, res, o)
	var notes []string
	if g.Truncated {
		notes = append(notes, fmt.Sprintf("Drawn are the first %d of each list, and at most %d indicators. The tables and the downloads have more.", maxDrawn, maxNodes))
	}
	if depth > 1 {
		notes = append(notes, "Beyond the first hop only what is known here already is drawn: nobody is asked for a drawing.")
	}
	return g, notes
}

// walk returns the graph around an indicator whose report is at hand.
func (h *Handler) walk(ctx context.Context, ind indicator.Indicator, rep *source.Report, res *source.Result, o graph.Options) *graph.Graph {
	if o.Depth <= 1 || h.o.Known == nil {
		return graph.FromReport(ctx, ind, rep, res.Source, o)
	}
	ctx, cancel := context.WithTimeout(ctx, h.o.MaxWait)
	defer cancel()
	return graph.Walk(ctx, &first{h.o.Known, ind, rep, res}, []indicator.Indicator{ind}, o)
}

// first is Known, with the report of one indicator that was asked for before.
type first struct {
	source.Source
	ind indicator.Indicator
	rep *source.Report
	res *source.Result
}

// Lookup implements source.Source.
func (f *first) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	if len(in) == 1 && in[0] == f.ind {
		r := *f.res
		r.Status, r.Summary, r.Raw = source.Found, f.rep.Summary, []byte{0} // DecodeFrom has the report
		done(0, r)
		return
	}
	f.Source.Lookup(ctx, in, done)
}

// DecodeFrom reads a report of the named source.
func (f *first) DecodeFrom(name string, ind indicator.Indicator, raw []byte) (*source.Report, error) {
	if ind == f.ind {
		return f.rep, nil
	}
	return decode(f.Source, ind, &source.Result{Source: name, Raw: raw})
}

func pageAddress(ind indicator.Indicator, depth int, all bool) string {
	s := Address(ind)
	if depth > 1 {
		s += "&depth=" + strconv.Itoa(depth)
	}
	if all {
		s += "&all=1"
	}
	return s
}

// section is what a table of a relation is called.
var sections = []struct {
	relation graph.Relation
	title    string
	dates    bool
}{
	{graph.Resolution, "Resolutions", true},
	{graph.ContactedIP, "Addresses it contacts", false},
	{graph.ContactedDomain, "Domains it contacts", false},
	{graph.RegisteredDomain, "Domains registered with it", false},
	{graph.Subdomain, "Subdomains", false},
	{graph.RegistrantEmail, "Registrants", false},
	{graph.CommunicatingSample, "Files that contact it", false},
	{graph.DetectedSample, "Files with this name", false},
	{graph.Detection, "Detections", false},
	{graph.SameFile, "The same file", false},
	{graph.ReferenceTo, "References", false},
}

// tables makes a table of each relation of a start.
func tables(g *graph.Graph, rep *source.Report) []table {
	total := map[graph.Relation]int{
		graph.Resolution: len(rep.Resolutions), graph.ContactedIP: len(rep.IPs), graph.ContactedDomain: len(rep.Domains), graph.RegisteredDomain: len(rep.Domains),
		graph.Subdomain: len(rep.Subdomains), graph.RegistrantEmail: len(rep.Emails), graph.CommunicatingSample: len(rep.Hashes), graph.DetectedSample: len(rep.Hashes),
		graph.Detection: len(rep.Scans), graph.ReferenceTo: len(rep.References),
	}
	var out []table
	for _, s := range sections {
		t := table{ID: string(s.relation), Title: s.title, Columns: []string{"Value"}, Verdicts: s.relation != graph.ReferenceTo}
		if t.Verdicts {
			t.Columns = append(t.Columns, "Verdict")
		}
		firsts := s.dates && slices.ContainsFunc(g.Edges, func(e graph.Edge) bool { return e.Source == 0 && e.FirstSeen != "" })
		if firsts {
			t.Columns = append(t.Columns, "First seen")
		}
		if s.dates {
			t.Columns = append(t.Columns, "Last seen")
		}
		for i := range g.Edges {
			e := &g.Edges[i]
			if e.Relation != s.relation || e.Source != 0 {
				continue
			}
			n := &g.Nodes[e.Target]
			r := row{Text: n.Value, Verdict: n.Verdict, Sign: signs[n.Verdict]}
			switch {
			case n.Type == graph.Reference:
				r.Text = defang(n.Value)
			case n.Status == "invalid":
				r.Verdict = "no indicator"
			default:
				r.Href = Address(n.Indicator())
				if n.Status == "excluded" {
					r.Verdict = "never sent"
				}
			}
			if firsts {
				r.Dates = append(r.Dates, e.FirstSeen)
			}
			if s.dates {
				r.Dates = append(r.Dates, e.LastSeen)
			}
			t.Rows = append(t.Rows, r)
		}
		if len(t.Rows) > 0 {
			t.Total = max(total[s.relation], len(t.Rows))
			out = append(out, t)
		}
	}
	return out
}
