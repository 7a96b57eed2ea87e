package codec

import (
	"bytes"
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
	rest    []byte // read and not yet given out; part of the last batch's Store
	eof     bool
	err     error

	lead, headerRaw, headerEnd []byte
	headerDone                 bool
	layout                     *layout
	started                    bool

	offset int64 // of what was given out

	// What was counted:
	records, odd, firstOdd int
	lines                  int    // beyond maxCounted one for each record
	unclosed               string // the warning about a quote that is never closed
}

// NewCSVReader returns a reader of UTF-8 text without a byte order mark.
func NewCSVReader(r io.Reader, d Dialect) *CSVReader {
	return &CSVReader{r: r, dialect: d}
}

// more reads bytes behind buf and returns the longer buf, which has moved if
// it was full. A long record is not scanned again for every few bytes that
// arrive.
func (c *CSVReader) more(buf []byte) ([]byte, error) {
	if len(buf) == cap(buf) {
		if len(buf) >= MaxRecord {
			return buf, fmt.Errorf("the record that begins at byte %d is longer than %d MiB (a quote that is never closed?): %w", c.offset+1, MaxRecord>>20, ErrTooLong)
		}
		buf = append(make([]byte, 0, max(2*cap(buf), batchSize)), buf...)
	}
	least := len(buf) + 1
	if len(buf) > batchSize/4 {
		least = min(2*len(buf), cap(buf))
	}
	for empty := 0; len(buf) < least && !c.eof; {
		n, err := c.r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if empty++; n > 0 {
			empty = 0
		}
		switch {
		case errors.Is(err, io.EOF):
			c.eof = true
		case err != nil:
			c.eof, c.err = true, err
		case empty == 100:
			c.eof, c.err = true, io.ErrNoProgress
		}
	}
	return buf, nil
}

// Columns implements record.Reader.
func (c *CSVReader) Columns() ([]string, error) {
	s := newScanner(c.dialect.Comma, 0)
	for !c.headerDone {
		row, _, ok := s.row(c.rest, 0, c.eof, nil)
		switch {
		case len(c.rest) == 0 && c.eof:
			return nil, c.ended()
		case !ok:
			var err error
			if c.rest, err = c.more(c.rest); err != nil {
				return nil, err
			}
		case row.Start == row.End && row.Next > row.End: // a blank line before the header
			c.lead = append(c.lead, c.rest[row.Start:row.Next]...)
			c.rest = c.rest[row.Next:]
		default:
			c.headerRaw = append([]byte{}, c.rest[row.Start:row.End]...)
			c.headerEnd = append([]byte{}, c.rest[row.End:row.Next]...)
			c.rest, c.headerDone = c.rest[row.Next:], true
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
	if err := c.Take(b); err != nil {
		return err
	}
	c.Find(b)
	c.Count(b)
	return nil
}

// Take implements record.Divided.
func (c *CSVReader) Take(b *record.Batch) error {
	if !c.headerDone {
		return c.ended()
	}
	buf := b.Store[:0]
	if need := max(batchSize, len(c.rest)+1); cap(buf) < need {
		if need > batchSize { // of a long record
			need *= 2
		}
		buf = make([]byte, 0, need)
	}
	buf = append(buf, c.rest...)
	end := 0
	for {
		if end = len(buf); !c.eof {
			end = c.layout.scan.whole(buf)
		}
		if end > 0 || (c.eof && !c.started) {
			break
		}
		if c.eof {
			return c.ended()
		}
		var err error
		if buf, err = c.more(buf); err != nil {
			return err
		}
	}
	c.started = true
	c.offset += int64(end)
	c.rest = buf[end:]
	b.Store, b.Buf = buf, buf[:end:end]
	if cap(buf) > 4*batchSize && len(buf) < batchSize { // after a very long record
		b.Store = nil
	}
	b.Rows, b.Cells, b.Odd = b.Rows[:0], b.Cells[:0], b.Odd[:0]
	b.Offset, b.Final = c.offset, c.eof
	return nil
}

// Find implements record.Divided.
func (c *CSVReader) Find(b *record.Batch) { c.layout.fillBatch(b, b.Buf, 0) }

// Count implements record.Divided.
func (c *CSVReader) Count(b *record.Batch) {
	n := len(b.Rows)
	if n == 0 {
		return
	}
	if b.Final {
		c.checkQuotes(b)
	}
	if len(b.Odd) > 0 && c.odd == 0 {
		c.firstOdd = c.records + b.Odd[0].Row + 1
	}
	if b.Offset <= maxCounted {
		c.lines += bytes.Count(b.Buf, newline)
	} else {
		c.lines += n
	}
	c.odd += len(b.Odd)
	c.records += n
}

// maxCounted is how far lines are counted for a warning that is given rarely.
const maxCounted = 4 << 20

// checkQuotes notes whether the last record of the input, in a batch that is
// not counted yet, has a quote that is never closed: it then holds whatever
// came behind.
func (c *CSVReader) checkQuotes(b *record.Batch) {
	buf, last := b.Buf, b.Rows[len(b.Rows)-1]
	rec := buf[last.Start:last.End]
	s := newScanner(c.dialect.Comma, 0)
	for p := 0; p < len(rec); p++ {
		if rec[p] == '"' {
			begin := p
			if p = quoted(rec, p); p < 0 {
				line := 1 + bytes.Count(c.lead, newline) + bytes.Count(c.headerRaw, newline) + bytes.Count(c.headerEnd, newline) +
					c.lines + bytes.Count(buf[:int(last.Start)+begin], newline)
				about := "line"
				if b.Offset > maxCounted {
					about = "about line"
				}
				c.unclosed = fmt.Sprintf("a quote in %s %d is never closed: its cell holds the rest of the input (lines: %d)", about, line, bytes.Count(bytes.TrimRight(rec[begin:], "\r\n"), newline)+1)
				return
			}
		}
		for p < len(rec) && rec[p] != c.dialect.Comma {
			p = s.bare(rec, p)
			if p < len(rec) && rec[p] == '\n' {
				p++
			}
		}
	}
}

var newline = []byte{'\n'}

// Warnings implements record.Reader.
func (c *CSVReader) Warnings() []string {
	var w []string
	if c.headerDone && len(c.layoutNames()) == 1 && strings.ContainsAny(c.layoutNames()[0], ";\t|") {
		w = append(w, fmt.Sprintf("the header is one column %q: is the format right?", c.layoutNames()[0]))
	}
	if c.unclosed != "" {
		w = append(w, c.unclosed)
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
func (l *layout) fillBatch(b *record.Batch, buf []byte, from int) {
	b.Buf, b.Format, b.Width, b.Twins = buf, l, l.scan.width, l.twins
	b.Rows, b.Cells, b.Odd = b.Rows[:0], b.Cells[:0], b.Odd[:0]
	if len(buf) > 0 {
		l.scan.reserve(b, buf[from:])
		l.scan.scanTo(b, from, len(buf))
	}
}
