// Package pages has new memory come in large pages where the system has them:
// where a process does much in a short life, most of what memory costs are the
// faults of its pages. Nothing depends on whether a wish is granted.
package pages

import "runtime"

// Size is that of a large page, in bytes.
const Size = 2 << 20

// Make returns a slice of bytes whose memory comes in large pages as a whole. It
// is for what is filled at once and soon.
func Make(bytes int) []byte {
	if bytes < Size/16 { // it would not pay
		return make([]byte, bytes)
	}
	buf := make([]byte, (bytes+Size-1)/Size*Size+Size)
	Large(buf)
	at := toPage(buf)
	return buf[at : at+bytes : at+bytes]
}

// Heap asks for large pages for about as many bytes of the heap that is
// allocated next. Nothing is kept: they are garbage at once, and collected.
func Heap(bytes int) {
	Large(make([]byte, bytes))
	runtime.GC()
}
