package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Reader reads a text as UTF-8 without a byte order mark, whatever its
// compression and encoding. It hands on what arrives as it arrives and keeps
// its first error. It is not safe for concurrent use.
type Reader struct {
	text     io.Reader // what Read reads
	closer   io.Closer // the decompressor, or nil
	utf16    *utf16Reader
	info     Info
	warnings []string
	err      error
}

// NewReader finds out the form of a text by its first bytes: gzip (RFC 1952,
// any number of members) or Zstandard (RFC 8878, any number of frames), then
// a byte order mark. It waits for the first bytes but never for more of them
// than it takes to decide, and works on pipes. Closing r is up to the caller.
func NewReader(r io.Reader) (*Reader, error) {
	s := &Reader{}
	raw, head, err := peek(r, magics[:])
	if err != nil {
		return nil, err
	}
	switch {
	case isGzip(head):
		z := newGzipReader(raw)
		raw, s.closer, s.info.Compression = z, z, Gzip
	case isZstd(head):
		z, err := newZstdReader(raw)
		if err != nil {
			return nil, err
		}
		raw, s.closer, s.info.Compression = z, z, Zstd
	}
	text := raw
	if s.info.Compression != None {
		if text, head, err = peek(raw, marks[:]); err != nil {
			s.closer.Close()
			return nil, err
		}
	}
	s.decode(text, head)
	return s, nil
}

// decode sets up the reading of text, which begins with head.
func (s *Reader) decode(text io.Reader, head []byte) {
	s.text = text
	for _, e := range [...]Encoding{UTF8, UTF16LE, UTF16BE} {
		if m := e.mark(); strings.HasPrefix(string(head), m) {
			s.info.BOM = true
			s.info.Encoding = e
			skip(text, len(m))
			break
		}
	}
	switch {
	case s.info.Encoding != UTF8:
		s.utf16 = &utf16Reader{src: text, big: s.info.Encoding == UTF16BE}
		s.text = s.utf16
	case !s.info.BOM && len(head) > 1 && (head[0] == 0) != (head[1] == 0):
		s.warnings = append(s.warnings, "the input looks like UTF-16 without a byte order mark and is read as UTF-8: put the mark FF FE or FE FF before it")
	}
}

// skip drops n bytes that peek has read already.
func skip(r io.Reader, n int) {
	var b [4]byte
	_, _ = io.ReadFull(r, b[:n])
}

// Info returns the form of the text.
func (s *Reader) Info() Info { return s.info }

// Read implements io.Reader.
func (s *Reader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.text.Read(p)
	if err != nil {
		s.err = err
		if t := s.Tail(); len(t) > 0 {
			s.warnings = append(s.warnings, fmt.Sprintf("the %s input ends with half a character, the byte %02X", s.info.Encoding, t[0]))
		}
	}
	return n, err
}

// Tail returns, after Read has returned io.EOF, what the encoding cannot say
// in UTF-8: the odd last byte of a UTF-16 text. It belongs to
// Writer.SetTail.
func (s *Reader) Tail() []byte {
	if s.utf16 == nil || s.err == nil {
		return nil
	}
	return s.utf16.tail
}

// Warnings says, in one line each, what was odd about the input so far.
func (s *Reader) Warnings() []string { return s.warnings }

// Close frees the decompressor. It does not close what lies under the reader.
func (s *Reader) Close() error {
	if s.err == nil {
		s.err = ErrClosed
	}
	if s.closer == nil {
		return nil
	}
	c := s.closer
	s.closer = nil
	return c.Close()
}

// magics are what a compressed text, or a byte order mark, begins with.
var magics = [...]string{
	"\x1f\x8b", "\x28\xb5\x2f\xfd",
	// Skippable frames, which may come first (RFC 8878, 3.1.2).
	"\x50\x2a\x4d\x18", "\x51\x2a\x4d\x18", "\x52\x2a\x4d\x18", "\x53\x2a\x4d\x18",
	"\x54\x2a\x4d\x18", "\x55\x2a\x4d\x18", "\x56\x2a\x4d\x18", "\x57\x2a\x4d\x18",
	"\x58\x2a\x4d\x18", "\x59\x2a\x4d\x18", "\x5a\x2a\x4d\x18", "\x5b\x2a\x4d\x18",
	"\x5c\x2a\x4d\x18", "\x5d\x2a\x4d\x18", "\x5e\x2a\x4d\x18", "\x5f\x2a\x4d\x18",
	"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff",
}

// marks are the byte order marks alone.
var marks = [...]string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"}

func isGzip(head []byte) bool { return strings.HasPrefix(string(head), magics[0]) }

func isZstd(head []byte) bool {
	for _, m := range magics[1:18] {
		if strings.HasPrefix(string(head), m) {
			return true
		}
	}
	return false
}

// peekSize is the most that peek reads at once.
const peekSize = 4096

// peek reads until it is certain which of the prefixes r begins with, and
// returns what it read and a reader of all of it. An error of r comes after
// the bytes before it.
func peek(r io.Reader, prefixes []string) (all io.Reader, head []byte, err error) {
	buf := make([]byte, peekSize)
	n, empty := 0, 0
	for n == 0 || undecided(buf[:n], prefixes) {
		m, rerr := r.Read(buf[n:])
		n += m
		if rerr != nil {
			if n == 0 && !errors.Is(rerr, io.EOF) {
				return nil, nil, rerr
			}
			return io.MultiReader(bytes.NewReader(buf[:n]), failed{rerr}), buf[:n], nil
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty == 100 {
			return nil, nil, io.ErrNoProgress
		}
	}
	return io.MultiReader(bytes.NewReader(buf[:n]), r), buf[:n], nil
}

// undecided reports whether head is the beginning of one of the prefixes and
// shorter than it.
func undecided(head []byte, prefixes []string) bool {
	for _, p := range prefixes {
		if len(head) < len(p) && strings.HasPrefix(p, string(head)) {
			return true
		}
	}
	return false
}

// failed is a reader that fails.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
