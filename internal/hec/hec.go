// Package hec sends events to Splunk's HTTP Event Collector and waits until
// they are indexed, where the collector's token has indexer acknowledgement.
//
// The shapes of requests and answers are those of Splunk's documentation of
// the collector ("Format events for HTTP Event Collector", "About HTTP Event
// Collector Indexer Acknowledgment", "Troubleshoot HTTP Event Collector").
package hec

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tclookup/tclookup/internal/httpx"
	"github.com/tclookup/tclookup/internal/sink"
	"github.com/tclookup/tclookup/limit"
)

// Meta is the metadata of events: a fixed text, or the name of the input
// column that holds it. The collector decides where there is neither.
type Meta struct {
	Text, Column string
}

// The defaults of a Config.
const (
	DefaultTimeout  = 30 * time.Second
	DefaultAckWait  = 3 * time.Minute
	DefaultRetryFor = 5 * time.Minute
	DefaultPoll     = 25 * time.Millisecond
	// DefaultMaxEvent is the size that Splunk Cloud Platform takes at most in
	// one request, in bytes.
	DefaultMaxEvent = 1 << 20
)

// Config says where events go and how. URL and Token are required.
type Config struct {
	// URL is the collector's: its scheme, host and port. A path that ends in
	// services/collector, or one of the endpoints under it, is understood.
	URL   string
	Token string
	// Raw sends each record as the line that it is, in a string; else it is an
	// object with the record's fields.
	Raw bool
	// Index, Sourcetype, Source and Host are the metadata of the events.
	Index, Sourcetype, Source, Host Meta
	// TimeColumn holds the time of each event, see ParseTime.
	TimeColumn string
	// RequireAck makes a collector without acknowledgement an error.
	RequireAck bool
	// Plain sends requests that are not compressed.
	Plain bool
	// Timeout is the longest one request may take, AckWait how long an
	// acknowledgement may be out before the events are sent again, and
	// RetryFor how long a collector may be out of order before the run ends.
	// 0 stands for the default; RetryFor less than 0 means no bound.
	Timeout, AckWait, RetryFor time.Duration
	Proxy, CAFile              string
	InsecureTLS                bool
	UserAgent                  string
	// Warn is told in one line what the user should know while it happens.
	Warn func(string)

	// Poll is the shortest time between two questions for acknowledgements; 0
	// means DefaultPoll.
	Poll time.Duration
	// Rand gives numbers in [0,1) for the jitter; nil means a real one.
	Rand func() float64
}

// Collector is a sink.Destination. It is safe for concurrent use.
type Collector struct {
	c       Config
	http    *httpx.Client
	channel string
	columns []string
	metas   []metaOf
	timeAt  int // place of the time among the columns, -1 if there is none
	host    string

	begun   atomic.Bool // the first batch is under way
	reached atomic.Bool // the collector has answered
	met     chan struct{}
	meet    sync.Once // closes met, when the collector has looked at a batch
	acks    *acks
	poll    time.Duration // the shortest time between two questions for acknowledgements

	warned  sync.Map
	jar     jar
	refused atomic.Int64 // events refused since one was taken
	noTime  atomic.Int64
}

// metaOf is a metadata member of an event.
type metaOf struct {
	key  string // `"index":`
	text string // the encoded value, empty if it comes from a column
	at   int    // place of the column among the columns
}

// names puts the names of the command line in place of those of a source's
// settings.
var names = strings.NewReplacer("base_url", "--hec-url", "ca_file", "--hec-ca-file", "set proxy", "set --hec-proxy",
	"check proxy", "check --hec-proxy", "give it in proxy", "give it in the variable HTTPS_PROXY", "raise timeout", "raise --hec-timeout", "api_key", "the token")

// New returns a collector. It sends nothing.
func New(c Config) (*Collector, error) {
	if c.Token == "" {
		return nil, errors.New("no token of the HTTP Event Collector")
	}
	base, err := BaseURL(c.URL)
	if err != nil {
		return nil, err
	}
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.AckWait = cmp.Or(c.AckWait, DefaultAckWait)
	c.RetryFor = cmp.Or(c.RetryFor, DefaultRetryFor)
	if c.Warn == nil {
		c.Warn = func(string) {}
	}
	if c.Rand == nil {
		c.Rand = mathrand.Float64
	}
	h := &Collector{c: c, channel: newChannel(), timeAt: -1, met: make(chan struct{}), poll: cmp.Or(c.Poll, DefaultPoll)}
	h.http, err = httpx.New(httpx.Config{
		Name: "HEC", BaseURL: base, Gate: limit.NewLocal(limit.Policy{}), Timeout: c.Timeout, Retries: -1,
		Proxy: c.Proxy, CAFile: c.CAFile, InsecureTLS: c.InsecureTLS, UserAgent: c.UserAgent,
		Secret: http.Header{"Authorization": {"Splunk " + c.Token}}, Hidden: []string{c.Token}, Names: names,
	})
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(base); err == nil {
		h.host = u.Host
	}
	column := func(name string) int {
		h.columns = append(h.columns, name)
		return len(h.columns) - 1
	}
	if c.TimeColumn != "" {
		h.timeAt = column(c.TimeColumn)
	}
	for _, m := range []struct {
		key string
		Meta
	}{{"host", c.Host}, {"source", c.Source}, {"sourcetype", c.Sourcetype}, {"index", c.Index}} {
		switch {
		case m.Column != "":
			h.metas = append(h.metas, metaOf{`"` + m.key + `":`, "", column(m.Column)})
			if m.Text == "" {
				continue
			}
			h.metas[len(h.metas)-1].text = string(appendString(nil, m.Text)) // where the column is empty
		case m.Text != "":
			h.metas = append(h.metas, metaOf{`"` + m.key + `":`, string(appendString(nil, m.Text)), -1})
		}
	}
	h.acks = newAcks(h)
	return h, nil
}

// BaseURL returns the URL of a collector without the path of its endpoints.
func BaseURL(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", errors.New("--hec-url is not set: give https://host:8088")
	}
	s = strings.TrimRight(s, "/")
	for _, end := range []string{"/event/1.0", "/raw/1.0", "/event", "/raw", "/ack"} {
		if rest, ok := strings.CutSuffix(s, end); ok && strings.HasSuffix(rest, "/services/collector") {
			s = rest
		}
	}
	return strings.TrimSuffix(s, "/services/collector"), nil
}

// Clear reports whether the token would go over a network in clear text.
func Clear(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" {
		return false
	}
	switch h := u.Hostname(); {
	case h == "localhost", strings.HasPrefix(h, "127."), h == "::1":
		return false
	}
	return true
}

// Host returns the host and port of the collector.
func (h *Collector) Host() string { return h.host }

// Close ends what the collector does in the background.
func (h *Collector) Close() {
	h.acks.close()
	h.http.Close()
}

// Wants implements sink.Destination.
func (h *Collector) Wants() sink.Forms {
	return sink.Forms{Object: !h.c.Raw, Text: h.c.Raw, Columns: h.columns}
}

// Untimed returns the number of events whose time could not be read.
func (h *Collector) Untimed() int64 { return h.noTime.Load() }

// once warns of a thing once in the life of the collector.
func (h *Collector) once(key, format string, args ...any) {
	if _, again := h.warned.LoadOrStore(key, true); !again {
		h.c.Warn(fmt.Sprintf(format, args...))
	}
}

// newChannel returns a random GUID: the collector keeps acknowledgements apart
// by the channel.
func newChannel() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// sleep waits, and returns ctx's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
