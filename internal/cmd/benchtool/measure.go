package main

import (
	"fmt"
	"slices"
	"time"
)

// sample is one run of one program, measured from outside.
type sample struct {
	Rows     int64         `json:"rows,omitempty"`
	Bytes    int64         `json:"bytes,omitempty"`    // of input
	Start    time.Duration `json:"start_ns,omitempty"` // process start to getinfo reply
	First    time.Duration `json:"first_ns,omitempty"` // first execute request sent to its reply read
	Wall     time.Duration `json:"wall_ns"`
	CPU      time.Duration `json:"cpu_ns"`             // user and system; in a conversation: of the counted requests
	PeakRSS  int64         `json:"peak_rss"`           // bytes
	Requests int64         `json:"requests,omitempty"` // that reached the source
}

func (s sample) rowsPerSecond() float64  { return float64(s.Rows) / s.Wall.Seconds() }
func (s sample) bytesPerSecond() float64 { return float64(s.Bytes) / s.Wall.Seconds() }
func (s sample) startSeconds() float64   { return s.Start.Seconds() }
func (s sample) firstSeconds() float64   { return s.First.Seconds() }
func (s sample) cpuSeconds() float64     { return s.CPU.Seconds() }
func (s sample) wallSeconds() float64    { return s.Wall.Seconds() }

// contestant is a program in a comparison.
type contestant struct {
	name string
	run  func() (sample, error)
}

// result is what a contestant achieved: the samples of the counted rounds, in
// order, or why there are none.
type result struct {
	Group   string   `json:"group"`
	Program string   `json:"program"`
	Samples []sample `json:"samples,omitempty"`
	Skipped string   `json:"skipped,omitempty"`
}

// compete runs all contestants in turn, once to warm up and n times more, so
// that what the machine does otherwise hits all of them alike. A contestant
// that fails is left out with its error.
func (b *bench) compete(group string, n int, list ...contestant) []*result {
	results := make([]*result, len(list))
	for i, c := range list {
		results[i] = &result{Group: group, Program: c.name}
	}
	for round := -1; round < n; round++ {
		for i, c := range list {
			if results[i].Skipped != "" {
				continue
			}
			s, err := c.run()
			if err != nil {
				results[i].Skipped, results[i].Samples = err.Error(), nil
				b.failed = b.failed || c.name == ours
				b.log("%s: %s: %v", group, c.name, err)
				continue
			}
			if round >= 0 {
				results[i].Samples = append(results[i].Samples, s)
			}
		}
	}
	for i := range results {
		b.results = append(b.results, results[i])
		if r := results[i]; len(r.Samples) > 0 {
			b.log("%-16s %-24s %s", group, r.Program, r.line())
		}
	}
	return results
}

// line is the medians of a result for a person.
func (r *result) line() string {
	line := fmt.Sprintf("%9.1f ms", 1e3*median(r.values(sample.wallSeconds)))
	if s := r.Samples[0]; s.Rows > 0 {
		line += fmt.Sprintf(" %9.0f krows/s %7.1f MB/s", median(r.values(sample.rowsPerSecond))/1e3, median(r.values(sample.bytesPerSecond))/1e6)
	}
	if r.Samples[0].Start > 0 {
		line += fmt.Sprintf("  getinfo %.1f ms", 1e3*median(r.values(sample.startSeconds)))
	}
	if r.Samples[0].First > 0 {
		line += fmt.Sprintf("  first %.1f ms", 1e3*median(r.values(sample.firstSeconds)))
	}
	return line + fmt.Sprintf("  cpu %.0f ms  %.0f MiB", 1e3*median(r.values(sample.cpuSeconds)), float64(r.peak())/(1<<20))
}

// values returns a figure of each sample.
func (r *result) values(f func(sample) float64) []float64 {
	out := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		out[i] = f(s)
	}
	return out
}

// peak returns the largest resident size of all runs, in bytes.
func (r *result) peak() (peak int64) {
	for _, s := range r.Samples {
		peak = max(peak, s.PeakRSS)
	}
	return peak
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// ratio returns the median over the rounds of a's figure by b's in the same
// round, 0 if one of them has none.
func ratio(a, b *result, f func(sample) float64) float64 {
	x, y := a.values(f), b.values(f)
	var out []float64
	for i := range min(len(x), len(y)) {
		out = append(out, x[i]/y[i])
	}
	return median(out)
}
