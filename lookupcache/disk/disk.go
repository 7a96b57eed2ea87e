// Package disk keeps what outlives a process in one SQLite database: answers,
// claims on look-ups under way, the budgets of sources and the queue of
// look-ups for the background. All processes of a host share it.
//
// The database is opened, never loaded, and opening it reads a few pages
// however large it is. It lies in WAL mode, so that readers never wait for
// writers; every write is one immediate transaction. It must lie on a local
// disk: WAL needs memory shared between the processes that use it.
package disk

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tclookup/tclookup/internal/localfs"
)

// FileName is the name of the database within its directory.
const FileName = "tclookup.db"

// Options say where and how a Store keeps things. Only Dir is required.
type Options struct {
	// Dir is the directory of the database; it is created with mode 0700.
	Dir string
	// MaxBytes bounds the size of the database; the answers that expire first
	// make room. 0 means no bound.
	MaxBytes int64
	// Logger gets the warnings, each once. Nil means none.
	Logger *slog.Logger
	// Now is the clock, time.Now when nil. It is compared with those of other
	// processes and must be the wall clock but in tests.
	Now func() time.Time
	// BusyTimeout is how long to wait for another process's write; 0 means
	// 10 seconds.
	BusyTimeout time.Duration
	// TicketLife is after which time a request of a gate that nobody has
	// settled, as that of a killed process, counts as seen; it must be longer
	// than a request can take. 0 means 2 minutes.
	TicketLife time.Duration
	// AllowNetworkFS opens a database on a network file system all the same.
	AllowNetworkFS bool

	networkFS func(dir string) string // replaces the system's in tests
	pageLimit int                     // most pages of the database, for tests of a full disk
	// These replace the constants of their names in tests.
	recentNew, recentScan int
}

// Store is an open database. It is safe for concurrent use, and so is the same
// database by any number of processes. It implements lookupcache.Claimer.
type Store struct {
	opts   Options
	path   string
	holder string // names this Store among those that hold claims
	now    func() time.Time
	log    *slog.Logger
	warned sync.Map // kinds of warnings that were given

	writer chan struct{} // held by the one writer of this process

	mu       sync.RWMutex // held for reading while handle is in use
	handle   *handle
	failed   error // why there is no handle
	renewals int

	checked  atomic.Int64 // when path was last seen to be the file of handle
	written  atomic.Int64 // bytes put since the size was looked at
	sweeping atomic.Bool
}

// Open opens the database in a directory and creates it where there is none.
// A file that is none of ours or is damaged is set aside under another name.
// See the errors of this package for what callers should go on without a
// Store for.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 10 * time.Second
	}
	if o.TicketLife <= 0 {
		o.TicketLife = 2 * time.Minute
	}
	s := &Store{opts: o, now: o.Now, log: o.Logger, writer: make(chan struct{}, 1)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opts.networkFS == nil {
		s.opts.networkFS = localfs.Network
	}
	s.opts.recentNew, s.opts.recentScan = cmp.Or(s.opts.recentNew, recentNew), cmp.Or(s.opts.recentScan, recentScan)
	var id [8]byte
	rand.Read(id[:])
	s.holder = fmt.Sprintf("%d-%s", os.Getpid(), hex.EncodeToString(id[:]))

	if o.Dir == "" {
		return nil, fmt.Errorf("no data directory is given: %w", ErrUnwritable)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %q: %w", o.Dir, err)
	}
	s.path = filepath.Join(dir, FileName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s: %w: %w", dir, ErrUnwritable, err)
	}
	if fs := s.opts.networkFS(dir); fs != "" && !o.AllowNetworkFS {
		return nil, fmt.Errorf("data directory %s is on %s: %w; choose a directory on a local disk", dir, fs, ErrNetworkFS)
	}
	if s.handle, err = s.connect(ctx); err != nil {
		return nil, err
	}
	// The first Put looks at the size: most processes are short, and each of
	// them alone may never write enough to look.
	s.written.Store(o.MaxBytes)
	return s, nil
}

// Name returns "disk", the name of the tier in the output field cache.
func (s *Store) Name() string { return "disk" }

// Path returns the path of the database.
func (s *Store) Path() string { return s.path }

// Close closes the database. Claims of this Store that are still held end
// with their time.
func (s *Store) Close() error {
	s.keepRecent()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.handle
	s.handle, s.failed = nil, ErrClosed
	if h == nil {
		return nil
	}
	if err := h.close(); err != nil {
		return s.wrap("close", classify(err))
	}
	return nil
}

// read runs f on the database, once more on a new one when it is damaged.
func (s *Store) read(ctx context.Context, what string, f func(h *handle) error) error {
	for try := 0; ; try++ {
		h, err := s.use()
		if err != nil {
			return s.wrap(what, err)
		}
		if err = h.guard(f); err != nil {
			err = classify(err)
		}
		s.mu.RUnlock()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrCorrupt) && try == 0 && s.renew(ctx, h, err) == nil {
			continue
		}
		return s.wrap(what, err)
	}
}

// use returns the handle, with s.mu held for reading unless it fails.
func (s *Store) use() (*handle, error) {
	for try := 0; ; try++ {
		s.mu.RLock()
		h := s.handle
		if h == nil {
			defer s.mu.RUnlock()
			return nil, s.failed
		}
		if now := time.Now().UnixMilli(); now-s.checked.Load() > 200 || now < s.checked.Load() {
			if !h.current(s.path) && try == 0 {
				s.mu.RUnlock()
				if err := s.renew(context.Background(), h, nil); err != nil {
					return nil, err
				}
				continue
			}
			s.checked.Store(now)
		}
		return h, nil
	}
}

// renew replaces the handle old: with damage, after setting its file aside;
// without, because somebody else has.
func (s *Store) renew(ctx context.Context, old *handle, damage error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle != old {
		return s.failed // somebody was faster
	}
	if s.renewals++; s.renewals > 5 {
		return fmt.Errorf("the database was replaced too often: %w", ErrCorrupt)
	}
	_ = old.close() // what it cannot write any more is lost
	if damage != nil {
		if err := s.setAside(old.info, damage.Error()); err != nil {
			s.handle, s.failed = nil, err
			return err
		}
	}
	s.handle, s.failed = s.connect(context.WithoutCancel(ctx))
	return s.failed
}

// wrap says where an error happened.
func (s *Store) wrap(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s: %s: %w", s.path, what, err)
}

// warn gives a warning of a kind once in the life of the Store.
func (s *Store) warn(kind, msg string, args ...any) {
	if _, given := s.warned.LoadOrStore(kind, true); !given {
		s.log.Warn(msg, args...)
	}
}
