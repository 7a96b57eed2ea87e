// Package lookupcache answers indicators from what was asked before: tiers of
// memory, one flight for each indicator, and a time to live for each kind of
// answer.
package lookupcache

import (
	"context"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// Key names an answer. Scope tells apart sources, and servers of one source:
// an answer of one server is never given for another.
type Key struct {
	Scope string
	indicator.Indicator
}

// Entry is a kept answer. Only found and not found are ever kept. The zero
// Entry means there is none.
type Entry struct {
	Status  source.Status
	Fetched time.Time
	Expires time.Time // after this it is stale
	Summary source.Summary
	Raw     []byte // shared, read-only; nil when the tier was not asked for it
}

// OK reports whether the entry holds an answer.
func (e *Entry) OK() bool { return e.Status == source.Found || e.Status == source.NotFound }

// Tier is a store of answers. It is safe for concurrent use. A tier that
// fails returns an error, which is treated as a miss and said once.
type Tier interface {
	// Name is "memory", "disk" or "redis": the output field cache.
	Name() string
	// Get sets out[i] to the entry of keys[i], expired or not. raw says
	// whether the whole reports are wanted.
	Get(ctx context.Context, keys []Key, raw bool, out []Entry) error
	// Put keeps entries. It copies nothing: the caller leaves them alone.
	Put(ctx context.Context, keys []Key, entries []Entry) error
	Close() error
}

// Claim is the state of a key that a process wants to ask for.
type Claim uint8

// The states: the key is the caller's to ask for, another process is asking,
// or an answer has come in the meantime.
const (
	Mine Claim = iota
	Busy
	Answered
)

// Claimer is a tier shared by several processes, which hands out the right to
// ask for an indicator to one of them at a time.
type Claimer interface {
	Tier
	// Claim asks for the right to look up keys. In one transaction it sets
	// claims[i], and out[i] where an answer that expires after fresh is there
	// already; pass the zero time as fresh to refuse all answers fetched
	// before since (refresh). A claim ends with Put, with Release or by itself
	// after ttl, so that a killed holder blocks nobody for longer.
	Claim(ctx context.Context, keys []Key, since time.Time, ttl time.Duration, claims []Claim, out []Entry) error
	// Release gives claims back without an answer.
	Release(ctx context.Context, keys []Key) error
}
