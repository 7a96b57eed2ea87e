//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreSIGPIPE makes writing to a closed pipe an error instead of the end of
// the program.
func ignoreSIGPIPE() { signal.Ignore(syscall.SIGPIPE) }
