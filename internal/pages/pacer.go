package pages

import (
	"runtime"
	"runtime/debug"
	"weak"
)

// Pacer says when garbage is collected in a process whose memory is bounded
// otherwise: once the heap has Least bytes, and from then on when it has Percent
// more than what was in use. By itself the runtime collects a heap that grows
// from nothing a dozen times before it has 30 MiB, which it may have anyway. The
// setting is the process's; a Pacer is not safe for concurrent use.
type Pacer struct {
	Least   int64
	Percent int

	// last is to something that nobody uses: it is nil after a collection.
	last weak.Pointer[witness]
}

// witness has a pointer, for memory without any may be shared by several.
type witness struct{ _ *witness }

// Set sets the percentage by what is in use, if it is called for the first time
// or there was a collection since. It is to be called now and then while the heap
// grows; mostly it does nothing.
func (p *Pacer) Set() {
	if p.last.Value() != nil {
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetGCPercent(p.percent(int64(m.HeapAlloc)))
	p.last = weak.Make(new(witness))
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
