package disk

import (
	"context"
	"time"
)

// Stats tells what a database holds.
type Stats struct {
	Path string `json:"path"`
	// Found, NotFound and Expired count answers; an expired one counts as
	// found or not found, too. Unless Complete they are what could be counted
	// in time: at least so many.
	Found    int64 `json:"found"`
	NotFound int64 `json:"not_found"`
	Expired  int64 `json:"expired"`
	Complete bool  `json:"complete"`
	// Bytes are those in use, FileBytes those of the file without its
	// write-ahead log, MaxBytes the bound, 0 without one.
	Bytes     int64 `json:"bytes"`
	FileBytes int64 `json:"file_bytes"`
	MaxBytes  int64 `json:"max_bytes"`
	Queued    int   `json:"queued"`
	// Claims are look-ups under way.
	Claims int `json:"claims"`
}

const (
	statsStep  = 20000
	countChunk = `select count(*), coalesce(sum(status = 1), 0), coalesce(sum(expires <= ?2), 0), max(key)
	from (select key, status, expires from answers where key > ?1 order by key limit ?3)`
)

// Stats counts for at most the given time, however large the database is; 0
// means half a second.
func (s *Store) Stats(ctx context.Context, within time.Duration) (Stats, error) {
	if within <= 0 {
		within = 500 * time.Millisecond
	}
	var st Stats
	err := s.read(ctx, "count", func(h *handle) (err error) {
		end := time.Now().Add(within)
		st = Stats{Path: s.path, MaxBytes: s.opts.MaxBytes}
		if st.Bytes, st.FileBytes, err = h.bytes(ctx); err != nil {
			return err
		}
		now := s.now().UnixMilli()
		if _, err := h.row(ctx, "select count(*) from queue", nil, &st.Queued); err != nil {
			return err
		}
		if _, err := h.row(ctx, "select count(*) from leases where expires > ?", []any{now}, &st.Claims); err != nil {
			return err
		}
		last := []byte{}
		for time.Now().Before(end) {
			var n, found, expired int64
			var key []byte
			if _, err := h.row(ctx, countChunk, []any{last, now, statsStep}, &n, &found, &expired, &key); err != nil {
				return err
			}
			st.Found += found
			st.NotFound += n - found
			st.Expired += expired
			if n < statsStep {
				st.Complete = true
				return nil
			}
			last = key
		}
		return nil
	})
	return st, err
}
