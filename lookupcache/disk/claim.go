package disk

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
)

// maxLease bounds the life of a claim. One that seems to last longer was made
// by a clock that was wrong, and is void.
const maxLease = 15 * time.Minute

// sweepLeases is in how many calls of Claim, on average, one sweeps up the
// claims that killed processes have left and nobody has asked for since.
const sweepLeases = 64

const takeLease = `insert into leases (key, holder, expires) values (?1, ?2, ?3)
on conflict (key) do update set holder = ?2, expires = ?3`

var (
	selectLeases  = byChunk("select key, holder, expires from leases where key in ", "")
	releaseLeases = byChunk("delete from leases where key in ", " and holder = ?")
)

// Claim asks for the right to look up keys. In one transaction it sets
// claims[i] to Answered, and out[i] to the whole answer, where one is there
// that has not expired and was not fetched before since; to Busy where another
// Store holds a claim; and to Mine otherwise. A claim ends with Put, with
// Release, or after ttl, 15 minutes at most.
func (s *Store) Claim(ctx context.Context, keys []lookupcache.Key, since time.Time, ttl time.Duration, claims []lookupcache.Claim, out []lookupcache.Entry) error {
	c := &claiming{store: s, since: since.UnixMilli(), claims: claims[:len(keys)], out: out[:len(keys)]}
	if taken, err := c.look(ctx, keys); taken || err != nil {
		return err
	}
	ttl = min(max(ttl, time.Millisecond), maxLease)
	err := s.write(ctx, "claim look-ups", func(w *write) error {
		encoded, err := w.keys(ctx, keys, w)
		if err != nil {
			return err
		}
		c.begin(encoded, w.now)
		if err := c.answered(w.query); err != nil {
			return err
		}
		if err := c.busy(w.query); err != nil {
			return err
		}
		if rand.N(sweepLeases) == 0 {
			if _, err := w.exec("delete from leases where expires <= ?", w.now); err != nil {
				return err
			}
		}
		until := w.now + ttl.Milliseconds()
		for i, k := range encoded {
			if claims[i] != lookupcache.Mine {
				continue
			}
			if _, err := w.exec(takeLease, k, s.holder, until); err != nil {
				return err
			}
		}
		return nil
	})
	s.warnWrite(err)
	return err
}

// claiming is one call of Claim.
type claiming struct {
	store  *Store
	since  int64 // ms, as exact as the kept times are
	claims []lookupcache.Claim
	out    []lookupcache.Entry

	now  int64
	keys [][]byte
	at   index
}

// begin forgets what was found, for a look at the keys at a time.
func (c *claiming) begin(keys [][]byte, now int64) {
	clear(c.claims)
	clear(c.out)
	c.keys, c.at, c.now = keys, newIndex(keys), now
}

// look reports whether no key is to be had, without the right to write: those
// who wait for the claims of others look often, and must not hold up those who
// work.
func (c *claiming) look(ctx context.Context, keys []lookupcache.Key) (taken bool, err error) {
	err = c.store.read(ctx, "look at claims", func(h *handle) error {
		encoded, err := h.keys(ctx, keys, nil)
		if err != nil {
			return err
		}
		query := func(query string, args ...any) (*sql.Rows, error) { return h.query(ctx, query, args...) }
		c.begin(encoded, c.store.now().UnixMilli())
		if err := c.busy(query); err != nil {
			return err
		}
		if !slices.Contains(c.claims, lookupcache.Busy) {
			taken = len(keys) == 0
			return nil // it is the first time, most likely
		}
		if err := c.answered(query); err != nil {
			return err
		}
		taken = !slices.Contains(c.claims, lookupcache.Mine)
		return nil
	})
	return taken, err
}

// queryFunc runs a prepared query, within a transaction or without.
type queryFunc func(query string, args ...any) (*sql.Rows, error)

// answered finds the keys that have an answer.
func (c *claiming) answered(query queryFunc) error {
	return eachChunk(c.at.sorted, func(size int, args []any) error {
		rows, err := query(selectReports()[size], args...)
		if err != nil {
			return err
		}
		return c.store.scanAnswers(rows, func(key []byte, e *lookupcache.Entry) {
			if !e.OK() || noReport(e) || e.Expires.UnixMilli() <= c.now || e.Fetched.UnixMilli() < c.since {
				return
			}
			c.at.each(key, func(i int) { c.claims[i], c.out[i] = lookupcache.Answered, *e })
		})
	})
}

// busy finds the keys that others have claimed.
func (c *claiming) busy(query queryFunc) error {
	return eachChunk(c.at.sorted, func(size int, args []any) error {
		rows, err := query(selectLeases()[size], args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var key []byte
			var holder string
			var expires int64
			if rows.Scan(&key, &holder, &expires) != nil {
				return errForm
			}
			if holder == c.store.holder || !live(expires, c.now) {
				continue
			}
			c.at.each(key, func(i int) {
				if c.claims[i] == lookupcache.Mine {
					c.claims[i] = lookupcache.Busy
				}
			})
		}
		return rows.Err()
	})
}

// live reports whether a lease that expires then holds now.
func live(expires, now int64) bool {
	return expires > now && expires <= now+maxLease.Milliseconds()+1000
}

// Release gives this Store's claims back without an answer.
func (s *Store) Release(ctx context.Context, keys []lookupcache.Key) error {
	err := s.write(ctx, "release claims", func(w *write) error {
		encoded, err := w.keys(ctx, keys, w)
		if err != nil {
			return err
		}
		return eachChunk(encoded, func(size int, args []any) error {
			_, err := w.exec(releaseLeases()[size], append(args[:size:size], s.holder)...)
			return err
		})
	})
	s.warnWrite(err)
	return err
}
