package lookup

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/internal/splunkapp"
)

// FuzzAnswer: a table comes back with as many lines, and its other cells as
// they were, or there is an error.
func FuzzAnswer(f *testing.F) {
	f.Add("domain,tc_status\n\"a\"\"b\",\nexample.com,old\n", "x")
	f.Add("value,domain,tc_verdict,tc_x\n,,,\n\xff,\"\n\",,\n", "\r")
	f.Add("domain\n", "")
	f.Fuzz(func(t *testing.T, table, more string) {
		none := func(string) string { return "" }
		p := splunkapp.Place{Environ: []string{"TCLOOKUP_CACHE_DISK=false"}, Getenv: none}
		r := &run{place: p, inputs: []string{"domain", "value"}, run: &splunkapp.Run{Place: p}}
		var out bytes.Buffer
		in := table + more
		if err := r.answer(t.Context(), strings.NewReader(in), &out); err != nil {
			return
		}
		if !strings.Contains(in, "tc_") && out.String() != in {
			t.Fatalf("%q became %q", in, out.String())
		}
		head, _, _ := strings.Cut(in, "\n")
		if got, _, _ := strings.Cut(out.String(), "\n"); !strings.Contains(head, `"`) && got != head {
			t.Fatalf("the header %q became %q", head, got)
		}
	})
}
