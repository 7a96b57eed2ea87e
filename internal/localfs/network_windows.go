package localfs

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// Network names the network file system that dir is on; empty when it is on
// none, or nobody knows.
func Network(dir string) string {
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	if err != nil || windows.GetDriveType(root) != windows.DRIVE_REMOTE {
		return ""
	}
	return "a network drive"
}
