package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints a completion script made from the command line's own
// description, so that it can be kept in a file and costs nothing at start-up.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown by --help.
func (c *completionCmd) Help() string {
	return `Examples:
  tclookup completion bash > /etc/bash_completion.d/tclookup
  tclookup completion zsh  > "${fpath[1]}/_tclookup"
  tclookup completion fish > ~/.config/fish/completions/tclookup.fish`
}

// words are the values of flags that take one of a few.
var words = map[string]string{
	"type": "auto domain ip email hash antivirus", "output": "summary full json", "mode": "live cache queue",
	"format": "auto csv tsv ssv jsonl", "compress": "none gzip zstd auto", "encoding": "keep utf-8",
	"progress": "auto always never", "log-format": "text json",
	"fail-on": "error skipped queued not_found unsupported excluded invalid found",
}

// Run implements the command.
func (c *completionCmd) Run(a *app, k *kong.Kong) error {
	switch c.Shell {
	case "fish":
		return fish(a.stdout, k.Model)
	case "zsh":
		fmt.Fprint(a.stdout, "#compdef tclookup\nautoload -U +X bashcompinit && bashcompinit\n")
	}
	return bash(a.stdout, k.Model)
}

// valuesOf returns the values that a flag takes, separated by blanks, empty if
// they are not a few.
func valuesOf(f *kong.Flag) string {
	if f.Enum != "" {
		return strings.ReplaceAll(f.Enum, ",", " ")
	}
	return words[f.Name]
}

func flagsOf(n *kong.Node) []*kong.Flag {
	var flags []*kong.Flag
	for _, group := range n.AllFlags(true) {
		flags = append(flags, group...)
	}
	return flags
}

// bash writes a script that bash, and zsh through its bashcompinit, can read.
func bash(w io.Writer, model *kong.Application) error {
	var cmds []string
	var cases, values strings.Builder
	for _, n := range model.Children {
		cmds = append(cmds, n.Name)
		var flags []string
		for _, f := range flagsOf(n) {
			flags = append(flags, "--"+f.Name)
		}
		fmt.Fprintf(&cases, "    %s) flags=%q ;;\n", n.Name, strings.Join(flags, " "))
		for _, f := range flagsOf(n) {
			if v := valuesOf(f); v != "" {
				fmt.Fprintf(&values, "    '%s --%s') COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", n.Name, f.Name, v)
			}
		}
		if len(n.Children) > 0 {
			var subs []string
			for _, c := range n.Children {
				subs = append(subs, c.Name)
			}
			fmt.Fprintf(&values, "    '%s %s') COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", n.Name, n.Name, strings.Join(subs, " "))
		}
	}
	_, err := fmt.Fprintf(w, `# completion of tclookup
_tclookup() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flags=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W %q -- "$cur")); return
  fi
  case "${COMP_WORDS[1]} $prev" in
%s    'completion completion') COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur")); return ;;
  esac
  case ${COMP_WORDS[1]} in
%s  esac
  case $cur in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")) ;;
  esac
}
complete -o filenames -F _tclookup tclookup
`, strings.Join(cmds, " "), values.String(), cases.String())
	return err
}

func fish(w io.Writer, model *kong.Application) error {
	var b strings.Builder
	b.WriteString("# completion of tclookup\n")
	quote := func(s string) string {
		return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
	}
	for _, n := range model.Children {
		fmt.Fprintf(&b, "complete -c tclookup -n __fish_use_subcommand -f -a %s -d %s\n", n.Name, quote(n.Help))
		for _, f := range flagsOf(n) {
			fmt.Fprintf(&b, "complete -c tclookup -n '__fish_seen_subcommand_from %s' -l %s -d %s", n.Name, f.Name, quote(f.Help))
			if v := valuesOf(f); v != "" {
				fmt.Fprintf(&b, " -x -a %s", quote(v))
			}
			b.WriteByte('\n')
		}
	}
	b.WriteString("complete -c tclookup -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n")
	_, err := io.WriteString(w, b.String())
	return err
}
