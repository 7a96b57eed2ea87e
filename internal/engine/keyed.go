package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// errNoKeys is why a source with a stored key cannot be asked by a process
// that splunkd gave no session.
var errNoKeys = errors.New("its API key is in Splunk's stored passwords, and only what Splunk starts with a session can read it: " +
	"answers come from the cache; the background input asks for the rest")

// keyed is a source whose API key is asked for when the first indicator has to
// be sent: a run that the cache answers never does so. Without the key nothing
// is sent and everything is Limited, so that it is answered from the cache or
// queued.
type keyed struct {
	source.Source // without a key, for all but asking
	key           func(context.Context) (string, error)
	open          func(key string) (source.Source, error)

	mu    sync.Mutex
	ready source.Source
	err   error
	until time.Time // err counts until then
}

var (
	_ source.Source = (*keyed)(nil)
	_ source.Voter  = (*keyed)(nil)
)

// keyRetry is how long a failure counts: a search does not ask splunkd for
// each of its chunks, and an input of hours learns of a key stored meanwhile.
const keyRetry = time.Minute

func (k *keyed) asking(ctx context.Context) (source.Source, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ready != nil || k.err != nil && time.Now().Before(k.until) {
		return k.ready, k.err
	}
	key, err := k.key(ctx)
	if err == nil {
		k.ready, err = k.open(key)
	}
	if k.err = err; errors.Is(err, context.Canceled) {
		k.err = nil // of this call alone
	}
	k.until = time.Now().Add(keyRetry)
	return k.ready, err
}

// Lookup implements source.Source.
func (k *keyed) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	s, err := k.asking(ctx)
	if err == nil {
		s.Lookup(ctx, in, done)
		return
	}
	for i := range in {
		done(i, source.Result{Status: source.Limited, Source: k.Name(), Err: err})
	}
}

// Vote implements source.Voter.
func (k *keyed) Vote(ctx context.Context, ind indicator.Indicator, malicious bool) error {
	s, err := k.asking(ctx)
	if err != nil {
		return err
	}
	v, ok := s.(source.Voter)
	if !ok {
		return ErrNoVotes
	}
	return v.Vote(ctx, ind, malicious)
}
