package threatcrowd

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleanText returns a value fit for a terminal, a CSV cell and an event:
// valid UTF-8 without control, format and line-breaking characters, each of
// which becomes a space so that nothing is silently joined, and without white
// space around it. It is s itself, or a part of it, for almost all values.
func cleanText(s string) string {
	s = trim(s)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return trim(cleanRunes(s))
		}
	}
	return s
}

func trim(s string) string {
	if s == "" || plainByte(s[0]) && plainByte(s[len(s)-1]) {
		return s
	}
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

func plainByte(c byte) bool { return ' ' < c && c < 0x7f }

func cleanRunes(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r != utf8.RuneError && (unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cleanLower is cleanText and lower case.
func cleanLower(s string) string {
	s = cleanText(s)
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf {
			return strings.ToLower(s)
		}
	}
	return s
}

// cleanURL returns s when it is an address that can be shown as a link, else
// nothing.
func cleanURL(s string) string {
	s = strings.TrimSpace(s)
	for _, r := range s {
		if r == utf8.RuneError || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
			return ""
		}
	}
	scheme, _, ok := strings.Cut(s, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return ""
	}
	return strings.ReplaceAll(s, " ", "%20")
}

// cleanDate returns the date of a text that begins with YYYY-MM-DD, and
// nothing when that is no day of the calendar: the service writes 0000-00-00
// for unknown.
func cleanDate(s string) string {
	s = trim(s)
	if len(s) > 10 && (s[10] == ' ' || s[10] == 'T') {
		s = s[:10]
	}
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return ""
	}
	y, ok1 := number(s[:4])
	m, ok2 := number(s[5:7])
	d, ok3 := number(s[8:])
	if !ok1 || !ok2 || !ok3 || y == 0 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return ""
	}
	return s
}

func number(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

func daysIn(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
