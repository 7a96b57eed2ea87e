package chunked

import "strings"

// token is one argument.
type token struct {
	text   string
	quoted bool // the whole word, or the whole value, was in quotes
	raw    string
}

// tokenize pairs arguments with their raw form and takes away what splunkd may
// have left of commas between them.
func tokenize(args, rawArgs []string) []token {
	paired := len(rawArgs) == len(args)
	toks := make([]token, 0, len(args))
	for i, a := range args {
		raw := a
		if paired {
			raw = rawArgs[i]
		}
		for strings.HasSuffix(raw, ",") && strings.HasSuffix(a, ",") {
			raw, a = raw[:len(raw)-1], a[:len(a)-1]
		}
		if raw == "" && a == "" && (!paired || rawArgs[i] != "") && args[i] != "" {
			continue // only commas
		}
		t := token{text: a, raw: raw, quoted: paired && isQuoted(raw)}
		if t.quoted && len(a) == len(raw) && isQuoted(a) {
			t.text = unquoteArg(a)
		}
		toks = append(toks, t)
	}
	return toks
}

// isQuoted reports whether the quote that begins s ends at its end.
func isQuoted(s string) bool {
	if len(s) < 2 || s[0] != '"' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i == len(s)-1
		}
	}
	return false
}

// unquoteArg takes the outer quotes away and undoes \" inside.
func unquoteArg(s string) string {
	return strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
}

// equals returns where the = of an option is, -1 if the token is a word.
func (t token) equals() int {
	if t.quoted {
		return -1
	}
	return strings.IndexByte(t.text, '=')
}

// after returns the value behind the = at eq. Blanks in front of it, which
// splunkd leaves there in "key = value", are no part of it.
func (t token) after(eq int) token {
	v := token{text: t.text[eq+1:]}
	_, raw, _ := strings.Cut(t.raw, "=")
	bare := strings.TrimLeft(raw, " \t")
	v.quoted = isQuoted(bare)
	if len(bare) < len(raw) {
		v.text = strings.TrimSpace(v.text)
		if v.quoted && isQuoted(v.text) {
			v.text = unquoteArg(v.text)
		}
	}
	return v
}
