package disk

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// write is a transaction that holds the write lock of the database. Its
// methods replace those of the handle.
type write struct {
	*handle
	ctx    context.Context
	now    int64             // when the lock was got, ms
	scopes map[string]uint64 // found or created in this transaction
}

// errUnchanged ends a write that had nothing to change.
var errUnchanged = errors.New("nothing to change")

// write runs f in an immediate transaction: it either happens as a whole or
// not at all, and nobody else writes meanwhile.
func (s *Store) write(ctx context.Context, what string, f func(w *write) error) error {
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.writer }()
	return s.read(ctx, what, func(h *handle) (err error) {
		if err := h.openWriter(ctx); err != nil {
			return err
		}
		w := &write{handle: h, ctx: ctx}
		if err := w.begin(time.Now().Add(s.opts.BusyTimeout)); err != nil {
			w.rollback() // an interrupted begin may have begun
			return err
		}
		w.now = s.now().UnixMilli()
		if err := f(w); err != nil {
			w.rollback()
			if errors.Is(err, errUnchanged) {
				return nil
			}
			return err
		}
		if _, err := w.exec("commit"); err != nil {
			w.rollback()
			return err
		}
		for name, id := range w.scopes {
			h.learn(name, id)
		}
		return nil
	})
}

// openWriter opens the connection that writes, once.
func (h *handle) openWriter(ctx context.Context) error {
	if h.writer != nil {
		return nil
	}
	conn, err := h.db.Conn(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "pragma busy_timeout = 0"); err != nil { // see begin
		return errors.Join(err, conn.Close())
	}
	h.writer = conn
	return nil
}

// lockPoll is about how often a writer that has waited asks for the lock.
const lockPoll = 10 * time.Millisecond

// begin gets the write lock. SQLite's own way to wait asks less and less often,
// so that among many processes the newest win and the oldest starve; here all
// of them soon ask equally often.
func (w *write) begin(end time.Time) error {
	for delay := time.Millisecond; ; delay = min(2*delay, lockPoll) {
		_, err := w.exec("begin immediate")
		if err == nil || !errors.Is(classify(err), ErrBusy) || !time.Now().Before(end) {
			return err
		}
		select {
		case <-time.After(delay/2 + rand.N(delay)):
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
}

// rollback ends the transaction, if there is one, whatever became of ctx.
func (w *write) rollback() {
	w.ctx = context.WithoutCancel(w.ctx)
	_, _ = w.exec("rollback") // SQLite may have done it, which is an error
}

// prepared returns the statement of a query on the writing connection.
func (w *write) prepared(query string) (*sql.Stmt, error) {
	if st := w.writes[query]; st != nil {
		return st, nil
	}
	st, err := w.writer.PrepareContext(w.ctx, query)
	if err == nil {
		w.writes[query] = st
	}
	return st, err
}

// exec runs a prepared statement and returns the number of changed rows.
func (w *write) exec(query string, args ...any) (int64, error) {
	st, err := w.prepared(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(w.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query runs a prepared query.
func (w *write) query(query string, args ...any) (*sql.Rows, error) {
	st, err := w.prepared(query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(w.ctx, args...)
}

// row runs a prepared query for one row; found is false when there is none.
func (w *write) row(query string, args []any, dest ...any) (found bool, err error) {
	st, err := w.prepared(query)
	if err != nil {
		return false, err
	}
	err = st.QueryRowContext(w.ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// execKeys runs the statements for all keys.
func (w *write) execKeys(queries func() inQueries, keys [][]byte) error {
	return eachChunk(keys, func(size int, args []any) error {
		_, err := w.exec(queries()[size], args...)
		return err
	})
}
