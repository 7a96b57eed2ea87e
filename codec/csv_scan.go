package codec

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/tclookup/tclookup/record"
)

// This file is the hot path of all CSV input: it finds where records and the
// wanted cells of each begin and end, and looks at nothing else.
//
// A quote opens a quoted cell only as the first byte of the cell; inside, two
// quotes stand for one. A quote anywhere else is an ordinary byte, and what
// follows a closing quote belongs to the cell. So a stray quote in the middle
// of a bare cell costs nothing but itself.

// want is a column whose cells are to be marked, and the selected column that
// takes them.
type want struct{ col, slot int }

// scanner finds records in a buffer. It keeps no state between records.
type scanner struct {
	comma  byte
	cols   int    // columns of the header
	wants  []want // sorted by col
	width  int    // selected columns
	comma8 uint64
	commas []byte // one
}

// newScanner returns a scanner of records of cols cells.
func newScanner(comma byte, cols int) scanner {
	return scanner{comma: comma, comma8: lsb * uint64(comma), commas: []byte{comma}, cols: cols}
}

const (
	lsb  = 0x0101010101010101
	low7 = 0x7f7f7f7f7f7f7f7f
	lf8  = lsb * '\n'
	qu8  = lsb * '"'
)

// zeros returns 0x80 in each byte of x that is zero, exactly.
func zeros(x uint64) uint64 { return ^(((x & low7) + low7) | x | low7) }

// quoted returns the position behind the quote that closes the cell opened at
// buf[pos], -1 if it is not closed in buf. Whether a quote at the very end
// closes the cell or is the first of two cannot be known: it closes it.
func quoted(buf []byte, pos int) int {
	p := pos + 1
	for {
		i := bytes.IndexByte(buf[p:], '"')
		if i < 0 {
			return -1
		}
		p += i + 1
		if p >= len(buf) || buf[p] != '"' {
			return p
		}
		p++
	}
}

// bare returns the position of the first comma or line feed from pos on,
// len(buf) if there is none.
func (s *scanner) bare(buf []byte, pos int) int {
	for pos+8 <= len(buf) {
		w := binary.LittleEndian.Uint64(buf[pos:])
		if m := zeros(w^s.comma8) | zeros(w^lf8); m != 0 {
			return pos + bits.TrailingZeros64(m)>>3
		}
		pos += 8
	}
	for pos < len(buf) && buf[pos] != s.comma && buf[pos] != '\n' {
		pos++
	}
	return pos
}

// skip returns the position of the cell that is n > 0 cells behind the one that
// begins at pos, or -1 if it cannot be told from the commas alone: because there
// is a quote or a line feed on the way, or the buffer ends.
func (s *scanner) skip(buf []byte, pos, n int) int {
	for pos+8 <= len(buf) {
		w := binary.LittleEndian.Uint64(buf[pos:])
		c := zeros(w ^ s.comma8)
		// The lowest flag is that of the first quote or line feed; higher ones
		// may be wrong.
		q, l := w^qu8, w^lf8
		m := ((q-lsb)&^q | (l-lsb)&^l) & (lsb << 7)
		if k := bits.OnesCount64(c); k < n {
			if m != 0 {
				return -1
			}
			n -= k
			pos += 8
			continue
		}
		for ; n > 1; n-- {
			c &= c - 1
		}
		if c &= -c; m&(c-1) != 0 {
			return -1
		}
		return pos + bits.TrailingZeros64(c)>>3 + 1
	}
	return -1
}

// tail goes from pos, the start of a cell, to the end of the record and counts
// the commas on the way. ok is false if the buffer ends before the record.
func (s *scanner) tail(buf []byte, pos int) (lf, commas int, ok bool) {
	// Mostly there is no quote on the way, and what the standard library does
	// with whole vectors is the fastest.
	start := pos
	if i := bytes.IndexByte(buf[pos:], '\n'); i >= 0 {
		rest := buf[pos : pos+i]
		q := bytes.IndexByte(rest, '"')
		if q < 0 {
			return pos + i, bytes.Count(rest, s.commas), true
		}
		pos, commas = pos+q, bytes.Count(rest[:q], s.commas)
	}
	for {
		for pos+8 <= len(buf) {
			w := binary.LittleEndian.Uint64(buf[pos:])
			m := zeros(w^qu8) | zeros(w^lf8)
			c := zeros(w ^ s.comma8)
			if m == 0 {
				commas += bits.OnesCount64(c)
				pos += 8
				continue
			}
			k := bits.TrailingZeros64(m)
			commas += bits.OnesCount64(c & (1<<k - 1))
			pos += k >> 3
			goto special
		}
		for pos < len(buf) && buf[pos] != '"' && buf[pos] != '\n' {
			if buf[pos] == s.comma {
				commas++
			}
			pos++
		}
		if pos == len(buf) {
			return pos, commas, false
		}
	special:
		if buf[pos] == '\n' {
			return pos, commas, true
		}
		if pos == start || buf[pos-1] == s.comma {
			if pos = quoted(buf, pos); pos < 0 {
				return len(buf), commas, false
			}
			continue
		}
		pos++
	}
}

// row scans the record that begins at buf[pos]. It sets cells, which has a
// span for each selected column, and returns the row and its number of cells.
// ok is false when the buffer ends before a line feed does: unless final is
// set the record may then go on.
func (s *scanner) row(buf []byte, pos int, final bool, cells []record.Span) (r record.Row, n int, ok bool) {
	for i := range cells {
		cells[i] = record.Missing
	}
	r.Start = uint32(pos)
	p, w, lf := pos, 0, -1
	complete, plain := true, true
	for w < len(s.wants) {
		if more := s.wants[w].col - n; more > 0 && plain {
			if at := s.skip(buf, p, more); at >= 0 {
				p, n = at, n+more
			} else {
				plain = false
			}
		}
		start := p
		if p < len(buf) && buf[p] == '"' {
			if p = quoted(buf, p); p < 0 {
				p = len(buf)
			}
		}
		if p < len(buf) && buf[p] != s.comma {
			p = s.bare(buf, p)
		}
		end := p
		if p == len(buf) {
			lf, complete = p, false
		} else if buf[p] == '\n' {
			lf = p
		}
		if lf >= 0 && end > start && buf[end-1] == '\r' && (complete || final) {
			end--
		}
		for w < len(s.wants) && s.wants[w].col == n {
			cells[s.wants[w].slot] = record.Span{Start: uint32(start), End: uint32(end)}
			w++
		}
		n++
		if lf >= 0 {
			break
		}
		p++
	}
	if lf < 0 {
		var commas int
		lf, commas, complete = s.tail(buf, p)
		n += commas + 1
	}
	if !complete && !final {
		return r, n, false
	}
	end := lf
	if end > pos && buf[end-1] == '\r' {
		end--
	}
	r.End, r.Next = uint32(end), uint32(lf)
	if complete {
		r.Next++
	}
	return r, n, true
}

// odd says where columns are added to a record whose number of cells n is not
// the header's.
func (s *scanner) odd(buf []byte, r record.Row, row, n int) record.Odd {
	if n < s.cols {
		return record.Odd{Row: row, Insert: r.End, Pad: s.cols - n}
	}
	p := int(r.Start)
	rec := buf[:r.End]
	for i := 0; ; i++ {
		if p < len(rec) && rec[p] == '"' {
			if p = quoted(rec, p); p < 0 {
				p = len(rec)
			}
		}
		p = s.bare(rec, p)
		if i == s.cols-1 || p == len(rec) {
			return record.Odd{Row: row, Insert: uint32(p)}
		}
		p++
	}
}

// sample is how much of a text is looked at to guess its number of records.
const sample = 64 << 10

// reserve makes room in b for about as many records as text has, so that its
// lists need not be grown and copied while they become long.
func (s *scanner) reserve(b *record.Batch, text []byte) {
	if len(text) < sample {
		return
	}
	n := bytes.Count(text[:sample], []byte{'\n'})
	n += n * (len(text) - sample) / sample
	if n > cap(b.Rows) {
		n += n / 8
		b.Rows = slices.Grow(b.Rows[:0], n)
		b.Cells = slices.Grow(b.Cells[:0], n*s.width)
	}
}

// scanTo marks the records in b that begin from pos on and before end, and
// returns the position behind the last one. What b.Buf ends with is a record,
// whether a line feed follows or not.
func (s *scanner) scanTo(b *record.Batch, pos, end int) int {
	// In variables of its own: other cores may write next to those of b.
	buf, rows, cells := b.Buf, b.Rows, b.Cells
	for pos < end {
		have := len(cells)
		for cap(cells)-have < s.width {
			cells = append(cells[:cap(cells)], record.Span{})
		}
		own := cells[have : have+s.width]
		r, n, _ := s.row(buf, pos, true, own)
		cells = cells[:have+s.width]
		if n != s.cols {
			if r.Start == r.End {
				r.Bad = true // a blank line
			} else {
				b.Odd = append(b.Odd, s.odd(buf, r, len(rows), n))
			}
		}
		rows = append(rows, r)
		pos = int(r.Next)
	}
	b.Rows, b.Cells = rows, cells
	return pos
}

// whole returns the length of the whole records that buf begins with. Mostly it
// looks at quotes and at the end of buf alone.
func (s *scanner) whole(buf []byte) int {
	end := bytes.LastIndexByte(buf, '\n') + 1
	for p := 0; p < end; {
		i := bytes.IndexByte(buf[p:end], '"')
		if i < 0 {
			break
		}
		i += p
		if p = i + 1; i > 0 && buf[i-1] != s.comma && buf[i-1] != '\n' {
			continue // in the middle of a bare cell, or behind a quoted one
		}
		if p = quoted(buf, i); p < 0 || p > end { // the line feed is part of this cell
			return s.wholeByRow(buf)
		}
	}
	return end
}

// wholeByRow is whole, by looking at one record after the other.
func (s *scanner) wholeByRow(buf []byte) int {
	for p := 0; ; {
		lf, _, ok := s.tail(buf, p)
		if !ok {
			return p
		}
		p = lf + 1
	}
}

// split returns a position in the middle of buf[from:] where a record seems to
// begin, -1 if there is none. It goes by the number of quotes before, which is
// right unless there are stray ones.
func split(buf []byte, from int) int {
	mid := from + (len(buf)-from)/2
	open := bytes.Count(buf[from:mid], quote)&1 == 1
	for p := mid; ; {
		i := bytes.IndexByte(buf[p:], '\n')
		if i < 0 {
			return -1
		}
		if bytes.Count(buf[p:p+i], quote)&1 == 1 {
			open = !open
		}
		if p += i + 1; !open {
			return p
		}
	}
}

var quote = []byte{'"'}
