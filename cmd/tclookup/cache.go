package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/lookupcache/disk"
)

// cacheCmd is `tclookup cache`: what the runs of this host share.
type cacheCmd struct {
	Stats  cacheStatsCmd  `cmd:"" help:"Show what is kept: answers, queue, budgets."`
	Get    cacheGetCmd    `cmd:"" help:"Show the kept answers of values; nothing is sent."`
	Purge  cachePurgeCmd  `cmd:"" help:"Forget answers."`
	Export cacheExportCmd `cmd:"" help:"Write all answers to stdout as JSON Lines."`
	Import cacheImportCmd `cmd:"" help:"Read answers from a file that export wrote; newer answers stay."`
	Warm   cacheWarmCmd   `cmd:"" help:"Work off the queue at the pace of the budgets, the most wanted first."`
	Path   cachePathCmd   `cmd:"" help:"Print where the database is."`
}

// store opens the database of the host for a command that is about it.
func (a *app) store(ctx context.Context, conf *config.Config) (*disk.Store, error) {
	dir := a.place.dataDir(conf)
	if dir == "" {
		return nil, usageError{errors.New("no data directory: set data_dir or --data-dir")}
	}
	return disk.Open(ctx, disk.Options{Dir: dir, MaxBytes: conf.Cache.MaxDisk, Logger: a.logger(conf)})
}

// withStore runs f on the database of the host.
func (a *app) withStore(ctx context.Context, f func(*config.Config, *disk.Store) error) error {
	conf, err := a.load(&runOptions{})
	if err != nil {
		return err
	}
	s, err := a.store(ctx, conf)
	if err != nil {
		return err
	}
	return errors.Join(f(conf, s), s.Close())
}

type cachePathCmd struct{}

// Run implements the command.
func (c *cachePathCmd) Run(a *app) error {
	conf, err := a.load(&runOptions{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, filepath.Join(a.place.dataDir(conf), disk.FileName))
	return err
}

type cacheStatsCmd struct {
	Output string `name:"output" enum:"text,json" default:"text" help:"text (default) or json."`
}

// cacheStats is what stats prints.
type cacheStats struct {
	disk.Stats
	Budgets []disk.BudgetStatus `json:"budgets"`
}

// Run implements the command.
func (c *cacheStatsCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(_ *config.Config, s *disk.Store) error {
		st, err := s.Stats(ctx, 2*time.Second)
		if err != nil {
			return err
		}
		budgets, err := s.Budgets(ctx)
		if err != nil {
			return err
		}
		if c.Output == "json" {
			return writeJSON(a.stdout, cacheStats{st, budgets})
		}
		t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
		atLeast := ""
		if !st.Complete {
			atLeast = "at least "
		}
		fmt.Fprintf(t, "Database\t%s\n", st.Path)
		fmt.Fprintf(t, "Answers\t%s%d found, %d not found; %d of them expired\n", atLeast, st.Found, st.NotFound, st.Expired)
		fmt.Fprintf(t, "Size\t%s of %s\n", size(st.Bytes), size(st.MaxBytes))
		fmt.Fprintf(t, "Queue\t%d wanted\n", st.Queued)
		fmt.Fprintf(t, "Under way\t%d\n", st.Claims)
		for _, b := range budgets {
			fmt.Fprintf(t, "Budget\t%s: %s\n", b.Source, budget(b.Status))
		}
		return t.Flush()
	})
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n == 0:
		return "no bound"
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

type cacheGetCmd struct {
	Values []string `arg:"" name:"value" help:"Values as they stand in events."`
	Type   string   `name:"type" default:"auto" placeholder:"TYPE" help:"Type of the values, as for enrich."`
	Output string   `name:"output" enum:"text,json" default:"text" help:"text (default) or json."`
}

// Run implements the command.
func (c *cacheGetCmd) Run(a *app, ctx context.Context) error {
	r := reportCmd{Values: c.Values, Type: c.Type, Output: c.Output, Mode: string(config.Only)}
	return r.Run(ctx, a)
}

type cachePurgeCmd struct {
	Values    []string `arg:"" optional:"" name:"value" help:"Forget the answers about these."`
	Type      string   `name:"type" default:"auto" placeholder:"TYPE" help:"Type of the values, as for enrich."`
	All       bool     `name:"all" help:"Forget everything."`
	Expired   bool     `name:"expired" help:"Forget what has expired."`
	OlderThan string   `name:"older-than" placeholder:"TIME" help:"Forget what was asked longer ago, such as 7d."`
	Source    string   `name:"source" placeholder:"NAME" help:"Forget what this source answered."`
	Queue     bool     `name:"queue" help:"Empty the queue instead."`
}

// Run implements the command.
func (c *cachePurgeCmd) Run(ctx context.Context, a *app) error {
	want, err := indicator.ParseType(c.Type)
	if err != nil {
		return usageError{fmt.Errorf("--type: %w", err)}
	}
	p := disk.Purge{Expired: c.Expired}
	if c.OlderThan != "" {
		d, err := config.ParseDuration(c.OlderThan)
		if err != nil {
			return usageError{fmt.Errorf("--older-than %q: %w", c.OlderThan, err)}
		}
		p.Before = time.Now().Add(-d)
	}
	if !c.All && !c.Expired && !c.Queue && c.OlderThan == "" && c.Source == "" && len(c.Values) == 0 {
		return usageError{errors.New("say what to forget: values, --expired, --older-than, --source, --queue or --all")}
	}
	return a.withStore(ctx, func(conf *config.Config, s *disk.Store) error {
		if c.Queue {
			return c.emptyQueue(ctx, a, s)
		}
		purges := []disk.Purge{p}
		if c.Source != "" {
			src := conf.Source(c.Source)
			if src == nil {
				return usageError{fmt.Errorf("--source: no source is called %q", c.Source)}
			}
			purges[0].Scope = engine.Scope(src)
		}
		if len(c.Values) > 0 {
			parser, err := indicator.NewParser(indicator.ParserConfig{Suffixes: append(conf.Suffixes, conf.Exclude.Suffix...)})
			if err != nil {
				return err
			}
			one := purges[0]
			purges = nil
			for _, v := range c.Values {
				if one.Indicator, err = parser.Parse(v, want); err != nil {
					return usageError{fmt.Errorf("%q: %w", v, err)}
				}
				purges = append(purges, one)
			}
		}
		total := 0
		for _, p := range purges {
			n, err := s.Purge(ctx, p)
			total += n
			if err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(a.stderr, "%d answers forgotten\n", total)
		return err
	})
}

func (c *cachePurgeCmd) emptyQueue(ctx context.Context, a *app, s *disk.Store) error {
	n, err := s.Queue().Clear(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stderr, "%d taken off the queue\n", n)
	return err
}

type cacheExportCmd struct{}

// Run implements the command.
func (c *cacheExportCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(_ *config.Config, s *disk.Store) error {
		n, err := s.Export(ctx, a.stdout)
		fmt.Fprintf(a.stderr, "%d answers written\n", n)
		return err
	})
}

type cacheImportCmd struct {
	File string `arg:"" optional:"" default:"-" help:"File to read; stdin when none is named."`
}

// Run implements the command.
func (c *cacheImportCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(_ *config.Config, s *disk.Store) error {
		in := io.Reader(a.stdin)
		if c.File != "-" {
			f, err := os.Open(c.File)
			if err != nil {
				return usageError{err}
			}
			defer f.Close()
			in = f
		}
		got, err := s.Import(ctx, in)
		for _, e := range got.Errors {
			fmt.Fprintf(a.stderr, "tclookup: %s: %v\n", c.File, e.Error())
		}
		fmt.Fprintf(a.stderr, "%d lines read: %d answers kept, %d older than what was there, %d bad\n", got.Lines, got.Kept, got.Older, got.Bad)
		if err == nil && len(got.Errors) > 0 {
			return codeError(exitFailed)
		}
		return err
	})
}

type cacheWarmCmd struct {
	For      string `name:"for" placeholder:"TIME" help:"Stop after this time, such as 5m; default when the queue is empty."`
	Forever  bool   `name:"forever" help:"Wait for more when the queue is empty."`
	Progress string `name:"progress" default:"auto" placeholder:"WHEN" help:"auto (default), always or never."`
	Summary  bool   `name:"summary" help:"Print a JSON account on stderr at the end."`
}

// Help is shown by --help.
func (c *cacheWarmCmd) Help() string {
	return `What searches could not wait for is fetched here, so that it is there the next time. One process of the host
works off the queue at a time; a second one waits for its turn. Searches go first.`
}

// Run implements the command.
func (c *cacheWarmCmd) Run(ctx context.Context, a *app) error {
	conf, err := a.load(&runOptions{})
	if err != nil {
		return err
	}
	if c.For != "" {
		d, err := config.ParseDuration(c.For)
		if err != nil {
			return usageError{fmt.Errorf("--for %q: %w", c.For, err)}
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	conf.Mode, conf.MaxLookups = config.Live, 0
	eng, err := engine.Open(ctx, engine.Options{
		Config: conf, DataDir: a.place.dataDir(conf), Background: true, Reports: true, Log: a.logger(conf),
	})
	if err != nil {
		return usageError{err}
	}
	defer eng.Close()
	if eng.Store == nil {
		return errors.Join(errors.New("there is no queue without a database"), eng.StoreError)
	}
	bar := &progress{what: "answered"}
	bar.start(a.stderr, c.Progress, eng)
	got, err := eng.Drain(ctx, engine.DrainOptions{
		Forever:  c.Forever || c.For != "",
		Waiting:  func() { a.warn("another process is working off the queue; waiting for it to end") },
		Progress: func(d engine.Drained, left int) { bar.set(d.Answered, d.Answered, left) },
	})
	bar.end()
	if c.Summary {
		err = errors.Join(err, writeJSON(a.stderr, got))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if got.Unknown > 0 {
		a.warn("%d values in the queue belong to servers that are not configured any more; tclookup cache purge --queue takes them off", got.Unknown)
	}
	return err
}
