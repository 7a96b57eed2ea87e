package chunked

import (
	"context"
	"fmt"
)

// A ReportingCommand looks at all rows and then makes a new table, like stats.
// It is a [Handler] for one conversation.
type ReportingCommand struct {
	// Options is a pointer to a struct for ParseArgs. Without Options and
	// Setup the command takes no arguments.
	Options any
	// Config is the reply to getinfo; its Type is TypeReporting, also when
	// empty.
	Config Config
	// Outputs are the fields of the new table.
	Outputs []string
	// Setup, if not nil, is called after the options were read. It may change
	// Config and Outputs.
	Setup func(ctx context.Context, info *Info) error
	// Each is called with each row. The row cannot be changed or kept.
	Each func(ctx context.Context, rec *Record) error
	// Report makes the table after the last row: it sets the fields of rec
	// and calls yield, which clears rec and returns false when the search
	// was cancelled.
	Report func(ctx context.Context, rec *Record, yield func() bool) error

	rows rows
	w    tableWriter
}

// Getinfo implements Handler.
func (r *ReportingCommand) Getinfo(ctx context.Context, info *Info) (*Config, error) {
	if r.Config.Type == "" {
		r.Config.Type = TypeReporting
	}
	if err := setup(ctx, info, r.Options, &r.Outputs, r.Setup); err != nil {
		return &r.Config, err
	}
	if r.Config.Type != TypeReporting {
		return &r.Config, fmt.Errorf("chunked: a ReportingCommand cannot be of type %q", r.Config.Type)
	}
	return &r.Config, nil
}

// Execute implements Handler.
func (r *ReportingCommand) Execute(ctx context.Context, req *Request, reply *Reply) error {
	err := r.rows.each(ctx, nil, req.Body, &reply.Inspector, func(rec *Record) error { return r.Each(ctx, rec) })
	if err != nil || !req.Finished {
		return err
	}
	if err := r.w.begin(r.Outputs, reply); err != nil {
		return err
	}
	err = r.Report(ctx, r.w.rec, func() bool {
		if r.w.rec.err != nil || ctx.Err() != nil {
			return false
		}
		r.w.row()
		return true
	})
	if err == nil {
		err = r.w.rec.err
	}
	return err
}
