package codec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/record"
)

// Forms gives the records of a reader in forms that other systems take: as
// JSON objects, and as single lines. It is not safe for concurrent use, and
// for the batches of one reader.
//
// In an object made of separated text every cell is a string, or an array of
// strings where the record has the column that Splunk writes for multivalue
// fields; empty cells are no members. Cells beyond the header stand in an
// array called _extra. The added fields have their own types. An object made
// of JSON Lines is the record as JSONLWriter writes it.
type Forms struct {
	dialect Dialect // of separated text
	json    *JSONLWriter

	columns []formColumn // of separated text
	added   *jsonFormat  // the added fields
	anns    []jsonAnnotation
	wanted  []int // selected columns whose values are asked for, see Column

	twice []string
}

// formColumn is a column of separated text.
type formColumn struct {
	name   string
	key    string // `,"name":`
	slot   int    // selected column
	twin   int    // selected column of the encoded list, -1 if there is none
	output int    // output that overwrites it, -1 if none does
}

// NewForms returns the forms of what a reader of a syntax reads, and what to
// tell the reader to select. Columns are those that the reader has, sel is
// what the program itself reads and writes, and wanted are columns whose
// values are asked for with Column.
func NewForms(s Syntax, columns []string, sel record.Selection, wanted []string) (*Forms, record.Selection) {
	f := &Forms{added: newJSONFormat(record.Selection{Outputs: sel.Outputs})}
	sel.Fields = append([]string(nil), sel.Fields...)
	slots := make(map[string]int)
	slot := func(name string) int {
		i, ok := slots[name]
		if !ok {
			i = len(sel.Fields)
			slots[name] = i
			sel.Fields = append(sel.Fields, name)
		}
		return i
	}
	for _, name := range wanted {
		f.wanted = append(f.wanted, slot(name))
	}
	var separated bool
	if f.dialect, separated = s.Dialect(); !separated {
		f.json = NewJSONLWriter(nil)
		return f, sel
	}
	have := make(map[string]bool)
	for _, name := range columns {
		have[name] = true
	}
	outputs := make(map[string]int)
	for i, o := range sel.Outputs {
		if _, again := outputs[o.Name]; !again {
			outputs[o.Name] = i
		}
	}
	seen := make(map[string]bool)
	for _, name := range columns {
		if base, ok := strings.CutPrefix(name, chunked.MVPrefix); ok && have[base] {
			continue
		}
		if seen[name] {
			f.twice = append(f.twice, name)
			continue
		}
		seen[name] = true
		c := formColumn{name: name, key: "," + string(appendJSONString(nil, name)) + ":", slot: slot(name), twin: -1, output: -1}
		if have[chunked.MVPrefix+name] {
			c.twin = slot(chunked.MVPrefix + name)
		}
		if o, ok := outputs[name]; ok {
			c.output = o
		}
		f.columns = append(f.columns, c)
	}
	return f, sel
}

// Warnings says what of the input the objects leave out.
func (f *Forms) Warnings() []string {
	if len(f.twice) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("of columns with the same name only the first is sent: %s", strings.Join(f.twice, ", "))}
}

// Prepare must be called for each batch before the others. With text set the
// batch's records can be had as lines, else as objects.
func (f *Forms) Prepare(b *record.Batch, text bool) error {
	switch {
	case f.json != nil:
		jf, ok := b.Format.(*jsonFormat)
		if !ok {
			return fmt.Errorf("the batch comes from another format's reader (%T)", b.Format)
		}
		f.json.anns = f.json.anns[:0]
		if len(b.Annotations) > 0 {
			if err := f.json.prepare(b, jf); err != nil {
				return err
			}
		}
		f.anns = f.json.anns
	case text:
		b.Format.(*layout).encode(b)
	default:
		w := JSONLWriter{anns: f.anns}
		err := w.prepare(b, f.added)
		f.anns = w.anns
		return err
	}
	return nil
}

// AppendText appends a record with its added fields in its own format, without
// a line end. Of a line that is no record it appends the line.
func (f *Forms) AppendText(dst []byte, b *record.Batch, r int) []byte {
	row := &b.Rows[r]
	if row.Bad {
		return append(dst, b.Buf[row.Start:row.End]...)
	}
	if f.json != nil {
		return f.AppendObject(dst, b, r)
	}
	next := row.Next
	row.Next = row.End
	dst = b.Format.(*layout).appendRows(dst, b, r, r+1, oddOf(b, r))
	b.Rows[r].Next = next
	return dst
}

// AppendObject appends a record with its added fields as a JSON object. A line
// that is no record has none.
func (f *Forms) AppendObject(dst []byte, b *record.Batch, r int) []byte {
	row := &b.Rows[r]
	if row.Bad {
		return dst
	}
	if f.json != nil {
		next := row.Next
		row.Next = row.End
		f.json.out = f.json.out[:0]
		f.json.row(b, b.Format.(*jsonFormat), r)
		row.Next = next
		return append(dst, f.json.out...)
	}
	from := len(dst)
	for i := range f.columns {
		c := &f.columns[i]
		if c.output >= 0 && !(f.added.outputs[c.output].Fill && f.has(b, r, c)) {
			continue // the added field has its place
		}
		dst = f.appendColumn(dst, b, r, c)
	}
	dst = f.appendExtra(dst, b, r)
	dst = f.appendAdded(dst, b, r)
	if len(dst) == from {
		dst = append(dst, ',')
	}
	dst[from] = '{' // the first comma
	return append(dst, '}')
}

// AppendInput appends a record without its added fields as a JSON object. A
// line that is no record has none. A field that an added one overwrites has
// the value that was read.
func (f *Forms) AppendInput(dst []byte, b *record.Batch, r int) []byte {
	row := &b.Rows[r]
	if row.Bad {
		return dst
	}
	if f.json != nil {
		return append(dst, b.Buf[row.Start:row.End]...)
	}
	from := len(dst)
	for i := range f.columns {
		dst = f.appendColumn(dst, b, r, &f.columns[i])
	}
	if dst = f.appendExtra(dst, b, r); len(dst) == from {
		dst = append(dst, ',')
	}
	dst[from] = '{' // the first comma
	return append(dst, '}')
}

// AppendAdded appends the added fields of a record as a JSON object.
func (f *Forms) AppendAdded(dst []byte, b *record.Batch, r int) []byte {
	from := len(dst)
	if dst = f.appendAdded(dst, b, r); len(dst) == from {
		dst = append(dst, ',')
	}
	dst[from] = '{'
	return append(dst, '}')
}

// appendAdded appends the added fields as members, each behind a comma.
func (f *Forms) appendAdded(dst []byte, b *record.Batch, r int) []byte {
	if b.Rows[r].Bad {
		return dst
	}
	for i := range f.anns {
		a := &f.anns[i]
		e := a.Sets[a.Of[r]].Encoded
		outputs := f.added.outputs[a.first : a.first+a.n]
		if !f.picks(outputs) {
			dst = append(dst, body(e, a.n)...)
			continue
		}
		for v := range outputs {
			o := &outputs[v]
			if f.written(b, r, a.first+v) {
				continue
			}
			text := valueOf(e, v, a.n, o.tight)
			dst = append(append(dst, o.tight...), text...)
		}
	}
	return dst
}

// picks reports whether some of the outputs are not written always.
func (f *Forms) picks(outputs []jsonOutput) bool {
	for i := range outputs {
		if outputs[i].Fill || f.added.repeated {
			return true
		}
	}
	return false
}

// written reports whether an output is left out, because the record has a
// value of its own or an earlier output wrote it.
func (f *Forms) written(b *record.Batch, r, output int) bool {
	o := &f.added.outputs[output]
	if f.added.slots[o.slot] != output {
		return true
	}
	if !o.Fill {
		return false
	}
	if f.json != nil {
		return !blankJSON(b.Cell(r, b.Format.(*jsonFormat).firstOut+output))
	}
	for i := range f.columns {
		if c := &f.columns[i]; f.added.outputs[output].Name == c.name {
			return f.has(b, r, c)
		}
	}
	return false
}

// has reports whether a record has a value in a column.
func (f *Forms) has(b *record.Batch, r int, c *formColumn) bool {
	raw := b.Cell(r, c.slot)
	return len(raw) > 0 && string(raw) != `""`
}

// appendColumn appends a cell as a member, nothing if it is empty.
func (f *Forms) appendColumn(dst []byte, b *record.Batch, r int, c *formColumn) []byte {
	if c.twin >= 0 {
		if list := f.list(b.Cell(r, c.twin)); len(list) > 0 {
			return appendJSONList(append(dst, c.key...), list)
		}
	}
	raw := b.Cell(r, c.slot)
	if len(raw) == 0 {
		return dst
	}
	v := unquote(raw)
	if len(v) == 0 {
		return dst
	}
	return appendJSONString(append(dst, c.key...), string(v))
}

// list decodes a cell that holds an encoded list.
func (f *Forms) list(raw []byte) []string {
	if len(raw) == 0 {
		return nil
	}
	var list []string
	if !decodeMV(unquote(raw), func(v []byte) { list = append(list, string(v)) }) {
		return nil
	}
	return list
}

// appendExtra appends the cells that a record has beyond the header.
func (f *Forms) appendExtra(dst []byte, b *record.Batch, r int) []byte {
	for _, o := range oddOf(b, r) {
		if o.Insert >= b.Rows[r].End {
			continue
		}
		cells := f.dialect.parseHeader(bytes.TrimPrefix(b.Buf[o.Insert:b.Rows[r].End], []byte{f.dialect.Comma}))
		dst = appendJSONList(append(dst, `,"_extra":`...), cells)
	}
	return dst
}

// oddOf returns what is odd about a row, at most one element.
func oddOf(b *record.Batch, r int) []record.Odd {
	i, ok := slices.BinarySearchFunc(b.Odd, r, func(o record.Odd, r int) int { return o.Row - r })
	if !ok {
		return nil
	}
	return b.Odd[i : i+1]
}

// Column returns the first value of wanted column i, empty if the record has
// none.
func (f *Forms) Column(b *record.Batch, r, i int) string {
	if b.Rows[r].Bad {
		return ""
	}
	value, first := "", true
	b.Format.Values(b.Cell(r, f.wanted[i]), nil, func(v []byte) {
		if first {
			value, first = string(v), false
		}
	})
	return value
}
