package indicator

import (
	"bytes"
	"unicode/utf8"
)

// refang undoes, in place and in one pass, what people write so that nobody
// clicks: [.] (.) {.} [dot] " dot " [.com \. [@] (at) " at " [:] [://] and the
// full-width forms of the signs. What is between double quotes stays. The
// result is never longer. Schemes such as hxxp need nothing: see cutScheme.
func refang(s []byte) []byte {
	if !looksFanged(s) {
		return s
	}
	lastDot := max(bytes.LastIndexByte(s, '.'), lastWord(s, "dot"))
	quotes := true // a quote may still end
	out := s[:0]
	for i := 0; i < len(s); {
		c := s[i]
		from := i
		switch {
		case c == '"' && quotes:
			if end := quoteEnd(s[i:]); end >= 0 {
				i += end + 1
			} else {
				quotes = false
				i++
			}
		case isOpener(c):
			sign, next := bracketed(s, i, out)
			if sign != "" {
				out = append(trimBlanksRight(out), sign...)
				i = next
				continue
			}
			i = next
		case c == '.' && i+1 < len(s) && isCloser(s[i+1]):
			out = append(out, '.')
			i = skip(s, i+1, isCloser)
			continue
		case c == '\\':
			i = skip(s, i, isBackslash)
			if i < len(s) && bytes.IndexByte([]byte(".:@/_-"), s[i]) >= 0 {
				continue // the sign follows
			}
		case isBlank(c):
			i = skip(s, i, isBlank)
			if sign, next := spelled(s, i, lastDot); sign != 0 && len(out) > 0 {
				out = append(out, sign)
				i = next
				continue
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(s[i:])
			i += n
			if sign := narrow(r); sign != 0 {
				out = append(out, sign)
				continue
			}
		default:
			i++
		}
		out = append(out, s[from:i]...)
	}
	return out
}

// looksFanged reports whether there is anything in s that refang looks at.
func looksFanged(s []byte) bool {
	for _, c := range s {
		switch c {
		case '[', '(', '{', ']', ')', '}', '\\', ' ', '\t':
			return true
		}
		if c >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

func isOpener(c byte) bool { return c == '[' || c == '(' || c == '{' }

func isCloser(c byte) bool { return c == ']' || c == ')' || c == '}' }

func isBlankOrOpener(c byte) bool { return isBlank(c) || isOpener(c) }

func isBlankOrCloser(c byte) bool { return isBlank(c) || isCloser(c) }

func isBackslash(c byte) bool { return c == '\\' }

func skip(s []byte, i int, in func(byte) bool) int {
	for i < len(s) && in(s[i]) {
		i++
	}
	return i
}

func trimBlanksRight(s []byte) []byte { return bytes.TrimRight(s, " \t") }

// signs are what stands in brackets; the longer ones come first. The last is
// for the inside of an IPv6 address, not for an address in brackets.
var signs = [...]string{".", "dot", "at", "@", "://", ":\\\\", ":/", ":", "//", "/", "::"}

// bracketed reads a sign in brackets, which begin at i, with blanks anywhere.
// next is where to go on; sign is empty when the brackets, which end before
// next, are just brackets. Before is what precedes them.
func bracketed(s []byte, i int, before []byte) (sign string, next int) {
	next = skip(s, i, isBlankOrOpener)
	i = skip(s, next, isBackslash)
	known := signs[:]
	if n := len(before); n == 0 || !isHex(before[n-1]) {
		known = known[:len(known)-1]
	}
	for _, sign := range known {
		if !hasPrefixFold(s[i:], sign) {
			continue
		}
		end := skip(s, i+len(sign), isBlank)
		if end < len(s) && isCloser(s[end]) {
			end = skip(s, end, isBlankOrCloser)
		} else if sign != "." { // [.com is seen, [com and [:: have other uses
			continue
		}
		switch sign {
		case "dot":
			sign = "."
		case "at":
			sign = "@"
		}
		return sign, end
	}
	return "", next
}

// spelled reads the word dot, or at when a dot can still follow, and the
// blanks after it.
func spelled(s []byte, i, lastDot int) (sign byte, next int) {
	switch {
	case hasPrefixFold(s[i:], "dot"):
		sign, next = '.', i+len("dot")
	case hasPrefixFold(s[i:], "at") && lastDot > i:
		sign, next = '@', i+len("at")
	default:
		return 0, i
	}
	end := skip(s, next, isBlank)
	if end == next || end == len(s) {
		return 0, i
	}
	return sign, end
}

// lastWord returns where a lower-case word stands last in s, in any case.
func lastWord(s []byte, word string) int {
	for i := len(s) - len(word); i >= 0; i-- {
		if equalFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// narrow returns the ASCII form of a full-width sign, 0 for other characters.
func narrow(r rune) byte {
	switch r {
	case '。', '．', '｡':
		return '.'
	case '＠':
		return '@'
	case '：':
		return ':'
	case '／':
		return '/'
	}
	return 0
}
