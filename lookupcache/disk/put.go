package disk

import (
	"context"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
)

const (
	// putBatch bounds the answers of one transaction, so that other writers
	// get their turn.
	putBatch = 1000
	// maxAhead is how far in the future an answer may have been fetched before
	// the clock is taken to have been wrong then, ms.
	maxAhead = int64(time.Hour / time.Millisecond)

	putAnswer = `insert into answers (key, status, fetched, expires, verdict, votes, related, last_seen, permalink)
	values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) on conflict (key) do update set
	status = ?2, fetched = ?3, expires = ?4, verdict = ?5, votes = ?6, related = ?7, last_seen = ?8, permalink = ?9
	where ?3 >= fetched or fetched > ?10`
	putReport    = "insert into reports (key, body) values (?1, ?2) on conflict (key) do update set body = ?2"
	deleteReport = "delete from reports where key = ?"
)

var (
	deleteLeases = byChunk("delete from leases where key in ", "")
	deleteQueued = byChunk("delete from queue where key in ", "")
)

// Put keeps answers, those of OK entries alone; an older answer never takes
// the place of a newer one. It ends the claims on their keys and takes them
// off the queue.
func (s *Store) Put(ctx context.Context, keys []lookupcache.Key, entries []lookupcache.Entry) error {
	_, err := s.put(ctx, keys, entries)
	return err
}

// put is Put, and returns how many answers were kept.
func (s *Store) put(ctx context.Context, keys []lookupcache.Key, entries []lookupcache.Entry) (kept int, err error) {
	for start := 0; start < len(keys); start += putBatch {
		end := min(start+putBatch, len(keys))
		n, size, err := s.putSome(ctx, keys[start:end], entries[start:end])
		kept += n
		if err != nil {
			s.warnWrite(err)
			return kept, err
		}
		s.written.Add(size)
	}
	s.sweep(ctx)
	return kept, nil
}

func (s *Store) putSome(ctx context.Context, keys []lookupcache.Key, entries []lookupcache.Entry) (kept int, size int64, err error) {
	bodies := make([][]byte, len(keys))
	some := false
	for i := range entries {
		some = some || entries[i].OK()
		if entries[i].OK() && entries[i].Raw != nil {
			bodies[i] = packReport(entries[i].Raw) // before the lock is taken
		}
	}
	if !some {
		return 0, 0, nil
	}
	err = s.write(ctx, "keep answers", func(w *write) error {
		kept, size = 0, 0
		encoded, err := w.keys(ctx, keys, w)
		if err != nil {
			return err
		}
		if err := w.beginRecent(s); err != nil {
			return err
		}
		for i := range entries {
			e := &entries[i]
			if !e.OK() {
				encoded[i] = nil
				continue
			}
			var votes any
			if e.Summary.HasVotes {
				votes = int64(e.Summary.Votes)
			}
			n, err := w.exec(putAnswer, encoded[i], int64(e.Status), e.Fetched.UnixMilli(), e.Expires.UnixMilli(),
				int64(e.Summary.Verdict), votes, int64(e.Summary.Related), e.Summary.LastSeen, e.Summary.Permalink, w.now+maxAhead)
			if err != nil {
				return err
			}
			if n == 0 {
				continue // a newer one is there
			}
			kept++
			w.recent.add(keys[i], e, time.UnixMilli(w.now))
			size += int64(2*len(encoded[i]) + len(e.Summary.Permalink) + 40)
			if bodies[i] == nil {
				_, err = w.exec(deleteReport, encoded[i])
			} else {
				size += int64(len(encoded[i]) + len(bodies[i]))
				_, err = w.exec(putReport, encoded[i], bodies[i])
			}
			if err != nil {
				return err
			}
		}
		if err := w.execKeys(deleteLeases, encoded); err != nil {
			return err
		}
		return w.execKeys(deleteQueued, encoded)
	})
	return kept, size, err
}
