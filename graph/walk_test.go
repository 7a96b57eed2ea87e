package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// world is a source in memory that answers in random order and remembers what
// it was asked.
type world struct {
	reports map[string]*source.Report
	fail    map[string]error // answered with Failed
	limit   int              // most answers; the others are Limited
	before  func(in []indicator.Indicator)

	asked []string
}

func (w *world) Name() string             { return "world" }
func (w *world) Types() indicator.TypeSet { return indicator.AllTypes }

func (w *world) Lookup(_ context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	if w.before != nil {
		w.before(in)
	}
	results := make([]source.Result, len(in))
	for i, ind := range in {
		w.asked = append(w.asked, ind.Value)
		r, ok := w.reports[ind.Value]
		switch {
		case w.fail[ind.Value] != nil:
			results[i] = source.Result{Status: source.Failed, Err: w.fail[ind.Value]}
		case w.limit > 0 && len(w.asked) > w.limit:
			results[i] = source.Result{Status: source.Limited, Err: errors.New("budget spent")}
		case ok:
			results[i] = source.Result{Status: source.Found, Source: "world", Summary: r.Summary, Raw: []byte(ind.Value)}
		default:
			results[i] = source.Result{Status: source.NotFound, Source: "world"}
		}
	}
	for _, i := range rand.Perm(len(in)) {
		done(i, results[i])
	}
}

func (w *world) Decode(_ indicator.Indicator, raw []byte) (*source.Report, error) {
	if r := w.reports[string(raw)]; r != nil {
		return r, nil
	}
	return nil, source.ErrMalformed
}

const (
	md5a  = "0123456789abcdef0123456789abcdef"
	md5b  = "00000000000000000000000000000b0b"
	sha1a = "0123456789abcdef0123456789abcdef01234567"
)

func evil() *world {
	return &world{reports: map[string]*source.Report{
		"evil.com": {
			Summary:     source.Summary{Verdict: source.Malicious, Related: 7, LastSeen: "2026-03-02", Permalink: "https://x.test/\x07?a=b"},
			Resolutions: []source.Resolution{{Value: "8.8.4.4", LastSeen: "2026-03-02"}, {Value: "10.0.0.1", LastSeen: "2026-01-01"}, {Value: "not an address"}},
			Hashes:      []string{md5a},
			Emails:      []string{"who@mail.com"},
			Subdomains:  []string{"a.evil.com", "evil.com"},
			References:  []string{"blog\u202e.example/1"},
		},
		"8.8.4.4": {
			Resolutions: []source.Resolution{{Value: "evil.com", LastSeen: "2026-01-15"}, {Value: "other.com", LastSeen: "2025-01-01"}, {Value: md5b}},
			Hashes:      []string{md5b},
		},
		md5a:           {MD5: md5a, SHA1: sha1a, Domains: []string{"evil.com"}, IPs: []string{"8.8.4.4"}, Scans: []string{"Trojan.X"}},
		"who@mail.com": {Domains: []string{"evil.com", "third.com"}},
		"Trojan.X":     {Hashes: []string{md5a, md5b}},
	}}
}

// lines is a graph as text, for comparing.
func lines(g *Graph) []string {
	var out []string
	for _, n := range g.Nodes {
		out = append(out, fmt.Sprintf("%d %s %s %s %s %s..%s", n.Depth, n.Type, n.Value, n.Status, n.Verdict, n.FirstSeen, n.LastSeen))
	}
	for i := range g.Edges {
		r := g.Row(i)
		out = append(out, fmt.Sprintf("%d %s -%s-> %s %s..%s", r.Depth, r.Source, r.Relation, r.Target, r.FirstSeen, r.LastSeen))
	}
	return append(out, g.Notes...)
}

func domain(v string) indicator.Indicator {
	return indicator.Indicator{Type: indicator.Domain, Value: v}
}

func TestWalk(t *testing.T) {
	one := []string{
		"0 domain evil.com found malicious 2026-01-01..2026-03-02",
		"1 ip 8.8.4.4   2026-03-02..2026-03-02",
		"1 ip 10.0.0.1 excluded  2026-01-01..2026-01-01",
		"1 ip not an address invalid  ..",
		"1 domain a.evil.com   ..",
		"1 email who@mail.com   ..",
		"1 hash " + md5a + "   ..",
		"1 reference blog\ufffd.example/1   ..",
		"1 evil.com -resolution-> 8.8.4.4 ..2026-03-02",
		"1 evil.com -resolution-> 10.0.0.1 ..2026-01-01",
		"1 evil.com -resolution-> not an address ..",
		"1 evil.com -subdomain-> a.evil.com ..",
		"1 evil.com -registrant_email-> who@mail.com ..",
		"1 evil.com -communicating_sample-> " + md5a + " ..",
		"1 evil.com -reference-> blog\ufffd.example/1 ..",
	}
	w := evil()
	g := Walk(context.Background(), w, []indicator.Indicator{domain("evil.com"), domain("evil.com")}, Options{})
	if diff := cmp.Diff(one, lines(g)); diff != "" {
		t.Errorf("depth 1: %s", diff)
	}
	if diff := cmp.Diff([]string{"evil.com"}, w.asked); diff != "" || g.Starts != 1 || !g.Complete() {
		t.Errorf("asked: %s; starts %d, notes %q", diff, g.Starts, g.Notes)
	}
	if got := lines(FromReport(context.Background(), domain("evil.com"), w.reports["evil.com"], "world", Options{})); !slices.Equal(got, one) {
		t.Errorf("from the report: %s", cmp.Diff(one, got))
	}

	w = evil()
	var told []string
	g = Walk(context.Background(), w, []indicator.Indicator{domain("evil.com")}, Options{Depth: 2, Progress: func(answered, open int) { told = append(told, fmt.Sprint(answered, "/", open)) }})
	if got := strings.Join(told, " "); got != "1/0 2/3 3/2 4/1 5/0" {
		t.Errorf("progress: %s", got)
	}
	want := []string{
		"0 domain evil.com found malicious 2026-01-01..2026-03-02",
		"1 ip 8.8.4.4 found unknown 2025-01-01..2026-03-02",
		"1 ip 10.0.0.1 excluded  2026-01-01..2026-01-01",
		"1 ip not an address invalid  ..",
		"1 domain a.evil.com not_found  ..",
		"1 email who@mail.com found unknown ..",
		"1 hash " + md5a + " found unknown ..",
		"1 reference blog\ufffd.example/1   ..",
		"2 domain other.com   2025-01-01..2025-01-01",
		"2 domain " + md5b + " invalid  ..",
		"2 hash " + md5b + "   ..",
		"2 domain third.com   ..",
		"2 hash " + sha1a + " found unknown ..",
		"2 antivirus Trojan.X   ..",
		"1 evil.com -resolution-> 8.8.4.4 2026-01-15..2026-03-02",
		"1 evil.com -resolution-> 10.0.0.1 ..2026-01-01",
		"1 evil.com -resolution-> not an address ..",
		"1 evil.com -subdomain-> a.evil.com ..",
		"1 evil.com -registrant_email-> who@mail.com ..",
		"1 evil.com -communicating_sample-> " + md5a + " ..",
		"1 evil.com -reference-> blog\ufffd.example/1 ..",
		"2 8.8.4.4 -resolution-> other.com ..2025-01-01",
		"2 8.8.4.4 -resolution-> " + md5b + " ..",
		"2 8.8.4.4 -communicating_sample-> " + md5b + " ..",
		"2 who@mail.com -registered_domain-> third.com ..",
		"2 " + md5a + " -same_file-> " + sha1a + " ..",
		"2 " + md5a + " -contacted_ip-> 8.8.4.4 ..",
		"2 " + md5a + " -detection-> Trojan.X ..",
	}
	if diff := cmp.Diff(want, lines(g)); diff != "" {
		t.Errorf("depth 2: %s", diff)
	}
	if diff := cmp.Diff([]string{"evil.com", "8.8.4.4", "a.evil.com", "who@mail.com", md5a}, w.asked); diff != "" {
		t.Errorf("depth 2 asked: %s", diff)
	}
	if n := g.Nodes[0]; n.Permalink != "https://x.test/\ufffd?a=b" || n.Related != 7 || n.Source != "world" {
		t.Errorf("start: %+v", n)
	}
}

func TestWalkBounds(t *testing.T) {
	late, cancel := context.WithCancel(context.Background())
	cancel()
	deadline, stop := context.WithTimeout(context.Background(), 0)
	defer stop()
	start := []indicator.Indicator{domain("evil.com")}
	for _, c := range []struct {
		name         string
		ctx          context.Context
		w            *world
		o            Options
		nodes, edges int
		note         string
	}{
		{"nodes", context.Background(), evil(), Options{MaxNodes: 3}, 3, 2, "most nodes, 3; what reports name beyond them, 5 times"},
		{"edges", context.Background(), evil(), Options{MaxEdges: 2}, 3, 2, "most edges, 2; 5 more"},
		{"list", context.Background(), evil(), Options{List: 1}, 6, 5, "2 lists were longer than the 1 elements"},
		{"no bound of a list", context.Background(), evil(), Options{List: -1}, 8, 7, ""},
		{"cancelled", late, evil(), Options{}, 1, 0, "interrupted before 1 "},
		{"out of time", deadline, evil(), Options{}, 1, 0, "the time ended before 1 "},
		{"budget", context.Background(), &world{reports: evil().reports, limit: 1}, Options{Depth: 2}, 8, 7, "4 of the indicators were not answered; the first: budget spent"},
		{"failure", context.Background(), &world{reports: evil().reports, fail: map[string]error{"evil.com": errors.New("no\x1bway")}}, Options{}, 1, 0, "the first: no\ufffdway"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := Walk(c.ctx, c.w, start, c.o)
			if len(g.Nodes) != c.nodes || len(g.Edges) != c.edges {
				t.Errorf("%d nodes and %d edges, want %d and %d: %q", len(g.Nodes), len(g.Edges), c.nodes, c.edges, lines(g))
			}
			if notes := strings.Join(g.Notes, "\n"); !strings.Contains(notes, c.note) || g.Complete() != (c.note == "") || g.Truncated != (c.o.MaxNodes+c.o.MaxEdges+max(c.o.List, 0) > 0) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
	w := evil()
	if g := Walk(context.Background(), w, []indicator.Indicator{{Type: indicator.IP, Value: "10.1.1.1"}}, Options{}); w.asked != nil || g.Nodes[0].Status != "excluded" {
		t.Errorf("an excluded start: asked %q, %+v", w.asked, g.Nodes)
	}
}

// What ends a walk in the middle leaves what was found, and marks the rest.
func TestWalkEndsInTheMiddle(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w := evil()
	w.before = func([]indicator.Indicator) { cancel() }
	g := Walk(ctx, w, []indicator.Indicator{domain("evil.com")}, Options{Depth: 3})
	if len(w.asked) != 1 || len(g.Nodes) != 8 {
		t.Fatalf("asked %q, graph %q", w.asked, lines(g))
	}
	if n := g.Nodes[1]; n.Status != "skipped" || n.Reason == "" {
		t.Errorf("not asked any more: %+v", n)
	}
	if g.Complete() {
		t.Error("the graph is said to be complete")
	}
}

func TestWalkKnown(t *testing.T) {
	w, known := evil(), evil()
	known.reports["8.8.4.4"].Verdict = source.Malicious
	g := Walk(context.Background(), w, []indicator.Indicator{domain("evil.com")}, Options{Known: known})
	if n := g.Nodes[1]; n.Status != "found" || n.Verdict != "malicious" {
		t.Errorf("known: %+v", n)
	}
	if diff := cmp.Diff([]string{"8.8.4.4", "a.evil.com", "who@mail.com", md5a}, known.asked); diff != "" || len(w.asked) != 1 {
		t.Errorf("asked for what is known: %s; asked %q", diff, w.asked)
	}
}

func TestGraphJSON(t *testing.T) {
	g := Walk(context.Background(), evil(), []indicator.Indicator{domain("third.com")}, Options{})
	b, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"complete":true,"starts":1,"nodes":[{"value":"third.com","type":"domain","status":"not_found","depth":0,"source":"world"}],"edges":[]}`; string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
	if b, _ = json.Marshal(new(Graph)); string(b) != `{"complete":true,"starts":0,"nodes":[],"edges":[]}` {
		t.Errorf("empty: %s", b)
	}
}

// randomWorld is a world of n domains and addresses with relations at random,
// private addresses among them.
func randomWorld(r *rand.Rand, n int) *world {
	name := func() string {
		i := r.IntN(n)
		switch i % 4 {
		case 0:
			return fmt.Sprintf("8.8.%d.%d", i/256, i%256)
		case 1:
			return fmt.Sprintf("10.0.%d.%d", i/256, i%256)
		}
		return fmt.Sprintf("d%d.com", i)
	}
	w := &world{reports: map[string]*source.Report{}}
	for range n {
		rep := new(source.Report)
		for range r.IntN(6) {
			rep.Resolutions = append(rep.Resolutions, source.Resolution{Value: name(), LastSeen: fmt.Sprintf("20%02d-01-01", r.IntN(26))})
			rep.Subdomains = append(rep.Subdomains, name())
		}
		w.reports[name()] = rep
	}
	return w
}

// Whatever the reports name: each is asked once, none that is excluded, the
// bounds hold, depths are distances, and the same answers give the same graph.
func TestWalkProperties(t *testing.T) {
	rules, err := indicator.NewRules(indicator.RulesConfig{Defaults: true})
	if err != nil {
		t.Fatal(err)
	}
	parser, err := indicator.NewParser(indicator.ParserConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := randomWorld(r, 2+r.IntN(60))
		o := Options{Depth: 1 + r.IntN(4), MaxNodes: 1 + r.IntN(80), MaxEdges: 1 + r.IntN(120), List: r.IntN(8) - 1}
		starts := []indicator.Indicator{domain("d2.com"), domain("d3.com")}
		g := Walk(context.Background(), w, starts, o)
		for i, v := range w.asked {
			if slices.Contains(w.asked[:i], v) {
				t.Fatalf("seed %d: %s is asked twice", seed, v)
			}
			if ind, err := parser.Parse(v, indicator.None); err != nil || rules.Excluded(ind) != "" {
				t.Fatalf("seed %d: %s is asked", seed, v)
			}
		}
		if len(g.Nodes) > max(o.MaxNodes, 2) || len(g.Edges) > o.MaxEdges {
			t.Fatalf("seed %d: %d nodes, %d edges with %+v", seed, len(g.Nodes), len(g.Edges), o)
		}
		for _, n := range g.Nodes {
			if n.Depth > o.Depth || n.Depth < o.Depth && n.Status == "" {
				t.Fatalf("seed %d: %+v with depth %d", seed, n, o.Depth)
			}
		}
		seen := map[[2]int]bool{}
		for _, e := range g.Edges {
			if e.Depth != g.Nodes[e.Source].Depth+1 || g.Nodes[e.Target].Depth > e.Depth || e.FirstSeen > e.LastSeen {
				t.Fatalf("seed %d: edge %+v", seed, e)
			}
			if e.Relation == Resolution {
				k := [2]int{min(e.Source, e.Target), max(e.Source, e.Target)}
				if seen[k] {
					t.Fatalf("seed %d: the resolution %v is there twice", seed, g.Row(0))
				}
				seen[k] = true
			}
		}
		w.asked = nil
		if again := Walk(context.Background(), w, starts, o); !slices.Equal(lines(g), lines(again)) {
			t.Fatalf("seed %d: another graph: %s", seed, cmp.Diff(lines(g), lines(again)))
		}
	}
}
