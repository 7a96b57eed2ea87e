package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tclookup/tclookup/indicator"
)

// ErrNoSource is the error of a look-up without any source.
var ErrNoSource = errors.New("no source is configured: set base_url of a ThreatCrowd-compatible server in [source:threatcrowd], import intelligence of your own with tclookup feed import, or try --demo")

// Router answers from several sources. Each indicator goes to the sources
// that answer its type, in their order, until one says Found. It is NotFound
// when all that were asked say so; otherwise the worst of their answers
// counts, of equal ones the first: Failed, Limited, Unasked, NotFound,
// Unsupported. Unsupported it is when no source has the type.
type Router struct {
	sources []Source
	types   indicator.TypeSet
}

var _ Source = (*Router)(nil)

// NewRouter returns a router over sources, the preferred first. Their names
// are distinct. It is safe for concurrent use if they are.
func NewRouter(sources ...Source) *Router {
	r := &Router{sources: slices.Clone(sources)}
	for _, s := range sources {
		r.types |= s.Types()
	}
	return r
}

// Name returns "router"; results carry the names of the sources.
func (r *Router) Name() string { return "router" }

// Types returns the kinds that at least one source answers.
func (r *Router) Types() indicator.TypeSet { return r.types }

// Sources returns the sources, the preferred first.
func (r *Router) Sources() []Source { return slices.Clone(r.sources) }

// DecodeFrom reads a report that the named source sent.
func (r *Router) DecodeFrom(name string, ind indicator.Indicator, raw []byte) (*Report, error) {
	for _, s := range r.sources {
		if s.Name() == name {
			return s.Decode(ind, raw)
		}
	}
	return nil, fmt.Errorf("cannot read a report of source %q: it is not enabled", name)
}

// Decode reads a report whose source is not known, as the first source that
// can read it. Use DecodeFrom when Result.Source is at hand.
func (r *Router) Decode(ind indicator.Indicator, raw []byte) (*Report, error) {
	err := ErrNoSource
	for _, s := range r.sources {
		if !s.Types().Has(ind.Type) {
			continue
		}
		rep, e := s.Decode(ind, raw)
		if e == nil {
			return rep, nil
		}
		err = e
	}
	return nil, err
}

// Lookup passes the indicators through the sources, one stage for each. The
// stages work at the same time: while the first source is still busy with
// some, the second is asked for those that the first does not know. One source
// alone is asked for all at once.
func (r *Router) Lookup(ctx context.Context, in []indicator.Indicator, done func(i int, res Result)) {
	all := make([]int, len(in))
	for i := range all {
		all[i] = i
	}
	if len(r.sources) == 1 {
		r.lookUpAtOne(ctx, in, all, done)
		return
	}
	worst := make([]Result, len(in)) // so far; changed only by the stage that has i
	asked := make([]bool, len(in))
	var out sync.Mutex
	final := func(i int, res Result) {
		out.Lock()
		defer out.Unlock()
		done(i, res)
	}

	stages := make([]*stage, len(r.sources)+1)
	for k := range stages {
		stages[k] = newStage()
	}
	stages[0].queue = all
	stages[0].closed = true
	var wg sync.WaitGroup
	for k, s := range r.sources {
		here, next := stages[k], stages[k+1]
		wg.Go(func() {
			defer next.close()
			for {
				batch := here.take()
				if batch == nil {
					return
				}
				ask(ctx, s, in, accepted(s, in, batch, next.put), func(i int, res Result) {
					if res.Status == Found && !res.Partial {
						final(i, res)
						return
					}
					if !asked[i] || severity(res.Status) > severity(worst[i].Status) {
						worst[i] = res
					}
					asked[i] = true
					next.put(i)
				})
			}
		})
	}
	for last := stages[len(r.sources)]; ; {
		batch := last.take()
		if batch == nil {
			break
		}
		for _, i := range batch {
			if !asked[i] {
				worst[i] = r.unsupported(in[i])
			}
			final(i, worst[i])
		}
	}
	wg.Wait()
}

// lookUpAtOne is Lookup where there is one source.
func (r *Router) lookUpAtOne(ctx context.Context, in []indicator.Indicator, all []int, done func(i int, res Result)) {
	s := r.sources[0]
	ask(ctx, s, in, accepted(s, in, all, func(i int) { done(i, r.unsupported(in[i])) }), done)
}

// accepted returns those of batch, indices of in, whose type the source answers,
// and calls other with each that is left out.
func accepted(s Source, in []indicator.Indicator, batch []int, other func(i int)) []int {
	types := s.Types()
	return slices.DeleteFunc(batch, func(i int) bool {
		if types.Has(in[i].Type) {
			return false
		}
		other(i)
		return true
	})
}

func (r *Router) unsupported(ind indicator.Indicator) Result {
	if len(r.sources) == 0 {
		return Result{Status: Unsupported, Err: ErrNoSource}
	}
	return Result{Status: Unsupported, Err: fmt.Errorf("no enabled source answers the type %q", ind.Type)}
}

func severity(s Status) int {
	switch s {
	case Failed:
		return 5
	case Limited:
		return 4
	case Unasked:
		return 3
	case Found: // Partial
		return 2
	case NotFound:
		return 1
	}
	return 0
}

// ask looks up the members of batch, sorted indices of in, at one source. It
// gives exactly one answer for each, even if the source does not.
func ask(ctx context.Context, s Source, in []indicator.Indicator, batch []int, done func(i int, res Result)) {
	if len(batch) == 0 {
		return
	}
	part := in
	if len(batch) < len(in) {
		part = make([]indicator.Indicator, len(batch))
		for j, i := range batch {
			part[j] = in[i]
		}
	}
	answered := make([]bool, len(batch))
	s.Lookup(ctx, part, func(j int, res Result) {
		if j < 0 || j >= len(batch) || answered[j] {
			return
		}
		answered[j] = true
		if res.Source == "" {
			res.Source = s.Name()
		}
		done(batch[j], res)
	})
	for j, ok := range answered {
		if !ok {
			done(batch[j], Result{Status: Failed, Source: s.Name(), Err: fmt.Errorf("source %s gave no answer", s.Name())})
		}
	}
}

// stage is the queue before one source, of indices of indicators.
type stage struct {
	mu     sync.Mutex
	ready  sync.Cond
	queue  []int
	closed bool
}

func newStage() *stage {
	s := new(stage)
	s.ready.L = &s.mu
	return s
}

func (s *stage) put(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, i)
	s.ready.Signal()
}

func (s *stage) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.ready.Signal()
}

// take waits for something in the queue and returns all of it, the most
// wanted first; nil when the queue is closed and empty.
func (s *stage) take() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.closed {
		s.ready.Wait()
	}
	batch := s.queue
	s.queue = nil
	slices.Sort(batch)
	return batch
}
