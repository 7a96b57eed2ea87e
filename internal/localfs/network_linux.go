package localfs

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// networkMagic are the file systems, by the magic numbers of statfs(2), that
// several hosts may share.
var networkMagic = map[uint32]string{
	0x00006969: "NFS",
	0x0000517b: "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB",
	0x01021997: "9p",
	0x00c36400: "Ceph",
	0x5346414f: "AFS",
	0x6b414653: "AFS",
	0x73757245: "Coda",
	0x0bd00bd0: "Lustre",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
	0x47504653: "GPFS",
	0x20030528: "OrangeFS",
}

const fuseMagic = 0x65735546

// Network names the network file system that dir is on; empty when it is on
// none, or nobody knows.
func Network(dir string) string {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return ""
	}
	magic := uint32(st.Type)
	if magic != fuseMagic {
		return networkMagic[magic]
	}
	var fi unix.Stat_t
	if unix.Stat(dir, &fi) != nil {
		return ""
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	dev := fmt.Sprintf("%d:%d", unix.Major(fi.Dev), unix.Minor(fi.Dev))
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if name := fuseNetwork(sc.Text(), dev); name != "" {
			return name
		}
	}
	return ""
}

// fuseNetwork returns the type of the mount in a line of mountinfo, proc(5),
// when it is that of device dev and a FUSE file system over a network.
func fuseNetwork(line, dev string) string {
	before, after, ok := strings.Cut(line, " - ")
	fields := strings.Fields(before)
	if !ok || len(fields) < 3 || fields[2] != dev {
		return ""
	}
	kind, _, _ := strings.Cut(after, " ")
	for _, n := range [...]string{"sshfs", "gluster", "s3fs", "rclone", "gcsfuse", "goofys", "ceph", "davfs", "curlftpfs", "smbnetfs", "juicefs", "mount-s3", "moosefs", "mfs", "nfs", "seaweedfs", "blobfuse"} {
		if strings.Contains(kind, n) {
			return kind
		}
	}
	return ""
}
