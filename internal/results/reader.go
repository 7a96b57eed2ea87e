package results

import (
	"context"
	"fmt"
	"io"
)

// Options say what to read and how.
type Options struct {
	// Fetch returns up to count results from offset on.
	Fetch func(ctx context.Context, offset int64, count int) (*Page, error)
	// Total is the number of results, negative if it is not known: the first
	// page without results is then the end.
	Total int64
	// PageRows is the number of results that are asked for at a time; 0 means
	// DefaultPageRows.
	PageRows int
	// CSV writes CSV and not JSON Lines. Separator joins the elements of lists,
	// which the columns in Single must not hold.
	CSV       bool
	Separator string
	Single    []string
}

// DefaultPageRows is the default of Options.PageRows.
const DefaultPageRows = 5000

// Reader reads the results of a finished search job as one text. While one
// page is worked on the next is fetched.
type Reader struct {
	o      Options
	stop   context.CancelFunc
	pages  chan []byte
	err    error // set before pages is closed
	rest   []byte
	failed error
}

// NewReader returns a reader of the results. Close it. When ctx ends its Read
// returns an error at once.
func NewReader(ctx context.Context, o Options) *Reader {
	if o.PageRows <= 0 {
		o.PageRows = DefaultPageRows
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Reader{o: o, stop: stop, pages: make(chan []byte)}
	go func() {
		defer close(r.pages)
		r.err = r.fetch(ctx)
	}()
	return r
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.failed != nil {
			return 0, r.failed
		}
		text, ok := <-r.pages
		if !ok {
			r.failed = r.err
			if r.err == nil {
				r.failed = io.EOF
			}
			continue
		}
		r.rest = text
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close ends the reading. It may be called while Read waits.
func (r *Reader) Close() error {
	r.stop()
	return nil
}

// fetch reads all pages.
func (r *Reader) fetch(ctx context.Context) error {
	t := &table{separator: r.o.Separator, single: r.o.Single}
	for at := int64(0); r.o.Total < 0 || at < r.o.Total; {
		count := r.o.PageRows
		if r.o.Total >= 0 {
			count = int(min(int64(count), r.o.Total-at))
		}
		p, err := r.o.Fetch(ctx, at, count)
		if err != nil {
			return err
		}
		if len(p.Rows) > count {
			return fmt.Errorf("the server gave %d results where %d were asked for", len(p.Rows), count)
		}
		text, err := r.text(t, p, at)
		if err != nil {
			return err
		}
		if len(text) > 0 {
			select {
			case r.pages <- text:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		at += int64(len(p.Rows))
		if len(p.Rows) == 0 {
			if r.o.Total >= 0 {
				return fmt.Errorf("the job has %d results, but the server gives only %d of them", r.o.Total, at)
			}
			return nil
		}
	}
	return nil
}

// text returns a page as text; at is the number of results before it.
func (r *Reader) text(t *table, p *Page, at int64) ([]byte, error) {
	var out []byte
	if r.o.CSV && at == 0 && len(p.Fields)+len(p.Rows) > 0 {
		head, err := t.header(p)
		if err != nil {
			return nil, err
		}
		out = append(out, head...)
	}
	for i, row := range p.Rows {
		if !r.o.CSV {
			out = append(append(out, row...), '\n')
			continue
		}
		line, err := t.row(row, at+int64(i)+1)
		if err != nil {
			return nil, err
		}
		out = append(out, line...)
	}
	return out, nil
}
