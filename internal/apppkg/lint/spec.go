package lint

import (
	"regexp"
	"strings"
)

// spec is a README/*.conf.spec file: which stanzas and keys a conf file may have.
type spec struct {
	stanzas []specStanza
}

// specStanza is one stanza of a spec file. The names may contain
// placeholders such as "source:<name>" and "ttl_<verdict>".
type specStanza struct {
	name string
	line int
	keys []string
}

// parseSpec reads a spec file: headers and "key = <type>" lines count, lines
// beginning with "*", "#" or a blank are prose.
func parseSpec(data []byte) *spec {
	sp := &spec{}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line == "" || strings.ContainsRune("*# \t", rune(line[0])) {
			continue
		}
		if line[0] == '[' && strings.HasSuffix(line, "]") {
			sp.stanzas = append(sp.stanzas, specStanza{name: line[1 : len(line)-1], line: i + 1})
			continue
		}
		key, _, ok := strings.Cut(line, "=")
		if !ok || len(sp.stanzas) == 0 {
			continue
		}
		s := &sp.stanzas[len(sp.stanzas)-1]
		s.keys = append(s.keys, strings.TrimSpace(key))
	}
	return sp
}

// describes says whether the spec has the stanza and, in it, the key; an empty
// key asks for the stanza alone.
func (s *spec) describes(stanza, key string) bool {
	for i := range s.stanzas {
		if !matchPlaceholder(s.stanzas[i].name, stanza) {
			continue
		}
		if key == "" {
			return true
		}
		for _, k := range s.stanzas[i].keys {
			if matchPlaceholder(k, key) {
				return true
			}
		}
	}
	return false
}

// matchPlaceholder matches text against a pattern in which <word> stands for
// one or more characters.
func matchPlaceholder(pattern, text string) bool {
	if !strings.Contains(pattern, "<") {
		return pattern == text
	}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for {
		before, rest, _ := strings.Cut(pattern, "<")
		_, after, ok := strings.Cut(rest, ">")
		if !ok {
			b.WriteString(regexp.QuoteMeta(pattern) + `$`)
			break
		}
		b.WriteString(regexp.QuoteMeta(before) + `.+`)
		pattern = after
	}
	re, err := regexp.Compile(b.String())
	return err == nil && re.MatchString(text)
}
