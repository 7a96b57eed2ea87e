package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/feed"
	"github.com/tclookup/tclookup/source/local"
)

// feedCmd is `tclookup feed`: intelligence of one's own.
type feedCmd struct {
	Import feedImportCmd `cmd:"" help:"Read files into the local intelligence: lists, CSV, MISP, STIX, ThreatCrowd reports."`
	Pull   feedPullCmd   `cmd:"" help:"Download the feeds of the configuration, if it is time and they have changed."`
	List   feedListCmd   `cmd:"" help:"List the feeds, each with its newest import."`
	Show   feedShowCmd   `cmd:"" help:"Show all imports of a feed, or with --value what feeds say about a value."`
	Undo   feedUndoCmd   `cmd:"" help:"Take the newest import of a feed back: what it replaced is there again."`
	Prune  feedPruneCmd  `cmd:"" help:"Delete what was replaced or taken back for good, to get its space back."`
}

// withLocal runs f on the local intelligence. With create it comes into being.
func (a *app) withLocal(ctx context.Context, create bool, f func(*config.Config, *engine.Engine, *local.Store) error) error {
	conf, err := a.load(&runOptions{})
	if err != nil {
		return err
	}
	locals := conf.Locals()
	if len(locals) == 0 {
		return usageError{errors.New("the source of the kind local is switched off: see enabled and sources in the configuration")}
	}
	dir := a.place.dataDir(conf)
	if locals[0].Database.IsZero() {
		if dir == "" {
			return usageError{errors.New("no data directory: set data_dir or --data-dir")}
		}
		if !create && !local.Exists(dir) {
			return local.ErrMissing
		}
	}
	o := engine.Options{Config: conf, DataDir: dir, Log: a.logger(conf)}
	eng, err := engine.Prepare(o)
	if err != nil {
		return usageError{err}
	}
	s, err := engine.OpenLocal(ctx, locals[0], dir, o)
	if err != nil {
		return err
	}
	return errors.Join(f(conf, eng, s), s.Close())
}

type feedImportCmd struct {
	Files   []string          `arg:"" name:"file" help:"Files to read, compressed or not; a directory of JSON files; - is stdin."`
	Format  string            `name:"format" enum:"auto,list,csv,misp,stix,threatcrowd" default:"auto" placeholder:"FORMAT" help:"auto (default, by the content), list, csv, misp, stix or threatcrowd."`
	Name    string            `name:"name" placeholder:"NAME" help:"Name of the feed; default the name of each file without its ending. Several files under one name are one import."`
	Verdict string            `name:"verdict" enum:"malicious,suspicious,harmless,unknown" default:"malicious" placeholder:"VERDICT" help:"Verdict of values about which the file says none: malicious (default), suspicious, harmless or unknown."`
	Column  map[string]string `name:"column" mapsep:"," placeholder:"MEANING=NAME" help:"What a column of a CSV file means, such as value=ioc,last_seen=date. Meanings: value, type, first_seen, last_seen, verdict, confidence, reference, detection, resolution, contacted, registrant, subdomain, same_file."`
	MaxBad  int               `name:"max-bad" default:"20" placeholder:"N" help:"Most bad lines that are named on stderr, default 20; 0 = all."`
	Summary bool              `name:"summary" help:"Print a JSON account on stderr, one line for each import."`
}

// Help is shown by --help.
func (c *feedImportCmd) Help() string {
	return `An import is seen as a whole when it is complete. It replaces the last import of the same feed; the same file again
changes nothing. A line that cannot be understood is named and left out.

Examples:
  tclookup feed import blocklist.txt
  tclookup feed import --name abuse.ch threatfox.csv bazaar.csv
  tclookup feed import --column value=ioc,verdict=rating --verdict suspicious own.csv
  tclookup feed import misp-feed/`
}

// Run implements the command.
func (c *feedImportCmd) Run(ctx context.Context, a *app) error {
	imports := map[string][]feed.Input{}
	var names []string
	for _, f := range c.Files {
		inputs, err := a.inputs(f)
		if err != nil {
			return usageError{err}
		}
		name := c.Name
		if name == "" {
			if name = feedName(f); name == "" {
				return usageError{errors.New("stdin has no name: give the feed one with --name")}
			}
		}
		if imports[name] == nil {
			names = append(names, name)
		}
		imports[name] = append(imports[name], inputs...)
	}
	verdict := map[string]source.Verdict{"malicious": source.Malicious, "suspicious": source.Suspicious, "harmless": source.Harmless}[c.Verdict]
	return a.withLocal(ctx, true, func(_ *config.Config, eng *engine.Engine, s *local.Store) error {
		for _, name := range names {
			bad := a.badLines(c.MaxBad)
			inputs := imports[name]
			from := inputs[0].Name
			if len(inputs) > 1 {
				from = fmt.Sprintf("%s and %d more", from, len(inputs)-1)
			}
			g, n, err := feed.Import(ctx, s, local.Meta{Feed: name, Source: from},
				feed.Options{Parser: eng.Parser, Format: feed.Format(c.Format), Verdict: verdict, Columns: c.Column, Bad: bad.line}, inputs...)
			bad.end()
			if err := a.imported(g, n, err, c.Summary); err != nil {
				return err
			}
		}
		return nil
	})
}

// feedName is the name of a feed for a path.
func feedName(path string) string {
	if path == "-" {
		return ""
	}
	name := filepath.Base(filepath.Clean(path))
	for _, ending := range []string{".gz", ".zst", ".zip"} {
		name = strings.TrimSuffix(name, ending)
	}
	if rest := strings.TrimSuffix(name, filepath.Ext(name)); rest != "" {
		name = rest
	}
	return name
}

// inputs returns the inputs of an argument.
func (a *app) inputs(path string) ([]feed.Input, error) {
	if path == "-" {
		return []feed.Input{{Name: "stdin", Open: func() (io.ReadCloser, error) { return io.NopCloser(a.stdin), nil }}}, nil
	}
	return feed.Files(path)
}

// badLines names bad lines on stderr, up to a number.
type badLines struct {
	w         io.Writer
	most, met int
}

func (a *app) badLines(most int) *badLines { return &badLines{w: a.stderr, most: most} }

func (b *badLines) line(bad feed.Bad) {
	if b.met++; b.most == 0 || b.met <= b.most {
		fmt.Fprintf(b.w, "tclookup: %v\n", bad)
	}
}

func (b *badLines) end() {
	if more := b.met - b.most; b.most > 0 && more > 0 {
		fmt.Fprintf(b.w, "tclookup: %d more bad lines; --max-bad 0 names them all\n", more)
	}
}

// importAccount is the JSON account of an import.
type importAccount struct {
	Import    local.Generation `json:"import"`
	Input     feed.Counts      `json:"input"`
	Unchanged bool             `json:"unchanged"`
	Error     string           `json:"error,omitempty"`
}

// imported says what came of an import.
func (a *app) imported(g local.Generation, n feed.Counts, err error, summary bool) error {
	unchanged := errors.Is(err, local.ErrUnchanged)
	if summary {
		acc := importAccount{Import: g, Input: n, Unchanged: unchanged}
		if err != nil && !unchanged {
			acc.Error = err.Error()
		}
		if err := writeJSON(a.stderr, acc); err != nil {
			return err
		}
	}
	switch {
	case unchanged:
		fmt.Fprintf(a.stderr, "%s: unchanged since import %d\n", g.Feed, g.ID)
		return nil
	case err != nil:
		return err
	}
	fmt.Fprintf(a.stderr, "%s: import %d, %d facts from %d records; %d bad, %d passed over\n", g.Feed, g.ID, g.Facts, n.Records, n.Bad, n.Passed)
	return nil
}

type feedPullCmd struct {
	Names   []string `arg:"" optional:"" name:"feed" help:"Names of the feeds; default all that are enabled."`
	Force   bool     `name:"force" help:"Download at once, and what is unchanged too."`
	MaxBad  int      `name:"max-bad" default:"20" placeholder:"N" help:"Most bad lines that are named on stderr, default 20; 0 = all."`
	Summary bool     `name:"summary" help:"Print a JSON account on stderr, one line for each import."`
}

// Help is shown by --help.
func (c *feedPullCmd) Help() string {
	return `Feeds are stanzas [feed:NAME] of the configuration with a url. A feed is asked for when its interval is over, and
imported when the server has something new. A feed that fails keeps what it has, and the others go on.

Examples:
  tclookup feed pull
  tclookup feed pull --force threatfox`
}

// Run implements the command.
func (c *feedPullCmd) Run(ctx context.Context, a *app) error {
	return a.withLocal(ctx, true, func(conf *config.Config, eng *engine.Engine, s *local.Store) error {
		pulls, err := engine.Pulls(conf, eng.Parser, c.Names)
		if err != nil {
			return usageError{err}
		}
		failed := 0
		for _, p := range pulls {
			bad := a.badLines(c.MaxBad)
			p.Options.Bad, p.Force = bad.line, c.Force
			out, err := p.Run(ctx, s)
			bad.end()
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				failed++
				fmt.Fprintf(a.stderr, "tclookup: %v\n", err)
			case !out.Next.IsZero():
				fmt.Fprintf(a.stderr, "%s: not before %s\n", p.Feed, out.Next.UTC().Format(time.RFC3339))
			case out.Unchanged:
				fmt.Fprintf(a.stderr, "%s: unchanged\n", p.Feed)
			default:
				if err := a.imported(out.Generation, out.Counts, nil, c.Summary); err != nil {
					return err
				}
			}
		}
		if failed > 0 {
			return codeError(exitFailed)
		}
		return nil
	})
}

type feedListCmd struct {
	Output string `name:"output" enum:"text,json" default:"text" help:"text (default) or json."`
}

// Run implements the command.
func (c *feedListCmd) Run(ctx context.Context, a *app) error {
	return a.withLocal(ctx, false, func(_ *config.Config, _ *engine.Engine, s *local.Store) error {
		list, err := s.Generations(ctx, "")
		if err != nil {
			return err
		}
		if c.Output == "json" {
			stats, err := s.Stats(ctx)
			if err != nil {
				return err
			}
			return writeJSON(a.stdout, map[string]any{"stats": stats, "imports": notNil(list)})
		}
		t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "FEED\tIMPORTS\tFACTS\tBAD\tNEWEST\tFORMAT\tFROM")
		for i := 0; i < len(list); {
			newest, imports, facts, bad := list[i], 0, int64(0), int64(0)
			for ; i < len(list) && list[i].Feed == newest.Feed; i++ {
				if list[i].State == "live" {
					imports++
					facts += list[i].Facts
					bad += list[i].Bad
				}
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", newest.Feed, imports, facts, bad, newest.Created.Format(time.RFC3339), newest.Format, newest.Source)
		}
		return t.Flush()
	})
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

type feedShowCmd struct {
	Name   string `arg:"" name:"feed" optional:"" help:"Name of the feed."`
	Value  string `name:"value" placeholder:"VALUE" help:"Show what feeds say about this value."`
	Type   string `name:"type" default:"auto" placeholder:"TYPE" help:"Type of the value, as for enrich."`
	Limit  int    `name:"limit" default:"1000" placeholder:"N" help:"Most facts shown, default 1000."`
	Output string `name:"output" enum:"text,json" default:"text" help:"text (default) or json."`
}

// knownFact is a fact as it is printed.
type knownFact struct {
	Kind       string `json:"kind"`
	Object     string `json:"object,omitempty"`
	Verdict    string `json:"verdict,omitempty"`
	Confidence uint8  `json:"confidence,omitempty"`
	First      string `json:"first_seen,omitempty"`
	Last       string `json:"last_seen,omitempty"`
	Count      int64  `json:"count"`
	Feed       string `json:"feed"`
	Import     int64  `json:"import"`
}

// Run implements the command.
func (c *feedShowCmd) Run(ctx context.Context, a *app) error {
	if (c.Name == "") == (c.Value == "") {
		return usageError{errors.New("name a feed, or a value with --value")}
	}
	return a.withLocal(ctx, false, func(_ *config.Config, eng *engine.Engine, s *local.Store) error {
		if c.Value != "" {
			return c.value(ctx, a, eng, s)
		}
		list, err := s.Generations(ctx, c.Name)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("%q: %w; see tclookup feed list", c.Name, local.ErrNoFeed)
		}
		if c.Output == "json" {
			return writeJSON(a.stdout, list)
		}
		t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "IMPORT\tSTATE\tTIME\tFACTS\tRECORDS\tBAD\tBYTES\tFORMAT\tFROM")
		for _, g := range list {
			fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", g.ID, g.State, g.Created.Format(time.RFC3339), g.Facts, g.Records, g.Bad, g.Bytes, g.Format, g.Source)
		}
		return t.Flush()
	})
}

func (c *feedShowCmd) value(ctx context.Context, a *app, eng *engine.Engine, s *local.Store) error {
	want, err := indicator.ParseType(c.Type)
	if err != nil {
		return usageError{fmt.Errorf("--type: %w", err)}
	}
	ind, err := eng.Parser.Parse(c.Value, want)
	if err != nil {
		return usageError{fmt.Errorf("%q: %w", c.Value, err)}
	}
	known, err := s.Known(ctx, ind, max(c.Limit, 1))
	if err != nil {
		return err
	}
	votes, err := s.VoteLog(ctx, ind, max(c.Limit, 1))
	if err != nil {
		return err
	}
	facts := []knownFact{}
	for _, k := range known {
		f := knownFact{Kind: k.Kind.String(), Object: k.Object.Value, Confidence: k.Confidence, Count: k.Count, Feed: k.Feed, Import: k.Generation, First: date(k.First), Last: date(k.Last)}
		if k.Kind == local.Listed {
			f.Verdict = k.Verdict.String()
		}
		facts = append(facts, f)
	}
	if c.Output == "json" {
		return writeJSON(a.stdout, map[string]any{"indicator": ind.Value, "type": ind.Type.String(), "facts": facts, "votes": notNil(votes)})
	}
	t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tOBJECT\tVERDICT\tFIRST SEEN\tLAST SEEN\tCOUNT\tFEED\tIMPORT")
	for _, f := range facts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%d\n", f.Kind, f.Object, f.Verdict, f.First, f.Last, f.Count, f.Feed, f.Import)
	}
	for _, v := range votes {
		fmt.Fprintf(t, "vote\t%s\t%+d\t\t%s\t\t%s\t\n", v.Voter, v.Vote, date(v.Time), v.Origin)
	}
	return t.Flush()
}

// date writes a day, nothing for the zero time.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

type feedUndoCmd struct {
	Name   string `arg:"" name:"feed" help:"Name of the feed."`
	Import int64  `name:"import" placeholder:"N" help:"Take this import back instead of the newest."`
}

// Run implements the command.
func (c *feedUndoCmd) Run(ctx context.Context, a *app) error {
	return a.withLocal(ctx, false, func(_ *config.Config, _ *engine.Engine, s *local.Store) error {
		taken, back, err := s.Undo(ctx, c.Name, c.Import)
		if errors.Is(err, local.ErrNoFeed) {
			return fmt.Errorf("%q: %w; see tclookup feed list", c.Name, err)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "%s: import %d with %d facts was taken back\n", taken.Feed, taken.ID, taken.Facts)
		for _, g := range back {
			fmt.Fprintf(a.stderr, "%s: import %d with %d facts is there again\n", g.Feed, g.ID, g.Facts)
		}
		return nil
	})
}

type feedPruneCmd struct{}

// Run implements the command.
func (c *feedPruneCmd) Run(ctx context.Context, a *app) error {
	return a.withLocal(ctx, false, func(_ *config.Config, _ *engine.Engine, s *local.Store) error {
		n, err := s.Prune(ctx)
		fmt.Fprintf(a.stderr, "%d rows deleted\n", n)
		return err
	})
}

// learnCmd is `tclookup learn`.
type learnCmd struct {
	Files   []string          `arg:"" name:"file" help:"Logs to read, compressed or not; - is stdin."`
	Column  map[string]string `name:"column" mapsep:"," placeholder:"MEANING=NAME" help:"What a column of a CSV log means: query, answer, time or count."`
	MaxBad  int               `name:"max-bad" default:"20" placeholder:"N" help:"Most bad lines that are named on stderr, default 20; 0 = all."`
	Summary bool              `name:"summary" help:"Print a JSON account on stderr, one line for each log."`
}

// Help is shown by --help.
func (c *learnCmd) Help() string {
	return `Which names resolved to which addresses, when first and last and how often, from the answers in logs: Zeek's dns.log
(tab-separated or JSON), Suricata's eve.json, CSV with a column of queries and one of answers. Nothing leaves the machine.
The same log again changes nothing; a log that has grown takes the place of what was learned from it before.

Examples:
  tclookup learn /var/log/zeek/current/dns.log
  tclookup learn --column query=QueryName,answer=QueryResults dns-events.csv`
}

// Run implements the command.
func (c *learnCmd) Run(ctx context.Context, a *app) error {
	for _, f := range c.Files {
		if info, err := os.Stat(f); f != "-" && (err != nil || info.IsDir()) {
			if err == nil {
				err = fmt.Errorf("%s is a directory; name the logs in it", f)
			}
			return usageError{err}
		}
	}
	return a.withLocal(ctx, true, func(_ *config.Config, eng *engine.Engine, s *local.Store) error {
		for _, f := range c.Files {
			inputs, err := a.inputs(f)
			if err != nil {
				return err
			}
			bad := a.badLines(c.MaxBad)
			g, n, err := feed.Learn(ctx, s, feed.LearnOptions{Parser: eng.Parser, Rules: eng.Rules, Columns: c.Column, Bad: bad.line}, inputs[0])
			bad.end()
			if err := a.imported(g, n, err, c.Summary); err != nil {
				return err
			}
		}
		return nil
	})
}
