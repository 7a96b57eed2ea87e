package service

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tclookup/tclookup/internal/version"
	"github.com/tclookup/tclookup/source"
)

// The numbers are written in Prometheus's text format by hand: the libraries
// for it read system files when a program starts, which every search in Splunk
// would wait for.

// codes are the statuses that are counted one by one; others count as the
// last.
var codes = [...]int{200, 206, 304, 400, 401, 403, 404, 405, 413, 414, 415, 416, 421, 429, 500, 502, 503, 0}

func codeIndex(code int) int {
	for i, c := range codes {
		if c == code {
			return i
		}
	}
	return len(codes) - 1
}

// bounds are the upper bounds of the histogram of durations.
var bounds = [...]time.Duration{
	100 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond,
	500 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// statusNames are the look-ups that are counted, by how they ended.
var statusNames = [...]string{"found", "not_found", "excluded", "unsupported", "queued", "skipped", "error"}

// meter counts what the service does.
type meter struct {
	open     atomic.Int64
	requests [routes][len(codes)]atomic.Int64
	buckets  [routes][len(bounds) + 1]atomic.Int64
	nanos    [routes]atomic.Int64
	lookups  [len(statusNames)]atomic.Int64
	hits     atomic.Int64 // answered from ready bodies
	votes    atomic.Int64
	denied   atomic.Int64
	start    time.Time
}

func newMeter() *meter { return &meter{start: time.Now()} }

func (m *meter) request(rt route, code int, took time.Duration) {
	m.requests[rt][codeIndex(code)].Add(1)
	i := 0
	for i < len(bounds) && took > bounds[i] {
		i++
	}
	m.buckets[rt][i].Add(1)
	m.nanos[rt].Add(int64(took))
}

// lookup counts a look-up that was not answered from ready bodies.
func (m *meter) lookup(a *answer) {
	i := 6
	switch {
	case a.Status == source.Found:
		i = 0
	case a.excluded != "":
		i = 2
	case a.Status == source.NotFound:
		i = 1
	case a.Status == source.Unsupported:
		i = 3
	case a.Status == source.Limited && a.queued:
		i = 4
	case a.Status == source.Limited, a.Status == source.Unasked:
		i = 5
	}
	m.lookups[i].Add(1)
}

// metrics answers with all numbers in Prometheus's text format.
func (s *Service) metrics(w http.ResponseWriter, r *http.Request) int {
	if !allow(w, r, http.MethodGet, http.MethodHead) {
		return http.StatusMethodNotAllowed
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	s.meter.write(w)
	p := func(name, kind, help string, v float64) { metric(w, name, kind, help, "", v) }
	p("tclookup_ready_answers", "gauge", "Answers held ready in memory.", float64(s.bodies.store.Len()))
	p("tclookup_waiting_lookups", "gauge", "Look-ups under way that memory did not answer.", float64(len(s.slots)))
	if s.o.Budgets != nil {
		head(w, "tclookup_upstream_available", "gauge", "Requests that may be sent to a source at once now.")
		list := s.o.Budgets(r.Context())
		for _, b := range list {
			fmt.Fprintf(w, "tclookup_upstream_available{source=%s} %d\n", quote(b.Source), b.Available)
		}
		head(w, "tclookup_upstream_requests_total", "counter", "Requests sent to sources.")
		fmt.Fprintf(w, "tclookup_upstream_requests_total %d\n", s.o.Sent())
	}
	return http.StatusOK
}

func head(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func metric(w io.Writer, name, kind, help, labels string, v float64) {
	head(w, name, kind, help)
	fmt.Fprintf(w, "%s%s %s\n", name, labels, strconv.FormatFloat(v, 'g', -1, 64))
}

// quote writes a label's value: the format escapes backslash, quote and line
// feed only, and the names of sources have none of them.
func quote(s string) string { return `"` + clip(s, 200) + `"` }

func (m *meter) write(w io.Writer) {
	head(w, "tclookup_build_info", "gauge", "The version of the program.")
	fmt.Fprintf(w, "tclookup_build_info{version=%s,go=%s} 1\n", quote(version.String()), quote(runtime.Version()))
	metric(w, "tclookup_start_time_seconds", "gauge", "When the service started.", "", float64(m.start.Unix()))
	metric(w, "tclookup_goroutines", "gauge", "Goroutines of the program.", "", float64(runtime.NumGoroutine()))
	metric(w, "tclookup_open_requests", "gauge", "Requests under way.", "", float64(m.open.Load()))
	metric(w, "tclookup_votes_total", "counter", "Votes kept.", "", float64(m.votes.Load()))
	metric(w, "tclookup_refused_requests_total", "counter", "Requests without a token, or with a wrong one.", "", float64(m.denied.Load()))
	metric(w, "tclookup_ready_hits_total", "counter", "Reports answered from ready answers in memory.", "", float64(m.hits.Load()))
	head(w, "tclookup_lookups_total", "counter", "Look-ups that ready answers did not answer, by how they ended.")
	for i, name := range statusNames {
		fmt.Fprintf(w, "tclookup_lookups_total{status=%q} %d\n", name, m.lookups[i].Load())
	}
	head(w, "tclookup_requests_total", "counter", "Requests, by path and status.")
	for rt := range routes {
		for i, c := range codes {
			if n := m.requests[rt][i].Load(); n > 0 {
				code := strconv.Itoa(c)
				if c == 0 {
					code = "other"
				}
				fmt.Fprintf(w, "tclookup_requests_total{path=%q,code=%q} %d\n", routeNames[rt], code, n)
			}
		}
	}
	head(w, "tclookup_request_seconds", "histogram", "How long requests took.")
	for rt := range routes {
		sum := int64(0)
		for i := range m.buckets[rt] {
			sum += m.buckets[rt][i].Load()
		}
		if sum == 0 {
			continue
		}
		total := int64(0)
		for i, b := range bounds {
			total += m.buckets[rt][i].Load()
			fmt.Fprintf(w, "tclookup_request_seconds_bucket{path=%q,le=\"%g\"} %d\n", routeNames[rt], b.Seconds(), total)
		}
		total += m.buckets[rt][len(bounds)].Load()
		fmt.Fprintf(w, "tclookup_request_seconds_bucket{path=%q,le=\"+Inf\"} %d\n", routeNames[rt], total)
		fmt.Fprintf(w, "tclookup_request_seconds_sum{path=%q} %g\n", routeNames[rt], time.Duration(m.nanos[rt].Load()).Seconds())
		fmt.Fprintf(w, "tclookup_request_seconds_count{path=%q} %d\n", routeNames[rt], total)
	}
}

// Budget is what may be sent to one source at once now.
type Budget struct {
	Source    string
	Available int
}

// health answers that the process is there.
func (s *Service) health(w http.ResponseWriter, r *http.Request) int {
	if !allow(w, r, http.MethodGet, http.MethodHead) {
		return http.StatusMethodNotAllowed
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
	return http.StatusOK
}

// ready answers whether requests should be sent here: not when the local
// intelligence cannot be read, and not any more once the service is to end.
func (s *Service) ready(w http.ResponseWriter, r *http.Request) int {
	if !allow(w, r, http.MethodGet, http.MethodHead) {
		return http.StatusMethodNotAllowed
	}
	if s.draining.Load() {
		return fail(w, http.StatusServiceUnavailable, "the service is about to end")
	}
	if s.o.Version != nil {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if _, err := s.o.Version(ctx); err != nil {
			return fail(w, http.StatusServiceUnavailable, "the local intelligence cannot be read; the log says why")
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ready\n")
	return http.StatusOK
}
