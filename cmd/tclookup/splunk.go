package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/logline"
	"github.com/tclookup/tclookup/internal/pages"
	"github.com/tclookup/tclookup/internal/splunkapp"
	"github.com/tclookup/tclookup/internal/splunkapp/command"
	"github.com/tclookup/tclookup/record"
)

// stanzas are the stanzas of commands.conf that are the search command.
var stanzas = []string{"tclookup", "threatcrowdlookup"}

// searchCommand is `| tclookup field=domain`. Getinfo reads the options and
// the configuration and nothing else; what looks up is put together when the
// first rows come.
type searchCommand struct {
	place  place
	stanza string
	open   func(context.Context, engine.Options) (*engine.Engine, error)
	keep   bool // the engine is closed by who opened it

	options  searchOptions
	config   *config.Config
	fields   []enrich.Field
	engine   *engine.Engine
	enricher *enrich.Enricher
	bodies   *codec.CSVBodies
	batch    record.Batch
	notes    logline.Notes
	answers  splunkapp.Answers
	run      *splunkapp.Run
	started  time.Time
	waited   time.Duration
	calls    int64
	large    bool  // a request was larger than largeBody
	many     bool  // or than manyRows
	in, out  int64 // bytes of bodies
	done     bool  // the last request was answered
	failed   error
}

// searchOptions are the options of a search.
type searchOptions struct {
	splOptions
	AllFields tri `arg:"all_fields" help:"have splunkd send every field"`
	KVStore   tri `arg:"kvstore" help:"also write answers into the KV store"`
}

func newSearchCommand(stanza string, p place) *searchCommand {
	return &searchCommand{place: p, stanza: stanza, open: engine.Open}
}

// Getinfo implements chunked.Handler. A refusal, too, says what kind of command
// it is: one that stays on the search head.
func (s *searchCommand) Getinfo(_ context.Context, info *chunked.Info) (*chunked.Config, error) {
	c, err := s.getinfo(info)
	if err != nil {
		return &chunked.Config{Type: chunked.TypeStateful}, err
	}
	return c, nil
}

func (s *searchCommand) getinfo(info *chunked.Info) (*chunked.Config, error) {
	if err := chunked.ParseArgs(info.Args, info.RawArgs, &s.options); err != nil {
		return nil, err
	}
	run := runOptions(s.options.splOptions)
	overrides := run.overrides(func(option string) string { return "option " + option })
	set := func(key, value, from string) {
		overrides = append(overrides, config.Override{Stanza: "tclookup", Key: key, Value: value, From: from})
	}
	if s.options.KVStore != "" {
		set("kvstore", string(s.options.KVStore), "option kvstore")
	}
	if info.Preview { // a preview spends no budget and writes nothing
		set("mode", string(config.Only), "preview")
		set("kvstore", "false", "preview")
	}
	s.run = splunkapp.FromInfo(s.place.app(), s.stanza, info)
	var err error
	if s.config, err = s.place.load("", overrides); err != nil {
		return nil, err
	}
	if s.config.MaxWait == 0 {
		return nil, errors.New("option max_wait cannot be 0 in Splunk, the search would hang without a word: allowed is a time such as 30s, 5m")
	}
	if s.fields, err = run.fields(s.config); err != nil {
		return nil, err
	}
	check, err := enrich.New(engine.EnrichOptions(s.config, s.fields))
	if err != nil {
		return nil, err
	}
	c := &chunked.Config{Type: chunked.TypeStateful}
	if !s.options.AllFields.set() {
		c.RequiredFields = check.Required()
	}
	for _, w := range s.config.Warnings() {
		c.Warn("%s", w)
	}
	return c, nil
}

// start puts the look-up chain together.
func (s *searchCommand) start(ctx context.Context) (err error) {
	o := engine.Options{
		Config: s.config, DataDir: s.place.dataDir(s.config), Fields: s.fields, Refresh: s.options.Refresh.set(), Demo: s.options.Demo.set(),
		Log: s.notes.Logger(), Key: s.run.Key,
	}
	if s.config.KVStore && !s.options.Demo.set() {
		o.Answered = s.answers.Add
	}
	s.engine, err = s.open(context.WithoutCancel(ctx), o)
	if err != nil {
		return err
	}
	if s.enricher, err = s.engine.Enricher(); err != nil {
		return err
	}
	s.bodies = codec.NewCSVBodies(codec.Splunk, s.enricher.Selection())
	return nil
}

// Execute implements chunked.Handler.
func (s *searchCommand) Execute(ctx context.Context, req *chunked.Request, reply *chunked.Reply) error {
	if s.started.IsZero() {
		s.started = time.Now()
	}
	s.in += int64(len(req.Body))
	if s.failed = s.execute(ctx, req, reply); s.failed == nil {
		s.out += int64(reply.Size())
		s.done = req.Finished
	}
	return s.failed
}

// saveAt is how many answers are written into the KV store at once, before the
// end of the search.
const saveAt = 500

func (s *searchCommand) execute(ctx context.Context, req *chunked.Request, reply *chunked.Reply) error {
	if hasRows(req.Body) {
		if s.enricher == nil {
			if err := s.start(ctx); err != nil {
				return err
			}
		}
		if err := s.enrich(ctx, req.Body, reply); err != nil {
			return err
		}
	}
	if n := s.answers.Len(); n >= saveAt || n > 0 && req.Finished {
		if _, err := s.answers.Save(ctx, s.run); err != nil {
			s.notes.Add(err.Error())
		}
	}
	if req.Finished && s.enricher != nil {
		s.account(reply)
	}
	for _, n := range s.notes.Take() {
		reply.Warn("%s", n)
	}
	return nil
}

// hasRows reports whether a body is more than a header.
func hasRows(body []byte) bool {
	i := bytes.IndexByte(body, '\n')
	return i >= 0 && i+1 < len(body) || bytes.IndexByte(body, '"') >= 0 && bytes.Count(body, []byte{'\n'}) > 1
}

// largeBody is the size of a request, in bytes, from which its buffer is most of
// the memory, and smallGarbage the percentage of what is in use that may then
// be garbage before it is collected: little of it is made once all is warm.
//
// manyRows is the size from which it pays to have heap bytes of memory in large
// pages for what its rows need.
const (
	largeBody    = 4 << 20
	smallGarbage = 12

	manyRows = 256 << 10
	heap     = 12 << 20
)

func (s *searchCommand) enrich(ctx context.Context, body []byte, reply *chunked.Reply) error {
	if len(body) > largeBody && !s.large {
		s.large = true
		debug.SetGCPercent(smallGarbage)
	}
	if len(body) > manyRows && !s.many {
		s.many = true
		pages.Heap(heap)
	}
	if _, err := s.bodies.Parse(body, &s.batch); err != nil {
		return err
	}
	if len(s.batch.Rows) == 0 {
		return nil
	}
	start := time.Now()
	// Splunk hanging up ends the waiting, not the reply.
	err := s.enricher.Enrich(ctx, &s.batch)
	s.waited += time.Since(start)
	s.calls++
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	reply.Stream(s.bodies.Begin(&s.batch), s.bodies.Next)
	return nil
}

// account says what the search has got, and what not.
func (s *searchCommand) account(reply *chunked.Reply) {
	st := s.enricher.Stats()
	for _, f := range s.enricher.Unseen() {
		reply.Warn("no event has a value in field %q", f)
	}
	for _, w := range s.engine.Gaps(&st) {
		reply.Warn("%s", w)
	}
	reply.Info("%d events, %d indicators, %d requests", st.Rows, st.Distinct, s.engine.Requests())
	reply.Metric("tclookup.lookups", s.waited, s.calls, st.Rows, st.Rows)
}

// Finish is called at the end of the conversation.
func (s *searchCommand) Finish() {
	if !s.started.IsZero() {
		s.log()
	}
	if s.engine != nil && !s.keep {
		_ = s.engine.Close()
	}
}

// log writes the line of the search into the app's log.
func (s *searchCommand) log() {
	a := splunkapp.Account{BytesIn: s.in, BytesOut: s.out}
	if s.enricher != nil {
		a.Stats, a.Requests = s.enricher.Stats(), s.engine.Requests()
	}
	err := s.failed
	if err == nil && !s.done {
		err = splunkapp.Public{Err: errors.New("the search ended before the last request")}
	}
	s.run.Log(a, s.started, err, os.Stderr)
	s.run.Close()
}

// refusal is the handler of a stanza that the program does not know.
type refusal struct{ stanza string }

// Getinfo implements chunked.Handler.
func (r refusal) Getinfo(context.Context, *chunked.Info) (*chunked.Config, error) {
	return nil, fmt.Errorf("unknown command %q in commands.conf: the commands are %s", r.stanza, strings.Join(append(slices.Clone(stanzas), command.Names()...), ", "))
}

// Execute implements chunked.Handler.
func (refusal) Execute(context.Context, *chunked.Request, *chunked.Reply) error { return nil }

// handlerFor returns the handler of a stanza.
func handlerFor(stanza string, p place) chunked.Handler {
	if slices.Contains(stanzas, stanza) {
		return newSearchCommand(stanza, p)
	}
	if h := command.New(stanza, p.app()); h != nil {
		return h
	}
	return refusal{stanza}
}
