package enrich

// Status is what became of a row's indicator: the closed vocabulary of the
// output field status.
type Status uint8

// The statuses, in the order in which they count when a cell holds several
// values: an answer before a gap, a gap before a no, a no before a value that
// was not asked for.
const (
	None        Status = iota // the cell holds no value
	Invalid                   // not an indicator of the asked type
	Excluded                  // not sent on purpose
	Unsupported               // no enabled source answers this type
	NotFound                  // every asked source answered, none knows it
	Skipped                   // not answered and not queued
	Queued                    // not answered, waiting for the background drain
	Failed                    // the source failed
	Found                     // a source knows it
)

var statusNames = [...]string{"", "invalid", "excluded", "unsupported", "not_found", "skipped", "queued", "error", "found"}

// Statuses lists the names of all statuses that a value can have.
func Statuses() []string { return statusNames[1:] }

// String returns the word in the output.
func (s Status) String() string { return statusNames[s] }
