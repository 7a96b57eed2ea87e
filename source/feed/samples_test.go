package feed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tclookup/tclookup/source/local"
)

// TestRecordings reads what the services really sent: the number of records
// (read, bad, passed over) and of facts by their kind.
func TestRecordings(t *testing.T) {
	const dir = "../../../shared/data"
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no recordings at " + dir)
	}
	for _, tt := range []struct{ file, want string }{
		{"successors/abusech/threatfox_export_recent_excerpt.csv", "2 0 0 map[detection:1 listed:2]"},
		{"successors/misp/event_57c4445b.json", "9 0 6 map[listed:3]"},
		{"successors/misp/event_intelmq.json", "2 0 1 map[listed:1]"},
		{"successors/stix/indicator-for-c2-ip-address.json", "1 0 0 map[listed:1]"},
		{"successors/stix/indicator-to-campaign-relationship.json", "3 0 1 map[listed:1]"},
		{"successors/stix/infrastructure.json", "10 0 2 map[listed:2]"},
		{"successors/stix/malicious-email-indicator-with-attachment.json", "6 0 4 map[]"},
		{"successors/stix/stix2_bundle_pymisp.json", "3 0 2 map[listed:1]"},
		{"threatcrowd/antivirus_plugx_2015.json", "1 0 0 map[detection:50 listed:1]"},
		{"threatcrowd/domain_aoldaily.com_2020.json", "1 0 0 map[listed:1 reference:2 registrant:2 resolution:34 subdomain:30]"},
		{"threatcrowd/email_william19770319@yahoo.com_2015.json", "1 0 0 map[listed:1 registrant:4]"},
		{"threatcrowd/feed_domains_2021_excerpt.txt", "12 0 0 map[listed:12]"},
		{"threatcrowd/feed_ips_2018_firehol.ipset", "6431 0 0 map[listed:6431]"},
		{"threatcrowd/file_31d0e421894004393c48de1769744687.json", "1 0 0 map[alias:1 contacted:3 detection:13 listed:1]"},
		{"threatcrowd/ip_188.40.75.132_2015.json", "1 0 0 map[contacted:36 listed:1 resolution:17]"},
		{"threatcrowd/notfound_response_code_0.json", "1 0 1 map[]"},
	} {
		t.Run(filepath.Base(tt.file), func(t *testing.T) {
			kinds := map[local.Kind]int{}
			c, err := Read(t.Context(), file(filepath.Join(dir, tt.file)), options(t), func(f local.Fact) error { kinds[f.Kind]++; return nil })
			named := map[string]int{}
			for k, n := range kinds {
				named[k.String()] = n
			}
			if got := fmt.Sprintf("%d %d %d %v", c.Records, c.Bad, c.Passed, named); got != tt.want || err != nil {
				t.Errorf("got %s, want %s; %v", got, tt.want, err)
			}
		})
	}
	for _, name := range []string{"error_503.html", "malformed_elided_documentation.txt", "malformed_no_response_code.json", "malformed_wrong_shape.json", "notfound_empty_body.txt"} {
		if _, err := Read(t.Context(), file(filepath.Join(dir, "threatcrowd", name)), options(t), func(local.Fact) error { return nil }); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
