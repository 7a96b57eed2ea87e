package chunkedtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/chunked"
)

// A Table is a list of events. Cells are lists of values: none, one, or
// several of a multivalue field.
type Table struct {
	Columns []string
	Rows    [][]Cell
}

// A Cell is the values of one field of one event.
type Cell []string

// String returns the values joined by LF, as the plain column has them.
func (c Cell) String() string { return strings.Join(c, "\n") }

// NewTable returns a table without rows.
func NewTable(columns ...string) *Table { return &Table{Columns: columns} }

// Add adds a row. A string is one value, or none if it is empty; a []string is
// the values themselves; anything else is printed. Cells that are not given
// are empty. It returns the table.
func (t *Table) Add(cells ...any) *Table {
	row := make([]Cell, max(len(t.Columns), len(cells)))
	for i, c := range cells {
		switch c := c.(type) {
		case []string:
			row[i] = c
		case nil:
		default:
			if s := fmt.Sprint(c); s != "" {
				row[i] = Cell{s}
			}
		}
	}
	t.Rows = append(t.Rows, row)
	return t
}

// Get returns the value of a field as the plain column has it, empty if there
// is none.
func (t *Table) Get(row int, column string) string { return t.Values(row, column).String() }

// Values returns the values of a field, nil if there are none.
func (t *Table) Values(row int, column string) Cell {
	if i := slices.Index(t.Columns, column); i >= 0 && row < len(t.Rows) {
		return t.Rows[row][i]
	}
	return nil
}

// Encode returns the table as the CSV that splunkd sends: all columns, then
// the __mv_ column of each; only letters and digits stand without quotes.
func (t *Table) Encode() []byte {
	var b []byte
	for i, c := range slices.Concat(t.Columns, twins(t.Columns)) {
		b = appendSplunk(comma(b, i), c)
	}
	b = append(b, '\n')
	for _, row := range t.Rows {
		for i, c := range row {
			b = appendSplunk(comma(b, i), c.String())
		}
		for _, c := range row {
			b = append(b, ',')
			if len(c) > 1 {
				b = appendSplunk(b, string(chunked.AppendMV(nil, c...)))
			}
		}
		b = append(b, '\n')
	}
	return b
}

func twins(columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = chunked.MVName(c)
	}
	return out
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

func appendSplunk(b []byte, s string) []byte {
	bare := true
	for i := range len(s) {
		c := s[i] | 0x20
		bare = bare && (c >= 'a' && c <= 'z' || s[i] >= '0' && s[i] <= '9')
	}
	if bare {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}

// table makes a Table of records; a column that is the twin of another is
// part of its cells. A malformed twin is left out of account, as splunkd is
// taken to do.
func (r *records) table() *Table {
	t := &Table{}
	at := []int{}
	for i, c := range r.names {
		if f, mv := chunked.MVField(c); mv && r.column(f) >= 0 {
			continue
		}
		t.Columns = append(t.Columns, c)
		at = append(at, i)
	}
	for _, rec := range r.rows {
		row := make([]Cell, len(at))
		for j, i := range at {
			row[j] = r.cell(rec, i)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *records) cell(rec []string, i int) Cell {
	var c Cell
	if twin := r.column(chunked.MVName(r.names[i])); twin >= 0 && rec[twin] != "" {
		if chunked.DecodeMV([]byte(rec[twin]), func(v []byte) bool {
			c = append(c, string(v))
			return true
		}) {
			return c
		}
	}
	if rec[i] == "" {
		return nil
	}
	return Cell{rec[i]}
}

// records are the records of a CSV body.
type records struct {
	header []byte
	names  []string
	index  map[string]int
	rows   [][]string
}

func (r *records) column(name string) int {
	if i, ok := r.index[name]; ok {
		return i
	}
	return -1
}

// parseCSV reads a body strictly. It is a reader of its own, to be a second
// opinion on what a command writes.
func parseCSV(body []byte) (*records, *Violation) {
	if len(body) == 0 {
		return nil, nil
	}
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return nil, broken(RuleCSV, "it begins with a byte order mark")
	}
	r := &records{index: map[string]int{}}
	for rest := body; len(rest) > 0; {
		rec, n, v := parseRecord(rest)
		if v != nil {
			v.Detail = fmt.Sprintf("record %d: %s", len(r.rows), v.Detail)
			return nil, v
		}
		if r.header == nil {
			r.header, r.names = rest[:n], rec
		} else {
			r.rows = append(r.rows, rec)
		}
		if len(rec) != len(r.names) {
			return nil, broken(RuleCSV, "record %d has %d cells, the header has %d", len(r.rows), len(rec), len(r.names))
		}
		rest = rest[n:]
	}
	for i, n := range r.names {
		if n == "" {
			return nil, broken(RuleCSV, "column %d has no name", i+1)
		}
		if _, dup := r.index[n]; dup {
			return nil, broken(RuleCSV, "there are two columns %q", n)
		}
		r.index[n] = i
	}
	return r, nil
}

// parseRecord reads one record and returns its length with the line end.
func parseRecord(s []byte) (cells []string, n int, v *Violation) {
	for {
		var cell []byte
		if n < len(s) && s[n] == '"' {
			for n++; ; n++ {
				if n >= len(s) {
					return nil, 0, broken(RuleCSV, "a quoted cell has no end")
				}
				if s[n] != '"' {
					cell = append(cell, s[n])
				} else if n+1 < len(s) && s[n+1] == '"' {
					cell = append(cell, '"')
					n++
				} else {
					n++
					break
				}
			}
		} else {
			for n < len(s) && s[n] != ',' && s[n] != '\n' && s[n] != '\r' {
				if s[n] == '"' {
					return nil, 0, broken(RuleCSV, "a quote in a cell that is not quoted")
				}
				cell = append(cell, s[n])
				n++
			}
		}
		cells = append(cells, string(cell))
		switch {
		case n < len(s) && s[n] == ',':
			n++
		case n < len(s) && s[n] == '\n':
			return cells, n + 1, nil
		case n+1 < len(s) && s[n] == '\r' && s[n+1] == '\n':
			return cells, n + 2, nil
		case n == len(s):
			return nil, 0, broken(RuleCSV, "the last record has no line end")
		default:
			return nil, 0, broken(RuleCSV, "byte %q behind a quoted cell", s[n])
		}
	}
}
