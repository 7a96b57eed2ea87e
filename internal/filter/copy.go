package filter

import (
	"context"
	"io"
	"runtime"
	"sync"

	"github.com/tclookup/tclookup/internal/pages"
	"github.com/tclookup/tclookup/record"
)

// largeInput is after how many bytes of input it pays to have largeHeap bytes of
// memory in large pages for what the rest needs. Garbage is then collected once
// the heap has leastHeap bytes, more would no longer fit into these pages, and
// when smallGarbage percent of what is in use has come up: what a run holds is
// bounded, and so is its memory.
const (
	largeInput   = 32 << 10
	largeHeap    = 32 << 20
	leastHeap    = 28 << 20
	smallGarbage = 40
)

// workers is how many goroutines work on the batches of an input: as many as
// there are cores. One more, to fill the gaps in which one waits for another,
// measured slower: they then change places, and the caches with them. The bound
// is for the memory, about 3 MiB for each.
func workers() int { return min(runtime.GOMAXPROCS(0), 4) }

// lane is the way of one input's batches. Each worker takes one after the other
// from its bytes to its written form, so that most of what it looks at is in the
// cache of its core. Three steps are done in the order of the input, by one
// worker at a time: the bytes are taken, the records enriched, and what became
// of them is written. The records are found and looked up, and their new form is
// made, by all at the same time.
type lane struct {
	run    *run
	input  int
	reader record.Reader
	parts  record.Divided  // the reader, or nil
	text   record.Appender // the writer, or nil

	taking chan struct{} // holds one element while nobody takes
	quit   chan struct{} // closed when no more batches are taken

	mu       sync.Mutex
	last     turn  // of the batch that was taken last
	first    bool  // no batch was enriched yet
	readErr  error // why the reader gives no more
	err      error // why enriching ended
	writeErr error // why writing ended
}

// turn is when a batch is through the steps that have an order: its channels
// are closed then.
type turn struct{ enriched, written chan struct{} }

// copy enriches all records of an input. When it returns before all are
// written, a worker may still wait for input, but nothing else is going on.
func (r *run) copy(ctx context.Context, reader record.Reader, input int) error {
	l := &lane{run: r, input: input, reader: reader, first: true, taking: make(chan struct{}, 1), quit: make(chan struct{})}
	l.parts, _ = reader.(record.Divided)
	if r.sender == nil {
		l.text, _ = r.writer.(record.Appender)
	}
	l.last = turn{make(chan struct{}), make(chan struct{})}
	close(l.last.enriched)
	close(l.last.written)
	l.taking <- struct{}{}
	var all sync.WaitGroup
	for range workers() {
		all.Go(func() { l.work(ctx) })
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-l.quit:
	case <-ctx.Done():
		l.stop(ctx.Err())
	}
	l.mu.Lock()
	last := l.last
	l.mu.Unlock()
	<-last.written
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.writeErr != nil:
		return l.writeErr
	case l.err != nil:
		return l.err
	case l.readErr != io.EOF:
		return l.readErr
	}
	return nil
}

// stop has no more batches taken and enriched. Those that are enriched are
// written.
func (l *lane) stop(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped() {
		l.err = err
		close(l.quit)
	}
}

// stopped reports whether no more batches are enriched.
func (l *lane) stopped() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

// work takes batches through all steps until there are no more.
func (l *lane) work(ctx context.Context) {
	var b record.Batch
	var text []byte
	for {
		before, own, ok := l.take(&b)
		if !ok {
			return
		}
		if l.parts != nil {
			l.parts.Find(&b)
		}
		l.run.o.Enricher.Prepare(&b)
		l.run.rowsRead.Add(int64(len(b.Rows)))
		<-before.enriched
		ok = l.enrich(ctx, &b)
		close(own.enriched)
		if ok && l.text != nil {
			text = l.text.Append(text[:0], &b)
		}
		<-before.written
		if ok {
			l.write(&b, text)
		}
		close(own.written)
	}
}

// take takes the next batch, and the turns of the one before and of this one.
// ok is false if there are no more.
func (l *lane) take(b *record.Batch) (before, own turn, ok bool) {
	select {
	case <-l.taking:
	case <-l.quit:
		return before, own, false
	}
	defer func() { l.taking <- struct{}{} }()
	if l.readErr != nil || l.stopped() {
		return before, own, false
	}
	if r := l.run; r.large {
		r.pacer.Set()
	} else if r.much || r.bytesIn.Load() >= largeInput {
		r.large = true
		pages.Heap(largeHeap)
	}
	b.Mark = 0
	var err error
	if l.parts != nil {
		err = l.parts.Take(b)
	} else {
		err = l.reader.Read(b)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.readErr = err
		return before, own, false
	}
	if l.stopped() {
		return before, own, false
	}
	before, own = l.last, turn{make(chan struct{}), make(chan struct{})}
	l.last = own
	return before, own, true
}

// enrich does what is done in order between taking and writing. It reports
// whether the batch is to be written.
func (l *lane) enrich(ctx context.Context, b *record.Batch) bool {
	if l.stopped() {
		return false
	}
	r := l.run
	if l.parts != nil {
		l.parts.Count(b)
	}
	if l.first && r.skipped == 0 {
		r.header = headerLen(b, r.syntax)
	}
	l.first = false
	if err := r.o.Enricher.Enrich(ctx, b); err != nil {
		l.stop(err)
		return false
	}
	if l.text != nil {
		l.text.Encode(b)
	}
	return true
}

// write writes a batch, unless one before it could not be written.
func (l *lane) write(b *record.Batch, text []byte) {
	if l.writeErr != nil { // of a batch before: it is set by then
		return
	}
	if err := l.run.write(b, text, l.text != nil, l.input); err != nil {
		l.mu.Lock()
		l.writeErr = err
		l.mu.Unlock()
		l.stop(nil)
	}
}
