package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// ErrNoVotes: no source of the run takes votes.
var ErrNoVotes = errors.New("no source takes votes: set base_url of a ThreatCrowd-compatible server, or name it with source")

// Ballot is one vote that was cast.
type Ballot struct {
	Indicator indicator.Indicator
	Malicious bool
	Source    string // that took it
	// Report is what the source says afterwards: the answer that is kept from
	// now on. Its Err says why it could not be asked.
	Report source.Result
}

// Word is what the vote says.
func (b *Ballot) Word() string {
	if b.Malicious {
		return "malicious"
	}
	return "harmless"
}

// Vote casts one vote on a value, at the first source of the run that takes
// votes on its kind, and asks for its report anew, so that the kept answer
// tells of the vote. The engine was opened with Refresh. Values that must not
// be sent are not voted on.
func (e *Engine) Vote(ctx context.Context, value string, want indicator.Type, malicious bool) (*Ballot, error) {
	ind, err := e.Parser.Parse(value, want)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", value, err)
	}
	if ind.Type != indicator.Domain && ind.Type != indicator.IP {
		return nil, fmt.Errorf("%s: votes are cast on domains and IP addresses, not on the type %q", ind.Value, ind.Type)
	}
	if why := e.Rules.Excluded(ind); why != "" {
		return nil, fmt.Errorf("%s is not sent to anybody: %s", ind.Value, why)
	}
	if b, done, err := e.voteLocal(ctx, ind, malicious); done {
		return b, err
	}
	if len(e.Links) == 0 {
		return nil, source.ErrNoSource
	}
	for i := range e.Links {
		l := &e.Links[i]
		if l.voter == nil || !l.Cache.Types().Has(ind.Type) {
			continue
		}
		b := &Ballot{Indicator: ind, Malicious: malicious, Source: l.Config.Name}
		if err := l.voter.Vote(ctx, ind, malicious); err != nil {
			return nil, err
		}
		l.Cache.Lookup(ctx, []indicator.Indicator{ind}, func(_ int, r source.Result) { b.Report = r })
		e.answered(ind, b.Report)
		return b, nil
	}
	return nil, ErrNoVotes
}
