package server

import (
	"strings"

	"github.com/tclookup/tclookup/indicator"
)

// PathV1 is the path of version 1 of the API, which answers in plain text.
const PathV1 = "/searchApi/v1/api.php"

// typesV1 are the kinds by the names that version 1 has for them.
var typesV1 = map[string]indicator.Type{
	"domain": indicator.Domain, "ip": indicator.IP, "email": indicator.Email, "antivirus": indicator.Antivirus, "md5": indicator.Hash,
}

// ParseV1 reads the query of a request to version 1: type, query and
// displayDates. The indicator's type is None when nothing can be known about
// what is asked.
func ParseV1(query string) (ind indicator.Indicator, dates bool) {
	kind, ok := typesV1[strings.ToLower(strings.TrimSpace(Parameter(query, "type")))]
	if ok {
		ind, _ = canonical(kind, Parameter(query, "query"))
	}
	switch strings.ToLower(Parameter(query, "displayDates")) {
	case "", "false", "0":
	default:
		dates = true
	}
	return ind, dates
}

// AppendV1 appends a report as version 1 had it: one finding a line,
// TYPE,value,reference, with the date behind it when dates are asked for; the
// lines are separated by \r\n, as one client splits at \r and another at \n.
// The reference is the report's permalink. Commas and line breaks in a value
// would break the line and become blanks. Nothing is appended for a report
// without findings: the original sent an empty body then.
func AppendV1(dst []byte, kind indicator.Type, r *Report, dates bool) []byte {
	start := len(dst)
	line := func(typ, value, date string) {
		value = strings.TrimSpace(clean.Replace(value))
		if value == "" || value == "-" {
			return
		}
		if len(dst) > start {
			dst = append(dst, "\r\n"...)
		}
		dst = append(dst, typ...)
		dst = append(dst, ',')
		dst = append(dst, value...)
		dst = append(dst, ',')
		dst = append(dst, clean.Replace(r.Permalink)...)
		if dates {
			dst = append(dst, ',')
			dst = append(dst, date...)
		}
	}
	list := func(typ string, values []string) {
		for _, v := range values {
			line(typ, v, "")
		}
	}
	for _, x := range r.Resolutions {
		if kind == indicator.IP {
			line("DOMAIN", x.Value, x.LastResolved)
		} else {
			line("IP", x.Value, x.LastResolved)
		}
	}
	list("DOMAIN", r.Domains)
	list("DOMAIN", r.Subdomains)
	list("IP", r.IPs)
	list("EMAIL", r.Emails)
	list("MD5", r.Hashes)
	return dst
}

var clean = strings.NewReplacer(",", " ", "\r", " ", "\n", " ")
