package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Origin says where a value was given. The zero Origin is the built-in
// default.
type Origin struct {
	// From is the path of a file, "environment NAME", or what an [Override]
	// names itself, such as "--max-wait".
	From string `json:"from,omitempty"`
	// Line is the line in a file, from 1; 0 elsewhere.
	Line int `json:"line,omitempty"`
}

// String returns "default", "path:line" or the name of the variable or flag.
func (o Origin) String() string {
	switch {
	case o.From == "":
		return "default"
	case o.Line > 0:
		return o.From + ":" + strconv.Itoa(o.Line)
	}
	return o.From
}

// Problem is one mistake, or one harmless oddity when Warning is set.
type Problem struct {
	Origin
	Stanza string // empty when the problem is not about one
	Key    string // empty when the problem is not about one
	// Value is the value at fault. It is left empty where it may hold a
	// secret: for api_key, for unknown keys, for URLs with a password.
	Value   string
	Message string // what is wrong and what is allowed
	Warning bool
	Err     error // the cause, when an operation of the system failed
}

// String returns "file:line: [stanza] key = value: message" without the parts
// that are not known.
func (p Problem) String() string {
	var b strings.Builder
	if p.From != "" {
		b.WriteString(p.Origin.String())
		b.WriteString(": ")
	}
	if p.Stanza != "" {
		fmt.Fprintf(&b, "[%s]", printable(p.Stanza))
		if p.Key == "" {
			b.WriteString(": ")
		} else {
			b.WriteByte(' ')
		}
	}
	if p.Key != "" {
		b.WriteString(printable(p.Key))
		if p.Value != "" {
			b.WriteString(" = ")
			b.WriteString(printable(p.Value))
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// maxShown is the most bytes of a name or value that a message repeats.
const maxShown = 120

// printable makes text fit for one line of a terminal or log.
func printable(s string) string {
	cut := false
	if len(s) > maxShown {
		s, cut = s[:maxShown], true
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) || r == '\uFFFD' }) {
		q := strconv.Quote(s)
		s = q[1 : len(q)-1]
	}
	if cut {
		s += "…"
	}
	return s
}

// Error is the error of [Load]: everything that is wrong.
type Error struct {
	Problems []Problem
}

// maxListed is the most problems that an error message lists.
const maxListed = 50

func (e *Error) Error() string {
	var b strings.Builder
	if n := len(e.Problems); n != 1 {
		fmt.Fprintf(&b, "%d mistakes in the configuration:\n", n)
	}
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxListed {
			fmt.Fprintf(&b, "… and %d more", len(e.Problems)-i)
			break
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// Unwrap returns the causes, so that errors.Is(err, fs.ErrPermission) works.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, p := range e.Problems {
		if p.Err != nil {
			errs = append(errs, p.Err)
		}
	}
	return errs
}
