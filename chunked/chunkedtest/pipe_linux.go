package chunkedtest

import (
	"os"
	"syscall"
)

const setPipeSize = 1031 // F_SETPIPE_SZ of fcntl(2)

// shrinkPipe makes the pipe of w one page long, if it can.
func shrinkPipe(w *os.File) {
	if c, err := w.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { _, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, 4096) })
	}
}
