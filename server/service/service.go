// Package service is what `tclookup serve` runs: ThreatCrowd's API in both
// versions, votes, feeds, look-ups in bulk and pages, over one's own
// intelligence and other sources behind it, with access control and bounds.
package service

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
	"github.com/tclookup/tclookup/server/token"
	"github.com/tclookup/tclookup/source"
)

// Votes keeps what people think of indicators. It is safe for concurrent use.
type Votes interface {
	// Vote makes v, -1 malicious, 1 harmless, 0 none, the one vote of a voter
	// about an indicator, in place of an earlier one. It is on disk when Vote
	// returns. Origin says for the audit trail how and from where it came.
	Vote(ctx context.Context, ind indicator.Indicator, voter string, v int8, origin string) error
}

// Lists gives the feeds. It is safe for concurrent use.
type Lists interface {
	// Malicious calls f with each value of a kind that is judged malicious, in
	// an order that does not change.
	Malicious(ctx context.Context, kind indicator.Type, f func(value string) error) error
}

// Options are what a Service is made of. Parser and Rules are required.
type Options struct {
	// Local knows one's own intelligence; nil for none. It is asked about
	// everything, also about what must not leave the house.
	Local source.Source
	// Upstream are the sources behind the service; nil for none. Private and
	// excluded indicators are never asked for there.
	Upstream source.Source
	// Decode reads a report that a source of Upstream sent, by its name.
	Decode func(name string, ind indicator.Indicator, raw []byte) (*source.Report, error)
	Parser *indicator.Parser
	Rules  *indicator.Rules
	// Queue has indicators that could not be answered in time fetched later;
	// nil: nobody does.
	Queue func(ctx context.Context, inds []indicator.Indicator) error

	Votes Votes // nil: no voting
	Lists Lists // nil: no feeds
	// Version changes whenever Local, Votes or Lists do, whoever changed
	// them. It is asked once a second. Nil: they do not change.
	Version func(ctx context.Context) (int64, error)
	// Pages makes what serves everything that is no path of the API, for
	// people to look at, from the service that it asks. Nil: there is nothing
	// else.
	Pages func(*Service) (http.Handler, error)

	// PublicURL is the address of the service in permalinks, with the slash at
	// its end.
	PublicURL string
	// MaxWait is the longest time a request waits for sources; 0 means 10 s.
	MaxWait time.Duration
	// MaxValues is the most values in one request for a look-up in bulk; 0
	// means 10,000.
	MaxValues int
	// Bodies bounds the bytes of ready answers held in memory; 0 means
	// 64 MiB.
	Bodies int64
	Access Access
	// AccessLog logs each request.
	AccessLog bool
	// Budgets and Sent tell what may be sent to the sources and how many
	// requests were; both nil without sources.
	Budgets func(ctx context.Context) []Budget
	Sent    func() int64
	Log     *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Access says who may do what.
type Access struct {
	// Tokens are the tokens of clients; nil for none.
	Tokens *token.Set
	// Open lets everybody read without a token or certificate. Votes need one
	// all the same.
	Open bool
	// Hosts are the names by which browsers and clients may call the service,
	// without a port, lower case; nil allows any. It keeps pages of other
	// sites from reading a service on the loopback interface under a name of
	// their own (DNS rebinding).
	Hosts []string
	// GetVotes allows votes by GET, as the original took them, by anyone who
	// may read: the voter is the token, the certificate or the address.
	GetVotes bool
	// Rate is the requests a second of one client, the name of its token or
	// its address, and Burst how many at once; 0 is no bound. Clients on the
	// machine itself without a token have no bound.
	Rate  float64
	Burst int
}

// Service answers requests. It is safe for concurrent use.
type Service struct {
	o      Options
	now    func() time.Time
	log    *slog.Logger
	bodies *bodies
	feeds  map[indicator.Type]*feed
	limits *limits
	meter  *meter
	guard  *http.CrossOriginProtection
	slots  chan struct{} // one for each look-up that is no hit
	people http.Handler  // Options.Pages, nil for none

	version  atomic.Int64 // of the local intelligence, as seen last
	draining atomic.Bool
}

// maxSlots is how many look-ups that are not answered from memory may be under
// way at a time. Each may wait for MaxWait.
const maxSlots = 512

// New returns a service. It asks nobody.
func New(o Options) (*Service, error) {
	if o.Parser == nil || o.Rules == nil {
		return nil, errors.New("a service needs a parser and rules")
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 10 * time.Second
	}
	if o.MaxValues <= 0 {
		o.MaxValues = 10000
	}
	if o.Bodies <= 0 {
		o.Bodies = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		o: o, now: o.Now, log: o.Log, bodies: newBodies(o.Bodies), feeds: map[indicator.Type]*feed{},
		limits: newLimits(o.Access.Rate, o.Access.Burst), meter: newMeter(), guard: http.NewCrossOriginProtection(), slots: make(chan struct{}, maxSlots),
	}
	for _, k := range feedKinds {
		s.feeds[k.kind] = &feed{kind: k.kind}
	}
	if o.Pages != nil {
		var err error
		if s.people, err = o.Pages(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Watch looks once a second whether the local intelligence has changed, and
// forgets the ready answers then. It returns when ctx ends.
func (s *Service) Watch(ctx context.Context) {
	if s.o.Version == nil {
		return
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	said := false
	for {
		err := s.look(ctx)
		if err != nil && ctx.Err() == nil && !said {
			s.log.Warn("the local intelligence cannot be read", "error", err)
		}
		said = err != nil
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// look forgets the ready answers if the local intelligence has changed.
func (s *Service) look(ctx context.Context) error {
	v, err := s.o.Version(ctx)
	if err != nil {
		s.bodies.purge() // rather slow than wrong
		return err
	}
	if s.version.Swap(v) != v {
		s.bodies.purge()
	}
	return nil
}

// Draining makes the service say that it is not ready any more.
func (s *Service) Draining() { s.draining.Store(true) }

// route is a path, or a tree of paths, of the service.
type route uint8

const (
	routeReport route = iota
	routeV1
	routeVote
	routeFeed
	routeLookup
	routeOpenAPI
	routeHealth
	routeReady
	routeMetrics
	routePages
	routes
)

var routeNames = [routes]string{"report", "v1", "vote", "feed", "lookup", "openapi", "health", "ready", "metrics", "pages"}

// Paths of the service beside those of package server.
const (
	pathVote    = "/vote.php"
	pathFeeds   = "/feeds/"
	pathLookup  = "/v1/lookup"
	pathOpenAPI = "/openapi.json"
	pathHealth  = "/healthz"
	pathReady   = "/readyz"
	pathMetrics = "/metrics"
)

func routeOf(path string) route {
	switch {
	case strings.HasPrefix(path, server.Root):
		return routeReport
	case path == pathLookup:
		return routeLookup
	case path == server.PathV1:
		return routeV1
	case path == pathVote:
		return routeVote
	case strings.HasPrefix(path, pathFeeds):
		return routeFeed
	case path == pathOpenAPI:
		return routeOpenAPI
	case path == pathHealth:
		return routeHealth
	case path == pathReady:
		return routeReady
	case path == pathMetrics:
		return routeMetrics
	}
	return routePages
}

// ServeHTTP answers one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := s.now()
	rt := routeOf(r.URL.Path)
	s.meter.open.Add(1)
	code, who := s.serve(w, r, rt)
	s.meter.open.Add(-1)
	took := s.now().Sub(start)
	s.meter.request(rt, code, took)
	if s.o.AccessLog {
		s.log.Info("request", "client", who.name, "address", r.RemoteAddr, "method", r.Method, "path", r.URL.Path, "query", r.URL.RawQuery, "status", code, "ms", took.Milliseconds())
	}
}

// serve answers a request and returns the status it answered with.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, rt route) (int, client) {
	h := w.Header()
	h["X-Content-Type-Options"] = valueNosniff
	h["Referrer-Policy"] = valueNoReferrer
	if rt != routePages { // pages say themselves what they need
		h["Content-Security-Policy"] = valueNothing
		h["Cache-Control"] = valueNoStore
	}
	if !s.hostAllowed(r.Host) {
		return fail(w, http.StatusMisdirectedRequest, "this service does not go by that name: start it with --public-url or --host"), client{}
	}
	switch rt { // for whoever watches over the service
	case routeHealth:
		return s.health(w, r), client{}
	case routeReady:
		return s.ready(w, r), client{}
	case routeOpenAPI:
		return s.openAPI(w, r), client{}
	}
	who, code := s.admit(w, r)
	if code != 0 {
		return code, who
	}
	switch rt {
	case routeReport:
		return s.report(w, r), who
	case routeV1:
		return s.v1(w, r), who
	case routeVote:
		return s.vote(w, r, who), who
	case routeFeed:
		return s.feed(w, r), who
	case routeLookup:
		return s.lookup(w, r), who
	case routeMetrics:
		return s.metrics(w, r), who
	}
	return s.pages(w, r, who), who
}

// The values of header fields that every answer has, shared by all.
var (
	valueNosniff    = []string{"nosniff"}
	valueNoReferrer = []string{"no-referrer"}
	valueNothing    = []string{"default-src 'none'; frame-ancestors 'none'"}
	valueNoStore    = []string{"no-store"}
	valueJSON       = []string{"application/json"}
	valueGzip       = []string{"gzip"}
	valueVary       = []string{"Accept-Encoding"}
)

// fail answers with an error in plain text, one line.
func fail(w http.ResponseWriter, code int, text string) int {
	http.Error(w, text, code)
	return code
}

// allow reports whether the method is one of those; if not it has answered.
func allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	fail(w, http.StatusMethodNotAllowed, "only "+strings.Join(methods, " and ")+" are answered here")
	return false
}

// pages has the pages answer.
func (s *Service) pages(w http.ResponseWriter, r *http.Request, who client) int {
	if s.people == nil {
		return fail(w, http.StatusNotFound, "no such path; reports are at "+server.Root+"{domain,ip,email,antivirus,file}/report/, what else there is says "+pathOpenAPI)
	}
	rec := &recorder{ResponseWriter: w, code: http.StatusOK}
	s.people.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), clientKey{}, who)))
	return rec.code
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	code  int
	wrote bool
}

func (r *recorder) WriteHeader(code int) {
	if !r.wrote {
		r.code, r.wrote = code, true
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// addressOf returns the address of a client without its port.
func addressOf(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
