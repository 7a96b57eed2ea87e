package indicator

import (
	"net/netip"
	"slices"
)

// prefixes finds the longest of many address prefixes that an address is in,
// and the reason that goes with it. It looks once for each length in use, however many prefixes there are.
type prefixes struct {
	of      map[netip.Prefix]string
	lengths [2][]int // of IPv4 and of IPv6 prefixes, longest first
}

// add adds a prefix, unless it is there already. It must be masked and not
// IPv4-mapped.
func (p *prefixes) add(prefix netip.Prefix, reason string) {
	if _, ok := p.of[prefix]; ok {
		return
	}
	if p.of == nil {
		p.of = make(map[netip.Prefix]string)
	}
	p.of[prefix] = reason
	lengths := &p.lengths[family(prefix.Addr())]
	at, ok := slices.BinarySearchFunc(*lengths, prefix.Bits(), func(a, b int) int { return b - a })
	if !ok {
		*lengths = slices.Insert(*lengths, at, prefix.Bits())
	}
}

// find returns the reason of the longest prefix, empty when there is none.
func (p *prefixes) find(addr netip.Addr) string {
	for _, n := range p.lengths[family(addr)] {
		prefix, err := addr.Prefix(n)
		if err != nil {
			continue
		}
		if reason, ok := p.of[prefix]; ok {
			return reason
		}
	}
	return ""
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}

// plainPrefix masks a prefix and turns an IPv4-mapped one into IPv4.
func plainPrefix(p netip.Prefix) (netip.Prefix, bool) {
	if !p.IsValid() {
		return p, false
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}
