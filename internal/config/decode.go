package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
)

// surroundings are what the meaning of a path depends on.
type surroundings struct {
	dir    string                      // of the file that names the path, empty elsewhere
	lookup func(string) (string, bool) // environment variables
}

// decode sets the field that ref points to from text, which is trimmed; an
// empty text sets the default. When it fails the field is unchanged.
func (s *Setting) decode(text string, ref any, at surroundings) error {
	if text == "" {
		text = s.Default
	}
	if text == "" {
		s.clear(ref)
		return nil
	}
	switch s.Kind {
	case Words, Domains, Networks: // may go over several lines
	default:
		if strings.Contains(text, "\n") {
			return errors.New("goes over several lines: a backslash at the end of a line joins it with the next; leave it out")
		}
	}
	switch s.Kind {
	case Bool:
		return assign(ref.(*bool), text, parseBool)
	case Int:
		return assign(ref.(*int), text, func(t string) (int, error) { return parseInt(t, s.Min, s.Max) })
	case Duration:
		return assign(ref.(*time.Duration), text, func(t string) (time.Duration, error) {
			d, err := ParseDuration(t)
			if err == nil && (int64(d) < s.Min || int64(d) > s.Max) {
				err = errOutOfRange
			}
			return d, err
		})
	case Size:
		return assign(ref.(*int64), text, func(t string) (int64, error) {
			n, err := ParseSize(t)
			if err == nil && (n < s.Min || n > s.Max) {
				err = errOutOfRange
			}
			return n, err
		})
	case Percent:
		return assign(ref.(*float64), text, func(t string) (float64, error) { return parsePercent(t, s.Max) })
	case Rate:
		return assign(ref.(*float64), text, func(t string) (float64, error) {
			r, err := limit.ParseRate(t)
			if err != nil {
				err = errors.New("not a rate")
			}
			return r, err
		})
	case Word, Words:
		return s.decodeWords(text, ref)
	case Domains:
		return assign(ref.(*[]string), text, each(parseSuffix))
	case Networks:
		return assign(ref.(*[]netip.Prefix), text, each(parsePrefix))
	case Path:
		return assign(ref.(*string), text, at.path)
	case URL:
		return assign(ref.(*string), text, func(t string) (string, error) { return parseURL(t, "https", "http") })
	case Proxy:
		p, err := parseProxy(text)
		if err == nil {
			*ref.(*Secret) = NewSecret(p)
		}
		return err
	case SecretKey:
		*ref.(*Secret) = NewSecret(text)
	case Text:
		return assign(ref.(*string), text, parsePrefixText)
	}
	return nil
}

// clear sets a field to what an absent setting without default means.
func (s *Setting) clear(ref any) {
	switch p := ref.(type) {
	case *string:
		*p = ""
	case *[]string:
		*p = nil
	case *[]netip.Prefix:
		*p = nil
	case *Secret:
		*p = Secret{}
	case *time.Duration:
		*p = Unset
	}
}

func assign[T any](to *T, text string, parse func(string) (T, error)) error {
	v, err := parse(text)
	if err == nil {
		*to = v
	}
	return err
}

// each reads all elements of a list with parse, without repeats.
func each[T comparable](parse func(string) (T, error)) func(string) ([]T, error) {
	return func(text string) ([]T, error) {
		words := list(text)
		all := make([]T, 0, len(words))
		seen := make(map[T]bool, len(words))
		for _, w := range words {
			v, err := parse(w)
			if err != nil {
				return nil, err
			}
			if !seen[v] {
				seen[v] = true
				all = append(all, v)
			}
		}
		return all, nil
	}
}

func (s *Setting) decodeWords(text string, ref any) error {
	word := func(w string) (string, error) {
		lower := strings.ToLower(w)
		if len(s.Words) == 0 || slices.Contains(s.Words, lower) {
			return lower, nil
		}
		if near := nearest(lower, s.Words); near != "" {
			return "", fmt.Errorf("unknown word %q, did you mean %s?", printable(w), near)
		}
		return "", fmt.Errorf("unknown word %q", printable(w))
	}
	if s.Kind == Words {
		words, err := each(word)(text)
		if err != nil {
			return err
		}
		switch p := ref.(type) {
		case *[]string:
			*p = words
		case *indicator.TypeSet:
			*p = 0
			for _, w := range words {
				t, _ := indicator.ParseType(w)
				*p |= indicator.Types(t)
			}
		}
		return nil
	}
	w, err := word(text)
	if err != nil {
		return err
	}
	switch p := ref.(type) {
	case *string:
		*p = w
	case *Mode:
		*p = Mode(w)
	case *indicator.Type:
		*p, err = indicator.ParseType(w)
	case *slog.Level:
		err = p.UnmarshalText([]byte(w))
	}
	return err
}

// parsePrefixText checks the prefix of output fields.
func parsePrefixText(s string) (string, error) {
	rest := strings.ReplaceAll(s, "{field}", "")
	if strings.ContainsAny(rest, "{}") {
		return "", errors.New("unknown placeholder")
	}
	if strings.ContainsAny(rest, "\",'=\t") {
		return "", errors.New("holds a character that field names must not have")
	}
	return s, nil
}

// path expands variables and ~ and makes a path of a file's setting relative
// to that file.
func (at surroundings) path(text string) (string, error) {
	if tail, ok := strings.CutPrefix(text, "~"); ok && (tail == "" || tail[0] == '/' || tail[0] == filepath.Separator) {
		text = "$HOME" + tail
		if home, ok := at.lookup("HOME"); !ok || home == "" {
			text = "$USERPROFILE" + tail
		}
	}
	var b strings.Builder
	for {
		before, tail, ok := strings.Cut(text, "$")
		b.WriteString(before)
		if !ok {
			break
		}
		name, tail, err := variable(tail)
		if err != nil {
			return "", err
		}
		value, ok := at.lookup(name)
		if !ok || value == "" {
			return "", fmt.Errorf("the environment variable %s is not set", printable(name))
		}
		b.WriteString(value)
		text = tail
	}
	p := filepath.FromSlash(b.String())
	if at.dir != "" && !filepath.IsAbs(p) {
		return filepath.Join(at.dir, p), nil
	}
	return filepath.Clean(p), nil
}

// variable cuts the name of a variable, with or without braces, off the text
// behind a dollar sign.
func variable(s string) (name, rest string, err error) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		name, rest, ok = strings.Cut(inner, "}")
		if !ok || name == "" {
			return "", "", errors.New("a ${ without a name or without its }")
		}
		return name, rest, nil
	}
	i := 0
	for i < len(s) && (s[i] == '_' || s[i] >= '0' && s[i] <= '9' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z') {
		i++
	}
	if i == 0 {
		return "", "", errors.New("a $ without the name of a variable")
	}
	return s[:i], s[i:], nil
}

// Allowed says in words which values the setting takes.
func (s *Setting) Allowed() string {
	switch s.Kind {
	case Bool:
		return "true, false, yes, no, t, f, y, n, 1, 0"
	case Int:
		return fmt.Sprintf("a whole number from %d to %d", s.Min, s.Max)
	case Duration:
		return fmt.Sprintf("a duration such as 30s, 24h, 7d, 2w or 1h30m, or a number of seconds, from %s to %s",
			formatDuration(time.Duration(s.Min)), formatDuration(time.Duration(s.Max)))
	case Size:
		return "a size such as 256MiB, 1GB or a number of bytes, from " + formatSize(s.Min) + " to " + formatSize(s.Max)
	case Percent:
		return fmt.Sprintf("a percentage from 0%% to %d%%", s.Max)
	case Rate:
		return "a rate such as 6/m, 0.1/s, 10/h, 500/d, or unlimited"
	case Word:
		return strings.Join(s.Words, ", ")
	case Words:
		if len(s.Words) > 0 {
			return "a list of " + strings.Join(s.Words, ", ") + ", separated by commas or blanks"
		}
		return "a list of words, separated by commas or blanks"
	case Domains:
		return "a list of domains such as example.com, separated by commas or blanks"
	case Networks:
		return "a list of networks such as 198.51.100.0/24 or 2001:db8::/32 and single addresses, separated by commas or blanks"
	case Path:
		return "a path; $NAME stands for an environment variable, and a relative path begins at the directory of the file it is written in"
	case URL:
		return "an http or https URL without user name, password, query and fragment"
	case Proxy:
		return "the URL of an http, https, socks5 or socks5h proxy such as http://proxy.example.com:3128, or none"
	case SecretKey:
		return "any text on one line"
	}
	return "text without quotes, commas and equals signs; the only placeholder is {field}"
}

// formatDuration writes d in the largest unit that it is a multiple of.
func formatDuration(d time.Duration) string {
	for _, u := range [...]struct {
		name string
		unit time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d >= u.unit && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return d.String()
}

// formatSize writes n in the largest unit of 1024 that it is a multiple of.
func formatSize(n int64) string {
	for i := len(sizeUnits) - 1; i >= 0; i-- {
		u := sizeUnits[i]
		if strings.HasSuffix(u.name, "ib") && n >= u.unit && n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + strings.ToUpper(u.name[:1]) + "iB"
		}
	}
	return strconv.FormatInt(n, 10)
}
