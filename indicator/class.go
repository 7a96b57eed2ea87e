package indicator

// class is a set of kinds of bytes.
type class uint8

const (
	classDigit  class = 1 << iota
	classHex          // a letter from a to f, in either case
	classLetter       // any other ASCII letter
	classDot
	classMark // hyphen, underscore
	classOther
)

const classAnyLetter = classHex | classLetter

// classes gives the class of each byte, lowers its ASCII lower case.
var classes, lowers = byteTables()

func byteTables() (k [256]class, low [256]byte) {
	for i := range k {
		c := byte(i)
		low[i] = c
		switch {
		case c >= '0' && c <= '9':
			k[i] = classDigit
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			k[i] = classHex
			low[i] = c | 0x20
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			k[i] = classLetter
			low[i] = c | 0x20
		case c == '.':
			k[i] = classDot
		case c == '-', c == '_':
			k[i] = classMark
		default:
			k[i] = classOther
		}
	}
	return k, low
}

func isDigit(c byte) bool { return classes[c] == classDigit }

func isHex(c byte) bool { return classes[c]&(classDigit|classHex) != 0 }

func allDigits(s []byte) bool {
	for _, c := range s {
		if !isDigit(c) {
			return false
		}
	}
	return len(s) > 0
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// hasPrefixFold reports whether s begins with the lower-case ASCII text
// prefix, in any case.
func hasPrefixFold(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && equalFold(s[:len(prefix)], prefix)
}

// equalFold compares s, in any case, with a lower-case ASCII text.
func equalFold(s []byte, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i, c := range s {
		if lowers[c] != lower[i] {
			return false
		}
	}
	return true
}
