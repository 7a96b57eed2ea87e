package chunked

import (
	"context"
	"errors"
	"io"
	"time"
)

// op is one of the things the pump does.
type op uint8

const (
	opFrame   op = iota // read a frame
	opPeek              // wait for the first byte of the next one
	opDiscard           // read over the rest of a refused frame
	opDrain             // read until the end
)

// errDeadline ends a wait that has lasted long enough.
var errDeadline = errors.New("chunked: waiting for the end of the input took too long")

// pump does the reads of a conversation in a goroutine of its own, so that the
// conversation can do something else or give up while a read is blocked. The
// conversation may use what was read when the pump is idle.
type pump struct {
	src    io.Reader
	frames *frameReader
	hangup func() // called when a peek finds the end

	ops    chan op
	done   chan struct{} // capacity 1, so that an abandoned pump can end
	exited chan struct{}

	busy bool  // an op was started and its end not yet seen
	err  error // of the last op; owned by the pump while busy
	eof  bool  // a peek has found the end
}

func newPump(src io.Reader, frames *frameReader, hangup func()) *pump {
	p := &pump{
		src: src, frames: frames, hangup: hangup,
		ops: make(chan op), done: make(chan struct{}, 1), exited: make(chan struct{}),
	}
	go p.run()
	return p
}

func (p *pump) run() {
	defer close(p.exited)
	for o := range p.ops {
		switch o {
		case opFrame:
			if p.eof {
				p.err = io.EOF
			} else {
				p.err = p.frames.read()
			}
		case opPeek:
			// A byte may be the next request, waiting already; any error but
			// the end shows itself again when the frame is read.
			_, err := p.frames.br.Peek(1)
			if p.eof = err == io.EOF; p.eof {
				p.hangup()
			}
			p.err = nil
		case opDiscard:
			p.err = p.frames.discardFrame()
		case opDrain:
			_, p.err = io.Copy(io.Discard, p.frames.br)
		}
		p.done <- struct{}{}
	}
}

// start begins o and returns. The pump must be idle.
func (p *pump) start(o op) {
	p.busy = true
	p.ops <- o
}

// wait waits until the pump is idle; expired may be nil.
func (p *pump) wait(ctx context.Context, expired <-chan time.Time) error {
	if !p.busy {
		return nil
	}
	select {
	case <-p.done:
		p.busy = false
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-expired:
		return errDeadline
	}
}

// do waits until the pump is idle, then does o and waits for it.
func (p *pump) do(ctx context.Context, o op, expired <-chan time.Time) error {
	if err := p.wait(ctx, expired); err != nil {
		return err
	}
	p.start(o)
	if err := p.wait(ctx, expired); err != nil {
		return err
	}
	return p.err
}

// close ends the pump. A read that is blocked and cannot be interrupted stays
// behind and ends the pump when it returns.
func (p *pump) close() {
	close(p.ops)
	if p.busy {
		select {
		case <-p.done:
			<-p.exited
			return
		default:
		}
		d, ok := p.src.(interface{ SetReadDeadline(time.Time) error })
		if !ok || d.SetReadDeadline(time.Unix(1, 0)) != nil {
			return
		}
		defer func() { _ = d.SetReadDeadline(time.Time{}) }()
	}
	<-p.exited
}
