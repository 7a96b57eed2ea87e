package codec

import (
	"strings"

	"github.com/tclookup/tclookup/record"
)

// jsonFormat is what the reader and the writer of JSON Lines know about the
// selected columns. Column i of a batch is field i, then come the outputs, as
// far as the records have them already.
type jsonFormat struct {
	nest   nesting
	width  int
	keys   [64][]jsonKey // selected keys by length
	long   []jsonKey     // the longer ones
	paths  []jsonPath
	roots  []record.Span // of one row: where the paths may begin
	fields []string
	seen   []bool // for each field, whether a record has it
	unseen int

	firstOut int // column of the first output
	outputs  []jsonOutput
	slots    []int // for each distinct output name, the first output of it
	repeated bool  // an output name is there twice

	scratch []byte
	nested  int // values that are no scalars, see Values
}

// jsonKey is a key whose value is wanted as column col, or beyond the width
// as a root.
type jsonKey struct {
	name string
	col  int
}

// jsonPath is a field with dots: where no key has the whole name, it leads
// from the value of the first part into nested objects.
type jsonPath struct {
	col, root int
	rest      string
}

// jsonOutput is an output column.
type jsonOutput struct {
	record.Output
	// tight and wide are the comma, the key and the colon before the value,
	// without and with blanks.
	tight, wide string
	slot        int
}

func newJSONFormat(sel record.Selection) *jsonFormat {
	f := &jsonFormat{
		fields:   sel.Fields,
		seen:     make([]bool, len(sel.Fields)),
		unseen:   len(sel.Fields),
		firstOut: len(sel.Fields),
		width:    len(sel.Fields) + len(sel.Outputs),
	}
	slots := map[string]int{}
	for i, o := range sel.Outputs {
		slot, again := slots[o.Name]
		if !again {
			slot = len(f.slots)
			slots[o.Name] = slot
			f.slots = append(f.slots, i)
		}
		f.repeated = f.repeated || again
		key := string(appendJSONString(nil, o.Name))
		f.outputs = append(f.outputs, jsonOutput{o, "," + key + ":", ", " + key + ": ", slot})
		f.want(o.Name, f.firstOut+i)
	}
	for i, name := range sel.Fields {
		f.want(name, i)
		if first, rest, ok := strings.Cut(name, "."); ok {
			f.paths = append(f.paths, jsonPath{col: i, root: len(f.roots), rest: rest})
			f.want(first, f.width+len(f.roots))
			f.roots = append(f.roots, record.Missing)
		}
	}
	return f
}

func (f *jsonFormat) want(name string, col int) {
	list := &f.long
	if len(name) < len(f.keys) {
		list = &f.keys[len(name)]
	}
	*list = append(*list, jsonKey{name, col})
}

// object scans the object at i, sets the cells of its row and returns its end,
// -1 if it is none.
func (f *jsonFormat) object(b []byte, i int, cells []record.Span) int {
	for c := range cells {
		cells[c] = record.Missing
	}
	for r := range f.roots {
		f.roots[r] = record.Missing
	}
	if i = jsonSpace(b, i+1); b[i] == '}' {
		return i + 1
	}
	for {
		key, value, escaped, ok := f.nest.member(b, i, 1)
		if !ok {
			return -1
		}
		name := b[key.Start:key.End]
		if escaped {
			f.scratch = unescapeJSON(f.scratch[:0], name)
			name = f.scratch
		}
		list := f.long
		if len(name) < len(f.keys) {
			list = f.keys[len(name)]
		}
		for k := range list {
			if list[k].name != string(name) {
				continue
			}
			if col := list[k].col; col < len(cells) {
				cells[col] = value
			} else {
				f.roots[col-f.width] = value
			}
		}
		i = jsonSpace(b, int(value.End))
		if b[i] == '}' {
			break
		}
		if b[i] != ',' {
			return -1
		}
		i = jsonSpace(b, i+1)
	}
	f.complete(b, cells)
	return i + 1
}

// complete follows the paths of fields that no key named, and notes which
// fields there are.
func (f *jsonFormat) complete(b []byte, cells []record.Span) {
	for _, p := range f.paths {
		if root := f.roots[p.root]; root.OK() && !cells[p.col].OK() {
			cells[p.col] = f.follow(b, root, p.rest)
		}
	}
	if f.unseen == 0 {
		return
	}
	for i, seen := range f.seen {
		if !seen && cells[i].OK() {
			f.seen[i] = true
			f.unseen--
		}
	}
}

// follow finds the value that path leads to from a value: the key of that
// whole name, else the rest of the path in the value of its first part.
func (f *jsonFormat) follow(b []byte, at record.Span, path string) record.Span {
	for at.OK() && b[at.Start] == '{' {
		first, rest, more := strings.Cut(path, ".")
		whole, part := record.Missing, record.Missing
		i := jsonSpace(b, int(at.Start)+1)
		for b[i] != '}' {
			key, value, escaped, ok := f.nest.member(b, i, 1)
			if !ok {
				return record.Missing
			}
			name := b[key.Start:key.End]
			if escaped {
				f.scratch = unescapeJSON(f.scratch[:0], name)
				name = f.scratch
			}
			switch string(name) {
			case path:
				whole = value
			case first:
				part = value
			}
			if i = jsonSpace(b, int(value.End)); b[i] == ',' {
				i = jsonSpace(b, i+1)
			}
		}
		if whole.OK() || !more {
			return whole
		}
		at, path = part, rest
	}
	return record.Missing
}

// Values implements record.Format, for one goroutine at a time. The elements of an array are values each;
// objects, and arrays in arrays, have none.
func (f *jsonFormat) Values(raw, _ []byte, yield func([]byte)) {
	if len(raw) == 0 {
		return
	}
	switch raw[0] {
	case '{':
		f.nested++
	case '[':
		i := jsonSpace(raw, 1)
		for raw[i] != ']' {
			end := f.nest.value(raw, i, 1)
			if end < 0 {
				return
			}
			if raw[i] == '{' || raw[i] == '[' {
				f.nested++
			} else {
				f.scalar(raw[i:end], yield)
			}
			if i = jsonSpace(raw, end); raw[i] == ',' {
				i = jsonSpace(raw, i+1)
			}
		}
	default:
		f.scalar(raw, yield)
	}
}

func (f *jsonFormat) scalar(raw []byte, yield func([]byte)) {
	if raw[0] != '"' {
		if raw[0] != 'n' {
			yield(raw)
		}
		return
	}
	text := raw[1 : len(raw)-1]
	for _, c := range text {
		if c == '\\' {
			f.scratch = unescapeJSON(f.scratch[:0], text)
			yield(f.scratch)
			return
		}
	}
	if len(text) > 0 {
		yield(text)
	}
}
