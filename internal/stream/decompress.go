package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxWindow is the most memory a Zstandard frame may ask for, in bytes:
	// the bound of the zstd tool without --long=28 or more.
	maxWindow = 128 << 20
	// readSize is how much compressed data is read at once.
	readSize = 64 << 10
)

// source is the compressed input. It remembers its error, which tells a
// failure to read from damaged data.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

// describe says what is wrong with compressed data of which read bytes could
// be decompressed.
func (s *source) describe(format string, read int64, err error) error {
	switch {
	case s.err != nil && !errors.Is(s.err, io.EOF):
		return s.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("reading %s data: %w, after %d decompressed bytes: the file is incomplete, copy or compress it again", format, ErrTruncated, read)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("reading %s data: a frame needs more than %d MiB of memory: compress it with --long=27 or less: %w", format, maxWindow>>20, err)
	}
	return fmt.Errorf("reading %s data: %w, after %d decompressed bytes: %w", format, ErrCorrupt, read, err)
}

// gzipReader reads the members of a gzip file one by one. It hands on the end
// of a member before it looks for the next, which on a pipe may be long in
// coming.
type gzipReader struct {
	origin  source
	src     *bufio.Reader
	z       *gzip.Reader
	open    bool // z is inside a member
	members int
	read    int64
	err     error
}

func newGzipReader(r io.Reader) *gzipReader {
	g := &gzipReader{origin: source{r: r}}
	g.src = bufio.NewReaderSize(&g.origin, readSize)
	return g
}

func (g *gzipReader) Read(p []byte) (int, error) {
	if len(p) == 0 || g.err != nil {
		return 0, g.err
	}
	for {
		if !g.open {
			if g.err = g.next(); g.err != nil {
				return 0, g.err
			}
		}
		n, err := g.z.Read(p)
		g.read += int64(n)
		if errors.Is(err, io.EOF) {
			g.open, err = false, nil
			g.members++
		}
		if err != nil {
			g.err = g.origin.describe("gzip", g.read, err)
		}
		if n > 0 || g.err != nil {
			return n, g.err
		}
	}
}

// next begins the next member. Zero bytes behind the last one are padding.
func (g *gzipReader) next() error {
	if g.members > 0 {
		b, err := g.src.ReadByte()
		for err == nil && b == 0 {
			b, err = g.src.ReadByte()
		}
		if err != nil {
			return err // io.EOF is the end
		}
		if err := g.src.UnreadByte(); err != nil {
			return err
		}
	}
	var err error
	if g.z == nil {
		g.z, err = gzip.NewReader(g.src)
	} else {
		err = g.z.Reset(g.src)
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return g.origin.describe("gzip", g.read, err)
	}
	g.z.Multistream(false)
	g.open = true
	return nil
}

func (g *gzipReader) Close() error {
	if g.err == nil {
		g.err = ErrClosed
	}
	if g.z == nil {
		return nil
	}
	return g.z.Close()
}

// zstdReader puts the errors of a decoder into words. The decoder works in the
// caller's goroutine, a block at a time.
type zstdReader struct {
	origin source
	z      *zstd.Decoder
	read   int64
	err    error
}

func newZstdReader(r io.Reader) (*zstdReader, error) {
	z := &zstdReader{origin: source{r: r}}
	var err error
	z.z, err = zstd.NewReader(bufio.NewReaderSize(&z.origin, readSize),
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("reading zstd data: %w", err)
	}
	return z, nil
}

func (z *zstdReader) Read(p []byte) (int, error) {
	if len(p) == 0 || z.err != nil {
		return 0, z.err
	}
	n, err := z.z.Read(p)
	z.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = z.origin.describe("zstd", z.read, err)
	}
	z.err = err
	return n, err
}

func (z *zstdReader) Close() error {
	if z.err == nil {
		z.err = ErrClosed
	}
	z.z.Close()
	return nil
}
