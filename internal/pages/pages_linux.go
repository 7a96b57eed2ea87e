package pages

import (
	"syscall"
	"unsafe"
)

// Large asks for large pages for the whole ones that lie in buf, see
// madvise(2), MADV_HUGEPAGE. It touches no byte of it.
func Large(buf []byte) {
	at := toPage(buf)
	if n := (len(buf) - at) / Size * Size; n > 0 {
		_ = syscall.Madvise(buf[at:at+n], syscall.MADV_HUGEPAGE)
	}
}

// toPage is where in buf, or behind it, the next large page begins.
func toPage(buf []byte) int { return int(-uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % Size) }
