package local

import (
	"context"
	"fmt"
	"testing"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local/localtest"
)

// relations are n relations between n/4 domains and about n/16 addresses.
func relations(n int) func(i int) Fact {
	return func(i int) Fact {
		d := i / 4
		a := (uint32(i)*2654435761 + 1) % uint32(max(n/16, 1))
		return Fact{Kind: Resolution, Subject: domain(fmt.Sprintf("host%d.zone%d.example.com", d, d%1000)), Object: ip(fmt.Sprintf("11.%d.%d.%d", a>>16, a>>8&255, a&255)), Last: on("2025-01-02").AddDate(0, 0, i%300)}
	}
}

func fill(b *testing.B, s *Store, n int) {
	im, err := s.Begin(b.Context(), Meta{Feed: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	f := relations(n)
	for i := range n {
		if err := im.Add(b.Context(), f(i)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := im.Commit(b.Context(), Total{}); err != nil {
		b.Fatal(err)
	}
}

func openBench(b *testing.B, kind string) *Store {
	o := Options{Dir: b.TempDir()}
	if kind == "postgres" {
		o.URL = localtest.Postgres(b)
	}
	s, err := Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkImport imports a million relations; one round is enough:
// -benchtime 1x.
func BenchmarkImport(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			const n = 1_000_000
			for b.Loop() {
				fill(b, openBench(b, kind), n)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "relations/s")
		})
	}
}

// BenchmarkLookup looks single values up in 200,000 relations: the same few,
// which are ready in memory, many, which are read from the database, and
// unknown ones; and many at once.
func BenchmarkLookup(b *testing.B) {
	const n = 200_000
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			s := openBench(b, kind)
			fill(b, s, n)
			f := relations(n)
			for _, bb := range []struct {
				name string
				size int
				ind  func(i int) indicator.Indicator
			}{
				{"ready", 1, func(i int) indicator.Indicator { return f(i * 4 % 4000).Subject }},
				{"read", 1, func(i int) indicator.Indicator { return f(i * 4 * 7919 % n).Subject }},
				{"unknown", 1, func(i int) indicator.Indicator { return domain(fmt.Sprintf("no%d.example.com", i)) }},
				{"many", 256, func(i int) indicator.Indicator { return f(i * 4 * 7919 % n).Subject }},
			} {
				b.Run(bb.name, func(b *testing.B) {
					in, next := make([]indicator.Indicator, bb.size), 0
					for b.Loop() {
						for k := range in {
							in[k] = bb.ind(next)
							next++
						}
						s.Lookup(context.Background(), in, func(i int, r source.Result) {
							if r.Err != nil {
								b.Fatal(r.Err)
							}
						})
					}
					b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "lookups/s")
				})
			}
		})
	}
}
