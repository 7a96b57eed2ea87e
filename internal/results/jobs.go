package results

import (
	"context"
	"time"
)

// Jobs are the search jobs of a server. A job's id holds no secret.
type Jobs interface {
	// Start starts the search and returns the id of its job.
	Start(ctx context.Context) (id string, err error)
	// State says how far a job is. That the search failed is an error.
	State(ctx context.Context, id string) (*State, error)
	// Page returns up to count results of a finished job from offset on.
	Page(ctx context.Context, id string, offset int64, count int) (*Page, error)
	// Cancel ends a job.
	Cancel(ctx context.Context, id string) error
}

// State is how far a job is.
type State struct {
	Done     bool
	Text     string // for people: "running, 40 %, 1200 results"
	Total    int64  // results of a finished job, negative if the server does not say
	Warnings []string
}

// The pauses between two questions for the state of a job.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Wait waits until a job is finished, and tells each state on the way.
func Wait(ctx context.Context, jobs Jobs, id string, tell func(*State)) (*State, error) {
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		s, err := jobs.State(ctx, id)
		if err != nil {
			return nil, err
		}
		tell(s)
		if s.Done {
			return s, nil
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}
