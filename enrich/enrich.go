// Package enrich joins what sources know about indicators to the records that
// hold them: per batch it takes the distinct values of the asked fields, makes
// indicators of them, asks for each once, the most frequent first, and hands
// every record its answer as columns. Rows in are rows out, always.
package enrich

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/record"
	"github.com/tclookup/tclookup/source"
)

// Field is a column that holds indicators.
type Field struct {
	Name string
	// Type is the kind of its values; None decides by the value.
	Type indicator.Type
}

// Wanted is an indicator that could not be answered, and how many rows hold
// it.
type Wanted struct {
	Indicator indicator.Indicator
	Rows      int
}

// Queue takes what a run could not wait for.
type Queue interface {
	// Enqueue writes down what is to be fetched in the background. It reports
	// whether everything is safely written.
	Enqueue(ctx context.Context, items []Wanted) error
}

// Options are the options of a run. The zero value of each but Fields, Parser
// and Source is usable.
type Options struct {
	Fields []Field
	Parser *indicator.Parser
	// Rules say what must not be sent; nil excludes nothing.
	Rules  *indicator.Rules
	Source source.Source
	// Decode reads a report of the named source; nil means Source.Decode.
	Decode func(name string, ind indicator.Indicator, raw []byte) (*source.Report, error)
	// Output lists the columns by their names without prefix; none means
	// summary.
	Output []string
	// Prefix goes before each column's name; it may hold {field}. Empty means
	// tc_, or {field}_tc_ with several fields.
	Prefix string
	// NoPrefix makes an empty Prefix mean no prefix.
	NoPrefix bool
	// ListLimit is the greatest number of elements shown of a list, 0 = all.
	ListLimit int
	// MaxWait bounds the time that all look-ups of the run may take together;
	// 0 = no bound.
	MaxWait time.Duration
	// CIM adds the CIM names where an event has none.
	CIM bool
	// Queue takes what was not answered in time; nil: such rows are skipped.
	Queue Queue
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Progress is called now and then from Enrich, also while it waits; nil
	// means never. It must be quick.
	Progress func(Progress)
}

// Progress is how far a run has come.
type Progress struct {
	Stats
	// Open is the number of indicators of this batch still to be answered.
	Open int
}

// Enricher enriches the batches of one run. It is not safe for concurrent use,
// but for Prepare.
type Enricher struct {
	opts    Options
	now     func() time.Time
	columns []column
	fields  []field
	answers map[indicator.Indicator]*answer
	held    int // bytes that the memory of cells and answers is taken to cost
	waited  time.Duration
	gen     uint32
	stats   Stats
	scratch []byte
	ages    bool

	made     *cell          // by newCell, at the moment
	want     indicator.Type // of its values
	addValue func(v []byte) // adds one to it

	// mu guards the dicts of the fields and epoch, which Prepare reads while
	// another goroutine is in Enrich.
	mu    sync.RWMutex
	epoch uint64 // changes when cells get other numbers; never 0
}

// field is the state of one input field.
type field struct {
	Field
	// Cells have numbers: plain finds that of a cell by its bytes, twin by those
	// of its encoded list, known is indexed by it.
	plain, twin dict
	known       []*cell

	cells []*cell // the distinct cells of the batch
	seen  bool    // a record had a value
}

// noCell and emptyCell are numbers of cells: none, and the one that has no
// value.
const (
	noCell uint32 = iota
	emptyCell
)

// maxHeld bounds the memory of cells and answers kept between batches. What
// is forgotten is found again in the cache.
const maxHeld = 18 << 20

// New returns an Enricher for one run.
func New(opts Options) (*Enricher, error) {
	if len(opts.Fields) == 0 {
		return nil, fmt.Errorf("no field: name at least one with field=NAME")
	}
	if len(opts.Output) == 0 {
		opts.Output = []string{"summary"}
	}
	cs, err := parseColumns(opts.Output)
	if err != nil {
		return nil, err
	}
	if opts.Prefix == "" && !opts.NoPrefix {
		opts.Prefix = "tc_"
		if len(opts.Fields) > 1 {
			opts.Prefix = "{field}_tc_"
		}
	}
	if len(opts.Fields) > 1 && !strings.Contains(opts.Prefix, "{field}") {
		return nil, fmt.Errorf("prefix %q gives several fields the same columns: put {field} into it", opts.Prefix)
	}
	e := &Enricher{opts: opts, now: opts.Now, columns: cs, ages: slices.Contains(cs, colAge)}
	if e.now == nil {
		e.now = time.Now
	}
	if opts.Decode == nil {
		e.opts.Decode = func(_ string, ind indicator.Indicator, raw []byte) (*source.Report, error) {
			return opts.Source.Decode(ind, raw)
		}
	}
	for i, f := range opts.Fields {
		for _, g := range opts.Fields[:i] {
			if g.Name == f.Name {
				return nil, fmt.Errorf("field %q is named twice", f.Name)
			}
		}
		e.fields = append(e.fields, field{Field: f})
	}
	e.addValue = func(v []byte) {
		if a := e.answer(v, e.want); a != nil && !slices.Contains(e.made.values, a) {
			e.made.values = append(e.made.values, a)
			a.cells = append(a.cells, e.made)
		}
	}
	e.forget()
	return e, nil
}

// NeedsReports reports whether the output can only be had from whole reports,
// so that a cache that keeps summaries apart need not read them otherwise.
func NeedsReports(output []string, cim bool) bool {
	cs, err := parseColumns(output)
	return err != nil || cim || slices.ContainsFunc(cs, func(c column) bool { return columnInfo[c].raw })
}

// Selection returns the columns that the run reads and writes.
func (e *Enricher) Selection() record.Selection {
	var sel record.Selection
	for _, f := range e.fields {
		sel.Fields = append(sel.Fields, f.Name)
		sel.Outputs = append(sel.Outputs, outputs(strings.ReplaceAll(e.opts.Prefix, "{field}", f.Name), e.columns)...)
	}
	if e.opts.CIM {
		for _, o := range outputs("", cimColumns) {
			o.Fill = true
			sel.Outputs = append(sel.Outputs, o)
		}
	}
	return sel
}

// Required returns the columns that the run has to see to do its work: those
// to ask splunkd for.
func (e *Enricher) Required() []string {
	var names []string
	for _, f := range e.fields {
		names = append(names, f.Name)
	}
	if e.opts.CIM {
		for _, o := range outputs("", cimColumns) {
			if !slices.Contains(names, o.Name) {
				names = append(names, o.Name)
			}
		}
	}
	return names
}

// forget drops what is remembered of earlier batches.
func (e *Enricher) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.epoch++
	e.answers = make(map[indicator.Indicator]*answer)
	for i := range e.fields {
		f := &e.fields[i]
		f.plain.reset()
		f.twin.reset()
		// The empty cell is made once: its columns stay what they are.
		if len(f.known) == 0 {
			f.known = []*cell{noCell: nil, emptyCell: {}}
			e.project(f.known[emptyCell], 0)
		}
		clear(f.known[emptyCell+1:])
		f.known = f.known[:emptyCell+1]
	}
	e.held = 0
}

// sweep drops the cells that only one batch held since the last sweep: in a log
// most values are rare, and few make most rows. If too little goes, all does.
func (e *Enricher) sweep() {
	kept := e.keepFrequent()
	if e.held > maxHeld/2 {
		e.forget()
		return
	}
	answers := make(map[indicator.Indicator]*answer, len(e.answers)/2)
	for _, c := range kept {
		for _, a := range c.values {
			a.cells = a.cells[:0]
		}
	}
	for _, c := range kept {
		for _, a := range c.values {
			if len(a.cells) == 0 && a.ind.Type != indicator.None {
				answers[a.ind] = a
				e.held += answerCost + 2*len(a.ind.Value) + len(a.raw)
			}
			a.cells = append(a.cells, c)
		}
	}
	e.answers = answers
}

// keepFrequent drops cells for sweep and returns those that stay.
func (e *Enricher) keepFrequent() (kept []*cell) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.epoch++
	e.held = 0
	for i := range e.fields {
		f := &e.fields[i]
		renumbered := make([]uint32, len(f.known))
		known := f.known[:emptyCell+1]
		for id := emptyCell + 1; id < uint32(len(f.known)); id++ {
			if c := f.known[id]; c.batches > 1 {
				c.batches = 0
				renumbered[id] = uint32(len(known))
				known = append(known, c)
				kept = append(kept, c)
				e.held += cellCost + int(c.cost)
			}
		}
		clear(f.known[len(known):])
		f.known = known
		e.held += f.plain.renumber(renumbered) + f.twin.renumber(renumbered)
	}
	return kept
}

// Enrich sets the annotations of a batch. It returns an error only when ctx
// was cancelled; the annotations are complete even then: what was not
// answered says so in its status.
func (e *Enricher) Enrich(ctx context.Context, b *record.Batch) error {
	if e.held > maxHeld {
		e.sweep()
	}
	if e.held+len(b.Buf) > math.MaxUint32 { // more than a dict takes
		e.forget()
	}
	now := e.now().UnixNano()
	if e.gen++; e.gen == 0 { // the answers would take an old batch for this one
		e.forget()
		e.gen++
	}
	if b.Mark != e.epoch {
		e.lookUp(b, len(b.Rows) >= largeBatch && runtime.GOMAXPROCS(0) > 1)
	}
	b.Mark = 0
	for i := range e.fields {
		e.collect(b, i)
	}
	e.ask(ctx, now)
	now = e.now().UnixNano()
	for i := range e.fields {
		a := &b.Annotations[i]
		a.Sets = a.Sets[:0]
		for _, c := range e.fields[i].cells {
			if now >= c.until {
				e.bring(c, now)
			}
			a.Sets = append(a.Sets, c.set)
		}
		e.stats.add(e.fields[i].cells)
	}
	if e.opts.CIM {
		b.Annotations = b.Annotations[:len(e.fields)+1]
		e.cim(b)
	}
	e.stats.Rows += int64(len(b.Rows))
	e.progress(0)
	return ctx.Err()
}

// cellOf returns the number of the cell of a row that probe did not find.
func (e *Enricher) cellOf(b *record.Batch, i, r int) uint32 {
	f := &e.fields[i]
	raw, cells, key := b.Cell(r, i), &f.plain, b.Cell(r, i)
	twin := b.Twin(r, i)
	if len(twin) > 0 {
		cells, key = &f.twin, twin
	}
	id := cells.find(key)
	if id == noCell {
		c := e.newCell(b, f.Type, raw, twin)
		id = uint32(len(f.known))
		f.known = append(f.known, c)
		cells.add(key, id)
		f.seen = f.seen || len(c.values) > 0
	}
	return id
}

// newCell reads the values of a cell that was not seen before.
func (e *Enricher) newCell(b *record.Batch, want indicator.Type, raw, twin []byte) *cell {
	c := &cell{}
	c.values = c.one[:0]
	e.made, e.want = c, want
	b.Format.Values(raw, twin, e.addValue)
	e.held += 2*(len(raw)+len(twin)) + cellCost
	return c
}
