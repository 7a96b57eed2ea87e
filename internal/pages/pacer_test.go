package pages

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPercent(t *testing.T) {
	p := Pacer{Least: 12 << 20, Percent: 40}
	for _, tt := range []struct {
		used int64
		want int
	}{
		{0, 300}, {1, 300}, {1 << 20, 300}, {3 << 20, 300}, {4 << 20, 200}, {6 << 20, 100}, {8 << 20, 50}, {9 << 20, 40}, {12 << 20, 40}, {1 << 30, 40},
	} {
		if got := p.percent(tt.used); got != tt.want {
			t.Errorf("%d bytes in use: %d %%, want %d", tt.used, got, tt.want)
		}
	}
}

// TestPacer: the setting follows what is in use, and is made once for each
// collection.
func TestPacer(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	current := func() int {
		n := debug.SetGCPercent(50)
		debug.SetGCPercent(n)
		return n
	}
	p := Pacer{Least: 1 << 30, Percent: 30}
	p.Set()
	if got := current(); got <= 100 {
		t.Errorf("little in use: %d %%", got)
	}
	debug.SetGCPercent(77)
	if p.Set(); current() != 77 { // what is set by hand stays until a collection
		t.Errorf("set again without a collection: %d %%", current())
	}
	p.Least = 0
	held := make([]byte, 1<<20)
	runtime.GC()
	p.Set()
	if got := current(); got != 30 {
		t.Errorf("more in use than Least: %d %%", got)
	}
	runtime.KeepAlive(held)
}

// TestPacerWaits: nothing is collected before the heap has Least bytes.
func TestPacerWaits(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	p := Pacer{Least: 64 << 20, Percent: 10}
	runtime.GC()
	p.Set()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var kept []byte
	for range 32 {
		kept = make([]byte, 1<<20)
	}
	runtime.ReadMemStats(&after)
	if after.NumGC != before.NumGC {
		t.Errorf("%d collections of a heap of 32 MiB", after.NumGC-before.NumGC)
	}
	for range 64 {
		kept = make([]byte, 1<<20)
	}
	runtime.ReadMemStats(&after)
	if after.NumGC == before.NumGC {
		t.Error("no collection of a heap of 96 MiB")
	}
	runtime.KeepAlive(kept)
}
