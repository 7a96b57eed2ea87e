package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
)

// stixObject has the properties that are read of the objects of STIX 2.1, and
// of 2.0, where observed data holds its objects inside.
type stixObject struct {
	Type          string                `json:"type"`
	ID            string                `json:"id"`
	Created       string                `json:"created"`
	Modified      string                `json:"modified"`
	Revoked       truth                 `json:"revoked"`
	Confidence    number                `json:"confidence"`
	References    many[stixReference]   `json:"external_references"`
	Labels        many[string]          `json:"labels"`
	Pattern       string                `json:"pattern"`
	PatternType   string                `json:"pattern_type"`
	Indicates     many[string]          `json:"indicator_types"`
	ValidFrom     string                `json:"valid_from"`
	ValidUntil    string                `json:"valid_until"`
	Name          string                `json:"name"`
	Value         string                `json:"value"`
	Hashes        map[string]string     `json:"hashes"`
	ResolvesTo    many[string]          `json:"resolves_to_refs"`
	Samples       many[string]          `json:"sample_refs"`
	Objects       map[string]stixObject `json:"objects"` // of observed data in 2.0
	FirstObserved string                `json:"first_observed"`
	LastObserved  string                `json:"last_observed"`
	Relationship  string                `json:"relationship_type"`
	Source        string                `json:"source_ref"`
	Target        string                `json:"target_ref"`
}

type stixReference struct {
	URL string `json:"url"`
}

// stixBundle is what a text has been read into before its relations are.
type stixBundle struct {
	values map[string][]indicator.Indicator // by the id of an object or of an indicator
	names  map[string]string                // of malware, by id
}

// stix reads a bundle, an envelope of TAXII, a list of objects or one object.
func (r *reading) stix(raw json.RawMessage) error {
	var objects []json.RawMessage
	if len(raw) > 0 && raw[0] == '[' {
		if err := json.Unmarshal(raw, &objects); err != nil {
			return err
		}
	} else {
		var top struct {
			Type    string
			Objects json.RawMessage
		}
		if err := json.Unmarshal(raw, &top); err != nil {
			return fmt.Errorf("not a STIX bundle: %w", err)
		}
		switch {
		case top.Type != "" && top.Type != "bundle":
			objects = []json.RawMessage{raw}
		case len(top.Objects) > 0:
			if err := json.Unmarshal(top.Objects, &objects); err != nil {
				return fmt.Errorf("not a STIX bundle: objects: %w", err)
			}
		case top.Type != "bundle":
			return errors.New("not a STIX bundle: it has no objects")
		}
	}
	b := &stixBundle{map[string][]indicator.Indicator{}, map[string]string{}}
	var relations []stixObject
	for i, one := range objects {
		if r.ended() != nil {
			return r.err
		}
		r.counts.Records++
		place := fmt.Sprintf("object %d", i+1)
		var o stixObject
		if err := json.Unmarshal(one, &o); err != nil {
			r.bad(0, place, err.Error())
			continue
		}
		if o.ID != "" {
			place += fmt.Sprintf(" (%.80s)", o.ID)
		}
		used, err := r.stixObject(b, &o)
		switch {
		case err != nil:
			r.bad(0, place, err.Error())
			continue
		case len(o.ResolvesTo) > 0 || len(o.Samples) > 0 || o.Type == "relationship":
			relations = append(relations, o)
		case !used:
			r.counts.Passed++
		}
	}
	for i := range relations {
		r.stixRelation(b, &relations[i])
	}
	return r.err
}

// stixObject takes an object; used is false when it says nothing of use on its
// own.
func (r *reading) stixObject(b *stixBundle, o *stixObject) (used bool, err error) {
	if o.Revoked {
		return false, nil
	}
	switch o.Type {
	case "indicator":
		return r.stixIndicator(b, o)
	case "malware", "tool":
		b.names[o.ID] = o.Name
		return true, nil
	case "observed-data":
		inner := &stixBundle{map[string][]indicator.Indicator{}, map[string]string{}}
		for _, key := range sorted(o.Objects) {
			s := o.Objects[key]
			s.ID, s.Created, s.Modified = key, o.FirstObserved, o.LastObserved
			if _, err := r.stixObservable(inner, &s); err != nil {
				return false, err
			}
		}
		for _, key := range sorted(o.Objects) {
			s := o.Objects[key]
			s.ID, s.Created, s.Modified = key, o.FirstObserved, o.LastObserved
			r.stixRelation(inner, &s)
			b.values[o.ID] = append(b.values[o.ID], inner.values[key]...)
		}
		return len(inner.values) > 0, nil
	}
	return r.stixObservable(b, o)
}

func sorted[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// stixIndicator takes the values that a pattern looks for.
func (r *reading) stixIndicator(b *stixBundle, o *stixObject) (used bool, err error) {
	if o.PatternType != "" && o.PatternType != "stix" {
		return false, nil // for other programs
	}
	if t := when(o.ValidUntil); !t.IsZero() && t.Before(r.now()) {
		return false, nil
	}
	values, _, err := pattern(o.Pattern)
	if err != nil {
		return false, err
	}
	confidence, err := percent(string(o.Confidence))
	if err != nil {
		return false, err
	}
	listed := local.Fact{Kind: local.Listed, First: when(o.ValidFrom), Last: later(o.ValidFrom, o.Modified), Confidence: confidence, Verdict: o.verdict()}
	for _, n := range values {
		for i, v := range n.values {
			ind, err := r.parse(v, n.want)
			if err != nil {
				return false, err
			}
			f := listed
			f.Subject = ind
			if n.want == indicator.None && f.Verdict == source.Malicious { // a URL on a host
				f.Verdict = source.Suspicious
			}
			r.fact(f)
			for _, ref := range o.References {
				r.reference(ind, ref.URL)
			}
			b.values[o.ID] = append(b.values[o.ID], ind)
			if i > 0 {
				if first, err := r.parse(n.values[0], n.want); err == nil {
					r.alias(ind, first)
				}
			}
			used = true
		}
	}
	return used, nil
}

// verdict is what an indicator says of its values.
func (o *stixObject) verdict() source.Verdict {
	best := source.Unknown
	for _, t := range append(o.Indicates, o.Labels...) {
		switch t {
		case "malicious-activity", "compromised", "attribution":
			return source.Malicious
		case "anomalous-activity", "anonymization":
			best = max(best, source.Suspicious)
		case "benign":
			best = max(best, source.Harmless)
		}
	}
	if best == source.Unknown { // an indicator is to be found because it is bad
		return source.Malicious
	}
	return best
}

// stixObservable takes an object that is a value, of which nothing is said.
func (r *reading) stixObservable(b *stixBundle, o *stixObject) (used bool, err error) {
	f := local.Fact{Kind: local.Listed, First: when(o.Created), Last: later(o.Created, o.Modified)}
	if o.Type == "file" || o.Type == "artifact" {
		var first indicator.Indicator
		for _, name := range sorted(o.Hashes) {
			if !hashName(name) {
				continue
			}
			ind, err := r.parse(o.Hashes[name], indicator.Hash)
			if err != nil {
				return false, err
			}
			f.Subject = ind
			r.fact(f)
			if first.Value == "" {
				first = ind
			} else {
				r.alias(ind, first)
			}
			used = true
		}
		if used {
			b.values[o.ID] = append(b.values[o.ID], first)
		}
		return used, nil
	}
	want, ok := valueType(o.Type, "value")
	if !ok {
		return false, nil
	}
	if f.Subject, err = r.parse(o.Value, want); err != nil {
		return false, err
	}
	r.fact(f)
	b.values[o.ID] = append(b.values[o.ID], f.Subject)
	return true, nil
}

func (r *reading) alias(a, b indicator.Indicator) {
	if a != b {
		r.fact(local.Fact{Kind: local.Alias, Subject: a, Object: b})
	}
}

func (r *reading) reference(ind indicator.Indicator, link string) {
	if !none(link) {
		r.fact(local.Fact{Kind: local.Reference, Subject: ind, Object: indicator.Indicator{Value: link}})
	}
}

// stixRelation takes what an object says about others.
func (r *reading) stixRelation(b *stixBundle, o *stixObject) {
	last := later(o.Created, o.Modified)
	for _, ref := range o.ResolvesTo {
		for _, d := range b.values[o.ID] {
			for _, ip := range b.values[ref] {
				r.resolution(d, ip, o)
			}
		}
	}
	for _, ref := range o.Samples {
		for _, h := range b.values[ref] {
			r.detection(h, o.Name, last)
		}
	}
	if o.Type != "relationship" || o.Revoked {
		return
	}
	for _, from := range b.values[o.Source] {
		if name := b.names[o.Target]; name != "" && o.Relationship == "indicates" {
			r.detection(from, name, last)
		}
		for _, to := range b.values[o.Target] {
			switch o.Relationship {
			case "resolves-to":
				r.resolution(from, to, o)
			case "communicates-with":
				if from.Type == indicator.Hash && (to.Type == indicator.Domain || to.Type == indicator.IP) {
					r.fact(local.Fact{Kind: local.Contacted, Subject: from, Object: to, Last: last})
				}
			}
		}
	}
}

func (r *reading) resolution(domain, ip indicator.Indicator, o *stixObject) {
	if domain.Type == indicator.Domain && ip.Type == indicator.IP {
		r.fact(local.Fact{Kind: local.Resolution, Subject: domain, Object: ip, First: when(o.Created), Last: later(o.Created, o.Modified)})
	}
}

func (r *reading) detection(h indicator.Indicator, name string, last time.Time) {
	if h.Type != indicator.Hash || strings.TrimSpace(name) == "" {
		return
	}
	if av, err := r.parse(name, indicator.Antivirus); err == nil {
		r.fact(local.Fact{Kind: local.Detection, Subject: h, Object: av, Last: last})
	}
}
