package chunked

import (
	"context"
	"fmt"
)

// setup does what is the same in the Getinfo of all row level commands.
// outs is looked at after the hook, which may change it.
func setup(ctx context.Context, info *Info, options any, outs *[]string, hook func(context.Context, *Info) error) error {
	if options == nil && hook == nil {
		options = &struct{}{}
	}
	if options != nil {
		if err := ParseArgs(info.Args, info.RawArgs, options); err != nil {
			return err
		}
	}
	if hook != nil {
		if err := hook(ctx, info); err != nil {
			return err
		}
	}
	_, err := newOutputs(*outs)
	return err
}

// rows walks over the rows of requests.
type rows struct {
	outs *outputs
	cols *columns
	lay  *layout
	rec  *Record
}

// begin is called with each request and returns where its rows begin, which
// may be its end.
func (w *rows) begin(names []string, body []byte, insp *Inspector) (pos int, err error) {
	if w.outs == nil {
		if w.outs, err = newOutputs(names); err != nil {
			return 0, err
		}
	}
	cols, pos, err := parseColumns(w.cols, body)
	if err != nil {
		return 0, err
	}
	if cols != nil && cols != w.cols {
		w.cols, w.lay = cols, newLayout(cols, w.outs)
	}
	if w.rec == nil {
		w.rec = newRecord(insp, w.outs)
	}
	w.rec.insp, w.rec.cols, w.rec.body = insp, w.cols, body
	return pos, nil
}

// each calls f with each row of a request.
func (w *rows) each(ctx context.Context, names []string, body []byte, insp *Inspector, f func(*Record) error) error {
	pos, err := w.begin(names, body, insp)
	if err != nil {
		return err
	}
	rec := w.rec
	for n := 1; pos < len(body); n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec.reset()
		rec.start = pos
		if rec.cells, rec.end, pos, err = splitRecord(rec.cells[:0], body, pos); err != nil {
			return fmt.Errorf("chunked: row %d of a request: %w", n, err)
		}
		if len(rec.cells) != len(w.cols.names) {
			if rec.start == rec.end {
				continue // an empty line that is no record
			}
			return fmt.Errorf("chunked: row %d of a request has %d cells, the header has %d", n, len(rec.cells), len(w.cols.names))
		}
		if err := f(rec); err != nil {
			return err
		}
		if rec.err != nil {
			return rec.err
		}
	}
	return nil
}
