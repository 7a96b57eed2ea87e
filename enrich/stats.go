package enrich

import "github.com/tclookup/tclookup/source"

// Stats is the account of a run. Its JSON is printed by --summary.
type Stats struct {
	Rows     int64 `json:"rows"`
	Distinct int64 `json:"distinct"` // indicators
	Invalid  int64 `json:"invalid_values"`
	Excluded int64 `json:"excluded_values"`
	// Status counts rows by the status of their fields; a row of two fields
	// counts twice.
	Status map[string]int64 `json:"status"`
	// Answers counts look-ups by where their answer came from.
	Answers    map[string]int64 `json:"answers"`
	QueueError string           `json:"queue_error,omitempty"`
}

func (s *Stats) add(c *cell) {
	if c.worst == nil {
		return
	}
	if s.Status == nil {
		s.Status = map[string]int64{}
	}
	s.Status[c.worst.status.String()] += int64(c.rows)
}

func (s *Stats) count(o source.Origin) {
	if o == "" {
		return
	}
	if s.Answers == nil {
		s.Answers = map[string]int64{}
	}
	s.Answers[string(o)]++
}

// Stats returns the account so far.
func (e *Enricher) Stats() Stats { return e.stats }

func (e *Enricher) progress(open int) {
	if e.opts.Progress != nil {
		e.opts.Progress(Progress{Stats: e.stats, Open: open})
	}
}
