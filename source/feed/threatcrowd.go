package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source/local"
	"github.com/tclookup/tclookup/source/threatcrowd"
)

// threatcrowd reads a report of ThreatCrowd's API v2. What it is about stands
// in its permalink.
func (r *reading) threatcrowd(raw json.RawMessage) error {
	if len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		for _, one := range list {
			if err := r.threatcrowd(one); err != nil {
				return err
			}
		}
		return nil
	}
	r.counts.Records++
	place := fmt.Sprintf("report %d", r.counts.Records)
	var top struct{ Permalink string }
	// Decode says what is wrong with the rest.
	_ = json.Unmarshal(raw, &top)
	ind, err := r.subject(top.Permalink)
	if err != nil {
		if _, err := threatcrowd.Decode(indicator.Indicator{Type: indicator.Domain}, raw); errors.Is(err, threatcrowd.ErrNotFound) {
			r.counts.Passed++
			return nil
		}
		r.bad(0, place, err.Error())
		return r.err
	}
	rep, err := threatcrowd.Decode(ind, raw)
	if errors.Is(err, threatcrowd.ErrNotFound) {
		r.counts.Passed++
		return nil
	}
	if err != nil {
		r.bad(0, place, err.Error())
		return r.err
	}
	r.fact(local.Fact{Kind: local.Listed, Subject: ind, Last: when(rep.LastSeen), Verdict: rep.Verdict})
	rel := func(kind local.Kind, subject, object indicator.Indicator, last string) {
		if subject != object {
			r.fact(local.Fact{Kind: kind, Subject: subject, Object: object, Last: when(last)})
		}
	}
	// What the lists hold is as dirty as the service was: what is no value is
	// dropped, as it is when the report is looked up.
	value := func(s string, want indicator.Type) (indicator.Indicator, bool) {
		v, err := r.parse(s, want)
		return v, err == nil
	}
	for _, x := range rep.Resolutions {
		want := indicator.IP
		if ind.Type == indicator.IP {
			want = indicator.Domain
		}
		if v, ok := value(x.Value, want); ok {
			rel(local.Resolution, ind, v, x.LastSeen)
		}
	}
	for _, h := range rep.Hashes {
		if v, ok := value(h, indicator.Hash); ok && ind.Type == indicator.Antivirus {
			rel(local.Detection, v, ind, "")
		} else if ok {
			rel(local.Contacted, v, ind, "")
		}
	}
	for _, e := range rep.Emails {
		if v, ok := value(e, indicator.Email); ok {
			rel(local.Registrant, ind, v, "")
		}
	}
	for _, s := range rep.Subdomains {
		if v, ok := value(s, indicator.Domain); ok {
			rel(local.Subdomain, ind, v, "")
		}
	}
	for _, d := range rep.Domains {
		if v, ok := value(d, indicator.Domain); ok && ind.Type == indicator.Email {
			rel(local.Registrant, v, ind, "")
		} else if ok {
			rel(local.Contacted, ind, v, "")
		}
	}
	for _, a := range rep.IPs {
		if v, ok := value(a, indicator.IP); ok {
			rel(local.Contacted, ind, v, "")
		}
	}
	for _, s := range rep.Scans {
		if v, ok := value(s, indicator.Antivirus); ok {
			rel(local.Detection, ind, v, "")
		}
	}
	for _, h := range []string{rep.MD5, rep.SHA1} {
		if v, ok := value(h, indicator.Hash); ok && ind.Type == indicator.Hash {
			rel(local.Alias, v, ind, "")
		}
	}
	for _, l := range rep.References {
		r.fact(local.Fact{Kind: local.Reference, Subject: ind, Object: indicator.Indicator{Value: l}})
	}
	return r.err
}

// subject reads what a report is about from its permalink.
func (r *reading) subject(permalink string) (indicator.Indicator, error) {
	_, query, ok := strings.Cut(permalink, "?")
	if !ok {
		return indicator.Indicator{}, errors.New("no permalink: nothing says what the report is about")
	}
	name, value, _ := strings.Cut(query, "=")
	if v, err := url.PathUnescape(value); err == nil { // + stands for itself
		value = v
	}
	want, ok := map[string]indicator.Type{
		"domain": indicator.Domain, "ip": indicator.IP, "email": indicator.Email, "antivirus": indicator.Antivirus,
		"md5": indicator.Hash, "resource": indicator.Hash,
	}[name]
	if !ok {
		return indicator.Indicator{}, fmt.Errorf("permalink %.80q: does not say what the report is about", permalink)
	}
	return r.parse(value, want)
}
