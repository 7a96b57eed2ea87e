package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tclookup/tclookup/indicator"
)

// fake answers as a table says, in random order, and may answer wrongly.
type fake struct {
	name   string
	types  indicator.TypeSet
	answer map[indicator.Indicator]Status
	odd    bool // leaves some out, gives others twice, and some out of range

	mu    sync.Mutex
	asked map[indicator.Indicator]int
}

func (f *fake) Name() string             { return f.name }
func (f *fake) Types() indicator.TypeSet { return f.types }

func (f *fake) Lookup(_ context.Context, in []indicator.Indicator, done func(int, Result)) {
	for _, i := range rand.Perm(len(in)) {
		f.mu.Lock()
		if f.asked == nil {
			f.asked = map[indicator.Indicator]int{}
		}
		f.asked[in[i]]++
		f.mu.Unlock()
		if f.odd && i%3 == 1 {
			continue
		}
		r := Result{Status: f.answer[in[i]], Raw: []byte(f.name)}
		if r.Status >= Limited {
			r.Err = errors.New(f.name)
		}
		done(i, r)
		if f.odd {
			done(i, r)
			done(-1, r)
			done(len(in), r)
		}
	}
}

func (f *fake) Decode(_ indicator.Indicator, raw []byte) (*Report, error) {
	if string(raw) != f.name {
		return nil, ErrMalformed
	}
	return &Report{MD5: f.name}, nil
}

// TestRouterProperties compares the router with what its documentation says,
// for random sources and answers.
func TestRouterProperties(t *testing.T) {
	statuses := []Status{Found, NotFound, NotFound, NotFound, Unsupported, Limited, Failed, Unasked}
	for round := range 400 {
		var fakes []*fake
		var sources []Source
		in := make([]indicator.Indicator, rand.IntN(12))
		for i := range in {
			in[i] = indicator.Indicator{Type: indicator.Type(1 + rand.IntN(5)), Value: fmt.Sprint(i)}
		}
		for k := range rand.IntN(4) {
			f := &fake{name: fmt.Sprint("s", k), types: indicator.TypeSet(rand.IntN(64)) &^ 1, answer: map[indicator.Indicator]Status{}, odd: rand.IntN(4) == 0}
			for _, ind := range in {
				f.answer[ind] = statuses[rand.IntN(len(statuses))]
			}
			fakes = append(fakes, f)
			sources = append(sources, f)
		}
		got := make([]Result, len(in))
		count := make([]int, len(in))
		var inside atomic.Int32
		NewRouter(sources...).Lookup(context.Background(), in, func(i int, r Result) {
			if inside.Add(1) != 1 {
				t.Error("two calls of done at once")
			}
			got[i] = r
			count[i]++
			inside.Add(-1)
		})
		for i, ind := range in {
			if count[i] != 1 {
				t.Fatalf("round %d: %d answers", round, count[i])
			}
			checkRoute(t, fakes, ind, got[i])
		}
	}
}

// checkRoute checks one answer. A source that is odd may have left any
// indicator out, so only what holds anyway is checked then.
func checkRoute(t *testing.T, fakes []*fake, ind indicator.Indicator, got Result) {
	t.Helper()
	worst, anyAsked, odd := Status(0), false, false
	found := false
	for _, f := range fakes {
		want := 0
		if f.types.Has(ind.Type) && !found {
			want = 1
		}
		if f.asked[ind] != want && !odd {
			t.Errorf("%s asked %d times, want %d", f.name, f.asked[ind], want)
		}
		if want == 0 {
			continue
		}
		odd = odd || f.odd
		s := f.answer[ind]
		if s == Found {
			found = true
			if !odd && (got.Status != Found || got.Source != f.name) {
				t.Errorf("got %v from %q, want found from %s", got.Status, got.Source, f.name)
			}
			continue
		}
		if !anyAsked || severity(s) > severity(worst) {
			worst = s
		}
		anyAsked = true
	}
	switch {
	case !found && !anyAsked:
		if got.Status != Unsupported || got.Err == nil {
			t.Errorf("nobody asked: %v, %v", got.Status, got.Err)
		}
	case odd:
		if got.Status == Failed && got.Err == nil {
			t.Error("failed without an error")
		}
	case !found && got.Status != worst:
		t.Errorf("got %v, want the worst, %v", got.Status, worst)
	}
	if got.Status == NotFound {
		for _, f := range fakes {
			if f.asked[ind] > 0 && !f.odd && f.answer[ind] != NotFound && f.answer[ind] != Unsupported {
				t.Errorf("not found although %s said %v", f.name, f.answer[ind])
			}
		}
	}
}

func TestRouterEmpty(t *testing.T) {
	r := NewRouter()
	n := 0
	r.Lookup(context.Background(), make([]indicator.Indicator, 2), func(_ int, res Result) {
		n++
		if res.Status != Unsupported || !errors.Is(res.Err, ErrNoSource) {
			t.Errorf("%+v", res)
		}
	})
	if n != 2 || r.Types() != 0 {
		t.Errorf("%d answers, types %v", n, r.Types())
	}
	if _, err := r.Decode(indicator.Indicator{Type: indicator.IP}, nil); !errors.Is(err, ErrNoSource) {
		t.Error(err)
	}
}

func TestRouterDecode(t *testing.T) {
	r := NewRouter(&fake{name: "a", types: indicator.Types(indicator.IP)}, &fake{name: "b", types: indicator.Types(indicator.IP, indicator.Hash)})
	ind := indicator.Indicator{Type: indicator.IP}
	for _, name := range []string{"a", "b"} {
		rep, err := r.DecodeFrom(name, ind, []byte(name))
		if err != nil || rep.MD5 != name {
			t.Errorf("%s: %v, %v", name, rep, err)
		}
		if rep, err = r.Decode(ind, []byte(name)); err != nil || rep.MD5 != name {
			t.Errorf("%s without a name: %v, %v", name, rep, err)
		}
	}
	if _, err := r.DecodeFrom("a", ind, []byte("b")); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if _, err := r.DecodeFrom("c", ind, nil); err == nil || !strings.Contains(err.Error(), `"c"`) {
		t.Error(err)
	}
	if _, err := r.Decode(ind, []byte("c")); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if r.Types() != indicator.Types(indicator.IP, indicator.Hash) || len(r.Sources()) != 2 || r.Name() == "" {
		t.Errorf("%v, %v", r.Types(), r.Sources())
	}
}

// TestRouterPartial: a source that knows an indicator but has no judgement
// does not keep the next one from being asked, and counts when that one knows
// nothing.
func TestRouterPartial(t *testing.T) {
	ind := []indicator.Indicator{{Type: indicator.IP, Value: "192.0.2.1"}}
	for _, tt := range []struct {
		second Status
		want   string
		status Status
	}{
		{Found, "second", Found}, {NotFound, "first", Found}, {Unsupported, "first", Found},
		{Unasked, "second", Unasked}, {Limited, "second", Limited}, {Failed, "second", Failed},
	} {
		first := &partial{fake{name: "first", types: indicator.AllTypes}}
		second := &fake{name: "second", types: indicator.AllTypes, answer: map[indicator.Indicator]Status{ind[0]: tt.second}}
		NewRouter(first, second).Lookup(context.Background(), ind, func(_ int, r Result) {
			if r.Status != tt.status || r.Source != tt.want {
				t.Errorf("second says %v: got %v of %s, want %v of %s", tt.second, r.Status, r.Source, tt.status, tt.want)
			}
		})
	}
	NewRouter(&partial{fake{name: "only", types: indicator.AllTypes}}).Lookup(context.Background(), ind, func(_ int, r Result) {
		if r.Status != Found || r.Source != "only" {
			t.Errorf("alone: %+v", r)
		}
	})
}

type partial struct{ fake }

func (p *partial) Lookup(_ context.Context, in []indicator.Indicator, done func(int, Result)) {
	for i := range in {
		done(i, Result{Status: Found, Partial: true})
	}
}

// gated answers only when it is let.
type gated struct {
	fake
	let chan struct{}
}

func (g *gated) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, Result)) {
	for i := range in {
		if i > 0 {
			<-g.let
		}
		done(i, Result{Status: NotFound})
	}
}

// TestRouterPipelines: the second source is asked for what the first does not
// know while the first is still at work.
func TestRouterPipelines(t *testing.T) {
	first := &gated{fake: fake{name: "slow", types: indicator.AllTypes}, let: make(chan struct{})}
	ind := []indicator.Indicator{{Type: indicator.IP, Value: "192.0.2.1"}, {Type: indicator.IP, Value: "192.0.2.2"}}
	second := &fake{name: "fast", types: indicator.AllTypes, answer: map[indicator.Indicator]Status{ind[0]: Found, ind[1]: Found}}
	var order []int
	NewRouter(first, second).Lookup(context.Background(), ind, func(i int, r Result) {
		if order = append(order, i); i == 0 {
			close(first.let) // never reached if the stages ran one after the other
		}
	})
	if fmt.Sprint(order) != "[0 1]" {
		t.Errorf("order %v", order)
	}
}
