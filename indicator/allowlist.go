package indicator

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"unicode"
)

// maxMistakes is how many mistakes of an allowlist are told one by one.
const maxMistakes = 50

// LoadAllowlist reads a list of what is never to be sent: one entry a line,
// each a domain (with its subdomains and their e-mail addresses), an IP
// address, a network, an e-mail address, a hash or an antivirus name, defanged
// or not. A # at the beginning of a line or after white space begins a
// comment. The error names every line that cannot be understood as name:line.
//
// A name without a suffix that exists, such as Trojan.Generic, is taken both
// as a domain and as an antivirus name.
func LoadAllowlist(r io.Reader, name string) ([]string, error) {
	var entries []string
	var errs []error
	more := 0
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	n := 0
	for in.Scan() {
		n++
		line := in.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		text := string(bytes.TrimSpace(stripComment(line)))
		if text == "" {
			continue
		}
		if _, err := parseEntry(text); err != nil {
			if len(errs) == maxMistakes {
				more++
				continue
			}
			errs = append(errs, fmt.Errorf("%s:%d: %s: %w", name, n, quote(text), err))
			continue
		}
		entries = append(entries, text)
	}
	if err := in.Err(); err != nil {
		errs = append(errs, fmt.Errorf("%s:%d: %w", name, n+1, err))
	}
	if more > 0 {
		errs = append(errs, fmt.Errorf("%s: %d more lines cannot be understood", name, more))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return entries, nil
}

func stripComment(line []byte) []byte {
	for i, c := range line {
		if c == '#' && (i == 0 || line[i-1] <= ' ') {
			return line[:i]
		}
	}
	return line
}

// entry is an entry of an allowlist: a network or what an indicator may be.
// Values other than domains are in lower case.
type entry struct {
	net    netip.Prefix
	values []Indicator
}

// text names the entry in a reason.
func (e entry) text() string {
	switch {
	case len(e.values) > 0:
		return e.values[0].Value
	case e.net.IsSingleIP():
		return e.net.Addr().String()
	}
	return e.net.String()
}

const (
	errMask     = reason("not a network: write it like 10.0.0.0/8")
	errOneALine = reason("more than one entry: one a line")
)

func parseEntry(line string) (entry, error) {
	if len(line) > MaxLen {
		return entry{}, errTooLong
	}
	if p, ok, err := parseNetwork(line); ok {
		return entry{net: p}, err
	}
	ind, err := (&Parser{anySuffix: true}).Parse(line, None)
	if err != nil {
		return antivirusEntry(line, err)
	}
	switch ind.Type {
	case IP:
		addr, err := netip.ParseAddr(ind.Value)
		if err != nil {
			return entry{}, err
		}
		return entry{net: netip.PrefixFrom(addr, addr.BitLen())}, nil
	case Domain:
		if len(ind.Value) > 30 && strings.Trim(ind.Value, "0123456789abcdef") == "" {
			return entry{}, errNotHash
		}
		e := entry{values: []Indicator{ind}}
		if av, err := antivirusEntry(line, nil); err == nil {
			e.values = append(e.values, av.values...)
		}
		return e, nil
	}
	ind.Value = strings.ToLower(ind.Value)
	return entry{values: []Indicator{ind}}, nil
}

// antivirusEntry takes a line as an antivirus name, unless it looks like an
// attempt at something else: then the error is why that failed.
func antivirusEntry(line string, why error) (entry, error) {
	if why != nil {
		if strings.Contains(line, "@") || strings.Contains(line, "://") || addressLike(line) {
			return entry{}, why
		}
		if several(line) {
			return entry{}, errOneALine
		}
	}
	out, _, err := appendAntivirus(nil, []byte(line))
	if err != nil {
		return entry{}, err
	}
	return entry{values: []Indicator{{Antivirus, strings.ToLower(string(out))}}}, nil
}

// addressLike reports whether a line has nothing but what IP addresses are
// made of.
func addressLike(line string) bool {
	digits := strings.Trim(line, "0123456789.[]()/ ") == ""
	return digits || strings.Count(line, ":") > 1 && strings.Trim(strings.ToLower(line), "0123456789abcdef.:[]/ ") == ""
}

// several reports whether a line with blanks or commas has a domain, an
// address or a hash among its words.
func several(line string) bool {
	words := strings.FieldsFunc(line, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' })
	if len(words) < 2 {
		return false
	}
	p := newParser()
	for _, w := range words {
		if ind, err := p.Parse(w, None); err == nil && (ind.Type != Domain || strings.Contains(ind.Value, ".")) {
			return true
		}
	}
	return false
}

// parseNetwork reads a line as a network in CIDR notation; ok says that it
// looks like one.
func parseNetwork(line string) (p netip.Prefix, ok bool, err error) {
	s, _, err := normalize([]byte(line))
	if err != nil {
		return netip.Prefix{}, false, nil
	}
	host, bits, found := strings.Cut(string(s), "/")
	addr, err := netip.ParseAddr(host)
	if !found || err != nil {
		return netip.Prefix{}, false, nil
	}
	p, err = netip.ParsePrefix(addr.WithZone("").String() + "/" + bits)
	if err == nil {
		p, ok = plainPrefix(p)
	}
	if err != nil || !ok {
		return netip.Prefix{}, true, errMask
	}
	return p, true, nil
}

// quote shows a line in an error, cut to a reasonable length.
func quote(line string) string {
	if len(line) > 80 {
		return fmt.Sprintf("%.80q…", line)
	}
	return fmt.Sprintf("%q", line)
}
