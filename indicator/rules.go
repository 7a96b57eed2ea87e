package indicator

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// RulesConfig is what Rules can be told.
type RulesConfig struct {
	// CIDR are networks whose addresses are not sent.
	CIDR []netip.Prefix
	// Suffixes are suffixes whose domains are not sent, such as "corp.acme",
	// with or without a leading dot. The suffix itself is not sent either.
	// Those the public suffix list does not have belong into
	// ParserConfig.Suffixes too.
	Suffixes []string
	// Allow are entries as LoadAllowlist returns them.
	Allow []string
	// Defaults turns the built-in exclusions on: addresses that are not
	// global, single-label names, and the special-use and private suffixes.
	Defaults bool
}

// Rules says which indicators are not sent anywhere. It does not change once
// made and may be used by several goroutines at once.
type Rules struct {
	defaults bool
	nets     prefixes // the user's
	blocks   [2][]registered
	suffixes map[string]string // the user's, with the reason
	internal map[string]string
	values   map[Indicator]string // e-mail addresses, hashes, antivirus names in lower case
}

// NewRules returns the rules of a configuration. The error names every entry
// that cannot be understood.
func NewRules(cfg RulesConfig) (*Rules, error) {
	r := &Rules{
		defaults: cfg.Defaults,
		suffixes: make(map[string]string),
		internal: make(map[string]string, len(internalSuffixes)),
		values:   make(map[Indicator]string),
	}
	var errs []error
	for _, line := range cfg.Allow {
		e, err := parseEntry(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("allowlist entry %s: %w", quote(line), err))
			continue
		}
		r.allow(e)
	}
	for _, c := range cfg.CIDR {
		p, ok := plainPrefix(c)
		if !ok {
			errs = append(errs, fmt.Errorf("network %s: not valid; write it like 10.0.0.0/8", c))
			continue
		}
		r.nets.add(p, "excluded network "+p.String())
	}
	for _, s := range cfg.Suffixes {
		name, err := canonicalSuffix(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, ok := r.suffixes[name]; !ok {
			r.suffixes[name] = "internal suffix ." + name
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if cfg.Defaults {
		r.blocks = registry()
		for _, s := range internalSuffixes {
			r.internal[s.name] = s.reason()
		}
	}
	return r, nil
}

// allow adds an entry of the allowlist.
func (r *Rules) allow(e entry) {
	if e.net.IsValid() {
		r.nets.add(e.net, "allowlist entry "+e.text())
	}
	for _, ind := range e.values {
		reason := "allowlist entry " + e.text()
		if ind.Type == Domain {
			r.suffixes[ind.Value] = reason
			continue
		}
		r.values[ind] = reason
	}
}

// Excluded says in one line why an indicator is not to be sent, and nothing
// when it may be. The indicator must be canonical, as a Parser makes it.
func (r *Rules) Excluded(ind Indicator) string {
	switch ind.Type {
	case IP:
		return r.excludedIP(ind.Value)
	case Domain:
		return r.excludedDomain(ind.Value)
	case Email:
		if len(r.values) > 0 {
			if reason := r.values[Indicator{Email, strings.ToLower(ind.Value)}]; reason != "" {
				return reason
			}
		}
		return r.excludedDomain(ind.Value[strings.LastIndexByte(ind.Value, '@')+1:])
	case Hash:
		return r.values[ind]
	case Antivirus:
		if len(r.values) > 0 {
			return r.values[Indicator{Antivirus, strings.ToLower(ind.Value)}]
		}
		return ""
	}
	return "not an indicator"
}

func (r *Rules) excludedDomain(name string) string {
	for rest, more := name, true; more; _, rest, more = strings.Cut(rest, ".") {
		if reason := r.suffixes[rest]; reason != "" {
			return reason
		}
	}
	if !r.defaults {
		return ""
	}
	if strings.IndexByte(name, '.') < 0 {
		return "single-label name"
	}
	for rest, more := name, true; more; _, rest, more = strings.Cut(rest, ".") {
		if reason := r.internal[rest]; reason != "" {
			return reason
		}
	}
	return ""
}

func (r *Rules) excludedIP(value string) string {
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return "not an IP address"
	}
	addr = addr.Unmap().WithZone("")
	if reason := r.excludedAddr(addr); reason != "" {
		return reason
	}
	inner, n := embedded(addr)
	for _, a := range inner[:n] {
		if reason := r.excludedAddr(a); reason != "" {
			return "embeds " + a.String() + ": " + reason
		}
	}
	return ""
}

func (r *Rules) excludedAddr(addr netip.Addr) string {
	if reason := r.nets.find(addr); reason != "" {
		return reason
	}
	for _, b := range r.blocks[family(addr)] {
		if b.prefix.Contains(addr) {
			return b.reason
		}
	}
	return ""
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4 = netip.MustParsePrefix("2002::/16")
	teredo = netip.MustParsePrefix("2001::/32")
)

// embedded returns the IPv4 addresses in an IPv6 address that stands for them:
// of NAT64 (RFC 6052), 6to4 (RFC 3056) and, server and client, of Teredo
// (RFC 4380).
func embedded(addr netip.Addr) (in [2]netip.Addr, n int) {
	if !addr.Is6() {
		return in, 0
	}
	a := addr.As16()
	at := func(i int, flip byte) netip.Addr {
		return netip.AddrFrom4([4]byte{a[i] ^ flip, a[i+1] ^ flip, a[i+2] ^ flip, a[i+3] ^ flip})
	}
	switch {
	case nat64.Contains(addr):
		in[0] = at(12, 0)
		return in, 1
	case sixTo4.Contains(addr):
		in[0] = at(2, 0)
		return in, 1
	case teredo.Contains(addr):
		in[0], in[1] = at(4, 0), at(12, 0xff)
		return in, 2
	}
	return in, 0
}
