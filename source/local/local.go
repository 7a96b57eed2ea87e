// Package local keeps the intelligence that a user imported or learned: facts
// about indicators and the relations between them, with the votes of people,
// in SQLite by default or in PostgreSQL. It is a source.Source.
//
// Facts belong to generations. A generation is one import of a feed: it is
// written while nobody sees it, becomes visible as a whole, and can be taken
// back.
package local

import (
	"errors"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// Kind is what a fact says. Relations are kept in both directions, so that
// one range of the table holds all that is known about an indicator.
type Kind uint8

// The kinds. Their numbers are in databases and stay.
const (
	// Listed: a feed names the subject; there is no object.
	Listed Kind = iota
	// Resolution: a domain resolved to an address, or the other way round.
	Resolution
	// Contacted: a sample (hash) talks to a domain or an address.
	Contacted
	contactedBy
	// Registrant: an e-mail address registered a domain (subject).
	Registrant
	registered
	// Subdomain: the object lies below the domain that is the subject.
	Subdomain
	parent
	// Detection: an antivirus program calls a sample (hash) the object's name.
	Detection
	detects
	// Reference: a text about the subject, mostly a URL. The object has the
	// type None.
	Reference
	refers
	// Alias: two hashes of the same file.
	Alias
	kinds
)

var kindNames = [kinds]string{
	"listed", "resolution", "contacted", "contacted_by", "registrant", "registered", "subdomain", "parent",
	"detection", "detected", "reference", "referred", "alias",
}

// String returns the name of a kind for people and for JSON.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "unknown"
}

// inverse is the kind of the same relation seen from its object.
func (k Kind) inverse() Kind {
	switch k {
	case Contacted, Registrant, Subdomain, Detection, Reference:
		return k + 1
	case contactedBy, registered, parent, detects, refers:
		return k - 1
	}
	return k
}

// Fact is one thing that a feed says. The zero value of everything but Kind
// and Subject means that nothing is known.
type Fact struct {
	Kind    Kind
	Subject indicator.Indicator
	Object  indicator.Indicator // not with Listed
	// First and Last are when it was seen first and last.
	First, Last time.Time
	// Count is how often it was seen; 0 counts as 1.
	Count int64
	// Verdict and Confidence (percent, 0: not said) belong to Listed.
	Verdict    source.Verdict
	Confidence uint8
}

// Check says why a fact cannot be one. It cleans the texts in it (references,
// antivirus names) of what does not belong on a line.
func (f *Fact) Check() error {
	if f.Object.Type == indicator.Antivirus || f.Object.Type == indicator.None {
		f.Object.Value = clean(f.Object.Value)
	}
	if f.Subject.Type == indicator.Antivirus {
		f.Subject.Value = clean(f.Subject.Value)
	}
	of := func(t indicator.Type, want ...indicator.Type) bool {
		for _, w := range want {
			if t == w {
				return true
			}
		}
		return false
	}
	s, o := f.Subject.Type, f.Object.Type
	ok := false
	switch f.Kind {
	case Listed:
		ok = f.Object == indicator.Indicator{}
	case Resolution:
		ok = s == indicator.Domain && o == indicator.IP || s == indicator.IP && o == indicator.Domain
	case Contacted:
		ok = s == indicator.Hash && of(o, indicator.Domain, indicator.IP)
	case Registrant:
		ok = s == indicator.Domain && o == indicator.Email
	case Subdomain:
		ok = s == indicator.Domain && o == indicator.Domain && f.Subject != f.Object
	case Detection:
		ok = s == indicator.Hash && o == indicator.Antivirus
	case Reference:
		ok = o == indicator.None
	case Alias:
		ok = s == indicator.Hash && o == indicator.Hash && f.Subject != f.Object
	}
	switch {
	case !ok:
		return errFact
	case s == indicator.None || f.Subject.Value == "" || f.Kind != Listed && f.Object.Value == "":
		return errors.New("a fact without a value")
	case len(f.Subject.Value) > indicator.MaxLen || len(f.Object.Value) > indicator.MaxLen:
		return errors.New("a value is longer than 2,048 bytes")
	}
	return nil
}

var errFact = errors.New("the kind of the fact does not fit the types of its values")

// Errors that callers branch on with errors.Is.
var (
	// ErrNewerSchema: the database was written by a later version.
	ErrNewerSchema = errors.New("the database was written by a newer version: update tclookup")
	// ErrNetworkFS: the directory is on a network file system.
	ErrNetworkFS = errors.New("a network file system cannot be shared safely: choose a directory on a local disk, or use PostgreSQL")
	// ErrForeign: the file is no database of local intelligence.
	ErrForeign = errors.New("not a database of local intelligence")
	// ErrMissing: there is no database yet.
	ErrMissing = errors.New("no local intelligence yet: tclookup feed import and tclookup learn make it")
	// ErrNoFeed: no generation of that name or number can be seen or taken back.
	ErrNoFeed = errors.New("no such feed")
)
