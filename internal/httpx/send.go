package httpx

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// slowAnswer is how long a request must have been open when the time of the
// run ends for that to count against the server.
const slowAnswer = 5 * time.Second

// errorBody is how much is read of an answer that says no.
const errorBody = 64 << 10

// attempt is what came of one request.
type attempt struct {
	resp  *Response
	next  *url.URL // where a redirect leads
	err   error
	asked bool          // a ticket was taken
	retry bool          // asking again may help
	soon  bool          // asking again needs no wait
	after time.Duration // what the server asked to wait
}

// send sends one request and reads its answer.
func (c *Client) send(ctx context.Context, r *Request, u *url.URL) (a attempt) {
	ticket, err := c.gate.Take(ctx)
	if err != nil {
		return attempt{err: c.denied(ctx, err)}
	}
	out := limit.Outcome{Verdict: limit.Neutral}
	defer func() { ticket.Done(out) }()
	if ctx.Err() != nil {
		return attempt{err: c.ended(ctx)}
	}

	rctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	w := &watch{now: c.now}
	req := c.request(httptrace.WithClientTrace(rctx, w.trace()), r, u)
	began := c.now()
	resp, err := c.transport.RoundTrip(req)
	var body []byte
	if err == nil {
		body, err = c.read(resp, r)
	}
	end := c.now()
	out.Seen = w.seen(end)
	if !out.Seen.IsZero() {
		c.sent.Add(1)
	}
	if err != nil {
		a, out.Verdict = c.failed(ctx, rctx, u, err, w, end.Sub(began))
		var e *Error
		if errors.As(a.err, &e) {
			e.Sent, e.Again = !out.Seen.IsZero(), a.retry
		}
		return a
	}
	a, out.Verdict = c.answered(r, u, &Response{Status: resp.StatusCode, Header: resp.Header, Body: body, Asked: began}, end)
	if a.after > 0 {
		out.Until = end.Add(a.after)
	}
	return a
}

// request builds a request that net/http does not repeat on its own: it would
// do so behind the gate's back when an idle connection turns out closed. It
// repeats no request with a body that it cannot rewind, so even a GET gets
// one, of no bytes.
func (c *Client) request(ctx context.Context, r *Request, u *url.URL) *http.Request {
	req := &http.Request{
		Method: cmp.Or(r.Method, http.MethodGet),
		URL:    u, Host: u.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        c.header(r, u),
		Body:          io.NopCloser(bytes.NewReader(r.Body)),
		ContentLength: int64(len(r.Body)),
	}
	return req.WithContext(ctx)
}

// read reads and closes the body of resp. Of an answer that says no it reads
// only the beginning, and does not mind errors.
func (c *Client) read(resp *http.Response, r *Request) ([]byte, error) {
	defer resp.Body.Close()
	if !r.accepts(resp.StatusCode) {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, errorBody))
		return body, nil
	}
	var buf bytes.Buffer
	if n := resp.ContentLength; 0 < n && n <= c.maxBody {
		buf.Grow(int(n) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return nil, err
	}
	if n > c.maxBody {
		return nil, source.ErrTooLarge
	}
	return bytes.Clone(buf.Bytes()), nil // without what the buffer has to spare
}

func (r *Request) accepts(status int) bool {
	return status == http.StatusOK || slices.Contains(r.Accept, status)
}

// failed says what becomes of a request without a whole answer.
func (c *Client) failed(ctx, rctx context.Context, u *url.URL, err error, w *watch, took time.Duration) (attempt, limit.Verdict) {
	a := attempt{asked: true}
	switch {
	case errors.Is(err, source.ErrTooLarge):
		a.err = c.fault(u, source.ErrTooLarge, 0, "the answer is larger than "+size(c.maxBody))
		return a, limit.Healthy
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		a.err = c.fault(u, source.ErrMalformed, 0, "the answer is said to be gzip but is not")
		return a, limit.Healthy
	case ctx.Err() != nil:
		a.err = c.ended(ctx)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && took >= slowAnswer {
			return a, limit.Failing
		}
		return a, limit.Neutral
	case rctx.Err() != nil:
		a.retry = true
		a.err = c.fault(u, source.ErrUnavailable, 0, "no answer within "+c.timeout.String()+": raise timeout if the server is only slow")
		return a, limit.Failing
	}
	kind, text, retry := diagnose(err, u)
	a.err, a.retry = c.wrapped(u, kind, text, err), retry
	if retry && w.idleClosed() {
		a.soon = true
		return a, limit.Neutral
	}
	return a, limit.Failing
}

// answered says what becomes of a whole answer, read at the moment now.
func (c *Client) answered(r *Request, u *url.URL, resp *Response, now time.Time) (attempt, limit.Verdict) {
	a := attempt{asked: true}
	status := resp.Status
	switch {
	case r.accepts(status):
		if r.Check != nil {
			a.err = r.Check(resp)
		}
		switch {
		case a.err == nil:
			a.resp = resp
			return a, limit.Healthy
		case errors.Is(a.err, source.ErrUnavailable):
			a.retry = true
			return a, limit.Failing
		case errors.Is(a.err, source.ErrThrottled):
			a.retry, a.after = true, RetryAfter(resp.Header, now)
			return a, limit.Throttled
		}
		return a, limit.Healthy
	case isRedirect(status):
		a.next, a.err = c.redirect(r, u, status, resp.Header)
		return a, limit.Healthy
	case resp.Header.Get(source.ScopeHeader) == source.ScopeIndicator && (status == http.StatusTooManyRequests || status >= 500):
		// A service of ours could not answer this one in time, or a source
		// behind it failed. It is well itself, and has waited already.
		kind := source.ErrUnavailable
		if status == http.StatusTooManyRequests {
			kind = source.ErrThrottled
		}
		a.err = c.fault(u, kind, status, said("no answer for this value now", resp))
		return a, limit.Healthy
	case status == http.StatusTooManyRequests:
		a.retry, a.after = true, RetryAfter(resp.Header, now)
		a.err = c.fault(u, source.ErrThrottled, status, said("lower rate in the source's settings", resp))
		return a, limit.Throttled
	case status >= 500:
		a.after = RetryAfter(resp.Header, now)
		kind, text := serverError(resp)
		a.retry = kind == source.ErrUnavailable
		a.err = c.fault(u, kind, status, text)
		return a, limit.Failing
	}
	kind, text := refusal(resp, len(c.secret) > 0)
	a.err = c.fault(u, kind, status, text)
	return a, limit.Healthy
}
