package disk

import (
	"bytes"
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

// chunks are the numbers of keys that statements are prepared for. The last
// key is repeated to fill one up. Larger chunks measured slower.
var chunks = [...]int{1, 16, 256}

// chunk returns the size of the statement for n keys.
func chunk(n int) int {
	for _, c := range chunks {
		if n <= c {
			return c
		}
	}
	return chunks[len(chunks)-1]
}

// in returns "(?,?,…)" for n keys.
func in(n int) string { return "(?" + strings.Repeat(",?", n-1) + ")" }

// inQueries are the statements about keys, by the size of the chunk.
type inQueries map[int]string

// byChunk returns a function that makes the statements when one is needed
// first: most processes that splunkd starts never read from disk.
func byChunk(before, after string) func() inQueries {
	return sync.OnceValue(func() inQueries { return makeQueries(before, after) })
}

func makeQueries(before, after string) inQueries {
	q := inQueries{}
	for _, n := range chunks {
		q[n] = before + in(n) + after
	}
	return q
}

const answerColumns = "a.key, a.status, a.fetched, a.expires, a.verdict, a.votes, a.related, a.last_seen, a.permalink"

var (
	selectAnswers = byChunk("select "+answerColumns+", null from answers a where a.key in ", "")
	selectReports = byChunk("select "+answerColumns+", r.body from answers a left join reports r on r.key = a.key where a.key in ", "")
)

// eachChunk calls f with the arguments for each chunk of the non-nil keys.
func eachChunk(keys [][]byte, f func(size int, args []any) error) error {
	args := make([]any, 0, min(len(keys), chunks[len(chunks)-1]))
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		size := chunk(len(args))
		for len(args) < size {
			args = append(args, args[len(args)-1])
		}
		err := f(size, args)
		args = args[:0]
		return err
	}
	for _, k := range keys {
		if k == nil {
			continue
		}
		if args = append(args, k); len(args) == cap(args) || len(args) == chunks[len(chunks)-1] {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// index finds the indices of keys in a list of them.
type index struct {
	// sorted are the keys in the order they are kept in, each once. What
	// follows each other then lies together: of a large database, each page is
	// read once.
	sorted [][]byte
	at     []int // at[first[n]:first[n+1]] are the indices of sorted[n]
	first  []int
	next   int // where the next key is looked for first
}

// newIndex takes keys; those that are nil have no place in it.
func newIndex(keys [][]byte) (x index) {
	x.at = make([]int, 0, len(keys))
	for i, k := range keys {
		if k != nil {
			x.at = append(x.at, i)
		}
	}
	slices.SortFunc(x.at, func(a, b int) int { return bytes.Compare(keys[a], keys[b]) })
	x.sorted, x.first = make([][]byte, 0, len(x.at)), make([]int, 0, len(x.at)+1)
	for n, i := range x.at {
		if n == 0 || !bytes.Equal(keys[i], x.sorted[len(x.sorted)-1]) {
			x.sorted, x.first = append(x.sorted, keys[i]), append(x.first, n)
		}
	}
	x.first = append(x.first, len(x.at))
	return x
}

// each calls f with every index of key. Keys that come in their order are found
// without a search.
func (x *index) each(key []byte, f func(i int)) {
	known := x.next < len(x.sorted) && bytes.Equal(key, x.sorted[x.next])
	if !known {
		x.next, known = slices.BinarySearchFunc(x.sorted, key, bytes.Compare)
	}
	if known {
		for _, i := range x.at[x.first[x.next]:x.first[x.next+1]] {
			f(i)
		}
	}
	x.next++
}

// noReport reports whether an answer should have a report and has none, as
// one that was imported without. It does for who wants the summary.
func noReport(e *lookupcache.Entry) bool { return e.Status == source.Found && e.Raw == nil }

// Get sets out[i] to the answer of keys[i], expired or not, and to the zero
// Entry where there is none. With raw, what is found must have its report.
func (s *Store) Get(ctx context.Context, keys []lookupcache.Key, raw bool, out []lookupcache.Entry) error {
	return s.read(ctx, "read answers", func(h *handle) error {
		clear(out[:len(keys)])
		if !raw {
			if all, err := h.recent.get(ctx, s, h, keys, out); all || err != nil {
				return err
			}
		}
		encoded, err := h.keys(ctx, keys, nil)
		if err != nil {
			return err
		}
		for i := range encoded {
			if out[i].OK() {
				encoded[i] = nil
			}
		}
		now := s.now()
		queries := selectAnswers
		if raw {
			queries = selectReports
		}
		at := newIndex(encoded)
		return eachChunk(at.sorted, func(size int, args []any) error {
			rows, err := h.query(ctx, queries()[size], args...)
			if err != nil {
				return err
			}
			return s.scanAnswers(rows, func(key []byte, e *lookupcache.Entry) {
				if !e.OK() || raw && noReport(e) {
					return
				}
				last := -1
				at.each(key, func(i int) { out[i], last = *e, i })
				if !raw && last >= 0 {
					h.recent.add(keys[last], e, now)
				}
			})
		})
	})
}

// scanAnswers calls f with each answer of rows and closes them. One that
// cannot be used is a zero Entry. The key is valid during the call only.
func (s *Store) scanAnswers(rows *sql.Rows, f func(key []byte, e *lookupcache.Entry)) error {
	defer rows.Close()
	var (
		key, body          sql.RawBytes
		status, verdict    uint8
		fetched, expires   int64
		votes              sql.NullInt16
		related            uint32
		lastSeen, permalnk string
	)
	ahead := s.now().UnixMilli() + maxAhead
	dest := []any{&key, &status, &fetched, &expires, &verdict, &votes, &related, &lastSeen, &permalnk, &body}
	for rows.Next() {
		if rows.Scan(dest...) != nil {
			return errForm
		}
		e := lookupcache.Entry{
			Status:  source.Status(status),
			Fetched: time.UnixMilli(fetched).UTC(),
			Expires: time.UnixMilli(expires).UTC(),
			Summary: source.Summary{
				Verdict: source.Verdict(verdict), Votes: int8(votes.Int16), HasVotes: votes.Valid,
				Related: related, LastSeen: lastSeen, Permalink: permalnk,
			},
		}
		if fetched > ahead {
			e = lookupcache.Entry{} // by a clock that was wrong: it might never expire
		}
		if e.OK() && body != nil {
			if raw, err := unpackReport(body); err == nil {
				e.Raw = raw
			} else {
				e = lookupcache.Entry{}
				s.warn("report", "A kept report cannot be read and is asked for again.", "file", s.path, "error", err)
			}
		}
		if !e.OK() {
			e = lookupcache.Entry{}
		}
		f(key, &e)
	}
	return rows.Err()
}
