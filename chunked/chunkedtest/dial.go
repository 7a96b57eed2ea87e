package chunkedtest

import (
	"fmt"
	"io"
	"time"
)

// DefaultTimeout is how long Dial and Exec wait for a command to read a
// request, to reply, or to end.
const DefaultTimeout = 30 * time.Second

// Dial begins a conversation with a command whose stdin is w and whose stdout
// is r. A request is written to its end before anything is read, as splunkd
// does, so a command that writes too early gets stuck if its pipe is small.
// Each step may take timeout; 0 means DefaultTimeout. Close closes w, if that
// is an io.Closer, and reads r to its end.
func Dial(w io.Writer, r io.Reader, timeout time.Duration) *Conversation {
	return newConversation(newDialed(w, r, timeout))
}

func newDialed(w io.Writer, r io.Reader, timeout time.Duration) *dialed {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return &dialed{w: w, r: r, timeout: timeout}
}

type dialed struct {
	w       io.Writer
	r       io.Reader
	timeout time.Duration
	buf     []byte // read from r, not yet given away
	wait    func() error
}

// within calls f in a goroutine, which stays behind if f takes too long.
func (d *dialed) within(what string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	t := time.NewTimer(d.timeout)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return broken(RuleReply, "%s took longer than %v; a command that writes before it has read the whole request gets stuck", what, d.timeout)
	}
}

func (d *dialed) send(p []byte) error {
	return d.within("reading the request", func() error {
		_, err := d.w.Write(p)
		return err
	})
}

func (d *dialed) Read(p []byte) (int, error) {
	if len(d.buf) == 0 {
		buf := make([]byte, 64<<10)
		n := 0
		if err := d.within("the reply", func() (err error) {
			n, err = io.ReadAtLeast(d.r, buf, 1)
			return err
		}); err != nil {
			return 0, err
		}
		d.buf = buf[:n]
	}
	n := copy(p, d.buf)
	d.buf = d.buf[n:]
	return n, nil
}

func (d *dialed) answered() error {
	if len(d.buf) > 0 {
		return broken(RuleOneReply, "behind the reply there is %.60q", d.buf)
	}
	return nil
}

func (d *dialed) close() (extra []byte, err error) {
	if c, ok := d.w.(io.Closer); ok {
		if err := c.Close(); err != nil {
			return nil, fmt.Errorf("chunkedtest: closing the command's stdin: %w", err)
		}
	}
	err = d.within("ending after stdin was closed", func() (err error) {
		if extra, err = io.ReadAll(d.r); err == nil && d.wait != nil {
			err = d.wait()
		}
		return err
	})
	return append(d.buf, extra...), err
}
