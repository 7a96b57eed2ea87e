package disk

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

const (
	// applicationID marks a database as ours, in its header.
	applicationID = 0x74636c6b // "tclk"
	maxConns      = 4
)

// handle is one opened database file and what is known about it.
type handle struct {
	db   *sql.DB
	info os.FileInfo
	hurt atomic.Bool // a call into SQLite did not return: it is not to be closed

	recent recently

	// writer is the one connection that writes, and its statements. They
	// belong to whoever holds Store.writer.
	writer *sql.Conn
	writes map[string]*sql.Stmt

	mu     sync.Mutex
	stmts  map[string]*sql.Stmt
	scopes map[string]uint64
	names  map[uint64]string
}

// connector opens connections that leave the write-ahead log in place when
// the last of them closes. Deleting it goes by its name, which may by then be
// that of the log of another database, put in the place of one set aside.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if fc, ok := conn.(sqlite.FileControl); ok {
		if _, err := fc.FileControlPersistWAL("main", 1); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// dsn names the database and what every connection to it sets. Of an empty one
// the way to give space back is chosen; where that is done already it would be
// a write for nothing.
func (s *Store) dsn(empty bool) string {
	path := filepath.ToSlash(s.path)
	if runtime.GOOS == "windows" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	q := url.Values{
		"_txlock":       {"immediate"},
		"_busy_timeout": {fmt.Sprint(s.opts.BusyTimeout.Milliseconds())},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"NORMAL"},
		"_pragma":       {"journal_size_limit(4194304)"},
	}
	if empty {
		q.Set("_auto_vacuum", "incremental")
	}
	if s.opts.pageLimit > 0 {
		q.Add("_pragma", fmt.Sprintf("max_page_count(%d)", s.opts.pageLimit))
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

// connect opens the database, creates or sets aside what is in its place.
func (s *Store) connect(ctx context.Context) (*handle, error) {
	end := time.Now().Add(s.opts.BusyTimeout)
	for aside := 0; ; {
		h, err := s.tryConnect(ctx)
		if err == nil {
			return h, nil
		}
		err = classify(err)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrBusy) && time.Now().Before(end):
			time.Sleep(5 * time.Millisecond) // several processes create it at once
		case (errors.Is(err, ErrCorrupt) || errors.Is(err, errForeign)) && h != nil && aside < 3:
			aside++
			if err := s.setAside(h.info, err.Error()); err != nil {
				return nil, err
			}
		default:
			return nil, s.wrap("open", err)
		}
	}
}

// tryConnect returns a handle with info alone together with errors that come
// from what is in the file.
func (s *Store) tryConnect(ctx context.Context) (*handle, error) {
	// Create the file ourselves, for its mode. It must not be opened when it
	// is there: closing it would drop the locks of SQLite in this process.
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		f.Close()
	} else if !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is no regular file", ErrUnwritable)
	}
	c, err := sqlite.NewConnector(s.dsn(info.Size() == 0))
	if err != nil {
		return nil, err
	}
	h := &handle{
		db: sql.OpenDB(connector{c}), info: info,
		writes: map[string]*sql.Stmt{}, stmts: map[string]*sql.Stmt{},
		scopes: map[string]uint64{}, names: map[uint64]string{},
	}
	h.db.SetMaxOpenConns(maxConns)
	h.db.SetMaxIdleConns(maxConns)
	if err := h.checkSchema(ctx); err != nil {
		h.db.Close()
		return h, err
	}
	return h, nil
}

// current reports whether the file at path is still the one that is open.
func (h *handle) current(path string) bool {
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, h.info)
}

// guard calls f. The index of the write-ahead log is mapped into memory, and
// memory whose file somebody has cut off, or whose disk cannot be read, is a fault of the
// processor; here it is the error of a damaged file instead.
func (h *handle) guard(f func(h *handle) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // see debug.SetPanicOnFault
			h.hurt.Store(true)
			err = fmt.Errorf("%w: %v", ErrCorrupt, fault)
		default:
			panic(fault)
		}
	}()
	return f(h)
}

func (h *handle) close() error {
	if h.hurt.Load() {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, st := range h.stmts {
		st.Close()
	}
	for _, st := range h.writes {
		st.Close()
	}
	if h.writer != nil {
		h.writer.Close()
	}
	return h.db.Close()
}

// stmt returns the prepared statement of a query.
func (h *handle) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if st := h.stmts[query]; st != nil {
		return st, nil
	}
	st, err := h.db.PrepareContext(ctx, query)
	if err == nil {
		h.stmts[query] = st
	}
	return st, err
}

// query runs a prepared query outside of a transaction.
func (h *handle) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := h.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// row runs a prepared query for one row; found is false when there is none.
func (h *handle) row(ctx context.Context, query string, args []any, dest ...any) (found bool, err error) {
	st, err := h.stmt(ctx, query)
	if err != nil {
		return false, err
	}
	err = st.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
