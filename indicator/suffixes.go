package indicator

// internalSuffix is a suffix whose names mean nothing outside of a network.
type internalSuffix struct{ name, kind, source string }

// internalSuffixes lists them, whole labels each. Those without a source are
// in common use on private networks and will not be delegated (.internal by
// resolution of ICANN's board of 2024-07-29; .corp and .home by that of
// 2018-02-04).
var internalSuffixes = [...]internalSuffix{
	{"local", "special-use", "RFC 6762"},
	{"localhost", "special-use", "RFC 6761"},
	{"test", "special-use", "RFC 6761"},
	{"example", "special-use", "RFC 6761"},
	{"invalid", "special-use", "RFC 6761"},
	{"onion", "special-use", "RFC 7686"},
	{"home.arpa", "special-use", "RFC 8375"},
	{"arpa", "special-use", "RFC 3172"}, // reverse names of addresses
	{"lan", "internal", ""},
	{"internal", "internal", ""},
	{"intranet", "internal", ""},
	{"corp", "internal", ""},
	{"home", "internal", ""},
}

func (s internalSuffix) reason() string {
	r := s.kind + " suffix ." + s.name
	if s.source != "" {
		r += " (" + s.source + ")"
	}
	return r
}
