package engine

import (
	"fmt"

	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/source"
)

// Gaps says, in a line each, which rows of a run have no answer and why.
func (e *Engine) Gaps(st *enrich.Stats) []string {
	var out []string
	if st.Status["unsupported"] > 0 && !e.Asks() {
		out = append(out, source.ErrNoSource.Error())
	}
	for _, status := range []string{"error", "skipped", "queued"} {
		if n := st.Status[status]; n > 0 {
			line := fmt.Sprintf("%d of %d rows have status %s", n, st.Rows, status)
			if why := st.Reasons[status]; why != "" {
				line += ": " + why
			}
			out = append(out, line)
		}
	}
	if st.QueueError != "" {
		out = append(out, "the queue cannot be written: "+st.QueueError)
	}
	return out
}
