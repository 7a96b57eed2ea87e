package chunked

import (
	"errors"
	"fmt"
	"strconv"
)

// Limits of the lengths in a frame header, in bytes. MaxMetadata and MaxBody
// of a [Server] change them.
const (
	DefaultMaxMetadata = 4 << 20
	DefaultMaxBody     = 1 << 30
)

// maxHeader is the longest header line that is read, in bytes: the exact form
// has at most 52, the rest is for blanks.
const maxHeader = 256

// ErrTooLarge is matched by the *FrameError of a frame that is longer than the
// limits allow.
var ErrTooLarge = errors.New("longer than the limit")

// A FrameError says which frame could not be read, and why. After it the
// stream is out of step and cannot be read on.
type FrameError struct {
	// Frame is the number of the frame in the conversation; 0 is getinfo.
	Frame int
	// Part is "header", "metadata" or "body".
	Part string
	// Length and Limit are set with ErrTooLarge, in bytes.
	Length, Limit uint64
	// Err is the cause: io.ErrUnexpectedEOF, ErrTooLarge, the reader's error
	// or a description of the malformed header.
	Err error
}

func (e *FrameError) Error() string {
	if errors.Is(e.Err, ErrTooLarge) {
		return fmt.Sprintf("chunked: frame %d: the %s has %d bytes, the limit is %d", e.Frame, e.Part, e.Length, e.Limit)
	}
	return fmt.Sprintf("chunked: frame %d: reading the %s: %v", e.Frame, e.Part, e.Err)
}

func (e *FrameError) Unwrap() error { return e.Err }

// appendHeader appends the header line of a frame, in the exact form.
func appendHeader(dst []byte, metadata, body int) []byte {
	dst = append(dst, "chunked 1.0,"...)
	dst = strconv.AppendInt(dst, int64(metadata), 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(body), 10)
	return append(dst, '\n')
}

// headerParser reads a header line byte by byte, so that nothing behind the
// line end is taken and garbage is refused at its first byte. It accepts
// "chunked", blanks, "1.0", ",", digits, ",", digits, LF, with optional
// blanks around each part but none in front.
type headerParser struct {
	seen   []byte // what was read, for the error text
	state  int
	pos    int
	digits int
	n      [2]uint64
}

const (
	stateWord    = iota // inside "chunked"
	stateGap            // blanks after it
	stateVersion        // inside "1.0"
	stateComma0         // blanks before the first comma
	stateNum0           // blanks before, digits of the metadata length
	stateComma1         // blanks before the second comma
	stateNum1           // blanks before, digits of the body length
	stateEnd            // blanks before LF
)

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' }

func (p *headerParser) reset() { *p = headerParser{seen: p.seen[:0]} }

// feed takes the next byte and reports whether the header is complete.
func (p *headerParser) feed(c byte) (done bool, err error) {
	if len(p.seen) >= maxHeader {
		return false, p.malformed()
	}
	p.seen = append(p.seen, c)
	switch p.state {
	case stateWord:
		return false, p.literal(c, "chunked", stateGap)
	case stateGap:
		if isBlank(c) {
			p.pos = 1
			return false, nil
		}
		if p.pos == 0 {
			return false, p.malformed()
		}
		p.state, p.pos = stateVersion, 0
		return false, p.literal(c, "1.0", stateComma0)
	case stateVersion:
		return false, p.literal(c, "1.0", stateComma0)
	case stateComma0, stateComma1:
		switch {
		case c == ',':
			p.state, p.digits = p.state+1, 0
		case !isBlank(c):
			return false, p.malformed()
		}
		return false, nil
	case stateNum0:
		return false, p.number(c, 0)
	case stateNum1:
		if c == '\n' && p.digits > 0 {
			return true, nil
		}
		return false, p.number(c, 1)
	default:
		if c == '\n' {
			return true, nil
		}
		if !isBlank(c) {
			return false, p.malformed()
		}
		return false, nil
	}
}

func (p *headerParser) literal(c byte, word string, next int) error {
	if c != word[p.pos] {
		return p.malformed()
	}
	if p.pos++; p.pos == len(word) {
		p.state, p.pos = next, 0
	}
	return nil
}

func (p *headerParser) number(c byte, i int) error {
	switch {
	case c >= '0' && c <= '9':
		if p.n[i] > (1<<62)/10 {
			return p.malformed()
		}
		p.n[i] = p.n[i]*10 + uint64(c-'0')
		p.digits++
	case isBlank(c):
		if p.digits > 0 {
			p.state++
		}
	case c == ',' && i == 0 && p.digits > 0:
		p.state, p.digits = stateNum1, 0
	default:
		return p.malformed()
	}
	return nil
}

func (p *headerParser) malformed() error {
	return fmt.Errorf("want \"chunked 1.0,LENGTH,LENGTH\", got %q", p.seen[:min(len(p.seen), 60)])
}
