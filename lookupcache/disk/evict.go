package disk

import (
	"context"
	"errors"
	"time"
)

const (
	// evictBatch bounds the answers one transaction deletes: some ten
	// milliseconds.
	evictBatch = 400
	// sweepTime bounds what one Put spends on making room.
	sweepTime = 50 * time.Millisecond
)

// bytes returns the bytes in use and those of the file.
func (h *handle) bytes(ctx context.Context) (used, file int64, err error) {
	var pages, free, size int64
	for _, p := range []struct {
		query string
		dest  *int64
	}{{"pragma page_count", &pages}, {"pragma freelist_count", &free}, {"pragma page_size", &size}} {
		if err := h.db.QueryRowContext(ctx, p.query).Scan(p.dest); err != nil {
			return 0, 0, err
		}
	}
	return (pages - free) * size, pages * size, nil
}

// sweep makes room when so much was written that the bound may be exceeded.
// Freed pages are used again, so the file does not grow beyond it by more than
// one batch of each process.
func (s *Store) sweep(ctx context.Context) {
	most := s.opts.MaxBytes
	if most <= 0 || s.written.Load() < min(most/64, 4<<20) || !s.sweeping.CompareAndSwap(false, true) {
		return
	}
	defer s.sweeping.Store(false)
	s.written.Store(0)
	end := time.Now().Add(sweepTime)
	for {
		var used int64
		err := s.read(ctx, "measure", func(h *handle) (err error) {
			used, _, err = h.bytes(ctx)
			return err
		})
		if err != nil || used <= most-most/16 {
			return
		}
		n, err := s.deleteAnswers(ctx, "make room", "select key from answers order by expires limit ?", evictBatch)
		if err != nil || n == 0 {
			s.warnWrite(err)
			return
		}
		if time.Now().After(end) {
			s.written.Store(most) // go on at the next Put
			return
		}
	}
}

// deleteAnswers deletes the answers of the keys that a query selects.
func (s *Store) deleteAnswers(ctx context.Context, what, query string, args ...any) (n int, err error) {
	err = s.write(ctx, what, func(w *write) error {
		rows, err := w.query(query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		var keys [][]byte
		for rows.Next() {
			var k []byte
			if err := rows.Scan(&k); err != nil {
				return err
			}
			keys = append(keys, k)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if n = len(keys); n == 0 {
			return errUnchanged
		}
		if err := w.execKeys(deleteAnswerKeys, keys); err != nil {
			return err
		}
		return w.execKeys(deleteReportKeys, keys)
	})
	return n, err
}

var (
	deleteAnswerKeys = byChunk("delete from answers where key in ", "")
	deleteReportKeys = byChunk("delete from reports where key in ", "")
)

// warnWrite says once that nothing can be written.
func (s *Store) warnWrite(err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrFull):
		s.warn("full", "The disk is full: answers are kept in memory only.", "file", s.path, "error", err)
	case errors.Is(err, ErrUnwritable):
		s.warn("unwritable", "The cache database cannot be written: answers are kept in memory only.", "file", s.path, "error", err)
	case errors.Is(err, ErrBusy):
		s.warn("busy", "The cache database was busy for too long.", "file", s.path, "error", err)
	}
}
