// Package codec reads and writes records: Splunk's CSV, the CSV dialects of
// RFC 4180 and its kin, and JSON Lines. Readers mark spans in the buffer they
// read into; writers copy every byte that is not an output column.
package codec

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
