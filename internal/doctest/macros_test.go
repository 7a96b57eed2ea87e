package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tclookup/tclookup/internal/config"
)

// macros are those of the app, by name and number of arguments as their stanzas
// are called.
type macros map[string]macro

type macro struct {
	args       []string
	definition string
}

// appConf reads a conf file of the app.
func appConf(name string) (*config.File, error) {
	data, err := os.ReadFile(filepath.Join(root, "app", "default", name))
	if err != nil {
		return nil, err
	}
	f, problems := config.ParseFile(name, data)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s: %v", name, problems)
	}
	return f, nil
}

// entry returns a value of a stanza.
func entry(s *config.Stanza, key string) string {
	for _, e := range s.Entries {
		if e.Key == key {
			return e.Value
		}
	}
	return ""
}

// appMacros reads the app's macros.
func appMacros() (macros, error) {
	f, err := appConf("macros.conf")
	if err != nil {
		return nil, err
	}
	all := macros{}
	for i := range f.Stanzas {
		s := &f.Stanzas[i]
		m := macro{definition: entry(s, "definition")}
		for a := range strings.SplitSeq(entry(s, "args"), ",") {
			if a = strings.TrimSpace(a); a != "" {
				m.args = append(m.args, a)
			}
		}
		all[s.Name] = m
	}
	return all, nil
}

var macroCall = regexp.MustCompile("`([a-z_]+)(?:\\(([^`]*)\\))?`")

// expand puts the definitions of macros in place of their calls, as Splunk
// does: nowhere within quotes, arguments as they are.
func (m macros) expand(spl string) (string, error) {
	for range 100 { // those of macros within macros, too
		at := macroCall.FindStringSubmatchIndex(spl)
		if at == nil {
			return spl, nil
		}
		name, key := spl[at[2]:at[3]], spl[at[2]:at[3]]
		var args []string
		if at[4] >= 0 {
			for a := range strings.SplitSeq(spl[at[4]:at[5]], ",") {
				args = append(args, strings.TrimSpace(a))
			}
			key = fmt.Sprintf("%s(%d)", name, len(args))
		}
		def, ok := m[key]
		if !ok {
			return "", fmt.Errorf("there is no macro %s", key)
		}
		text := def.definition
		for i, a := range def.args {
			text = strings.ReplaceAll(text, "$"+a+"$", args[i])
		}
		spl = spl[:at[0]] + text + spl[at[1]:]
	}
	return "", fmt.Errorf("macros without an end in %s", spl)
}
