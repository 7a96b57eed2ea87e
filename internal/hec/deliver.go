package hec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/tclookup/tclookup/internal/httpx"
	"github.com/tclookup/tclookup/internal/sink"
)

const (
	// maxLost is the number of times events are sent again because their
	// acknowledgement did not come.
	maxLost = 3
	// maxRefused is the number of events refused in a row, none of them taken,
	// after which the fault is not with the events.
	maxRefused = 100
	// firstRetryFor bounds the retries before the collector has ever answered:
	// it may just not be there.
	firstRetryFor = 30 * time.Second
	backoffBase   = 500 * time.Millisecond
	backoffCap    = 30 * time.Second
)

// answers returns the statuses that are an answer of the collector.
var answers = sync.OnceValue(func() (s []int) {
	for n := 400; n < 600; n++ {
		s = append(s, n)
	}
	return s
})

// Deliver implements sink.Destination. The first batch is sent before all
// others, so that a wrong token is tried once, and a load balancer has said
// with which server to stay.
func (h *Collector) Deliver(ctx context.Context, b *sink.Batch) error {
	if h.begun.Swap(true) {
		select {
		case <-h.met:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return h.part(ctx, b, 0, b.Len(), false)
}

// part delivers the events from, to of a batch. again says that the collector
// may have them.
func (h *Collector) part(ctx context.Context, b *sink.Batch, from, to int, again bool) error {
	if from == to {
		return nil
	}
	body, err := h.body(b.Events(from, to))
	if err != nil {
		return err
	}
	for lost := 0; ; {
		if again {
			b.Resent(to - from)
		}
		a, k, why, err := h.post(ctx, b, body, to-from)
		switch {
		case err != nil:
			return err
		case k == tooLarge && to-from > 1:
			mid := (from + to) / 2
			if err := h.part(ctx, b, from, mid, false); err != nil {
				return err
			}
			return h.part(ctx, b, mid, to, false)
		case k == tooLarge:
			return h.refuse(b, from, why)
		case k == badEvent:
			return h.without(ctx, b, from, to, a, why)
		}
		h.refused.Store(0)
		if a.AckID == nil {
			if h.c.RequireAck {
				return &Error{h.host, http.StatusOK, 0, "the collector took the events but gives no acknowledgement: enable indexer acknowledgement for the token, or leave out --hec-ack require"}
			}
			h.once("ack", "%s: the token has no indexer acknowledgement: events count as confirmed when the collector has received them, which is before they are indexed", h.host)
			return nil
		}
		switch err := h.acks.wait(ctx, *a.AckID, h.c.AckWait); {
		case err == nil:
			return nil
		case !errors.Is(err, errNoAck):
			return err
		}
		if lost++; lost > maxLost {
			return fmt.Errorf("HEC: %s: the acknowledgement of %d events did not come within %s, %d times: the indexers may be stuck, or a load balancer sends the questions to another server than the events (it needs sticky sessions)", h.host, to-from, h.c.AckWait, lost)
		}
		h.once("lost", "%s: an acknowledgement did not come within %s: its events are sent again, and may be there twice", h.host, h.c.AckWait)
		b.Retried()
		again = true
	}
}

// without goes on after the collector did not take one of the events. It may
// have taken those before it.
func (h *Collector) without(ctx context.Context, b *sink.Batch, from, to int, a answer, why string) error {
	const indexCode = 7
	if a.Code == indexCode && h.c.Index.Column == "" {
		return &Error{h.host, http.StatusBadRequest, a.Code, why + ": check --hec-index and the indexes allowed for the token"}
	}
	bad := from
	switch {
	case to-from == 1:
	case a.Invalid != nil && *a.Invalid >= 0 && *a.Invalid < to-from:
		bad = from + *a.Invalid
	default:
		mid := (from + to) / 2
		if err := h.part(ctx, b, from, mid, true); err != nil {
			return err
		}
		return h.part(ctx, b, mid, to, true)
	}
	if err := h.part(ctx, b, from, bad, true); err != nil {
		return err
	}
	if err := h.refuse(b, bad, why); err != nil {
		return err
	}
	return h.part(ctx, b, bad+1, to, false)
}

// refuse leaves an event out.
func (h *Collector) refuse(b *sink.Batch, i int, why string) error {
	if n := h.refused.Add(1); n > maxRefused {
		return fmt.Errorf("HEC: %s: the collector refused %d events in a row and took none: %s", h.host, n, why)
	}
	return b.Refuse(i, why)
}

// zips are the writers that are not in use: each holds most of a megabyte.
var zips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// body returns the body of a request with these events.
func (h *Collector) body(events []byte) ([]byte, error) {
	if h.c.Plain {
		return events, nil
	}
	var out bytes.Buffer
	z := zips.Get().(*gzip.Writer)
	defer zips.Put(z)
	z.Reset(&out)
	if _, err := z.Write(events); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// post sends a request with n events until the collector answers it with more
// than that it should be sent later.
func (h *Collector) post(ctx context.Context, b *sink.Batch, body []byte, n int) (answer, kind, string, error) {
	r := httpx.Request{Method: http.MethodPost, Path: "services/collector/event", Body: body, Accept: answers(), Header: h.header()}
	if !h.c.Plain {
		r.Header.Set("Content-Encoding", "gzip")
	}
	began := time.Now()
	for try := 0; ; try++ {
		h.jar.add(r.Header)
		resp, err := h.http.Do(ctx, r)
		if ctx.Err() != nil {
			return answer{}, 0, "", context.Cause(ctx)
		}
		var after time.Duration
		var sent bool // the collector may have the events
		cause := err
		if err == nil {
			h.jar.keep(resp.Header)
			a, k, why := judge(resp)
			if a.Code >= 0 {
				h.reached.Store(true)
			}
			switch k {
			case busy, broken:
				after, sent = httpx.RetryAfter(resp.Header, time.Now()), k == broken
				cause = &Error{h.host, resp.Status, a.Code, why}
			case refused:
				return a, k, why, &Error{h.host, resp.Status, a.Code, why}
			default:
				b.Sent()
				h.meet.Do(func() { close(h.met) })
				return a, k, why, nil
			}
		} else {
			var fault *httpx.Error
			if !errors.As(err, &fault) || !fault.Again {
				return answer{}, 0, "", err
			}
			sent = fault.Sent
		}
		d := h.backoff(try, after)
		if bound := h.retryFor(); bound >= 0 && time.Since(began)+d > bound {
			return answer{}, 0, "", fmt.Errorf("%w; given up after %s: the events that are not confirmed are not lost, run the same command again, with --resume if it had that", cause, time.Since(began).Round(time.Second))
		}
		h.once("retry", "%v; trying again", cause)
		if err := sleep(ctx, d); err != nil {
			return answer{}, 0, "", err
		}
		b.Retried()
		if sent {
			b.Sent()
			b.Resent(n)
		}
	}
}

// retryFor is how long requests are repeated.
func (h *Collector) retryFor() time.Duration {
	if !h.reached.Load() && h.c.RetryFor >= 0 {
		return min(h.c.RetryFor, firstRetryFor)
	}
	return h.c.RetryFor
}

// backoff is the wait before retry n, counted from 0: exponential with full
// jitter, on top of what the server asked for.
func (h *Collector) backoff(n int, after time.Duration) time.Duration {
	if after > 0 {
		return after + time.Duration(h.c.Rand()*float64(backoffBase))
	}
	return time.Duration(h.c.Rand() * float64(min(backoffCap, backoffBase<<min(n, 10))))
}

func (h *Collector) header() http.Header {
	return http.Header{
		"X-Splunk-Request-Channel": {h.channel},
		"Content-Type":             {"application/json"},
	}
}

// oneLine cuts a text at its first line end.
func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
