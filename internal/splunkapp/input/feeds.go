package input

import (
	"context"
	"errors"
	"time"

	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/source/feed"
	"github.com/tclookup/tclookup/source/local"
)

// pulled is the account of a round of downloads in the app's log.
type pulled struct {
	Imported   int   `json:"imported"`
	Unchanged  int   `json:"unchanged"`
	Failed     int   `json:"failed"`
	Facts      int64 `json:"facts"`       // of the new imports
	BadRecords int64 `json:"bad_records"` // of their files
}

// pull is the task feeds: one round, in which each feed whose interval is over
// is downloaded. splunkd starts the next round.
//
// Members of a cluster take turns. Each has an intelligence.db of its own and
// so downloads each feed for itself; where they share a database, the first
// turn leaves nothing to do for the others.
func pull(ctx context.Context, j *job) error {
	j.idle = true // until a feed is due
	c := j.config
	locals := c.Locals()
	if len(locals) == 0 {
		j.say("INFO", "the source of the kind local is switched off; there is nowhere to put feeds")
		return nil
	}
	o := engine.Options{Config: c, DataDir: j.place.DataDir(c)}
	eng, err := engine.Prepare(o)
	if err != nil {
		return err
	}
	pulls, err := engine.Pulls(c, eng.Parser, nil)
	if errors.Is(err, engine.ErrNoFeed) {
		j.say("INFO", "no feed is configured; nothing to do")
		return nil
	}
	if err != nil {
		return err
	}
	if locals[0].Database.IsZero() && o.DataDir == "" {
		return errors.New("feeds cannot be kept: there is no data directory")
	}
	s, err := engine.OpenLocal(ctx, locals[0], o.DataDir, o)
	if err != nil {
		return err
	}
	return errors.Join(j.round(ctx, s, pulls), s.Close())
}

// round downloads what is due, when it is this member's turn.
func (j *job) round(ctx context.Context, s *local.Store, pulls []*feed.Pull) error {
	due := func() (list []*feed.Pull, err error) {
		for _, p := range pulls {
			next, err := p.Due(ctx, s)
			if err != nil {
				return nil, err
			}
			if next.IsZero() {
				list = append(list, p)
			}
		}
		return list, nil
	}
	list, err := due()
	if err != nil || len(list) == 0 {
		return err
	}
	if j.clustered(ctx) {
		t, err := j.wait(ctx)
		if err != nil {
			return err
		}
		defer t.end()
		ctx = t.ctx
		// Who had the turn before may have filled the same database.
		if list, err = due(); err != nil || len(list) == 0 {
			return err
		}
	}
	j.idle = false
	var sum pulled
	defer func() {
		j.account = sum
		j.say("INFO", "imported=%d unchanged=%d failed=%d facts=%d bad_records=%d", sum.Imported, sum.Unchanged, sum.Failed, sum.Facts, sum.BadRecords)
	}()
	for _, p := range list {
		out, err := p.Run(ctx, s)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // the others go on, and this one keeps what it has
			sum.Failed++
			j.say("WARN", "feed %s was not imported: %s", p.Feed, oneLine(err))
		case out.Unchanged:
			sum.Unchanged++
		case out.Next.IsZero():
			sum.Imported++
			sum.Facts += out.Generation.Facts
			sum.BadRecords += out.Counts.Bad
			j.say("INFO", "feed %s: import %d, %d facts from %d records; %d bad, %d passed over",
				p.Feed, out.Generation.ID, out.Generation.Facts, out.Counts.Records, out.Counts.Bad, out.Counts.Passed)
		}
	}
	return nil
}

// wait waits for this member's turn.
func (j *job) wait(ctx context.Context) (*turn, error) {
	s, err := j.run.Splunkd()
	if err != nil {
		return nil, err
	}
	l := newLease(s, j.run.Command, j.host)
	for told := false; ; told = true {
		t, err := l.take(ctx)
		if err != nil || t != nil {
			return t, err
		}
		if !told {
			j.say("INFO", "another member of the cluster is downloading feeds; waiting for its turn")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(look):
		}
	}
}
