package chunked

import (
	"bufio"
	"errors"
	"io"
	"math"

	"github.com/tclookup/tclookup/internal/pages"
)

const (
	readBuffer = 16 << 10
	firstGrow  = 1 << 20
	trustGrow  = 64
	keepBuffer = 1 << 20
)

// frameReader reads frames. The metadata and body of the last frame are valid
// until the next call of read.
type frameReader struct {
	br         *bufio.Reader
	maxMeta    uint64
	maxBody    uint64
	frame      int // number of the next frame
	header     headerParser
	meta, body []byte
	use        usage
}

func newFrameReader(r io.Reader, maxMeta, maxBody int64) *frameReader {
	return &frameReader{
		br:      bufio.NewReaderSize(r, readBuffer),
		maxMeta: limitOf(maxMeta, DefaultMaxMetadata),
		maxBody: limitOf(maxBody, DefaultMaxBody),
	}
}

func limitOf(n int64, byDefault uint64) uint64 {
	if n <= 0 {
		return byDefault
	}
	return min(uint64(n), math.MaxInt)
}

// read reads one frame. io.EOF means that the stream ended between frames;
// every other error is a *FrameError. With ErrTooLarge the header has been
// read and nothing of the rest; skip says how much that is.
func (f *frameReader) read() error {
	f.header.reset()
	for done := false; !done; {
		c, err := f.br.ReadByte()
		if err == nil {
			done, err = f.header.feed(c)
		} else if err == io.EOF {
			if len(f.header.seen) == 0 {
				return io.EOF
			}
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return f.fail("header", err)
		}
	}
	mlen, blen := f.header.n[0], f.header.n[1]
	if mlen > f.maxMeta {
		return &FrameError{Frame: f.frame, Part: "metadata", Length: mlen, Limit: f.maxMeta, Err: ErrTooLarge}
	}
	if blen > f.maxBody {
		return &FrameError{Frame: f.frame, Part: "body", Length: blen, Limit: f.maxBody, Err: ErrTooLarge}
	}
	var err error
	if f.meta, err = readFull(f.br, f.meta, int(mlen)); err != nil {
		return f.fail("metadata", err)
	}
	if f.use.shrink(len(f.body), cap(f.body)) {
		f.body = nil
	}
	if f.body, err = readFull(f.br, f.body, int(blen)); err != nil {
		return f.fail("body", err)
	}
	f.frame++
	return nil
}

func (f *frameReader) fail(part string, err error) error {
	return &FrameError{Frame: f.frame, Part: part, Err: err}
}

// discardFrame reads what is left of a frame that was refused with ErrTooLarge.
func (f *frameReader) discardFrame() error {
	left := f.header.n[0] + f.header.n[1]
	n, err := io.CopyN(io.Discard, f.br, int64(min(left, math.MaxInt64)))
	if err != nil || uint64(n) != left {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// readFull reads n bytes into buf, which is grown as bytes arrive: at most 64
// times what was received is allocated, whatever n says, and no memory is
// touched before bytes arrive for it. An eighth more than n is allocated, since
// the next body is as likely longer as shorter.
func readFull(r io.Reader, buf []byte, n int) ([]byte, error) {
	buf = buf[:0]
	for len(buf) < n {
		if len(buf) == cap(buf) {
			size := max(firstGrow, trustGrow*len(buf))
			grown := makeBuffer(len(buf), min(n+n/8, size))
			copy(grown, buf)
			buf = grown
		}
		m, err := io.ReadFull(r, buf[len(buf):min(n, cap(buf))])
		buf = buf[:len(buf)+m]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
	}
	return buf, nil
}

// hugeFrom is the size of a buffer, in bytes, from which it is worth asking
// the system for large pages.
const hugeFrom = 4 << 20

// makeBuffer returns a slice for a body. The memory of a large one comes in
// large pages where the system has them: most of what a first request costs
// would be page faults otherwise.
func makeBuffer(length, capacity int) []byte {
	buf := make([]byte, length, capacity)
	if capacity >= hugeFrom {
		pages.Large(buf[:capacity])
	}
	return buf
}

// usage decides when a buffer that was grown for an unusually large request is
// given up: when it has stayed mostly empty for some requests.
type usage struct{ low int }

// shrink takes how much of a buffer the last request needed.
func (u *usage) shrink(used, capacity int) bool {
	if capacity <= keepBuffer || used >= capacity/4 {
		u.low = 0
		return false
	}
	u.low++
	if u.low < 8 && (u.low < 2 || capacity < 64*keepBuffer) {
		return false
	}
	u.low = 0
	return true
}
