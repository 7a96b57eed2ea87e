package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// surroundings are what the meaning of a path depends on.
type surroundings struct {
	dir    string                      // of the file that names the path, empty elsewhere
	lookup func(string) (string, bool) // environment variables
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
	// On Windows \x is not absolute, but no relative path either.
	if at.dir != "" && !filepath.IsAbs(p) && !os.IsPathSeparator(p[0]) {
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
