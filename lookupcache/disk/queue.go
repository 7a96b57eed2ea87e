package disk

import (
	"context"
	"database/sql"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
)

// Queue is the look-ups that wait for the background, each once. It belongs
// to its Store and is as safe for concurrent use. Put takes what was answered
// off the queue.
type Queue struct{ store *Store }

// Queue returns the queue of the database.
func (s *Store) Queue() *Queue { return &Queue{s} }

// QueueItem is one look-up that waits.
type QueueItem struct {
	Key lookupcache.Key
	// Rows is the number of rows that wanted it so far: what is wanted most is
	// asked first.
	Rows int
	// Queued is when it was queued first. Add does not look at it.
	Queued time.Time
}

const (
	enqueue = `insert into queue (key, rows, queued) values (?1, ?2, ?3)
	on conflict (key) do update set rows = min(rows + ?2, 1000000000000)`
	// An item is hidden until a time; one that is too far away was set by a
	// clock that was wrong.
	selectQueue = `select key, rows, queued from queue
	where hidden_until <= ?1 or hidden_until > ?2 order by rows desc, queued limit ?3`
)

var hideQueued = byChunk("update queue set hidden_until = ? where key in ", "")

// Add queues look-ups. One that is there already keeps its place in time, and
// its rows add up.
func (q *Queue) Add(ctx context.Context, items []QueueItem) error {
	keys := make([]lookupcache.Key, len(items))
	for i := range items {
		keys[i] = items[i].Key
	}
	err := q.store.write(ctx, "queue look-ups", func(w *write) error {
		if len(items) == 0 {
			return errUnchanged
		}
		encoded, err := w.keys(ctx, keys, w)
		if err != nil {
			return err
		}
		for i, k := range encoded {
			if _, err := w.exec(enqueue, k, int64(max(items[i].Rows, 1)), w.now); err != nil {
				return err
			}
		}
		return nil
	})
	q.store.warnWrite(err)
	return err
}

// Next returns up to n look-ups that are not taken, the most wanted first and
// of those the oldest. It changes nothing.
func (q *Queue) Next(ctx context.Context, n int) ([]QueueItem, error) {
	var list []QueueItem
	var keys [][]byte
	err := q.store.read(ctx, "read queue", func(h *handle) error {
		now := q.store.now().UnixMilli()
		rows, err := h.query(ctx, selectQueue, now, now+maxLease.Milliseconds()+1000, n)
		if err != nil {
			return err
		}
		if list, keys, err = scanQueue(rows); err != nil {
			return err
		}
		return h.nameItems(ctx, list, keys)
	})
	return list, err
}

// Take takes up to n look-ups for ttl, 15 minutes at most. When they are
// neither answered by Put, removed nor returned by then, as when their taker
// was killed, they are there again.
func (q *Queue) Take(ctx context.Context, n int, ttl time.Duration) ([]QueueItem, error) {
	var list []QueueItem
	var keys [][]byte
	err := q.store.write(ctx, "take from queue", func(w *write) error {
		rows, err := w.query(selectQueue, w.now, w.now+maxLease.Milliseconds()+1000, n)
		if err != nil {
			return err
		}
		if list, keys, err = scanQueue(rows); err != nil {
			return err
		}
		if len(list) == 0 {
			return errUnchanged
		}
		return w.hide(keys, ttl)
	})
	if err == nil {
		err = q.store.read(ctx, "read queue", func(h *handle) error { return h.nameItems(ctx, list, keys) })
	}
	q.store.warnWrite(err)
	return list, err
}

// Return puts back look-ups that were taken; they are not there again before
// after has passed, 15 minutes at most.
func (q *Queue) Return(ctx context.Context, keys []lookupcache.Key, after time.Duration) error {
	return q.change(ctx, "return to queue", keys, func(w *write, encoded [][]byte) error {
		return w.hide(encoded, max(after, 0))
	})
}

// Remove takes look-ups off the queue for good.
func (q *Queue) Remove(ctx context.Context, keys []lookupcache.Key) error {
	return q.change(ctx, "take off queue", keys, func(w *write, encoded [][]byte) error {
		return w.execKeys(deleteQueued, encoded)
	})
}

func (q *Queue) change(ctx context.Context, what string, keys []lookupcache.Key, f func(w *write, encoded [][]byte) error) error {
	err := q.store.write(ctx, what, func(w *write) error {
		encoded, err := w.keys(ctx, keys, nil)
		if err != nil {
			return err
		}
		return f(w, encoded)
	})
	q.store.warnWrite(err)
	return err
}

// Clear takes everything off the queue and returns how much that was.
func (q *Queue) Clear(ctx context.Context) (n int, err error) {
	err = q.store.write(ctx, "clear queue", func(w *write) error {
		gone, err := w.exec("delete from queue")
		n = int(gone)
		return err
	})
	q.store.warnWrite(err)
	return n, err
}

// Len returns the number of look-ups in the queue, taken ones included.
func (q *Queue) Len(ctx context.Context) (n int, err error) {
	err = q.store.read(ctx, "read queue", func(h *handle) error {
		_, err := h.row(ctx, "select count(*) from queue", nil, &n)
		return err
	})
	return n, err
}

// scanQueue reads items without the names of their scopes, and their keys.
func scanQueue(rows *sql.Rows) (list []QueueItem, keys [][]byte, err error) {
	defer rows.Close()
	for rows.Next() {
		var key []byte
		var n, queued int64
		if rows.Scan(&key, &n, &queued) != nil {
			return nil, nil, errForm
		}
		list = append(list, QueueItem{Rows: int(n), Queued: time.UnixMilli(queued).UTC()})
		keys = append(keys, key)
	}
	return list, keys, rows.Err()
}

// nameItems sets the keys of items.
func (h *handle) nameItems(ctx context.Context, list []QueueItem, keys [][]byte) (err error) {
	for i := range list {
		if list[i].Key, err = h.key(ctx, keys[i]); err != nil {
			return err
		}
	}
	return nil
}

// hide makes items of the queue taken for a time.
func (w *write) hide(keys [][]byte, ttl time.Duration) error {
	until := w.now + min(ttl, maxLease).Milliseconds()
	return eachChunk(keys, func(size int, args []any) error {
		_, err := w.exec(hideQueued()[size], append([]any{until}, args...)...)
		return err
	})
}
