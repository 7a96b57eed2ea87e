package source

import (
	"context"

	"github.com/tclookup/tclookup/indicator"
)

// Voter is a source that takes votes on what it knows. A vote changes a record
// that others read, so it is only ever cast because a user said so.
type Voter interface {
	// Vote casts one vote. An error that is ErrRefused, ErrThrottled or wraps
	// limit.ErrDenied says that it was not counted; after another it may have
	// been.
	Vote(ctx context.Context, ind indicator.Indicator, malicious bool) error
}
