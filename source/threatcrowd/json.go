package threatcrowd

import (
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is the deepest nesting of an answer that is read.
const maxDepth = 64

// errSyntax is the fault of a text that is no JSON (RFC 8259).
var errSyntax = errors.New("broken JSON")

// scanner walks over a JSON text. It is strict about syntax and takes any
// bytes in strings but control characters, as encoding/json does.
type scanner struct {
	s string
	i int
}

func (p *scanner) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is no white space, 0 at the end.
func (p *scanner) peek() byte {
	p.space()
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *scanner) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.i++
	return true
}

// value skips one value and returns its text.
func (p *scanner) value(depth int) (string, error) {
	c := p.peek()
	start := p.i
	var err error
	switch {
	case depth > maxDepth:
		err = errors.New("nested too deeply")
	case c == '"':
		err = p.skipString()
	case c == '{':
		err = p.object(depth, nil)
	case c == '[':
		err = p.array(depth, nil)
	case c == 't':
		err = p.literal("true")
	case c == 'f':
		err = p.literal("false")
	case c == 'n':
		err = p.literal("null")
	default:
		err = p.number()
	}
	if err != nil {
		return "", err
	}
	return p.s[start:p.i], nil
}

// object reads an object and gives each member, in order, to member, if there
// is one: its key, and the text of its value.
func (p *scanner) object(depth int, member func(key, value string)) error {
	if !p.take('{') {
		return errSyntax
	}
	if p.take('}') {
		return nil
	}
	for {
		p.space()
		start := p.i
		if err := p.skipString(); err != nil {
			return err
		}
		key := p.s[start:p.i]
		if !p.take(':') {
			return errSyntax
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		if member != nil {
			member(unquote(key), v)
		}
		switch {
		case p.take('}'):
			return nil
		case !p.take(','):
			return errSyntax
		}
	}
}

// array reads an array and gives the text of each element to elem, if there
// is one.
func (p *scanner) array(depth int, elem func(value string)) error {
	if !p.take('[') {
		return errSyntax
	}
	if p.take(']') {
		return nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		if elem != nil {
			elem(v)
		}
		switch {
		case p.take(']'):
			return nil
		case !p.take(','):
			return errSyntax
		}
	}
}

func (p *scanner) skipString() error {
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return errSyntax
	}
	for i := p.i + 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.i = i + 1
			return nil
		case c < ' ':
			return errSyntax
		case c == '\\':
			i++
			if i >= len(p.s) {
				return errSyntax
			}
			switch p.s[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(p.s[i+1:]); !ok {
					return errSyntax
				}
				i += 4
			default:
				return errSyntax
			}
		}
	}
	return errSyntax
}

func (p *scanner) literal(word string) error {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return errSyntax
	}
	p.i += len(word)
	return nil
}

func (p *scanner) number() error {
	if p.i < len(p.s) && p.s[p.i] == '-' {
		p.i++
	}
	if p.i < len(p.s) && p.s[p.i] == '0' {
		p.i++
	} else if p.digits() == 0 {
		return errSyntax
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if p.digits() == 0 {
			return errSyntax
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if p.digits() == 0 {
			return errSyntax
		}
	}
	return nil
}

func (p *scanner) digits() int {
	start := p.i
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - start
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unquote returns what a string that was skipped means. It is a part of the
// text itself when the string has no escapes.
func unquote(q string) string {
	s := q[1 : len(q)-1]
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for {
		b = append(b, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		if c == 'u' {
			r, _ := hex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				r2 := rune(utf8.RuneError)
				if strings.HasPrefix(s, `\u`) {
					r2, _ = hex4(s[2:])
				}
				if r = utf16.DecodeRune(r, r2); r != utf8.RuneError {
					s = s[6:]
				}
			}
			b = utf8.AppendRune(b, r)
		} else {
			b = append(b, c)
		}
		if i = strings.IndexByte(s, '\\'); i < 0 {
			return string(append(b, s...))
		}
	}
}
