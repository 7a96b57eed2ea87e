package indicator

import (
	"net/netip"
	"slices"
)

// block is a block of addresses with a purpose.
type block struct {
	prefix, purpose, source string
	global                  bool
}

// blocks are those of the IANA IPv4 and IPv6 Special-Purpose Address
// Registries, the multicast blocks, and the IPv6 space outside of global
// unicast. An address belongs to the longest prefix it is in.
//
// Global blocks may be sent: those the registries call globally reachable, and
// 6to4 and Teredo, for which they say neither; the IPv4 addresses in them are
// judged too. 192.88.99.0/24 and the first ORCHID block, where the registries
// say neither as well, were withdrawn and are not sent.
var blocks = [...]block{
	{"0.0.0.0/8", "this-network", "RFC 791", false},
	{"10.0.0.0/8", "private", "RFC 1918", false},
	{"100.64.0.0/10", "shared", "RFC 6598", false},
	{"127.0.0.0/8", "loopback", "RFC 1122", false},
	{"169.254.0.0/16", "link-local", "RFC 3927", false},
	{"172.16.0.0/12", "private", "RFC 1918", false},
	{"192.0.0.0/24", "protocol assignment", "RFC 6890", false},
	{"192.0.0.0/29", "service continuity", "RFC 7335", false},
	{"192.0.0.8/32", "dummy", "RFC 7600", false},
	{"192.0.0.9/32", "port control anycast", "RFC 7723", true},
	{"192.0.0.10/32", "TURN anycast", "RFC 8155", true},
	{"192.0.0.170/31", "NAT64 discovery", "RFC 8880", false},
	{"192.0.2.0/24", "documentation", "RFC 5737", false},
	{"192.31.196.0/24", "AS112", "RFC 7535", true},
	{"192.52.193.0/24", "AMT", "RFC 7450", true},
	{"192.88.99.0/24", "6to4 relay", "RFC 7526", false},
	{"192.88.99.2/32", "6a44 relay", "RFC 6751", false},
	{"192.168.0.0/16", "private", "RFC 1918", false},
	{"192.175.48.0/24", "AS112", "RFC 7534", true},
	{"198.18.0.0/15", "benchmarking", "RFC 2544", false},
	{"198.51.100.0/24", "documentation", "RFC 5737", false},
	{"203.0.113.0/24", "documentation", "RFC 5737", false},
	{"224.0.0.0/4", "multicast", "RFC 5771", false},
	{"240.0.0.0/4", "reserved", "RFC 1112", false},
	{"255.255.255.255/32", "broadcast", "RFC 919", false},

	{"::/0", "unassigned", "RFC 4291", false},
	{"::/128", "unspecified", "RFC 4291", false},
	{"::1/128", "loopback", "RFC 4291", false},
	{"::ffff:0:0/96", "IPv4-mapped", "RFC 4291", false}, // judged as IPv4, for completeness
	{"64:ff9b::/96", "NAT64", "RFC 6052", true},
	{"64:ff9b:1::/48", "local NAT64", "RFC 8215", false},
	{"100::/64", "discard", "RFC 6666", false},
	{"100:0:0:1::/64", "dummy", "RFC 9780", false},
	{"2000::/3", "global unicast", "RFC 4291", true},
	{"2001::/23", "protocol assignment", "RFC 2928", false},
	{"2001::/32", "Teredo", "RFC 4380", true},
	{"2001:1::1/128", "port control anycast", "RFC 7723", true},
	{"2001:1::2/128", "TURN anycast", "RFC 8155", true},
	{"2001:1::3/128", "service registration anycast", "RFC 9665", true},
	{"2001:2::/48", "benchmarking", "RFC 5180", false},
	{"2001:3::/32", "AMT", "RFC 7450", true},
	{"2001:4:112::/48", "AS112", "RFC 7535", true},
	{"2001:10::/28", "ORCHID", "RFC 4843", false},
	{"2001:20::/28", "ORCHIDv2", "RFC 7343", true},
	{"2001:30::/28", "drone remote ID", "RFC 9374", true},
	{"2001:db8::/32", "documentation", "RFC 3849", false},
	{"2002::/16", "6to4", "RFC 3056", true},
	{"2620:4f:8000::/48", "AS112", "RFC 7534", true},
	{"3fff::/20", "documentation", "RFC 9637", false},
	{"5f00::/16", "segment routing", "RFC 9602", false},
	{"fc00::/7", "unique local", "RFC 4193", false},
	{"fe80::/10", "link-local", "RFC 4291", false},
	{"fec0::/10", "site-local", "RFC 3879", false},
	{"ff00::/8", "multicast", "RFC 4291", false},
}

// registered is a block ready for use; reason is empty for a global one.
type registered struct {
	prefix netip.Prefix
	reason string
}

// registry returns the blocks of IPv4 and of IPv6, the longest prefixes first.
func registry() [2][]registered {
	var out [2][]registered
	for _, b := range blocks {
		r := registered{prefix: netip.MustParsePrefix(b.prefix)}
		if !b.global {
			r.reason = b.purpose + " address " + b.prefix + " (" + b.source + ")"
		}
		list := &out[family(r.prefix.Addr())]
		*list = append(*list, r)
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b registered) int { return b.prefix.Bits() - a.prefix.Bits() })
	}
	return out
}
