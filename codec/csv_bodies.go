package codec

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/tclookup/tclookup/record"
)

// CSVBodies reads complete bodies one after the other, each with a header of
// its own, as the chunked protocol sends them, and writes them again. While
// splunkd waits for a reply it does nothing, so large bodies are worked on by
// two goroutines. It is not safe for concurrent use.
type CSVBodies struct {
	dialect Dialect
	sel     record.Selection
	layout  *layout
	second  record.Batch // the second half of a large body

	// What is being written:
	writing *record.Batch
	out     []byte       // its header
	row     int          // to come next, -1 before the header
	odd     []record.Odd // to come
}

// largeBody is the size from which it pays to work on both halves of a body at
// the same time, in bytes.
const largeBody = 256 << 10

// NewCSVBodies returns a reader and writer of bodies.
func NewCSVBodies(d Dialect, sel record.Selection) *CSVBodies {
	return &CSVBodies{dialect: d, sel: sel}
}

// Parse marks the records of body in b, which keeps body until the next
// Parse. missing are the selected fields that the body does not have.
func (c *CSVBodies) Parse(body []byte, b *record.Batch) (missing []string, err error) {
	if uint64(len(body)) > 1<<32-1 {
		return nil, fmt.Errorf("body of %d bytes: more than 4 GiB cannot be read at once", len(body))
	}
	s := newScanner(c.dialect.Comma, 0)
	row, _, _ := s.row(body, 0, true, nil)
	raw := body[:row.End]
	if c.layout == nil || string(c.layout.raw) != string(raw) {
		c.layout = newLayout(c.dialect, raw, c.sel)
	}
	if from := int(row.Next); !c.parseHalves(body, from, b) {
		c.layout.fillBatch(b, body, from)
	}
	b.Final = true
	return c.layout.missing, nil
}

// parseHalves marks both halves of a large body at the same time. It returns
// false if the body is small, or could not be cut where a record begins.
func (c *CSVBodies) parseHalves(body []byte, from int, b *record.Batch) bool {
	if len(body)-from < largeBody || runtime.GOMAXPROCS(0) < 2 {
		return false
	}
	mid := split(body, from)
	if mid < 0 {
		return false
	}
	l := c.layout
	l.fillBatch(b, body[:0], 0)
	l.fillBatch(&c.second, body[:0], 0)
	b.Buf, c.second.Buf = body, body
	var half sync.WaitGroup
	half.Go(func() { l.scan.scanTo(&c.second, mid, len(body)) })
	end := l.scan.scanTo(b, from, mid)
	half.Wait()
	if end != mid { // the first half decides: no record begins there
		return false
	}
	first := len(b.Rows)
	for _, o := range c.second.Odd {
		o.Row += first
		b.Odd = append(b.Odd, o)
	}
	b.Rows = append(b.Rows, c.second.Rows...)
	b.Cells = append(b.Cells, c.second.Cells...)
	c.second.Buf = nil
	return true
}

// pieceSize is about how much Next appends, in bytes: it should still be in a
// core's cache when it is written.
const pieceSize = 128 << 10

// Begin prepares the writing of a batch that Parse filled and returns how many
// bytes the body will have: the header with the added columns, and the records
// with their annotations.
func (c *CSVBodies) Begin(b *record.Batch) (size int) {
	l := b.Format.(*layout)
	c.writing, c.row, c.odd = b, -1, b.Odd
	c.out = append(l.appendHeader(c.out[:0]), '\n')
	l.encode(b)
	return len(c.out) + l.measure(b)
}

// Next appends the next piece of the body of the last Begin to dst. It appends
// nothing when all has come.
func (c *CSVBodies) Next(dst []byte) []byte {
	b := c.writing
	l := b.Format.(*layout)
	begun := len(dst)
	if c.row < 0 {
		dst, c.row = append(dst, c.out...), 0
	}
	for n := len(b.Rows); c.row < n && len(dst)-begun < pieceSize; {
		// As many rows as fill the piece if they are like this one.
		row := &b.Rows[c.row]
		to := min(n, c.row+1+(pieceSize-(len(dst)-begun))/(2*int(row.Next-row.Start)+64))
		odd := 0
		for odd < len(c.odd) && c.odd[odd].Row < to {
			odd++
		}
		dst = l.appendRows(dst, b, c.row, to, c.odd[:odd])
		c.row, c.odd = to, c.odd[odd:]
	}
	return dst
}

// Append appends the whole body of a batch that Parse filled to dst.
func (c *CSVBodies) Append(dst []byte, b *record.Batch) []byte {
	dst = slices.Grow(dst, c.Begin(b))
	for n := -1; n < len(dst); {
		n = len(dst)
		dst = c.Next(dst)
	}
	return dst
}
