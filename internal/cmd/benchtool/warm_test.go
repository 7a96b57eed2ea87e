package main

import (
	"strings"
	"testing"
)

// BenchmarkWarm runs each path over 50,000 rows in this process: for profiles
// and for benchstat.
func BenchmarkWarm(b *testing.B) {
	paths, err := warmPaths(50_000)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range paths {
		b.Run(strings.ReplaceAll(strings.ReplaceAll(p.name, ",", ""), " ", "-"), func(b *testing.B) {
			if err := p.step(); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(p.bytes)
			b.ReportAllocs()
			for b.Loop() {
				if err := p.step(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(50_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
