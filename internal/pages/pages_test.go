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

// TestMake: the bytes are zero and all there, and end where they were asked to.
func TestMake(t *testing.T) {
	for _, n := range []int{0, 1, 4096, Size/2 - 1, Size / 2, Size, Size + 1, 3*Size + 5} {
		buf := Make(n)
		if len(buf) != n || cap(buf) != n || bytes.Count(buf, []byte{0}) != n {
			t.Errorf("%d: %d bytes, room for %d", n, len(buf), cap(buf))
		}
		for i := range buf {
			buf[i] = 1
		}
	}
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
