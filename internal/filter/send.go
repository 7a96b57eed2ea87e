package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/internal/sink"
	"github.com/tclookup/tclookup/record"
)

// sender gives the records of a run to a sink.
type sender struct {
	ctx     context.Context
	to      *sink.Sink
	journal *Journal
	forms   *codec.Forms
	syntax  codec.Syntax
	skipped int64 // bytes of the input that an earlier run has read
	rec     sink.Record
	err     error // the first
}

// begin prepares for an input and returns what to select of it.
func (s *sender) begin(b beginning, sel record.Selection, skipped int64) record.Selection {
	s.syntax, s.skipped = b.syntax, skipped
	s.forms, sel = codec.NewForms(b.syntax, b.columns, sel, s.to.Forms().Columns)
	return sel
}

// missing returns the columns among names that the destination asks for.
func (s *sender) missing(names []string) []string {
	var out []string
	for _, name := range s.to.Forms().Columns {
		if slices.Contains(names, name) && !slices.Contains(out, name) {
			out = append(out, fmt.Sprintf("%q", name))
		}
	}
	return out
}

// send gives the records of a batch to the sink. header is the length of the
// input's header.
func (s *sender) send(b *record.Batch, input int, header int64) error {
	if len(b.Rows) == 0 {
		return nil
	}
	if s.journal != nil {
		s.journal.reads(input, header, s.syntax.String())
	}
	want := s.to.Forms()
	if want.Text && (want.Object || want.Added || want.Input) {
		return errors.New("the output wants records as lines and as objects, which cannot be had together")
	}
	if err := s.forms.Prepare(b, want.Text); err != nil {
		return err
	}
	// The last record ends where the batch does.
	start := b.Offset + s.skipped - int64(b.Rows[len(b.Rows)-1].Next)
	rec := &s.rec
	for r := range b.Rows {
		rec.At = sink.Position{Input: input, Offset: start + int64(b.Rows[r].Next)}
		rec.Object, rec.Added, rec.Input, rec.Text, rec.Columns = rec.Object[:0], rec.Added[:0], rec.Input[:0], rec.Text[:0], rec.Columns[:0]
		bad := b.Rows[r].Bad
		if want.Text || bad {
			rec.Text = s.forms.AppendText(rec.Text, b, r)
			if len(bytes.TrimSpace(rec.Text)) == 0 {
				continue // a blank line
			}
		}
		if want.Object && !bad {
			rec.Object = s.forms.AppendObject(rec.Object, b, r)
		}
		if want.Added && !bad {
			rec.Added = s.forms.AppendAdded(rec.Added, b, r)
		}
		if want.Input && !bad {
			rec.Input = s.forms.AppendInput(rec.Input, b, r)
		}
		for i := range want.Columns {
			rec.Columns = append(rec.Columns, s.forms.Column(b, r, i))
		}
		if err := s.to.Add(s.ctx, rec); err != nil {
			s.err = fmt.Errorf("sending: %w", err)
			return s.err
		}
	}
	return nil
}

// close waits until everything is confirmed, in a run that was interrupted no
// longer than grace.
func (s *sender) close(grace time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(s.ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})()
	err := s.to.Close(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(s.err, err): // said once
		return s.err
	}
	return fmt.Errorf("sending: %w", err)
}
