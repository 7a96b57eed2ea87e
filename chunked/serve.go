package chunked

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A Server holds the settings of Serve. The zero value is ready for use.
type Server struct {
	// Name is put in front of every message, as "NAME: text", unless the text
	// begins so. Empty means the name of the command that splunkd gives.
	Name string
	// MaxBody is the longest body of a request that is accepted, in bytes;
	// 0 means DefaultMaxBody.
	MaxBody int64
	// MaxMetadata is the longest metadata of a request that is accepted, in
	// bytes; 0 means DefaultMaxMetadata.
	MaxMetadata int64
	// DrainTimeout is how long, after a failure, splunkd is given to close
	// stdin; 0 means 5 seconds.
	DrainTimeout time.Duration
	// Stderr gets a few short lines when a handler panics; nil means
	// os.Stderr.
	Stderr io.Writer
}

// Serve holds one conversation with splunkd with the settings of the zero
// [Server]. See Server.Serve.
func Serve(ctx context.Context, r io.Reader, w io.Writer, h Handler) error {
	return new(Server).Serve(ctx, r, w, h)
}

// Serve holds one conversation with splunkd: it reads requests from r and
// writes exactly one reply to each to w, until the last one. If w has a method
// Flush() error, it is called after each reply.
//
// It returns nil when the conversation ended regularly: after the last reply,
// at the end of r between two requests, or when nobody reads w any more. It
// returns a *ReportedError when the handler failed and splunkd has been told,
// a *FrameError when r is no proper stream of frames, ctx's cause when ctx
// ended, and otherwise the error of r or w.
//
// A program that gives os.Stdout to Serve should call
// signal.Ignore(syscall.SIGPIPE) before, or else the runtime ends it when
// splunkd hangs up; [Main] does.
//
// Serve reads r in one goroutine, which ends before Serve returns. Only if a
// read is blocked that cannot be interrupted, because r has no SetReadDeadline
// that works, does it stay behind until the read returns.
func (s *Server) Serve(ctx context.Context, r io.Reader, w io.Writer, h Handler) error {
	hctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	frames := newFrameReader(r, s.MaxMetadata, s.MaxBody)
	c := &conversation{
		Server: s,
		ctx:    ctx,
		hctx:   hctx,
		h:      h,
		frames: frames,
		pump:   newPump(r, frames, func() { cancel(ErrHangup) }),
		out:    frameWriter{w: w},
		sent:   sent{prefix: prefix(s.Name)},
	}
	defer c.pump.close()
	if f, ok := h.(interface{ Finish() }); ok {
		defer func() { _ = c.guard(func() error { f.Finish(); return nil }) }()
	}
	if err := c.run(); err != errNobodyReads {
		return err
	}
	return nil
}

// errNobodyReads is how send says that splunkd has closed its end: the search
// was cancelled or has enough.
var errNobodyReads = errors.New("chunked: nobody reads the replies")

func prefix(name string) string {
	if name == "" {
		return ""
	}
	return name + ": "
}

// conversation is the state of one Serve.
type conversation struct {
	*Server
	ctx, hctx context.Context // of Serve, and of the handler
	h         Handler
	frames    *frameReader
	pump      *pump
	out       frameWriter
	sent      sent
	cfg       *Config
	req       Request
	reply     Reply
	meta      []byte // scratch for the metadata of a reply
}

func (c *conversation) run() error {
	if done, err := c.getinfo(); done || err != nil {
		return err
	}
	for n := 0; ; n++ {
		if done, err := c.execute(n); done || err != nil {
			return err
		}
	}
}

// getinfo reads and answers the first request.
func (c *conversation) getinfo() (done bool, err error) {
	if done, err := c.next(TypeStreaming); done || err != nil {
		return done, err
	}
	info, err := ParseInfo(c.frames.meta)
	if err != nil {
		return true, c.fail(TypeStreaming, err)
	}
	if c.Name == "" {
		c.sent.prefix = prefix(info.Command)
	}
	err = c.guard(func() (err error) {
		if c.cfg, err = c.h.Getinfo(c.hctx, info); err == nil && c.cfg != nil {
			err = c.cfg.check()
		}
		return err
	})
	typ := TypeStreaming
	if c.cfg == nil {
		c.cfg = new(Config)
	} else if c.cfg.check() == nil {
		typ = c.cfg.typ()
	}
	if err != nil {
		c.reply.Inspector = c.cfg.Inspector
		return true, c.fail(typ, err)
	}
	c.meta = c.cfg.append(c.meta[:0], &c.sent)
	return false, c.send(nil)
}

// execute reads and answers one execute request.
func (c *conversation) execute(n int) (done bool, err error) {
	c.reply.reset(false)
	if done, err := c.next(""); done || err != nil {
		return done, err
	}
	finished, err := parseExecute(c.frames.meta)
	if err != nil {
		return true, c.fail("", err)
	}
	c.req = Request{Body: c.frames.body, Finished: finished, Number: n}
	c.reply.Finished = finished
	if !finished {
		c.pump.start(opPeek)
	}
	if err := c.guard(c.callExecute); err != nil {
		if context.Cause(c.hctx) == ErrHangup && (errors.Is(err, context.Canceled) || errors.Is(err, ErrHangup)) {
			// The search is over and that is all there is to say; whoever may
			// still read gets a reply.
			return true, c.reject("", err)
		}
		return true, c.fail("", err)
	}
	if !c.cfg.Generating {
		c.reply.Finished = finished
	}
	c.meta = c.reply.append(c.meta[:0], &c.sent)
	return c.reply.Finished, c.sendReply()
}

func (c *conversation) callExecute() error { return c.h.Execute(c.hctx, &c.req, &c.reply) }

// next reads a frame; done means that there is none. A frame over the limits
// is answered with a failure of type typ.
func (c *conversation) next(typ Type) (done bool, err error) {
	err = c.pump.do(c.ctx, opFrame, nil)
	if err == io.EOF {
		return true, nil
	}
	if errors.Is(err, ErrTooLarge) {
		expired, stop := c.drainTimer()
		defer stop()
		if c.pump.do(c.ctx, opDiscard, expired) == nil {
			return true, c.fail(typ, err)
		}
	}
	return false, err
}

// fail tells splunkd of err, waits until it hangs up, and returns the error
// for Serve to return.
func (c *conversation) fail(typ Type, err error) error {
	if err := c.reject(typ, err); err != nil {
		return err
	}
	expired, stop := c.drainTimer()
	defer stop()
	_ = c.pump.do(c.ctx, opDrain, expired) // nothing depends on how it ends
	return &ReportedError{err}
}

// reject writes the reply that fails the search.
func (c *conversation) reject(typ Type, err error) error {
	c.meta = appendFailure(c.meta[:0], &c.sent, &c.reply.Inspector, typ, err)
	return c.send(nil)
}

// send writes the frame of c.meta and body.
func (c *conversation) send(body []byte) error {
	return sendError(c.out.write(c.meta, body, c.reply.place, headroom))
}

// sendError is the error of writing a reply for Serve to return.
func sendError(err error) error {
	if isClosedPipe(err) {
		return errNobodyReads
	}
	if err != nil {
		return fmt.Errorf("chunked: writing a reply: %w", err)
	}
	return nil
}

// sendReply writes the frame of c.meta and the reply's body.
func (c *conversation) sendReply() error {
	if c.reply.next == nil {
		return c.send(c.reply.Body)
	}
	var err error
	panicked := c.guard(func() error {
		err = c.out.stream(c.meta, c.reply.size, c.reply.next)
		return nil
	})
	if panicked != nil { // in the middle of a frame: there is no telling splunkd
		return panicked
	}
	return sendError(err)
}

func (c *conversation) drainTimer() (expired <-chan time.Time, stop func() bool) {
	d := c.DrainTimeout
	if d <= 0 {
		d = 5 * time.Second
	}
	t := time.NewTimer(d)
	return t.C, t.Stop
}

// guard calls f and turns a panic into an error.
func (c *conversation) guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p := &PanicError{Value: v, Stack: stack()}
			w := c.Stderr
			if w == nil {
				w = os.Stderr
			}
			p.log(w)
			err = p
		}
	}()
	return f()
}
