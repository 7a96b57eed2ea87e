package config

import "testing"

// A typical start inside Splunk: default and local file, some variables.
func typical(tb testing.TB) Options {
	return Options{
		Files: []string{
			write(tb, "[tclookup]\nmode = live\nmax_wait = 30s\noutput = summary\n[cache]\nttl_found = 24h\nttl_not_found = 6h\nmax_disk = 1GiB\n[exclude]\ndefaults = true\n[source:threatcrowd]\nrate = 6/m\nburst = 5\n"),
			write(tb, "[tclookup]\nmax_wait = 1m\n[exclude]\ncidr = 198.51.100.0/24, 203.0.113.0/24\nsuffix = corp.example\n[source:threatcrowd]\nbase_url = https://tc.example.com\n"),
		},
		Environ: []string{"HOME=/home/u", "PATH=/bin", "SPLUNK_HOME=/opt/splunk", "TCLOOKUP_SOURCE_THREATCROWD_RATE=1/s"},
	}
}

func BenchmarkLoad(b *testing.B) {
	o := typical(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseFile(b *testing.B) {
	data := []byte(everything)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		ParseFile("f", data)
	}
}

// The cost of a start is bounded by allocations, which unlike time do not
// depend on the machine.
func TestLoadAllocations(t *testing.T) {
	o := typical(t)
	allocs := testing.AllocsPerRun(20, func() {
		if _, err := Load(o); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 150 {
		t.Errorf("%.0f allocations in a typical start", allocs)
	}
}
