package codec

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/record"
)

// decodeMV calls yield for each value of an encoded list, or returns false
// without a call if the list is malformed.
func decodeMV(text []byte, yield func([]byte)) bool {
	return chunked.DecodeMV(text, func(v []byte) bool { yield(v); return true })
}

// AppendCSV appends the records of a batch that a CSV reader filled to dst,
// with their annotations and without a header.
func AppendCSV(dst []byte, b *record.Batch) []byte {
	l := b.Format.(*layout)
	l.encode(b)
	return l.appendRows(dst, b, 0, len(b.Rows), b.Odd)
}

// appendRows appends the rows from, to, of which odd are the odd ones.
func (l *layout) appendRows(dst []byte, b *record.Batch, from, to int, odd []record.Odd) []byte {
	for _, o := range odd {
		dst = l.appendRegular(dst, b, from, o.Row)
		dst = l.appendOdd(dst, b, o.Row, o)
		dst = append(dst, b.Buf[b.Rows[o.Row].End:b.Rows[o.Row].Next]...)
		from = o.Row + 1
	}
	return l.appendRegular(dst, b, from, to)
}

// appendRegular appends the rows from, to, none of which is odd.
func (l *layout) appendRegular(dst []byte, b *record.Batch, from, to int) []byte {
	if len(l.inPlace) == 0 && len(b.Annotations) == 1 {
		return appendPlain(dst, b, from, to)
	}
	suffixes := b.Encoded.(*suffixes)
	for r := from; r < to; r++ {
		row := &b.Rows[r]
		if row.Bad {
			dst = append(dst, b.Buf[row.Start:row.Next]...)
			continue
		}
		dst = l.appendInPlace(dst, b, r)
		dst = suffixes.append(dst, b, r)
		dst = append(dst, b.Buf[row.End:row.Next]...)
	}
	return dst
}

// appendPlain is appendRegular where nothing is overwritten and there is one
// annotation, which is the hot path: copy the row, append the suffix.
func appendPlain(dst []byte, b *record.Batch, from, to int) []byte {
	suffixes := b.Encoded.(*suffixes)
	a, of := suffixes.of[0], b.Annotations[0].Of
	buf := b.Buf
	for r := from; r < to; r++ {
		row := &b.Rows[r]
		if row.Bad {
			dst = append(dst, buf[row.Start:row.Next]...)
			continue
		}
		s := &a[of[r]]
		if s.direct {
			dst = append(dst, buf[row.Start:row.End]...)
			dst = append(dst, b.Annotations[0].Sets[of[r]].Encoded[markLen:]...)
			dst = append(dst, buf[row.End:row.Next]...)
			continue
		}
		n, m, end := int(row.End-row.Start), int(s.end-s.start), int(row.Next-row.End)
		have := len(dst)
		if cap(dst)-have < n+m+end+2*stride {
			rest := int(b.Rows[to-1].Next - row.Start)
			dst = slices.Grow(dst, max(n+m+end+2*stride, min(2*rest, pieceSize)))
		}
		feed := end == 1 && buf[row.End] == '\n'
		if feed { // it is there behind the suffix
			m++
		}
		dst = dst[:have+n+m]
		room := dst[have:cap(dst)]
		if src := buf[row.Start:]; n > stride || len(src) < stride {
			copy(room, src[:n])
		} else {
			copyStride(room, src)
		}
		if src := suffixes.text[s.start:]; m > stride || len(src) < stride {
			copy(room[n:], src[:m])
		} else {
			copyStride(room[n:], src)
		}
		if !feed {
			dst = append(dst, buf[row.End:row.Next]...)
		}
	}
	return dst
}

// stride is how many bytes are copied at once where a row or suffix has no more
// and there is room for as many: a call for a dozen bytes costs more.
const stride = 64

func copyStride(dst, src []byte) {
	_, _ = dst[stride-1], src[stride-1]
	for i := 0; i < stride; i += 16 {
		binary.LittleEndian.PutUint64(dst[i:], binary.LittleEndian.Uint64(src[i:]))
		binary.LittleEndian.PutUint64(dst[i+8:], binary.LittleEndian.Uint64(src[i+8:]))
	}
}

// measure returns how many bytes the rows of a batch will have, whose
// annotations are encoded.
func (l *layout) measure(b *record.Batch) (size int) {
	if len(l.inPlace) > 0 { // no short cut: what is overwritten must be looked at
		var row []byte
		odd := b.Odd
		for r := range b.Rows {
			n := 0
			if len(odd) > 0 && odd[0].Row == r {
				n = 1
			}
			row = l.appendRows(row[:0], b, r, r+1, odd[:n])
			odd = odd[n:]
			size += len(row)
		}
		return size
	}
	for i := range b.Annotations {
		spans := b.Encoded.(*suffixes).of[i]
		for r, k := range b.Annotations[i].Of {
			if !b.Rows[r].Bad {
				size += int(spans[k].end - spans[k].start)
			}
		}
	}
	for r := range b.Rows {
		size += int(b.Rows[r].Next - b.Rows[r].Start)
	}
	for _, o := range b.Odd {
		size += o.Pad
	}
	return size
}

// suffixes are the encoded parts of the sets of a batch's annotations, close to
// each other, so that a row's is found with two looks at memory. They lie in
// the batch's Encoded.
type suffixes struct {
	head []byte     // what is written before the first batch
	text []byte     // each followed by a line feed
	of   [][]suffix // by annotation and set
}

// suffix is the encoded part of a set: text[start:end] of suffixes, or, if
// direct is set, end-start bytes that lie with the set only.
type suffix struct {
	start, end uint32
	direct     bool
}

// direct is the length, in bytes, from which an encoded part is not copied.
const direct = 1 << 10

// fill takes the encoded parts of a batch's annotations.
func (s *suffixes) fill(anns []record.Annotation) {
	if cap(s.text) > 4<<20 && len(s.text) < cap(s.text)/8 { // after unusually long ones
		s.text = nil
	}
	s.text = s.text[:0]
	s.of = slices.Grow(s.of[:0], len(anns))[:len(anns)]
	for i := range anns {
		spans := slices.Grow(s.of[i][:0], len(anns[i].Sets))
		for _, set := range anns[i].Sets {
			e := set.Encoded[markLen:]
			if at := len(s.text); len(e) < direct && at < math.MaxUint32-2*direct {
				s.text = append(append(s.text, e...), '\n')
				spans = append(spans, suffix{uint32(at), uint32(at + len(e)), false})
			} else {
				spans = append(spans, suffix{0, uint32(len(e)), true})
			}
		}
		s.of[i] = spans
	}
}

// append appends the parts of row r.
func (s *suffixes) append(dst []byte, b *record.Batch, r int) []byte {
	for i := range b.Annotations {
		k := b.Annotations[i].Of[r]
		if p := &s.of[i][k]; p.direct {
			dst = append(dst, b.Annotations[i].Sets[k].Encoded[markLen:]...)
		} else {
			dst = append(dst, s.text[p.start:p.end]...)
		}
	}
	return dst
}

// markLen is the length of what stands before the encoded part of a set.
const markLen = 8

// encode prepares the appending of a batch's rows. It makes the appended part of
// each set, once for each way of encoding it: a later body may have some of the
// columns already.
func (l *layout) encode(b *record.Batch) {
	first := 0
	for _, a := range b.Annotations {
		if len(a.Sets) == 0 {
			continue
		}
		n := len(a.Sets[0].Values)
		mark := l.mark(first, n)
		for _, s := range a.Sets {
			if len(s.Encoded) < markLen || binary.LittleEndian.Uint64(s.Encoded) != mark {
				s.Encoded = l.appendAdded(binary.LittleEndian.AppendUint64(make([]byte, 0, 64), mark), first, s)
			}
		}
		first += n
	}
	s, ok := b.Encoded.(*suffixes)
	if !ok {
		s = new(suffixes)
		b.Encoded = s
	}
	s.fill(b.Annotations)
}

// mark tells apart the ways in which n outputs from first on are encoded. It
// is a hash (FNV-1a) of all that appendAdded looks at besides the values.
func (l *layout) mark(first, n int) uint64 {
	h := uint64(14695981039346656037)
	add := func(c byte) { h = (h ^ uint64(c)) * 1099511628211 }
	flag := func(b bool) {
		if b {
			add(1)
		} else {
			add(0)
		}
	}
	add(l.dialect.Comma)
	flag(l.dialect.Twins)
	for _, c := range []byte(l.dialect.Separator) {
		add(c)
	}
	for _, o := range l.outputs[first : first+n] {
		flag(o.slot < 0)
		flag(o.twin && o.twinSlot < 0)
	}
	return h
}

// appendAdded appends the cells of a set that no record has yet; first is the
// output that its first value belongs to.
func (l *layout) appendAdded(dst []byte, first int, s *record.Set) []byte {
	for i := range s.Values {
		o := &l.outputs[first+i]
		if o.slot < 0 {
			dst = l.appendValue(append(dst, l.dialect.Comma), &s.Values[i])
		}
		if o.twin && o.twinSlot < 0 {
			dst = l.appendTwin(append(dst, l.dialect.Comma), &s.Values[i])
		}
	}
	return dst
}

// appendValue appends a value as a cell.
func (l *layout) appendValue(dst []byte, v *record.Value) []byte {
	if v.Kind != record.List {
		return appendCell(dst, l.dialect.Comma, v.Text)
	}
	switch {
	case len(v.List) == 0:
		return dst
	case len(v.List) == 1 && l.dialect.Twins:
		return appendCell(dst, l.dialect.Comma, v.List[0])
	case l.dialect.Twins:
		return appendCell(dst, l.dialect.Comma, strings.Join(v.List, "\n"))
	}
	text := strings.Join(v.List, l.dialect.Separator)
	if strings.ContainsAny(text, "\r\n") {
		text = strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
	}
	return appendCell(dst, l.dialect.Comma, text)
}

// appendTwin appends the encoded list of a value as a cell, empty unless it
// holds several.
func (l *layout) appendTwin(dst []byte, v *record.Value) []byte {
	if v.Kind != record.List || len(v.List) < 2 {
		return dst
	}
	return appendCell(dst, l.dialect.Comma, string(chunked.AppendMV([]byte(nil), v.List...)))
}

// appendPlace appends what a cell that is overwritten holds from now on.
func (l *layout) appendPlace(dst []byte, b *record.Batch, r int, p place, old []byte) []byte {
	out := p.out
	for i := range b.Annotations {
		a := &b.Annotations[i]
		s := a.Sets[a.Of[r]]
		if out >= len(s.Values) {
			out -= len(s.Values)
			continue
		}
		o := &l.outputs[p.out]
		if o.Fill && l.filled(b, r, o) {
			return append(dst, old...)
		}
		if p.twin {
			return l.appendTwin(dst, &s.Values[out])
		}
		return l.appendValue(dst, &s.Values[out])
	}
	return append(dst, old...)
}

// filled reports whether the record has a value in the column of o already.
func (l *layout) filled(b *record.Batch, r int, o *output) bool {
	if o.slot < 0 {
		return false
	}
	raw := b.Cell(r, o.slot)
	return len(raw) > 0 && string(raw) != `""`
}

// appendInPlace appends a record with its overwritten cells replaced.
func (l *layout) appendInPlace(dst []byte, b *record.Batch, r int) []byte {
	row := &b.Rows[r]
	pos := row.Start
	for _, p := range l.inPlace {
		s := b.Cells[r*b.Width+p.slot]
		if !s.OK() {
			continue
		}
		dst = append(dst, b.Buf[pos:s.Start]...)
		dst = l.appendPlace(dst, b, r, p, b.Buf[s.Start:s.End])
		pos = s.End
	}
	return append(dst, b.Buf[pos:row.End]...)
}

// appendOdd appends a record with too few or too many cells: the columns that
// are added stand under their names all the same.
func (l *layout) appendOdd(dst []byte, b *record.Batch, r int, odd record.Odd) []byte {
	row := b.Rows[r]
	cut := row
	cut.End = odd.Insert
	b.Rows[r] = cut
	dst = l.appendInPlace(dst, b, r)
	b.Rows[r] = row
	for col := len(l.names) - odd.Pad; col < len(l.names); col++ {
		dst = append(dst, l.dialect.Comma)
		for _, p := range l.inPlace {
			if p.col == col {
				dst = l.appendPlace(dst, b, r, p, nil)
			}
		}
	}
	dst = b.Encoded.(*suffixes).append(dst, b, r)
	return append(dst, b.Buf[odd.Insert:row.End]...)
}

// AppendHeader appends the header of a batch that a CSV reader filled, with
// the columns that its annotations add and a line end.
func AppendHeader(dst []byte, b *record.Batch) []byte {
	return append(b.Format.(*layout).appendHeader(dst), '\n')
}

// CSVWriter writes the batches of one CSVReader.
type CSVWriter struct {
	w      io.Writer
	buf    []byte
	opened bool
}

// NewCSVWriter returns a writer of separated text. Each batch is written with
// one Write of w.
func NewCSVWriter(w io.Writer) *CSVWriter { return &CSVWriter{w: w} }

// Continue says that the header has been written already.
func (c *CSVWriter) Continue() { c.opened = true }

// Encode implements record.Appender.
func (c *CSVWriter) Encode(b *record.Batch) {
	l := b.Format.(*layout)
	l.encode(b)
	s := b.Encoded.(*suffixes)
	s.head = s.head[:0]
	if !c.opened {
		s.head = append(l.appendHeader(append(s.head, l.lead...)), l.headerEnd...)
		c.opened = true
	}
}

// Append implements record.Appender.
func (c *CSVWriter) Append(dst []byte, b *record.Batch) []byte {
	// What is added is mostly less than a quarter of what is there. Growing step
	// by step would leave many times that behind.
	if need := len(b.Buf) + len(b.Buf)/4; cap(dst)-len(dst) < len(b.Buf) {
		dst = slices.Grow(dst, need)
	}
	dst = append(dst, b.Encoded.(*suffixes).head...)
	return b.Format.(*layout).appendRows(dst, b, 0, len(b.Rows), b.Odd)
}

// Write implements record.Writer.
func (c *CSVWriter) Write(b *record.Batch) error {
	c.Encode(b)
	c.buf = c.Append(c.buf[:0], b)
	if len(c.buf) == 0 {
		return nil
	}
	_, err := c.w.Write(c.buf)
	return err
}

// Close implements record.Writer.
func (c *CSVWriter) Close() error { return nil }
