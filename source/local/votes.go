package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// Vote is what one person or program thinks of an indicator.
type Vote struct {
	Voter string    `json:"voter"`
	Vote  int8      `json:"vote"` // -1 malicious, 1 harmless, 0 withdrawn
	Time  time.Time `json:"time"`
	// Origin is where it came from, such as "cli" or a client's address. It is
	// known in the log alone.
	Origin string `json:"origin,omitempty"`
}

// maxVoter is the length of the longest name of a voter, in bytes.
const maxVoter = 256

// Vote casts the vote of a voter, who has one for each value: a new one takes
// the place of the old. -1 is malicious, 1 harmless, 0 withdraws. When it
// returns without an error the vote is on the disk, and in the log.
func (s *Store) Vote(ctx context.Context, ind indicator.Indicator, voter string, vote int8, origin string) error {
	voter, origin = clean(voter), clean(origin)
	switch {
	case vote < -1 || vote > 1:
		return fmt.Errorf("a vote is -1, 0 or 1, not %d", vote)
	case voter == "" || len(voter) > maxVoter:
		return fmt.Errorf("a voter needs a name of 1 to %d bytes", maxVoter)
	case ind.Type == indicator.None || ind.Value == "":
		return errors.New("a vote needs an indicator")
	}
	if len(origin) > maxVoter {
		origin = origin[:maxVoter]
	}
	id, now := s.id(ind), s.now().Unix()
	err := s.write(ctx, shared, func(tx *sql.Tx) error {
		for _, step := range []struct {
			query string
			args  []any
		}{
			{insertEntities + "values ($1, $2, $3) on conflict do nothing", []any{id, int64(ind.Type), ind.Value}},
			{"insert into vote_log (entity, voter, vote, cast_at, origin) values ($1, $2, $3, $4, $5)", []any{id, voter, int64(vote), now, origin}},
		} {
			if _, err := tx.ExecContext(ctx, step.query, step.args...); err != nil {
				return err
			}
		}
		var err error
		if vote == 0 {
			_, err = tx.ExecContext(ctx, "delete from votes where entity = $1 and voter = $2", id, voter)
		} else {
			_, err = tx.ExecContext(ctx, `insert into votes (entity, voter, vote, cast_at) values ($1, $2, $3, $4)
on conflict (entity, voter) do update set vote = excluded.vote, cast_at = excluded.cast_at`, id, voter, int64(vote), now)
		}
		if err != nil {
			return err
		}
		return s.changed(ctx, tx)
	})
	if err == nil {
		s.stale()
	}
	return err
}

// Tally is what the votes about an indicator come to.
type Tally struct {
	Malicious int64 `json:"malicious"`
	Harmless  int64 `json:"harmless"`
}

// Votes is -1, 0 or 1, as the original counts: the side with more votes.
func (t Tally) Votes() int8 {
	switch {
	case t.Malicious > t.Harmless:
		return -1
	case t.Malicious < t.Harmless:
		return 1
	}
	return 0
}

// Verdict is the verdict of the votes alone.
func (t Tally) Verdict() source.Verdict {
	return [...]source.Verdict{source.Malicious, source.Unknown, source.Harmless}[t.Votes()+1]
}

// Tally counts the votes about an indicator.
func (s *Store) Tally(ctx context.Context, ind indicator.Indicator) (t Tally, err error) {
	err = s.db.QueryRowContext(ctx, `select coalesce(sum(case when vote < 0 then 1 else 0 end), 0), coalesce(sum(case when vote > 0 then 1 else 0 end), 0)
from votes where entity = $1`, s.id(ind)).Scan(&t.Malicious, &t.Harmless)
	return t, s.wrap(err)
}

// VoteLog lists all votes ever cast about an indicator, the newest first, at
// most limit of them.
func (s *Store) VoteLog(ctx context.Context, ind indicator.Indicator, limit int) (out []Vote, err error) {
	rows, err := s.db.QueryContext(ctx, "select voter, vote, cast_at, origin from vote_log where entity = $1 order by id desc limit $2", s.id(ind), int64(limit))
	if err != nil {
		return nil, s.wrap(err)
	}
	defer func() { err = errors.Join(err, s.wrap(rows.Err()), rows.Close()) }()
	for rows.Next() {
		var v Vote
		var at int64
		if err := rows.Scan(&v.Voter, &v.Vote, &at, &v.Origin); err != nil {
			return nil, s.wrap(err)
		}
		v.Time = moment(at)
		out = append(out, v)
	}
	return out, nil
}
