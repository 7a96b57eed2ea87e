package server

import (
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// unknownDate is how the original wrote a date that is not known.
const unknownDate = "0000-00-00"

// FromReport returns the report of a source about an indicator of type kind as
// the original service would have sent it: keys that it always had since 2016
// are there, unknown dates are 0000-00-00. It shares the lists of r. The
// permalink is left to whoever sends it: that of the source leads to another
// service.
func FromReport(kind indicator.Type, r *source.Report) *Report {
	out := &Report{
		Hashes: r.Hashes, Emails: r.Emails, Subdomains: r.Subdomains, Domains: r.Domains, IPs: r.IPs, Scans: r.Scans,
		MD5: r.MD5, SHA1: r.SHA1, References: r.References,
	}
	if kind == indicator.Domain && out.Subdomains == nil {
		out.Subdomains = []string{}
	}
	if kind == indicator.Domain || kind == indicator.IP {
		out.Votes, out.HasVotes = r.Votes, true
	}
	if len(r.Resolutions) > 0 {
		out.Resolutions = make([]Resolution, len(r.Resolutions))
		for i, x := range r.Resolutions {
			out.Resolutions[i] = Resolution{LastResolved: x.LastSeen, Value: x.Value}
			if x.LastSeen == "" {
				out.Resolutions[i].LastResolved = unknownDate
			}
		}
	}
	return out
}
