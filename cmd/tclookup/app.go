package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/logline"
	"github.com/tclookup/tclookup/internal/version"
)

// app is one run from the command line.
type app struct {
	place  place
	stdin  *os.File
	stdout io.Writer
	stderr io.Writer
	cli    commands
}

// globals are the flags of all commands.
type globals struct {
	Config    string `name:"config" type:"path" placeholder:"FILE" help:"Configuration file, instead of $$TCLOOKUP_CONFIG or the user's."`
	DataDir   string `name:"data-dir" type:"path" placeholder:"DIR" help:"Directory of what is kept between runs."`
	Verbose   bool   `name:"verbose" short:"v" help:"Log what is done, on stderr."`
	LogFormat string `name:"log-format" placeholder:"FORMAT" help:"text (default) or json."`
}

// commands is the command line.
type commands struct {
	globals

	Enrich     enrichCmd     `cmd:"" help:"Add what is known to records: CSV, TSV or JSON Lines in, the same out."`
	Cloud      cloudCmd      `cmd:"" help:"Enrich where the data is: the results of searches on Splunks and clouds without an app."`
	Report     reportCmd     `cmd:"" help:"Show what is known about single indicators."`
	Explain    explainCmd    `cmd:"" help:"Say what a value is, whether it would be sent, and to whom."`
	Vote       voteCmd       `cmd:"" help:"Cast one public vote on a domain or IP address: malicious or harmless."`
	Serve      serveCmd      `cmd:"" help:"Run a ThreatCrowd-compatible service over one's own intelligence and the configured sources."`
	Feed       feedCmd       `cmd:"" help:"Look after intelligence of your own: import files, list, show and take back imports."`
	Learn      learnCmd      `cmd:"" help:"Learn which names resolve where from your own DNS logs."`
	Cache      cacheCmd      `cmd:"" help:"Look after what is kept between runs: answers, budgets, the queue."`
	Doctor     doctorCmd     `cmd:"" help:"Check that everything is in order: configuration, data directory, sources, budgets."`
	Demo       demoCmd       `cmd:"" help:"Enrich a sample proxy log from an embedded data set, outside Splunk and as Splunk does it."`
	Splunk     splunkCmd     `cmd:"" help:"Speak Splunk's chunked search-command protocol on stdin and stdout."`
	Lookup     lookupCmd     `cmd:"" help:"Answer an external lookup of Splunk: CSV on stdin, filled on stdout."`
	Completion completionCmd `cmd:"" help:"Print a completion script for a shell: bash, zsh or fish."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// usageError is a mistake on the command line or in the configuration.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// codeError ends the run with a code and without a message.
type codeError int

func (c codeError) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

const description = `Tells what is known about domains, IP addresses, e-mail addresses, file hashes and antivirus names.

Examples:
  tclookup enrich --field domain < proxy.csv > enriched.csv
  tclookup field=src_ip field=dest_ip output=verdict,votes < flows.csv
  tclookup report evil.example.com
  tclookup explain 10.0.0.1
  tclookup demo`

// quickParse parses a command line of enrich, nil if it is not one without
// mistakes. To make the grammar of all commands took a quarter of a short run;
// help, which this grammar does not know, and mistakes are left to it.
func (a *app) quickParse(args []string) *kong.Context {
	if len(args) == 0 || args[0] != "enrich" {
		return nil
	}
	var quick struct {
		globals
		Enrich enrichCmd `cmd:""`
	}
	parser, err := a.parser(&quick, new(bool), kong.NoDefaultHelp())
	if err != nil {
		return nil
	}
	k, err := parser.Parse(args)
	if err != nil {
		return nil
	}
	a.cli.globals, a.cli.Enrich = quick.globals, quick.Enrich
	return k
}

// parser makes the grammar of commands. *exit is set if help was shown.
func (a *app) parser(commands any, exit *bool, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(commands, append(more,
		kong.Name("tclookup"), kong.Description(description),
		kong.Writers(a.stderr, a.stderr),
		kong.Exit(func(int) { *exit = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Bind(a), kong.Vars{"ingest": orIngest},
	)...)
}

// run parses the command line and runs the command.
func (a *app) run(ctx context.Context, args []string) error {
	args = fromSPL(args)
	if k := a.quickParse(args); k != nil {
		k.BindTo(ctx, (*context.Context)(nil))
		return k.Run()
	}
	var exit bool
	parser, err := a.parser(&a.cli, &exit)
	if err != nil {
		return err
	}
	if asksHelp(args) { // help that was asked for is what the user wants on stdout
		parser.Stdout = a.stdout
	}
	k, err := parser.Parse(args)
	if exit {
		return nil
	}
	var write *fs.PathError
	switch {
	case errors.As(err, &write): // the help text could not be written
		return write
	case err != nil:
		return usageError{withHelp(err)}
	}
	k.BindTo(ctx, (*context.Context)(nil))
	k.Bind(parser)
	return k.Run()
}

// withHelp adds to a mistake of the command line where to read what is right.
func withHelp(err error) error {
	var p *kong.ParseError
	if !errors.As(err, &p) {
		return err
	}
	if n := p.Context.Selected(); n != nil {
		return fmt.Errorf("%w; see tclookup %s --help", err, n.Path())
	}
	var names []string
	for _, c := range p.Context.Model.Children {
		names = append(names, c.Name)
	}
	return fmt.Errorf("%w; the commands are %s; see tclookup --help", err, strings.Join(names, ", "))
}

func asksHelp(args []string) bool {
	for _, a := range args {
		if a == "--" {
			return false
		}
		if a == "--help" || a == "-h" {
			return true
		}
	}
	return false
}

// usage prints the help text.
func usage(w io.Writer) {
	a := &app{stderr: w, stdout: w}
	var exit bool
	if p, err := a.parser(&a.cli, &exit); err == nil {
		_, _ = p.Parse([]string{"--help"})
	}
}

// fromSPL translates the SPL spelling, `tclookup field=domain`, into the
// command enrich. Words without = are field names, as in a search.
func fromSPL(args []string) []string {
	if len(args) == 0 || !isOption(args[0]) && !slices.ContainsFunc(args, isOption) || isCommand(args[0]) || strings.HasPrefix(args[0], "-") {
		return args
	}
	out := []string{"enrich"}
	for i, a := range args {
		switch name, value, ok := strings.Cut(a, "="); {
		case strings.HasPrefix(a, "-"):
			out = append(out, a)
		case ok:
			out = append(out, "--"+strings.ReplaceAll(name, "_", "-")+"="+value)
		case i > 0 && strings.HasPrefix(args[i-1], "-") && !strings.Contains(args[i-1], "="):
			out = append(out, a) // the value of a flag
		default:
			out = append(out, "--field="+a)
		}
	}
	return out
}

// isOption reports whether a word is written like an option in SPL.
func isOption(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	return ok && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == ""
}

func isCommand(s string) bool {
	return slices.Contains([]string{
		"cache", "cloud", "completion", "demo", "doctor", "enrich", "explain", "feed",
		"learn", "lookup", "report", "serve", "splunk", "version", "vote",
	}, s)
}

// exitCode says what went wrong, on stderr, and returns the code for it.
func (a *app) exitCode(err error) int {
	var code codeError
	var usage usageError
	var conf *config.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage), errors.As(err, &conf):
		fmt.Fprintf(a.stderr, "tclookup: %v\n", err)
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	fmt.Fprintf(a.stderr, "tclookup: %v\n", err)
	return exitFailed
}

// load reads the configuration with the flags over it; more are overrides
// besides those of the options.
func (a *app) load(o *runOptions, more ...config.Override) (*config.Config, error) {
	overrides := append(o.overrides(func(option string) string { return "--" + strings.ReplaceAll(option, "_", "-") }), more...)
	add := func(key, flag, value string) {
		if value != "" {
			overrides = append(overrides, config.Override{Stanza: "tclookup", Key: key, Value: value, From: flag})
		}
	}
	add("data_dir", "--data-dir", a.cli.DataDir)
	add("log_format", "--log-format", a.cli.LogFormat)
	if a.cli.Verbose {
		add("log_level", "-v", "debug")
	}
	c, err := a.place.load(a.cli.Config, overrides)
	if err != nil {
		return nil, usageError{err}
	}
	for _, w := range c.Warnings() {
		fmt.Fprintf(a.stderr, "tclookup: warning: %s\n", w)
	}
	return c, nil
}

// logger returns the log of the run, on stderr.
func (a *app) logger(c *config.Config) *slog.Logger {
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	}
	return logline.Text(a.stderr, c.LogLevel)
}

func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.stderr, "tclookup: warning: "+format+"\n", args...)
}

type versionCmd struct {
	Output string `enum:"text,json" default:"text" help:"text or json."`
}

// Run implements the command.
func (v *versionCmd) Run(a *app) error {
	if v.Output == "json" {
		return writeJSON(a.stdout, map[string]string{"version": version.String(), "commit": version.Commit(), "go": runtime.Version()})
	}
	line := "tclookup " + version.String()
	if c := version.Commit(); c != "" {
		line += " (" + c + ")"
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}

type splunkCmd struct {
	Command string `arg:"" optional:"" help:"Stanza of commands.conf." default:"tclookup"`
}

// Run implements the command for the help text; main serves it without
// parsing the command line, as a search waits for it.
func (s *splunkCmd) Run(a *app) error {
	if out, ok := a.stdout.(*os.File); ok {
		if code := serve(s.Command, a.stdin, out); code != exitOK {
			return codeError(code)
		}
	}
	return nil
}

type lookupCmd struct {
	Field []string `arg:"" help:"Columns that may hold the value, the preferred first: domain, ip, email, hash, or any other name."`
}

// Run implements the command for the help text; main answers lookups without
// parsing the command line, as a search waits for it.
func (l *lookupCmd) Run(a *app) error {
	if code := runLookup(l.Field, a.stdin, a.stdout); code != exitOK {
		return codeError(code)
	}
	return nil
}
