//go:build unix

package chunked

import (
	"errors"
	"io"
	"os/signal"
	"syscall"
)

// isClosedPipe reports whether err says that nobody reads the replies.
func isClosedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe)
}

// ignoreSIGPIPE makes writes to a closed pipe fail instead of ending the
// program.
func ignoreSIGPIPE() { signal.Ignore(syscall.SIGPIPE) }
