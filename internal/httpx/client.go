package httpx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// maxRedirects is the most redirects followed in one call of Do.
const maxRedirects = 5

// Request is one question to the server.
type Request struct {
	Method string // GET when empty
	// Path is relative to the base URL and percent-encoded; Query is the
	// encoded query without "?".
	Path, Query string
	Header      http.Header
	Body        []byte
	// Accept are the statuses besides 200 that are an answer.
	Accept []int
	// Check looks at an answer before it counts. An error that is
	// source.ErrUnavailable or source.ErrThrottled means that the server
	// failed behind a good status: the request is sent again. Any other error
	// is returned as it is. It may be called several times.
	Check func(*Response) error
}

// Response is an answer that was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte    // the receiver's to keep
	Asked  time.Time // when the request was sent
}

// Do sends r, again when that helps and ctx leaves the time for it, and
// returns the answer. Each request sent took a ticket.
//
// Errors are *Error with one of the kinds of package source, or wrap
// limit.ErrDenied when the gate gave no ticket, context.Canceled or
// context.DeadlineExceeded when ctx ended. A wait that ctx's deadline would
// cut short is not begun: Do returns the last failure at once.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	u, err := c.resolve(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	var last error
	for retries, redirects := 0, 0; ; {
		a := c.send(ctx, &r, u)
		switch {
		case a.next != nil:
			if redirects++; redirects > maxRedirects {
				return nil, c.fault(u, source.ErrRefused, 0, fmt.Sprintf("more than %d redirects: check base_url", maxRedirects))
			}
			u = a.next
			continue
		case a.err == nil:
			return a.resp, nil
		case !a.asked && last == nil && isOpen(a.err):
			if fault := c.last.Load(); fault != nil {
				return nil, because(a.err, fault)
			}
			return nil, a.err
		case !a.asked && last != nil:
			return nil, because(a.err, last)
		case !a.retry || retries >= c.retries:
			c.remember(a.err)
			return nil, a.err
		}
		last = a.err
		c.remember(last)
		if !a.soon {
			d := c.backoff(retries, a.after)
			dl, ok := ctx.Deadline()
			switch late := ok && c.now().Add(d).After(dl); {
			case a.after > maxRetryWait, late && a.after > 0:
				return nil, fmt.Errorf("%w; it asks to wait %s", a.err, a.after.Round(time.Second))
			case late:
				return nil, fmt.Errorf("%w; no time left to ask again", a.err)
			}
			c.wait(ctx.Done(), d)
		}
		if ctx.Err() != nil {
			return nil, because(c.ended(ctx), last)
		}
		retries++
	}
}

// resolve returns the URL of a request. Its scheme and host are those of the
// base URL, whatever r holds.
func (c *Client) resolve(r Request) (*url.URL, error) {
	path := c.base.EscapedPath() + strings.TrimPrefix(r.Path, "/")
	u := *c.base
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil || !plain(path) || strings.ContainsAny(path, "?#\\") {
		return nil, errors.New("request path is not percent-encoded")
	}
	for seg := range strings.SplitSeq(u.Path, "/") {
		if seg == "." || seg == ".." {
			return nil, errors.New("request path has a dot segment")
		}
	}
	if !plain(r.Query) || strings.Contains(r.Query, "#") {
		return nil, errors.New("request query is not percent-encoded")
	}
	u.RawPath, u.RawQuery = path, r.Query
	return &u, nil
}

// plain reports whether s consists of visible ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// header returns the header fields of a request to u.
func (c *Client) header(r *Request, u *url.URL) http.Header {
	h := make(http.Header, len(r.Header)+len(c.secret)+2)
	h.Set("Accept", "application/json, */*;q=0.1")
	for k, v := range r.Header {
		h[http.CanonicalHeaderKey(k)] = v
	}
	h.Set("User-Agent", c.agent)
	if u.Hostname() == c.base.Hostname() {
		for k, v := range c.secret {
			h[http.CanonicalHeaderKey(k)] = v
		}
	}
	return h
}

// because adds to an error why it came to that, without repeating where.
func because(err, cause error) error {
	var fault *Error
	if errors.As(cause, &fault) {
		return fmt.Errorf("%w; before that: %s", err, fault.what())
	}
	return fmt.Errorf("%w; before that: %v", err, cause) //nolint:errorlint // the earlier one is history, not the kind of this error
}

// isOpen reports whether the circuit breaker has denied a request.
func isOpen(err error) bool {
	var d *limit.Denied
	return errors.As(err, &d) && d.Reason == limit.Open
}

// remember keeps a failure of the server, the cause that a breaker may have.
func (c *Client) remember(err error) {
	var fault *Error
	if errors.As(err, &fault) {
		c.last.Store(fault)
	}
}

// denied is the error of a request for which there was no ticket.
func (c *Client) denied(ctx context.Context, err error) error {
	if !errors.Is(err, limit.ErrDenied) && ctx.Err() != nil {
		return c.ended(ctx)
	}
	return fmt.Errorf("%s: %w", c.name, err)
}

// ended is the error of a request that ctx ended.
func (c *Client) ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return source.Late(c.name, c.base.Host+": no answer within max_wait: raise it, or ask again later")
	}
	return fmt.Errorf("%s: %s: interrupted: %w", c.name, c.base.Host, context.Canceled)
}

func wait(done <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-done:
	}
}

// Escape percent-encodes a value for use in a query: everything but letters,
// digits and -._~ (RFC 3986, section 2.3), and the bytes of keep. A space
// becomes %20, never a plus sign.
func Escape(value, keep string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(value) + 8)
	for i := range len(value) {
		c := value[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
