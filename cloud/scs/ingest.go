package scs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/splunk/splunk-cloud-sdk-go/services/ingest"

	"github.com/tclookup/tclookup/internal/hec"
	"github.com/tclookup/tclookup/internal/sink"
)

// The bounds of one request to the ingest service, as the SDK's own sender has
// them: 500 events, and a little less than 1 MiB.
const (
	MaxEvents = 500
	MaxBytes  = 1_000_000
)

// IngestConfig says what an event is besides the record and what was added.
type IngestConfig struct {
	Host, Source, Sourcetype string // empty leaves it to the service
	// TimeColumn is the column of the event's time; empty leaves the time to
	// the service.
	TimeColumn string
	// Run names the records: with the place of a record it makes the id of the
	// event, by which the service tells an event that is sent twice.
	Run string
}

// Ingest sends events to the ingest service: the record as the body, what was
// added as attributes. It is a sink.Destination. An event is confirmed when
// the service has answered that it took it.
type Ingest struct {
	c       *Client
	conf    IngestConfig
	fixed   []byte // members that all events have
	untimed atomic.Int64
}

var _ sink.Destination = (*Ingest)(nil)

// NewIngest returns the way to the ingest service. It sends nothing.
func NewIngest(c *Client, conf IngestConfig) *Ingest {
	d := &Ingest{c: c, conf: conf}
	for _, m := range [][2]string{{"host", conf.Host}, {"source", conf.Source}, {"sourcetype", conf.Sourcetype}} {
		if m[1] != "" {
			d.fixed = appendText(append(d.fixed, `,"`+m[0]+`":`...), m[1])
		}
	}
	return d
}

// Untimed returns the number of events whose time could not be read.
func (d *Ingest) Untimed() int64 { return d.untimed.Load() }

// Wants implements sink.Destination.
func (d *Ingest) Wants() sink.Forms {
	f := sink.Forms{Input: true, Added: true}
	if d.conf.TimeColumn != "" {
		f.Columns = []string{d.conf.TimeColumn}
	}
	return f
}

// Encode implements sink.Destination: one event in JSON.
func (d *Ingest) Encode(dst []byte, r *sink.Record) ([]byte, error) {
	dst = append(dst, `{"body":`...)
	if len(r.Input) > 0 {
		dst = append(dst, bytes.ToValidUTF8(r.Input, []byte("\uFFFD"))...)
	} else { // a line that is no record
		dst = appendText(dst, string(r.Text))
	}
	if len(r.Added) > 2 {
		dst = append(append(dst, `,"attributes":`...), bytes.ToValidUTF8(r.Added, []byte("\uFFFD"))...)
	}
	dst = append(dst, d.fixed...)
	if d.conf.TimeColumn != "" {
		if text, ok := hec.ParseTime(r.Columns[0]); ok {
			if s, err := strconv.ParseFloat(text, 64); err == nil {
				dst = strconv.AppendInt(append(dst, `,"timestamp":`...), int64(math.Round(s*1000)), 10)
			}
		} else {
			d.untimed.Add(1)
		}
	}
	id := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", d.conf.Run, r.At.Input, r.At.Offset))
	return append(append(append(dst, `,"id":"`...), hex.EncodeToString(id[:16])...), `"}`...), nil
}

// appendText appends a JSON string.
func appendText(dst []byte, s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always can
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// Deliver implements sink.Destination.
func (d *Ingest) Deliver(ctx context.Context, b *sink.Batch) error {
	var refused []refusal
	if err := d.post(ctx, b, 0, b.Len(), &refused); err != nil {
		return err
	}
	if len(refused) == b.Len() && b.Len() > 1 { // it is not about single events
		return fmt.Errorf("the ingest service takes none of %d events: %w", b.Len(), refused[0].why)
	}
	for _, r := range refused {
		if err := b.Refuse(r.event, r.why.Error()); err != nil {
			return err
		}
	}
	return nil
}

type refusal struct {
	event int
	why   error
}

// post sends the events from, to. Where the service refuses them they are sent
// by halves, until those are found that it does not take.
func (d *Ingest) post(ctx context.Context, b *sink.Batch, from, to int, refused *[]refusal) error {
	events := make([]ingest.Event, to-from)
	for i := range events {
		var err error
		if events[i], err = event(b.Event(from + i)); err != nil {
			return err
		}
	}
	k := &call{c: d.c, ctx: ctx, policy: freely, again: func(mayBe bool) {
		b.Retried()
		if mayBe {
			b.Resent(len(events))
		}
	}}
	b.Sent()
	_, err := (&ingest.Service{Client: k}).PostEvents(events)
	var e *Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e) || !slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, e.Status):
		return interrupted(ctx, fmt.Errorf("ingest: %w", err))
	case to-from == 1:
		*refused = append(*refused, refusal{from, e})
		return nil
	}
	middle := from + (to-from)/2
	if err := d.post(ctx, b, from, middle, refused); err != nil {
		return err
	}
	return d.post(ctx, b, middle, to, refused)
}

// event gives an event the SDK's type. Its values stay as they are written:
// the SDK would make a floating-point number of every number.
func event(text []byte) (ingest.Event, error) {
	var in struct {
		Body       json.RawMessage            `json:"body"`
		Attributes map[string]json.RawMessage `json:"attributes"`
		Host       *string                    `json:"host"`
		Source     *string                    `json:"source"`
		Sourcetype *string                    `json:"sourcetype"`
		Timestamp  *int64                     `json:"timestamp"`
		ID         *string                    `json:"id"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return ingest.Event{}, fmt.Errorf("ingest: an event is no JSON: %w", err)
	}
	e := ingest.Event{Body: in.Body, Host: in.Host, Source: in.Source, Sourcetype: in.Sourcetype, Timestamp: in.Timestamp, Id: in.ID}
	if len(in.Attributes) > 0 {
		e.Attributes = make(map[string]interface{}, len(in.Attributes))
		for k, v := range in.Attributes {
			e.Attributes[k] = v
		}
	}
	return e, nil
}
