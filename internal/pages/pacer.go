package pages

import (
	"runtime/debug"
	"runtime/metrics"
)

// Pacer says when garbage is collected in a process whose memory is bounded
// otherwise: once the heap has Least bytes, and from then on when it has Percent
// more than what was in use. By itself the runtime collects a heap that grows
// from nothing a dozen times before it has 30 MiB, which it may have anyway. The
// setting is the process's; a Pacer is not safe for concurrent use.
type Pacer struct {
	Least   int64
	Percent int

	set    bool
	used   uint64 // what was in use, in bytes, when the percentage was last set
	sample [1]metrics.Sample
}

// Set adapts the percentage to what was in use after the last collection. It is
// to be called now and then while the heap grows: that takes a microsecond, and
// more only when there was a collection.
func (p *Pacer) Set() {
	p.sample[0].Name = "/gc/heap/live:bytes"
	metrics.Read(p.sample[:])
	if p.sample[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	if used := p.sample[0].Value.Uint64(); used != p.used || !p.set {
		p.set, p.used = true, used
		debug.SetGCPercent(p.percent(int64(used)))
	}
}

// leastAt100 is the heap, in bytes, that is not collected however little was in
// use, at a percentage of 100; at others it is in proportion (see GOGC in package
// runtime).
const leastAt100 = 4 << 20

// percent is the percentage to be set when used bytes are in use.
func (p *Pacer) percent(used int64) int {
	atMost := p.Least * 100 / leastAt100
	return int(max(int64(p.Percent), min(atMost, (p.Least-used)*100/max(1, used))))
}
