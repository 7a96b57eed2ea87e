package codec

import (
	"encoding/binary"
	"math/bits"

	"github.com/tclookup/tclookup/record"
)

// The functions of this file scan JSON (RFC 8259) that is followed by a line
// feed, which stops them: a record of JSON Lines has none inside. They return
// -1 where the text is no JSON. They accept what encoding/json accepts, which
// is any bytes in strings but for control characters, and as deep a nesting.

// maxDepth is how deep arrays and objects nest.
const maxDepth = 10000

const (
	bytes01 = 0x0101010101010101
	bytes20 = 0x20 * bytes01
	bytes80 = 0x80 * bytes01
	quotes8 = '"' * bytes01
	slash8  = '\\' * bytes01
)

// jsonSpace returns the position of the first byte from i on that is neither
// blank, tab nor carriage return.
func jsonSpace(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

// jsonString returns the end of the string whose opening quote is at i, and
// whether it has a backslash.
func jsonString(b []byte, i int) (end int, escaped bool) {
	i++
	for {
		for i+8 <= len(b) {
			// The lowest flag is that of the first byte that is a control
			// character, a quote or a backslash; higher ones may be wrong.
			x := binary.LittleEndian.Uint64(b[i:])
			q, s := x^quotes8, x^slash8
			m := ((q-bytes01)&^q | (s-bytes01)&^s | (x-bytes20)&^x) & bytes80
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
			i++
		}
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			if i = jsonEscape(b, i+1); i < 0 {
				return -1, false
			}
		default:
			return -1, false
		}
	}
}

// jsonEscape returns the end of the escape whose backslash is before i.
func jsonEscape(b []byte, i int) int {
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for n := 1; n <= 4; n++ {
			if hexDigit(b[i+n]) < 0 {
				return -1
			}
		}
		return i + 5
	}
	return -1
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// jsonNumber returns the end of the number at i.
func jsonNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	switch {
	case b[i] == '0':
		i++
	case b[i] >= '1' && b[i] <= '9':
		i = jsonDigits(b, i)
	default:
		return -1
	}
	if b[i] == '.' {
		if i++; !isDigit(b[i]) {
			return -1
		}
		i = jsonDigits(b, i)
	}
	if b[i]|0x20 == 'e' {
		if i++; b[i] == '+' || b[i] == '-' {
			i++
		}
		if !isDigit(b[i]) {
			return -1
		}
		i = jsonDigits(b, i)
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func jsonDigits(b []byte, i int) int {
	for isDigit(b[i]) {
		i++
	}
	return i
}

// jsonScalar returns the end of the string, number or word at i.
func jsonScalar(b []byte, i int) int {
	switch b[i] {
	case '"':
		end, _ := jsonString(b, i)
		return end
	case 't':
		return jsonWord(b, i, "true")
	case 'f':
		return jsonWord(b, i, "false")
	case 'n':
		return jsonWord(b, i, "null")
	}
	return jsonNumber(b, i)
}

func jsonWord(b []byte, i int, word string) int {
	if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
		return i + len(word)
	}
	return -1
}

// nesting is a stack that tells objects from arrays.
type nesting [maxDepth/64 + 1]uint64

// value returns the end of the value at i, which stands in depth others.
func (s *nesting) value(b []byte, i, depth int) int {
	if b[i] != '{' && b[i] != '[' {
		return jsonScalar(b, i)
	}
	base := depth
	for i >= 0 {
		open := b[i]
		if open != '{' && open != '[' {
			i = jsonScalar(b, i)
		} else {
			if depth++; depth > maxDepth {
				return -1
			}
			i = jsonSpace(b, i+1)
			word, bit := depth>>6, uint64(1)<<(depth&63)
			if open == '{' {
				s[word] |= bit
			} else {
				s[word] &^= bit
			}
			if b[i] != open+2 { // '{'+2 is '}', '['+2 is ']'
				if open == '{' {
					i = jsonColon(b, i)
				}
				continue
			}
			depth--
			i++
		}
		// Behind a value: a comma, or the end of what it stands in.
		for depth > base {
			if i < 0 {
				return -1
			}
			i = jsonSpace(b, i)
			object := s[depth>>6]&(1<<(depth&63)) != 0
			if b[i] == ',' {
				if i = jsonSpace(b, i+1); object {
					i = jsonColon(b, i)
				}
				break
			}
			if object && b[i] != '}' || !object && b[i] != ']' {
				return -1
			}
			depth--
			i++
		}
		if depth == base {
			return i
		}
	}
	return -1
}

// jsonColon returns the position of the value whose key is at i.
func jsonColon(b []byte, i int) int {
	if b[i] != '"' {
		return -1
	}
	if i, _ = jsonString(b, i); i < 0 {
		return -1
	}
	if i = jsonSpace(b, i); b[i] != ':' {
		return -1
	}
	return jsonSpace(b, i+1)
}

// member scans the member of an object that begins at i: its key between the
// quotes, its value, and the end of it.
func (s *nesting) member(b []byte, i, depth int) (key, value record.Span, escaped, ok bool) {
	if b[i] != '"' {
		return key, value, false, false
	}
	end, escaped := jsonString(b, i)
	if end < 0 {
		return key, value, false, false
	}
	key = record.Span{Start: uint32(i + 1), End: uint32(end - 1)}
	if i = jsonSpace(b, end); b[i] != ':' {
		return key, value, false, false
	}
	i = jsonSpace(b, i+1)
	if end = s.value(b, i, depth); end < 0 {
		return key, value, false, false
	}
	return key, record.Span{Start: uint32(i), End: uint32(end)}, escaped, true
}
