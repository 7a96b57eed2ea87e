package indicator

import (
	"unicode"
	"unicode/utf8"
)

// appendAntivirus appends an antivirus name: trimmed, each run of white space
// a single blank, in the case it has. It is not refanged.
func appendAntivirus(dst, src []byte) ([]byte, Type, error) {
	if !utf8.Valid(src) {
		return dst, None, errUTF8
	}
	s := trimEnds(src)
	if len(s) == 0 {
		return dst, None, ErrEmpty
	}
	out := dst
	blank := false
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case unicode.IsSpace(r):
			blank = true
		case !unicode.IsPrint(r):
			return dst, None, errAntivirusChar
		default:
			if blank {
				out = append(out, ' ')
				blank = false
			}
			out = append(out, s[i:i+n]...)
		}
		i += n
	}
	return out, Antivirus, nil
}
