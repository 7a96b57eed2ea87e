// Package stream turns files and pipes of any common compression and text
// encoding into plain UTF-8 on the way in, and back on the way out.
package stream

import (
	"errors"
	"fmt"
)

// Compression is a way in which bytes are compressed.
type Compression uint8

// The compressions. Auto is for writers only: as the input was compressed.
const (
	None Compression = iota
	Gzip
	Zstd
	Auto
)

var compressionNames = [...]string{"none", "gzip", "zstd", "auto"}

// String returns the name used in options.
func (c Compression) String() string {
	if int(c) < len(compressionNames) {
		return compressionNames[c]
	}
	return fmt.Sprintf("compression(%d)", uint8(c))
}

// ParseCompression reads a name as String gives it.
func ParseCompression(s string) (Compression, error) {
	for i, n := range compressionNames {
		if n == s {
			return Compression(i), nil
		}
	}
	return None, fmt.Errorf("unknown compression %q: allowed are none, gzip, zstd, auto", s)
}

// Encoding is a text encoding.
type Encoding uint8

// The encodings. UTF8 stands for every byte string that does not begin with
// the byte order mark of another encoding: its bytes are left alone.
const (
	UTF8 Encoding = iota
	UTF16LE
	UTF16BE
)

// String returns the name of the encoding in the IANA registry.
func (e Encoding) String() string {
	switch e {
	case UTF8:
		return "UTF-8"
	case UTF16LE:
		return "UTF-16LE"
	case UTF16BE:
		return "UTF-16BE"
	}
	return fmt.Sprintf("encoding(%d)", uint8(e))
}

// Info is the form in which a text came.
type Info struct {
	Compression Compression
	Encoding    Encoding
	// BOM says that a byte order mark stood before the text. UTF-16 is only
	// recognised by its mark.
	BOM bool
}

// Error kinds that callers branch on with errors.Is.
var (
	// ErrTruncated: compressed data end before their end mark.
	ErrTruncated = errors.New("compressed data end early")
	// ErrCorrupt: compressed data are damaged or followed by something else.
	ErrCorrupt = errors.New("compressed data are corrupt")
	// ErrClosed: a reader or a writer was used after its Close.
	ErrClosed = errors.New("stream is closed")
)

// mark returns the byte order mark of an encoding.
func (e Encoding) mark() string {
	switch e {
	case UTF16LE:
		return "\xff\xfe"
	case UTF16BE:
		return "\xfe\xff"
	}
	return "\xef\xbb\xbf"
}

// MarkLen is the length of the byte order mark that a writer of this form
// begins with; utf8 is WriterOptions.UTF8.
func (i Info) MarkLen(utf8 bool) int {
	if !i.BOM || utf8 {
		return 0
	}
	return len(i.Encoding.mark())
}
