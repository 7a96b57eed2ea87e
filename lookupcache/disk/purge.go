package disk

import (
	"bytes"
	"context"
	"time"

	"github.com/tclookup/tclookup/indicator"
)

// Purge says which answers to delete. Conditions that are set must all hold;
// without any it is all answers. The queue and the budgets stay: use
// Queue.Remove for the former.
type Purge struct {
	// Expired are the answers that have expired.
	Expired bool
	// Scope are the answers of a source.
	Scope string
	// Indicator are the answers about an indicator, of every source unless
	// Scope is set.
	Indicator indicator.Indicator
	// Before are the answers fetched before a time.
	Before time.Time
}

// Purge deletes answers in small steps, so that other processes go on, gives
// the space back, and returns how many it deleted.
func (s *Store) Purge(ctx context.Context, p Purge) (n int, err error) {
	l := purgeLimits{expires: 1 << 62, fetched: 1 << 62, takesBack: !p.Expired}
	if p.Expired {
		l.expires = s.now().UnixMilli()
	}
	if !p.Before.IsZero() {
		l.fetched = p.Before.UnixMilli() - 1
	}
	// No key is as long as ten times 0xff: a varint ends before.
	r := keyRange{from: []byte{}, to: bytes.Repeat([]byte{0xff}, 10)}
	ids, err := s.purgeScopes(ctx, p)
	switch {
	case err != nil:
	case p.Indicator != indicator.Indicator{}:
		n, err = s.purgeIndicator(ctx, ids, p.Indicator, l)
	case p.Scope != "" && len(ids) == 0:
	default:
		if p.Scope != "" {
			r.from, r.to = scopeRange(ids[0])
		}
		for done := false; !done && err == nil; {
			var k int
			k, done, err = s.purgeStep(ctx, &r, l)
			n += k
		}
	}
	if err != nil {
		s.warnWrite(err)
		return n, err
	}
	return n, s.shrink(ctx)
}

// purgeLimits: what expires and was fetched until then is deleted. takesBack is
// set if that may be answers that have not expired, which the file of recent
// answers may hold, too, even those that the database no longer does.
type purgeLimits struct {
	expires, fetched int64
	takesBack        bool
}

// keyRange is a range of keys, from < key < to, that is worked off in steps.
type keyRange struct{ from, to []byte }

// purgeScopes returns the ids of the scopes that are meant.
func (s *Store) purgeScopes(ctx context.Context, p Purge) (ids []uint64, err error) {
	err = s.read(ctx, "purge", func(h *handle) error {
		ids = nil
		rows, err := h.query(ctx, "select id from scopes where ?1 = '' or name = ?1", p.Scope)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id uint64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}

func (s *Store) purgeIndicator(ctx context.Context, ids []uint64, ind indicator.Indicator, l purgeLimits) (n int, err error) {
	err = s.write(ctx, "purge", func(w *write) error {
		n = 0
		if err := w.forgetRecent(s, l); err != nil {
			return err
		}
		for _, id := range ids {
			k := appendKey(nil, id, ind)
			gone, err := w.exec("delete from answers where key = ? and expires <= ? and fetched <= ?", k, l.expires, l.fetched)
			if err == nil && gone > 0 {
				n++
				_, err = w.exec(deleteReport, k)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

const (
	purgeLook = 5000 // answers looked at in one step
	purgeStep = `select key, expires <= ?3 and fetched <= ?4 from answers where key > ?1 and key < ?2 order by key limit ?5`
)

// purgeStep works off the next part of a range.
func (s *Store) purgeStep(ctx context.Context, r *keyRange, l purgeLimits) (n int, done bool, err error) {
	var last []byte
	err = s.write(ctx, "purge", func(w *write) error {
		rows, err := w.query(purgeStep, r.from, r.to, l.expires, l.fetched, purgeLook)
		if err != nil {
			return err
		}
		defer rows.Close()
		var doomed [][]byte
		looked := 0
		for len(doomed) < evictBatch && rows.Next() {
			var yes bool
			last = nil
			if err := rows.Scan(&last, &yes); err != nil {
				return err
			}
			looked++
			if yes {
				doomed = append(doomed, last)
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
		n, done = len(doomed), looked < purgeLook && len(doomed) < evictBatch
		if n == 0 && !l.takesBack {
			return errUnchanged
		}
		if err := w.forgetRecent(s, l); err != nil {
			return err
		}
		if err := w.execKeys(deleteAnswerKeys, doomed); err != nil {
			return err
		}
		return w.execKeys(deleteReportKeys, doomed)
	})
	if err == nil && last != nil {
		r.from = last
	}
	return n, done, err
}

// shrink gives free pages back to the file system, some at a time.
func (s *Store) shrink(ctx context.Context) error {
	for range 100000 {
		var free int64
		err := s.write(ctx, "shrink", func(w *write) error {
			if _, err := w.row("pragma freelist_count", nil, &free); err != nil {
				return err
			}
			if free == 0 {
				return errUnchanged
			}
			rows, err := w.query("pragma incremental_vacuum(500)")
			if err != nil {
				return err
			}
			for rows.Next() { // each step frees one page
			}
			return rows.Close()
		})
		if err != nil || free <= 500 {
			return err
		}
	}
	return nil
}
