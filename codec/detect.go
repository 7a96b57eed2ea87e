package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Syntax is how records stand in a text.
type Syntax uint8

// The syntaxes: separated by commas, tabs or semicolons, and JSON Lines.
const (
	SyntaxCSV Syntax = iota
	SyntaxTSV
	SyntaxSSV
	SyntaxJSONL
)

var syntaxNames = [...]string{"csv", "tsv", "ssv", "jsonl"}

// String returns the name used in options.
func (s Syntax) String() string {
	if int(s) < len(syntaxNames) {
		return syntaxNames[s]
	}
	return fmt.Sprintf("syntax(%d)", uint8(s))
}

// ParseSyntax reads a name as String gives it.
func ParseSyntax(s string) (Syntax, error) {
	for i, n := range syntaxNames {
		if n == s {
			return Syntax(i), nil
		}
	}
	return SyntaxCSV, fmt.Errorf("unknown format %q: allowed are %s", s, strings.Join(syntaxNames[:], ", "))
}

// Dialect returns the dialect of separated text, false for JSON Lines.
func (s Syntax) Dialect() (Dialect, bool) {
	switch s {
	case SyntaxTSV:
		return TSV, true
	case SyntaxSSV:
		return SSV, true
	case SyntaxJSONL:
		return Dialect{}, false
	}
	return CSV, true
}

// delimiters are the separators that are told apart, and what they make. Of
// those that are there equally often the first wins.
var delimiters = [...]struct {
	char   byte
	syntax Syntax
}{{',', SyntaxCSV}, {'\t', SyntaxTSV}, {';', SyntaxSSV}}

// Detect tells the syntax of a text by its beginning, which should hold the
// first line. A text whose first character is a brace is JSON Lines, and so is
// an array of objects, so that the reader can say what is wrong with it. Else
// the delimiter that stands outside quotes in the first line most often
// decides; a single column and an empty text are CSV.
//
// Zeek's logs, whose first line is `#separator \x09`, are TSV. That and the
// other lines with # are no header, and the reader of separated text does not
// know them: have Zeek write JSON, or cut the logs with zeek-cut -C first.
func Detect(head []byte) Syntax {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	text := bytes.TrimLeft(head, blanks)
	if begins, _ := jsonBegins(text); begins {
		return SyntaxJSONL
	}
	if bytes.HasPrefix(text, []byte(`#separator \x09`)) {
		return SyntaxTSV
	}
	line := bytes.TrimLeft(head, "\r\n") // tabs may stand between empty names
	counts, end := countDelimiters(line, true)
	if end == inQuotes {
		// A quote that is never closed is none.
		counts, _ = countDelimiters(line, false)
	}
	best := 0
	for i, n := range counts {
		if n > counts[best] {
			best = i
		}
	}
	return delimiters[best].syntax
}

// blanks are what may stand before the first character.
const blanks = " \t\r\n\v\f"

// jsonBegins reports whether text, which has no blanks before it, begins as
// JSON Lines or an array of objects do, and whether more of it could not
// change that.
func jsonBegins(text []byte) (begins, certain bool) {
	if array, ok := bytes.CutPrefix(text, []byte("[")); ok {
		text = bytes.TrimLeft(array, blanks)
	}
	return bytes.HasPrefix(text, []byte("{")), len(text) > 0
}

// lineEnd says where a count of delimiters ended: behind the line, in it, or
// in it and between quotes.
type lineEnd uint8

const (
	atLineEnd lineEnd = iota
	inLine
	inQuotes
)

// countDelimiters counts the delimiters in the first line, with quotes those
// outside of them. Quotes begin where a cell begins.
func countDelimiters(line []byte, quotes bool) (counts [len(delimiters)]int, end lineEnd) {
	begin, open := true, false // of a cell, of quotes
	for _, c := range line {
		switch {
		case open:
			open = c != '"'
			begin = !open // a doubled quote closes and opens again
			continue
		case c == '\n':
			return counts, atLineEnd
		case c == '"' && quotes && begin:
			open = true
			continue
		}
		begin = false
		for i := range delimiters {
			if c == delimiters[i].char {
				counts[i]++
				begin = true
			}
		}
	}
	if open {
		return counts, inQuotes
	}
	return counts, inLine
}

// detectable reports whether more of a text would not change its syntax. The
// last fresh bytes of head are new since the last call.
func detectable(head []byte, fresh int) bool {
	text := bytes.TrimLeft(head, blanks)
	begins, certain := jsonBegins(text)
	if begins || !certain {
		return begins
	}
	if bytes.IndexByte(head[len(head)-fresh:], '\n') < 0 && text[0] != '[' {
		return false
	}
	_, end := countDelimiters(bytes.TrimLeft(head, "\r\n"), true)
	return end == atLineEnd
}

// detectSize is how much of a text is read to find its first line.
const detectSize = 64 << 10

// Sniff reads the beginning of a text, up to the first line, and returns its
// syntax and a reader of all of it. It waits no longer than it takes to decide;
// an error of r comes after the bytes before it.
func Sniff(r io.Reader) (Syntax, io.Reader, error) {
	head := make([]byte, 0, detectSize)
	empty := 0
	for len(head) < cap(head) {
		n, err := r.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err != nil {
			if len(head) == 0 && !errors.Is(err, io.EOF) {
				return SyntaxCSV, nil, err
			}
			return Detect(head), io.MultiReader(bytes.NewReader(head), &failedReader{err}), nil
		}
		if detectable(head, n) {
			break
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty == 100 {
			return SyntaxCSV, nil, io.ErrNoProgress
		}
	}
	return Detect(head), io.MultiReader(bytes.NewReader(head), r), nil
}

// failedReader is a reader that fails.
type failedReader struct{ err error }

func (f *failedReader) Read([]byte) (int, error) { return 0, f.err }
