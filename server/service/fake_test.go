package service

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/server/token"
	"github.com/tclookup/tclookup/source"
)

// fake is a source, the votes and the lists: whatever a service needs.
type fake struct {
	name    string
	mu      sync.Mutex
	reports map[string]*source.Report
	results map[string]source.Result // in place of a report
	asked   map[string]int
	votes   map[string]map[string]int8
	version int64
	broken  error
	wait    chan struct{} // if not nil, look-ups wait until it is closed
}

func newFake(name string) *fake {
	return &fake{name: name, reports: map[string]*source.Report{}, results: map[string]source.Result{}, asked: map[string]int{}, votes: map[string]map[string]int8{}}
}

func (f *fake) Name() string             { return f.name }
func (f *fake) Types() indicator.TypeSet { return indicator.AllTypes }

func (f *fake) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	if f.wait != nil {
		<-f.wait
	}
	for i, ind := range in {
		f.mu.Lock()
		f.asked[ind.Value]++
		rep, ok := f.reports[ind.Value]
		res, has := f.results[ind.Value]
		sum := 0
		for _, v := range f.votes[ind.Value] {
			sum += int(v)
		}
		voted := len(f.votes[ind.Value]) > 0
		broken := f.broken
		f.mu.Unlock()
		switch {
		case broken != nil:
			done(i, source.Result{Status: source.Failed, Source: f.name, Err: broken})
		case has:
			res.Source = f.name
			done(i, res)
		case ok || voted:
			r := source.Report{}
			if ok {
				r = *rep
			}
			if voted {
				r.HasVotes, r.Votes = true, int8(cmp.Compare(sum, 0))
				r.Verdict = [...]source.Verdict{source.Malicious, source.Unknown, source.Harmless}[r.Votes+1]
			}
			f.mu.Lock()
			f.reports["raw:"+ind.Value] = &r
			f.mu.Unlock()
			origin := source.Live
			if f.name == "local" {
				origin = source.Local
			}
			done(i, source.Result{Status: source.Found, Source: f.name, Origin: origin, Fetched: now, Summary: r.Summary, Raw: []byte("raw:" + ind.Value)})
		default:
			done(i, source.Result{Status: source.NotFound, Source: f.name, Fetched: now})
		}
	}
}

func (f *fake) Decode(_ indicator.Indicator, raw []byte) (*source.Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.reports[string(raw)]; r != nil {
		return r, nil
	}
	return nil, errors.New("no such report")
}

func (f *fake) DecodeFrom(_ string, ind indicator.Indicator, raw []byte) (*source.Report, error) {
	return f.Decode(ind, raw)
}

func (f *fake) Vote(_ context.Context, ind indicator.Indicator, voter string, v int8, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if f.votes[ind.Value] == nil {
		f.votes[ind.Value] = map[string]int8{}
	}
	if f.votes[ind.Value][voter] = v; v == 0 {
		delete(f.votes[ind.Value], voter)
	}
	f.version++
	return nil
}

func (f *fake) Malicious(_ context.Context, kind indicator.Type, each func(string) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	var list []string
	for v, r := range f.reports {
		if r.Verdict == source.Malicious && (kind == indicator.Domain) == strings.Contains(v, ".e") {
			list = append(list, v)
		}
	}
	slices.Sort(list)
	for _, v := range list {
		if err := each(v); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Version(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version, f.broken
}

// set changes a report, as an import does.
func (f *fake) set(value string, r *source.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports[value] = r
	f.version++
}

func (f *fake) count(value string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[value]
}

func (f *fake) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.asked {
		n += c
	}
	return n
}

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const link = "https://tc.corp.example/"

// house is a service with a local intelligence and a source behind it.
type house struct {
	*Service
	t         testing.TB
	local, up *fake
	queued    []indicator.Indicator
	reader    string // a token that may read
	voter     string // one that may vote
	now       time.Time
	log       *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newHouse(t testing.TB, change func(*Options)) *house {
	t.Helper()
	h := &house{t: t, local: newFake("local"), up: newFake("threatcrowd"), now: now, log: &syncBuffer{}}
	file := filepath.Join(t.TempDir(), "tokens")
	var err error
	if h.reader, err = token.Add(file, "reader", token.Read, now); err != nil {
		t.Fatal(err)
	}
	if h.voter, err = token.Add(file, "voter", token.Vote, now); err != nil {
		t.Fatal(err)
	}
	tokens, err := token.Open(file, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	parser, err := indicator.NewParser(indicator.ParserConfig{Suffixes: []string{"example"}})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := indicator.NewRules(indicator.RulesConfig{Suffixes: []string{"corp.example"}})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Local: h.local, Upstream: h.up, Decode: h.up.DecodeFrom, Parser: parser, Rules: rules,
		Queue: func(_ context.Context, inds []indicator.Indicator) error {
			h.queued = append(h.queued, inds...)
			return nil
		},
		Votes: h.local, Lists: h.local, Version: h.local.Version, PublicURL: link,
		Access: Access{Tokens: tokens, Open: true}, Log: slog.New(slog.NewTextHandler(h.log, nil)), Now: func() time.Time { return h.now },
	}
	if change != nil {
		change(&o)
	}
	if h.Service, err = New(o); err != nil {
		t.Fatal(err)
	}
	return h
}

// send sends a request; the header fields are pairs.
func (h *house) send(method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1/", strings.NewReader(body))
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
	r.RemoteAddr = "127.0.0.1:4711"
	for i := 0; i+1 < len(header); i += 2 {
		switch header[i] {
		case "Host":
			r.Host = header[i+1]
		case "Remote":
			r.RemoteAddr = header[i+1]
		default:
			r.Header.Add(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func (h *house) get(target string, header ...string) *httptest.ResponseRecorder {
	return h.send(http.MethodGet, target, "", header...)
}

func (h *house) want(w *httptest.ResponseRecorder, code int, part string) {
	h.t.Helper()
	body := w.Body.String()
	if w.Code != code || !strings.Contains(body, part) {
		h.t.Errorf("status %d, want %d with %q: %s", w.Code, code, part, body)
	}
}

func denied(d time.Duration) source.Result {
	return source.Result{Status: source.Limited, Err: &limit.Denied{Reason: limit.Budget, Retry: d}}
}
