package local

import (
	"context"
	"database/sql"
	"time"
)

// PullState is what is known about the downloads of a feed.
type PullState struct {
	Feed string
	URL  string
	// ETag and Modified are what the server said of what the feed holds.
	ETag, Modified string
	Checked        time.Time // when the server was asked last
	Note           string    // what went wrong then, else empty
}

// Pulled returns what is known about the downloads of a feed; sql.ErrNoRows
// when there was none.
func (s *Store) Pulled(ctx context.Context, feed string) (p PullState, err error) {
	var checked int64
	p.Feed = feed
	err = s.db.QueryRowContext(ctx, "select url, etag, modified, checked, note from pulls where feed = $1", feed).Scan(&p.URL, &p.ETag, &p.Modified, &checked, &p.Note)
	p.Checked = moment(checked)
	return p, s.wrap(err)
}

// SetPulled keeps what is known about the downloads of a feed.
func (s *Store) SetPulled(ctx context.Context, p PullState) error {
	return s.write(ctx, shared, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into pulls (feed, url, etag, modified, checked, note) values ($1, $2, $3, $4, $5, $6)
on conflict (feed) do update set url = excluded.url, etag = excluded.etag, modified = excluded.modified, checked = excluded.checked, note = excluded.note`,
			p.Feed, p.URL, clean(p.ETag), clean(p.Modified), seconds(p.Checked), clean(p.Note))
		return err
	})
}
