package server

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"github.com/tclookup/tclookup/indicator"
)

// Root is the path below which the endpoints lie: the base address of a client
// is a server's address followed by Root.
const Root = "/searchApi/v2/"

// maxValue is the longest value that is looked up, in bytes; no indicator is
// longer.
const maxValue = 2048

// maxQuery is the longest query string that is read: the longest value with
// each byte percent-encoded, and room for other parameters.
const maxQuery = 8192

// endpoint is one of the five reports.
type endpoint struct {
	kind  indicator.Type
	param string // the parameter that holds the indicator
	page  string // the page of the original service that a permalink leads to
}

// endpointOf returns the endpoint of a request path, which may lack the slash
// at its end.
func endpointOf(path string) (endpoint, bool) {
	name, ok := strings.CutPrefix(path, Root)
	if !ok {
		return endpoint{}, false
	}
	switch strings.TrimSuffix(name, "/") {
	case "domain/report":
		return endpoint{indicator.Domain, "domain", "domain.php?domain="}, true
	case "ip/report":
		return endpoint{indicator.IP, "ip", "ip.php?ip="}, true
	case "email/report":
		return endpoint{indicator.Email, "email", "email.php?email="}, true
	case "antivirus/report":
		return endpoint{indicator.Antivirus, "antivirus", "listMalware.php?antivirus="}, true
	case "file/report":
		return endpoint{indicator.Hash, "resource", "malware.php?md5="}, true
	}
	return endpoint{}, false
}

// parameter returns the value of a query parameter the way PHP reads it: only
// & separates, the last of several counts, and a broken percent sequence
// stands for itself.
func parameter(query, name string) string {
	var value string
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		k, v, _ := strings.Cut(pair, "=")
		if unescape(k) == name {
			value = unescape(v)
		}
	}
	return value
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// canonical returns the indicator that a value of the given kind stands for;
// false means that it can stand for none.
func canonical(kind indicator.Type, value string) (indicator.Indicator, bool) {
	v := strings.TrimSpace(value)
	if v == "" || len(v) > maxValue {
		return indicator.Indicator{}, false
	}
	switch kind {
	case indicator.Domain:
		v = lower(strings.TrimRightFunc(v, func(r rune) bool { return r == '.' || unicode.IsSpace(r) }))
	case indicator.IP:
		addr, err := netip.ParseAddr(v)
		if err != nil || addr.Zone() != "" {
			return indicator.Indicator{}, false
		}
		v = addr.Unmap().String()
	case indicator.Email:
		at := strings.LastIndexByte(v, '@')
		if at <= 0 {
			return indicator.Indicator{}, false
		}
		v = v[:at] + lower(v[at:])
	case indicator.Hash:
		v = lower(v)
	}
	return indicator.Indicator{Type: kind, Value: v}, v != ""
}

// lower changes ASCII letters only, so that bytes that are no UTF-8 stay as
// they are.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// permalink returns the page of the original service about a value. The
// service did not percent-encode: only what would end the address or the
// parameter is encoded here, so @, : and / stand for themselves.
func permalink(base, page, value string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(base)+len(page)+len(value))
	b = append(b, base...)
	b = append(b, page...)
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"#%&+<>\\^`{|}", c) >= 0 {
			b = append(b, '%', hex[c>>4], hex[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}
