package disk

import (
	"context"
	"math/rand/v2"
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
	ttl = min(max(ttl, time.Millisecond), maxLease)
	err := s.write(ctx, "claim look-ups", func(w *write) error {
		clear(claims[:len(keys)])
		clear(out[:len(keys)])
		encoded, err := w.keys(ctx, keys, w)
		if err != nil {
			return err
		}
		if err := s.claimAnswered(w, encoded, since, claims, out); err != nil {
			return err
		}
		if err := s.claimBusy(w, encoded, claims); err != nil {
			return err
		}
		if rand.N(sweepLeases) == 0 {
			if _, err := w.exec("delete from leases where expires <= ?", w.now); err != nil {
				return err
			}
		}
		until := w.now + ttl.Milliseconds()
		mine := false
		for i, k := range encoded {
			if claims[i] != lookupcache.Mine {
				continue
			}
			mine = true
			if _, err := w.exec(takeLease, k, s.holder, until); err != nil {
				return err
			}
		}
		if !mine {
			return errUnchanged
		}
		return nil
	})
	s.warnWrite(err)
	return err
}

func (s *Store) claimAnswered(w *write, keys [][]byte, since time.Time, claims []lookupcache.Claim, out []lookupcache.Entry) error {
	at := locate(keys)
	return eachChunk(keys, func(size int, args []any) error {
		rows, err := w.query(selectReports[size], args...)
		if err != nil {
			return err
		}
		return s.scanAnswers(rows, func(key []byte, e *lookupcache.Entry) {
			if e.Expires.UnixMilli() <= w.now || e.Fetched.Before(since) {
				return
			}
			at.each(key, func(i int) { claims[i], out[i] = lookupcache.Answered, *e })
		})
	})
}

func (s *Store) claimBusy(w *write, keys [][]byte, claims []lookupcache.Claim) error {
	at := locate(keys)
	return eachChunk(keys, func(size int, args []any) error {
		rows, err := w.query(selectLeases[size], args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var key []byte
			var holder string
			var expires int64
			if err := rows.Scan(&key, &holder, &expires); err != nil {
				return err
			}
			if holder == s.holder || !live(expires, w.now) {
				continue
			}
			at.each(key, func(i int) {
				if claims[i] == lookupcache.Mine {
					claims[i] = lookupcache.Busy
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
			_, err := w.exec(releaseLeases[size], append(args[:size:size], s.holder)...)
			return err
		})
	})
	s.warnWrite(err)
	return err
}
