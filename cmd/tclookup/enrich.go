package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/filter"
	"github.com/tclookup/tclookup/internal/sink"
	"github.com/tclookup/tclookup/internal/stream"
	"github.com/tclookup/tclookup/lookupcache"
)

// enrichCmd is `tclookup enrich`.
type enrichCmd struct {
	enrichFlags `embed:""`
	Files       []string `arg:"" optional:"" name:"file" help:"Files of records; stdin when none is named. - is stdin."`
}

// enrichFlags are the flags of every command that enriches records, wherever
// the records come from.
type enrichFlags struct {
	runOptions  `embed:""`
	Format      string   `name:"format" default:"auto" placeholder:"FORMAT" help:"auto (by the content, the default), csv, tsv, ssv (semicolons) or jsonl."`
	OutputFile  string   `name:"output-file" short:"o" placeholder:"FILE" help:"Write there instead of stdout."`
	Compress    string   `name:"compress" default:"none" placeholder:"KIND" help:"Compress the output: none (default), gzip, zstd, or auto, like the input."`
	Encoding    string   `name:"encoding" default:"keep" placeholder:"NAME" help:"Encoding of the output: keep (default), that of the input, or utf-8."`
	Resume      string   `name:"resume" placeholder:"JOURNAL" help:"Keep a journal in this file and continue a run that was stopped; needs --output-file or --to."`
	Separator   string   `name:"separator" default:";" placeholder:"TEXT" help:"What stands between the elements of lists in CSV."`
	Progress    string   `name:"progress" default:"auto" placeholder:"WHEN" help:"Show progress on stderr: auto (default), on a terminal; always; never."`
	Summary     bool     `name:"summary" help:"Print a JSON account of the run on stderr at its end."`
	FailOn      []string `name:"fail-on" placeholder:"STATUS" help:"Exit with 3 if rows ended in one of these statuses, such as error,skipped."`
	Concurrency int      `name:"concurrency" short:"j" placeholder:"N" help:"Most requests under way at a time for each source."`
	To          string   `name:"to" placeholder:"WHERE" help:"Send the records instead of writing them: hec, to Splunk's HTTP Event Collector${ingest}."`
	Rejects     string   `name:"rejects" placeholder:"FILE" help:"With --to: append events that could not be sent to this file, as JSON Lines."`
	HEC         hecFlags `embed:"" prefix:"hec-" group:"HTTP Event Collector (--to hec)"`

	job    string // the search job whose results are read, for the summary
	ingest target // of --to ingest, nil without Splunk Cloud Services
	tiers  []lookupcache.Tier
}

// Help is shown by --help.
func (c *enrichCmd) Help() string {
	return `Every row is written, in order, with its own bytes unchanged and the added fields behind them. The same
options work in SPL spelling: tclookup field=domain output=full < in.csv

Examples:
  tclookup enrich --field domain < proxy.csv > enriched.csv
  tclookup enrich --field src_ip,dest_ip --output verdict,votes flows.jsonl.gz
  tclookup enrich --field MD5 --type hash --max-wait 0 --fail-on error,skipped autoruns.csv -o out.csv
  tclookup enrich --field domain --to hec --hec-url https://splunk.example.com:8088 --resume j proxy.csv`
}

// Run implements the command.
func (c *enrichCmd) Run(ctx context.Context, a *app) error {
	return c.enrich(ctx, a, func(*progress) ([]filter.Input, []string, error) {
		in, err := c.inputs(a.stdin)
		if err != nil {
			return nil, nil, usageError{err}
		}
		return in, c.names(), nil
	})
}

// opener returns the inputs of a run, and the names that tell them from others
// in a journal. It is called once the flags and the configuration are known to
// be right, and may say in the progress what the inputs wait for.
type opener func(*progress) ([]filter.Input, []string, error)

// enrich runs the command over the inputs that open returns.
func (c *enrichFlags) enrich(ctx context.Context, a *app, open opener) error {
	syntax, compress, err := c.check()
	if err != nil {
		return usageError{err}
	}
	conf, err := a.load(&c.runOptions)
	if err != nil {
		return err
	}
	fields, err := c.fields(conf)
	if err != nil {
		return usageError{err}
	}
	if c.Concurrency > 0 {
		for _, s := range conf.All {
			s.Concurrency = c.Concurrency
		}
	}
	if _, err := enrich.New(engine.EnrichOptions(conf, fields)); err != nil {
		return usageError{err}
	}
	bar := &progress{}
	inputs, names, err := open(bar)
	if err != nil {
		return err
	}
	out, journal, err := c.output(a, conf, fields, inputs, names)
	if errors.Is(err, filter.ErrComplete) {
		a.warn("%s: %v; nothing to do", c.Resume, err)
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	log := a.logger(conf)
	eng, err := engine.Open(ctx, engine.Options{
		Config: conf, DataDir: a.place.dataDir(conf), Fields: fields, Refresh: c.Refresh.set(), Demo: c.Demo.set(), Log: log, Progress: bar.update, Tiers: c.tiers,
	})
	if err != nil {
		return usageError{err}
	}
	enricher, err := eng.Enricher()
	if err != nil {
		return errors.Join(err, eng.Close())
	}
	start := time.Now()
	var warned []string // of the inputs
	o := filter.Options{
		Inputs: inputs, Out: out.w, Syntax: syntax, Detect: c.Format == "auto", Compress: compress,
		UTF8: c.Encoding == "utf-8", Separator: c.Separator, Enricher: enricher, Journal: journal,
		Warn: func(s string) {
			warned = append(warned, s)
			a.warn("%s", s)
		},
	}
	if out.to != nil {
		o.Sink = out.to.start(journal)
		bar.sink = o.Sink
	}
	bar.start(a.stderr, c.Progress, eng)
	account, runErr := filter.Run(ctx, o)
	bar.end()
	runErr = errors.Join(runErr, out.close(runErr == nil), eng.Close())
	stats := enricher.Stats()
	if runErr == nil {
		for _, f := range enricher.Unseen() {
			if !slices.ContainsFunc(warned, func(w string) bool { return strings.HasSuffix(w, codec.NoField(f)) }) {
				a.warn("no record has a value in field %q", f)
			}
		}
	}
	for _, g := range eng.Gaps(&stats) {
		a.warn("%s", g)
	}
	var sent *sending
	if o.Sink != nil {
		sent = &sending{o.Sink.Stats()}
	}
	if c.Summary {
		if err := writeJSON(a.stderr, summary{Stats: stats, Account: account, sending: sent, Requests: eng.Requests(), Seconds: time.Since(start).Seconds(), Complete: runErr == nil, Job: c.job}); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(runErr, filter.ErrInterrupted):
		return codeError(exitInterrupted)
	case runErr != nil:
		return runErr
	}
	for _, s := range c.FailOn {
		if stats.Status[s] > 0 {
			return codeError(exitStatus)
		}
	}
	return nil
}

// sending is what became of records that were sent.
type sending struct{ sink.Stats }

// summary is the account of a run as --summary prints it.
type summary struct {
	enrich.Stats
	filter.Account
	*sending
	Requests int64   `json:"requests"`
	Seconds  float64 `json:"seconds"`
	Complete bool    `json:"complete"`
	Job      string  `json:"job,omitempty"` // the search job whose results were read
}

// check reads the flags that have a few possible values.
func (c *enrichFlags) check() (syntax codec.Syntax, compress stream.Compression, err error) {
	var errs []error
	if c.Format != "auto" {
		if syntax, err = codec.ParseSyntax(c.Format); err != nil {
			errs = append(errs, fmt.Errorf("--format: %w, auto", err))
		}
	}
	if compress, err = stream.ParseCompression(c.Compress); err != nil {
		errs = append(errs, fmt.Errorf("--compress: %w", err))
	}
	oneOf := func(flag, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			errs = append(errs, fmt.Errorf("%s cannot be %q: allowed are %s", flag, value, strings.Join(allowed, ", ")))
		}
	}
	oneOf("--encoding", c.Encoding, "keep", "utf-8")
	oneOf("--progress", c.Progress, "auto", "always", "never")
	for _, s := range c.FailOn {
		oneOf("--fail-on", s, enrich.Statuses()...)
	}
	if strings.ContainsAny(c.Separator, "\r\n\"") || c.Separator == "" {
		errs = append(errs, fmt.Errorf("--separator cannot be %q: it must not be empty and hold no line end and no quote", c.Separator))
	}
	if len(c.Field) == 0 {
		errs = append(errs, errors.New("no field: name at least one with --field NAME"))
	}
	if c.Resume != "" && c.To == "" && (c.OutputFile == "" || c.OutputFile == "-") {
		errs = append(errs, errors.New("--resume needs --output-file, or --to: what was written before must be there to go on behind it"))
	}
	errs = append(errs, c.checkTo()...)
	if c.Resume != "" && compress != stream.None {
		errs = append(errs, errors.New("--resume and --compress cannot be had together: compress the finished file"))
	}
	if c.Concurrency < 0 || c.Concurrency > 64 {
		errs = append(errs, fmt.Errorf("-j cannot be %d: allowed is 1 to 64", c.Concurrency))
	}
	return syntax, compress, errors.Join(errs...)
}

// target returns where --to sends the records, nil if there is no such place.
func (c *enrichFlags) target() target {
	switch {
	case c.To == "hec":
		return &c.HEC
	case c.To == "ingest" && c.ingest != nil:
		return c.ingest
	}
	return nil
}

// checkTo says which flags cannot be had together when records are sent, or
// are not.
func (c *enrichFlags) checkTo() (errs []error) {
	switch {
	case c.To != "hec" && c.HEC.given():
		errs = append(errs, errors.New("the flags --hec-… need --to hec"))
	case c.To == "" && c.Rejects != "":
		errs = append(errs, errors.New("--rejects needs --to"))
	case c.To != "" && c.target() == nil && c.ingest != nil:
		errs = append(errs, fmt.Errorf("--to cannot be %q: allowed are hec, ingest", c.To))
	case c.To != "" && c.target() == nil:
		errs = append(errs, fmt.Errorf("--to cannot be %q: allowed is hec", c.To))
	}
	if c.To == "" {
		return errs
	}
	for flag, given := range map[string]bool{
		"--output-file": c.OutputFile != "", "--compress": c.Compress != "none", "--encoding": c.Encoding != "keep",
	} {
		if given {
			errs = append(errs, fmt.Errorf("%s and --to cannot be had together: the records are sent, not written", flag))
		}
	}
	return errs
}

// inputs returns what to read. That files can be opened is checked before
// anything is written.
func (c *enrichCmd) inputs(stdin *os.File) ([]filter.Input, error) {
	if len(c.Files) == 0 {
		c.Files = []string{"-"}
	}
	var in []filter.Input
	var errs []error
	for i, name := range c.Files {
		if name == "-" {
			if slices.Contains(c.Files[:i], "-") {
				errs = append(errs, errors.New("stdin, -, is named twice"))
			}
			in = append(in, filter.Input{Name: "stdin", Open: func() (io.ReadCloser, error) { return unclosed{stdin}, nil }})
			continue
		}
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			errs = append(errs, fmt.Errorf("there is no file %s: name existing files, or - for stdin", name))
		case err != nil:
			var cause *fs.PathError
			if errors.As(err, &cause) {
				err = cause.Err
			}
			errs = append(errs, fmt.Errorf("%s cannot be read: %w: check its path and who may read it", name, err))
		case info.IsDir():
			errs = append(errs, fmt.Errorf("%s is a directory: name files", name))
		}
		if out, err := os.Stat(c.OutputFile); err == nil && info != nil && os.SameFile(out, info) {
			errs = append(errs, fmt.Errorf("%s is read and written: name another --output-file", name))
		}
		in = append(in, filter.Input{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
	}
	return in, errors.Join(errs...)
}

// unclosed is a file that is not ours to close.
type unclosed struct{ *os.File }

// Close does nothing.
func (unclosed) Close() error { return nil }

// names returns the names of the files, with what changes when they do.
func (c *enrichCmd) names() []string {
	var names []string
	for _, name := range c.Files {
		if info, err := os.Stat(name); err == nil && name != "-" {
			name = fmt.Sprintf("%s (%d bytes of %s)", name, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
		}
		names = append(names, name)
	}
	return names
}

// output is where the records of a run go.
type output struct {
	w     io.Writer // nil if they are sent
	to    *delivery // nil if they are written
	close func(complete bool) error
}

// output returns where the records go, and the journal of it if there is to be
// one.
func (c *enrichFlags) output(a *app, conf *config.Config, fields []enrich.Field, inputs []filter.Input, names []string) (output, *filter.Journal, error) {
	if c.To != "" {
		d, err := c.target().open(a, inputs, c.Rejects)
		if err != nil {
			return output{}, nil, err
		}
		j, err := c.journal(conf, fields, names, d.name, nil)
		if err != nil {
			return output{}, nil, errors.Join(err, d.close(a, true))
		}
		return output{to: d, close: func(complete bool) error { return d.close(a, complete) }}, j, nil
	}
	if c.OutputFile == "" || c.OutputFile == "-" {
		return output{w: a.stdout, close: func(bool) error { return nil }}, nil, nil
	}
	mode := os.O_RDWR | os.O_CREATE
	if c.Resume == "" {
		mode |= os.O_TRUNC
	}
	f, err := os.OpenFile(c.OutputFile, mode, 0o666)
	if err != nil {
		return output{}, nil, err
	}
	j, err := c.journal(conf, fields, names, c.OutputFile, f)
	if err != nil {
		f.Close()
		return output{}, nil, err
	}
	return output{w: f, close: func(bool) error {
		if j == nil {
			return f.Close()
		}
		return errors.Join(f.Close(), j.Close())
	}}, j, nil
}

// journal opens the journal of an output, whose file is nil if the records are
// sent; nil if there is to be none.
func (c *enrichFlags) journal(conf *config.Config, fields []enrich.Field, names []string, name string, file *os.File) (*filter.Journal, error) {
	if c.Resume == "" {
		return nil, nil
	}
	what := []any{fields, conf.Output, conf.Prefix, conf.ListLimit, conf.CIM, c.Format, c.Encoding, c.Separator}
	if c.To != "" {
		what = append(what, c.target().content())
	}
	options, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	return filter.OpenJournal(c.Resume, string(options), names, name, file)
}

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}
