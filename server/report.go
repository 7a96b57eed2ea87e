package server

import (
	"context"

	"github.com/tclookup/tclookup/indicator"
)

// Store is a data set that a Handler answers from. It is safe for concurrent
// use.
type Store interface {
	// Report returns what is known about ind; false means nothing is. The
	// indicator is in the Handler's own canonical form: domains, the domain
	// part of e-mail addresses and hashes in lower case, addresses as
	// netip.Addr writes them, antivirus names as they were asked for without
	// white space around them. Type Hash comes with whatever the client sent,
	// of any length.
	//
	// The report is shared: the Handler does not change it, and the Store
	// does not change it afterwards.
	Report(ctx context.Context, ind indicator.Indicator) (*Report, bool, error)
}

// Report is one answer of the API as it stands on the wire: strings as the
// original service would hold them, repeats, blanks and placeholders included.
// Each kind of indicator has its own fields, see Append; the others are not
// written.
type Report struct {
	Resolutions []Resolution // domain, ip
	Hashes      []string     // domain, ip, antivirus: MD5
	Emails      []string     // domain
	// Subdomains belongs to a domain. Nil leaves the key out, as the service
	// did until 2015; an empty list is written as [].
	Subdomains []string
	Domains    []string // email, hash
	IPs        []string // hash
	Scans      []string // hash: detection names
	MD5, SHA1  string   // hash
	References []string
	// Votes (domain, ip) is -1, 0 or 1. Without HasVotes the key is left out,
	// as the service did until 2016.
	Votes    int8
	HasVotes bool
	// Permalink is where a person reads more; when it is empty, a Handler
	// writes the one that the original service would have.
	Permalink string
}

// Resolution is one row of a passive DNS list.
type Resolution struct {
	LastResolved string // YYYY-MM-DD, 0000-00-00 when unknown
	Value        string // the address of a domain, or the domain of an address
}
