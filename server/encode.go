package server

import (
	"strconv"
	"unicode/utf8"

	"github.com/tclookup/tclookup/indicator"
)

// NotFound is the answer about an indicator that nothing is known about.
const NotFound = `{"response_code":"0"}`

// Append appends the JSON text of a report about an indicator of type kind, in
// the bytes that the original service would have sent: its order of keys, no
// white space, strings as PHP's json_encode writes them. r.Permalink is
// written as it is. A type that the API does not know appends the not-found
// answer.
func Append(dst []byte, kind indicator.Type, r *Report) []byte {
	start := len(dst)
	dst = append(dst, `{"response_code":"1"`...)
	switch kind {
	case indicator.Domain:
		dst = appendResolutions(dst, "ip_address", r.Resolutions)
		dst = appendList(dst, "hashes", r.Hashes)
		dst = appendList(dst, "emails", r.Emails)
		if r.Subdomains != nil {
			dst = appendList(dst, "subdomains", r.Subdomains)
		}
		dst = appendList(dst, "references", r.References)
		dst = appendVotes(dst, r)
	case indicator.IP:
		dst = appendResolutions(dst, "domain", r.Resolutions)
		dst = appendList(dst, "hashes", r.Hashes)
		dst = appendList(dst, "references", r.References)
		dst = appendVotes(dst, r)
	case indicator.Email:
		dst = appendList(dst, "domains", r.Domains)
		dst = appendList(dst, "references", r.References)
	case indicator.Antivirus:
		dst = appendList(dst, "hashes", r.Hashes)
		dst = appendList(dst, "references", r.References)
	case indicator.Hash:
		dst = appendKey(dst, "md5")
		dst = appendString(dst, r.MD5)
		dst = appendKey(dst, "sha1")
		dst = appendString(dst, r.SHA1)
		dst = appendList(dst, "scans", r.Scans)
		dst = appendList(dst, "ips", r.IPs)
		dst = appendList(dst, "domains", r.Domains)
		dst = appendList(dst, "references", r.References)
	default:
		return append(dst[:start], NotFound...)
	}
	dst = appendKey(dst, "permalink")
	dst = appendString(dst, r.Permalink)
	return append(dst, '}')
}

func appendKey(dst []byte, key string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	return append(dst, '"', ':')
}

func appendList(dst []byte, key string, list []string) []byte {
	dst = append(appendKey(dst, key), '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

func appendResolutions(dst []byte, side string, list []Resolution) []byte {
	dst = append(appendKey(dst, "resolutions"), '[')
	for i, r := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"last_resolved":`...)
		dst = appendString(dst, r.LastResolved)
		dst = appendKey(dst, side)
		dst = appendString(dst, r.Value)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendVotes(dst []byte, r *Report) []byte {
	if !r.HasVotes {
		return dst
	}
	return strconv.AppendInt(appendKey(dst, "votes"), int64(r.Votes), 10)
}

// appendString appends a JSON string as PHP's json_encode writes it by
// default: the slash escaped, everything beyond ASCII as \u sequences in lower
// case hexadecimal. A byte that is no UTF-8 becomes U+FFFD, where PHP would
// have sent no body at all.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			dst = appendASCII(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r >= 0x10000 {
			dst = appendUnit(dst, 0xd800+(r-0x10000)>>10)
			dst = appendUnit(dst, 0xdc00+(r-0x10000)&0x3ff)
			continue
		}
		dst = appendUnit(dst, r)
	}
	return append(dst, '"')
}

func appendASCII(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\', '/':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c < ' ' {
		return appendUnit(dst, rune(c))
	}
	return append(dst, c)
}

// appendUnit appends one UTF-16 code unit as a \u sequence.
func appendUnit(dst []byte, u rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}
