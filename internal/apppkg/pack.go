package apppkg

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
)

// Pack returns the bytes of one package: its files and their bill of materials.
func Pack(in Input, p Platform, mtime time.Time) ([]byte, error) {
	files, err := Assemble(in, p)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", p.Name, err)
	}
	sbom, err := SBOM(in, p, mtime)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", p.Name, err)
	}
	files = append(files, archive.File{Path: path.Join(AppID, SBOMPath), Data: sbom})
	var b bytes.Buffer
	if err := archive.Write(&b, files, mtime); err != nil {
		return nil, fmt.Errorf("package %s: %w", p.Name, err)
	}
	return b.Bytes(), nil
}

// Sums returns the text of SHA256SUMS for files by name, in the form
// that sha256sum -c reads.
func Sums(files map[string][]byte) []byte {
	var lines []string
	for name, data := range files {
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name))
	}
	// By name: it begins at the same column of every line.
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2*sha256.Size:], b[2*sha256.Size:]) })
	return []byte(strings.Join(lines, ""))
}

// WriteFile writes a file whole or not at all: readers never see half of it.
func WriteFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.Rename(tmp.Name(), name)
}
