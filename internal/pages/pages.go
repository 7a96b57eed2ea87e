// Package pages saves what memory costs processes that do much in a short life:
// most of that are the faults of its pages, so new memory comes in large ones
// where the system has them, and a Pacer has garbage wait until there is enough
// of it. Nothing depends on whether a wish is granted.
package pages

import (
	"runtime"
	"runtime/debug"
)

// Size is that of a large page, in bytes.
const Size = 2 << 20

// Make returns a slice of bytes whose memory comes in large pages, but for a
// part at its end that would leave more than half of one unused. It is for what
// is filled at once and soon.
func Make(bytes int) []byte {
	large := (bytes + Size/2) / Size * Size
	if large == 0 {
		return make([]byte, bytes)
	}
	buf := make([]byte, max(bytes, large)+Size)
	at := toPage(buf)
	Large(buf[at : at+large])
	return buf[at : at+bytes : at+bytes]
}

// Heap asks for large pages for about as many bytes of the heap that is
// allocated next. Nothing is kept: they are garbage at once, and collected.
func Heap(bytes int) {
	percent := debug.SetGCPercent(-1) // one collection is enough
	Large(make([]byte, bytes))
	runtime.GC()
	debug.SetGCPercent(percent)
}
