package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/tclookup/tclookup/record"
)

// JSONLWriter writes the batches of JSON Lines readers. It keeps its first
// error.
type JSONLWriter struct {
	w     io.Writer
	out   []byte
	anns  []jsonAnnotation
	texts [][]byte // for each slot, the value to be written; nil is none
	edits []jsonEdit
	err   error
}

// jsonAnnotation is an annotation of the batch being written.
type jsonAnnotation struct {
	*record.Annotation
	first, n int // the outputs it writes
}

// jsonEdit replaces a span of the buffer.
type jsonEdit struct {
	at   record.Span
	text []byte
}

// maxOut is how much output is collected before it is written: all of a batch
// but for very large annotations.
const maxOut = 16 << 20

// NewJSONLWriter returns a writer to w. It writes each batch with one call of
// w's Write and never waits with anything until Close.
func NewJSONLWriter(w io.Writer) *JSONLWriter { return &JSONLWriter{w: w} }

// Write implements record.Writer. An output that a record has is overwritten
// in place, of a repeated key the last value; the others are put before the
// closing brace, with blanks behind comma and colon if the record has a blank
// behind its first colon.
func (j *JSONLWriter) Write(b *record.Batch) error {
	if j.err == nil {
		j.err = j.write(b)
	}
	return j.err
}

// Close implements record.Writer. There is nothing left to write.
func (j *JSONLWriter) Close() error { return j.err }

func (j *JSONLWriter) write(b *record.Batch) error {
	if len(b.Rows) == 0 || len(b.Annotations) == 0 {
		return j.flush(b.Buf)
	}
	f, ok := b.Format.(*jsonFormat)
	if !ok {
		return fmt.Errorf("writing JSON Lines: the batch comes from another format's reader (%T)", b.Format)
	}
	if err := j.prepare(b, f); err != nil {
		return err
	}
	added := 0
	for i := range j.anns {
		added += len(j.anns[i].Sets[0].Encoded)
	}
	j.out = slices.Grow(j.out[:0], min(len(b.Buf)+added*len(b.Rows), maxOut))
	j.out = append(j.out, b.Buf[:b.Rows[0].Start]...)
	for r := range b.Rows {
		if len(j.out) > maxOut {
			if err := j.flush(j.out); err != nil {
				return err
			}
			j.out = j.out[:0]
		}
		j.row(b, f, r)
	}
	return j.flush(j.out)
}

func (j *JSONLWriter) flush(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := j.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// prepare encodes the sets of all annotations, each once.
func (j *JSONLWriter) prepare(b *record.Batch, f *jsonFormat) error {
	j.anns = j.anns[:0]
	first := 0
	for i := range b.Annotations {
		a := jsonAnnotation{&b.Annotations[i], first, 0}
		if len(a.Sets) == 0 {
			return fmt.Errorf("writing JSON Lines: annotation %d has no set of values", i)
		}
		a.n = len(a.Sets[0].Values)
		first += a.n
		if first > len(f.outputs) || len(a.Of) < len(b.Rows) {
			return fmt.Errorf("writing JSON Lines: annotation %d has %d values for %d rows, but %d outputs are selected and the batch has %d rows", i, a.n, len(a.Of), len(f.outputs), len(b.Rows))
		}
		outputs := f.outputs[a.first:first]
		mark := markOf(outputs)
		for _, s := range a.Sets {
			if len(s.Values) != a.n {
				return fmt.Errorf("writing JSON Lines: annotation %d has sets of %d and of %d values", i, a.n, len(s.Values))
			}
			if len(s.Encoded) < 8 || binary.LittleEndian.Uint64(s.Encoded) != mark {
				s.Encoded = f.encode(mark, outputs, s.Values)
			}
		}
		j.anns = append(j.anns, a)
	}
	return nil
}

// markOf is a hash (FNV-1a) of the names that a set was encoded with, so that
// a set that is used again under other names is encoded again.
func markOf(outputs []jsonOutput) uint64 {
	h := uint64(14695981039346656037)
	for i := range outputs {
		for _, c := range []byte(outputs[i].tight) {
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	return h
}

// encode returns the encoded form of a set: the mark, for each value the end
// of its part of the body, and the body: `,"name":value` for each.
func (f *jsonFormat) encode(mark uint64, outputs []jsonOutput, values []record.Value) []byte {
	head := 8 + 4*len(values)
	e := make([]byte, head, head+32*len(values))
	binary.LittleEndian.PutUint64(e, mark)
	for i := range values {
		e = append(e, outputs[i].tight...)
		switch v := &values[i]; v.Kind {
		case record.Number:
			e = appendJSONNumber(e, v.Text)
		case record.List:
			e = appendJSONList(e, v.List)
		case record.JSON:
			e = f.nest.appendJSONText(e, v.Text)
		default:
			e = appendJSONString(e, v.Text)
		}
		binary.LittleEndian.PutUint32(e[8+4*i:], uint32(len(e)))
	}
	return e
}

// body returns all parts of an encoded set of n values.
func body(e []byte, n int) []byte { return e[8+4*n:] }

// valueOf returns value i of an encoded set of n, whose key is tight.
func valueOf(e []byte, i, n int, tight string) []byte {
	from := 8 + 4*n
	if i > 0 {
		from = int(binary.LittleEndian.Uint32(e[4+4*i:]))
	}
	return e[from+len(tight) : binary.LittleEndian.Uint32(e[8+4*i:])]
}

// row appends a row and what stands behind it.
func (j *JSONLWriter) row(b *record.Batch, f *jsonFormat, r int) {
	row := &b.Rows[r]
	if row.Bad {
		j.out = append(j.out, b.Buf[row.Start:row.Next]...)
		return
	}
	// New members go behind the last one.
	at := row.End - 1
	for c := b.Buf[at-1]; c == ' ' || c == '\t' || c == '\r'; c = b.Buf[at-1] {
		at--
	}
	object := b.Buf[row.Start:at]
	empty := object[len(object)-1] == '{'
	colon := bytes.IndexByte(object, ':')
	wide := colon >= 0 && colon+1 < len(object) && object[colon+1] == ' '

	if !wide && !f.repeated && !hasOutput(b, f, r) {
		j.out = append(j.out, object...)
		for i := range j.anns {
			a := &j.anns[i]
			part := body(a.Sets[a.Of[r]].Encoded, a.n)
			if empty && len(part) > 0 {
				part, empty = part[1:], false
			}
			j.out = append(j.out, part...)
		}
	} else {
		j.choose(b, f, r)
		j.replace(b, f, r, row.Start, at)
		j.insert(b, f, r, empty, wide)
	}
	j.out = append(j.out, b.Buf[at:row.Next]...)
}

// hasOutput reports whether the row has any of the outputs.
func hasOutput(b *record.Batch, f *jsonFormat, r int) bool {
	for _, s := range b.Cells[r*b.Width+f.firstOut : (r+1)*b.Width] {
		if s.OK() {
			return true
		}
	}
	return false
}

// choose sets texts: what is to be written for each distinct output name. A
// later output overwrites an earlier one of its name.
func (j *JSONLWriter) choose(b *record.Batch, f *jsonFormat, r int) {
	j.texts = slices.Grow(j.texts[:0], len(f.slots))[:len(f.slots)]
	clear(j.texts)
	for i := range j.anns {
		a := &j.anns[i]
		e := a.Sets[a.Of[r]].Encoded
		for v := range a.n {
			out := &f.outputs[a.first+v]
			text := valueOf(e, v, a.n, out.tight)
			if out.Fill {
				old := j.texts[out.slot]
				if old == nil {
					old = b.Cell(r, f.firstOut+a.first+v)
				}
				if !blankJSON(old) || old != nil && blankJSON(text) {
					continue
				}
			}
			j.texts[out.slot] = text
		}
	}
}

// blankJSON reports whether a value counts as empty; one that is not there
// does.
func blankJSON(v []byte) bool {
	switch string(v) {
	case "", `""`, "null", "[]":
		return true
	}
	return v[0] == '[' && len(bytes.TrimLeft(v[1:], " \t\r")) == 1
}

// replace appends the object from start to end with the values overwritten
// that it has.
func (j *JSONLWriter) replace(b *record.Batch, f *jsonFormat, r int, start, end uint32) {
	j.edits = j.edits[:0]
	for slot, text := range j.texts {
		at := b.Cells[r*b.Width+f.firstOut+f.slots[slot]]
		if text == nil || !at.OK() {
			continue
		}
		j.edits = append(j.edits, jsonEdit{at, text})
		for i := len(j.edits) - 1; i > 0 && j.edits[i-1].at.Start > at.Start; i-- {
			j.edits[i-1], j.edits[i] = j.edits[i], j.edits[i-1]
		}
	}
	for i := range j.edits {
		e := &j.edits[i]
		j.out = append(append(j.out, b.Buf[start:e.at.Start]...), e.text...)
		start = e.at.End
	}
	j.out = append(j.out, b.Buf[start:end]...)
}

// insert appends the values that the object does not have.
func (j *JSONLWriter) insert(b *record.Batch, f *jsonFormat, r int, empty, wide bool) {
	for slot, text := range j.texts {
		first := f.slots[slot]
		if text == nil || b.Cells[r*b.Width+f.firstOut+first].OK() {
			continue
		}
		key := f.outputs[first].tight
		if wide {
			key = f.outputs[first].wide
		}
		if empty {
			key, empty = key[1:], false // there is no colon, hence no blank
		}
		j.out = append(append(j.out, key...), text...)
	}
}
