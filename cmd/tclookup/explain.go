package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// explainCmd is `tclookup explain`. It sends nothing.
type explainCmd struct {
	Values []string `arg:"" name:"value" help:"Values as they stand in events."`
	Type   string   `name:"type" default:"auto" placeholder:"TYPE" help:"Type of the values, as for enrich."`
	Output string   `name:"output" enum:"text,json" default:"text" help:"text (default) or json."`
	Source []string `name:"source" help:"Of the named sources only."`
	Demo   bool     `name:"demo" help:"With the embedded sample data set as the source."`
}

// explanation is what is said about one value.
type explanation struct {
	Value     string          `json:"value"`
	Indicator string          `json:"indicator,omitempty"`
	Type      string          `json:"type,omitempty"`
	Invalid   string          `json:"invalid,omitempty"`  // why it is no indicator
	Excluded  string          `json:"excluded,omitempty"` // why it is not sent
	Sent      bool            `json:"sent"`               // whether a look-up may send it
	Why       string          `json:"why"`
	Sources   []sourceOfValue `json:"sources,omitempty"`
}

// sourceOfValue is one source as far as a value is concerned.
type sourceOfValue struct {
	Name    string       `json:"name"`
	Server  string       `json:"server"`
	Answers bool         `json:"answers"` // it answers the type
	Cache   *cacheState  `json:"cache,omitempty"`
	Budget  limit.Status `json:"budget"`
}

type cacheState struct {
	Tier    string    `json:"tier"`
	Status  string    `json:"status"`
	Fetched time.Time `json:"fetched"`
	Expires time.Time `json:"expires"`
	Fresh   bool      `json:"fresh"`
}

// Run implements the command.
func (c *explainCmd) Run(ctx context.Context, a *app) error {
	want, err := indicator.ParseType(c.Type)
	if err != nil {
		return usageError{fmt.Errorf("--type: %w", err)}
	}
	conf, err := a.load(&runOptions{Source: c.Source})
	if err != nil {
		return err
	}
	eng, err := engine.Open(ctx, engine.Options{Config: conf, DataDir: a.place.dataDir(conf), Demo: c.Demo, Log: a.logger(conf)})
	if err != nil {
		return usageError{err}
	}
	defer eng.Close()
	for i, v := range c.Values {
		e := explain(ctx, eng, v, want)
		if c.Output == "json" {
			err = writeJSON(a.stdout, e)
		} else {
			err = e.text(a.stdout, i > 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// explain finds out what would happen to a value, without sending anything.
func explain(ctx context.Context, eng *engine.Engine, value string, want indicator.Type) *explanation {
	e := &explanation{Value: value}
	ind, err := eng.Parser.Parse(value, want)
	if err != nil {
		e.Invalid = err.Error()
		e.Why = "never sent: it is no indicator"
		return e
	}
	e.Indicator, e.Type = ind.Value, ind.Type.String()
	e.Excluded = eng.Rules.Excluded(ind)
	answers, cached, judged := false, false, ""
	for _, l := range eng.Local {
		if rep, ok, err := l.Report(ctx, ind); err == nil && ok && rep.Verdict != source.Unknown {
			judged = fmt.Sprintf("%s knows it as %s", l.Name(), rep.Verdict)
		}
	}
	for _, l := range eng.Links {
		s := sourceOfValue{Name: l.Config.Name, Server: host(l.Config.BaseURL), Answers: l.Cache.Types().Has(ind.Type)}
		answers = answers || s.Answers
		if k, tier := l.Cache.Peek(ctx, ind); k.OK() {
			s.Cache = &cacheState{tier, statusOf(k.Status), k.Fetched, k.Expires, time.Now().Before(k.Expires)}
			cached = cached || s.Cache.Fresh
		}
		s.Budget, _ = l.Gate.Status(ctx)
		e.Sources = append(e.Sources, s)
	}
	switch {
	case e.Excluded != "":
		e.Why = "never sent: " + e.Excluded
	case judged != "":
		e.Why = "not sent: " + judged
	case len(eng.Links) == 0 && len(eng.Local) > 0:
		e.Why = "not sent: local intelligence is the only source"
	case len(eng.Links) == 0:
		e.Why = "not sent: " + source.ErrNoSource.Error()
	case !answers:
		e.Why = "not sent: no enabled source answers the type " + e.Type
	case cached:
		e.Why = "not sent now: the cache has a fresh answer"
	default:
		e.Sent, e.Why = true, "sent to the first source that answers its type"
	}
	return e
}

func host(base string) string {
	if u, err := url.Parse(base); err == nil {
		return u.Host
	}
	return ""
}

// text writes an explanation for a person.
func (e *explanation) text(w io.Writer, more bool) error {
	if more {
		fmt.Fprintln(w)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("Value", "%q", e.Value)
	if e.Invalid != "" {
		line("Indicator", "none: %s", e.Invalid)
	} else {
		line("Indicator", "%s", e.Indicator)
		line("Type", "%s", e.Type)
	}
	line("Sent", "%s", e.Why)
	for _, s := range e.Sources {
		line("Source", "%s at %s", s.Name, s.Server)
		if !s.Answers {
			line("  Answers", "not this type")
		}
		if c := s.Cache; c != nil {
			fresh := "expired " + time.Since(c.Expires).Round(time.Second).String() + " ago"
			if c.Fresh {
				fresh = "fresh for " + time.Until(c.Expires).Round(time.Second).String()
			}
			line("  Cache", "%s, in %s, asked %s ago, %s", c.Status, c.Tier, time.Since(c.Fetched).Round(time.Second), fresh)
		} else {
			line("  Cache", "no answer")
		}
		line("  Budget", "%s", budget(s.Budget))
	}
	return t.Flush()
}

// budget says what is left of a budget.
func budget(b limit.Status) string {
	var text string
	switch {
	case b.Available >= math.MaxInt32:
		text = "no bound"
	case b.Available == 0:
		text = "no request now, the next in " + time.Until(b.Next).Round(time.Second).String()
	default:
		text = fmt.Sprintf("%d requests now", b.Available)
	}
	if b.DailyLeft >= 0 {
		text += fmt.Sprintf(", %d left today", b.DailyLeft)
	}
	if b.Breaker != "" && b.Breaker != "closed" {
		text += ", circuit breaker " + b.Breaker
	}
	return text
}
