package chunked

import (
	"errors"
	"io"
	"syscall"
)

const (
	errorBrokenPipe syscall.Errno = 109 // ERROR_BROKEN_PIPE
	errorNoData     syscall.Errno = 232 // ERROR_NO_DATA: the pipe is being closed
	errorNotConn    syscall.Errno = 233 // ERROR_PIPE_NOT_CONNECTED
)

// isClosedPipe reports whether err says that nobody reads the replies.
func isClosedPipe(err error) bool {
	return errors.Is(err, errorBrokenPipe) || errors.Is(err, errorNoData) || errors.Is(err, errorNotConn) ||
		errors.Is(err, io.ErrClosedPipe)
}

func ignoreSIGPIPE() {}
