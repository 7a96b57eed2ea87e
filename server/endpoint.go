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

// MaxQuery is the longest query string that is read, in bytes: the longest
// value with each byte percent-encoded, and room for other parameters.
const MaxQuery = 8192

// endpoint is one of the five reports.
type endpoint struct {
	name  string // its path below Root, without the slash at the end
	kind  indicator.Type
	param string // the parameter that holds the indicator
	page  string // the page of the original service that a permalink leads to
}

var endpoints = [...]endpoint{
	{"domain/report", indicator.Domain, "domain", "domain.php?domain="},
	{"ip/report", indicator.IP, "ip", "ip.php?ip="},
	{"email/report", indicator.Email, "email", "email.php?email="},
	{"antivirus/report", indicator.Antivirus, "antivirus", "listMalware.php?antivirus="},
	{"file/report", indicator.Hash, "resource", "malware.php?md5="},
}

// endpointOf returns the endpoint of a request path, which may lack the slash
// at its end.
func endpointOf(path string) (endpoint, bool) {
	name, ok := strings.CutPrefix(path, Root)
	if !ok {
		return endpoint{}, false
	}
	name = strings.TrimSuffix(name, "/")
	for _, e := range endpoints {
		if e.name == name {
			return e, true
		}
	}
	return endpoint{}, false
}

// Parameter returns the value of a query parameter the way PHP reads it: only
// & separates, the last of several counts, and a broken percent sequence
// stands for itself.
func Parameter(query, name string) string {
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

// Question is what a request to one of the five endpoints asks for.
type Question struct {
	// Kind is the kind of report.
	Kind indicator.Type
	// Indicator is what is asked about, in the form that Store describes. Its
	// type is None when the value can be no indicator of the kind: the answer
	// is NotFound then.
	Indicator indicator.Indicator
}

// Parse reads a request's path and its query. It is false for a path that is
// none of the endpoints.
func Parse(path, query string) (Question, bool) {
	end, ok := endpointOf(path)
	if !ok {
		return Question{}, false
	}
	ind, _ := canonical(end.kind, Parameter(query, end.param))
	return Question{end.kind, ind}, true
}

// Permalink returns the page about an indicator below base, which ends in a
// slash, as the original service named it. A file's page goes by its MD5.
func Permalink(base string, ind indicator.Indicator) string {
	for _, e := range endpoints {
		if e.kind == ind.Type {
			return permalink(base, e.page, ind.Value)
		}
	}
	return ""
}

// Canonical returns the indicator of a kind that a value stands for, in the
// form that Store describes; false means that it can stand for none.
func Canonical(kind indicator.Type, value string) (indicator.Indicator, bool) {
	return canonical(kind, value)
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
