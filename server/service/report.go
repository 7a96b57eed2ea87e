package service

import (
	"net/http"
	"strconv"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
	"github.com/tclookup/tclookup/source"
)

// report answers the five reports of version 2 of the API.
func (s *Service) report(w http.ResponseWriter, r *http.Request) int {
	q, ok := server.Parse(r.URL.Path, r.URL.RawQuery)
	if !ok {
		return fail(w, http.StatusNotFound, "no such endpoint; reports are at "+server.Root+"{domain,ip,email,antivirus,file}/report/")
	}
	if !allow(w, r, http.MethodGet, http.MethodHead) {
		return http.StatusMethodNotAllowed
	}
	if len(r.URL.RawQuery) > server.MaxQuery {
		return fail(w, http.StatusRequestURITooLong, "query longer than "+strconv.Itoa(server.MaxQuery)+" bytes")
	}
	b := nothingKnown
	if q.Indicator.Type != indicator.None {
		var a answer
		var err error
		if b, a, err = s.one(r.Context(), q.Indicator); err != nil {
			return s.refuse(w, &a, err)
		}
	}
	s.write(w, r, b)
	return http.StatusOK
}

// nothingKnown is the answer about what can be no indicator.
var nothingKnown = newBody([]byte(server.NotFound))

// write sends a ready answer. What the client does not wait for is lost, which
// is its own affair.
func (s *Service) write(w http.ResponseWriter, r *http.Request, b *body) {
	h := w.Header()
	h["Content-Type"] = valueJSON
	h["Vary"] = valueVary
	if b.origin != "" && b.origin != source.Local && !b.fetched.IsZero() {
		// As RFC 9111, section 5.1, has it: how long ago the source was asked.
		h["Age"] = []string{strconv.FormatInt(max(0, int64(s.now().Sub(b.fetched).Seconds())), 10)}
	}
	out := b.plain
	if b.zipped != nil && server.AcceptsGzip(r.Header["Accept-Encoding"]) {
		h["Content-Encoding"] = valueGzip
		h["Content-Length"] = b.zippedLen
		out = b.zipped
	} else {
		h["Content-Length"] = b.plainLen
	}
	_, _ = w.Write(out)
}

// v1 answers version 1 of the API: plain text, empty when nothing is known.
func (s *Service) v1(w http.ResponseWriter, r *http.Request) int {
	if !allow(w, r, http.MethodGet, http.MethodHead) {
		return http.StatusMethodNotAllowed
	}
	if len(r.URL.RawQuery) > server.MaxQuery {
		return fail(w, http.StatusRequestURITooLong, "query longer than "+strconv.Itoa(server.MaxQuery)+" bytes")
	}
	ind, dates := server.ParseV1(r.URL.RawQuery)
	var out []byte
	if ind.Type != indicator.None {
		select {
		case s.slots <- struct{}{}:
		default:
			return s.refuse(w, &answer{}, errBusy)
		}
		defer func() { <-s.slots }()
		ind = s.canonical(ind)
		var a answer
		s.ask(r.Context(), s.o.MaxWait, []indicator.Indicator{ind}, func(_ int, got answer) { a = got })
		s.meter.lookup(&a)
		switch a.Status {
		case source.Found:
			out = server.AppendV1(nil, ind.Type, s.wire(ind, a.report), dates)
		case source.Limited, source.Failed:
			return s.refuse(w, &a, a.Err)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out)
	return http.StatusOK
}

// canonical returns an indicator as the parser writes it. The endpoints take
// more than real indicators: what the parser does not take stays as it is, and
// only the local intelligence is asked about it.
func (s *Service) canonical(ind indicator.Indicator) indicator.Indicator {
	if c, err := s.o.Parser.Parse(ind.Value, ind.Type); err == nil {
		return c
	}
	return ind
}
