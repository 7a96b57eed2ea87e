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
	out     []byte       // the second half of a large reply
}

// largeBody is the size from which it pays to work on both halves of a body at
// the same time, in bytes; largeRows the same for a reply, in rows.
const (
	largeBody = 256 << 10
	largeRows = 4096
)

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
	s := scanner{comma: c.dialect.Comma, comma8: lsb * uint64(c.dialect.Comma)}
	row, _, _ := s.row(body, 0, true, nil)
	raw := body[:row.End]
	if c.layout == nil || string(c.layout.raw) != string(raw) {
		c.layout = newLayout(c.dialect, raw, c.sel)
	}
	if from := int(row.Next); !c.parseHalves(body, from, b) {
		c.layout.fillBatch(b, body, from, true)
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
	l.fillBatch(b, body[:0], 0, true)
	l.fillBatch(&c.second, body[:0], 0, true)
	b.Buf, c.second.Buf = body, body
	var half sync.WaitGroup
	half.Go(func() { l.scan.scan(&c.second, mid, true) })
	end := l.scan.scanTo(b, from, mid, true)
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

// Append appends a batch that Parse filled to dst: the header with the added
// columns, and the records with their annotations.
func (c *CSVBodies) Append(dst []byte, b *record.Batch) []byte {
	l := b.Format.(*layout)
	dst = append(l.appendHeader(dst), '\n')
	l.encode(b.Annotations)
	n := len(b.Rows)
	if n < largeRows || runtime.GOMAXPROCS(0) < 2 {
		return l.appendRows(dst, b, 0, n, b.Odd)
	}
	odd, _ := slices.BinarySearchFunc(b.Odd, n/2, func(o record.Odd, row int) int { return o.Row - row })
	var half sync.WaitGroup
	half.Go(func() { c.out = l.appendRows(c.out[:0], b, n/2, n, b.Odd[odd:]) })
	dst = l.appendRows(dst, b, 0, n/2, b.Odd[:odd])
	half.Wait()
	dst = append(dst, c.out...)
	if cap(c.out) > 4*len(c.out) && cap(c.out) > 1<<20 { // after an unusually large reply
		c.out = nil
	}
	return dst
}
