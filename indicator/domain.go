package indicator

import (
	"bytes"
	"maps"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// checkDomain says what is wrong with a domain in lower case whose labels have
// lawful lengths. Its last label begins at tld.
func (p *Parser) checkDomain(b []byte, tld int, seen class) error {
	last := b[tld:]
	switch {
	case len(b) > 253:
		return errLongName
	case seen&classAnyLetter == 0:
		return errNoLetter
	case isNumber(last):
		return errNumericLabel
	case tld == 0: // a single label: left to the rules
		return nil
	case !p.suffixExists(b, last):
		return suffixError{label: string(last)}
	}
	return nil
}

// isNumber reports whether programs that take a host apart would read a label
// as a number, decimal or hexadecimal.
func isNumber(label []byte) bool {
	if allDigits(label) {
		return true
	}
	if !bytes.HasPrefix(label, []byte("0x")) {
		return false
	}
	for _, c := range label[2:] {
		if !isHex(c) {
			return false
		}
	}
	return true
}

// suffixExists reports whether a rule of the public suffix list, its default
// rule aside, applies to the domain, or it ends in a suffix that is internal
// or the user's.
func (p *Parser) suffixExists(domain, tld []byte) bool {
	if p.anySuffix {
		return true
	}
	known := *p.known.Load()
	if _, ok := known[string(tld)]; ok {
		return true
	}
	if len(p.suffixes) > 0 {
		for name := domain; ; {
			if _, ok := p.suffixes[string(name)]; ok {
				return true
			}
			_, rest, more := bytes.Cut(name, []byte("."))
			if !more {
				break
			}
			name = rest
		}
	}
	// No rule names the label "_", so a rule that applies to "_.tld" is "tld"
	// or "*.tld", and applies to every name below the top-level domain. (Where
	// there are but longer rules, as below .za, the package answers the same.)
	top := string(tld)
	if managed("_." + top) {
		p.remember(top)
		return true
	}
	return managed(string(domain))
}

// managed tells the default rule of the list from a real one, as the
// documentation of publicsuffix.PublicSuffix does.
func managed(domain string) bool {
	suffix, icann := publicsuffix.PublicSuffix(domain)
	return icann || strings.IndexByte(suffix, '.') >= 0
}

func (p *Parser) remember(tld string) {
	p.learn.Lock()
	defer p.learn.Unlock()
	known := maps.Clone(*p.known.Load())
	known[tld] = struct{}{}
	p.known.Store(&known)
}

// lookup is idna.Lookup but for two checks: names with underscores, and with
// hyphens in odd places, are in use. What mapping makes of a label is checked
// as if it had been written so.
var lookup = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
)

// toASCII converts the labels of a name that are not ASCII. The others are
// kept, as the DNS does not mind an "xn--" label that encodes nothing.
func toASCII(name []byte) ([]byte, error) {
	out := make([]byte, 0, len(name))
	for i := 0; ; i++ {
		label, rest, more := bytes.Cut(name, []byte("."))
		if i > 0 {
			out = append(out, '.')
		}
		if isASCII(label) {
			out = append(out, label...)
		} else {
			if len(label) > 4*63 { // conversion takes quadratic time
				return nil, errLongLabel
			}
			ascii, err := lookup.ToASCII(string(label))
			if err != nil {
				return nil, reason("no internationalised domain name: " + err.Error())
			}
			out = append(out, ascii...)
		}
		if !more {
			return out, nil
		}
		name = rest
	}
}

func isASCII(s []byte) bool {
	for _, c := range s {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
