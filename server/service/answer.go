package service

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/server"
	"github.com/tclookup/tclookup/source"
)

// answer is what is known about one indicator.
type answer struct {
	source.Result
	report   *source.Report // when Found
	excluded string         // why nobody but the local intelligence was asked
	queued   bool           // not answered in time; it is fetched later
}

// keepFor is how long a ready answer is kept at most. The sources keep theirs
// as long as they are good for; changes of the local intelligence are noticed
// within a second.
const keepFor = time.Minute

// ask answers indicators, which are distinct. It calls done once for each, in
// any order, never two calls at once.
//
// The local intelligence goes first. Relations and a verdict from there are the
// answer; where one of them is missing, the sources behind are asked as well,
// and both reports become one. Waiting for sources ends after wait; what
// lies in this house, caches too, is read all the same.
func (s *Service) ask(ctx context.Context, wait time.Duration, in []indicator.Indicator, done func(i int, a answer)) {
	local := make([]answer, len(in))
	if s.o.Local != nil {
		s.o.Local.Lookup(ctx, in, func(i int, r source.Result) {
			local[i] = s.decoded(in[i], r, s.o.Local.Decode)
		})
	} else {
		for i := range local {
			local[i].Status = source.NotFound
		}
	}
	var open []int
	var send []indicator.Indicator
	for i, ind := range in {
		a := &local[i]
		if a.Status == source.Found && a.report.Related > 0 && a.report.Verdict != source.Unknown || s.o.Upstream == nil {
			done(i, *a)
			continue
		}
		if a.excluded = s.excluded(ind); a.excluded != "" || !s.o.Upstream.Types().Has(ind.Type) {
			done(i, *a)
			continue
		}
		open, send = append(open, i), append(send, ind)
	}
	if len(send) == 0 {
		return
	}
	var late []indicator.Indicator
	var lateAnswers []int
	up := make([]answer, len(send))
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	s.o.Upstream.Lookup(limited, send, func(n int, r source.Result) {
		i := open[n]
		a := s.decoded(send[n], r, func(ind indicator.Indicator, raw []byte) (*source.Report, error) {
			return s.o.Decode(r.Source, ind, raw)
		})
		l := &local[i]
		switch {
		case a.Status == source.Found:
			judge(&a, l)
		case l.Status == source.Found, l.Status == source.Failed && a.Status == source.NotFound:
			// For what is not known there, a few words here are the answer.
			if a.Status != source.NotFound {
				l.Expires = s.now().Add(time.Second)
			}
			if a.Status == source.Limited {
				late = append(late, send[n])
			}
			a = *l
		case a.Status == source.Limited:
			up[n] = a
			late, lateAnswers = append(late, send[n]), append(lateAnswers, n)
			return
		}
		done(i, a)
	})
	if len(late) == 0 {
		return
	}
	queued := false
	if s.o.Queue != nil {
		if err := s.o.Queue(context.WithoutCancel(ctx), late); err != nil {
			s.log.Warn("cannot queue what could not be answered in time", "error", err)
		} else {
			queued = true
		}
	}
	for _, n := range lateAnswers {
		up[n].queued = queued
		done(open[n], up[n])
	}
}

// excluded says why an indicator is not asked for outside, empty if it may be.
// What the parser would write differently, or not take at all, is none to ask
// for either: the endpoints take more than real indicators.
func (s *Service) excluded(ind indicator.Indicator) string {
	canon, err := s.o.Parser.Parse(ind.Value, ind.Type)
	if err != nil {
		return err.Error()
	}
	if why := s.o.Rules.Excluded(canon); why != "" {
		return why
	}
	if canon != ind && ind.Type != indicator.Antivirus {
		return "not in canonical form"
	}
	return ""
}

// decoded makes an answer of a result.
func (s *Service) decoded(ind indicator.Indicator, r source.Result, decode func(indicator.Indicator, []byte) (*source.Report, error)) answer {
	a := answer{Result: r}
	if r.Status != source.Found {
		return a
	}
	var err error
	if a.report, err = decode(ind, r.Raw); err != nil {
		a.Result = source.Result{Status: source.Failed, Source: r.Source, Err: err}
	}
	return a
}

// judge adds to a report from outside what is known in this house, whose
// verdict and votes count more.
func judge(a, local *answer) {
	if local.Status != source.Found {
		return
	}
	r, l := *a.report, local.report
	if l.Verdict != source.Unknown {
		r.Verdict = l.Verdict
	}
	if l.HasVotes {
		r.Votes, r.HasVotes = l.Votes, true
	}
	r.LastSeen = max(r.LastSeen, l.LastSeen)
	r.Resolutions = unionResolutions(l.Resolutions, r.Resolutions)
	for _, list := range []struct {
		to   *[]string
		from []string
	}{
		{&r.Hashes, l.Hashes}, {&r.Emails, l.Emails}, {&r.Subdomains, l.Subdomains}, {&r.Domains, l.Domains},
		{&r.IPs, l.IPs}, {&r.Scans, l.Scans}, {&r.References, l.References},
	} {
		*list.to = union(list.from, *list.to)
	}
	if r.MD5 == "" {
		r.MD5 = l.MD5
	}
	if r.SHA1 == "" {
		r.SHA1 = l.SHA1
	}
	r.Related = uint32(len(r.Resolutions) + len(r.Hashes) + len(r.Emails) + len(r.Subdomains) + len(r.Domains) + len(r.IPs) + len(r.Scans))
	a.report, a.Summary = &r, r.Summary
}

// union returns a and what b has besides, in their order. It changes neither.
func union(a, b []string) []string {
	if len(a) == 0 {
		return b
	}
	seen := make(map[string]bool, len(a)+len(b))
	out := make([]string, 0, len(a)+len(b))
	for _, list := range [][]string{a, b} {
		for _, v := range list {
			if !seen[v] {
				seen[v] = true
				out = append(out, v)
			}
		}
	}
	return out
}

// unionResolutions is union for resolutions: of a repeated one the newest date
// stays, and the newest come first.
func unionResolutions(a, b []source.Resolution) []source.Resolution {
	if len(a) == 0 {
		return b
	}
	at := make(map[string]int, len(a)+len(b))
	out := make([]source.Resolution, 0, len(a)+len(b))
	for _, list := range [][]source.Resolution{a, b} {
		for _, r := range list {
			if i, ok := at[r.Value]; ok {
				out[i].LastSeen = max(out[i].LastSeen, r.LastSeen)
				continue
			}
			at[r.Value] = len(out)
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(x, y source.Resolution) int { return strings.Compare(y.LastSeen, x.LastSeen) })
	return out
}

// one returns the ready answer about an indicator. On an error the answer says
// how the look-up ended.
func (s *Service) one(ctx context.Context, ind indicator.Indicator) (*body, answer, error) {
	now := s.now()
	if b := s.bodies.get(ind, now); b != nil {
		s.meter.hits.Add(1)
		return b, answer{}, nil
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return nil, answer{}, errBusy
	}
	defer func() { <-s.slots }()
	age := s.bodies.age()
	key := ind
	ind = s.canonical(ind)
	var a answer
	s.ask(ctx, s.o.MaxWait, []indicator.Indicator{ind}, func(_ int, got answer) { a = got })
	s.meter.lookup(&a)
	var b *body
	switch a.Status {
	case source.Found:
		b = newBody(server.Append(nil, ind.Type, s.wire(ind, a.report)))
		b.found = true
	case source.NotFound, source.Unsupported, source.Unasked:
		b = newBody([]byte(server.NotFound))
	default:
		if a.Err == nil {
			a.Err = errors.New("no answer")
		}
		return nil, a, a.Err
	}
	b.origin, b.fetched = a.Origin, a.Fetched
	b.expiry = s.now().Add(keepFor)
	if !a.Expires.IsZero() && a.Expires.Before(b.expiry) {
		b.expiry = a.Expires
	}
	s.bodies.put(key, b, age)
	return b, a, nil
}

// Look answers about one indicator, for pages: with the report that the API
// gives when the status is Found. What must not leave the house is asked for
// in it only.
func (s *Service) Look(ctx context.Context, ind indicator.Indicator) (source.Result, *source.Report) {
	select {
	case s.slots <- struct{}{}:
	default:
		return source.Result{Status: source.Limited, Err: errBusy}, nil
	}
	defer func() { <-s.slots }()
	var a answer
	s.ask(ctx, s.o.MaxWait, []indicator.Indicator{ind}, func(_ int, got answer) { a = got })
	s.meter.lookup(&a)
	if a.report == nil {
		return a.Result, nil
	}
	r := *a.report
	r.Permalink = s.wire(ind, &r).Permalink
	a.Summary = r.Summary
	return a.Result, &r
}

var errBusy = errors.New("too many look-ups are waiting")

// wire returns a report in the form of the API, with a permalink to here.
func (s *Service) wire(ind indicator.Indicator, r *source.Report) *server.Report {
	out := server.FromReport(ind.Type, r)
	if ind.Type == indicator.Hash && r.MD5 != "" {
		ind.Value = r.MD5
	}
	out.Permalink = server.Permalink(s.o.PublicURL, ind)
	return out
}

// refuse answers a request that got no report: 429 when a budget or the time
// forbade it, which is not "not found", and 502 when a source failed. Both say
// that they concern this indicator only, so that a client goes on asking for
// others.
func (s *Service) refuse(w http.ResponseWriter, a *answer, err error) int {
	if errors.Is(err, errBusy) {
		w.Header().Set("Retry-After", "1")
		return fail(w, http.StatusServiceUnavailable, "too many look-ups are waiting for other sources; try again")
	}
	if a.Source != localName(s.o.Local) {
		w.Header().Set(source.ScopeHeader, source.ScopeIndicator)
	}
	if a.Status == source.Limited {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter(err)))
		if a.queued {
			return fail(w, http.StatusTooManyRequests, "queued: it is fetched as soon as the budget of the sources behind allows it; ask again later")
		}
		return fail(w, http.StatusTooManyRequests, "skipped: the budget of the sources behind is used up; ask again later")
	}
	s.log.Warn("a look-up failed", "error", err)
	return fail(w, http.StatusBadGateway, "a source behind this service failed; its log says how")
}

func localName(s source.Source) string {
	if s == nil {
		return ""
	}
	return s.Name()
}

// retryAfter is after how many seconds asking again makes sense.
func retryAfter(err error) int {
	var d *limit.Denied
	wait := 10 * time.Second
	if errors.As(err, &d) && d.Retry > 0 {
		wait = d.Retry
	}
	return int(min(max((wait+time.Second-1)/time.Second, 1), 3600))
}
