// Package server answers the five read endpoints of ThreatCrowd's API v2 over
// HTTP, byte for byte in the original's form, from a data set of one's own.
package server

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/tclookup/tclookup/indicator"
)

// minZip is the shortest body worth compressing, in bytes.
const minZip = 256

// Handler serves the five endpoints below Root. It keeps no state about its
// clients and is safe for concurrent use.
//
// As with the original, an unknown indicator, a missing parameter and a value
// that cannot be an indicator are all answered with status 200 and
// {"response_code":"0"}. What the original is not known to have sent: 404 for
// another path, 405 for another method than GET and HEAD, 414 for a query over
// 8 KiB, 503 when the Store fails.
type Handler struct {
	store       Store
	contentType string
	links       string
	onError     func(indicator.Indicator, error)
	zippers     sync.Pool // of *gzip.Writer
}

// Option changes a Handler that New makes.
type Option func(*Handler)

// WithContentType sets the Content-Type of reports. The default is
// application/json; the original sent text/html, at least with reports about
// addresses, and its clients decide by the body.
func WithContentType(contentType string) Option {
	return func(h *Handler) { h.contentType = contentType }
}

// WithPermalinks sets the address in front of the page names in permalinks,
// with the slash at its end. The default is that of the original.
func WithPermalinks(base string) Option {
	return func(h *Handler) { h.links = base }
}

// WithErrorFunc has f called with each error of the Store, which the client
// does not get to see. It may be called by several goroutines at once.
func WithErrorFunc(f func(ind indicator.Indicator, err error)) Option {
	return func(h *Handler) { h.onError = f }
}

// New returns a Handler that answers from store.
func New(store Store, opts ...Option) *Handler {
	h := &Handler{
		store:       store,
		contentType: "application/json",
		links:       "https://www.threatcrowd.org/",
		onError:     func(indicator.Indicator, error) {},
		zippers:     sync.Pool{New: func() any { return gzip.NewWriter(nil) }},
	}
	for _, opt := range opts {
		opt(h)
	}
	return h
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	end, ok := endpointOf(r.URL.Path)
	if !ok {
		http.Error(w, "no such endpoint; reports are at "+Root+"{domain,ip,email,antivirus,file}/report/", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
		return
	}
	if len(r.URL.RawQuery) > MaxQuery {
		http.Error(w, "query longer than "+strconv.Itoa(MaxQuery)+" bytes", http.StatusRequestURITooLong)
		return
	}
	ind, ok := canonical(end.kind, Parameter(r.URL.RawQuery, end.param))
	if !ok {
		h.write(w, r, []byte(NotFound))
		return
	}
	report, found, err := h.store.Report(r.Context(), ind)
	switch {
	case err != nil:
		h.onError(ind, err)
		http.Error(w, "the data set cannot be read at the moment", http.StatusServiceUnavailable)
	case !found || report == nil:
		h.write(w, r, []byte(NotFound))
	default:
		h.write(w, r, Append(nil, ind.Type, h.linked(end, ind, report)))
	}
}

// linked returns the report with a permalink.
func (h *Handler) linked(end endpoint, ind indicator.Indicator, r *Report) *Report {
	if r.Permalink != "" {
		return r
	}
	value := ind.Value
	if ind.Type == indicator.Hash && r.MD5 != "" {
		value = r.MD5
	}
	linked := *r
	linked.Permalink = permalink(h.links, end.page, value)
	return &linked
}

// write sends a body with status 200, compressed when the client asks for it.
// What the client does not wait for is lost, which is its own affair.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, body []byte) {
	header := w.Header()
	header.Set("Content-Type", h.contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Vary", "Accept-Encoding")
	if len(body) >= minZip && AcceptsGzip(r.Header.Values("Accept-Encoding")) {
		header.Set("Content-Encoding", "gzip")
		body = h.zip(body)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

func (h *Handler) zip(body []byte) []byte {
	var buf bytes.Buffer
	z := h.zippers.Get().(*gzip.Writer)
	z.Reset(&buf)
	// Writing to a bytes.Buffer does not fail.
	_, _ = z.Write(body)
	_ = z.Close()
	h.zippers.Put(z)
	return buf.Bytes()
}

// AcceptsGzip reports whether the values of Accept-Encoding name gzip, or
// everything, with a weight above zero (RFC 9110, section 12.5.3).
func AcceptsGzip(values []string) bool {
	all := false
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			coding, params, _ := strings.Cut(item, ";")
			ok := weight(params) > 0
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				return ok
			case "*":
				all = ok
			}
		}
	}
	return all
}

// weight returns the q parameter of a list item, 1 without one and 0 when it
// cannot be read.
func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				return 0
			}
			return q
		}
	}
	return 1
}
