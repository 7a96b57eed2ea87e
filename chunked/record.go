package chunked

import (
	"fmt"
	"slices"
)

// A Record is one row. What its methods return, other than strings, and the
// Record itself are valid until the function that got it returns, but for the
// records of an [EventsCommand], which last until the end.
type Record struct {
	insp *Inspector
	cols *columns // nil for a record that is made by the command
	outs *outputs

	body       []byte
	start, end int
	cells      []span // of cols; empty until asked for

	set     []bool   // for each output
	vals    [][]byte // the output cells as they are written
	touched bool     // an output was set
	dropped bool
	scratch []byte
	err     error
}

func newRecord(insp *Inspector, outs *outputs) *Record {
	return &Record{insp: insp, outs: outs, set: make([]bool, len(outs.names)), vals: make([][]byte, 2*len(outs.names))}
}

// reset makes r the next record.
func (r *Record) reset() {
	if r.touched {
		clear(r.set)
	}
	r.touched, r.dropped = false, false
}

// Inspector takes messages and metrics for the reply.
func (r *Record) Inspector() *Inspector { return r.insp }

// Fields returns the names of the fields that came with the request, in order.
func (r *Record) Fields() []string {
	if r.cols == nil {
		return nil
	}
	return slices.Clone(r.cols.fields)
}

// Has reports whether the field came with the request. splunkd does not tell
// an empty field from one the event does not have.
func (r *Record) Has(field string) bool { return !isInternal(field) && r.cols.column(field) >= 0 }

// Get returns the value of a field, empty if there is none. The values of a
// multivalue field are joined by LF.
func (r *Record) Get(field string) string { return string(r.Bytes(field)) }

// Bytes is Get without an allocation; the bytes are valid until the next call
// for this record and must not be changed.
func (r *Record) Bytes(field string) []byte {
	if isInternal(field) {
		return nil
	}
	if i, ok := r.outs.index[field]; ok && r.set[i] {
		return r.value(r.vals[2*i])
	}
	return r.value(r.cell(r.cols.column(field)))
}

// Values returns the values of a field; none if it is empty.
func (r *Record) Values(field string) []string {
	plain, twin := []byte(nil), []byte(nil)
	if i, ok := r.outs.index[field]; ok && r.set[i] {
		plain, twin = r.vals[2*i], r.vals[2*i+1]
	} else if !isInternal(field) {
		plain = r.cell(r.cols.column(field))
		if at := r.twin(field); at >= 0 {
			twin = r.cell(at)
		}
	}
	var values []string
	if len(twin) > 0 && DecodeMV(r.value(twin), func(v []byte) bool {
		values = append(values, string(v))
		return true
	}) {
		return values
	}
	if v := r.value(plain); len(v) > 0 {
		return []string{string(v)}
	}
	return nil
}

// twin returns the __mv_ column of a field, -1 if there is none.
func (r *Record) twin(field string) int {
	if r.cols == nil {
		return -1
	}
	var name [64]byte
	i, ok := r.cols.index[string(append(append(name[:0], MVPrefix...), field...))]
	if !ok {
		return -1
	}
	return i
}

// Set sets a field to one value; an empty one clears it. The field has to be
// one of the command's Outputs.
func (r *Record) Set(field, value string) {
	if i := r.output(field); i >= 0 {
		r.vals[2*i] = AppendCell(r.vals[2*i][:0], value)
		r.vals[2*i+1] = r.vals[2*i+1][:0]
	}
}

// SetValues sets a field to a list of values; none clears it. The field has to
// be one of the command's Outputs.
func (r *Record) SetValues(field string, values ...string) {
	if len(values) <= 1 {
		r.Set(field, slices.Concat(values, []string{""})[0])
		return
	}
	i := r.output(field)
	if i < 0 {
		return
	}
	r.scratch = r.scratch[:0]
	for j, v := range values {
		if j > 0 {
			r.scratch = append(r.scratch, '\n')
		}
		r.scratch = append(r.scratch, v...)
	}
	r.vals[2*i] = AppendCell(r.vals[2*i][:0], r.scratch)
	r.scratch = AppendMV(r.scratch[:0], values...)
	r.vals[2*i+1] = AppendCell(r.vals[2*i+1][:0], r.scratch)
}

// output returns the number of an output that is being set, -1 if the field is
// none, which fails the command.
func (r *Record) output(field string) int {
	i, ok := r.outs.index[field]
	if !ok {
		r.fail(fmt.Errorf("the command sets the field %q, which is not in its Outputs", field))
		return -1
	}
	r.set[i], r.touched = true, true
	return i
}

// Drop leaves the record out of the reply. A command that asked for some
// fields only cannot drop records: splunkd could not match the others.
func (r *Record) Drop() {
	if r.cols.column(ChunkedIdx) >= 0 {
		r.fail(fmt.Errorf("the command drops a record although it has required fields"))
	}
	r.dropped = true
}

func (r *Record) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// cell returns the bytes of a column of the request, nil if there is none.
func (r *Record) cell(col int) []byte {
	if col < 0 {
		return nil
	}
	if len(r.cells) == 0 {
		r.cells, _, _, _ = splitRecord(r.cells, r.body[:r.end], r.start)
	}
	if col >= len(r.cells) {
		return nil
	}
	return r.body[r.cells[col].start:r.cells[col].end]
}

func (r *Record) value(cell []byte) []byte { return cellValue(&r.scratch, cell) }

// append appends the record as l says. Cells that were not set stay as they
// came. from maps l's columns to the record's, nil if they are the same.
func (r *Record) append(dst []byte, l *layout, from []int) []byte {
	start := len(dst)
	if !r.touched && from == nil && r.cols != nil {
		dst = append(dst, r.body[r.start:r.end]...)
	} else {
		for col, c := range l.over {
			if col > 0 {
				dst = append(dst, ',')
			}
			switch {
			case c >= 0 && r.set[c/2]:
				dst = append(dst, r.vals[c]...)
			case from != nil:
				dst = append(dst, r.cell(from[col])...)
			default:
				dst = append(dst, r.cell(col)...)
			}
		}
	}
	for i, c := range l.extra {
		if i > 0 || len(l.over) > 0 {
			dst = append(dst, ',')
		}
		if r.set[c/2] {
			dst = append(dst, r.vals[c]...)
		}
	}
	if len(dst) == start {
		dst = append(dst, '"', '"') // one empty cell: an empty line is no record for everyone
	}
	return append(dst, '\n')
}
