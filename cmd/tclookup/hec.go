package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/filter"
	"github.com/tclookup/tclookup/internal/hec"
	"github.com/tclookup/tclookup/internal/httpx"
	"github.com/tclookup/tclookup/internal/sink"
	"github.com/tclookup/tclookup/internal/version"
)

// hecFlags say how events go to an HTTP Event Collector.
type hecFlags struct {
	URL             string `name:"url" placeholder:"URL" help:"The collector, such as https://host:8088; in Splunk Cloud https://http-inputs-STACK.splunkcloud.com."`
	TokenFile       string `name:"token-file" placeholder:"FILE" help:"File that holds the token, readable by its owner only; else the token is in $$TCLOOKUP_HEC_TOKEN."`
	Event           string `name:"event" default:"json" placeholder:"FORM" help:"json (default), an object with the record's fields, or raw, the record as it would be written to a file."`
	Index           string `name:"index" placeholder:"NAME" help:"Index of the events; default is the token's, as for the next three."`
	Sourcetype      string `name:"sourcetype" placeholder:"NAME" help:"Source type of the events."`
	Source          string `name:"source" placeholder:"NAME" help:"Source of the events."`
	Host            string `name:"host" placeholder:"NAME" help:"Host of the events."`
	IndexField      string `name:"index-field" placeholder:"NAME" help:"Field that holds the index of each event; where it is empty --hec-index counts. The same for the next three."`
	SourcetypeField string `name:"sourcetype-field" placeholder:"NAME" help:"Field that holds the source type of each event."`
	SourceField     string `name:"source-field" placeholder:"NAME" help:"Field that holds the source of each event."`
	HostField       string `name:"host-field" placeholder:"NAME" help:"Field that holds the host of each event."`
	TimeField       string `name:"time-field" placeholder:"NAME" help:"Field that holds the time of each event, as seconds since 1970 or in ISO 8601; default is the time of arrival."`
	Ack             string `name:"ack" default:"auto" placeholder:"WHEN" help:"Wait for indexer acknowledgement: auto (default), where the token has it; require, else fail."`
	AckWait         string `name:"ack-wait" placeholder:"TIME" help:"How long an acknowledgement may be out before its events are sent again, default 3m."`
	RetryFor        string `name:"retry-for" placeholder:"TIME" help:"How long a collector that fails is tried again, default 5m; 0 = no bound."`
	Timeout         string `name:"timeout" placeholder:"TIME" help:"Longest time of one request, default 30s."`
	BatchEvents     int    `name:"batch-events" placeholder:"N" help:"Most events in one request, default 1000."`
	BatchBytes      string `name:"batch-bytes" placeholder:"SIZE" help:"Largest request before compression, default 512KiB."`
	MaxEvent        string `name:"max-event" placeholder:"SIZE" help:"Largest event, default 1MiB; a larger one is left out, and the run ends with code 1."`
	InFlight        int    `name:"in-flight" placeholder:"N" help:"Most batches under way at a time, default 8."`
	Compress        string `name:"compress" default:"gzip" placeholder:"KIND" help:"Compress requests: gzip (default) or none."`
	Proxy           string `name:"proxy" placeholder:"URL" help:"Proxy, or none; default is that of the environment."`
	CAFile          string `name:"ca-file" type:"path" placeholder:"FILE" help:"PEM file of certificates that are trusted besides the system's."`
	InsecureTLS     bool   `name:"insecure-tls" help:"Accept any certificate: whoever is on the way can read the token."`
}

// given reports whether any of the flags is set.
func (f *hecFlags) given() bool {
	plain := hecFlags{Event: f.Event, Ack: f.Ack, Compress: f.Compress}
	return *f != plain || f.Event != "json" || f.Ack != "auto" || f.Compress != "gzip"
}

const (
	defaultInFlight = 8
	mostInFlight    = 64
)

// settings reads the flags, and the token from where it is.
func (f *hecFlags) settings(p place) (c hec.Config, o sink.Options, err error) {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(flag, value, a, b string) bool {
		if value != a && value != b {
			fail("%s cannot be %q: allowed are %s, %s", flag, value, a, b)
		}
		return value == b
	}
	duration := func(flag, value string, to *time.Duration) {
		if value == "" {
			return
		}
		d, err := config.ParseDuration(value)
		if err != nil {
			fail("%s cannot be %q: %w", flag, value, err)
		}
		*to = d
	}
	size := func(flag, value string, def int) int {
		if value == "" {
			return def
		}
		n, err := config.ParseSize(value)
		switch {
		case err != nil:
			fail("%s cannot be %q: %w", flag, value, err)
		case n < 1 || n > 256<<20:
			fail("%s cannot be %q: allowed is 1 to 256MiB", flag, value)
		}
		return int(n)
	}
	count := func(flag string, n, most, def int) int {
		if n < 0 || n > most {
			fail("%s cannot be %d: allowed is 1 to %d", flag, n, most)
		}
		if n == 0 {
			return def
		}
		return n
	}
	c = hec.Config{
		URL:   f.URL,
		Index: hec.Meta{Text: f.Index, Column: f.IndexField}, Sourcetype: hec.Meta{Text: f.Sourcetype, Column: f.SourcetypeField},
		Source: hec.Meta{Text: f.Source, Column: f.SourceField}, Host: hec.Meta{Text: f.Host, Column: f.HostField},
		TimeColumn: f.TimeField, Proxy: f.Proxy, CAFile: f.CAFile, InsecureTLS: f.InsecureTLS,
		UserAgent: httpx.UserAgent(version.String()),
	}
	c.Raw = oneOf("--hec-event", f.Event, "json", "raw")
	c.RequireAck = oneOf("--hec-ack", f.Ack, "auto", "require")
	c.Plain = oneOf("--hec-compress", f.Compress, "gzip", "none")
	duration("--hec-ack-wait", f.AckWait, &c.AckWait)
	duration("--hec-timeout", f.Timeout, &c.Timeout)
	if duration("--hec-retry-for", f.RetryFor, &c.RetryFor); f.RetryFor != "" && c.RetryFor == 0 {
		c.RetryFor = -1
	}
	if strings.Contains(f.Proxy, "@") {
		fail("--hec-proxy holds a user name or password, which others can read in the list of processes: give such a proxy in the variable HTTPS_PROXY")
	}
	o = sink.Options{
		Events:   count("--hec-batch-events", f.BatchEvents, 100_000, sink.DefaultEvents),
		Bytes:    size("--hec-batch-bytes", f.BatchBytes, sink.DefaultBytes),
		MaxEvent: size("--hec-max-event", f.MaxEvent, hec.DefaultMaxEvent),
		InFlight: count("--hec-in-flight", f.InFlight, mostInFlight, defaultInFlight),
	}
	if f.URL == "" {
		fail("--to hec needs --hec-url, such as https://host:8088")
	}
	token, err := p.secret("--hec-token-file", f.TokenFile, config.HECTokenVariable)
	switch c.Token = token.Reveal(); {
	case err != nil:
		errs = append(errs, err)
	case c.Token == "":
		fail("no token: put it into the variable %s, or into a file of mode 0600 named by --hec-token-file", config.HECTokenVariable)
	case strings.ContainsAny(c.Token, " \t\r\n"):
		fail("--hec-token-file: the file, or the variable %s, must hold the token and nothing else", config.HECTokenVariable)
	}
	return c, o, errors.Join(errs...)
}

// target is where the flag --to can send records.
type target interface {
	// open makes the way there ready. It sends nothing.
	open(a *app, inputs []filter.Input, rejectsFile string) (*delivery, error)
	// content is the flags that change what is sent.
	content() []string
}

// delivery is the way of a run's records to a server.
type delivery struct {
	to      sink.Destination
	name    string // what a journal calls the output
	end     func()
	untimed func() int64 // events whose time could not be read
	timed   string       // the field of the time, empty if there is none

	options sink.Options
	sink    *sink.Sink
	journal *filter.Journal
	rejects *rejects
}

// content is the flags that change what is sent.
func (f *hecFlags) content() []string {
	return []string{f.Event, f.Index, f.Sourcetype, f.Source, f.Host, f.IndexField, f.SourcetypeField, f.SourceField, f.HostField, f.TimeField}
}

// open makes the way ready. It sends nothing.
func (f *hecFlags) open(a *app, inputs []filter.Input, rejectsFile string) (*delivery, error) {
	c, o, err := f.settings(a.place)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex // warnings come from several goroutines
	c.Warn = func(s string) {
		mu.Lock()
		defer mu.Unlock()
		a.warn("%s", s)
	}
	h, err := hec.New(c)
	if err != nil {
		return nil, err
	}
	if hec.Clear(f.URL) {
		a.warn("--hec-url is http: the token and the events go over the network in clear text")
	}
	r, err := newRejects(rejectsFile, inputs)
	if err != nil {
		h.Close()
		return nil, err
	}
	o.Refused = r.add
	return &delivery{
		to: h, name: "hec " + h.Host(), end: h.Close, untimed: h.Untimed, timed: f.TimeField, options: o, rejects: r,
	}, nil
}

// start begins to send, and to keep the journal if there is one.
func (d *delivery) start(j *filter.Journal) *sink.Sink {
	if d.journal = j; j != nil {
		d.options.Note, d.options.Tried = j.Note, j.Tried()
	}
	d.sink = sink.New(d.to, d.options)
	return d.sink
}

// close ends it, and returns an error if events were left out.
func (d *delivery) close(a *app, complete bool) error {
	d.end()
	err := d.rejects.close()
	if d.journal != nil {
		err = errors.Join(err, d.journal.Close())
	}
	if n := d.untimed(); n > 0 {
		a.warn("field %q of %d events holds no time that can be read: they got the time of their arrival", d.timed, n)
	}
	if d.sink == nil {
		return err
	}
	if st := d.sink.Stats(); !complete && st.Sent > 0 {
		hint := "give the same command again to go on"
		if d.journal == nil {
			hint = "with --resume the next run can go on where one stopped"
		}
		a.warn("%d events are confirmed, up to %d more may have arrived; %s", st.Confirmed, st.Sent-st.Confirmed, hint)
	}
	refused := d.sink.Stats().Refused
	if d.journal != nil {
		refused = max(refused, d.journal.Refused())
	}
	if refused > 0 {
		err = errors.Join(err, fmt.Errorf("events that were left out: %d%s", refused, d.rejects.said()))
	}
	return err
}

// rejects writes down the events that were left out.
type rejects struct {
	file   *os.File
	inputs []filter.Input
	first  string
}

func newRejects(file string, inputs []filter.Input) (*rejects, error) {
	r := &rejects{inputs: inputs}
	if file == "" {
		return r, nil
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--rejects: %w", err)
	}
	r.file = f
	return r, nil
}

// rejected is a line of the file.
type rejected struct {
	Input  string          `json:"input"`
	Offset int64           `json:"offset"` // of the end of the record, in bytes of the text
	Reason string          `json:"reason"`
	Event  json.RawMessage `json:"event"`
}

func (r *rejects) add(no *sink.Refusal) error {
	name := r.inputs[no.At.Input].Name
	if r.first == "" {
		r.first = fmt.Sprintf("%s, the record that ends at byte %d: %s", name, no.At.Offset, no.Reason)
	}
	if r.file == nil {
		return nil
	}
	event := json.RawMessage(no.Event)
	if !json.Valid(event) {
		event, _ = json.Marshal(string(no.Event))
	}
	if err := writeJSON(r.file, rejected{name, no.At.Offset, no.Reason, event}); err != nil {
		return fmt.Errorf("--rejects: %w", err)
	}
	return nil
}

// said says where to read more, for the end of a sentence.
func (r *rejects) said() string {
	var b bytes.Buffer
	if r.first != "" {
		fmt.Fprintf(&b, " (the first: %s)", r.first)
	}
	if r.file != nil {
		fmt.Fprintf(&b, "; they are in %s", r.file.Name())
	} else {
		b.WriteString("; --rejects FILE keeps such events")
	}
	return b.String()
}

func (r *rejects) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
