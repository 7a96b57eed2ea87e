package splunkapp

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/source"
)

// Collection is the collection of the KV store that holds answers, the one
// behind the lookup tclookup_kv.
const Collection = "tclookup_cache"

// maxKey is the longest value that is kept in the KV store, in bytes: the keys
// of its indexes are bounded, and only antivirus names can be longer.
const maxKey = 512

// document is an answer in the KV store. Its fields are those of a search.
type document struct {
	Key       string `json:"_key"` // type:indicator
	Indicator string `json:"indicator"`
	Type      string `json:"tc_type"`
	Status    string `json:"tc_status"`
	Verdict   string `json:"tc_verdict"`
	Votes     string `json:"tc_votes"`
	Related   uint32 `json:"tc_related"`
	LastSeen  string `json:"tc_last_seen"`
	Permalink string `json:"tc_permalink"`
	Source    string `json:"tc_source"`
	Fetched   int64  `json:"tc_fetched"` // epoch seconds
}

// Answers collects answers for the KV store. It is safe for concurrent use.
type Answers struct {
	mu   sync.Mutex
	docs map[string]json.RawMessage
}

// Add takes an answer. Stale ones are not news, and stay out.
func (a *Answers) Add(ind indicator.Indicator, r source.Result) {
	if r.Origin == source.Stale || len(ind.Value) > maxKey || r.Status != source.Found && r.Status != source.NotFound {
		return
	}
	d := document{
		Key: ind.Type.String() + ":" + ind.Value, Indicator: ind.Value, Type: ind.Type.String(),
		Status: "not_found", Verdict: source.Unknown.String(), Source: r.Source,
	}
	if !r.Fetched.IsZero() {
		d.Fetched = r.Fetched.Unix()
	}
	if r.Status == source.Found {
		s := &r.Summary
		d.Status, d.Verdict, d.Related, d.LastSeen, d.Permalink = "found", s.Verdict.String(), s.Related, s.LastSeen, s.Permalink
		if s.HasVotes {
			d.Votes = strconv.Itoa(int(s.Votes))
		}
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return // texts and numbers always encode
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.docs == nil {
		a.docs = map[string]json.RawMessage{}
	}
	a.docs[d.Key] = raw
}

// Len returns how many answers wait to be written.
func (a *Answers) Len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.docs)
}

// Save writes what was collected since the last call into the collection.
func (a *Answers) Save(ctx context.Context, r *Run) (int, error) {
	a.mu.Lock()
	docs := make([]json.RawMessage, 0, len(a.docs))
	for _, d := range a.docs {
		docs = append(docs, d)
	}
	a.docs = nil
	a.mu.Unlock()
	if len(docs) == 0 {
		return 0, nil
	}
	c, err := r.Splunkd()
	n := 0
	if err == nil {
		n, err = c.Save(ctx, Collection, docs)
	}
	if err != nil {
		return n, fmt.Errorf("%d of %d answers are not in the KV store (collection %s): %w", len(docs)-n, len(docs), Collection, err)
	}
	return n, nil
}

// Expire deletes answers from the collection that are so old that a search
// would not use them any more, at the time now.
func Expire(ctx context.Context, r *Run, c *config.Cache, now time.Time) error {
	s, err := r.Splunkd()
	if err != nil {
		return err
	}
	longest := max(c.TTLFound, c.TTLNotFound)
	for _, list := range [][]time.Duration{c.FoundByType[:], c.NotFoundByType[:], c.FoundByVerdict[:]} {
		for _, d := range list {
			longest = max(longest, d)
		}
	}
	before := now.Add(-longest - c.StaleFor).Unix()
	return s.Delete(ctx, Collection, map[string]any{"tc_fetched": map[string]int64{"$lt": before}})
}
