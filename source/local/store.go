package local

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/localfs"
)

// FileName is the name of the SQLite database within its directory.
const FileName = "intelligence.db"

// Options say where the intelligence is.
type Options struct {
	// Name is the name of the source; "local" when empty.
	Name string
	// Dir is the directory of the SQLite database; it is created with mode
	// 0700. It is not used with URL.
	Dir string
	// URL is the address of a PostgreSQL database, postgres://user@host/name.
	// It may hold a password, which no error repeats.
	URL string
	// Existing makes a missing SQLite database the error ErrMissing instead of
	// creating it.
	Existing bool
	// Types are what the source answers; all when 0.
	Types indicator.TypeSet
	// Conceal, if set, says of which indicators nothing is told: they are not
	// found, and no answer about another one names them.
	Conceal func(indicator.Indicator) bool
	// MaxList bounds how many facts of one kind an answer is made from; 0
	// means 10,000.
	MaxList int
	// Logger gets warnings. Nil means none.
	Logger *slog.Logger
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// Store is an open database. It is safe for concurrent use, and so is the
// same database by any number of processes.
type Store struct {
	opts Options
	db   *sql.DB
	pg   bool
	key  [8]byte
	now  func() time.Time

	mu     sync.Mutex
	stmts  map[string]*sql.Stmt
	single chan struct{} // held by the one writer of this process (SQLite)

	ready   *lru.Cache[indicator.Indicator, *answer]
	version atomic.Int64 // of what ready holds
	voted   atomic.Bool  // whether anybody has, at that version
	checked atomic.Int64 // when it was last compared, Unix milliseconds
}

// Open opens the database and creates it where there is none.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Name == "" {
		o.Name = "local"
	}
	if o.Types == 0 {
		o.Types = indicator.AllTypes
	}
	if o.MaxList <= 0 {
		o.MaxList = 10_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{opts: o, now: o.Now, stmts: map[string]*sql.Stmt{}, single: make(chan struct{}, 1)}
	if s.now == nil {
		s.now = time.Now
	}
	s.ready, _ = lru.New[indicator.Indicator, *answer](readyEntries)
	var err error
	if o.URL != "" {
		err = s.openPostgres()
	} else {
		err = s.openSQLite()
	}
	if err != nil {
		return nil, err
	}
	if err := s.prepareSchema(ctx); err != nil {
		s.db.Close()
		return nil, fmt.Errorf("%s: %w", s.Place(), err)
	}
	return s, nil
}

// Exists reports whether there is an SQLite database in a directory.
func Exists(dir string) bool {
	if dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, FileName))
	return err == nil
}

// CheckURL says what is wrong with the address of a PostgreSQL database. The
// error does not repeat it.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("not the address of a PostgreSQL database; write it like postgres://user@host:5432/name")
	}
	if _, err := pgx.ParseConfig(address); err != nil {
		return errors.New("not the address of a PostgreSQL database that can be used; write it like postgres://user@host:5432/name?sslmode=verify-full")
	}
	return nil
}

func (s *Store) openPostgres() error {
	if err := CheckURL(s.opts.URL); err != nil {
		return err
	}
	c, err := pgx.ParseConfig(s.opts.URL)
	if err != nil {
		return err
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	c.RuntimeParams["application_name"] = "tclookup"
	s.pg = true
	s.db = stdlib.OpenDB(*c)
	s.db.SetMaxOpenConns(16)
	s.db.SetMaxIdleConns(8)
	return nil
}

func (s *Store) openSQLite() error {
	dir, err := filepath.Abs(s.opts.Dir)
	if err != nil || s.opts.Dir == "" {
		return errors.New("no directory for local intelligence: set data_dir or --data-dir")
	}
	s.opts.Dir = dir
	path := filepath.Join(dir, FileName)
	if s.opts.Existing {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", path, ErrMissing)
		}
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("directory of local intelligence: %w", err)
	}
	if fsName := localfs.Network(dir); fsName != "" {
		return fmt.Errorf("%s is on %s: %w", dir, fsName, ErrNetworkFS)
	}
	// Create the file ourselves, for its mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot create the database: %w", err)
	}
	slash := filepath.ToSlash(path)
	if runtime.GOOS == "windows" && !strings.HasPrefix(slash, "/") {
		slash = "/" + slash
	}
	u := url.URL{Scheme: "file", Path: slash, RawQuery: url.Values{
		"_txlock":       {"immediate"},
		"_busy_timeout": {"10000"},
		"_journal_mode": {"WAL"},
		// A vote that was counted is on the disk.
		"_synchronous": {"FULL"},
		"_pragma":      {"cache_size(-65536)", "journal_size_limit(67108864)"},
	}.Encode()}
	c, err := sqlite.NewConnector(u.String())
	if err != nil {
		return err
	}
	s.db = sql.OpenDB(c)
	s.db.SetMaxOpenConns(4)
	s.db.SetMaxIdleConns(4)
	return nil
}

// Place says where the intelligence is, without a password.
func (s *Store) Place() string {
	if !s.pg {
		return filepath.Join(s.opts.Dir, FileName)
	}
	u, err := url.Parse(s.opts.URL)
	if err != nil {
		return "PostgreSQL"
	}
	return (&url.URL{Scheme: "postgres", Host: u.Host, Path: u.Path}).String()
}

// Close closes the database.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.stmts {
		st.Close()
	}
	s.stmts = nil
	return s.db.Close()
}

// prepareSchema creates the tables, once, and reads the key of ids.
func (s *Store) prepareSchema(ctx context.Context) error {
	version, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	if version == 0 {
		if err := s.createSchema(ctx); err != nil {
			return fmt.Errorf("create the tables: %w", err)
		}
		if version, err = s.schemaVersion(ctx); err != nil {
			return err
		}
	}
	if version > schemaVersion {
		return ErrNewerSchema
	}
	if version != schemaVersion {
		return ErrForeign
	}
	var key int64
	if err := s.db.QueryRowContext(ctx, "select number from state where name = 'key'").Scan(&key); err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	binary.BigEndian.PutUint64(s.key[:], uint64(key))
	return nil
}

// schemaVersion is 0 when the database has no tables of ours.
func (s *Store) schemaVersion(ctx context.Context) (int, error) {
	have := "select count(*) from sqlite_schema where type = 'table' and name = 'state'"
	if s.pg {
		have = "select count(*) from pg_tables where schemaname = current_schema() and tablename = 'state'"
	}
	var n int
	if err := s.db.QueryRowContext(ctx, have).Scan(&n); err != nil || n == 0 {
		return 0, err
	}
	err := s.db.QueryRowContext(ctx, "select number from state where name = 'schema'").Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrForeign
	}
	return n, err
}

func (s *Store) createSchema(ctx context.Context) error {
	return s.write(ctx, exclusive, func(tx *sql.Tx) error {
		clustered, serial, id := " without rowid", "integer primary key autoincrement", "integer"
		if s.pg {
			clustered, serial, id = "", "bigint primary key generated by default as identity", "bigint"
		}
		text := fmt.Sprintf(schema, clustered, serial, id)
		for stmt := range strings.SplitSeq(text, ";") {
			if _, err := tx.ExecContext(ctx, stmt); err != nil {
				return err
			}
		}
		var key [8]byte
		rand.Read(key[:])
		for name, n := range map[string]int64{"key": int64(binary.BigEndian.Uint64(key[:])), "changes": 1, "schema": schemaVersion} {
			if _, err := tx.ExecContext(ctx, "insert into state (name, number) values ($1, $2) on conflict do nothing", name, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// id is the number of an entity: 64 bits of a hash keyed with a secret of the
// database. That two of them collide by chance is less likely than a fault of
// the machine (for ten million entities, three in a million that any two do),
// and without the key nobody can make them.
func (s *Store) id(ind indicator.Indicator) int64 {
	var buf [256]byte
	b := append(buf[:0], s.key[:]...)
	b = append(b, byte(ind.Type))
	b = append(b, ind.Value...)
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// How a transaction keeps others out.
type lock uint8

const (
	shared    lock = iota // other shared ones may run (PostgreSQL)
	exclusive             // alone
)

// advisory is the number of our lock in PostgreSQL.
const advisory = 0x74636c6b

// write runs f in one transaction. SQLite has one writer at a time; in
// PostgreSQL the lock says whether others may write meanwhile.
func (s *Store) write(ctx context.Context, l lock, f func(tx *sql.Tx) error) (err error) {
	if !s.pg {
		select {
		case s.single <- struct{}{}:
			defer func() { <-s.single }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.wrap(err)
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()
			err = s.wrap(err)
		}
	}()
	if s.pg {
		name := "pg_advisory_xact_lock_shared"
		if l == exclusive {
			name = "pg_advisory_xact_lock"
		}
		if _, err := tx.ExecContext(ctx, "select "+name+"($1)", int64(advisory)); err != nil {
			return err
		}
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// changed tells all processes that what is seen is another now.
func (s *Store) changed(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "update state set number = number + 1 where name = 'changes'")
	return err
}

// Version is a number that grows with every change of what is seen: imports,
// their undoing, votes.
func (s *Store) Version(ctx context.Context) (int64, error) {
	st, err := s.prepared(ctx, "select number from state where name = 'changes'")
	if err != nil {
		return 0, s.wrap(err)
	}
	var n int64
	err = st.QueryRowContext(ctx).Scan(&n)
	return n, s.wrap(err)
}

// wrap says where an error happened.
func (s *Store) wrap(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var ours *placed
	if errors.As(err, &ours) {
		return err
	}
	return &placed{s.Place(), err}
}

// placed is an error with the place of its database.
type placed struct {
	place string
	err   error
}

func (p *placed) Error() string { return p.place + ": " + p.err.Error() }
func (p *placed) Unwrap() error { return p.err }

// prepared returns the prepared statement of a query.
func (s *Store) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.stmts[query]; st != nil {
		return st, nil
	}
	if s.stmts == nil {
		return nil, driver.ErrBadConn
	}
	// It outlives the call.
	st, err := s.db.PrepareContext(context.WithoutCancel(ctx), query)
	if err == nil {
		s.stmts[query] = st
	}
	return st, err
}
