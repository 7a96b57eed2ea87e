package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// WriterOptions say in which form a text is written.
type WriterOptions struct {
	// Compress is how the output is compressed; the zero value is not at all.
	Compress Compression
	// UTF8 has UTF-8 written, without a byte order mark, whatever the input
	// was. What a UTF-16 text had that is no Unicode, unpaired surrogates and
	// an odd last byte, becomes U+FFFD.
	UTF8 bool
}

// Writer writes UTF-8 in the form its input had, so that what was not changed
// has its original bytes. It keeps its first error and is not safe for
// concurrent use.
type Writer struct {
	raw      io.Writer // takes encoded bytes, the compressor or the output
	comp     compressor
	out      *bufio.Writer // below the gzip compressor, which writes in crumbs
	info     Info
	clean    bool // UTF-16 came, UTF-8 goes
	begun    bool
	buf      []byte
	rest     []byte // beginning of a character
	tail     []byte
	err      error
	restData [4]byte
}

// compressor is a gzip or Zstandard writer.
type compressor interface {
	io.WriteCloser
	Flush() error
}

// NewWriter returns a writer for a text that came as info says. The output
// depends on the bytes written and the calls of Flush alone: gzip headers bear
// no time and no name. Closing w is up to the caller.
func NewWriter(w io.Writer, info Info, opt WriterOptions) (*Writer, error) {
	s := &Writer{raw: w, info: info}
	if opt.UTF8 {
		s.clean = info.Encoding != UTF8
		s.info.Encoding, s.info.BOM = UTF8, false
	}
	compress := opt.Compress
	if compress == Auto {
		compress = info.Compression
	}
	switch compress {
	case None:
		return s, nil
	case Gzip:
		s.out = bufio.NewWriterSize(w, readSize)
		z := gzip.NewWriter(s.out)
		z.ModTime = time.Unix(0, 0) // MTIME 0: no time stamp (RFC 1952, 2.3.1)
		s.comp = z
	case Zstd:
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
		if err != nil {
			return nil, fmt.Errorf("writing zstd data: %w", err)
		}
		s.comp = z
	default:
		return nil, fmt.Errorf("cannot write compression %s: use none, gzip or zstd", compress)
	}
	s.raw = s.comp
	return s, nil
}

// Write implements io.Writer. Uncompressed UTF-8 is handed on as it is, one
// Write for a Write.
func (s *Writer) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if s.begin(); s.err != nil {
		return 0, s.err
	}
	if s.info.Encoding == UTF8 && !s.clean {
		n, err := s.raw.Write(p)
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		s.err = err
		return n, err
	}
	all := p
	for len(p) > 0 && s.err == nil {
		// A piece at a time, so that buf stays small.
		piece := p[:min(len(p), readSize)]
		p = p[len(piece):]
		s.encode(piece, false)
	}
	if s.err != nil {
		return 0, s.err
	}
	return len(all), nil
}

// begin writes the byte order mark.
func (s *Writer) begin() {
	if !s.begun && s.info.BOM {
		_, s.err = io.WriteString(s.raw, s.info.Encoding.mark())
	}
	s.begun = true
}

// encode writes p behind the beginning of a character that was left over.
func (s *Writer) encode(p []byte, end bool) {
	s.buf = s.buf[:0]
	for len(s.rest) > 0 && len(p) > 0 {
		// Complete the character byte by byte: at most three.
		s.rest = append(s.restData[:len(s.rest)], p[0])
		p = p[1:]
		s.rest = s.restData[:copy(s.restData[:], s.convert(s.rest, false))]
	}
	if end {
		s.convert(s.rest, true)
		s.rest = nil
	} else if len(p) > 0 {
		s.rest = s.restData[:copy(s.restData[:], s.convert(p, false))]
	}
	if len(s.buf) > 0 {
		_, s.err = s.raw.Write(s.buf)
	}
}

// convert appends p to buf and returns what is left over.
func (s *Writer) convert(p []byte, end bool) (rest []byte) {
	if s.clean {
		s.buf, rest = appendValid(s.buf, p, end)
	} else {
		s.buf, rest = appendUTF16(s.buf, p, s.info.Encoding == UTF16BE, end)
	}
	return rest
}

// SetTail sets what Close writes behind the text: Reader.Tail.
func (s *Writer) SetTail(tail []byte) { s.tail = append(s.tail[:0], tail...) }

// Flush hands on everything written so far, but for the beginning of a
// character.
func (s *Writer) Flush() error {
	if s.err != nil || s.comp == nil {
		return s.err
	}
	s.err = s.comp.Flush()
	if s.err == nil && s.out != nil {
		s.err = s.out.Flush()
	}
	return s.err
}

// Close writes what is left and ends the compressed data. It does not close
// what lies under the writer. A second Close does nothing.
func (s *Writer) Close() error {
	if errors.Is(s.err, ErrClosed) {
		return nil
	}
	if s.err == nil {
		s.begin()
	}
	if s.err == nil && (s.clean || s.info.Encoding != UTF8) {
		s.encode(nil, true)
	}
	if s.err == nil && len(s.tail) > 0 {
		tail := s.tail
		switch {
		case s.clean:
			tail = []byte("\uFFFD")
		case s.info.Encoding == UTF8:
			tail = nil
		}
		_, s.err = s.raw.Write(tail)
	}
	if s.comp != nil {
		err := s.comp.Close()
		if s.err == nil {
			s.err = err
		}
	}
	if s.err == nil && s.out != nil {
		s.err = s.out.Flush()
	}
	err := s.err
	s.err = ErrClosed
	return err
}
