package chunked

import (
	"bytes"
	"strings"
)

// ChunkedIdx is the column by which splunkd finds the event that a row of a
// reply belongs to, when the command asked for some fields only. It has to be
// in every row of the reply, unchanged.
const ChunkedIdx = "_chunked_idx"

// MVPrefix begins the name of the column that holds the list of a multivalue
// field; the column without the prefix has the values joined by LF.
const MVPrefix = "__mv_"

// MVName returns the name of the column with the values of field.
func MVName(field string) string { return MVPrefix + field }

// MVField returns the field a column holds the values of; false if the column
// is no such column.
func MVField(column string) (string, bool) { return strings.CutPrefix(column, MVPrefix) }

// AppendMV appends values as the text of an __mv_ column, without CSV quotes.
// It is called with at least two values: a field with one value has an empty
// __mv_ cell.
func AppendMV[T ~string | ~[]byte](dst []byte, values ...T) []byte {
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, '$')
		for j := range len(v) {
			if v[j] == '$' {
				dst = append(dst, '$')
			}
			dst = append(dst, v[j])
		}
		dst = append(dst, '$')
	}
	return dst
}

// ValidMV reports whether cell, without CSV quotes, is a list of at least one
// value.
func ValidMV(cell []byte) bool {
	for {
		_, rest, ok := cutMV(cell)
		if !ok {
			return false
		}
		if len(rest) == 0 {
			return true
		}
		cell = rest[1:]
	}
}

// DecodeMV calls yield with each value of the text of an __mv_ column, without
// CSV quotes, until yield returns false. The bytes may be part of cell. For a
// malformed or empty cell it returns false and does not call yield: the field
// then has the value of its plain column.
func DecodeMV(cell []byte, yield func(value []byte) bool) bool {
	if !ValidMV(cell) {
		return false
	}
	for {
		v, rest, _ := cutMV(cell)
		if bytes.IndexByte(v, '$') >= 0 {
			v = bytes.ReplaceAll(v, []byte("$$"), []byte("$"))
		}
		if !yield(v) || len(rest) == 0 {
			return true
		}
		cell = rest[1:]
	}
}

// cutMV returns the first value, still with doubled $, and what follows it: ;
// and more, or nothing.
func cutMV(cell []byte) (value, rest []byte, ok bool) {
	if len(cell) == 0 || cell[0] != '$' {
		return nil, nil, false
	}
	for i := 1; i < len(cell); i++ {
		if cell[i] != '$' {
			continue
		}
		switch {
		case i+1 == len(cell) || cell[i+1] == ';':
			return cell[1:i:i], cell[i+1:], true
		case cell[i+1] == '$':
			i++
		default:
			return nil, nil, false
		}
	}
	return nil, nil, false
}
