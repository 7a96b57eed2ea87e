package stream

import (
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	highSurrogate = 0xd800 // first of a pair
	lowSurrogate  = 0xdc00 // second of a pair
	surrogateEnd  = 0xe000
)

// utf16Reader reads UTF-16 as UTF-8. Unpaired surrogates become the three
// bytes that UTF-8 would have for them (WTF-8), so that they can be written
// back.
type utf16Reader struct {
	src  io.Reader
	big  bool
	raw  [16 << 10]byte
	r, w int // raw[r:w] is read and not yet decoded
	out  [utf8.UTFMax]byte
	rest []byte // of out: decoded, but p was too small for it
	tail []byte // an odd byte at the end
	err  error  // of src
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if len(u.rest) > 0 {
			n := copy(p, u.rest)
			u.rest = u.rest[n:]
			return n, nil
		}
		if len(p) >= utf8.UTFMax {
			if n := u.decode(p); n > 0 {
				return n, nil
			}
		} else if u.rest = u.out[:u.decodeOne()]; len(u.rest) > 0 {
			continue
		}
		if u.err != nil {
			if u.r < u.w && errors.Is(u.err, io.EOF) {
				u.tail = append(u.tail, u.raw[u.r:u.w]...)
				u.r = u.w
			}
			return 0, u.err
		}
		u.fill()
	}
}

// fill reads more, behind the at most three bytes that wait for their rest.
func (u *utf16Reader) fill() {
	u.w = copy(u.raw[:], u.raw[u.r:u.w])
	u.r = 0
	for range 100 {
		n, err := u.src.Read(u.raw[u.w:])
		u.w += n
		u.err = err
		if n > 0 || err != nil {
			return
		}
	}
	u.err = io.ErrNoProgress
}

func (u *utf16Reader) unit(i int) uint32 {
	a, b := uint32(u.raw[i]), uint32(u.raw[i+1])
	if u.big {
		return a<<8 | b
	}
	return b<<8 | a
}

// decode decodes into p while there are whole characters, and room for any.
func (u *utf16Reader) decode(p []byte) int {
	n := 0
	for n+utf8.UTFMax <= len(p) {
		a := u.ascii(p[n:])
		if n += a; n+utf8.UTFMax > len(p) {
			break
		}
		c, size := u.next()
		if size == 0 {
			break
		}
		u.r += size
		n += put(p[n:n+utf8.UTFMax:n+utf8.UTFMax], c)
	}
	return n
}

// ascii decodes characters below U+0080 into p, four at a time, and returns
// how many.
func (u *utf16Reader) ascii(p []byte) int {
	shift, mask := 0, uint64(0xff80ff80ff80ff80)
	if u.big {
		shift, mask = 8, 0x80ff80ff80ff80ff
	}
	raw, n := u.raw[u.r:u.w], 0
	for len(raw) >= 8 && len(p)-n >= 4 {
		x := binary.LittleEndian.Uint64(raw)
		if x&mask != 0 {
			break
		}
		x >>= shift
		q := p[n : n+4 : n+4]
		q[0], q[1], q[2], q[3] = byte(x), byte(x>>16), byte(x>>32), byte(x>>48)
		raw = raw[8:]
		n += 4
	}
	u.r += 2 * n
	return n
}

func (u *utf16Reader) decodeOne() int {
	c, size := u.next()
	if size == 0 {
		return 0
	}
	u.r += size
	return put(u.out[:], c)
}

// next returns the next character and its size in bytes; 0 if it is not all
// there yet.
func (u *utf16Reader) next() (c uint32, size int) {
	if u.w-u.r < 2 {
		return 0, 0
	}
	c = u.unit(u.r)
	if c < highSurrogate || c >= lowSurrogate {
		return c, 2
	}
	if u.w-u.r < 4 {
		if u.err == nil {
			return 0, 0
		}
		return c, 2
	}
	if d := u.unit(u.r + 2); d >= lowSurrogate && d < surrogateEnd {
		return uint32(utf16.DecodeRune(rune(c), rune(d))), 4
	}
	return c, 2
}

// put writes a code point, surrogates included, and returns its length.
func put(p []byte, c uint32) int {
	switch {
	case c < 0x80:
		p[0] = byte(c)
		return 1
	case c < 0x800:
		p[0] = 0xc0 | byte(c>>6)
		p[1] = 0x80 | byte(c)&0x3f
		return 2
	case c < 0x10000:
		p[0] = 0xe0 | byte(c>>12)
		p[1] = 0x80 | byte(c>>6)&0x3f
		p[2] = 0x80 | byte(c)&0x3f
		return 3
	}
	p[0] = 0xf0 | byte(c>>18)
	p[1] = 0x80 | byte(c>>12)&0x3f
	p[2] = 0x80 | byte(c>>6)&0x3f
	p[3] = 0x80 | byte(c)&0x3f
	return 4
}

// isSurrogate reports whether p begins with the three bytes of a surrogate.
func isSurrogate(p []byte) bool {
	return len(p) > 2 && p[0] == 0xed && p[1] >= 0xa0 && p[1] <= 0xbf && p[2]&0xc0 == 0x80
}

// fullChar reports whether p begins with a whole character, a surrogate or a
// byte that begins neither, so that more bytes would change nothing.
func fullChar(p []byte) bool {
	if len(p) < 3 && p[0] == 0xed {
		return len(p) == 2 && p[1]&0xc0 != 0x80
	}
	return utf8.FullRune(p)
}

// appendUTF16 appends the characters of p in UTF-16 and returns the bytes of
// a character that p has only the beginning of. With end set there are none:
// they are no text and become U+FFFD, as all bytes that are not UTF-8.
func appendUTF16(dst, p []byte, big, end bool) (out, rest []byte) {
	for len(p) > 0 {
		if c := p[0]; c < utf8.RuneSelf {
			dst = appendUnit(dst, uint16(c), big)
			p = p[1:]
			continue
		}
		if !end && !fullChar(p) {
			return dst, p
		}
		if isSurrogate(p) {
			dst = appendUnit(dst, 0xd000|uint16(p[1]&0x3f)<<6|uint16(p[2]&0x3f), big)
			p = p[3:]
			continue
		}
		c, size := utf8.DecodeRune(p)
		p = p[size:]
		if c < 0x10000 {
			dst = appendUnit(dst, uint16(c), big)
			continue
		}
		a, b := utf16.EncodeRune(c)
		dst = appendUnit(appendUnit(dst, uint16(a), big), uint16(b), big)
	}
	return dst, nil
}

func appendUnit(dst []byte, c uint16, big bool) []byte {
	if big {
		return append(dst, byte(c>>8), byte(c))
	}
	return append(dst, byte(c), byte(c>>8))
}

// appendValid appends p with U+FFFD for each surrogate and for each byte that
// is not UTF-8; rest and end are as for appendUTF16.
func appendValid(dst, p []byte, end bool) (out, rest []byte) {
	for len(p) > 0 {
		n := 0
		for n < len(p) && p[n] < utf8.RuneSelf {
			n++
		}
		dst, p = append(dst, p[:n]...), p[n:]
		if len(p) == 0 {
			break
		}
		if !end && !fullChar(p) {
			return dst, p
		}
		if isSurrogate(p) {
			dst, p = utf8.AppendRune(dst, utf8.RuneError), p[3:]
			continue
		}
		c, size := utf8.DecodeRune(p)
		dst, p = utf8.AppendRune(dst, c), p[size:]
	}
	return dst, nil
}
