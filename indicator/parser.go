package indicator

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// MaxLen is the length of the longest value that is looked at, in bytes.
const MaxLen = 2048

// ParserConfig is what a Parser can be told.
type ParserConfig struct {
	// Suffixes are the suffixes of domains that exist although the public
	// suffix list does not have them, such as "corp.acme". A leading dot makes
	// no difference.
	Suffixes []string
}

// Parser turns values into canonical indicators. It does not change once made
// (but for a memory of top-level domains met) and may be used by several
// goroutines at once.
type Parser struct {
	suffixes  map[string]struct{} // the user's, canonical
	anySuffix bool                // every suffix exists

	// known holds the top-level domains under which every name has a public
	// suffix. It grows by copying, so that readers need no lock, and never
	// beyond the top-level domains that exist.
	known atomic.Pointer[map[string]struct{}]
	learn sync.Mutex
}

// NewParser returns a parser. The error names every suffix that is none.
func NewParser(cfg ParserConfig) (*Parser, error) {
	p := newParser()
	var errs []error
	for _, s := range cfg.Suffixes {
		name, err := canonicalSuffix(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.suffixes[name] = struct{}{}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

func newParser() *Parser {
	p := &Parser{suffixes: make(map[string]struct{})}
	known := make(map[string]struct{}, len(internalSuffixes))
	for _, s := range internalSuffixes {
		known[s.name] = struct{}{}
	}
	p.known.Store(&known)
	return p
}

// canonicalSuffix returns a suffix in lower-case ASCII without its leading dot.
func canonicalSuffix(s string) (string, error) {
	ind, err := (&Parser{anySuffix: true}).Parse(s, Domain)
	if err != nil {
		return "", fmt.Errorf("suffix %q: %w; write it like .corp.example", s, err)
	}
	return ind.Value, nil
}

// Parse is Append for a string.
func (p *Parser) Parse(s string, want Type) (Indicator, error) {
	if len(s) > MaxLen {
		return Indicator{}, errTooLong
	}
	var buf [320]byte // the longest e-mail address has 318 bytes
	out, t, err := p.Append(buf[:0], []byte(s), want)
	if err != nil {
		return Indicator{}, err
	}
	return Indicator{Type: t, Value: string(out)}, nil
}

// Append appends the canonical form of src to dst and returns the kind of the
// indicator. With want None the value decides, and never for Antivirus; with
// any other kind, a value of a different one is an error.
//
// Canonical means: refanged; the host of a URL or of host:port, the address of
// "Name <address>"; domains and hashes in lower case, internationalised
// domains in ASCII, no trailing dot; IPv6 as RFC 5952 writes it, IPv4-mapped
// addresses as IPv4. An e-mail address has its domain in lower case and its
// local part as it came, because only the receiving host knows whether case
// counts there (RFC 5321 section 2.4); where there may be a URL, a bare
// "a/b@c" is taken for a host and a path. An antivirus name keeps its case and
// has single blanks inside.
//
// The error is ErrEmpty, or an ErrInvalid whose text says why; dst is returned
// as it came then. dst and src must not overlap; src is only read, and nothing
// of it is kept. With room for src in dst and an ASCII value there is no
// allocation, but for the first time that a top-level domain is met.
func (p *Parser) Append(dst, src []byte, want Type) ([]byte, Type, error) {
	switch {
	case len(src) > MaxLen:
		return dst, None, errTooLong
	case len(src) == 0:
		return dst, None, ErrEmpty
	case want == Antivirus:
		return appendAntivirus(dst, src)
	case want > Antivirus:
		return dst, None, errType
	}
	out, t, err := p.name(dst, src, false)
	if err == errHostChar {
		out, t, err = p.messy(dst, src, want)
	}
	switch {
	case want == Hash && noHash(out[len(dst):], t, err):
		err = errNotHash
	case err == nil && want != None && t != want:
		err = mismatch{is: t, want: want}
	}
	if err != nil {
		return dst, None, err
	}
	return out, t, nil
}

// messy appends the canonical form of a value that is more than a bare name.
func (p *Parser) messy(dst, src []byte, want Type) ([]byte, Type, error) {
	if !utf8.Valid(src) {
		return dst, None, errUTF8
	}
	var buf [MaxLen]byte
	s, mail, err := normalize(buf[:copy(buf[:], src)])
	if err != nil {
		return dst, None, err
	}
	if len(s) == 0 {
		return dst, None, ErrEmpty
	}
	if mail || isMail(s, want) {
		return p.mail(dst, s)
	}
	if size, digits := cutHashPrefix(s); size > 0 {
		return p.prefixedHash(dst, digits, size)
	}
	return p.location(dst, s)
}

// name appends a bare name, which may be a domain, an IPv4 address or, unless
// it is known to be a host, a hash. Any byte that none of them has makes the
// error errHostChar, whatever else is wrong.
func (p *Parser) name(dst, s []byte, host bool) ([]byte, Type, error) {
	s = bytes.Trim(s, ".")
	if len(s) == 0 {
		return dst, None, errNoHost
	}
	out := append(dst, s...)
	b := out[len(dst):]
	var seen class
	var bad error
	label := 0 // where the label begins
	for i, c := range b {
		k := classes[c]
		seen |= k
		if k == classDot {
			if bad == nil {
				bad = checkLabel(i - label)
			}
			label = i + 1
		}
		b[i] = lowers[c]
	}
	switch {
	case seen&classOther != 0:
		return dst, None, errHostChar
	case seen&^(classDigit|classHex) == 0 && hashSize(len(b)):
		if host {
			return dst, None, errHashHost
		}
		return out, Hash, nil
	case seen == classDigit|classDot:
		if err := checkIPv4(b); err != nil {
			return dst, None, err
		}
		return out, IP, nil
	case bad != nil:
		return dst, None, bad
	}
	if err := checkLabel(len(b) - label); err != nil {
		return dst, None, err
	}
	if err := p.checkDomain(b, label, seen); err != nil {
		return dst, None, err
	}
	return out, Domain, nil
}

func checkLabel(n int) error {
	switch {
	case n == 0:
		return errEmptyLabel
	case n > 63:
		return errLongLabel
	}
	return nil
}
