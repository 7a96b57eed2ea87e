package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tclookup/tclookup/indicator"
)

const generationColumns = "select id, feed, source, format, state, created, bytes, digest, records, facts, bad from generations "

func scanGeneration(scan func(...any) error) (g Generation, err error) {
	var state int
	var created int64
	err = scan(&g.ID, &g.Feed, &g.Source, &g.Format, &state, &created, &g.Bytes, &g.Digest, &g.Records, &g.Facts, &g.Bad)
	if state < 0 || state >= len(stateNames) {
		state = stateDead
	}
	g.State, g.Created = stateNames[state], time.Unix(created, 0).UTC()
	return g, err
}

func (s *Store) generation(ctx context.Context, id int64) (Generation, error) {
	g, err := scanGeneration(s.db.QueryRowContext(ctx, generationColumns+"where id = $1", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoFeed
	}
	return g, s.wrap(err)
}

// Generations lists the generations that are seen or can come back, by feed,
// the newest first. An empty feed means all.
func (s *Store) Generations(ctx context.Context, feed string) (out []Generation, err error) {
	rows, err := s.db.QueryContext(ctx, generationColumns+"where state in (1, 2) and (feed = $1 or $2 = '') order by feed, id desc", feed, feed)
	if err != nil {
		return nil, s.wrap(err)
	}
	defer func() { err = errors.Join(err, s.wrap(rows.Err()), rows.Close()) }()
	for rows.Next() {
		g, err := scanGeneration(rows.Scan)
		if err != nil {
			return nil, s.wrap(err)
		}
		out = append(out, g)
	}
	return out, nil
}

// Undo takes a generation back: the one with that number, or with 0 the newest
// of the feed. Those it took the place of are seen again.
func (s *Store) Undo(ctx context.Context, feed string, id int64) (taken Generation, back []Generation, err error) {
	err = s.write(ctx, exclusive, func(tx *sql.Tx) error {
		query := generationColumns + "where state = 1 and feed = $1 order by id desc limit 1"
		arg := any(feed)
		if id != 0 {
			query, arg = generationColumns+"where state = 1 and id = $1", id
		}
		g, err := scanGeneration(tx.QueryRowContext(ctx, query, arg).Scan)
		if errors.Is(err, sql.ErrNoRows) || err == nil && feed != "" && g.Feed != feed {
			return ErrNoFeed
		}
		if err != nil {
			return err
		}
		taken = g
		if _, err := tx.ExecContext(ctx, "update generations set state = 3 where id = $1", g.ID); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, generationColumns+"where state = 2 and superseded_by = $1 order by id desc", g.ID)
		if err != nil {
			return err
		}
		for rows.Next() {
			b, err := scanGeneration(rows.Scan)
			if err != nil {
				return errors.Join(err, rows.Close())
			}
			b.State = stateNames[stateLive]
			back = append(back, b)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "update generations set state = 1, superseded_by = 0 where state = 2 and superseded_by = $1", g.ID); err != nil {
			return err
		}
		// The server may have the same file again: it is to be asked for whole.
		if _, err := tx.ExecContext(ctx, "update pulls set etag = '', modified = '' where feed = $1", g.Feed); err != nil {
			return err
		}
		return s.changed(ctx, tx)
	})
	if err != nil {
		return taken, nil, err
	}
	s.stale()
	return taken, back, s.pruneIfWorth(ctx)
}

// pruneIfWorth deletes what nobody sees when it is a good part of the whole.
func (s *Store) pruneIfWorth(ctx context.Context) error {
	var dead, all int64
	err := s.db.QueryRowContext(ctx, "select coalesce(sum(case when state = 3 then facts else 0 end), 0), coalesce(sum(facts), 0) from generations").Scan(&dead, &all)
	if err != nil {
		return s.wrap(err)
	}
	if dead*3 < all || dead == 0 {
		return nil
	}
	_, err = s.Prune(ctx)
	return err
}

// pruneStep is about how many rows one transaction of Prune looks at, so that
// others get to write in between.
const pruneStep = 20_000

// Prune deletes the facts of generations that cannot come back, and entities
// that no fact and no vote names. It returns the number of facts deleted.
func (s *Store) Prune(ctx context.Context) (deleted int64, err error) {
	// Only those that are dead now: their number does not come back.
	var newest int64
	if err := s.write(ctx, shared, func(tx *sql.Tx) error {
		// Imports that were given up have no count of facts and are pruned too.
		if _, err := tx.ExecContext(ctx, "update generations set state = 3 where state = 0 and touched < $1", s.now().Add(-openFor).Unix()); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "select coalesce(max(id), 0) from generations where state = 3").Scan(&newest)
	}); err != nil || newest == 0 {
		return 0, err
	}
	dead := fmt.Sprintf("(select id from generations where state = 3 and id <= %d)", newest)
	n, err := s.eachRange(ctx, "facts", "subject", "generation in "+dead)
	if err != nil {
		return n, err
	}
	if _, err := s.eachRange(ctx, "entities", "id", `not exists (select 1 from facts where subject = entities.id)
and not exists (select 1 from votes where entity = entities.id) and not exists (select 1 from vote_log where entity = entities.id)`); err != nil {
		return n, err
	}
	return n, s.write(ctx, exclusive, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "delete from generations where id in "+dead)
		return err
	})
}

// eachRange deletes the rows of a table that fulfil a condition, range by range
// of a column.
func (s *Store) eachRange(ctx context.Context, table, column, condition string) (deleted int64, err error) {
	low := int64(-1 << 63)
	for first := true; ; first = false {
		op := ">"
		if first {
			op = ">="
		}
		var high int64
		err := s.db.QueryRowContext(ctx, fmt.Sprintf("select %[1]s from %[2]s where %[1]s %[3]s $1 order by %[1]s limit 1 offset %[4]d", column, table, op, pruneStep), low).Scan(&high)
		last := errors.Is(err, sql.ErrNoRows)
		if last {
			high = 1<<63 - 1
		} else if err != nil {
			return deleted, s.wrap(err)
		}
		err = s.write(ctx, exclusive, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, fmt.Sprintf("delete from %[2]s where %[1]s %[3]s $1 and %[1]s <= $2 and %[4]s", column, table, op, condition), low, high)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			deleted += n
			return err
		})
		if err != nil || last {
			return deleted, err
		}
		low = high
	}
}

// Stats is what a store holds.
type Stats struct {
	Place       string `json:"place"`
	Feeds       int64  `json:"feeds"`
	Generations int64  `json:"generations"`
	Facts       int64  `json:"facts"` // that are seen
	Entities    int64  `json:"entities"`
	Votes       int64  `json:"votes"`
}

// Stats counts what the store holds.
func (s *Store) Stats(ctx context.Context) (st Stats, err error) {
	st.Place = s.Place()
	err = s.db.QueryRowContext(ctx, `select (select count(distinct feed) from generations where state = 1), (select count(*) from generations where state = 1),
(select coalesce(sum(facts), 0) from generations where state = 1), (select count(*) from entities), (select count(*) from votes)`).
		Scan(&st.Feeds, &st.Generations, &st.Facts, &st.Entities, &st.Votes)
	return st, s.wrap(err)
}

// Malicious calls f with each value of a type that is judged malicious, by a
// feed and not overruled by votes, or by votes, in the order of its bytes.
func (s *Store) Malicious(ctx context.Context, typ indicator.Type, f func(value string) error) (err error) {
	order := "e.value"
	if s.pg {
		order = `e.value collate "C"`
	}
	rows, err := s.db.QueryContext(ctx, `select e.value from entities e where e.type = $1 and e.id in (
	select f.subject from facts f join generations g on g.id = f.generation and g.state = 1 where f.kind = 0 and f.verdict = 3
	union select entity from votes group by entity having sum(vote) < 0
) and e.id not in (select entity from votes group by entity having sum(vote) > 0) order by `+order, int64(typ))
	if err != nil {
		return s.wrap(err)
	}
	defer func() { err = errors.Join(err, s.wrap(rows.Err()), rows.Close()) }()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return s.wrap(err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}
