package config

import (
	"runtime"
	"slices"
	"strings"
)

// EnvPrefix is what the names of our environment variables begin with.
const EnvPrefix = "TCLOOKUP_"

// PathVariable is the environment variable that names the configuration file.
// It is no setting.
const PathVariable = EnvPrefix + "CONFIG"

// HECTokenVariable holds the token of an HTTP Event Collector. It is no
// setting.
const HECTokenVariable = EnvPrefix + "HEC_TOKEN"

// EnvName returns the name of the environment variable of a setting:
// TCLOOKUP_, the stanza unless it is the global one, and the key, in upper
// case, every other character an underscore.
func EnvName(stanza, key string) string {
	if stanza == GlobalStanza {
		return EnvPrefix + envPart(key)
	}
	return EnvPrefix + envPart(stanza) + "_" + envPart(key)
}

func envPart(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			b[i] = c - 'a' + 'A'
		case (c < 'A' || c > 'Z') && (c < '0' || c > '9'):
			b[i] = '_'
		}
	}
	return string(b)
}

// environment takes the TCLOOKUP_ variables, in the order of their names.
func (l *loader) environment() {
	var ours []string
	for _, pair := range l.o.Environ {
		if strings.HasPrefix(pair, EnvPrefix) {
			ours = append(ours, pair)
		}
	}
	slices.Sort(ours)
	for _, pair := range ours {
		name, value, _ := strings.Cut(pair, "=")
		if strings.TrimSpace(value) == "" || name == PathVariable || name == HECTokenVariable || slices.Contains(l.o.KnownEnv, name) {
			continue
		}
		origin := Origin{From: "environment " + name}
		stanza, key := l.meaning(strings.TrimPrefix(name, EnvPrefix), origin)
		if key == "" {
			l.unknownVariable(name, origin)
			continue
		}
		if l.stanza(stanza, origin) {
			l.set(stanza, key, value, origin, "")
		}
	}
}

// meaning returns the setting that a variable is for; rest is its name behind
// the prefix. As names of sources may hold underscores themselves, the key is
// recognised from the end, and the source by how its name would be written.
func (l *loader) meaning(rest string, origin Origin) (stanza, key string) {
	for i := range table {
		s := &table[i]
		key := envPart(s.Key)
		switch s.Stanza {
		case GlobalStanza:
			if rest == key {
				return s.Stanza, s.Key
			}
		case AnySource:
			name, ok := strings.CutPrefix(rest, "SOURCE_")
			if !ok {
				continue
			}
			name, ok = strings.CutSuffix(name, "_"+key)
			if !ok || name == "" || name != envPart(name) {
				continue
			}
			return SourceStanza + l.named(name, origin), s.Key
		default:
			if after, ok := strings.CutPrefix(rest, envPart(s.Stanza)+"_"); ok && after == key {
				return s.Stanza, s.Key
			}
		}
	}
	return l.feedMeaning(rest)
}

// named returns the name of the source that NAME in a variable stands for:
// one that there is already, else the same in lower case.
func (l *loader) named(name string, origin Origin) string {
	found := ""
	for _, s := range l.c.All {
		if envPart(s.Name) != name {
			continue
		}
		if found != "" {
			l.report(Problem{Origin: origin, Stanza: SourceStanza + s.Name,
				Message: "the variable may mean this source or " + found + "; write the setting into the file, or rename one of them"})
			break
		}
		found = s.Name
	}
	if found == "" {
		found = strings.ToLower(name)
	}
	return found
}

func (l *loader) unknownVariable(name string, origin Origin) {
	known := []string{PathVariable}
	for i := range table {
		if s := &table[i]; s.Stanza != AnySource {
			known = append(known, EnvName(s.Stanza, s.Key))
			continue
		}
		for _, src := range l.c.All {
			known = append(known, EnvName(SourceStanza+src.Name, table[i].Key))
		}
	}
	for _, f := range l.c.Feeds {
		for i := range feedTable {
			known = append(known, EnvName(FeedStanza+f.Name, feedTable[i].Key))
		}
	}
	m := "no setting has this name, it is ignored"
	if near := nearestVariable(name, known); near != "" {
		m += "; did you mean " + near + "?"
	}
	l.report(Problem{Origin: origin, Message: m, Warning: true})
}

// variable looks an environment variable up.
func (l *loader) variable(name string) (string, bool) {
	for _, pair := range slices.Backward(l.o.Environ) {
		have, value, ok := strings.Cut(pair, "=")
		if ok && (have == name || runtime.GOOS == "windows" && strings.EqualFold(have, name)) {
			return value, true
		}
	}
	return "", false
}
