package localfs

import "golang.org/x/sys/unix"

// Network names the network file system that dir is on; empty when it is on
// none, or nobody knows.
func Network(dir string) string {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return ""
	}
	switch name := unix.ByteSliceToString(st.Fstypename[:]); name {
	case "nfs", "smbfs", "afpfs", "webdav", "ftp", "macfuse_sshfs":
		return name
	}
	return ""
}
