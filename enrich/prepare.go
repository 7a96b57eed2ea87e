package enrich

import (
	"slices"
	"sync"

	"github.com/tclookup/tclookup/record"
)

// This file is what is done once a row: which cell has it, and how many rows has
// each. It allocates nothing, and does not look at the cells themselves.

// Prepare does the part of Enrich that needs nothing but the batch and what is
// known already: it looks up the cells of the rows. It may be called for several
// batches at the same time, and while another goroutine is in Enrich with an
// earlier one, so that this work is done where the rows are still in the
// processor's cache. Enrich does it itself otherwise.
func (e *Enricher) Prepare(b *record.Batch) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	e.lookUp(b, false)
}

// lookUp sets the annotations of the rows to the numbers of their cells, with
// two goroutines for the halves of the batch if that is asked for. Most cells
// are known.
func (e *Enricher) lookUp(b *record.Batch, halves bool) {
	n := len(b.Rows)
	b.Annotations = slices.Grow(b.Annotations[:0], len(e.fields)+1)[:len(e.fields)]
	for i := range e.fields {
		of := slices.Grow(b.Annotations[i].Of[:0], n)[:n]
		b.Annotations[i].Of = of
		if !halves {
			e.probe(b, i, of, 0, n)
			continue
		}
		var half sync.WaitGroup
		half.Go(func() { e.probe(b, i, of, n/2, n) })
		e.probe(b, i, of, 0, n/2)
		half.Wait()
	}
	p, ok := b.Prepared.(*prepared)
	if !ok || len(p.fields) != len(e.fields) {
		p = &prepared{fields: make([]counted, len(e.fields))}
		b.Prepared = p
	}
	if p.gen++; p.gen == 0 { // the tallies would take an old batch for this one
		*p = prepared{gen: 1, fields: make([]counted, len(e.fields))}
	}
	for i := range e.fields {
		p.fields[i].count(b.Annotations[i].Of, len(e.fields[i].known), p.gen)
	}
	b.Mark = e.epoch
}

// prepared is what is known of a batch before it is enriched. It lies in the
// batch's Prepared.
type prepared struct {
	gen    uint32
	fields []counted
}

// counted are the distinct cells of one field of a batch, by their numbers.
type counted struct {
	ids     []uint32 // in the order of their first rows
	missed  []int    // rows whose cells have no number yet
	tallies []tally  // by number
}

// tally counts a cell in a batch. It is apart from the cell since every row
// needs it, and little else.
type tally struct {
	gen   uint32 // of the batch that index and rows are about
	index uint32 // in the distinct cells
	rows  uint32
}

// count finds the distinct numbers of of, and sets of to their places among
// them. There are known numbers.
func (c *counted) count(of []uint32, known int, gen uint32) {
	c.reach(known)
	ids, tallies := c.ids[:0], c.tallies
	c.missed = c.missed[:0]
	for r, id := range of {
		if id == noCell {
			if len(c.missed) == 0 {
				c.missed = slices.Grow(c.missed, len(of)-r)
			}
			c.missed = append(c.missed, r)
			continue
		}
		t := &tallies[id]
		if t.gen != gen {
			*t = tally{gen, uint32(len(ids)), 0}
			ids = append(ids, id)
		}
		t.rows++
		of[r] = t.index
	}
	c.ids = ids
}

// reach makes room for tallies of known numbers.
func (c *counted) reach(known int) {
	if n := len(c.tallies); n < known {
		c.tallies = slices.Grow(c.tallies, known-n)[:known]
		clear(c.tallies[n:])
	}
}

// collect finds the cells of field i of a batch that was looked up, and makes
// those that are new.
func (e *Enricher) collect(b *record.Batch, i int) {
	f := &e.fields[i]
	p := b.Prepared.(*prepared)
	c, of := &p.fields[i], b.Annotations[i].Of
	if len(c.missed) > 0 {
		e.mu.Lock()
		for _, r := range c.missed {
			of[r] = e.cellOf(b, i, r)
		}
		e.mu.Unlock()
		c.reach(len(f.known))
		for _, r := range c.missed {
			id := of[r]
			t := &c.tallies[id]
			if t.gen != p.gen {
				*t = tally{p.gen, uint32(len(c.ids)), 0}
				c.ids = append(c.ids, id)
			}
			t.rows++
			of[r] = t.index
		}
	}
	f.cells = slices.Grow(f.cells[:0], len(c.ids))
	for _, id := range c.ids {
		cell := f.known[id]
		cell.rows = c.tallies[id].rows
		cell.batches++
		f.cells = append(f.cells, cell)
	}
}

// largeBatch is the number of rows from which it pays to look them up in two
// goroutines.
const largeBatch = 4096

// probe sets of to the numbers of the cells of the rows from, to that are known,
// to noCell where they are not.
func (e *Enricher) probe(b *record.Batch, i int, of []uint32, from, to int) {
	f := &e.fields[i]
	var keys [several][]byte
	var rows [several]int
	var ids [several]uint32
	n := 0
	find := func() {
		f.plain.findSeveral(keys[:n], ids[:])
		for k := range n {
			of[rows[k]] = ids[k]
		}
		n = 0
	}
	for r := from; r < to; r++ {
		raw := b.Cell(r, i)
		if twin := b.Twin(r, i); len(twin) > 0 {
			of[r] = f.twin.find(twin)
		} else if len(raw) == 0 || b.Rows[r].Bad {
			of[r] = emptyCell
		} else {
			keys[n], rows[n] = raw, r
			if n++; n == several {
				find()
			}
		}
	}
	find()
}
