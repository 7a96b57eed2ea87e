package chunked

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// An EventsCommand gets all rows at once and may reorder, drop, repeat or
// change them, like sort. It is a [Handler] for one conversation. All rows are
// kept in memory until the end.
type EventsCommand struct {
	// Options is a pointer to a struct for ParseArgs. Without Options and
	// Setup the command takes no arguments.
	Options any
	// Config is the reply to getinfo; its Type is TypeEvents, also when empty.
	Config Config
	// Outputs are the fields that Arrange may set. All others stay as they
	// came.
	Outputs []string
	// Setup, if not nil, is called after the options were read. It may change
	// Config and Outputs.
	Setup func(ctx context.Context, info *Info) error
	// Arrange is called with all rows and returns those of the reply.
	Arrange func(ctx context.Context, recs []*Record) ([]*Record, error)

	rows rows
	recs []*Record
}

// Getinfo implements Handler.
func (e *EventsCommand) Getinfo(ctx context.Context, info *Info) (*Config, error) {
	if e.Config.Type == "" {
		e.Config.Type = TypeEvents
	}
	if err := setup(ctx, info, e.Options, &e.Outputs, e.Setup); err != nil {
		return &e.Config, err
	}
	if e.Config.Type != TypeEvents {
		return &e.Config, fmt.Errorf("chunked: an EventsCommand cannot be of type %q", e.Config.Type)
	}
	return &e.Config, nil
}

// Execute implements Handler.
func (e *EventsCommand) Execute(ctx context.Context, req *Request, reply *Reply) error {
	body := bytes.Clone(req.Body)
	err := e.rows.each(ctx, e.Outputs, body, &reply.Inspector, func(rec *Record) error {
		kept := newRecord(nil, e.rows.outs)
		kept.cols, kept.body, kept.start, kept.end = rec.cols, body, rec.start, rec.end
		e.recs = append(e.recs, kept)
		return nil
	})
	if err != nil || !req.Finished {
		return err
	}
	for _, rec := range e.recs {
		rec.insp = &reply.Inspector
	}
	all, froms := e.union()
	recs, err := e.Arrange(ctx, e.recs)
	if err != nil || len(recs) == 0 {
		return err
	}
	lay := newLayout(all, e.rows.outs)
	reply.Body = append(reply.Body, lay.header...)
	for _, rec := range recs {
		if rec.err != nil {
			return rec.err
		}
		reply.Body = rec.append(reply.Body, lay, froms[rec.cols])
	}
	return nil
}

// union returns the columns of all requests, and for each request's columns
// where they are, nil if they are the same as the union.
func (e *EventsCommand) union() (*columns, map[*columns][]int) {
	froms := map[*columns][]int{}
	var all *columns
	for _, rec := range e.recs {
		if _, seen := froms[rec.cols]; seen {
			continue
		}
		froms[rec.cols] = nil
		if all == nil {
			all = rec.cols
			continue
		}
		all = all.with(rec.cols)
	}
	for cols := range froms {
		if cols == all {
			continue
		}
		from := make([]int, len(all.names))
		for i, n := range all.names {
			from[i] = cols.column(n)
		}
		froms[cols] = from
	}
	return all, froms
}

// with returns the columns of c and then those only more has.
func (c *columns) with(more *columns) *columns {
	sum := c
	for _, n := range more.names {
		if sum.column(n) >= 0 {
			continue
		}
		if sum == c {
			sum = &columns{header: slices.Clone(c.header), names: slices.Clone(c.names), index: map[string]int{}}
			for i, n := range c.names {
				sum.index[n] = i
			}
		}
		sum.header = AppendCell(append(sum.header, ','), n)
		sum.index[n] = len(sum.names)
		sum.names = append(sum.names, n)
	}
	return sum
}
