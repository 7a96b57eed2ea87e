package demodata

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
)

// key returns what two spellings of an entity have in common. Like the
// original's, the comparison takes no notice of case.
func key(kind indicator.Type, value string) indicator.Indicator {
	v := strings.ToLower(strings.TrimSpace(value))
	switch kind {
	case indicator.IP:
		if addr, err := netip.ParseAddr(v); err == nil {
			v = addr.Unmap().String()
		}
	case indicator.Antivirus:
		v = strings.ReplaceAll(v, "*", ":")
	}
	return indicator.Indicator{Type: kind, Value: v}
}

// placeholders are objects that the service lists and that are no entities.
var placeholders = []string{"", "-", "0.0.0.0", "Error Scanning File"}

// parse builds the data set from the two tables.
func parse(entities, relations []byte) (*dataSet, error) {
	set := &dataSet{reports: map[indicator.Indicator]*server.Report{}}
	if err := eachRow("entities.csv", entities, set.addEntity); err != nil {
		return nil, err
	}
	if err := eachRow("relations.csv", relations, set.addRelation); err != nil {
		return nil, err
	}
	return set, nil
}

func (s *dataSet) addEntity(row entityRow) error {
	kind, err := indicator.ParseType(row.Type)
	if err != nil {
		return err
	}
	if kind == indicator.None {
		return fmt.Errorf("type %q: an entity needs a type of its own", row.Type)
	}
	value := string(row.Value)
	r := &server.Report{Votes: row.Votes.value, HasVotes: row.Votes.known}
	names := []string{value}
	switch {
	case value == "":
		return errors.New("an entity without a value")
	case row.Votes.known && kind != indicator.Domain && kind != indicator.IP:
		return fmt.Errorf("%s %q: only domains and addresses have votes", kind, value)
	case row.SHA1 != "" && kind != indicator.Hash:
		return fmt.Errorf("%s %q: only files have a SHA-1", kind, value)
	case kind == indicator.Domain:
		r.Subdomains = []string{}
	case kind == indicator.Hash && len(value) == 40 && row.SHA1 == "":
		r.SHA1 = value
	case kind == indicator.Hash && len(value) == 32 && len(row.SHA1) == 40:
		r.MD5, r.SHA1 = value, row.SHA1
		names = append(names, row.SHA1)
	case kind == indicator.Hash:
		return fmt.Errorf("file %q, SHA-1 %q: needs an MD5 and a SHA-1, or a SHA-1 as its value", value, row.SHA1)
	}
	for _, name := range names {
		k := key(kind, name)
		if s.reports[k] != nil {
			return fmt.Errorf("%s %q: is there already", kind, name)
		}
		s.reports[k] = r
	}
	return nil
}

// entity returns the report of an entity.
func (s *dataSet) entity(kind indicator.Type, value string) (*server.Report, error) {
	if r := s.reports[key(kind, value)]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("%s %q: is not in entities.csv", kind, value)
}

func (s *dataSet) addRelation(row relationRow) error {
	kind, err := indicator.ParseType(row.SubjectType)
	if err != nil {
		return err
	}
	subject, err := s.entity(kind, string(row.Subject))
	if err != nil {
		return err
	}
	if (row.LastSeen != "") != (row.Relation == "resolution") {
		return fmt.Errorf("relation %q with date %q: resolutions have a date, others have none", row.Relation, row.LastSeen)
	}
	object := string(row.Object)
	switch row.Relation {
	case "reference":
		subject.References = append(subject.References, object)
		return nil
	case "subdomain":
		if kind != indicator.Domain {
			return fmt.Errorf("type %s: only domains have subdomains", kind)
		}
		subject.Subdomains = append(subject.Subdomains, object)
		return nil
	case "resolution":
		return s.addResolution(kind, subject, row)
	}
	ours, other, theirs := listsOf(kind, subject, row.Relation)
	if ours == nil {
		return fmt.Errorf("type %s: has no relation %q", kind, row.Relation)
	}
	if other == indicator.Hash {
		file, err := s.entity(other, object)
		if err != nil {
			return err
		}
		*ours = append(*ours, file.MD5)
		addOnce(theirs(file), kind, string(row.Subject))
		return nil
	}
	*ours = append(*ours, object)
	if slices.Contains(placeholders, object) {
		return nil
	}
	to, err := s.entity(other, object)
	if err != nil {
		return err
	}
	self := string(row.Subject)
	if kind == indicator.Hash {
		self = subject.MD5
	}
	addOnce(theirs(to), kind, self)
	return nil
}

// listsOf returns where a relation stands in the subject's report, the kind of
// its objects, and where it stands in an object's report; nil when a subject
// of that kind does not have it.
func listsOf(kind indicator.Type, r *server.Report, relation string) (ours *[]string, other indicator.Type, theirs func(*server.Report) *[]string) {
	hashes := func(r *server.Report) *[]string { return &r.Hashes }
	domains := func(r *server.Report) *[]string { return &r.Domains }
	switch kind.String() + " " + relation {
	case "domain email":
		return &r.Emails, indicator.Email, domains
	case "domain hash":
		return &r.Hashes, indicator.Hash, domains
	case "ip hash":
		return &r.Hashes, indicator.Hash, func(r *server.Report) *[]string { return &r.IPs }
	case "antivirus hash":
		return &r.Hashes, indicator.Hash, func(r *server.Report) *[]string { return &r.Scans }
	case "hash domain":
		return &r.Domains, indicator.Domain, hashes
	case "hash ip":
		return &r.IPs, indicator.IP, hashes
	case "hash scan":
		return &r.Scans, indicator.Antivirus, hashes
	}
	return nil, indicator.None, nil
}

func addOnce(list *[]string, kind indicator.Type, value string) {
	k := key(kind, value)
	if !slices.ContainsFunc(*list, func(v string) bool { return key(kind, v) == k }) {
		*list = append(*list, value)
	}
}

func (s *dataSet) addResolution(kind indicator.Type, subject *server.Report, row relationRow) error {
	var other indicator.Type
	switch kind {
	case indicator.Domain:
		other = indicator.IP
	case indicator.IP:
		other = indicator.Domain
	default:
		return fmt.Errorf("type %s: only domains and addresses have resolutions", kind)
	}
	date, object := string(row.LastSeen), string(row.Object)
	subject.Resolutions = append(subject.Resolutions, server.Resolution{LastResolved: date, Value: object})
	if slices.Contains(placeholders, object) {
		return nil
	}
	to, err := s.entity(other, object)
	if err != nil {
		return err
	}
	back := server.Resolution{LastResolved: date, Value: string(row.Subject)}
	if !slices.Contains(to.Resolutions, back) {
		to.Resolutions = append(to.Resolutions, back)
	}
	return nil
}
