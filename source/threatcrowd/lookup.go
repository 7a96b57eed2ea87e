package threatcrowd

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// Lookup asks for each indicator, several at once, the first of in first. As
// soon as the gate denies one request all that are still to be asked are
// answered Limited. See source.Source.
func (c *Client) Lookup(ctx context.Context, in []indicator.Indicator, done func(i int, r source.Result)) {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex // guards next and denied
		next   int
		denied error
		out    sync.Mutex // one call of done at a time
	)
	for range min(c.concurrency, len(in)) {
		wg.Go(func() {
			for {
				mu.Lock()
				i, stop := next, denied
				next++
				mu.Unlock()
				if i >= len(in) {
					return
				}
				r := c.result(ctx, in[i], stop)
				if errors.Is(r.Err, limit.ErrDenied) {
					mu.Lock()
					if denied == nil {
						denied = r.Err
					}
					mu.Unlock()
				}
				out.Lock()
				done(i, r)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

// result answers one indicator; stop is the error with which the gate denied
// an earlier one.
func (c *Client) result(ctx context.Context, ind indicator.Indicator, stop error) source.Result {
	r := source.Result{Source: c.name, Origin: source.Live}
	switch {
	case !c.types.Has(ind.Type):
		r.Status = source.Unsupported
		return r
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.Err = source.Late(c.name, "not asked within max_wait: raise it, or ask again later")
	case ctx.Err() != nil:
		r.Err = fmt.Errorf("%s: not asked: %w", c.name, ctx.Err())
	case stop != nil:
		r.Err = stop
	default:
		var rep *source.Report
		if rep, r.Raw, r.Fetched, r.Err = c.ask(ctx, ind); r.Err == nil {
			r.Status, r.Summary = source.Found, rep.Summary
			return r
		}
	}
	switch {
	case errors.Is(r.Err, ErrNotFound):
		r.Status, r.Err = source.NotFound, nil
	case errors.Is(r.Err, limit.ErrDenied), errors.Is(r.Err, context.DeadlineExceeded), errors.Is(r.Err, source.ErrThrottled):
		r.Status = source.Limited
	default:
		r.Status = source.Failed
	}
	return r
}
