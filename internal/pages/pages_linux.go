package pages

import (
	"syscall"
	"unsafe"
)

// Large asks for large pages for the whole ones that lie in buf, see
// madvise(2), MADV_HUGEPAGE. It touches no byte of it.
func Large(buf []byte) {
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % Size)
	if n := (len(buf) - skip) / Size * Size; n > 0 {
		_ = syscall.Madvise(buf[skip:skip+n], syscall.MADV_HUGEPAGE)
	}
}
