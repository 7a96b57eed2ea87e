package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/tclookup/tclookup/indicator"
)

// Options say what [Load] reads.
type Options struct {
	// Files are read in this order, later ones over earlier ones, key by key,
	// as Splunk does with default/ and local/. A file that does not exist is
	// skipped: [Locate] reports missing files that a user named.
	Files []string
	// Environ are the environment's "NAME=value" pairs, as os.Environ returns
	// them.
	Environ []string
	// Overrides count most. The last one of a setting counts.
	Overrides []Override
	// Strict makes mistakes of repeated keys and stanzas, which are warnings
	// otherwise.
	Strict bool
	// Outputs are the words that the setting output takes; nil takes any.
	Outputs []string
	// KnownEnv are TCLOOKUP_ variables that mean something elsewhere and are
	// passed over here. TCLOOKUP_CONFIG always is.
	KnownEnv []string
}

// Override is a setting from the command line or from a search.
type Override struct {
	Stanza, Key, Value string
	From               string // what the user wrote it as, such as "--max-wait"
}

// Load reads the configuration: defaults, then files, then the environment,
// then overrides. An empty value of a file or an override stands for the
// default; an empty variable counts as not set.
//
// A mistake does not stop it. The error, if any, is an [*Error] with all
// mistakes; the Config is there all the same, without the values at fault,
// for showing it.
func Load(o Options) (*Config, error) {
	l := &loader{o: &o, c: &Config{given: make([]given, 0, 16)}}
	l.c.Cache.FoundByType[indicator.None], l.c.Cache.NotFoundByType[indicator.None] = Unset, Unset
	for i := range table {
		if s := &table[i]; s.Stanza != AnySource {
			// The table's defaults are right: a test reads them all.
			_ = s.decode("", s.ref(l.c, nil), surroundings{})
		}
	}
	l.source("threatcrowd", Origin{})
	for _, name := range o.Files {
		l.file(name)
	}
	l.environment()
	for _, v := range o.Overrides {
		l.override(v)
	}
	l.check()
	if len(l.problems) > 0 {
		return l.c, &Error{Problems: l.problems}
	}
	return l.c, nil
}

// given is a setting that is not left at its default.
type given struct {
	stanza, key, text string // text is without secrets
	origin            Origin
}

type loader struct {
	o        *Options
	c        *Config
	problems []Problem
}

func (l *loader) report(p Problem) {
	if p.Warning {
		l.c.warnings = append(l.c.warnings, p)
	} else {
		l.problems = append(l.problems, p)
	}
}

// source returns the source of that name, which it makes when it is new.
func (l *loader) source(name string, origin Origin) *Source {
	if s := l.c.Source(name); s != nil {
		return s
	}
	s := &Source{Name: name, origin: origin}
	for i := range table {
		if t := &table[i]; t.Stanza == AnySource {
			_ = t.decode("", t.ref(nil, s), surroundings{})
		}
	}
	l.c.All = append(l.c.All, s)
	return s
}

func (l *loader) file(name string) {
	data, mode, err := read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if dir := filepath.Dir(name); errors.Is(err, syscall.ENOTDIR) {
		l.report(Problem{Origin: Origin{From: name}, Message: "there is no such file, as " + printable(dir) + " is no directory: going on without it", Warning: true})
		return
	}
	if err != nil {
		l.report(Problem{Origin: Origin{From: name}, Message: "cannot read the file: " + reason(err), Err: err})
		return
	}
	f, problems := ParseFile(name, data)
	for _, p := range problems {
		if l.o.Strict {
			p.Warning = false
		}
		l.report(p)
	}
	secrets := false
	for i := range f.Stanzas {
		st := &f.Stanzas[i]
		if st.Name == "default" { // reported by ParseFile
			continue
		}
		if !l.stanza(st.Name, Origin{name, st.Line}) {
			continue
		}
		for _, e := range st.Entries {
			l.set(st.Name, e.Key, e.Value, Origin{name, e.Line}, filepath.Dir(name))
			secrets = secrets || e.Value != "" && (e.Key == "api_key" || e.Key == "auth" || e.Key == "database" && strings.Contains(e.Value, "@")) || e.Key == "proxy" && strings.Contains(e.Value, "@")
		}
	}
	if secrets && runtime.GOOS != "windows" && mode.IsRegular() && mode.Perm()&0o004 != 0 {
		l.report(Problem{Origin: Origin{From: name}, Warning: true,
			Message: "the file holds a secret and every user of this machine can read it; run chmod o-r on it"})
	}
}

// stanza reports whether there is a stanza of that name; that of a source
// comes into being.
func (l *loader) stanza(name string, origin Origin) bool {
	switch section(name) {
	case AnySource:
		source := name[len(SourceStanza):]
		if !validName(source) {
			l.report(Problem{Origin: origin, Stanza: name,
				Message: "not a name for a source; allowed are up to 64 lower-case letters, digits, and behind the first also - _ ."})
			return false
		}
		l.source(source, origin)
		return true
	case AnyFeed:
		if !validName(name[len(FeedStanza):]) {
			l.report(Problem{Origin: origin, Stanza: name,
				Message: "not a name for a feed; allowed are up to 64 lower-case letters, digits, and behind the first also - _ ."})
			return false
		}
		l.feed(name[len(FeedStanza):])
		return true
	case "":
		m := "unknown stanza"
		if near := nearest(name, []string{GlobalStanza, CacheStanza, ExcludeStanza, ServerStanza}); near != "" {
			m += ", did you mean [" + near + "]?"
		} else if strings.HasPrefix(strings.ToLower(name), "source") {
			m += ", did you mean [" + SourceStanza + "NAME]?"
		}
		l.report(Problem{Origin: origin, Stanza: name,
			Message: m + " Allowed are [tclookup], [cache], [exclude], [source:NAME] and [feed:NAME]"})
		return false
	}
	return true
}

// validName reports whether a source may have that name.
func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return true
}

// set takes one value of a stanza that exists.
func (l *loader) set(stanza, key, text string, origin Origin, dir string) {
	sec := section(stanza)
	s := find(sec, key)
	if s == nil {
		l.report(Problem{Origin: origin, Stanza: stanza, Key: key, Message: unknownKey(sec, key)})
		return
	}
	text = strings.TrimSpace(text)
	err := s.decode(text, l.target(s, stanza), surroundings{dir, l.variable})
	if err == nil && s.Key == "output" && l.o.Outputs != nil {
		err = l.outputs()
	}
	if err != nil {
		p := Problem{Origin: origin, Stanza: stanza, Key: key, Value: text,
			Message: err.Error() + "; allowed: " + s.Allowed()}
		if s.Kind == SecretKey || (s.Kind == URL || s.Kind == FileURL || s.Kind == Proxy) && strings.Contains(text, "@") {
			p.Value = ""
		}
		l.report(p)
		return
	}
	text = s.shown(text)
	for i := range l.c.given {
		if g := &l.c.given[i]; g.key == key && g.stanza == stanza {
			g.text, g.origin = text, origin
			return
		}
	}
	l.c.given = append(l.c.given, given{stanza, key, text, origin})
}

// shown is the text of a value without what nobody shall see.
func (s *Setting) shown(text string) string {
	switch {
	case s.Kind == SecretKey && text != "":
		return Redacted
	case s.Kind == Proxy:
		return hidePassword(text)
	case s.Kind == FileURL && strings.Contains(text, "?"): // there may be a key in it
		return text[:strings.IndexByte(text, '?')] + "?" + Redacted
	}
	return text
}

// owner is the source that a stanza belongs to, nil for other stanzas.
func (l *loader) owner(stanza string) *Source {
	if name, ok := strings.CutPrefix(stanza, SourceStanza); ok {
		return l.c.Source(name)
	}
	return nil
}

func unknownKey(section, key string) string {
	near, stanza := suggestKey(section, key)
	switch {
	case near != "":
		return "unknown key, did you mean " + near + "?"
	case stanza != "":
		return "unknown key here; it belongs to [" + stanza + "]"
	}
	return "unknown key; allowed: " + strings.Join(keysOf(section), ", ")
}

// outputs checks the words of the setting output; wrong ones are taken out.
func (l *loader) outputs() error {
	for _, w := range l.c.Output {
		if !slices.Contains(l.o.Outputs, w) {
			l.c.Output = []string{"summary"}
			if near := nearest(w, l.o.Outputs); near != "" {
				return fmt.Errorf("unknown output %q, did you mean %s?", printable(w), near)
			}
			return fmt.Errorf("unknown output %q; there are %s", printable(w), strings.Join(l.o.Outputs, ", "))
		}
	}
	return nil
}

func (l *loader) override(v Override) {
	origin := Origin{From: v.From}
	if origin.From == "" {
		origin.From = "option " + v.Key
	}
	if !l.stanza(v.Stanza, origin) {
		return
	}
	if s := find(section(v.Stanza), v.Key); s != nil && s.shown(v.Value) != v.Value {
		l.report(Problem{Origin: origin, Stanza: v.Stanza, Key: v.Key,
			Message: "a secret on a command line is there for every user to see; write it into the configuration file or into " + EnvName(v.Stanza, v.Key)})
		return
	}
	l.set(v.Stanza, v.Key, v.Value, origin, "")
}

// origin says where a setting was given last.
func (c *Config) origin(stanza, key string) Origin {
	for i := range c.given {
		if g := &c.given[i]; g.key == key && g.stanza == stanza {
			return g.origin
		}
	}
	return Origin{}
}
