package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/splunkapp"
)

// runOptions are the options of a run on the command line. What is not given
// is left to the configuration.
type runOptions struct {
	Field      []string `kong:"name='field',help='Field that holds indicators: repeat it, or separate several by commas (a comma in a name is written \\,).',placeholder='NAME'"`
	Type       []string `kong:"name='type',help='Type of the values: auto (default), domain, ip, email, hash, antivirus. Several types belong to the fields in their order.',placeholder='TYPE'"`
	Output     []string `kong:"name='output',help='Fields to add: summary (default), full, json, or a list of names such as verdict,votes,hashes.',placeholder='SET'"`
	Prefix     string   `kong:"name='prefix',help='What the added fields begin with; may hold {field}. Default tc_, with several fields {field}_tc_.',placeholder='TEXT'"`
	Mode       string   `kong:"name='mode',help='live (default): ask sources within the budgets; cache: never leave the machine; queue: leave what is not known to the background.',placeholder='MODE'"`
	MaxWait    string   `kong:"name='max-wait',help='Longest time the run may wait for sources altogether, default 30s; 0 = no bound.',placeholder='TIME'"`
	MaxLookups string   `kong:"name='max-lookups',help='Most requests the run may send; default no bound.',placeholder='N'"`
	ListLimit  string   `kong:"name='list-limit',help='Most elements shown of each list, default 50; 0 = all.',placeholder='N'"`
	Refresh    tri      `kong:"name='refresh',help='Ignore cached answers; they are replaced.'"`
	Source     []string `kong:"name='source',help='Ask the named sources only.',placeholder='NAME'"`
	CIM        tri      `kong:"name='cim',help='Also write the names Splunk data models expect where a record has none.'"`
	Demo       tri      `kong:"name='demo',help='Answer from the embedded sample data set; nothing leaves the machine.'"`
}

// splOptions are the same options in SPL: the fields are those of runOptions,
// so that one can be converted to the other.
type splOptions struct {
	Field      []string `arg:"field,required,positional"`
	Type       []string `arg:"type"`
	Output     []string `arg:"output"`
	Prefix     string   `arg:"prefix"`
	Mode       string   `arg:"mode"`
	MaxWait    string   `arg:"max_wait"`
	MaxLookups string   `arg:"max_lookups"`
	ListLimit  string   `arg:"list_limit"`
	Refresh    tri      `arg:"refresh"`
	Source     []string `arg:"source"`
	CIM        tri      `arg:"cim"`
	Demo       tri      `arg:"demo"`
}

// tri is a truth value that knows whether it was given.
type tri string

func (t tri) set() bool { return t == "true" }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *tri) UnmarshalText(text []byte) error {
	switch strings.ToLower(string(text)) {
	case "1", "t", "true", "y", "yes":
		*t = "true"
	case "0", "f", "false", "n", "no":
		*t = "false"
	default:
		return fmt.Errorf("allowed are true and false")
	}
	return nil
}

// IsBool and Decode make it a flag that needs no value.
func (t *tri) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (t *tri) Decode(ctx *kong.DecodeContext) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		*t = "true"
		return nil
	}
	return t.UnmarshalText([]byte(ctx.Scan.Pop().String()))
}

// overrides returns what the options change of the configuration; name makes
// an option's name as the user wrote it.
func (o *runOptions) overrides(name func(string) string) []config.Override {
	var out []config.Override
	add := func(key, option, value string) {
		if value != "" {
			out = append(out, config.Override{Stanza: "tclookup", Key: key, Value: value, From: name(option)})
		}
	}
	if len(o.Type) == 1 {
		add("type", "type", o.Type[0])
	}
	add("output", "output", strings.Join(o.Output, ","))
	add("prefix", "prefix", o.Prefix)
	add("mode", "mode", o.Mode)
	add("max_wait", "max_wait", o.MaxWait)
	add("max_lookups", "max_lookups", o.MaxLookups)
	add("list_limit", "list_limit", o.ListLimit)
	add("sources", "source", strings.Join(o.Source, ","))
	add("cim", "cim", string(o.CIM))
	return out
}

// fields returns the input fields with their types.
func (o *runOptions) fields(c *config.Config) ([]enrich.Field, error) {
	var names []string
	for _, f := range o.Field {
		if f = strings.TrimSpace(f); f != "" {
			names = append(names, f)
		}
	}
	if len(o.Type) > 1 && len(o.Type) != len(names) {
		return nil, fmt.Errorf("option type has %d types for %d fields: give one for all, or one for each", len(o.Type), len(names))
	}
	var fields []enrich.Field
	for i, n := range names {
		t := c.Type
		if len(o.Type) > 1 {
			var err error
			if t, err = indicator.ParseType(o.Type[i]); err != nil {
				return nil, fmt.Errorf("option type: %w", err)
			}
		}
		fields = append(fields, enrich.Field{Name: n, Type: t})
	}
	return fields, nil
}

// place is where the program runs: what the configuration depends on besides
// the options.
type place struct {
	exe     string
	environ []string
	getenv  func(string) string
}

func here() place {
	exe, _ := os.Executable()
	return place{exe, os.Environ(), os.Getenv}
}

// app is the same for the roles in Splunk.
func (p place) app() splunkapp.Place {
	return splunkapp.Place{Exe: p.exe, Environ: p.environ, Getenv: p.getenv, KnownEnv: secretVariables}
}

// dataDir returns where what outlives a run is kept, empty if nowhere.
func (p place) dataDir(c *config.Config) string { return p.app().DataDir(c) }

// load reads the configuration. file is the flag --config.
func (p place) load(file string, overrides []config.Override) (*config.Config, error) {
	return p.app().Load(file, overrides)
}
