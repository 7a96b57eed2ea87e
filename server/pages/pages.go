// Package pages serves what people look at: a search box, and for each
// indicator a page with its report, what is related to it as a drawing and as
// tables, and a vote. Everything works without scripts.
package pages

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tclookup/tclookup/graph"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// Votes takes votes. It is safe for concurrent use.
type Votes interface {
	// Voter returns who sends a request and whether they may vote.
	Voter(r *http.Request) (name string, may bool)
	// Vote makes v, -1 malicious, 1 harmless, 0 none, the vote of voter. It is
	// kept for good when Vote returns.
	Vote(r *http.Request, ind indicator.Indicator, voter string, v int8) error
}

// Lookup answers about one indicator; there is a report when the status is
// Found. It is asked about what the rules exclude as well, so it keeps that in
// the house itself.
type Lookup func(ctx context.Context, ind indicator.Indicator) (source.Result, *source.Report)

// Options are what pages are made from. Lookup, Parser and Rules are required.
type Options struct {
	// Lookup is asked about the indicator of a page.
	Lookup Lookup
	// Known answers from what is at hand and sends nothing: it gives the
	// verdicts of what is related, and walks further than one hop. Nil knows
	// nothing.
	Known  source.Source
	Parser *indicator.Parser
	// Rules say what is never sent; a page tells its visitor so.
	Rules *indicator.Rules
	Votes Votes // nil: no voting
	// MaxWait is the longest time a page waits for an answer; 0 means 10 s.
	MaxWait time.Duration
	Log     *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/style.css static/icon.svg
var staticFiles embed.FS

// Handler serves the pages. It keeps no state about its visitors and is safe
// for concurrent use.
type Handler struct {
	o      Options
	mux    *http.ServeMux
	pages  *template.Template
	guard  *http.CrossOriginProtection
	key    [32]byte // signs the tokens of forms; a new one for each start
	static map[string]asset
}

type asset struct {
	mediaType string
	body      []byte
	tag       string
}

// maxQuery is the longest query or form that is read, in bytes: the longest
// value with each byte percent-encoded, and room for the rest.
const maxQuery = 8192

// policy is what a page may do: show itself and its own style sheet, and send
// its forms here. There is no script.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// New returns the handler of the pages.
func New(o Options) (*Handler, error) {
	if o.Lookup == nil || o.Parser == nil || o.Rules == nil {
		return nil, errors.New("pages need a look-up, a parser and rules")
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t, err := template.New("").ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	h := &Handler{o: o, pages: t, guard: http.NewCrossOriginProtection(), mux: http.NewServeMux(), static: map[string]asset{}}
	if _, err := rand.Read(h.key[:]); err != nil {
		return nil, err
	}
	for name, mediaType := range map[string]string{"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		b, err := staticFiles.ReadFile("static/" + name)
		if err != nil {
			return nil, err
		}
		if name == "style.css" {
			b = append(b, graph.StyleSheet...)
		}
		sum := sha256.Sum256(b)
		h.static["/static/"+name] = asset{mediaType, b, `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	h.mux.HandleFunc("GET /{$}", h.home)
	h.mux.HandleFunc("GET /search", h.search)
	for _, k := range kinds {
		h.mux.HandleFunc("GET /"+k.page, func(w http.ResponseWriter, r *http.Request) { h.report(w, r, k) })
	}
	h.mux.HandleFunc("GET /download/{file}", h.download)
	h.mux.HandleFunc("GET /static/", h.asset)
	h.mux.HandleFunc("GET /robots.txt", robots)
	h.mux.HandleFunc("POST /vote", h.vote)
	h.mux.HandleFunc("GET /sign-in", h.signIn)
	return h, nil
}

// kind is one of the five kinds of pages, under the addresses that the
// original service had.
type kind struct {
	typ   indicator.Type
	page  string
	param string
	name  string // for people
	noun  string // within a sentence, for the value
}

var kinds = []kind{
	{indicator.Domain, "domain.php", "domain", "Domain", "domain"},
	{indicator.IP, "ip.php", "ip", "IP address", "IP address"},
	{indicator.Email, "email.php", "email", "E-mail address", "e-mail address"},
	{indicator.Hash, "malware.php", "md5", "File", "hash of a file"},
	{indicator.Antivirus, "listMalware.php", "antivirus", "Antivirus name", "antivirus name"},
}

func kindOf(t indicator.Type) (kind, bool) {
	for _, k := range kinds {
		if k.typ == t {
			return k, true
		}
	}
	return kind{}, false
}

// Address returns the path and the query of the page of an indicator; empty
// for what is none.
func Address(ind indicator.Indicator) string {
	k, ok := kindOf(ind.Type)
	if !ok {
		return ""
	}
	return "/" + k.page + "?" + k.param + "=" + url.QueryEscape(ind.Value)
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	if len(r.URL.RawQuery) > maxQuery {
		h.fail(w, r, http.StatusRequestURITooLong, "The address is too long", "An indicator has at most 2,048 bytes.")
		return
	}
	_, pattern := h.mux.Handler(r)
	switch {
	case pattern != "":
		h.mux.ServeHTTP(w, r)
	case h.known(r):
		h.fail(w, r, http.StatusMethodNotAllowed, "This is not how it works", "Pages are read with GET; votes are sent with the form of a page.")
	default:
		h.fail(w, r, http.StatusNotFound, "There is no such page", "Search for a domain, an address, an e-mail address, a hash or an antivirus name.")
	}
}

// known reports whether another method would do for the path of a request.
func (h *Handler) known(r *http.Request) bool {
	for _, m := range []string{http.MethodGet, http.MethodPost} {
		if _, pattern := h.mux.Handler(&http.Request{Method: m, URL: r.URL, Host: r.Host}); pattern != "" {
			return true
		}
	}
	return false
}

// page is what every page has.
type page struct {
	Title string
	Query string // in the search box
	Type  string // chosen beside it
	Body  any
}

// show writes a page.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, code int, name string, p page) {
	var b bytes.Buffer
	if err := h.pages.ExecuteTemplate(&b, name, p); err != nil {
		h.o.Log.Error("a page could not be made", "page", name, "error", err)
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // a visitor who is gone is no error
	}
}

// message is the body of a page that only says something.
type message struct{ Text, Link, LinkText string }

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, code int, title, text string) {
	h.show(w, r, code, "message.html", page{Title: title, Body: message{Text: text}})
}

func (h *Handler) home(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, http.StatusOK, "home.html", page{Title: "tclookup"})
}

// search leads to the page of what was typed in.
func (h *Handler) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	value, typ := strings.TrimSpace(q.Get("q")), q.Get("type")
	if value == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if typ == "" {
		typ = "auto"
	}
	want, err := indicator.ParseType(typ)
	if err != nil {
		h.fail(w, r, http.StatusBadRequest, "There is no such type", err.Error())
		return
	}
	ind, err := h.o.Parser.Parse(value, want)
	if err != nil {
		m := message{Text: shown(value) + ": " + err.Error() + "."}
		if av, e := h.o.Parser.Parse(value, indicator.Antivirus); e == nil && want == indicator.None {
			m.Link, m.LinkText = Address(av), "Look it up as an antivirus name"
		}
		h.show(w, r, http.StatusBadRequest, "message.html", page{Title: "This is no indicator", Query: value, Type: typ, Body: m})
		return
	}
	http.Redirect(w, r, Address(ind), http.StatusSeeOther)
}

// shown is a value within a sentence.
func shown(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return "“" + s + "”"
}

// of returns the indicator of a page. If it is none, the visitor is told so.
func (h *Handler) of(w http.ResponseWriter, r *http.Request, k kind, value string) (indicator.Indicator, bool) {
	ind, err := h.o.Parser.Parse(value, k.typ)
	if err == nil {
		return ind, true
	}
	text := shown(value) + ": " + err.Error() + "."
	if strings.TrimSpace(value) == "" {
		text = "Nothing was asked for: the address of this page ends with ?" + k.param + "= and the indicator."
	}
	h.show(w, r, http.StatusBadRequest, "message.html", page{Title: "This is no " + k.noun, Query: value, Body: message{Text: text}})
	return ind, false
}

// answer asks about one indicator.
func (h *Handler) answer(ctx context.Context, ind indicator.Indicator) (res source.Result, rep *source.Report, excluded string) {
	ctx, cancel := context.WithTimeout(ctx, h.o.MaxWait)
	defer cancel()
	res, rep = h.o.Lookup(ctx, ind)
	if res.Status != source.Found {
		rep = nil
	} else if rep == nil {
		res = source.Result{Status: source.Failed, Source: res.Source, Err: errors.New("there is no report in the answer")}
	}
	return res, rep, h.o.Rules.Excluded(ind)
}

// Asking returns a Lookup that asks a source about everything but what the
// rules exclude, which is not asked about at all.
func Asking(src source.Source, rules *indicator.Rules) Lookup {
	return func(ctx context.Context, ind indicator.Indicator) (res source.Result, rep *source.Report) {
		if rules.Excluded(ind) != "" {
			return source.Result{Status: source.NotFound}, nil
		}
		src.Lookup(ctx, []indicator.Indicator{ind}, func(_ int, r source.Result) { res = r })
		if res.Status != source.Found {
			return res, nil
		}
		rep, err := decode(src, ind, &res)
		if err != nil {
			return source.Result{Status: source.Failed, Source: res.Source, Err: err}, nil
		}
		return res, rep
	}
}

// decode reads a report as the source does that sent it.
func decode(src source.Source, ind indicator.Indicator, r *source.Result) (*source.Report, error) {
	d, ok := src.(interface {
		DecodeFrom(name string, ind indicator.Indicator, raw []byte) (*source.Report, error)
	})
	if ok && r.Source != "" {
		return d.DecodeFrom(r.Source, ind, r.Raw)
	}
	return src.Decode(ind, r.Raw)
}

// asset serves a file of the pages.
func (h *Handler) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := h.static[r.URL.Path]
	if !ok {
		h.fail(w, r, http.StatusNotFound, "There is no such file", "")
		return
	}
	header := w.Header()
	header.Set("Content-Type", a.mediaType)
	header.Set("Cache-Control", "no-cache") // kept, and asked about: a new version of the program has a new one
	header.Set("ETag", a.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}

// robots keeps search engines away: pages are made on demand, and what they
// are about should not become a hit.
func robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n"))
}
