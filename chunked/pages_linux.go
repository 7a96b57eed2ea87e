package chunked

import (
	"syscall"
	"unsafe"
)

// largePages asks for large pages for the whole ones of 2 MiB that lie in buf,
// see madvise(2), MADV_HUGEPAGE. Nothing depends on whether it is granted.
func largePages(buf []byte) {
	const page = 2 << 20
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % page)
	if n := (len(buf) - skip) / page * page; n > 0 {
		_ = syscall.Madvise(buf[skip:skip+n], syscall.MADV_HUGEPAGE)
	}
}
