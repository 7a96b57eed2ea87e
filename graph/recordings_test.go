package graph

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source/threatcrowd"
)

// TestRecordings draws and writes what the original service really sent.
func TestRecordings(t *testing.T) {
	const dir = "../../shared/data/threatcrowd"
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no recorded answers at " + dir)
	}
	for file, ind := range map[string]indicator.Indicator{
		"domain_aoldaily.com_2015.json":              domain("aoldaily.com"),
		"domain_aoldaily.com_2020.json":              domain("aoldaily.com"),
		"domain_abc.com_2022.json":                   domain("abc.com"),
		"ip_188.40.75.132_2015.json":                 {Type: indicator.IP, Value: "188.40.75.132"},
		"email_william19770319@yahoo.com_2015.json":  {Type: indicator.Email, Value: "william19770319@yahoo.com"},
		"antivirus_plugx_2015.json":                  {Type: indicator.Antivirus, Value: "plugx"},
		"file_31d0e421894004393c48de1769744687.json": {Type: indicator.Hash, Value: "31d0e421894004393c48de1769744687"},
	} {
		t.Run(file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			r, err := threatcrowd.Decode(ind, raw)
			if err != nil {
				t.Fatal(err)
			}
			g := FromReport(context.Background(), ind, r, "threatcrowd", Options{List: -1, MaxNodes: 5000, MaxEdges: 5000})
			checkFormats(t, g, ind.Value)
			if want := int(r.Related) + len(r.References); g.Truncated || len(g.Edges) < want*9/10 || want == 0 {
				t.Errorf("%d relations of %d", len(g.Edges), want)
			}
		})
	}
}
