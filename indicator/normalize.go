package indicator

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// maxPasses bounds how often a value is looked at for more to undo.
const maxPasses = 8

// normalize takes away what was put around and into a value, in place, until
// nothing more can be taken. mail says that it was found where only an e-mail
// address may stand. Every step makes the value shorter or leaves it alone.
func normalize(s []byte) (out []byte, mail bool, err error) {
	for range maxPasses {
		n := len(s)
		s = refang(trim(s))
		var named bool
		if s, named, err = unwrapMail(s); err != nil {
			return nil, false, err
		}
		mail = mail || named
		if len(s) == n {
			return s, mail, nil
		}
	}
	return nil, false, errDeep
}

// trimEnds takes white space, quotes, control characters and invisible ones
// from both ends.
func trimEnds(s []byte) []byte {
	for len(s) > 0 {
		if s[0] == '"' && quotedLocal(s) {
			break
		}
		r, n := utf8.DecodeRune(s)
		if !isWrapping(r) {
			break
		}
		s = s[n:]
	}
	for len(s) > 0 {
		r, n := utf8.DecodeLastRune(s)
		if !isWrapping(r) {
			break
		}
		s = s[:len(s)-n]
	}
	return s
}

// trim is trimEnds, and takes the full stops, commas, semicolons and lone ">"
// at the end too, as long as something is left.
func trim(s []byte) []byte {
	s = trimEnds(s)
	open := bytes.IndexByte(s, '<') >= 0
	for len(s) > 1 {
		switch c := s[len(s)-1]; {
		case c == '.', c == ',', c == ';', c == '>' && !open:
			s = s[:len(s)-1]
			continue
		}
		if t := trimEnds(s); len(t) < len(s) {
			s = t
			continue
		}
		break
	}
	return s
}

// isWrapping reports whether a character at the end of a value is no part of
// it.
func isWrapping(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || r == '"' || r == '\'' || r == '`' || r == 0x7f
	}
	switch r {
	case '“', '”', '„', '‘', '’', '‚', '«', '»', '‹', '›':
		return true
	}
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

func trimBlanks(s []byte) []byte { return bytes.Trim(s, " \t") }

// hasSpace reports whether there is white space or a control character in s.
func hasSpace(s []byte) bool {
	return bytes.IndexFunc(s, func(r rune) bool { return r <= ' ' || unicode.IsSpace(r) }) >= 0
}

// unwrapMail takes the address out of "mailto:address?subject=…" and of
// "Name <address>". named says that there was a name or a scheme, so that
// nothing but an e-mail address is left.
func unwrapMail(s []byte) (out []byte, named bool, err error) {
	if hasPrefixFold(s, "mailto:") {
		s, _, _ = bytes.Cut(s[len("mailto:"):], []byte("?"))
		return bytes.TrimLeft(s, "/"), true, nil
	}
	if hasPrefixFold(s, "smtp:") && bytes.IndexByte(s, '@') > 0 && s[len("smtp:")] != '/' {
		return s[len("smtp:"):], true, nil
	}
	open := indexUnquoted(s, '<')
	if open < 0 {
		return s, false, nil
	}
	name := s[:open]
	if _, ok := cutScheme(s); ok {
		return s, false, nil // a < in a URL
	}
	if open > 0 && !isBlank(s[open-1]) && s[open-1] != '"' && bytes.ContainsAny(name, "/?#") {
		return s, false, nil // and without a scheme
	}
	if indexUnquoted(name, '@') >= 0 && (indexUnquoted(name, ',') >= 0 || indexUnquoted(name, ';') >= 0) {
		return nil, false, errSeveralMail
	}
	inner, rest, _ := bytes.Cut(s[open+1:], []byte(">"))
	if rest = trim(rest); len(rest) > 0 {
		if bytes.IndexByte(rest, '@') >= 0 {
			return nil, false, errSeveralMail
		}
		return nil, false, errAngle
	}
	return inner, open > 0, nil
}

// indexUnquoted is bytes.IndexByte outside of double quotes. A quote that does
// not end quotes nothing.
func indexUnquoted(s []byte, c byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case c:
			return i
		case '"':
			end := quoteEnd(s[i:])
			if end < 0 {
				if j := bytes.IndexByte(s[i:], c); j >= 0 {
					return i + j
				}
				return -1
			}
			i += end
		}
	}
	return -1
}
