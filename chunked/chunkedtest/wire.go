package chunkedtest

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/tclookup/tclookup/chunked"
)

// Start starts a handler in process, served with the settings of s; a nil s is
// the zero Server. See StartFunc.
func Start(ctx context.Context, s *chunked.Server, h chunked.Handler) *Conversation {
	if s == nil {
		s = new(chunked.Server)
	}
	return StartFunc(func(stdin io.Reader, stdout io.Writer) error { return s.Serve(ctx, stdin, stdout, h) })
}

// StartFunc starts a command in process. The pipes give away few bytes at a
// time. A command that writes before it has read the whole request, or a
// second time, gets an error and breaks a rule: no waiting is needed to find
// that out. Close waits until run returns and returns its error.
func StartFunc(run func(stdin io.Reader, stdout io.Writer) error) *Conversation {
	w := &wire{done: make(chan struct{})}
	w.cond.L = &w.mu
	go func() {
		err := run(stdin{w}, stdout{w})
		w.mu.Lock()
		w.served, w.err = true, err
		w.mu.Unlock()
		w.cond.Broadcast()
		close(w.done)
	}()
	return newConversation(w)
}

// pipeBytes is what a read of the command gets at most.
const pipeBytes = 4096

// wire is a pair of pipes that know about the lockstep.
type wire struct {
	mu     sync.Mutex
	cond   sync.Cond
	in     []byte // of the request, not yet read by the command
	closed bool   // no more requests
	out    []byte // of the reply, not yet read by the test
	turn   bool   // a request waits for its reply
	served bool   // Serve has returned err
	err    error
	broken *Violation
	done   chan struct{}
}

type (
	stdin  struct{ *wire }
	stdout struct{ *wire }
)

// Read is the command's.
func (w stdin) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.in) == 0 && !w.closed && len(p) > 0 {
		w.cond.Wait()
	}
	if len(w.in) == 0 && w.closed {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), pipeBytes)], w.in)
	w.in = w.in[n:]
	return n, nil
}

// Write is the command's.
func (w stdout) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken != nil:
		return 0, w.broken
	case w.closed:
		return 0, io.ErrClosedPipe
	case !w.turn:
		w.broken = broken(RuleOneReply, "without a request the command wrote %.60q", p)
	case len(w.in) > 0:
		w.broken = broken(RuleLockstep, "the command writes while %d bytes of the request wait to be read", len(w.in))
	}
	if w.broken != nil {
		w.cond.Broadcast()
		return 0, w.broken
	}
	w.out = append(w.out, p...)
	w.cond.Broadcast()
	return len(p), nil
}

func (w *wire) send(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken != nil:
		return w.broken
	case w.served:
		return errEnded(w.err)
	}
	w.in, w.turn = p, true
	w.cond.Broadcast()
	return nil
}

// Read is the test's.
func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.out) == 0 && !w.served && w.broken == nil {
		w.cond.Wait()
	}
	switch {
	case len(w.out) > 0:
		n := copy(p, w.out)
		w.out = w.out[n:]
		return n, nil
	case w.broken != nil:
		return 0, w.broken
	}
	return 0, errEnded(w.err)
}

func (w *wire) answered() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	if len(w.out) > 0 {
		return broken(RuleOneReply, "behind the reply there is %.60q", w.out)
	}
	w.turn = false
	return nil
}

func (w *wire) close() ([]byte, error) {
	w.mu.Lock()
	w.closed = true
	w.cond.Broadcast()
	w.mu.Unlock()
	<-w.done
	if w.broken != nil {
		return nil, w.broken
	}
	return w.out, w.err
}

// errEnded says that the command ended before its reply.
func errEnded(err error) error {
	if err == nil {
		return errors.New("the command has ended")
	}
	return errors.Join(errors.New("the command has ended"), err)
}
