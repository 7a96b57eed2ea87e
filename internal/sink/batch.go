package sink

// Batch is some events on their way, in the order of their records.
type Batch struct {
	sink    *Sink
	number  int64
	body    []byte
	events  []event
	at      Position // behind the last record, sent or refused
	again   int64    // events that an earlier run may have sent
	sent    bool
	refused int64 // records left out, of all that belong to the batch
	out     int64 // those of them that are among the events
}

// event is where an event ends in the batch's bytes, and in the input.
type event struct {
	end int
	at  Position
}

func (b *Batch) reset() {
	*b = Batch{sink: b.sink, body: b.body[:0], events: b.events[:0]}
	if cap(b.body) > 4*max(b.sink.o.Bytes, 64<<10) { // after an unusually large event
		b.body = nil
	}
}

// Len returns the number of events.
func (b *Batch) Len() int { return len(b.events) }

// Events returns the bytes of the events from, to, one behind the other. They
// are valid until Deliver returns and must not be changed.
func (b *Batch) Events(from, to int) []byte {
	if from >= to {
		return nil
	}
	start := 0
	if from > 0 {
		start = b.events[from-1].end
	}
	end := b.events[to-1].end
	return b.body[start:end:end]
}

// Event returns the bytes of event i.
func (b *Batch) Event(i int) []byte { return b.Events(i, i+1) }

// Sent says that the events are on their way to the server for the first time.
// Further calls, and those of a batch that is confirmed, say nothing new.
func (b *Batch) Sent() {
	if b.sent {
		return
	}
	b.sent = true
	b.sink.count(func(s *Stats) {
		s.Sent += int64(len(b.events))
		s.Resent += b.again
	})
}

// Resent says that n of the events are sent again although the server may
// have them.
func (b *Batch) Resent(n int) { b.sink.count(func(s *Stats) { s.Resent += int64(n) }) }

// Retried says that a request was repeated.
func (b *Batch) Retried() { b.sink.count(func(s *Stats) { s.Retries++ }) }

// Refuse leaves event i out: the server does not take it. An event is refused
// once.
func (b *Batch) Refuse(i int, reason string) error {
	b.refused++
	b.out++
	return b.sink.refuse(&Refusal{At: b.events[i].at, Event: b.Event(i), Reason: reason})
}
