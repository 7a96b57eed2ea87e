package chunked

import (
	"bytes"
	"errors"
)

// span is where a cell stands in a body, quotes included.
type span struct{ start, end int }

var errOpenQuote = errors.New("a quoted cell has no end")

// splitRecord appends the cells of the record that begins at pos to dst. The
// record without its line end, LF or CR LF, is body[pos:end] and the next one
// begins at next. It changes no byte, in contrast to encoding/csv: an empty
// line is a record with one empty cell and CR LF inside quotes stays.
func splitRecord(dst []span, body []byte, pos int) (cells []span, end, next int, err error) {
	for {
		start := pos
		if pos < len(body) && body[pos] == '"' {
			if pos = closingQuote(body, pos+1); pos < 0 {
				return dst, 0, 0, errOpenQuote
			}
			pos++
		}
		for pos < len(body) && body[pos] != ',' && body[pos] != '\n' {
			pos++
		}
		if pos < len(body) && body[pos] == ',' {
			dst = append(dst, span{start, pos})
			pos++
			continue
		}
		end, next = pos, min(pos+1, len(body))
		if end > start && pos < len(body) && body[end-1] == '\r' {
			end--
		}
		return append(dst, span{start, end}), end, next, nil
	}
}

// closingQuote returns where the quote is that ends a cell, -1 if it does not
// end.
func closingQuote(body []byte, pos int) int {
	for {
		i := bytes.IndexByte(body[pos:], '"')
		if i < 0 {
			return -1
		}
		pos += i
		if pos+1 == len(body) || body[pos+1] != '"' {
			return pos
		}
		pos += 2
	}
}

// cellValue returns the value of a cell: without quotes, doubled quotes single.
// It is part of cell or, where a quote had to be undone, put into scratch.
func cellValue(scratch *[]byte, cell []byte) []byte {
	if len(cell) == 0 || cell[0] != '"' {
		return cell
	}
	end := closingQuote(cell, 1)
	if end < 0 {
		return cell
	}
	inner := cell[1:end]
	if end+1 == len(cell) && bytes.IndexByte(inner, '"') < 0 {
		return inner
	}
	v := (*scratch)[:0]
	for i := 0; i < len(inner); i++ {
		v = append(v, inner[i])
		if inner[i] == '"' {
			i++
		}
	}
	*scratch = append(v, cell[end+1:]...)
	return *scratch
}

// AppendCell appends value as a CSV cell, in quotes where splunkd needs them.
func AppendCell[T ~string | ~[]byte](dst []byte, value T) []byte {
	if !needsQuotes(value) {
		return append(dst, value...)
	}
	dst = append(dst, '"')
	for i := range len(value) {
		if value[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, value[i])
	}
	return append(dst, '"')
}

func needsQuotes[T ~string | ~[]byte](value T) bool {
	if len(value) == 0 {
		return false
	}
	if isSpace(value[0]) || isSpace(value[len(value)-1]) {
		return true
	}
	for i := range len(value) {
		switch value[i] {
		case '"', ',', '\r', '\n':
			return true
		}
	}
	return false
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
