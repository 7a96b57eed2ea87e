package threatcrowd

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

const samplesDir = "../../../shared/data/threatcrowd"

// TestSamples decodes answers that the real service, or tests of its clients,
// published. For each there is what its index says of it.
func TestSamples(t *testing.T) {
	names, err := filepath.Glob(samplesDir + "/*.*")
	if err != nil || len(names) == 0 {
		t.Skip("the published samples are not here; the project does not contain them")
	}
	type want struct {
		resolutions, hashes, emails, subdomains, domains, ips, scans, references int
		votes                                                                    string
		last                                                                     string
	}
	found := map[string]want{
		"antivirus_plugx_2015.json":                                 {hashes: 50},
		"antivirus_plugx_2021.json":                                 {hashes: 5},
		"antivirus_test_xsoar-fixture.json":                         {hashes: 1},
		"domain_aoldaily.com_2015.json":                             {resolutions: 6, emails: 2, references: 2, last: "2015-05-12"},
		"domain_aoldaily.com_2016.json":                             {resolutions: 6, emails: 2, subdomains: 22, references: 2, last: "2015-05-12"},
		"domain_aoldaily.com_2020.json":                             {resolutions: 34, emails: 2, subdomains: 31, references: 2, votes: "-1", last: "2020-11-14"},
		"domain_abc.com_2022.json":                                  {resolutions: 1, subdomains: 2, votes: "0", last: "2022-05-04"},
		"ip_188.40.75.132_2015.json":                                {resolutions: 17, hashes: 36, last: "2015-10-10"},
		"ip_188.40.75.132_2016.json":                                {resolutions: 17, hashes: 36, last: "2016-01-09"},
		"ip_1.2.3.5_2021.json":                                      {resolutions: 4, votes: "0", last: "2020-12-04"},
		"domain_example_rapid7-fixture.json":                        {resolutions: 1, emails: 1, votes: "-1", last: "2020-07-24"},
		"email_test@test.com_xsoar-fixture.json":                    {domains: 2},
		"email_user@example.com_rapid7-fixture.json":                {domains: 1},
		"email_william19770319@yahoo.com_2015.json":                 {domains: 4},
		"file_31d0e421894004393c48de1769744687.json":                {scans: 13, ips: 1, domains: 2},
		"file_31d0e421894004393c48de1769744687_rapid7-fixture.json": {scans: 13, ips: 1, domains: 2},
		"file_test_md5_xsoar-fixture.json":                          {scans: 1, domains: 1},
		"ip_0.0.0.0_xsoar-fixture.json":                             {resolutions: 2, hashes: 3, votes: "-1", last: "2014-12-14"},
		"ip_127.0.0.1_mapis-dryrun.json":                            {resolutions: 2, hashes: 4, votes: "0", last: "2020-01-01"},
	}
	lost := map[string]error{
		"error_503.html":                     source.ErrMalformed,
		"error_too_many_connections.txt":     source.ErrUnavailable,
		"malformed_elided_documentation.txt": source.ErrMalformed,
		"malformed_no_response_code.json":    source.ErrMalformed,
		"malformed_not_json.txt":             source.ErrMalformed,
		"malformed_wrong_shape.json":         source.ErrMalformed,
		"notfound_empty_body.txt":            ErrNotFound,
		"notfound_response_code_0.json":      ErrNotFound,
		"feed_domains_2021_excerpt.txt":      source.ErrMalformed,
		"feed_ips_2018_firehol.ipset":        source.ErrMalformed,
		"README.md":                          source.ErrMalformed,
	}
	seen := 0
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		kind, _, _ := strings.Cut(base, "_")
		if kind == "file" {
			kind = "hash"
		}
		typ, _ := indicator.ParseType(kind)
		r, err := Decode(indicator.Indicator{Type: typ}, raw)
		if e, ok := lost[base]; ok {
			seen++
			if !errors.Is(err, e) {
				t.Errorf("%s: %v, want %v", base, err, e)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", base, err)
			continue
		}
		if r.Permalink == "" || r.Dropped != 0 || r.Related == 0 {
			t.Errorf("%s: %+v", base, r)
		}
		if all := texts(r); slices.Contains(all, "0.0.0.0") || slices.Contains(all, "-") || strings.ContainsAny(strings.Join(all, ""), "\r\n") {
			t.Errorf("%s: unclean: %q", base, all)
		}
		w, ok := found[base]
		if !ok {
			t.Errorf("%s: not expected", base)
			continue
		}
		seen++
		votes := ""
		if r.HasVotes {
			votes = map[int8]string{-1: "-1", 0: "0", 1: "1"}[r.Votes]
		}
		got := want{len(r.Resolutions), len(r.Hashes), len(r.Emails), len(r.Subdomains), len(r.Domains), len(r.IPs), len(r.Scans), len(r.References), votes, r.LastSeen}
		if got != w {
			t.Errorf("%s:\ngot  %+v\nwant %+v", base, got, w)
		}
	}
	if seen != len(found)+len(lost) {
		t.Errorf("%d of %d expected samples are there", seen, len(found)+len(lost))
	}
}
