package input

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/splunkapp"
)

// drained is the account of a drain in the app's log: the keys of
// `cache warm --summary`.
type drained struct {
	engine.Drained
	Requests int64 `json:"requests"`
}

// The pace of what is done besides asking.
const (
	saveAt    = 200              // answers are written into the KV store
	saveAfter = 10 * time.Second // or after this time
	lastSave  = 2 * time.Second  // is the longest the last writing may take: the input was told to end
	look      = 2 * time.Second  // how often a member looks whether it has something to ask, and its turn
)

// drain is the task queue.
func drain(ctx context.Context, j *job) error {
	c := j.config
	c.Mode, c.MaxLookups = config.Live, 0
	if len(c.Active()) == 0 {
		j.idle = true
		j.say("INFO", "no source is configured; nothing to do")
		return nil
	}
	var answers splunkapp.Answers
	o := engine.Options{Config: c, DataDir: j.place.DataDir(c), Background: true, Reports: true, Key: j.run.Key}
	if c.KVStore {
		o.Answered = answers.Add
	}
	eng, err := engine.Open(ctx, o)
	if err != nil {
		return err
	}
	defer eng.Close()
	if eng.Store == nil {
		if ctx.Err() != nil { // told to end before it began
			j.idle = true
			return nil
		}
		return errors.Join(errors.New("there is no queue without a database: [cache] disk"), eng.StoreError)
	}
	if c.KVStore {
		if err := splunkapp.Expire(ctx, j.run, &c.Cache, time.Now()); err != nil {
			j.say("WARN", "old answers stay in the KV store: %s", oneLine(err))
		}
	}
	saved := time.Now()
	save := func(ctx context.Context) {
		saved = time.Now()
		if _, err := answers.Save(ctx, j.run); err != nil {
			j.say("WARN", "%s", oneLine(err))
		}
	}
	d := engine.DrainOptions{
		Forever: true,
		Waiting: func() { j.say("INFO", "another process is working off the queue; waiting for its turn") },
		Progress: func(engine.Drained, int) {
			if n := answers.Len(); n >= saveAt || n > 0 && time.Since(saved) >= saveAfter {
				save(ctx)
			}
		},
	}
	var got engine.Drained
	if j.clustered(ctx) {
		got, err = j.turns(ctx, eng, d)
	} else {
		got, err = eng.Drain(ctx, d)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
	defer cancel()
	save(last)
	j.account = drained{got, eng.Requests()}
	j.say("INFO", "answered=%d failed=%d excluded=%d left=%d requests=%d", got.Answered, got.Failed, got.Excluded, got.Left, eng.Requests())
	return err
}

// clustered reports whether this is a member of a search head cluster.
func (j *job) clustered(ctx context.Context) bool {
	s, err := j.run.Splunkd()
	if err != nil {
		return false
	}
	roles, err := s.ServerRoles(ctx)
	if err != nil {
		if ctx.Err() == nil {
			j.say("WARN", "it is not known whether this is a search head cluster, where one member asks at a time: %s", oneLine(err))
		}
		return false
	}
	return slices.Contains(roles, "shc_member") || slices.Contains(roles, "shc_captain")
}

// turns works off this member's queue whenever there is something in it and no
// other member is at it. Each member has a queue, a cache and a budget of its
// own; taking turns keeps a server from being asked by all at once.
func (j *job) turns(ctx context.Context, eng *engine.Engine, o engine.DrainOptions) (sum engine.Drained, err error) {
	s, err := j.run.Splunkd()
	if err != nil {
		return sum, err
	}
	l := newLease(s, j.run.Command, j.host)
	o.Forever = false
	told := false
	for ctx.Err() == nil {
		n, err := eng.Store.Queue().Len(ctx)
		if err != nil {
			return sum, err
		}
		if n > 0 {
			turn, err := l.take(ctx)
			switch {
			case err != nil:
				return sum, err
			case turn == nil:
				if !told {
					j.say("INFO", "another member of the cluster is asking; waiting for its turn")
				}
				told = true
			default:
				got, err := eng.Drain(turn.ctx, o)
				turn.end()
				sum.Answered += got.Answered
				sum.Failed += got.Failed
				sum.Excluded += got.Excluded
				sum.Unknown += got.Unknown
				sum.Left, told = got.Left, false
				if err != nil && (ctx.Err() != nil || !errors.Is(err, context.Canceled)) {
					return sum, err
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(look):
		}
	}
	return sum, context.Cause(ctx)
}
