package localfs

import "testing"

func TestFuseNetwork(t *testing.T) {
	for line, want := range map[string]string{
		"36 35 0:51 / /mnt rw,relatime shared:1 - fuse.sshfs u@192.0.2.1:/ rw": "fuse.sshfs",
		"36 35 0:51 / /mnt rw - fuse.gocryptfs /x rw":                          "",
		"36 35 0:52 / /mnt rw - fuse.sshfs u@192.0.2.1:/ rw":                   "",
		"": "", "36": "", " - fuse.sshfs": "",
	} {
		if got := fuseNetwork(line, "0:51"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestNetwork(t *testing.T) {
	// What it is depends on the machine; a missing directory is on none.
	if got := Network(t.TempDir() + "/missing"); got != "" {
		t.Errorf("a missing directory is on %q", got)
	}
}
