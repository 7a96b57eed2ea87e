package source

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/tclookup/tclookup/indicator"
)

// AppendJSON appends the report as one canonical JSON object: the output
// field json. Keys come in a fixed order, and those without a value are left
// out, but for indicator, verdict and related. The text is valid UTF-8
// without line breaks; bytes that are no UTF-8 become U+FFFD, and control
// characters are escaped. It never fails.
func (r *Report) AppendJSON(dst []byte, ind indicator.Indicator, source string) []byte {
	dst = append(dst, `{"indicator":`...)
	dst = appendString(dst, ind.Value)
	dst = appendText(dst, "type", ind.Type.String())
	dst = appendText(dst, "source", source)
	dst = appendText(dst, "verdict", r.Verdict.String())
	if r.HasVotes {
		dst = append(dst, `,"votes":`...)
		dst = strconv.AppendInt(dst, int64(r.Votes), 10)
	}
	dst = append(dst, `,"related":`...)
	dst = strconv.AppendUint(dst, uint64(r.Related), 10)
	dst = appendText(dst, "last_seen", r.LastSeen)
	dst = appendResolutions(dst, r.Resolutions)
	dst = appendList(dst, "hashes", r.Hashes)
	dst = appendList(dst, "emails", r.Emails)
	dst = appendList(dst, "subdomains", r.Subdomains)
	dst = appendList(dst, "domains", r.Domains)
	dst = appendList(dst, "ips", r.IPs)
	dst = appendList(dst, "scans", r.Scans)
	dst = appendList(dst, "references", r.References)
	dst = appendText(dst, "md5", r.MD5)
	dst = appendText(dst, "sha1", r.SHA1)
	dst = appendText(dst, "permalink", r.Permalink)
	return append(dst, '}')
}

// ParseJSON reads a report that AppendJSON wrote. The error is ErrMalformed
// when it is none.
func ParseJSON(raw []byte) (*Report, error) {
	var v struct {
		Verdict                                                     string
		Votes                                                       *int8
		Related                                                     uint32
		LastSeen                                                    string `json:"last_seen"`
		Permalink                                                   string
		Resolutions                                                 []Resolution
		Hashes, Emails, Subdomains, Domains, IPs, Scans, References []string
		MD5, SHA1                                                   string
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r := &Report{
		Summary:     Summary{Related: v.Related, LastSeen: v.LastSeen, Permalink: v.Permalink},
		Resolutions: v.Resolutions, Hashes: v.Hashes, Emails: v.Emails, Subdomains: v.Subdomains, Domains: v.Domains,
		IPs: v.IPs, Scans: v.Scans, References: v.References, MD5: v.MD5, SHA1: v.SHA1,
	}
	for _, verdict := range []Verdict{Harmless, Suspicious, Malicious} {
		if v.Verdict == verdict.String() {
			r.Verdict = verdict
		}
	}
	if v.Votes != nil {
		r.HasVotes, r.Votes = true, *v.Votes
	}
	return r, nil
}

func appendKey(dst []byte, key string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	return append(dst, '"', ':')
}

func appendText(dst []byte, key, s string) []byte {
	if s == "" {
		return dst
	}
	return appendString(appendKey(dst, key), s)
}

func appendList(dst []byte, key string, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(appendKey(dst, key), '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

func appendResolutions(dst []byte, list []Resolution) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(appendKey(dst, "resolutions"), '[')
	for i, r := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"value":`...)
		dst = appendString(dst, r.Value)
		dst = appendText(dst, "last_seen", r.LastSeen)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendString appends a JSON string (RFC 8259, section 7). Besides what must
// be escaped it escapes DEL, the C1 controls and U+2028 and U+2029.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0 // of what is copied as it is
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = appendEscape(dst, rune(c))
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(append(dst, s[start:i]...), "\ufffd"...)
			start = i + n
		case r < 0xa0, r == '\u2028', r == '\u2029':
			dst = appendEscape(append(dst, s[start:i]...), r)
			start = i + n
		}
		i += n
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
