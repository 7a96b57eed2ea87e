// Package record holds a run of records as spans over the bytes they were
// received in, and the columns that are to be added to them.
package record

// Span is a half-open range [Start,End) of a batch's buffer, in bytes.
type Span struct{ Start, End uint32 }

// Missing is the span of a cell that its record does not have.
var Missing = Span{Start: 1, End: 0}

// OK reports whether the cell exists; an empty cell does.
func (s Span) OK() bool { return s.Start <= s.End }

// Row is one record. Buf[Start:End] is the record without its line end and
// Buf[End:Next] what stands between it and the next record: the line end, and
// in files blank lines.
type Row struct {
	Start, End, Next uint32
	// Bad marks a line that is no record of the format. It has no cells and is
	// written as it was received, without annotations.
	Bad bool
}

// Format says how values stand in cells. It is implemented by a codec.
type Format interface {
	// Values calls yield for each value of a cell: raw is the cell as it
	// stands in the buffer, quotes included, and twin the cell of the column
	// that holds the encoded list of a multivalue field, nil where the format
	// or the record has none. A missing or empty cell has no value. The bytes
	// given to yield are valid during the call only.
	Values(raw, twin []byte, yield func(value []byte))
}

// Batch is a run of whole records over one buffer.
//
// A Reader fills it and owns everything in it but Annotations: all spans and
// slices are valid until the batch is read into again. So several batches can
// be on their way at the same time. A batch holds at most 4 GiB.
type Batch struct {
	Buf    []byte
	Format Format
	// Store is the reader's: the memory that Buf is part of, kept for the next
	// time the batch is read into.
	Store []byte
	// Rows lists the records in the order they came.
	Rows []Row
	// Width is the number of selected columns; Cells holds Width spans for
	// each row. Only selected columns have spans, see Reader.Select.
	Width int
	Cells []Span
	// Twins lists, for each field, the selected column that holds its encoded
	// list, -1 where there is none; nil in formats without twins.
	Twins []int
	// Odd lists the rows whose number of cells is not the header's, in order.
	Odd []Odd
	// Annotations are the columns to be added when the batch is written. Their
	// slices are kept with the batch for whoever annotates it the next time.
	Annotations []Annotation
	// Mark belongs to whoever annotates the batch; 0 when it was just read.
	Mark uint64
	// Prepared belongs to whoever annotates the batch, and is kept with it.
	Prepared any
	// Encoded belongs to the writer, and is kept with the batch.
	Encoded any
	// Offset is the position in the input behind the batch, in bytes from the
	// beginning of what the reader reads.
	Offset int64
	// Final is set on the last batch where the reader knows it already.
	Final bool
}

// Odd is a row with more or fewer cells than the header. Added columns go to
// Insert, behind Pad empty cells that the record lacks.
type Odd struct {
	Row    int
	Insert uint32
	Pad    int
}

// Twin returns the cell that holds the encoded list of field, nil if the row
// has none.
func (b *Batch) Twin(row, field int) []byte {
	if b.Twins == nil || b.Twins[field] < 0 {
		return nil
	}
	return b.Cell(row, b.Twins[field])
}

// Cell returns the bytes of selected column col of row as they stand in the
// buffer, quotes and escapes included; nil when the record has no such cell.
func (b *Batch) Cell(row, col int) []byte {
	s := b.Cells[row*b.Width+col]
	if !s.OK() {
		return nil
	}
	return b.Buf[s.Start:s.End:s.End]
}

// Output is a column that is to be written.
type Output struct {
	Name string
	// List says that the column's values may be lists, so that a format which
	// keeps lists in a twin column needs one.
	List bool
	// Fill says that the column is only written to records in which it is
	// missing or empty.
	Fill bool
}

// Selection says which columns a program wants to look at or to overwrite.
type Selection struct {
	// Fields are the columns to read: field i is selected column i of a batch.
	Fields []string
	// Outputs are the columns that will be written, in this order. One that
	// the records have already is overwritten in place, the others are
	// appended. The annotations of a batch cover them one after the other: the
	// first annotation the first outputs, and so on.
	Outputs []Output
}

// Reader reads records.
type Reader interface {
	// Columns returns the names of all columns, in order. Formats without a
	// header return nil.
	Columns() ([]string, error)
	// Select is called once, after Columns and before the first Read. The
	// names in missing are selected fields that no record can have.
	Select(sel Selection) (missing []string)
	// Read fills b with the next records, io.EOF at the end.
	Read(b *Batch) error
	// Warnings says, in one line each, what was odd about the input read so
	// far: ragged records, lines that are no records, and how many.
	Warnings() []string
}

// Divided is a Reader that leaves the greater part of its work to others.
type Divided interface {
	Reader
	// Take does of Read what must be done in the order of the input: it takes
	// the text of the next records into b, which has no rows then. io.EOF at
	// the end.
	Take(b *Batch) error
	// Find finds the records in a batch that was taken. It may be called for
	// several batches at the same time, also while others are taken.
	Find(b *Batch)
	// Count notes what Warnings says about a batch whose records were found.
	// It is called in the order of the input, by one goroutine at a time.
	Count(b *Batch)
}

// Writer writes records with their annotations.
type Writer interface {
	// Write writes a batch: every byte of every record as it was received,
	// but for the output columns.
	Write(b *Batch) error
	// Close writes what is left and ends a compressed stream. It does not
	// close what lies under the writer.
	Close() error
}

// Appender is a Writer that leaves the greater part of its work to others.
type Appender interface {
	Writer
	// Encode does of Write what must be done in the order of the batches, by
	// one goroutine at a time.
	Encode(b *Batch)
	// Append appends to dst what Write would write of a batch that was
	// encoded. It may be called for several batches at the same time, also
	// while others are encoded.
	Append(dst []byte, b *Batch) []byte
}

// Kind is the kind of a value.
type Kind uint8

// The kinds of values. A Text is written as a string, a Number bare where the
// format knows numbers, a List as the format's list, a JSON as an object
// where the format nests and as its text elsewhere.
const (
	Text Kind = iota
	Number
	List
	JSON
)

// Value is one output value. The zero value is an empty text.
type Value struct {
	Kind Kind
	Text string
	List []string
}

// Set is the values of one annotation's columns for one distinct input. It
// must not be changed once it was given to a writer, which keeps its encoded
// form in it so that a set is encoded once and not once a row.
type Set struct {
	Values []Value
	// Encoded belongs to the writer.
	Encoded []byte
}

// Annotation adds columns to all rows of a batch, dictionary encoded: row r
// gets the values Sets[Of[r]].
type Annotation struct {
	Sets []*Set
	Of   []uint32
}
