package pages

import (
	"bytes"
	"runtime"
	"testing"
)

// TestLarge: whatever slice is given, what is in it and around it stays.
func TestLarge(t *testing.T) {
	all := make([]byte, 5*Size)
	for i := range all {
		all[i] = byte(i * 7)
	}
	want := bytes.Clone(all)
	for _, tt := range []struct{ from, to int }{
		{0, 0}, {1, 2}, {0, Size - 1}, {3, Size + 2}, {0, len(all)}, {4096, len(all) - 5}, {len(all), len(all)},
	} {
		Large(all[tt.from:tt.to])
		if !bytes.Equal(all, want) {
			t.Fatalf("%v: memory was changed", tt)
		}
	}
	Large(nil)
}

// TestHeap: nothing of it stays in use.
func TestHeap(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	Heap(16 * Size)
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > Size {
		t.Errorf("%d bytes stay in use", grown)
	}
	if after.NumGC == before.NumGC {
		t.Error("no collection")
	}
}
