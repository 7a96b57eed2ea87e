//go:build unix

package disk

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the processor time of this process so far: unlike time on the
// wall it does not grow with what else the machine has to do.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
