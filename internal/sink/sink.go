// Package sink has enriched records delivered to a server, in batches, until
// the server confirms them: bounded in memory, in order of confirmation, and
// with an account of what may have arrived twice.
//
// A Sink collects; a Destination knows a server. Batches are delivered several
// at a time, but count as confirmed in the order of their events: a run that
// is killed goes on behind the last event before which nothing is missing.
package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Position is a place in the inputs of a run, behind an event: input number
// Input, at Offset of its text in bytes. The zero Position is the beginning.
type Position struct {
	Input  int   `json:"input"`
	Offset int64 `json:"offset"`
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool {
	return p.Input < q.Input || p.Input == q.Input && p.Offset < q.Offset
}

// Forms are the forms of a record that a Destination wants to see.
type Forms struct {
	Object, Added, Text, Input bool
	// Columns are names of input columns whose values are wanted besides.
	Columns []string
}

// Record is an enriched record, in the forms that were asked for. Its slices
// are valid during the call only. A line of the input that is no record has a
// Text and nothing else.
type Record struct {
	Object  []byte // the record with its added fields, as one JSON object
	Added   []byte // the added fields alone, as one JSON object
	Input   []byte // the record without its added fields, as one JSON object
	Text    []byte // the record with its added fields in its own format, without line end
	Columns []string
	At      Position // behind it
}

// Refusal is the error of a record that cannot be sent, while others can.
type Refusal struct {
	At     Position
	Event  []byte // as it would have been sent; valid during the call only
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// Destination is a server that takes events.
type Destination interface {
	// Wants says what Encode needs of a record.
	Wants() Forms
	// Encode appends the event of a record to dst. An error that is a *Refusal
	// leaves this record out, any other ends the run. It is called by one
	// goroutine at a time.
	Encode(dst []byte, r *Record) ([]byte, error)
	// Deliver sends the events of a batch, again when that helps, and returns
	// nil when each is confirmed or refused. An error ends the run. It is
	// called by several goroutines.
	Deliver(ctx context.Context, b *Batch) error
}

// The defaults of Options.
const (
	DefaultEvents   = 1000
	DefaultBytes    = 512 << 10
	DefaultInFlight = 4
	DefaultLinger   = time.Second
)

// Options are the bounds of a Sink; zero stands for the default.
type Options struct {
	// Events and Bytes bound a batch. A larger event is a batch of its own.
	Events, Bytes int
	// MaxEvent is the size of the largest event that is sent, in bytes; a
	// larger one is refused. 0 means no bound.
	MaxEvent int
	// InFlight is the number of batches delivered at a time. Up to InFlight+1
	// batches are not confirmed when a run is killed.
	InFlight int
	// Linger is the longest an event waits for others to come into its batch.
	Linger time.Duration
	// Tried is how far an earlier run, which this one continues, had come with
	// sending: events up to there may have arrived already, and are counted as
	// resent.
	Tried Position
	// Note is told how far the run has come, before events are sent for the
	// first time and when they are confirmed, one call at a time. Its error
	// ends the run. nil means nobody.
	Note func(Progress) error
	// Refused is told of each event that was left out, one call at a time,
	// before Note is told of a place behind it. Its error ends the run.
	Refused func(*Refusal) error
}

// Progress is how far a run has come.
type Progress struct {
	Confirmed Position // all events up to here are confirmed or refused
	Tried     Position // no event behind here was sent
	Refused   int64    // events left out up to Confirmed
}

// Stats is the account of a run.
type Stats struct {
	Sent      int64 `json:"sent"`      // events sent at least once
	Confirmed int64 `json:"confirmed"` // events of which the server said that it has them
	// Resent counts the events that were sent again although the server may
	// have had them: each may be there twice, and no other.
	Resent  int64 `json:"resent"`
	Refused int64 `json:"refused"` // events left out
	Batches int64 `json:"batches"` // batches confirmed
	Retries int64 `json:"retries"` // requests that were repeated
}

// Sink collects events into batches and has them delivered. Add and Close are
// for one goroutine.
type Sink struct {
	to    Destination
	o     Options
	forms Forms
	ctx   context.Context // of deliveries
	stop  context.CancelCauseFunc
	free  chan *Batch
	queue chan *Batch
	work  sync.WaitGroup

	mu    sync.Mutex // held while a batch is filled or handed over
	open  *Batch     // being filled
	timer *time.Timer
	next  int64 // number of the next batch
	done  bool

	ends    sync.Mutex // guards what follows, and is held during Note
	ended   map[int64]*Batch
	low     int64 // number of the first batch that is not confirmed
	note    Progress
	stats   Stats
	refused sync.Mutex
}

// ErrClosed is the error of adding to a closed Sink.
var ErrClosed = errors.New("the output is closed")

// New returns a Sink that delivers to a Destination.
func New(to Destination, o Options) *Sink {
	o.Events = cmp.Or(o.Events, DefaultEvents)
	o.Bytes = cmp.Or(o.Bytes, DefaultBytes)
	o.InFlight = cmp.Or(o.InFlight, DefaultInFlight)
	o.Linger = cmp.Or(o.Linger, DefaultLinger)
	n := o.InFlight + 1
	s := &Sink{
		to: to, o: o, forms: to.Wants(),
		free: make(chan *Batch, n), queue: make(chan *Batch, n), ended: map[int64]*Batch{},
		note: Progress{Tried: o.Tried},
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	for range n {
		s.free <- &Batch{sink: s}
	}
	for range o.InFlight {
		s.work.Go(s.deliver)
	}
	return s
}

// Forms says what Add needs of a record.
func (s *Sink) Forms() Forms { return s.forms }

// Stats returns the account so far.
func (s *Sink) Stats() Stats {
	s.ends.Lock()
	defer s.ends.Unlock()
	return s.stats
}

// Add takes a record, and waits while too much is not confirmed yet. It
// returns the error that ended the run, if one has.
func (s *Sink) Add(ctx context.Context, r *Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return ErrClosed
	}
	b, err := s.batch(ctx)
	if err != nil {
		return err
	}
	from := len(b.body)
	body, err := s.to.Encode(b.body, r)
	if size := len(body) - from; err == nil && s.o.MaxEvent > 0 && size > s.o.MaxEvent {
		err = &Refusal{Reason: fmt.Sprintf("the event has %d bytes, more than the bound of %d", size, s.o.MaxEvent)}
	}
	var no *Refusal
	switch {
	case errors.As(err, &no):
		no.At, no.Event = r.At, body[min(from, len(body)):]
		b.at = r.At
		b.refused++
		return s.refuse(no)
	case err != nil:
		s.fail(err)
		return err
	case from > 0 && len(body) > s.o.Bytes: // it begins the next batch
		last := body[from:]
		b.body = body[:from]
		s.send()
		if b, err = s.batch(ctx); err != nil {
			return err
		}
		body = append(b.body, last...) // perhaps in the same memory, which append allows
	}
	b.body, b.at = body, r.At
	b.events = append(b.events, event{len(body), r.At})
	if !s.o.Tried.Before(r.At) {
		b.again++
	}
	if len(b.events) >= s.o.Events || len(b.body) >= s.o.Bytes {
		s.send()
	} else if len(b.events) == 1 {
		n := b.number
		s.timer = time.AfterFunc(s.o.Linger, func() { s.late(n) })
	}
	return nil
}

// batch returns the batch being filled. s.mu is held.
func (s *Sink) batch(ctx context.Context) (*Batch, error) {
	if err := context.Cause(s.ctx); err != nil {
		return nil, err
	}
	if s.open != nil {
		return s.open, nil
	}
	var b *Batch
	select {
	case b = <-s.free: // even when ctx has ended, while there is room
	default:
		select {
		case b = <-s.free:
		case <-s.ctx.Done():
			return nil, context.Cause(s.ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	b.number = s.next
	s.next++
	s.open = b
	return b, nil
}

// send hands the batch being filled over. s.mu is held.
func (s *Sink) send() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.queue <- s.open // never blocks: there are no more batches than places
	s.open = nil
}

// late sends batch number n if it is still being filled.
func (s *Sink) late(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil && s.open.number == n && !s.done {
		s.send()
	}
}

// Close has what was added delivered, waits until it is confirmed, and returns
// the error that ended the run, if one has. When ctx ends it waits no longer;
// what is not confirmed then may have arrived or not.
func (s *Sink) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.done {
		if s.open != nil {
			s.send()
		}
		s.done = true
		close(s.queue)
	}
	s.mu.Unlock()
	defer context.AfterFunc(ctx, func() { s.stop(context.Cause(ctx)) })()
	s.work.Wait()
	err := context.Cause(s.ctx)
	s.stop(err)
	return err
}

// fail ends the run.
func (s *Sink) fail(err error) { s.stop(err) }

// deliver delivers batches until there are no more.
func (s *Sink) deliver() {
	for b := range s.queue {
		if s.ctx.Err() != nil {
			continue
		}
		err := s.begin(b)
		if err == nil && len(b.events) > 0 {
			err = s.to.Deliver(s.ctx, b)
		}
		if err == nil {
			b.Sent()
			err = s.end(b)
		}
		if err != nil {
			s.fail(err)
		}
	}
}

// begin notes that a batch is about to be sent.
func (s *Sink) begin(b *Batch) error {
	s.ends.Lock()
	defer s.ends.Unlock()
	if len(b.events) == 0 || !s.note.Tried.Before(b.at) {
		return nil
	}
	s.note.Tried = b.at
	return s.tell()
}

// end notes that a batch is confirmed, and with it perhaps others behind it.
func (s *Sink) end(b *Batch) error {
	s.ends.Lock()
	defer s.ends.Unlock()
	s.ended[b.number] = b
	low := s.low
	for b := s.ended[s.low]; b != nil; b = s.ended[s.low] {
		delete(s.ended, s.low)
		s.low++
		s.note.Confirmed = b.at
		s.note.Refused += b.refused
		if s.note.Tried.Before(b.at) {
			s.note.Tried = b.at
		}
		if n := int64(len(b.events)) - b.out; n > 0 {
			s.stats.Confirmed += n
			s.stats.Batches++
		}
		b.reset()
		s.free <- b
	}
	if s.low == low {
		return nil
	}
	return s.tell()
}

func (s *Sink) tell() error {
	if s.o.Note == nil {
		return nil
	}
	return s.o.Note(s.note)
}

// refuse notes that an event is left out.
func (s *Sink) refuse(no *Refusal) error {
	s.count(func(st *Stats) { st.Refused++ })
	if s.o.Refused == nil {
		return nil
	}
	s.refused.Lock()
	defer s.refused.Unlock()
	err := s.o.Refused(no)
	if err != nil {
		s.fail(err)
	}
	return err
}

func (s *Sink) count(f func(*Stats)) {
	s.ends.Lock()
	defer s.ends.Unlock()
	f(&s.stats)
}
