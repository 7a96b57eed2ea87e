package enrich

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// answer is what a run knows about one value. There are as many as distinct
// values, so it is kept small: times are nanoseconds since the Unix epoch.
type answer struct {
	ind     indicator.Indicator // zero when the value is no indicator
	summary source.Summary      // when found
	raw     []byte              // when found, and reports are wanted
	source  string
	origin  source.Origin
	reason  string
	fetched int64 // 0: not said
	until   int64 // when it has to be asked for again
	cells   []*cell
	one     [1]*cell // the memory of cells, as long as there is one
	rows    uint32   // of batch gen that hold it
	gen     uint32
	status  Status
	asked   bool // the status is final until then
}

// never is the time of what has none.
const never = math.MaxInt64

// nanos returns t as the times here are kept, none for the zero time.
func nanos(t time.Time, none int64) int64 {
	if t.IsZero() {
		return none
	}
	return t.UnixNano()
}

// changed notes that the columns of the cells that hold the answer no longer
// hold.
func (a *answer) changed() {
	for _, c := range a.cells {
		c.changed, c.until = true, 0
	}
}

// Failures are asked for again in the same run, but not at once.
const retryFailed = time.Minute

// answer returns the answer of a value, nil if it has no bytes. White space
// and quotes alone are a value, though no indicator: the row says so.
func (e *Enricher) answer(v []byte, want indicator.Type) *answer {
	canonical, typ, err := e.opts.Parser.Append(e.scratch[:0], v, want)
	if err != nil {
		if len(v) == 0 {
			return nil
		}
		e.stats.Invalid++
		return &answer{status: Invalid, reason: oneLine(err.Error()), asked: true, until: never}
	}
	e.scratch = canonical
	ind := indicator.Indicator{Type: typ, Value: string(canonical)}
	if a := e.answers[ind]; a != nil {
		return a
	}
	a := &answer{ind: ind, until: never}
	a.cells = a.one[:0]
	e.answers[ind] = a
	e.held += 2*len(ind.Value) + answerCost
	e.stats.Distinct++
	switch {
	case e.opts.Rules != nil && e.excluded(a):
		e.stats.Excluded++
	case !e.opts.Source.Types().Has(typ):
		a.status, a.asked = Unsupported, true
		a.reason = "no enabled source answers the type " + typ.String()
	}
	return a
}

func (e *Enricher) excluded(a *answer) bool {
	if a.reason = e.opts.Rules.Excluded(a.ind); a.reason == "" {
		return false
	}
	a.status, a.asked = Excluded, true
	return true
}

// ask looks up what the cells of the batch need: each indicator once, the one
// in most rows first.
func (e *Enricher) ask(ctx context.Context, now int64) {
	var open []*answer
	for i := range e.fields {
		for _, c := range e.fields[i].cells {
			if now < c.until {
				continue
			}
			for _, a := range c.values {
				if a.asked && now < a.until {
					continue
				}
				if a.gen != e.gen {
					a.gen, a.rows = e.gen, 0
					open = append(open, a)
				}
				a.rows += c.rows
			}
		}
	}
	if len(open) == 0 {
		return
	}
	slices.SortStableFunc(open, func(a, b *answer) int { return cmp.Compare(b.rows, a.rows) })
	in := make([]indicator.Indicator, len(open))
	for i, a := range open {
		in[i] = a.ind
	}
	lctx, cancel := ctx, context.CancelFunc(func() {})
	if e.opts.MaxWait > 0 {
		lctx, cancel = context.WithTimeout(ctx, max(0, e.opts.MaxWait-e.waited))
	}
	defer cancel()
	left := len(open)
	e.progress(left)
	start, outside := e.now(), false
	e.opts.Source.Lookup(lctx, in, func(i int, r source.Result) {
		outside = outside || r.Origin == source.Live || r.Status == source.Limited || r.Status == source.Failed
		e.settle(open[i], r)
		left--
		e.progress(left)
	})
	if outside {
		e.waited += e.now().Sub(start)
	}
	e.enqueue(ctx, open)
}

// settle writes down the result of a look-up.
func (e *Enricher) settle(a *answer, r source.Result) {
	a.source, a.origin, a.fetched = r.Source, r.Origin, nanos(r.Fetched, 0)
	a.summary, a.raw = r.Summary, r.Raw
	a.asked, a.until, a.reason = true, nanos(r.Expires, never), ""
	a.changed()
	if r.Status == source.Found || r.Status == source.NotFound {
		e.stats.count(r.Origin)
	}
	switch r.Status {
	case source.Found:
		a.status = Found
		e.held += len(r.Raw) + len(r.Summary.Permalink)
	case source.NotFound:
		a.status = NotFound
	case source.Unsupported:
		a.status = Unsupported
	case source.Unasked:
		a.status, a.asked = Skipped, false
		a.reason = "not in the cache, and this run asks nobody"
	case source.Limited:
		a.status, a.asked = Skipped, false
	case source.Failed:
		a.status, a.until = Failed, e.now().Add(retryFailed).UnixNano()
	}
	if r.Err != nil {
		a.reason = oneLine(r.Err.Error())
		var d *limit.Denied
		if errors.As(r.Err, &d) && d.Reason == limit.Open {
			a.status, a.asked, a.until = Failed, true, e.now().Add(max(d.Retry, time.Second)).UnixNano()
		}
	}
}

// enqueue leaves what was not answered to the background drain.
func (e *Enricher) enqueue(ctx context.Context, open []*answer) {
	if e.opts.Queue == nil {
		return
	}
	var items []Wanted
	for _, a := range open {
		// An expired answer that had to do is asked for again, too.
		if a.status == Skipped || a.origin == source.Stale {
			items = append(items, Wanted{a.ind, int(a.rows)})
		}
	}
	if len(items) == 0 {
		return
	}
	// A cancelled run still leaves its wishes.
	if err := e.opts.Queue.Enqueue(context.WithoutCancel(ctx), items); err != nil {
		e.stats.QueueError = oneLine(err.Error())
		return
	}
	for _, a := range open {
		if a.status == Skipped {
			a.status = Queued
			a.changed()
		}
	}
}

// oneLine makes a text fit for a cell.
func oneLine(s string) string {
	return strings.Join(strings.Fields(s), " ")
}
