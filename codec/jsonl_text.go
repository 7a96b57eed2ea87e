package codec

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unescapeJSON appends the text of a valid string, given without its quotes.
// Lone surrogates become U+FFFD, as in encoding/json; other bytes stay.
func unescapeJSON(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			c := hex4(s[i+1:])
			i += 4
			if utf16.IsSurrogate(c) {
				pair := rune(utf8.RuneError)
				if len(s)-i > 6 && s[i+1] == '\\' && s[i+2] == 'u' {
					pair = utf16.DecodeRune(c, hex4(s[i+3:]))
				}
				if c = pair; c != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, c)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

func hex4(s []byte) rune {
	c := 0
	for _, d := range s[:4] {
		c = c<<4 | hexDigit(d)
	}
	return rune(c)
}

// appendJSONString appends s as a string. Bytes that are not UTF-8 become
// U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// appendJSONList appends an array of strings.
func appendJSONList(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, s)
	}
	return append(dst, ']')
}

// appendJSONNumber appends a number, null if it is empty, and what is no
// number of JSON as a string.
func appendJSONNumber(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	from := len(dst)
	dst = append(append(dst, s...), '\n')
	if jsonNumber(dst, from) == len(dst)-1 {
		return dst[:len(dst)-1]
	}
	return appendJSONString(dst[:from], s)
}

// appendJSONText appends a JSON text on one line, null if it is empty, and
// what is no JSON as a string.
func (s *nesting) appendJSONText(dst []byte, text string) []byte {
	text = strings.Trim(text, " \t\r\n")
	if text == "" {
		return append(dst, "null"...)
	}
	from := len(dst)
	dst = append(append(dst, text...), '\n')
	end := len(dst) - 1
	for i, c := range dst[from:end] {
		if c == '\n' || c == '\r' {
			dst[from+i] = ' '
		}
	}
	if s.value(dst, from, 1) == end {
		return dst[:end]
	}
	return appendJSONString(dst[:from], text)
}
