package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/tclookup/tclookup/graph"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/source"
)

// reportOptions are the options of tcreport.
type reportOptions struct {
	Value      []string `arg:"value,required,positional" help:"where to begin: one value or several"`
	Type       string   `arg:"type" default:"auto" help:"type of the values"`
	Depth      int      `arg:"depth" default:"1" min:"1" max:"5" help:"how many hops"`
	MaxNodes   int      `arg:"max_nodes" default:"500" min:"1" max:"50000" help:"most entities"`
	MaxEdges   int      `arg:"max_edges" default:"2000" min:"1" max:"200000" help:"most relations, which are the rows"`
	Mode       string   `arg:"mode" enum:"live,cache" help:"live or cache"`
	MaxWait    string   `arg:"max_wait" help:"longest time to wait for sources altogether"`
	MaxLookups string   `arg:"max_lookups" help:"most requests"`
	ListLimit  string   `arg:"list_limit" help:"most elements followed of each list"`
	Source     []string `arg:"source" help:"ask the named sources only"`
	Refresh    bool     `arg:"refresh" help:"ignore cached answers"`
	Demo       bool     `arg:"demo" help:"answer from the sample data set"`
}

// newReport makes c the command tcreport: one row for each relation that a
// walk from the values finds.
func newReport(c *command) {
	o := &reportOptions{}
	c.Options = o
	c.Outputs = []string{"source", "source_type", "relation", "target", "target_type", "first_seen", "last_seen", "verdict", "depth"}
	c.Setup, c.Generate = c.setup, c.generate
	var want indicator.Type
	c.overrides = func() (list []config.Override, err error) {
		if want, err = indicator.ParseType(o.Type); err != nil {
			return nil, fmt.Errorf("option type: %w", err)
		}
		option(&list, "mode", "mode", o.Mode)
		option(&list, "max_wait", "max_wait", o.MaxWait)
		option(&list, "max_lookups", "max_lookups", o.MaxLookups)
		option(&list, "list_limit", "list_limit", o.ListLimit)
		option(&list, "sources", "source", strings.Join(o.Source, ","))
		return list, nil
	}
	c.rows = func(ctx context.Context, put func(row) bool) error {
		if err := c.open(ctx, engine.Options{Refresh: o.Refresh, Demo: o.Demo}); err != nil {
			return err
		}
		if !c.engine.Asks() {
			return source.ErrNoSource
		}
		var starts []indicator.Indicator
		for _, v := range o.Value {
			ind, err := c.engine.Parser.Parse(v, want)
			if err != nil {
				return fmt.Errorf("%q: %w", v, err)
			}
			starts = append(starts, ind)
		}
		ctx, cancel := context.WithTimeout(ctx, c.config.MaxWait)
		defer cancel()
		c.walk(ctx, starts, o, put)
		return nil
	}
}

func (c *command) walk(ctx context.Context, starts []indicator.Indicator, o *reportOptions, put func(row) bool) {
	list := c.config.ListLimit
	if list == 0 { // all of them
		list = -1
	}
	g := graph.Walk(ctx, c.engine.Source(), starts, graph.Options{
		Depth: o.Depth, MaxNodes: o.MaxNodes, MaxEdges: o.MaxEdges, List: list,
		Parser: c.engine.Parser, Rules: c.engine.Rules, Known: c.engine.Known(),
	})
	for i := range g.Edges {
		r := g.Row(i)
		if !put(row{
			"source": r.Source, "source_type": r.SourceType, "relation": string(r.Relation), "target": r.Target, "target_type": r.TargetType,
			"first_seen": r.FirstSeen, "last_seen": r.LastSeen, "verdict": r.Verdict, "depth": strconv.Itoa(r.Depth),
		}) {
			return
		}
	}
	for _, n := range g.Notes {
		c.notes.Add(n)
	}
	for i := range g.Starts {
		switch n := &g.Nodes[i]; n.Status {
		case "found":
		case "not_found":
			c.notes.Add(fmt.Sprintf("no source knows %s", n.Value))
		case "excluded":
			c.notes.Add(fmt.Sprintf("%s is not sent to anybody: %s", n.Value, n.Reason))
		}
	}
}
