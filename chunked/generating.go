package chunked

import (
	"context"
	"iter"
)

const (
	defaultRows = 50_000   // of a reply, as maxresultrows of limits.conf
	chunkBytes  = 16 << 20 // a reply is sent when it is that long
)

// A GeneratingCommand makes events and comes first in a search. It is a
// [Handler] for one conversation.
type GeneratingCommand struct {
	// Options is a pointer to a struct for ParseArgs. Without Options and
	// Setup the command takes no arguments.
	Options any
	// Config is the reply to getinfo; Generating is set in any case. An empty
	// Type means TypeStateful, which keeps the command on the search head.
	Config Config
	// Outputs are the fields of the events.
	Outputs []string
	// Setup, if not nil, is called after the options were read. It may change
	// Config and Outputs.
	Setup func(ctx context.Context, info *Info) error
	// Generate makes the events: it sets the fields of rec and calls yield,
	// which clears rec. Replies are sent meanwhile. When yield returns false
	// nobody wants more and Generate should return.
	Generate func(ctx context.Context, rec *Record, yield func() bool) error
	// ChunkRows is the number of rows of a reply; 0 means what splunkd
	// gives, else 50,000.
	ChunkRows int

	w    tableWriter
	next func() (error, bool) // resumes Generate until a reply is full
	stop func()
}

// Getinfo implements Handler.
func (g *GeneratingCommand) Getinfo(ctx context.Context, info *Info) (*Config, error) {
	g.Config.Generating = true
	if g.Config.Type == "" {
		g.Config.Type = TypeStateful
	}
	if err := setup(ctx, info, g.Options, &g.Outputs, g.Setup); err != nil {
		return &g.Config, err
	}
	if g.ChunkRows <= 0 {
		g.ChunkRows = defaultRows
		if info.MaxResultRows > 0 {
			g.ChunkRows = info.MaxResultRows
		}
	}
	return &g.Config, nil
}

// Execute implements Handler.
func (g *GeneratingCommand) Execute(ctx context.Context, _ *Request, reply *Reply) error {
	if err := g.w.begin(g.Outputs, reply); err != nil {
		return err
	}
	if g.next == nil {
		g.next, g.stop = iter.Pull(func(full func(error) bool) {
			err := g.Generate(ctx, g.w.rec, func() bool {
				if g.w.rec.err != nil || ctx.Err() != nil {
					return false
				}
				if g.w.n >= g.ChunkRows || len(g.w.reply.Body) >= chunkBytes {
					// Only now is it known that there is one more row.
					if !full(nil) {
						return false
					}
				}
				g.w.row()
				return true
			})
			if err == nil {
				err = g.w.rec.err
			}
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				full(err)
			}
		})
	}
	err, more := g.next()
	reply.Finished = !more
	return err
}

// Finish ends Generate when the search ends before it. Serve calls it.
func (g *GeneratingCommand) Finish() {
	if g.stop != nil {
		g.stop()
	}
}

// tableWriter writes records that are made by a command.
type tableWriter struct {
	outs  *outputs
	lay   *layout
	rec   *Record
	reply *Reply
	n     int // rows in this reply
}

// begin is called with each reply.
func (w *tableWriter) begin(names []string, reply *Reply) (err error) {
	if w.outs == nil {
		if w.outs, err = newOutputs(names); err != nil {
			return err
		}
		w.lay = newLayout(nil, w.outs)
		w.rec = newRecord(nil, w.outs)
	}
	w.rec.insp, w.reply, w.n = &reply.Inspector, reply, 0
	return nil
}

// row writes the record and clears it.
func (w *tableWriter) row() {
	if !w.rec.dropped {
		if w.n++; w.n == 1 {
			w.reply.Body = append(w.reply.Body, w.lay.header...)
		}
		w.reply.Body = w.rec.append(w.reply.Body, w.lay, nil)
	}
	w.rec.reset()
}
