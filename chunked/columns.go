package chunked

import (
	"bytes"
	"fmt"
	"slices"
)

// columns are the columns of a request.
type columns struct {
	header []byte // the record as received, without its line end
	names  []string
	index  map[string]int
	fields []string // the names that a command's author sees
}

// isInternal reports whether a column belongs to the protocol.
func isInternal(name string) bool {
	_, mv := MVField(name)
	return mv || name == ChunkedIdx
}

// parseColumns reads the header record at the begin of body. It returns old
// when that has the same header. Without a header it returns nil.
func parseColumns(old *columns, body []byte) (c *columns, next int, err error) {
	if len(body) == 0 {
		return nil, 0, nil
	}
	cells, end, next, err := splitRecord(nil, body, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("chunked: the header of a request: %w", err)
	}
	if old != nil && bytes.Equal(old.header, body[:end]) {
		return old, next, nil
	}
	c = &columns{header: bytes.Clone(body[:end]), index: make(map[string]int, len(cells))}
	var scratch []byte
	for i, cell := range cells {
		name := string(cellValue(&scratch, body[cell.start:cell.end]))
		c.names = append(c.names, name)
		if _, dup := c.index[name]; !dup {
			c.index[name] = i
		}
		if !isInternal(name) {
			c.fields = append(c.fields, name)
		}
	}
	return c, next, nil
}

// column returns the index of a column, -1 if there is none. It takes a nil
// receiver.
func (c *columns) column(name string) int {
	if c != nil {
		if i, ok := c.index[name]; ok {
			return i
		}
	}
	return -1
}

// outputs are the fields a command may set. Output i has two cells: 2*i is its
// value and 2*i+1 that of its __mv_ column.
type outputs struct {
	names []string
	index map[string]int
}

func newOutputs(names []string) (*outputs, error) {
	o := &outputs{names: slices.Clone(names), index: make(map[string]int, len(names))}
	for i, n := range names {
		if n == "" || isInternal(n) {
			return nil, fmt.Errorf("chunked: Outputs: %q cannot be a field of a reply", n)
		}
		if _, dup := o.index[n]; dup {
			return nil, fmt.Errorf("chunked: Outputs: %q is there twice", n)
		}
		o.index[n] = i
	}
	return o, nil
}

// layout says how a reply is made of a request's columns and the outputs: the
// columns, some of which an output overwrites, and then the other outputs.
type layout struct {
	cols   *columns // nil if only outputs are replied
	header []byte   // with line end
	over   []int    // for each column the output cell that overwrites it, or -1
	extra  []int    // the output cells of the further columns
}

func newLayout(cols *columns, outs *outputs) *layout {
	l := &layout{cols: cols}
	if cols != nil {
		l.header = slices.Clone(cols.header)
		l.over = slices.Repeat([]int{-1}, len(cols.names))
	}
	place := func(name string, cell int) {
		if i := cols.column(name); i >= 0 {
			l.over[i] = cell
			return
		}
		if len(l.header) > 0 || len(l.extra) > 0 {
			l.header = append(l.header, ',')
		}
		l.header = AppendCell(l.header, name)
		l.extra = append(l.extra, cell)
	}
	for i, n := range outs.names {
		place(n, 2*i)
	}
	for i, n := range outs.names {
		place(MVName(n), 2*i+1)
	}
	l.header = append(l.header, '\n')
	return l
}
