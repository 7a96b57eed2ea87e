package threatcrowd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// ErrNotFound is the error of an answer which says that nothing is known.
var ErrNotFound = errors.New("nothing known")

// errOverload is the error of the service's database: "Too many connections",
// sent with status 200.
var errOverload = fmt.Errorf("%w: the server's database is overloaded", source.ErrUnavailable)

var errNoObject = errors.New("not a JSON object")

// The members of an answer that are read.
const (
	kCode = iota
	kResolutions
	kHashes
	kEmails
	kSubdomains
	kDomains
	kIPs
	kScans
	kReferences
	kMD5
	kSHA1
	kVotes
	kPermalink
	kCount
)

var keyNames = map[string]int{
	"response_code": kCode, "resolutions": kResolutions, "hashes": kHashes, "emails": kEmails,
	"subdomains": kSubdomains, "domains": kDomains, "ips": kIPs, "scans": kScans,
	"references": kReferences, "md5": kMD5, "sha1": kSHA1, "votes": kVotes, "permalink": kPermalink,
}

// Decode reads the body of an answer. It is pure. The error is ErrNotFound
// when the answer says that nothing is known, source.ErrMalformed when it is
// not an answer of this API, and source.ErrUnavailable when it is the
// service's text for an overloaded database.
//
// Of members that occur more than once the last counts, as PHP and Python
// read them. The report's texts may share memory with each other, not with
// raw.
func Decode(ind indicator.Indicator, raw []byte) (*source.Report, error) {
	s := strings.TrimPrefix(string(raw), "\ufeff")
	p := scanner{s: s}
	if p.peek() == 0 && p.i == len(s) {
		return nil, ErrNotFound
	}
	var members [kCount]string // the text of each value, empty when missing
	err := errNoObject
	if p.peek() == '{' {
		err = p.object(0, func(key, value string) {
			if k, ok := keyNames[key]; ok {
				members[k] = value
			}
		})
		switch p.space(); {
		case err != nil:
			err = fmt.Errorf("%w at byte %d", err, p.i)
		case p.i != len(s):
			err = errors.New("something follows the JSON object")
		}
	}
	found := false
	if err == nil {
		found, err = responseCode(members[kCode])
	}
	switch {
	case err != nil && overloaded(s):
		return nil, errOverload
	case err != nil:
		return nil, fmt.Errorf("%w: %w", source.ErrMalformed, err)
	case !found:
		return nil, ErrNotFound
	}
	return report(ind.Type, &members), nil
}

// overloaded looks for the words in the beginning of a body.
func overloaded(s string) bool {
	return strings.Contains(strings.ToLower(s[:min(len(s), 4096)]), "too many connections")
}

// responseCode reads the member response_code: a string, number or boolean.
// Only 1 and 200 are "found", only 0 is "not found".
func responseCode(v string) (found bool, err error) {
	if v == "" {
		return false, errors.New("no response_code: not an answer of this API")
	}
	text := v
	switch v[0] {
	case '"':
		text = trim(unquote(v))
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	switch n, ok := parseNumber(text); {
	case ok && (n == 1 || n == 200):
		return true, nil
	case ok && n == 0:
		return false, nil
	}
	return false, fmt.Errorf("unknown response_code %.40q", cleanText(v))
}

func report(t indicator.Type, m *[kCount]string) *source.Report {
	d := decoder{r: new(source.Report)}
	r := d.r
	r.Resolutions = d.resolutions(m[kResolutions], t)
	r.Hashes = d.list(m[kHashes], cleanLower)
	r.Emails = d.list(m[kEmails], cleanLower)
	r.Subdomains = d.list(m[kSubdomains], cleanLower)
	r.Domains = d.list(m[kDomains], cleanLower)
	r.IPs = d.list(m[kIPs], cleanAddress)
	r.Scans = d.list(m[kScans], cleanText)
	r.References = d.list(m[kReferences], cleanText)
	r.MD5 = text(m[kMD5], cleanLower)
	r.SHA1 = text(m[kSHA1], cleanLower)
	r.Permalink = text(m[kPermalink], cleanURL)
	if r.Votes, r.HasVotes = votes(m[kVotes]); r.HasVotes {
		switch r.Votes {
		case -1:
			r.Verdict = source.Malicious
		case 1:
			r.Verdict = source.Harmless
		}
	}
	if len(r.Resolutions) > 0 {
		r.LastSeen = r.Resolutions[0].LastSeen
	}
	r.Related = uint32(len(r.Resolutions) + len(r.Hashes) + len(r.Emails) + len(r.Subdomains) +
		len(r.Domains) + len(r.IPs) + len(r.Scans))
	return r
}

// text reads a string; any other value is empty.
func text(v string, clean func(string) string) string {
	if !isString(v) {
		return ""
	}
	return clean(unquote(v))
}

// votes reads a number, bare or as a string. Outside -1 to 1 its sign counts.
func votes(v string) (n int8, ok bool) {
	if isString(v) {
		v = trim(unquote(v))
	}
	switch f, ok := parseNumber(v); {
	case !ok:
		return 0, false
	case f < 0:
		return -1, true
	case f > 0:
		return 1, true
	}
	return 0, true
}

// parseNumber reads a number as JSON writes it, or with a plus sign. One out
// of range is infinite or zero.
func parseNumber(s string) (float64, bool) {
	s = strings.TrimPrefix(s, "+")
	p := scanner{s: s}
	if p.number() != nil || p.i != len(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}
