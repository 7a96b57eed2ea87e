package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/source"
)

// reportCmd is `tclookup report`.
type reportCmd struct {
	Values   []string `arg:"" name:"value" help:"Values to look up: domains, addresses, e-mail addresses, hashes; antivirus names with --type antivirus."`
	Type     string   `name:"type" default:"auto" placeholder:"TYPE" help:"Type of the values: auto (default), domain, ip, email, hash, antivirus."`
	Output   string   `name:"output" enum:"text,json,csv,graphml,dot,maltego,svg" default:"text" help:"text (default) for a person, json for a program: one line for each value. As a graph of what is related also csv, graphml, dot, maltego, svg."`
	Depth    int      `name:"depth" placeholder:"N" help:"Show what is related, as far as N hops; 1 for the graph formats. 0 (default): the reports."`
	MaxNodes int      `name:"max-nodes" placeholder:"N" help:"Most indicators in a graph, default 500."`
	MaxEdges int      `name:"max-edges" placeholder:"N" help:"Most relations in a graph, default 2000."`

	OutputFile string   `name:"output-file" short:"o" placeholder:"FILE" help:"Write there instead of stdout."`
	Mode       string   `name:"mode" placeholder:"MODE" help:"live (default) or cache."`
	MaxWait    string   `name:"max-wait" placeholder:"TIME" help:"Longest time to wait for sources altogether, default 30s; 0 = no bound."`
	ListLimit  string   `name:"list-limit" placeholder:"N" help:"Most elements shown, or followed, of each list, default 50; 0 = all."`
	Refresh    bool     `name:"refresh" help:"Ignore cached answers; they are replaced."`
	Source     []string `name:"source" help:"Ask the named sources only."`
	Demo       bool     `name:"demo" help:"Answer from the embedded sample data set."`
}

// Help is shown by --help.
func (c *reportCmd) Help() string {
	return `With --depth the walk goes breadth first from the values to what reports relate to them, and asks about each once,
within the budgets and --max-wait. Exit code 1 means that a value could not be answered; what is related and was not
answered is a warning.

Examples:
  tclookup report evil.example.com 198.51.100.7
  tclookup report --output json d41d8cd98f00b204e9800998ecf8427e
  tclookup report --demo --type antivirus Trojan.Zbot
  tclookup report --depth 2 --output svg -o related.svg evil.example.com`
}

// answered is what a report knows about one value.
type answered struct {
	value  string
	ind    indicator.Indicator
	status string
	reason string
	result source.Result
}

// Run implements the command.
func (c *reportCmd) Run(ctx context.Context, a *app) error {
	want, err := indicator.ParseType(c.Type)
	if err != nil {
		return usageError{fmt.Errorf("--type: %w", err)}
	}
	if err := c.check(a.stdout); err != nil {
		return usageError{err}
	}
	o := &runOptions{Mode: c.Mode, MaxWait: c.MaxWait, ListLimit: c.ListLimit, Source: c.Source}
	conf, err := a.load(o)
	if err != nil {
		return err
	}
	eng, err := engine.Open(ctx, engine.Options{Config: conf, DataDir: a.place.dataDir(conf), Refresh: c.Refresh, Demo: c.Demo, Reports: true, Log: a.logger(conf)})
	if err != nil {
		return usageError{err}
	}
	defer eng.Close()
	if !eng.Asks() {
		return source.ErrNoSource
	}
	if c.relations() {
		return c.walk(ctx, a, eng, conf, want)
	}
	var out bytes.Buffer
	list := look(ctx, eng, conf, c.Values, want)
	open := 0
	for i := range list {
		if list[i].status != "found" && list[i].status != "not_found" {
			open++
		}
		if c.Output == "json" {
			err = c.json(&out, eng, &list[i])
		} else {
			err = c.text(&out, eng, conf, &list[i], i > 0)
		}
		if err != nil {
			return err
		}
	}
	if err := c.write(a.stdout, out.Bytes()); err != nil {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if open > 0 {
		return codeError(exitFailed)
	}
	return nil
}

// look answers values, each once.
func look(ctx context.Context, eng *engine.Engine, conf *config.Config, values []string, want indicator.Type) []answered {
	if conf.MaxWait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, conf.MaxWait)
		defer cancel()
	}
	list := make([]answered, len(values))
	at := map[indicator.Indicator][]int{}
	var in []indicator.Indicator
	for i, v := range values {
		list[i] = answered{value: v}
		ind, err := eng.Parser.Parse(v, want)
		if err != nil {
			list[i].status, list[i].reason = "invalid", err.Error()
			continue
		}
		list[i].ind = ind
		if why := eng.Rules.Excluded(ind); why != "" {
			list[i].status, list[i].reason = "excluded", why
			continue
		}
		if at[ind] == nil {
			in = append(in, ind)
		}
		at[ind] = append(at[ind], i)
	}
	eng.Router.Lookup(ctx, in, func(n int, r source.Result) {
		for _, i := range at[in[n]] {
			list[i].result, list[i].status = r, statusOf(r.Status)
			if r.Err != nil {
				list[i].reason = r.Err.Error()
			}
		}
	})
	return list
}

// statusOf is the status of a single look-up.
func statusOf(s source.Status) string {
	switch s {
	case source.Found:
		return "found"
	case source.NotFound:
		return "not_found"
	case source.Unsupported:
		return "unsupported"
	case source.Failed:
		return "error"
	}
	return "skipped"
}

// json writes one answer as a line: the canonical report with the status
// before it.
func (c *reportCmd) json(w io.Writer, eng *engine.Engine, l *answered) error {
	head := map[string]any{"value": l.value, "status": l.status}
	if l.ind.Type != indicator.None {
		head["type"], head["indicator"] = l.ind.Type.String(), l.ind.Value
	}
	if l.reason != "" {
		head["error"] = l.reason
	}
	if l.result.Origin != "" {
		head["cache"], head["age"] = string(l.result.Origin), int64(time.Since(l.result.Fetched)/time.Second)
	}
	if l.result.Source != "" {
		head["source"] = l.result.Source
	}
	if l.status == "found" {
		r, err := eng.Router.DecodeFrom(l.result.Source, l.ind, l.result.Raw)
		if err != nil {
			return err
		}
		head["report"] = rawJSON(r.AppendJSON(nil, l.ind, l.result.Source))
	}
	return writeJSON(w, head)
}

type rawJSON []byte

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// text writes one answer for a person.
func (c *reportCmd) text(w io.Writer, eng *engine.Engine, conf *config.Config, l *answered, more bool) error {
	if more {
		fmt.Fprintln(w)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	name := l.value
	if l.ind.Type != indicator.None {
		name = l.ind.Value
	}
	line("Indicator", name)
	line("Type", l.ind.Type.String())
	line("Status", l.status)
	line("Reason", l.reason)
	if l.status == "found" {
		r, err := eng.Router.DecodeFrom(l.result.Source, l.ind, l.result.Raw)
		if err != nil {
			return err
		}
		line("Verdict", r.Verdict.String()+votes(r))
		line("Last seen", r.LastSeen)
		line("MD5", r.MD5)
		line("SHA-1", r.SHA1)
		var res []string
		for _, x := range r.Resolutions {
			res = append(res, strings.TrimSpace(fmt.Sprintf("%-10s  %s", x.LastSeen, x.Value)))
		}
		for _, l := range []struct {
			name string
			list []string
		}{{"Resolutions", res}, {"Hashes", r.Hashes}, {"E-mails", r.Emails}, {"Subdomains", r.Subdomains}, {"Domains", r.Domains},
			{"Addresses", r.IPs}, {"Detections", r.Scans}, {"References", r.References}} {
			for i, v := range l.list {
				if conf.ListLimit > 0 && i == conf.ListLimit {
					line(" ", fmt.Sprintf("… and %d more", len(l.list)-i))
					break
				}
				if i == 0 {
					line(fmt.Sprintf("%s (%d)", l.name, len(l.list)), v)
				} else {
					line(" ", v)
				}
			}
		}
		line("Permalink", r.Permalink)
	}
	if l.result.Source != "" {
		line("Source", l.result.Source+freshness(l.result))
	}
	return t.Flush()
}

func votes(r *source.Report) string {
	if !r.HasVotes {
		return ""
	}
	return fmt.Sprintf(" (votes %d)", r.Votes)
}

// freshness says where an answer came from and how old it is.
func freshness(r source.Result) string {
	if r.Origin == "" || r.Fetched.IsZero() {
		return ""
	}
	return fmt.Sprintf(", %s, asked %s ago", r.Origin, time.Since(r.Fetched).Round(time.Second))
}
