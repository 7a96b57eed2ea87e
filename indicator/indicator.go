// Package indicator turns a cell of an event into a canonical indicator (a
// domain, an IP address, an e-mail address, a file hash or an antivirus name)
// and says which indicators must never leave the house.
package indicator

import "fmt"

// Type is the kind of an indicator. The five kinds are those of ThreatCrowd's
// API v2.
type Type uint8

// The kinds. None is the kind of a value that is no indicator; as an asked-for
// kind it means "decide by the value".
const (
	None Type = iota
	Domain
	IP
	Email
	Hash
	Antivirus
)

var typeNames = [...]string{"", "domain", "ip", "email", "hash", "antivirus"}

// String returns the name used in options, output fields and configuration;
// it is empty for None.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// ParseType reads a name as String gives it, or "auto" for None.
func ParseType(s string) (Type, error) {
	if s == "auto" {
		return None, nil
	}
	for i, n := range typeNames {
		if i > 0 && n == s {
			return Type(i), nil
		}
	}
	return None, fmt.Errorf("unknown type %q: allowed are auto, domain, ip, email, hash, antivirus", s)
}

// TypeSet is a set of kinds.
type TypeSet uint8

// Types returns the set of the given kinds.
func Types(types ...Type) TypeSet {
	var s TypeSet
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

// AllTypes is the set of the five kinds.
var AllTypes = Types(Domain, IP, Email, Hash, Antivirus)

// Has reports whether t is in the set.
func (s TypeSet) Has(t Type) bool { return s&(1<<t) != 0 }

// Indicator is a canonical indicator: two spellings of the same thing are
// equal. It is comparable and serves as a map key.
type Indicator struct {
	Type  Type
	Value string
}
