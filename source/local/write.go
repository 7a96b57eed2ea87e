package local

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tclookup/tclookup/indicator"
)

const (
	// batchRows is how many rows of facts are collected for one transaction.
	// Their subjects lie anywhere in the table: many at once write each of its
	// pages less often, few let others write sooner.
	batchRows = 100_000
	// knownEntities bounds the ids remembered as written by an import.
	knownEntities = 500_000
	// openFor is after what silence an open generation counts as abandoned.
	openFor = 15 * time.Minute
	// keep is how many superseded generations of a feed can come back.
	keep = 2
)

// ErrUnchanged: the input of an import is what the feed holds already.
var ErrUnchanged = errors.New("unchanged since the last import")

// Meta describes a generation.
type Meta struct {
	Feed   string // the feed it belongs to
	Source string // a file or an address, without secrets
	Format string
	// Add keeps the older generations of the feed in view. Otherwise the new
	// one takes their place.
	Add bool
}

// Generation is one import of a feed.
type Generation struct {
	ID      int64     `json:"id"`
	Feed    string    `json:"feed"`
	Source  string    `json:"source"`
	Format  string    `json:"format"`
	State   string    `json:"state"` // open, live, superseded or deleted
	Created time.Time `json:"created"`
	Bytes   int64     `json:"bytes"`   // of the input
	Digest  string    `json:"digest"`  // of the input
	Records int64     `json:"records"` // read from the input
	// Facts are the distinct ones, but that one which is met again far behind
	// in the input counts again.
	Facts int64 `json:"facts"`
	Bad   int64 `json:"bad"` // records that were kept out
}

var stateNames = [...]string{"open", "live", "superseded", "deleted"}

// Import writes one generation. Nobody sees it before Commit. It is for one
// goroutine.
type Import struct {
	s    *Store
	meta Meta
	id   int64

	batch   map[relationKey]*written
	names   map[int64]indicator.Indicator // entities of the batch to be written
	written map[int64]struct{}            // ids of entities written before
	facts   int64
	halves  int64 // rows of relations that are their own inverse
	err     error
}

type relationKey struct {
	subject int64
	kind    Kind
	object  int64
}

type written struct {
	first, last, count  int64
	verdict, confidence int16
}

// Begin begins a generation.
func (s *Store) Begin(ctx context.Context, m Meta) (*Import, error) {
	if m.Feed == "" {
		return nil, errors.New("a feed needs a name")
	}
	im := &Import{s: s, meta: m, batch: map[relationKey]*written{}, names: map[int64]indicator.Indicator{}, written: map[int64]struct{}{}}
	now := s.now().Unix()
	err := s.write(ctx, shared, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "update generations set state = 3 where state = 0 and touched < $1", now-int64(openFor/time.Second)); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `insert into generations
(feed, source, format, state, superseded_by, created, touched, bytes, digest, records, facts, bad)
values ($1, $2, $3, 0, 0, $4, $5, 0, '', 0, 0, 0) returning id`, m.Feed, m.Source, m.Format, now, now).Scan(&im.id)
	})
	if err != nil {
		return nil, err
	}
	return im, nil
}

// Add adds a fact. The error is the fact's, and the import can go on, unless
// it is one of the database, which all later calls return too.
func (im *Import) Add(ctx context.Context, f Fact) error {
	if im.err != nil {
		return im.err
	}
	if err := f.Check(); err != nil {
		return err
	}
	first, last := seconds(f.First), seconds(f.Last)
	if last == 0 {
		last = first
	}
	w := written{first, last, max(f.Count, 1), int16(f.Verdict), int16(min(f.Confidence, 100))}
	subject := im.entity(f.Subject)
	if f.Kind == Listed {
		im.put(relationKey{subject, Listed, subject}, w)
	} else {
		object := im.entity(f.Object)
		im.put(relationKey{subject, f.Kind, object}, w)
		im.put(relationKey{object, f.Kind.inverse(), subject}, w)
	}
	if len(im.batch) >= batchRows {
		return im.flush(ctx)
	}
	return nil
}

// clean returns a text fit for a terminal and for both databases: valid UTF-8
// without control characters, on one line, without space around it.
func clean(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] > ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

func (im *Import) entity(ind indicator.Indicator) int64 {
	id := im.s.id(ind)
	if _, ok := im.written[id]; !ok {
		im.names[id] = ind
	}
	return id
}

func (im *Import) put(k relationKey, w written) {
	old, ok := im.batch[k]
	if !ok {
		im.batch[k] = &w
		return
	}
	old.first = earliest(old.first, w.first)
	old.last = max(old.last, w.last)
	old.count += w.count
	old.verdict = max(old.verdict, w.verdict)
	old.confidence = max(old.confidence, w.confidence)
}

// earliest is the smaller one of two times, of which 0 is unknown.
func earliest(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// flush writes the batch in one transaction.
func (im *Import) flush(ctx context.Context) error {
	if im.err != nil || len(im.batch) == 0 {
		return im.err
	}
	keys := make([]relationKey, 0, len(im.batch))
	for k := range im.batch {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b relationKey) int {
		return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.kind, b.kind), cmp.Compare(a.object, b.object))
	})
	ids := make([]int64, 0, len(im.names))
	for id := range im.names {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	im.err = im.s.write(ctx, shared, func(tx *sql.Tx) error {
		// Nobody may have taken the generation for abandoned.
		res, err := tx.ExecContext(ctx, "update generations set touched = $1 where id = $2 and state = 0", im.s.now().Unix(), im.id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			return errors.New("the import was idle for so long that it was given up; start it again")
		}
		if im.s.pg {
			return im.insertPostgres(ctx, tx, ids, keys)
		}
		return im.insertSQLite(ctx, tx, ids, keys)
	})
	if im.err != nil {
		return im.err
	}
	if len(im.written) > knownEntities {
		clear(im.written)
	}
	for _, id := range ids {
		im.written[id] = struct{}{}
	}
	for _, k := range keys { // of the two directions of a relation one counts
		if k.kind == k.kind.inverse() && k.kind != Listed {
			im.halves++
		} else if k.kind < k.kind.inverse() || k.kind == Listed {
			im.facts++
		}
	}
	clear(im.batch)
	clear(im.names)
	return nil
}

const (
	insertEntities = "insert into entities (id, type, value) "
	insertFacts    = "insert into facts (subject, kind, object, generation, first_seen, last_seen, count, verdict, confidence) "
	// onFact merges what an earlier batch of the same generation said. %s are
	// the names of the functions for the smaller and the greater one.
	onFact = ` on conflict (subject, kind, object, generation) do update set
first_seen = case when facts.first_seen = 0 or excluded.first_seen = 0 then %[2]s(facts.first_seen, excluded.first_seen) else %[1]s(facts.first_seen, excluded.first_seen) end,
last_seen = %[2]s(facts.last_seen, excluded.last_seen), count = facts.count + excluded.count,
verdict = %[2]s(facts.verdict, excluded.verdict), confidence = %[2]s(facts.confidence, excluded.confidence)`
)

func (im *Import) insertPostgres(ctx context.Context, tx *sql.Tx, ids []int64, keys []relationKey) error {
	types, values := make([]int16, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		types[i], values[i] = int16(im.names[id].Type), im.names[id].Value
	}
	if _, err := tx.ExecContext(ctx, insertEntities+"select * from unnest($1::bigint[], $2::smallint[], $3::text[]) on conflict do nothing", ids, types, values); err != nil {
		return err
	}
	n := len(keys)
	subjects, objects := make([]int64, n), make([]int64, n)
	firsts, lasts, counts := make([]int64, n), make([]int64, n), make([]int64, n)
	kind, verdicts, confidences := make([]int16, n), make([]int16, n), make([]int16, n)
	for i, k := range keys {
		w := im.batch[k]
		subjects[i], kind[i], objects[i] = k.subject, int16(k.kind), k.object
		firsts[i], lasts[i], counts[i], verdicts[i], confidences[i] = w.first, w.last, w.count, w.verdict, w.confidence
	}
	_, err := tx.ExecContext(ctx, insertFacts+`select s, k, o, $9::bigint, f, l, c, v, p
from unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::smallint[], $8::smallint[]) as t (s, k, o, f, l, c, v, p)`+
		fmt.Sprintf(onFact, "least", "greatest"), subjects, kind, objects, firsts, lasts, counts, verdicts, confidences, im.id)
	return err
}

func (im *Import) insertSQLite(ctx context.Context, tx *sql.Tx, ids []int64, keys []relationKey) error {
	err := multi(ctx, tx, insertEntities, "(?,?,?)", " on conflict do nothing", len(ids), func(i int, args []any) []any {
		e := im.names[ids[i]]
		return append(args, ids[i], int64(e.Type), e.Value)
	})
	if err != nil {
		return err
	}
	return multi(ctx, tx, insertFacts, "(?,?,?,?,?,?,?,?,?)", fmt.Sprintf(onFact, "min", "max"), len(keys), func(i int, args []any) []any {
		k := keys[i]
		w := im.batch[k]
		return append(args, k.subject, int64(k.kind), k.object, im.id, w.first, w.last, w.count, int64(w.verdict), int64(w.confidence))
	})
}

// multi inserts n rows, many with one statement.
func multi(ctx context.Context, tx *sql.Tx, insert, row, end string, n int, args func(i int, args []any) []any) error {
	var buf []any
	for i, size := 0, 64; i < n; size = 1 {
		if n-i < size {
			continue
		}
		st, err := tx.PrepareContext(ctx, insert+"values "+strings.Repeat(row+",", size-1)+row+end)
		if err != nil {
			return err
		}
		for ; n-i >= size; i += size {
			buf = buf[:0]
			for k := range size {
				buf = args(i+k, buf)
			}
			if _, err := st.ExecContext(ctx, buf...); err != nil {
				return errors.Join(err, st.Close())
			}
		}
		if err := st.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Total is what an import says about its input at the end.
type Total struct {
	Bytes   int64
	Digest  string // empty: unknown, so never unchanged
	Format  string // that the input turned out to have; empty: Meta's
	Records int64
	Bad     int64
	// Contains are older generations of the feed whose input is the beginning
	// of this one's: it takes their place even with Meta.Add.
	Contains []int64
}

// Commit makes the generation visible, at once and as a whole. The error is
// ErrUnchanged when a visible generation of the feed has the same input; the
// Generation is that one then.
func (im *Import) Commit(ctx context.Context, t Total) (g Generation, err error) {
	if err := im.flush(ctx); err != nil {
		return g, errors.Join(err, im.Abort(ctx))
	}
	s := im.s
	var same int64
	err = s.write(ctx, exclusive, func(tx *sql.Tx) error {
		if t.Format == "" {
			t.Format = im.meta.Format
		}
		if t.Digest != "" {
			err := tx.QueryRowContext(ctx, "select id from generations where feed = $1 and state = 1 and digest = $2 and format = $3", im.meta.Feed, t.Digest, t.Format).Scan(&same)
			if err == nil {
				_, err := tx.ExecContext(ctx, "update generations set state = 3 where id = $1", im.id)
				return err
			}
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		if !im.meta.Add {
			if _, err := tx.ExecContext(ctx, "update generations set state = 2, superseded_by = $1 where feed = $2 and state = 1", im.id, im.meta.Feed); err != nil {
				return err
			}
		}
		for _, id := range t.Contains {
			if _, err := tx.ExecContext(ctx, "update generations set state = 2, superseded_by = $1 where id = $2 and feed = $3 and state = 1", im.id, id, im.meta.Feed); err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(ctx, "update generations set state = 1, touched = $1, bytes = $2, digest = $3, records = $4, facts = $5, bad = $6, format = $7 where id = $8 and state = 0",
			s.now().Unix(), t.Bytes, t.Digest, t.Records, im.facts+im.halves/2, t.Bad, t.Format, im.id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			return errors.New("the import was given up while it was idle; start it again")
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`update generations set state = 3 where feed = $1 and state = 2 and superseded_by not in
(select id from generations where feed = $2 and state in (1, 2) order by id desc limit %d)`, keep), im.meta.Feed, im.meta.Feed); err != nil {
			return err
		}
		return s.changed(ctx, tx)
	})
	if err != nil {
		return g, err
	}
	s.stale()
	if same != 0 {
		g, err := s.generation(ctx, same)
		return g, cmp.Or(err, ErrUnchanged)
	}
	if g, err = s.generation(ctx, im.id); err != nil {
		return g, err
	}
	return g, s.pruneIfWorth(ctx)
}

// Abort gives the generation up.
func (im *Import) Abort(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	return im.s.write(ctx, shared, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "update generations set state = 3 where id = $1 and state = 0", im.id)
		return err
	})
}
