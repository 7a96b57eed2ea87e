package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/tclookup/tclookup/record"
)

// JSONLOptions are the bounds of a JSONLReader; zero stands for the default.
type JSONLOptions struct {
	// BatchSize is about how many bytes a batch holds; default 1 MiB.
	BatchSize int
	// MaxLine is the longest line that is read, in bytes; default MaxRecord.
	// A line that is not longer than BatchSize is always read.
	MaxLine int
}

// JSONLReader reads JSON Lines: an object on each line, LF or CRLF behind it.
// It hands on whole lines as they arrive: a slow pipe is not made to wait for
// a full buffer.
//
// A row's Start and End are those of the object; blanks around it and blank
// lines belong to no row, but stand before the first row and between rows in
// the batch's Buf, which holds every byte read. A batch may have no row at all.
// A line that is anything but an object is a bad row.
//
// A field is the value of the top-level key of its name. If a record has none
// and the name has dots, it is a path into nested objects: dns.query is the
// value of query in the object dns. Of a repeated key the last value counts.
type JSONLReader struct {
	r       io.Reader
	opt     JSONLOptions
	buf     []byte
	lo, hi  int  // bytes read and not yet given out
	full    bool // the last read filled the buffer
	err     error
	format  *jsonFormat
	offset  int64
	lines   int64
	rows    int64
	bad     int64
	firstNo int64 // line number of the first bad line
}

// NewJSONLReader returns a reader of UTF-8 text without a byte order mark.
func NewJSONLReader(r io.Reader, opt JSONLOptions) *JSONLReader {
	if opt.BatchSize <= 0 {
		opt.BatchSize = batchSize
	}
	if opt.MaxLine <= 0 {
		opt.MaxLine = MaxRecord
	}
	opt.MaxLine = min(opt.MaxLine, 1<<31-1)
	opt.BatchSize = min(max(opt.BatchSize, 16), 1<<30)
	return &JSONLReader{r: r, opt: opt, format: newJSONFormat(record.Selection{})}
}

// Columns returns nil: JSON Lines has no header.
func (j *JSONLReader) Columns() ([]string, error) { return nil, nil }

// Select implements record.Reader. Which fields no record has is only known at
// the end, and said by Warnings.
func (j *JSONLReader) Select(sel record.Selection) []string {
	j.format = newJSONFormat(sel)
	return nil
}

// Read implements record.Reader.
func (j *JSONLReader) Read(b *record.Batch) error {
	*b = record.Batch{
		Rows: b.Rows[:0], Cells: b.Cells[:0], Format: j.format, Width: j.format.width, Store: b.Store,
		Annotations: b.Annotations, Prepared: b.Prepared, Encoded: b.Encoded,
	}
	end := j.fill(b.Store)
	b.Store = j.buf
	if end == 0 {
		return j.err
	}
	text := j.buf[:end]
	if text[end-1] != '\n' {
		// The scanner stops at a line feed: fill has left room for one.
		text = append(text, '\n')
	}
	j.rowsOf(b, text, end)
	b.Buf = j.buf[:end:end]
	j.offset += int64(end - j.lo)
	b.Offset = j.offset
	b.Final = j.err != nil && errors.Is(j.err, io.EOF)
	j.lo = end
	return nil
}

// firstSize is the size of the first batch. A source that fills the buffer
// gets larger ones.
const firstSize = 64 << 10

// fill reads until there are whole lines, at the end of the input until it
// ends, and returns their length. It uses store if that has the right size.
func (j *JSONLReader) fill(store []byte) int {
	size := len(j.buf)
	switch rest := j.hi - j.lo; {
	case size == 0:
		size = min(firstSize, j.opt.BatchSize) + 1
	case j.full && size <= j.opt.BatchSize:
		size = min(4*size, j.opt.BatchSize+1)
	case size > 4*j.opt.BatchSize && rest < j.opt.BatchSize: // after a very long line
		size = j.opt.BatchSize + 1
	}
	into := store
	if size != len(store) {
		into = make([]byte, size)
	}
	j.hi, j.lo = copy(into, j.buf[j.lo:j.hi]), 0
	j.buf = into
	j.full = false
	empty := 0
	for j.err == nil {
		if j.hi+1 >= len(j.buf) {
			if j.hi > j.opt.MaxLine {
				j.err = fmt.Errorf("line %d is longer than %d bytes (is the input JSON Lines?): %w", j.lines+1, j.opt.MaxLine, ErrTooLong)
				j.hi = 0
				break
			}
			grown := make([]byte, min(2*len(j.buf), max(j.opt.MaxLine, len(j.buf))+2))
			copy(grown, j.buf[:j.hi])
			j.buf = grown
		}
		n, err := j.r.Read(j.buf[j.hi : len(j.buf)-1])
		from := j.hi
		j.hi += n
		if err != nil {
			j.err = err
			break
		}
		j.full = j.hi+1 == len(j.buf)
		if lf := bytes.LastIndexByte(j.buf[from:j.hi], '\n'); lf >= 0 {
			return from + lf + 1
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty == 100 {
			j.err = io.ErrNoProgress
		}
	}
	return j.hi
}

// rowsOf finds the rows in the first end bytes of b, which ends in a line
// feed.
func (j *JSONLReader) rowsOf(batch *record.Batch, b []byte, end int) {
	width := batch.Width
	for i := 0; i < end; {
		start := jsonSpace(b, i)
		stop := -1
		switch b[start] {
		case '\n':
			j.lines++
			i = start + 1
			continue
		case '{':
			batch.Cells = grow(batch.Cells, width)
			stop = j.format.object(b, start, batch.Cells[len(batch.Cells)-width:])
		}
		next := 0
		row := record.Row{Start: uint32(start), End: uint32(stop)}
		if stop >= 0 {
			next = jsonSpace(b, stop)
		}
		if stop < 0 || b[next] != '\n' {
			if b[start] != '{' {
				batch.Cells = grow(batch.Cells, width)
			}
			next = j.badLine(batch, b, i, &row)
		}
		j.lines++
		j.rows++
		if n := len(batch.Rows); n > 0 {
			batch.Rows[n-1].Next = row.Start
		}
		batch.Rows = append(batch.Rows, row)
		i = next + 1
	}
	if n := len(batch.Rows); n > 0 {
		batch.Rows[n-1].Next = uint32(end)
	}
}

// badLine makes row the line that begins at i, and returns where it ends.
func (j *JSONLReader) badLine(batch *record.Batch, b []byte, i int, row *record.Row) int {
	cells := batch.Cells[len(batch.Cells)-batch.Width:]
	for c := range cells {
		cells[c] = record.Missing
	}
	lf := i + bytes.IndexByte(b[i:], '\n')
	stop := lf
	if stop > i && b[stop-1] == '\r' {
		stop--
	}
	*row = record.Row{Start: uint32(i), End: uint32(stop), Bad: true}
	if j.bad++; j.bad == 1 {
		j.firstNo = j.lines + 1
	}
	return lf
}

// grow adds n spans, whose values are left open.
func grow(cells []record.Span, n int) []record.Span {
	if len(cells)+n <= cap(cells) {
		return cells[:len(cells)+n]
	}
	return append(cells, make([]record.Span, n)...)
}

// NoField is the warning of a JSONLReader about a field that no record has.
func NoField(name string) string { return fmt.Sprintf("no record has the field %q", name) }

// Warnings implements record.Reader.
func (j *JSONLReader) Warnings() []string {
	var w []string
	switch {
	case j.bad == 1:
		w = append(w, fmt.Sprintf("line %d is no JSON object: it was written as it came", j.firstNo))
	case j.bad > 1:
		w = append(w, fmt.Sprintf("%d lines are no JSON objects, the first is line %d: they were written as they came", j.bad, j.firstNo))
	}
	if n := j.format.nested; n > 0 {
		w = append(w, fmt.Sprintf("%d values of the selected fields are objects or nested arrays and were not looked up", n))
	}
	if j.err != nil && j.rows > j.bad {
		for i, seen := range j.format.seen {
			if !seen {
				w = append(w, NoField(j.format.fields[i]))
			}
		}
	}
	return w
}
