// Package archive writes a Splunk app package so that equal contents give equal
// bytes, and reads any package back for inspection.
package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// File is one regular file of a package. Path is relative to the package's top
// level, with "/" between its parts.
type File struct {
	Path       string
	Data       []byte
	Executable bool
}

// Member is one member of a package as it was read: whatever the archive said,
// judged by nobody yet.
type Member struct {
	tar.Header
	Data []byte
}

// Package is a package as it was read.
type Package struct {
	Gzip    gzip.Header
	Members []Member
}

const (
	fileMode = 0o644
	execMode = 0o755

	// maxUnpacked bounds what Read holds in memory.
	maxUnpacked = 2 << 30
)

// ErrTooLarge says that a package holds more than Read is willing to unpack.
var ErrTooLarge = errors.New("package unpacks to more than 2 GiB")

// Write writes files as a gzipped tar: members sorted bytewise with their
// directories, every time the same mtime, owner 0 without names, modes 0755 for
// directories and programs and 0644 for the rest, a gzip header without name
// and time. The files are not changed.
func Write(w io.Writer, files []File, mtime time.Time) error {
	headers, err := headers(files, mtime.UTC().Truncate(time.Second))
	if err != nil {
		return err
	}
	zw, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("package: %w", err)
	}
	tw := tar.NewWriter(zw)
	for _, h := range headers {
		if err := tw.WriteHeader(&h.Header); err != nil {
			return fmt.Errorf("package member %s: %w", h.Name, err)
		}
		if _, err := tw.Write(h.Data); err != nil {
			return fmt.Errorf("package member %s: %w", h.Name, err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		return fmt.Errorf("package: %w", err)
	}
	return nil
}

func headers(files []File, mtime time.Time) ([]Member, error) {
	var out []Member
	seen := map[string]bool{}
	for _, f := range files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			return nil, fmt.Errorf("package member %q: not a path inside the package", f.Path)
		}
		if seen[f.Path] {
			return nil, fmt.Errorf("package member %s: there twice", f.Path)
		}
		seen[f.Path] = true
		mode := int64(fileMode)
		if f.Executable {
			mode = execMode
		}
		out = append(out, Member{Header: header(tar.TypeReg, f.Path, mode, int64(len(f.Data)), mtime), Data: f.Data})
		for dir := path.Dir(f.Path); dir != "." && !seen[dir+"/"]; dir = path.Dir(dir) {
			seen[dir+"/"] = true
			out = append(out, Member{Header: header(tar.TypeDir, dir+"/", execMode, 0, mtime)})
		}
	}
	for _, m := range out {
		if m.Typeflag == tar.TypeDir && seen[strings.TrimSuffix(m.Name, "/")] {
			return nil, fmt.Errorf("package member %s: both a file and a directory", m.Name)
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func header(kind byte, name string, mode, size int64, mtime time.Time) tar.Header {
	return tar.Header{Typeflag: kind, Name: name, Mode: mode, Size: size, ModTime: mtime, Format: tar.FormatUSTAR}
}

// Read reads a whole package. On an error the members before it are returned
// too. Member data are fresh slices.
func Read(r io.Reader) (*Package, error) {
	p := &Package{}
	zr, err := gzip.NewReader(r)
	if err != nil {
		return p, fmt.Errorf("not a gzip file: %w", err)
	}
	p.Gzip = zr.Header
	left := int64(maxUnpacked)
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return p, fmt.Errorf("tar member %d: %w", len(p.Members)+1, err)
		}
		var data bytes.Buffer
		n, err := io.Copy(&data, io.LimitReader(tr, left+1))
		if err != nil {
			return p, fmt.Errorf("tar member %s: %w", h.Name, err)
		}
		if left -= n; left < 0 {
			return p, ErrTooLarge
		}
		p.Members = append(p.Members, Member{Header: *h, Data: data.Bytes()})
	}
	// The gzip checksum comes behind the last tar block.
	if _, err := io.Copy(io.Discard, io.LimitReader(zr, left)); err != nil {
		return p, fmt.Errorf("end of the gzip stream: %w", err)
	}
	return p, nil
}
