package chunkedtest

import (
	"slices"
	"strconv"

	"github.com/tclookup/tclookup/chunked"
)

// project returns the events with some fields only; one that no event has is
// empty.
func (t *Table) project(fields []string) *Table {
	p := &Table{Columns: slices.Clone(fields), Rows: make([][]Cell, len(t.Rows))}
	for n := range t.Rows {
		p.Rows[n] = make([]Cell, len(fields))
		for i, f := range fields {
			p.Rows[n][i] = t.Values(n, f)
		}
	}
	return p
}

// index adds _chunked_idx to a projection.
func (t *Table) index() *Table {
	t.Columns = append(t.Columns, chunked.ChunkedIdx)
	for n := range t.Rows {
		t.Rows[n] = append(t.Rows[n], Cell{strconv.Itoa(n)})
	}
	return t
}

// merge returns the events with the cells of a reply put into them.
func (t *Table) merge(reply *Table) *Table {
	m := &Table{Columns: slices.Clone(t.Columns)}
	for _, row := range t.Rows {
		m.Rows = append(m.Rows, slices.Clone(row))
	}
	if reply == nil {
		return m
	}
	for i, c := range reply.Columns {
		if c == chunked.ChunkedIdx {
			continue
		}
		at := m.need(c)
		for n := range reply.Rows {
			if to, err := strconv.Atoi(reply.Get(n, chunked.ChunkedIdx)); err == nil && to >= 0 && to < len(m.Rows) {
				m.Rows[to][at] = reply.Rows[n][i]
			}
		}
	}
	return m
}

// need returns the index of a column, which is added if there is none.
func (t *Table) need(column string) int {
	if i := slices.Index(t.Columns, column); i >= 0 {
		return i
	}
	t.Columns = append(t.Columns, column)
	for n := range t.Rows {
		t.Rows[n] = append(t.Rows[n], nil)
	}
	return len(t.Columns) - 1
}

// add appends the rows of more, whose columns may differ.
func (t *Table) add(more *Table) {
	if more == nil {
		return
	}
	at := make([]int, len(more.Columns))
	for i, c := range more.Columns {
		at[i] = t.need(c)
	}
	for _, row := range more.Rows {
		wide := make([]Cell, len(t.Columns))
		for i, c := range row {
			wide[at[i]] = c
		}
		t.Rows = append(t.Rows, wide)
	}
}
