package disk

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors that callers branch on with errors.Is. After any of them the run can
// go on without a Store, with its answers in memory.
var (
	// ErrNewerSchema: the database was written by a later version of the
	// program. It is left alone.
	ErrNewerSchema = errors.New("the database was written by a newer version: update tclookup or choose another data directory")
	// ErrNetworkFS: the directory is on a network file system.
	ErrNetworkFS = errors.New("a network file system cannot be shared safely")
	// ErrUnwritable: the directory or the database cannot be written.
	ErrUnwritable = errors.New("not writable: check the owner and mode of the directory")
	// ErrFull: no space is left on the disk.
	ErrFull = errors.New("no space left on the disk")
	// ErrBusy: other processes held the database for too long.
	ErrBusy = errors.New("the database is busy")
	// ErrCorrupt: the database is damaged and could not be set aside.
	ErrCorrupt = errors.New("the database is damaged")
	// ErrClosed: the Store was closed.
	ErrClosed = errors.New("the database is closed")
)

// errForm: a row has columns of other kinds than its table has. What they hold
// is not repeated: it may be anything.
var errForm = fmt.Errorf("%w: a row has not the form of its table", ErrCorrupt)

// classify joins the error of this package to one of SQLite.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	var kind error
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		kind = ErrCorrupt
	case sqlite3.SQLITE_FULL:
		kind = ErrFull
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		kind = ErrBusy
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH:
		kind = ErrUnwritable
	case sqlite3.SQLITE_IOERR:
		if e.Code() == sqlite3.SQLITE_IOERR_SHORT_READ || e.Code() == sqlite3.SQLITE_IOERR_IN_PAGE {
			kind = ErrCorrupt
		}
	case sqlite3.SQLITE_ERROR:
		// A table or a column that should be there is not.
		if missing(e.Error()) {
			kind = ErrCorrupt
		}
	}
	if kind == nil || errors.Is(err, kind) {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}
