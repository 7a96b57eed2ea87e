package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var when = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func write(t *testing.T, files []File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, files, when); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteIsSortedPlainAndRepeatable(t *testing.T) {
	files := []File{
		{Path: "app/bin/tool", Data: []byte("#!"), Executable: true},
		{Path: "app/README.md", Data: []byte("read")},
		{Path: "app/README/x.spec", Data: nil},
	}
	first := write(t, files)
	slices.Reverse(files)
	if !bytes.Equal(first, write(t, files)) {
		t.Error("the order of the files changes the package")
	}
	p, err := Read(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if p.Gzip.Name != "" || !p.Gzip.ModTime.IsZero() {
		t.Errorf("gzip header says name %q, time %v", p.Gzip.Name, p.Gzip.ModTime)
	}
	type row struct {
		Name string
		Mode int64
		Kind byte
	}
	var got []row
	for _, m := range p.Members {
		got = append(got, row{m.Name, m.Mode, m.Typeflag})
		if m.Uid != 0 || m.Gid != 0 || m.Uname != "" || m.Gname != "" || !m.ModTime.Equal(when) {
			t.Errorf("%s: owner %d:%d %q:%q, time %v", m.Name, m.Uid, m.Gid, m.Uname, m.Gname, m.ModTime)
		}
	}
	want := []row{
		{"app/", 0o755, tar.TypeDir},
		{"app/README.md", 0o644, tar.TypeReg},
		{"app/README/", 0o755, tar.TypeDir},
		{"app/README/x.spec", 0o644, tar.TypeReg},
		{"app/bin/", 0o755, tar.TypeDir},
		{"app/bin/tool", 0o755, tar.TypeReg},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, files := range map[string][]File{
		"absolute":           {{Path: "/etc/passwd"}},
		"parent":             {{Path: "app/../x"}},
		"dot":                {{Path: "."}},
		"empty":              {{Path: ""}},
		"twice":              {{Path: "a/b"}, {Path: "a/b"}},
		"file and directory": {{Path: "a"}, {Path: "a/b"}},
		"directory and file": {{Path: "a/b"}, {Path: "a"}},
	} {
		if err := Write(&bytes.Buffer{}, files, when); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestReadFaults(t *testing.T) {
	whole := write(t, []File{{Path: "app/file", Data: bytes.Repeat([]byte("x"), 5000)}})
	for n := range whole {
		if _, err := Read(bytes.NewReader(whole[:n])); err == nil {
			t.Fatalf("cut at %d of %d: no error", n, len(whole))
		}
	}
	broken := bytes.Clone(whole)
	broken[len(broken)-6] ^= 1 // checksum
	if _, err := Read(bytes.NewReader(broken)); err == nil {
		t.Error("wrong checksum: no error")
	}
}

// FuzzRead: no tar inside the gzip makes Read panic.
func FuzzRead(f *testing.F) {
	zr, err := gzip.NewReader(bytes.NewReader(func() []byte {
		var b bytes.Buffer
		if err := Write(&b, []File{{Path: "a/b", Data: []byte("c")}}, when); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}()))
	if err != nil {
		f.Fatal(err)
	}
	var plain bytes.Buffer
	if _, err := plain.ReadFrom(zr); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var b bytes.Buffer
		zw := gzip.NewWriter(&b)
		zw.Write(data)
		zw.Close()
		p, err := Read(&b)
		if p == nil {
			t.Fatal("no package")
		}
		for _, m := range p.Members {
			if err == nil && m.Typeflag == tar.TypeReg && int64(len(m.Data)) != m.Size {
				t.Fatalf("%s: %d bytes of %d", m.Name, len(m.Data), m.Size)
			}
		}
	})
}
