package chunked

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendJSON appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD.
func appendJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c == '\n':
			dst = append(dst, '\\', 'n')
			i++
		case c == '\t':
			dst = append(dst, '\\', 't')
			i++
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r) // RuneError is U+FFFD
			i += size
		}
	}
	return append(dst, '"')
}

// oneLine puts between instead of line ends and the blanks around them, and
// takes white space off both ends.
func oneLine(s, between string) string {
	s = strings.TrimSpace(s)
	if !strings.ContainsAny(s, "\n\r") {
		return s
	}
	var b strings.Builder
	for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(between)
		}
		b.WriteString(line)
	}
	return b.String()
}

// cut shortens s to at most n bytes, at a character boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// The functions below read a JSON value of whatever type as the wanted one;
// what cannot be read so is the zero value. Splunk versions and recordings
// differ in whether numbers are quoted.

func looseString(v json.RawMessage) string {
	if len(v) == 0 {
		return ""
	}
	switch v[0] {
	case '"':
		var s string
		if json.Unmarshal(v, &s) != nil {
			return ""
		}
		return s
	case 'n', '{', '[':
		return ""
	}
	return string(v)
}

func looseBool(v json.RawMessage) (value, ok bool) {
	s := looseString(v)
	if b, ok := parseBool(s); ok {
		return b, true
	}
	f, err := strconv.ParseFloat(s, 64)
	return f != 0, err == nil
}

func looseInt(v json.RawMessage) int {
	f, err := strconv.ParseFloat(strings.TrimSpace(looseString(v)), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1<<52 {
		return 0
	}
	return int(int64(f))
}

func looseStrings(v json.RawMessage) []string {
	var list []json.RawMessage
	if json.Unmarshal(v, &list) != nil {
		if s := looseString(v); s != "" {
			return []string{s}
		}
		return nil
	}
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = looseString(item)
	}
	return out
}

// parseBool reads the words Splunk accepts for a truth value.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "t", "true", "y", "yes":
		return true, true
	case "0", "f", "false", "n", "no":
		return false, true
	}
	return false, false
}
