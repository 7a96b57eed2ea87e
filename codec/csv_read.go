package codec

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tclookup/tclookup/record"
)

// ErrTooLong is the error of a record that is longer than the reader's bound.
var ErrTooLong = errors.New("record too long")

const (
	batchSize = 1 << 20
	// MaxRecord is the longest record that is read from a stream, in bytes.
	MaxRecord = 256 << 20
)

// CSVReader reads separated text with a header from a stream. It hands on
// whole records as they arrive: a slow pipe is not made to wait for a full
// buffer.
type CSVReader struct {
	r       io.Reader
	dialect Dialect
	buf     []byte
	lo, hi  int // the bytes not yet given out
	eof     bool
	err     error

	lead, headerRaw, headerEnd []byte
	headerDone                 bool
	layout                     *layout
	started                    bool

	offset                        int64 // of what was given out
	records, odd, blank, firstOdd int
}

// NewCSVReader returns a reader of UTF-8 text without a byte order mark.
func NewCSVReader(r io.Reader, d Dialect) *CSVReader {
	return &CSVReader{r: r, dialect: d, buf: make([]byte, 0, batchSize)}
}

// fill reads more bytes behind buf[hi]. It moves what is left to the front
// and grows the buffer when it is full.
func (c *CSVReader) fill() error {
	if c.lo > 0 {
		c.hi = copy(c.buf[:cap(c.buf)], c.buf[c.lo:c.hi])
		c.lo = 0
	}
	if c.hi == cap(c.buf) {
		if c.hi >= MaxRecord {
			return fmt.Errorf("record %d is longer than %d MiB (a quote that is never closed?): %w", c.records+2, MaxRecord>>20, ErrTooLong)
		}
		grown := make([]byte, 2*cap(c.buf))
		copy(grown, c.buf[:c.hi])
		c.buf = grown[:c.hi]
	}
	// A long record is not scanned again for every few bytes that arrive.
	least := c.hi + 1
	if c.hi > batchSize/4 {
		least = min(2*c.hi, cap(c.buf))
	}
	for c.hi < least && !c.eof {
		n, err := c.r.Read(c.buf[c.hi:cap(c.buf)])
		c.hi += n
		if err == io.EOF {
			c.eof = true
		} else if err != nil {
			c.eof, c.err = true, err
		}
	}
	return nil
}

// Columns implements record.Reader.
func (c *CSVReader) Columns() ([]string, error) {
	s := scanner{comma: c.dialect.Comma, comma8: lsb * uint64(c.dialect.Comma)}
	for !c.headerDone {
		row, _, ok := s.row(c.buf[:c.hi], c.lo, c.eof, nil)
		switch {
		case c.lo == c.hi && c.eof:
			return nil, c.ended()
		case !ok:
			if err := c.fill(); err != nil {
				return nil, err
			}
		case row.Start == row.End && row.Next > row.End: // a blank line before the header
			c.lead = append(c.lead, c.buf[row.Start:row.Next]...)
			c.lo = int(row.Next)
		default:
			c.headerRaw = append([]byte{}, c.buf[row.Start:row.End]...)
			c.headerEnd = append([]byte{}, c.buf[row.End:row.Next]...)
			c.lo, c.headerDone = int(row.Next), true
			c.offset = int64(len(c.lead) + len(c.headerRaw) + len(c.headerEnd))
		}
	}
	return c.dialect.parseHeader(c.headerRaw), nil
}

func (c *CSVReader) ended() error {
	if c.err != nil {
		return c.err
	}
	return io.EOF
}

// Select implements record.Reader.
func (c *CSVReader) Select(sel record.Selection) []string {
	c.layout = newLayout(c.dialect, c.headerRaw, sel)
	c.layout.lead, c.layout.headerEnd = c.lead, c.headerEnd
	return c.layout.missing
}

// Read implements record.Reader. The first batch comes even if it has no
// records, so that the header is written.
func (c *CSVReader) Read(b *record.Batch) error {
	if !c.headerDone {
		return c.ended()
	}
	for {
		if c.lo < c.hi {
			c.layout.fillBatch(b, c.buf[:c.hi], c.lo, c.eof)
		} else {
			c.layout.fillBatch(b, nil, 0, true)
		}
		if len(b.Rows) > 0 || (c.eof && !c.started) {
			break
		}
		if c.eof {
			return c.ended()
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
	c.started = true
	if n := len(b.Rows); n > 0 {
		next := int(b.Rows[n-1].Next)
		c.offset += int64(next - c.lo)
		c.lo = next
		c.count(b)
	}
	b.Offset, b.Final = c.offset, c.eof && c.lo == c.hi
	return nil
}

func (c *CSVReader) count(b *record.Batch) {
	for _, r := range b.Rows {
		if r.Bad {
			c.blank++
		}
	}
	if len(b.Odd) > 0 && c.odd == 0 {
		c.firstOdd = c.records + b.Odd[0].Row + 1
	}
	c.odd += len(b.Odd)
	c.records += len(b.Rows)
}

// Warnings implements record.Reader.
func (c *CSVReader) Warnings() []string {
	var w []string
	if c.headerDone && len(c.layoutNames()) == 1 && strings.ContainsAny(c.layoutNames()[0], ";\t|") {
		w = append(w, fmt.Sprintf("the header is one column %q: is the format right?", c.layoutNames()[0]))
	}
	if c.odd > 0 {
		w = append(w, fmt.Sprintf("%d of %d records have more or fewer cells than the header (first: record %d); added columns stand under their names all the same", c.odd, c.records, c.firstOdd))
	}
	return w
}

func (c *CSVReader) layoutNames() []string {
	if c.layout == nil {
		return nil
	}
	return c.layout.names
}

// fillBatch marks the records of buf[from:] in b.
func (l *layout) fillBatch(b *record.Batch, buf []byte, from int, final bool) {
	b.Buf, b.Format, b.Width, b.Twins = buf, l, l.scan.width, l.twins
	b.Rows, b.Cells, b.Odd = b.Rows[:0], b.Cells[:0], b.Odd[:0]
	b.Annotations = b.Annotations[:0]
	b.Final = final
	if len(buf) > 0 {
		l.scan.scan(b, from, final)
	}
}

// CSVBodies reads complete bodies one after the other, each with a header of
// its own, as the chunked protocol sends them.
type CSVBodies struct {
	dialect Dialect
	sel     record.Selection
	layout  *layout
}

// NewCSVBodies returns a reader of bodies.
func NewCSVBodies(d Dialect, sel record.Selection) *CSVBodies {
	return &CSVBodies{dialect: d, sel: sel}
}

// Parse marks the records of body in b, which keeps body until the next
// Parse. missing are the selected fields that the body does not have.
func (c *CSVBodies) Parse(body []byte, b *record.Batch) (missing []string, err error) {
	if uint64(len(body)) > 1<<32-1 {
		return nil, fmt.Errorf("body of %d bytes: more than 4 GiB cannot be read at once", len(body))
	}
	s := scanner{comma: c.dialect.Comma, comma8: lsb * uint64(c.dialect.Comma)}
	row, _, _ := s.row(body, 0, true, nil)
	raw := body[:row.End]
	if c.layout == nil || string(c.layout.raw) != string(raw) {
		c.layout = newLayout(c.dialect, raw, c.sel)
	}
	c.layout.fillBatch(b, body, int(row.Next), true)
	return c.layout.missing, nil
}
