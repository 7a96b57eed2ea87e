// Package source is the interface between the enrichment engine and whatever
// knows something about indicators, and the report all sources speak in.
package source

import (
	"context"
	"errors"
	"time"

	"github.com/tclookup/tclookup/indicator"
)

// Status says how a look-up of one indicator ended.
type Status uint8

// The statuses. Unasked is the zero value: nobody was asked (cache only).
const (
	Unasked Status = iota
	Found
	NotFound
	Unsupported // the source does not answer this type
	Limited     // not allowed in time by a budget; Err is a *limit.Denied or says how
	Failed      // Err says how
)

// Origin says where an answer came from; its values are those of the output
// field cache.
type Origin string

// The origins.
const (
	Live   Origin = "live"
	Memory Origin = "memory"
	Disk   Origin = "disk"
	Stale  Origin = "stale"
	Local  Origin = "local"
)

// Result is the answer for one indicator. Raw is shared: nobody changes it.
type Result struct {
	Status  Status
	Source  string // name of the source that answered
	Origin  Origin
	Fetched time.Time // when the source was asked
	Expires time.Time // when the answer should be asked for again; zero: not said
	Summary Summary   // set when Found
	Raw     []byte    // the whole report as the source sent it, when Found
	Err     error     // when Limited or Failed
	// Partial marks a Found answer without a judgement: a Router goes on to
	// the next source, and gives it when no other one knows the indicator.
	Partial bool
}

// ScopeHeader is the field of an HTTP answer, 429 or 5xx, in which tclookup's
// own service says ScopeIndicator when the answer concerns the indicator asked
// for and not the service: others may be asked for all the same.
const (
	ScopeHeader    = "X-Tclookup-Scope"
	ScopeIndicator = "indicator"
)

// Error kinds that callers branch on with errors.Is.
var (
	// ErrUnavailable: the server could not be reached or failed (5xx, network).
	ErrUnavailable = errors.New("source unavailable")
	// ErrThrottled: the server said that we ask too often (429).
	ErrThrottled = errors.New("source throttles")
	// ErrMalformed: the answer is not what the API promises.
	ErrMalformed = errors.New("malformed answer")
	// ErrRefused: the server refuses us (401, 403) or the request (other 4xx).
	ErrRefused = errors.New("source refused the request")
	// ErrTooLarge: the answer is larger than is allowed.
	ErrTooLarge = errors.New("answer too large")
	// ErrTLS: the server's certificate could not be verified.
	ErrTLS = errors.New("certificate not trusted")
)

// Source answers indicators.
type Source interface {
	// Name is the name of the source in the configuration and in the output.
	Name() string
	// Types are the kinds it answers.
	Types() indicator.TypeSet
	// Lookup answers every indicator of in, which are distinct. It calls done
	// exactly once for each index of in, as answers come, in any order, never
	// two calls at once, and returns after the last. The first of in are the
	// most wanted. When ctx ends, what is open is answered with Limited
	// (deadline) or Failed (cancelled).
	Lookup(ctx context.Context, in []indicator.Indicator, done func(i int, r Result))
	// Decode reads a report that the source sent, as Result.Raw holds it.
	Decode(ind indicator.Indicator, raw []byte) (*Report, error)
}
