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
	stuck   error  // a step took too long and may still use w or r
}

// within calls f in a goroutine, which stays behind if f takes too long.
func (d *dialed) within(what string, f func() ([]byte, error)) ([]byte, error) {
	if d.stuck != nil {
		return nil, d.stuck
	}
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := f()
		done <- result{b, err}
	}()
	t := time.NewTimer(d.timeout)
	defer t.Stop()
	select {
	case r := <-done:
		return r.b, r.err
	case <-t.C:
		d.stuck = broken(RuleReply, "%s took longer than %v; a command that writes before it has read the whole request gets stuck", what, d.timeout)
		return nil, d.stuck
	}
}

func (d *dialed) send(p []byte) error {
	_, err := d.within("reading the request", func() ([]byte, error) {
		_, err := d.w.Write(p)
		return nil, err
	})
	return err
}

func (d *dialed) Read(p []byte) (int, error) {
	if len(d.buf) == 0 {
		b, err := d.within("the reply", func() ([]byte, error) {
			buf := make([]byte, 64<<10)
			n, err := io.ReadAtLeast(d.r, buf, 1)
			return buf[:n], err
		})
		if err != nil {
			return 0, err
		}
		d.buf = b
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
		if err := c.Close(); err != nil && d.stuck == nil {
			return nil, fmt.Errorf("chunkedtest: closing the command's stdin: %w", err)
		}
	}
	extra, err = d.within("ending after stdin was closed", func() ([]byte, error) { return io.ReadAll(d.r) })
	return append(d.buf, extra...), err
}
