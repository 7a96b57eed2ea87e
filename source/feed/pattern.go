package feed

import (
	"fmt"
	"strings"

	"github.com/tclookup/tclookup/indicator"
)

// This file reads the pattern language of STIX 2.1 (section 9 of the standard)
// as far as it names values: all of its syntax is parsed, and comparisons for
// equality with values of the five kinds are kept.

// named is one value that a pattern looks for. The hashes of one file that a
// pattern wants together are in one named.
type named struct {
	want   indicator.Type // None for a URL
	values []string
}

// pattern returns the values each of which makes the pattern true on its own.
// more is set when the pattern says more than they do.
func pattern(text string) (out []named, more bool, err error) {
	p := &patternParser{s: text}
	p.next()
	n := p.observations(0)
	if p.err == nil && p.tok != "" {
		p.fail("the pattern goes on behind its end")
	}
	if p.err != nil {
		return nil, false, p.err
	}
	out, more = n.sufficient()
	return out, more, nil
}

// node is a part of a parsed pattern: a comparison, or others joined.
type node struct {
	or    bool // else and
	parts []*node
	named *named // of a comparison that can be used
}

// sufficient returns the values each of which makes a node true. Where several
// things must come together only a file's hash is enough on its own.
func (n *node) sufficient() (out []named, more bool) {
	if len(n.parts) == 0 {
		if n.named == nil {
			return nil, true
		}
		return []named{*n.named}, false
	}
	if n.or || len(n.parts) == 1 {
		for _, p := range n.parts {
			o, m := p.sufficient()
			out, more = append(out, o...), more || m
		}
		return out, more
	}
	var file named
	for _, p := range n.parts {
		o, m := p.sufficient()
		more = more || m
		for _, v := range o {
			if v.want != indicator.Hash {
				more = true
				continue
			}
			if len(o) > 1 { // alternatives are not of one file
				out = append(out, v)
				continue
			}
			file.want, file.values = indicator.Hash, append(file.values, v.values...)
		}
	}
	if file.values != nil {
		out = append(out, file)
	}
	return out, more
}

type patternParser struct {
	s    string
	i    int    // behind tok
	tok  string // a sign, a word, a number, or what is in quotes; empty at the end
	text bool   // tok is a string
	at   int    // where tok begins
	err  error
}

// maxNesting is the deepest nesting of a pattern.
const maxNesting = 32

func (p *patternParser) fail(text string) {
	if p.err == nil {
		p.err = fmt.Errorf("pattern, at byte %d: %s", p.at, text)
	}
	p.tok, p.i = "", len(p.s)
}

// next reads the next token.
func (p *patternParser) next() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
	p.at, p.text = p.i, false
	if p.i >= len(p.s) {
		p.tok = ""
		return
	}
	c := p.s[p.i]
	switch {
	case c == '\'':
		p.i++
		p.quoted()
	case strings.IndexByte("thb", c) >= 0 && p.i+1 < len(p.s) && p.s[p.i+1] == '\'': // a time, bytes
		p.i += 2
		p.quoted()
	case strings.IndexByte("<>!", c) >= 0 && p.i+1 < len(p.s) && p.s[p.i+1] == '=', strings.HasPrefix(p.s[p.i:], "=="):
		p.tok = p.s[p.i : p.i+2]
		p.i += 2
	case wordByte(c):
		start := p.i
		for p.i < len(p.s) && wordByte(p.s[p.i]) {
			p.i++
		}
		p.tok = p.s[start:p.i]
	default:
		p.tok = p.s[p.i : p.i+1]
		p.i++
	}
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// quoted reads a string up to its quote.
func (p *patternParser) quoted() {
	var b strings.Builder
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch c {
		case '\'':
			p.tok, p.text = b.String(), true
			return
		case '\\':
			if p.i < len(p.s) {
				c = p.s[p.i]
				p.i++
			}
		}
		b.WriteByte(c)
	}
	p.fail("a quote that is not closed")
}

// is reports whether the next token is a sign or a word, which may be in small
// letters.
func (p *patternParser) is(word string) bool { return !p.text && strings.EqualFold(p.tok, word) }

func (p *patternParser) take(word string) bool {
	if !p.is(word) {
		return false
	}
	p.next()
	return true
}

func (p *patternParser) want(word string) {
	if p.err == nil && !p.take(word) {
		p.fail(fmt.Sprintf("%q is missing", word))
	}
}

// observations reads observations joined by AND, OR and FOLLOWEDBY. FOLLOWEDBY
// binds least, then OR, then AND.
func (p *patternParser) observations(depth int) *node {
	return p.joined("FOLLOWEDBY", false, depth, func() *node {
		return p.joined("OR", true, depth, func() *node {
			return p.joined("AND", false, depth, func() *node { return p.observation(depth) })
		})
	})
}

// joined reads parts with a word between them.
func (p *patternParser) joined(word string, or bool, depth int, part func() *node) *node {
	if depth > maxNesting {
		p.fail("nested too deeply")
		return new(node)
	}
	n := &node{or: or, parts: []*node{part()}}
	for p.err == nil && p.take(word) {
		n.parts = append(n.parts, part())
	}
	return n
}

func (p *patternParser) observation(depth int) *node {
	var n *node
	switch {
	case p.take("["):
		n = p.comparisons(depth)
		p.want("]")
	case p.take("("):
		n = p.observations(depth + 1)
		p.want(")")
	default:
		p.fail(`"[" is missing`)
		return new(node)
	}
	// Qualifiers say when and how often; a value that is seen once is enough
	// to be told about it.
	for p.err == nil {
		switch {
		case p.take("WITHIN"):
			p.next()
			p.want("SECONDS")
		case p.take("REPEATS"):
			p.next()
			p.want("TIMES")
		case p.take("START"):
			p.next()
			p.want("STOP")
			p.next()
		default:
			return n
		}
	}
	return n
}

func (p *patternParser) comparisons(depth int) *node {
	return p.joined("OR", true, depth, func() *node {
		return p.joined("AND", false, depth, func() *node { return p.comparison(depth) })
	})
}

func (p *patternParser) comparison(depth int) *node {
	if p.take("(") {
		n := p.comparisons(depth + 1)
		p.want(")")
		return n
	}
	not := p.take("NOT")
	if p.take("EXISTS") {
		p.path()
		return new(node)
	}
	object, property := p.path()
	not = p.take("NOT") || not
	op := strings.ToUpper(p.tok)
	if p.text {
		op = ""
	}
	p.next()
	var values []string
	switch op {
	case "=", "==", "!=", "<>", "<", ">", "<=", ">=", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET":
		if p.tok == "" && !p.text {
			p.fail("a value is missing")
		}
		values = append(values, p.literal())
	case "IN":
		p.want("(")
		for p.err == nil {
			values = append(values, p.literal())
			if !p.take(",") {
				break
			}
		}
		p.want(")")
	default:
		p.fail(fmt.Sprintf("%.20q is no operator", op))
	}
	want, ok := valueType(object, property)
	if p.err != nil || !ok || not || op != "=" && op != "==" && op != "IN" {
		return new(node)
	}
	n := &node{or: true}
	for _, v := range values {
		n.parts = append(n.parts, &node{named: &named{want, []string{v}}})
	}
	return n
}

// literal reads a value.
func (p *patternParser) literal() string {
	v := p.tok
	if !p.text && (p.is("-") || p.is("+")) {
		p.next()
		v += p.tok
	}
	if !p.text && (v == "" || !wordByte(v[len(v)-1])) {
		p.fail("a value is missing")
		return ""
	}
	text := p.text
	p.next()
	if !text && p.take(".") { // of a number
		v += "." + p.tok
		p.next()
	}
	return v
}

// path reads an object path, such as file:hashes.'SHA-256'.
func (p *patternParser) path() (object, property string) {
	object = p.tok
	if p.text || object == "" || !wordByte(object[0]) {
		p.fail("the name of an object is missing")
		return "", ""
	}
	p.next()
	p.want(":")
	var b strings.Builder
	b.WriteString(p.tok)
	p.next()
	for p.err == nil {
		switch {
		case p.take("."):
			b.WriteString("." + p.tok)
			p.next()
		case p.take("["):
			p.next()
			p.want("]")
			b.WriteString("[]")
		default:
			return strings.ToLower(object), b.String()
		}
	}
	return "", ""
}

// valueType is the kind of indicator that a property of an object holds; None
// is that of a URL.
func valueType(object, property string) (indicator.Type, bool) {
	property, _ = strings.CutSuffix(property, "[]")
	switch object {
	case "domain-name":
		return indicator.Domain, property == "value"
	case "ipv4-addr", "ipv6-addr":
		return indicator.IP, property == "value"
	case "email-addr":
		return indicator.Email, property == "value"
	case "email-message":
		return indicator.Email, property == "from_ref.value" || property == "sender_ref.value"
	case "url":
		return indicator.None, property == "value"
	case "network-traffic":
		return indicator.IP, property == "dst_ref.value" || property == "src_ref.value"
	case "file", "artifact":
		name, ok := strings.CutPrefix(property, "hashes.")
		return indicator.Hash, ok && hashName(name)
	}
	return indicator.None, false
}

// hashName reports whether a hash of that name is one of ours.
func hashName(name string) bool {
	switch strings.ToUpper(strings.ReplaceAll(name, "-", "")) {
	case "MD5", "SHA1", "SHA256", "SHA512":
		return true
	}
	return false
}
