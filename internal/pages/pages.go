// Package pages has new memory come in large pages where the system has them:
// where a process does much in a short life, most of what memory costs are the
// faults of its pages. Nothing depends on whether a wish is granted.
package pages

import "runtime"

// Size is that of a large page, in bytes.
const Size = 2 << 20

// Heap asks for large pages for about as many bytes of the heap that is
// allocated next. Nothing is kept: they are garbage at once, and collected.
func Heap(bytes int) {
	Large(make([]byte, bytes))
	runtime.GC()
}
