// Package codec reads and writes records: Splunk's CSV, the CSV dialects of
// RFC 4180 and its kin, and JSON Lines. Readers mark spans in the buffer they
// read into; writers copy every byte that is not an output column.
package codec

import (
	"io"

	"github.com/tclookup/tclookup/record"
)

// Dialect is a kind of separated text.
type Dialect struct {
	// Comma separates cells: ',', ';' or tab.
	Comma byte
	// Twins says that multivalue fields have a second column, named __mv_ and
	// the field's name, as Splunk writes them.
	Twins bool
	// Separator joins the elements of a list in dialects without twins.
	Separator string
}

// The dialects. Splunk's is what splunkd sends and takes in the chunked
// protocol.
var (
	Splunk = Dialect{Comma: ',', Twins: true}
	CSV    = Dialect{Comma: ',', Separator: ";"}
	SSV    = Dialect{Comma: ';', Separator: ";"}
	TSV    = Dialect{Comma: '\t', Separator: ";"}
)

// NewReader returns a reader of UTF-8 text in a syntax, without a byte order
// mark. Lists are written joined by separator where the syntax has no lists;
// empty means a semicolon.
func NewReader(s Syntax, r io.Reader, separator string) record.Reader {
	d, ok := s.Dialect()
	if !ok {
		return NewJSONLReader(r, JSONLOptions{})
	}
	if separator != "" {
		d.Separator = separator
	}
	return NewCSVReader(r, d)
}

// NewWriter returns a writer of the batches that a reader of the same syntax
// filled.
func NewWriter(s Syntax, w io.Writer) record.Writer {
	if s == SyntaxJSONL {
		return NewJSONLWriter(w)
	}
	return NewCSVWriter(w)
}
