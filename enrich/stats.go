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
	// Answers counts found and not_found look-ups by where their answer came
	// from.
	Answers map[string]int64 `json:"answers"`
	// Reasons has, for each status with reasons, the one last given.
	Reasons    map[string]string `json:"reasons,omitempty"`
	QueueError string            `json:"queue_error,omitempty"`
}

// add counts the rows of the cells of a batch.
func (s *Stats) add(cells []*cell) {
	var rows [Found + 1]int64
	for _, c := range cells {
		if c.status == None {
			continue
		}
		rows[c.status] += int64(c.rows)
		if c.status >= Skipped && c.status < Found {
			if s.Reasons == nil {
				s.Reasons = map[string]string{}
			}
			s.Reasons[c.status.String()] = c.worst.reason
		}
	}
	for status, n := range rows {
		if n > 0 {
			if s.Status == nil {
				s.Status = map[string]int64{}
			}
			s.Status[Status(status).String()] += n
		}
	}
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

// Unseen returns the fields in which no record so far has a value, if there
// were any records.
func (e *Enricher) Unseen() []string {
	var names []string
	for _, f := range e.fields {
		if !f.seen && e.stats.Rows > 0 {
			names = append(names, f.Name)
		}
	}
	return names
}

func (e *Enricher) progress(open int) {
	if e.opts.Progress != nil {
		e.opts.Progress(Progress{Stats: e.stats, Open: open})
	}
}
