package disk

import (
	"context"
	"database/sql"
	"errors"
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
		if h.writer == nil {
			if h.writer, err = h.db.Conn(ctx); err != nil {
				return err
			}
		}
		w := &write{handle: h, ctx: ctx}
		if _, err := w.exec("begin immediate"); err != nil {
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
func (w *write) execKeys(queries inQueries, keys [][]byte) error {
	return eachChunk(keys, func(size int, args []any) error {
		_, err := w.exec(queries[size], args...)
		return err
	})
}
