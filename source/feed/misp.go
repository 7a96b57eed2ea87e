package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
)

// The parts of MISP's core format that are read
// (https://www.misp-standard.org/rfc/misp-standard-core.html).
type mispEvent struct {
	UUID      string          `json:"uuid"`
	Date      string          `json:"date"`
	Attribute []mispAttribute `json:"Attribute"`
	Object    []mispObject    `json:"Object"`
}

type mispObject struct {
	Name      string          `json:"name"`
	Deleted   truth           `json:"deleted"`
	Attribute []mispAttribute `json:"Attribute"`
}

type mispAttribute struct {
	UUID      string `json:"uuid"`
	Type      string `json:"type"`
	Value     string `json:"value"`
	ToIDS     truth  `json:"to_ids"`
	Deleted   truth  `json:"deleted"`
	Timestamp number `json:"timestamp"`
	FirstSeen string `json:"first_seen"`
	LastSeen  string `json:"last_seen"`
	Relation  string `json:"object_relation"`
}

// misp reads an event, a list of events, or the answer of a search.
func (r *reading) misp(raw json.RawMessage) error {
	if len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		for _, one := range list {
			if err := r.misp(one); err != nil {
				return err
			}
		}
		return nil
	}
	var top struct {
		Event    *mispEvent
		Response json.RawMessage `json:"response"`
		mispEvent
	}
	if err := json.Unmarshal(raw, &top); err != nil {
		return fmt.Errorf("not a MISP event: %w", err)
	}
	switch {
	case len(top.Response) > 0:
		return r.misp(top.Response)
	case top.Event != nil:
		r.mispEvent(top.Event)
	case top.Attribute != nil || top.Object != nil:
		r.mispEvent(&top.mispEvent)
	default:
		return errors.New("neither a MISP event nor a list of attributes")
	}
	return r.err
}

func (r *reading) mispEvent(e *mispEvent) {
	for i := range e.Attribute {
		a := &e.Attribute[i]
		r.mispAttribute(e, a, fmt.Sprintf("attribute %d", i+1))
	}
	for n := range e.Object {
		o := &e.Object[n]
		if o.Deleted {
			continue
		}
		for i := range o.Attribute {
			r.mispAttribute(e, &o.Attribute[i], fmt.Sprintf("object %d, attribute %d", n+1, i+1))
		}
		r.mispObject(o)
	}
}

func (r *reading) mispAttribute(e *mispEvent, a *mispAttribute, place string) {
	r.counts.Records++
	if a.Deleted {
		r.counts.Passed++
		return
	}
	if a.Timestamp == "" {
		a.Timestamp = number(e.Date)
	}
	facts, err := a.facts(r)
	switch {
	case err != nil:
		if a.UUID != "" {
			place += " (" + a.UUID + ")"
		}
		r.bad(0, place, err.Error())
		return
	case len(facts) == 0:
		r.counts.Passed++
	}
	for _, f := range facts {
		r.fact(f)
	}
}

// mispTypes are the types of attributes that name an indicator.
var mispTypes = map[string]indicator.Type{
	"domain": indicator.Domain, "hostname": indicator.Domain, "ip-src": indicator.IP, "ip-dst": indicator.IP,
	"email": indicator.Email, "email-src": indicator.Email, "email-dst": indicator.Email, "email-reply-to": indicator.Email,
	"whois-registrant-email": indicator.Email, "target-email": indicator.Email, "dns-soa-email": indicator.Email,
	"md5": indicator.Hash, "sha1": indicator.Hash, "sha256": indicator.Hash, "sha512": indicator.Hash,
	"url": indicator.None, "uri": indicator.None,
	"domain|ip": indicator.Domain, "ip-src|port": indicator.IP, "ip-dst|port": indicator.IP, "hostname|port": indicator.Domain,
	"filename|md5": indicator.Hash, "filename|sha1": indicator.Hash, "filename|sha256": indicator.Hash, "filename|sha512": indicator.Hash,
}

// facts returns the facts of an attribute; nothing when its type names no
// indicator. Without to_ids it is context, not a judgement.
func (a *mispAttribute) facts(r *reading) ([]local.Fact, error) {
	want, ok := mispTypes[a.Type]
	if !ok {
		return nil, nil
	}
	value, second, composite := strings.Cut(a.Value, "|")
	kind, _, is := strings.Cut(a.Type, "|")
	if is != composite && is {
		return nil, fmt.Errorf("%.80q: the type %s has two parts, divided by |", a.Value, a.Type)
	}
	if !is {
		value = a.Value
	}
	if kind == "filename" {
		value = second
	}
	listed := local.Fact{Kind: local.Listed, First: when(a.FirstSeen), Last: later(string(a.Timestamp), a.LastSeen)}
	if a.ToIDS {
		listed.Verdict = source.Malicious
		if want == indicator.None { // a URL on a host does not make the host bad
			listed.Verdict = source.Suspicious
		}
	}
	if want == indicator.None && strings.HasPrefix(value, "/") {
		return nil, nil // a path without a host
	}
	ind, err := r.parse(value, want)
	if err != nil {
		return nil, err
	}
	listed.Subject = ind
	out := []local.Fact{listed}
	if a.Type == "domain|ip" {
		addr, err := r.parse(second, indicator.IP)
		if err != nil {
			return nil, err
		}
		other := listed
		other.Subject = addr
		out = append(out, other, local.Fact{Kind: local.Resolution, Subject: ind, Object: addr, First: listed.First, Last: listed.Last})
	}
	return out, nil
}

// mispObject gives the relations between the attributes of an object, whose
// own facts are given already.
func (r *reading) mispObject(o *mispObject) {
	var hashes, domains, ips []indicator.Indicator
	var last time.Time
	for i := range o.Attribute {
		a := &o.Attribute[i]
		want, ok := mispTypes[a.Type]
		if !ok || bool(a.Deleted) || strings.Contains(a.Type, "|") {
			continue
		}
		ind, err := r.parse(a.Value, want)
		if err != nil {
			continue // was reported
		}
		if t := later(string(a.Timestamp), a.LastSeen); t.After(last) {
			last = t
		}
		switch {
		case want == indicator.Hash:
			hashes = append(hashes, ind)
		case want == indicator.Domain:
			domains = append(domains, ind)
		case want == indicator.IP:
			ips = append(ips, ind)
		}
	}
	switch o.Name {
	case "file", "virustotal-report", "pe":
		for _, h := range hashes[min(1, len(hashes)):] {
			if h != hashes[0] {
				r.fact(local.Fact{Kind: local.Alias, Subject: h, Object: hashes[0]})
			}
		}
	case "domain-ip", "passive-dns", "dns-record":
		for _, d := range domains {
			for _, ip := range ips {
				r.fact(local.Fact{Kind: local.Resolution, Subject: d, Object: ip, Last: last})
			}
		}
	}
}
