// Package engine puts the look-up chain of a run together as the
// configuration says: sources, their budgets, the cache around them, the
// rules of what must not be sent, and the enricher on top.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/demodata"
	"github.com/tclookup/tclookup/internal/version"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/lookupcache/disk"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
	"github.com/tclookup/tclookup/source/threatcrowd"
)

// Options are what a run asks for beyond the configuration.
type Options struct {
	Config *config.Config
	// Fields are the input fields; none for look-ups without records.
	Fields []enrich.Field
	// Refresh ignores answers fetched before the run.
	Refresh bool
	// DataDir is where the processes of the host keep what they share; empty
	// keeps everything in memory.
	DataDir string
	// Background lets searches go first.
	Background bool
	// Demo answers from the embedded data set instead of any configured
	// source, and keeps nothing on disk.
	Demo bool
	// Reports says that whole reports are wanted whatever the output.
	Reports bool
	// Key returns the API key of a source whose key Splunk stores; nil where
	// there is none to ask. It is called when the source has to be asked.
	Key func(ctx context.Context, source string) (string, error)
	// Answered, if not nil, is told of each answer of the run, never by two
	// goroutines at once.
	Answered func(ind indicator.Indicator, r source.Result)
	// Promote keeps what is read from disk in memory, for processes that are
	// asked for the same again and again.
	Promote bool
	// Shared says that answers go to others than the user: they tell nothing
	// about what the rules exclude, such as internal addresses that were
	// learned.
	Shared bool
	// Voter is who votes in local intelligence; "cli" when empty.
	Voter string
	// Tiers are asked behind those of the host. They stay the caller's.
	Tiers []lookupcache.Tier
	// Progress is passed to the enricher.
	Progress func(enrich.Progress)
	Log      *slog.Logger
}

// Engine is the look-up chain of one run. Close it.
type Engine struct {
	Parser *indicator.Parser
	Rules  *indicator.Rules
	Router *source.Router
	Links  []Link
	// Store is what the processes of the host share, nil without it;
	// StoreError says why there is none although there should be.
	Store *disk.Store
	// Local is the user's own intelligence, which is asked before any server.
	Local      []*local.Store
	StoreError error

	opts   Options
	memory *lookupcache.Memory
	known  *source.Router
	demo   *demodata.Server
	sent   atomic.Int64
	closed []io.Closer
}

// Link is one source of the chain with what stands around it.
type Link struct {
	Config *config.Source
	Scope  string // names its answers and its budget
	Cache  *lookupcache.Cache
	Gate   limit.Gate
	voter  source.Voter // nil: it takes no votes
}

// memoryBytes bounds the memory cache of a run that has a disk cache behind.
const memoryBytes = 16 << 20

// Prepare returns an engine with a parser and rules and without a chain.
func Prepare(o Options) (*Engine, error) {
	e := &Engine{opts: o}
	return e, e.rules()
}

// Open puts the chain together. It sends nothing.
func Open(ctx context.Context, o Options) (*Engine, error) {
	e, err := Prepare(o)
	if err != nil {
		return nil, err
	}
	c := o.Config
	sources := c.Active()
	if o.Demo {
		demo, err := demodata.Serve(ctx)
		if err != nil {
			return nil, err
		}
		e.demo = demo
		sources = []*config.Source{{
			Name: "threatcrowd", Kind: "threatcrowd", Enabled: true, BaseURL: demo.BaseURL(),
			Types: indicator.AllTypes, Burst: 1, Timeout: 20 * time.Second, Proxy: config.NewSecret("none"), Concurrency: 4,
		}}
	}
	e.openStore(ctx)
	bytes := int64(0)
	if e.Store != nil { // what does not fit is found again on disk
		bytes = memoryBytes
	}
	e.memory = lookupcache.NewMemory(c.Cache.MemoryEntries, bytes)
	since := time.Time{}
	if o.Refresh {
		since = time.Now()
	}
	bound := func(g limit.Gate) limit.Gate { return g }
	if c.MaxLookups > 0 {
		bound = limit.NewCap(c.MaxLookups).Gate
	}
	list, err := e.openLocal(ctx)
	if err != nil {
		e.Close()
		return nil, err
	}
	known := slices.Clone(list)
	for _, s := range sources {
		gate := e.gate(s)
		client, err := e.keyedClient(s, bound(gate))
		if err != nil {
			e.Close()
			return nil, err
		}
		policy := lookupcache.Policy{
			Scope: Scope(s),
			TTL: func(ind indicator.Indicator, status source.Status, v source.Verdict) time.Duration {
				return c.Cache.TTL(status == source.Found, ind.Type, v)
			},
			Jitter: c.Cache.TTLJitter, StaleFor: c.Cache.StaleFor, Since: since,
			Reports: o.Reports || enrich.NeedsReports(c.Output, c.CIM),
			Promote: o.Promote, Offline: c.Mode != config.Live, Log: o.Log,
		}
		cache := lookupcache.New(client, policy, e.tiers()...)
		list = append(list, cache)
		policy.Offline, policy.Since, policy.Reports = true, time.Time{}, o.Reports
		known = append(known, lookupcache.New(client, policy, e.tiers()...))
		voter, _ := client.(source.Voter)
		e.Links = append(e.Links, Link{Config: s, Scope: Scope(s), Cache: cache, Gate: gate, voter: voter})
	}
	e.Router, e.known = source.NewRouter(list...), source.NewRouter(known...)
	return e, nil
}

// Scope names the answers and the budget of one server of a source. It holds
// no secret.
func Scope(s *config.Source) string {
	_, server, _ := strings.Cut(s.BaseURL, "://")
	return s.Name + "@" + server
}

// keyedClient returns the client of a source, which asks for its key if Splunk
// stores it.
func (e *Engine) keyedClient(s *config.Source, gate limit.Gate) (source.Source, error) {
	client, err := e.client(s, gate)
	if err != nil || !s.StoredKey || !s.APIKey.IsZero() {
		return client, err
	}
	return &keyed{
		Source: client,
		key: func(ctx context.Context) (string, error) {
			if e.opts.Key == nil {
				return "", fmt.Errorf("%s: %w", s.Name, errNoKeys)
			}
			return e.opts.Key(ctx, s.Name)
		},
		open: func(key string) (source.Source, error) {
			with := *s
			with.APIKey = config.NewSecret(key)
			return e.client(&with, gate)
		},
	}, nil
}

func (e *Engine) client(s *config.Source, gate limit.Gate) (source.Source, error) {
	switch s.Kind {
	case "threatcrowd":
		retries := s.Retries
		if retries == 0 {
			retries = -1
		}
		return threatcrowd.New(threatcrowd.Config{
			Name: s.Name, BaseURL: s.BaseURL, Types: s.Types, Gate: &countingGate{gate, &e.sent},
			Concurrency: s.Concurrency, Timeout: s.Timeout, Retries: retries, Proxy: s.Proxy.Reveal(),
			CAFile: s.CAFile, InsecureTLS: s.InsecureTLS, APIKey: s.APIKey.Reveal(),
			UserAgent: "tclookup/" + version.String(),
		})
	}
	return nil, fmt.Errorf("[source:%s] kind = %s: unknown; allowed are threatcrowd and local", s.Name, s.Kind)
}

// Asks reports whether there is anybody to ask.
func (e *Engine) Asks() bool { return len(e.Router.Sources()) > 0 }

// rules makes the parser and the exclusion rules.
func (e *Engine) rules() (err error) {
	x := &e.opts.Config.Exclude
	var allow []string
	if x.AllowlistFile != "" {
		f, err := os.Open(x.AllowlistFile)
		if err != nil {
			return fmt.Errorf("[exclude] allowlist_file: %w", err)
		}
		defer f.Close()
		if allow, err = indicator.LoadAllowlist(f, x.AllowlistFile); err != nil {
			return fmt.Errorf("[exclude] allowlist_file: %w", err)
		}
	}
	suffixes := append(append([]string{}, e.opts.Config.Suffixes...), x.Suffix...)
	if e.Parser, err = indicator.NewParser(indicator.ParserConfig{Suffixes: suffixes}); err != nil {
		return err
	}
	e.Rules, err = indicator.NewRules(indicator.RulesConfig{CIDR: x.CIDR, Suffixes: x.Suffix, Allow: allow, Defaults: x.Defaults})
	return err
}

// Source returns what answers the run: the router, and Options.Answered is
// told of it.
func (e *Engine) Source() source.Source {
	if e.opts.Answered == nil {
		return e.Router
	}
	return told{e.Router, e}
}

// Known returns what answers from the cache alone and sends nothing, whatever
// the mode. Its answers have reports if Options.Reports asks for them.
func (e *Engine) Known() source.Source { return e.known }

// Enricher returns the enricher of the run.
func (e *Engine) Enricher() (*enrich.Enricher, error) {
	return enrich.New(e.enrichOptions())
}

func (e *Engine) enrichOptions() enrich.Options {
	o := EnrichOptions(e.opts.Config, e.opts.Fields)
	o.Parser, o.Rules, o.Source, o.Decode = e.Parser, e.Rules, e.Source(), e.Router.DecodeFrom
	o.Progress = e.opts.Progress
	if e.Store != nil && e.opts.Config.Mode != config.Only {
		o.Queue = queue{e}
	}
	return o
}

// EnrichOptions returns the part of the enricher's options that can be known
// without a chain: enough to check them and to ask which columns are needed.
func EnrichOptions(c *config.Config, fields []enrich.Field) enrich.Options {
	return enrich.Options{
		Fields: fields, Output: c.Output, Prefix: c.Prefix, ListLimit: c.ListLimit,
		MaxWait: c.MaxWait, CIM: c.CIM,
	}
}

// told is the router, with somebody who is told of the answers.
type told struct {
	*source.Router
	e *Engine
}

// Lookup implements source.Source.
func (t told) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	t.Router.Lookup(ctx, in, func(i int, r source.Result) {
		t.e.answered(in[i], r)
		done(i, r)
	})
}

// answered passes on what is an answer.
func (e *Engine) answered(ind indicator.Indicator, r source.Result) {
	if e.opts.Answered != nil && (r.Status == source.Found || r.Status == source.NotFound) {
		e.opts.Answered(ind, r)
	}
}

// Requests returns the number of requests sent to sources so far.
func (e *Engine) Requests() int64 { return e.sent.Load() }

// Demo returns the server of the embedded data set, nil without Options.Demo.
func (e *Engine) Demo() *demodata.Server { return e.demo }

// Close ends the chain.
func (e *Engine) Close() error {
	var errs []error
	for _, c := range e.closed {
		errs = append(errs, c.Close())
	}
	if e.demo != nil {
		errs = append(errs, e.demo.Close())
	}
	return errors.Join(errs...)
}

// countingGate counts the requests that were sent.
type countingGate struct {
	limit.Gate
	sent *atomic.Int64
}

func (g *countingGate) Take(ctx context.Context) (limit.Ticket, error) {
	t, err := g.Gate.Take(ctx)
	if err != nil {
		return nil, err
	}
	return countingTicket{t, g.sent}, nil
}

type countingTicket struct {
	limit.Ticket
	sent *atomic.Int64
}

func (t countingTicket) Done(o limit.Outcome) {
	if !o.Seen.IsZero() {
		t.sent.Add(1)
	}
	t.Ticket.Done(o)
}
