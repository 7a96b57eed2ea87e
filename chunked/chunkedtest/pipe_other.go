//go:build !linux

package chunkedtest

import "os"

func shrinkPipe(*os.File) {}
