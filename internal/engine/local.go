package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
)

// openLocal opens the intelligence of one's own. There is none before the
// first import. What cannot be opened answers with why.
func (e *Engine) openLocal(ctx context.Context) ([]source.Source, error) {
	if e.opts.Demo {
		return nil, nil
	}
	var list []source.Source
	for _, s := range e.opts.Config.Locals() {
		if s.Database.IsZero() && !local.Exists(e.opts.DataDir) {
			if slices.Contains(e.opts.Config.Sources, s.Name) {
				return nil, fmt.Errorf("source %s: %w", s.Name, local.ErrMissing)
			}
			continue
		}
		store, err := e.openLocalStore(ctx, s)
		if err != nil {
			if e.opts.Log != nil {
				e.opts.Log.Warn(fmt.Sprintf("going on without intelligence of one's own: %v", err))
			}
			list = append(list, broken{s, err})
			continue
		}
		e.Local = append(e.Local, store)
		e.closed = append(e.closed, store)
		list = append(list, store)
	}
	return list, nil
}

// OpenLocal opens the database of a source of the kind local, and creates it
// where there is none. All is told of what it holds.
func OpenLocal(ctx context.Context, s *config.Source, dataDir string, o Options) (*local.Store, error) {
	return local.Open(ctx, local.Options{
		Name: s.Name, Dir: dataDir, URL: s.Database.Reveal(), Types: s.Types, Logger: o.Log,
	})
}

// openLocalStore opens a database for answers.
func (e *Engine) openLocalStore(ctx context.Context, s *config.Source) (*local.Store, error) {
	o := local.Options{Name: s.Name, Dir: e.opts.DataDir, URL: s.Database.Reveal(), Types: s.Types, Logger: e.opts.Log}
	if e.opts.Shared {
		o.Conceal = func(ind indicator.Indicator) bool { return e.Rules.Excluded(ind) != "" }
	}
	return local.Open(ctx, o)
}

// voteLocal casts a vote in local intelligence, if that is where it is to go:
// it is named, or there is no other source. done is false otherwise.
func (e *Engine) voteLocal(ctx context.Context, ind indicator.Indicator, malicious bool) (b *Ballot, done bool, err error) {
	if len(e.Local) == 0 || len(e.Links) > 0 && len(e.opts.Config.Sources) == 0 {
		return nil, false, nil
	}
	s, vote, voter := e.Local[0], int8(1), e.opts.Voter
	if malicious {
		vote = -1
	}
	if voter == "" {
		voter = "cli"
	}
	if err := s.Vote(ctx, ind, voter, vote, "cli"); err != nil {
		return nil, true, err
	}
	b = &Ballot{Indicator: ind, Malicious: malicious, Source: s.Name()}
	s.Lookup(ctx, []indicator.Indicator{ind}, func(_ int, r source.Result) { b.Report = r })
	e.answered(ind, b.Report)
	return b, true, nil
}

// broken is a source that cannot be opened.
type broken struct {
	config *config.Source
	err    error
}

func (b broken) Name() string             { return b.config.Name }
func (b broken) Types() indicator.TypeSet { return b.config.Types }

func (b broken) Lookup(_ context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	for i := range in {
		done(i, source.Result{Status: source.Failed, Source: b.config.Name, Origin: source.Local, Err: b.err})
	}
}

func (b broken) Decode(indicator.Indicator, []byte) (*source.Report, error) {
	return nil, errors.New("no report was read")
}
