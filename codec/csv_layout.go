package codec

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/record"
)

// layout is what a header and a selection make of the records under it: which
// cells to mark, and where each output goes. It is the Format of the batches.
type layout struct {
	dialect         Dialect
	raw             []byte   // the header record as received, without its line end
	lead, headerEnd []byte   // blank lines before it, and its line end
	names           []string // its names
	scan            scanner
	twins           []int // see record.Batch
	outputs         []output
	// inPlace lists the outputs and twins that overwrite cells, by column.
	inPlace []place
	missing []string
}

// output is an output column in a layout.
type output struct {
	record.Output
	slot     int // selected column that it overwrites, -1 if appended
	twinSlot int // the same for its twin
	twin     bool
}

// place is a cell that is overwritten.
type place struct {
	col, slot int
	out       int
	twin      bool
}

// parseHeader splits a header record in names.
func (d Dialect) parseHeader(raw []byte) []string {
	s := newScanner(d.Comma, 0)
	var names []string
	for p := 0; ; p++ {
		start := p
		if p < len(raw) && raw[p] == '"' {
			if p = quoted(raw, p); p < 0 {
				p = len(raw)
			}
		}
		for p < len(raw) && raw[p] != d.Comma { // not bare: a stray line feed is part of the name
			p = s.bare(raw, p)
			if p < len(raw) && raw[p] == '\n' {
				p++
			}
		}
		names = append(names, string(unquote(raw[start:p])))
		if p >= len(raw) {
			return names
		}
	}
}

// newLayout resolves a selection. raw is copied.
func newLayout(d Dialect, raw []byte, sel record.Selection) *layout {
	l := &layout{dialect: d, raw: bytes.Clone(raw), names: d.parseHeader(raw)}
	l.scan = newScanner(d.Comma, len(l.names))
	at := make(map[string]int, len(l.names))
	for i, n := range l.names {
		if _, dup := at[n]; !dup { // the first of several counts
			at[n] = i
		}
	}
	slots := 0
	mark := func(name string) int {
		col, ok := at[name]
		if !ok {
			return -1
		}
		l.scan.wants = append(l.scan.wants, want{col, slots})
		slots++
		return slots - 1
	}
	for _, f := range sel.Fields {
		if mark(f) < 0 {
			l.missing = append(l.missing, f)
			slots++ // a selected column that is always missing
		}
	}
	if d.Twins {
		l.twins = make([]int, len(sel.Fields))
		for i, f := range sel.Fields {
			l.twins[i] = mark(chunked.MVPrefix + f)
		}
	}
	for i, o := range sel.Outputs {
		out := output{Output: o, slot: mark(o.Name), twinSlot: -1}
		if d.Twins {
			out.twinSlot = mark(chunked.MVPrefix + o.Name)
			out.twin = o.List || out.twinSlot >= 0
		}
		if out.slot >= 0 {
			l.inPlace = append(l.inPlace, place{at[o.Name], out.slot, i, false})
		}
		if out.twinSlot >= 0 {
			l.inPlace = append(l.inPlace, place{at[chunked.MVPrefix+o.Name], out.twinSlot, i, true})
		}
		l.outputs = append(l.outputs, out)
	}
	l.scan.width = slots
	slices.SortStableFunc(l.scan.wants, func(a, b want) int { return a.col - b.col })
	slices.SortStableFunc(l.inPlace, func(a, b place) int { return a.col - b.col })
	return l
}

// appendHeader appends the header with the added columns, without line end.
func (l *layout) appendHeader(dst []byte) []byte {
	dst = append(dst, l.raw...)
	if len(l.names) == 1 && l.names[0] == "" && len(l.raw) == 0 {
		dst = append(dst, '"', '"')
	}
	for _, o := range l.outputs {
		if o.slot < 0 {
			dst = appendCell(append(dst, l.dialect.Comma), l.dialect.Comma, o.Name)
		}
		if o.twin && o.twinSlot < 0 {
			dst = appendCell(append(dst, l.dialect.Comma), l.dialect.Comma, chunked.MVPrefix+o.Name)
		}
	}
	return dst
}

// Values implements record.Format.
func (l *layout) Values(raw, twin []byte, yield func([]byte)) {
	if len(twin) > 0 && l.dialect.Twins {
		if text := unquote(twin); len(text) > 0 && decodeMV(text, yield) {
			return
		}
	}
	if v := unquote(raw); len(v) > 0 {
		yield(v)
	}
}

// unquote returns the value of a cell. The result shares raw's bytes unless
// the cell holds doubled quotes.
func unquote(raw []byte) []byte {
	if len(raw) == 0 || raw[0] != '"' {
		return raw
	}
	end := quoted(raw, 0)
	if end < 0 {
		end = len(raw) + 1 // never closed: all of the rest
	}
	in, rest := raw[1:end-1], raw[min(end, len(raw)):]
	if len(rest) == 0 && bytes.IndexByte(in, '"') < 0 {
		return in
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(in); i++ {
		out = append(out, in[i])
		if in[i] == '"' && i+1 < len(in) && in[i+1] == '"' {
			i++
		}
	}
	return append(out, rest...)
}

// appendCell appends a value as a cell, quoted where that is needed.
func appendCell(dst []byte, comma byte, v string) []byte {
	if !needsQuotes(v, comma) {
		return append(dst, v...)
	}
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(v, '"')
		if i < 0 {
			break
		}
		dst = append(dst, v[:i+1]...)
		dst = append(dst, '"')
		v = v[i+1:]
	}
	return append(append(dst, v...), '"')
}

func needsQuotes(v string, comma byte) bool {
	if v == "" {
		return false
	}
	if v[0] == ' ' || v[0] == '\t' || v[len(v)-1] == ' ' || v[len(v)-1] == '\t' {
		return true
	}
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '"', '\r', '\n', comma:
			return true
		}
	}
	return false
}
