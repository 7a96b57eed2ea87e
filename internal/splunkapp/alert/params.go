package alert

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tclookup/tclookup/internal/config"
)

// params are the parameters of the action, as alert_actions.conf describes
// them.
type params struct {
	Fields    []string
	Type      string
	Output    string
	Mode      string
	MaxWait   string
	Source    string
	Index     string // empty: nothing is indexed
	Vote      string // off, malicious or harmless
	VoteLimit int
	Demo      bool
}

// Names are the parameters that there are.
func Names() []string {
	return []string{"field", "type", "output", "mode", "max_wait", "source", "index", "vote", "vote_limit", "demo"}
}

const maxVotes = 100

// readParams reads the parameters; all mistakes are reported at once.
func readParams(in map[string]any) (p params, err error) {
	get := func(name, byDefault string) string {
		if s := strings.TrimSpace(text(in[name])); s != "" {
			return s
		}
		return byDefault
	}
	var errs []error
	wrong := func(name, value, allowed string) {
		errs = append(errs, fmt.Errorf("param.%s = %s: allowed is %s", name, value, allowed))
	}
	for f := range strings.SplitSeq(get("field", ""), ",") {
		if f = strings.TrimSpace(f); f != "" && !slices.Contains(p.Fields, f) {
			p.Fields = append(p.Fields, f)
		}
	}
	if len(p.Fields) == 0 {
		errs = append(errs, errors.New("param.field is empty: name the field of the results that holds indicators, several separated by commas"))
	}
	p.Type, p.Output, p.Mode = get("type", "auto"), get("output", "summary"), get("mode", "live")
	p.MaxWait, p.Source, p.Index = get("max_wait", "60s"), get("source", ""), get("index", "main")
	if p.Index == "none" {
		p.Index = ""
	}
	if p.Vote = get("vote", "off"); !slices.Contains([]string{"off", "malicious", "harmless"}, p.Vote) {
		wrong("vote", p.Vote, "off, malicious, harmless")
	}
	if p.VoteLimit, err = strconv.Atoi(get("vote_limit", "10")); err != nil || p.VoteLimit < 1 || p.VoteLimit > maxVotes {
		wrong("vote_limit", get("vote_limit", ""), fmt.Sprintf("a number from 1 to %d", maxVotes))
	}
	switch v := strings.ToLower(get("demo", "0")); v {
	case "1", "true", "yes", "t", "y":
		p.Demo = true
	case "0", "false", "no", "f", "n":
	default:
		wrong("demo", v, "true, false")
	}
	if p.Demo && p.Vote != "off" {
		wrong("vote", p.Vote, "off, with samples")
	}
	return p, errors.Join(errs...)
}

// text is a parameter's value, which is a string wherever splunkd sends it.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// overrides returns what the parameters change of the configuration.
func (p *params) overrides() []config.Override {
	var list []config.Override
	for _, o := range []struct{ key, name, value string }{
		{"type", "type", p.Type}, {"output", "output", p.Output}, {"mode", "mode", p.Mode},
		{"max_wait", "max_wait", p.MaxWait}, {"sources", "source", p.Source},
	} {
		if o.value != "" {
			list = append(list, config.Override{Stanza: config.GlobalStanza, Key: o.key, Value: o.value, From: "param." + o.name})
		}
	}
	return list
}
