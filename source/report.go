package source

// Verdict is what a source thinks of an indicator.
type Verdict uint8

// The verdicts, the worse the greater.
const (
	Unknown Verdict = iota
	Harmless
	Suspicious
	Malicious
)

// String returns the word used in the output field verdict.
func (v Verdict) String() string {
	switch v {
	case Harmless:
		return "harmless"
	case Suspicious:
		return "suspicious"
	case Malicious:
		return "malicious"
	}
	return "unknown"
}

// Summary is the part of a report that most searches want, kept beside the
// raw report in every cache so that a warm search decodes nothing.
type Summary struct {
	Verdict  Verdict
	Votes    int8 // -1, 0, 1
	HasVotes bool // false: the report has no votes
	// Related is the number of distinct entities the report names:
	// resolutions, hashes, e-mail addresses, sub-domains, domains, addresses
	// and detection names; references are not entities.
	Related   uint32
	LastSeen  string // newest known date, YYYY-MM-DD; empty when none is known
	Permalink string // where a person reads more
}

// Resolution is one resolution of a domain or an address.
type Resolution struct {
	Value    string `json:"value"`               // the other side: an address of a domain, a domain of an address
	LastSeen string `json:"last_seen,omitempty"` // YYYY-MM-DD, empty when unknown
}

// Report is what a source knows about an indicator: a superset of
// ThreatCrowd's five reports. Lists are trimmed, without empty entries and
// repeats, and keep the source's order, but for resolutions, which are sorted
// newest first.
type Report struct {
	Summary
	Resolutions []Resolution
	Hashes      []string
	Emails      []string
	Subdomains  []string
	Domains     []string
	IPs         []string
	Scans       []string
	References  []string
	MD5, SHA1   string
	// Dropped counts list elements of a wrong type, which were left out.
	Dropped int
}
