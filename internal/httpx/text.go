package httpx

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// snippetLen is the greatest length of a snippet, in bytes.
const snippetLen = 200

// Snippet returns the beginning of a body as one line of text for an error:
// without HTML tags, scripts and control characters, at most 200 bytes. Of a
// body that is no text it gives only the size.
func Snippet(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	head := body[:min(len(body), 16<<10)]
	if bytes.IndexByte(head, 0) >= 0 {
		return fmt.Sprintf("(%d bytes that are no text)", len(body))
	}
	s := string(head)
	if strings.Contains(s, "<") {
		s = html.UnescapeString(stripTags(s))
	}
	return clean(s, snippetLen)
}

// stripTags replaces everything from < to >, and scripts and style sheets, by
// a space.
func stripTags(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		b.WriteByte(' ')
		s = s[i:]
		end := ">"
		switch {
		case hasFold(s, "<script"):
			end = "</script>"
		case hasFold(s, "<style"):
			end = "</style>"
		case strings.HasPrefix(s, "<!--"):
			end = "-->"
		}
		j := indexFold(s, end)
		if j < 0 {
			return b.String()
		}
		s = s[j+len(end):]
	}
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// indexFold is strings.Index for an ASCII text, ignoring case.
func indexFold(s, sub string) int {
	for i := 0; i+len(sub) <= len(s); i++ {
		if s[i]|0x20 == sub[0]|0x20 && hasFold(s[i:], sub) {
			return i
		}
	}
	return -1
}

// clean makes one line of a text from outside: white space becomes single
// spaces, other control and invisible characters go, bytes that are no UTF-8
// become U+FFFD, and what is over n bytes is cut.
func clean(s string, n int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case unicode.Is(unicode.C, r):
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		if b.Len()+utf8.RuneLen(r) > n {
			return strings.TrimSpace(b.String()) + "…"
		}
		b.WriteRune(r)
	}
	return b.String()
}

// size writes a number of bytes.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
