package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
)

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
	case FileURL:
		return assign(ref.(*string), text, parseFileURL)
	case Proxy:
		p, err := parseProxy(text)
		if err == nil {
			*ref.(*Secret) = NewSecret(p)
		}
		return err
	case SecretKey:
		*ref.(*Secret) = NewSecret(text)
	case Address:
		return assign(ref.(*string), text, parseAddress)
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
