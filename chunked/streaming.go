package chunked

import (
	"context"
	"fmt"
)

// A StreamingCommand looks at one row after the other and sets fields in it,
// like eval. All other fields stay as they came, to the byte. It is a
// [Handler] for one conversation.
type StreamingCommand struct {
	// Options is a pointer to a struct for ParseArgs. Without Options and
	// Setup the command takes no arguments.
	Options any
	// Config is the reply to getinfo; its Type is TypeStreaming or
	// TypeStateful.
	Config Config
	// Outputs are the fields that Each may set. They are in every reply.
	Outputs []string
	// Setup, if not nil, is called after the options were read. It may change
	// Config and Outputs.
	Setup func(ctx context.Context, info *Info) error
	// Each is called with each row.
	Each func(ctx context.Context, rec *Record) error
	// Done, if not nil, is called after the last row, for instance to send a
	// summary.
	Done func(ctx context.Context, insp *Inspector) error

	rows rows
}

// Getinfo implements Handler.
func (s *StreamingCommand) Getinfo(ctx context.Context, info *Info) (*Config, error) {
	if err := setup(ctx, info, s.Options, &s.Outputs, s.Setup); err != nil {
		return &s.Config, err
	}
	if t := s.Config.typ(); t != TypeStreaming && t != TypeStateful {
		return &s.Config, fmt.Errorf("chunked: a StreamingCommand cannot be of type %q", t)
	}
	return &s.Config, nil
}

// Execute implements Handler.
func (s *StreamingCommand) Execute(ctx context.Context, req *Request, reply *Reply) error {
	reply.Grow(len(req.Body) + len(req.Body)/8)
	err := s.rows.each(ctx, s.Outputs, req.Body, &reply.Inspector, func(rec *Record) error {
		if err := s.Each(ctx, rec); err != nil || rec.dropped {
			return err
		}
		if len(reply.Body) == 0 {
			reply.Body = append(reply.Body, s.rows.lay.header...)
		}
		reply.Body = rec.append(reply.Body, s.rows.lay, nil)
		return nil
	})
	if err == nil && req.Finished && s.Done != nil {
		err = s.Done(ctx, &reply.Inspector)
	}
	return err
}
