//go:build !unix && !windows

package chunked

import (
	"errors"
	"io"
)

// isClosedPipe reports whether err says that nobody reads the replies.
func isClosedPipe(err error) bool { return errors.Is(err, io.ErrClosedPipe) }

func ignoreSIGPIPE() {}
