package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/lookupcache/disk/recent"
)

// RecentName is the name of the file of recent answers within the directory.
const RecentName = "tclookup.recent"

const (
	// recentFew is the number of keys that are looked for in the database
	// alone as long as the file was not read: it does not pay to see whether it
	// still holds.
	recentFew = 4
	// recentPerKey is how much of the file can be read, in bytes, in the time
	// in which one key is looked up in the database: 4 us. A Store reads the
	// file when it was asked for as many keys as make up for that.
	recentPerKey = 4 << 10
	// recentNew is the number of answers that the file lacks from which it is
	// written anew.
	recentNew = 128
	// recentBytes bounds the records of the file, about 30,000 answers. One
	// process adds at most three quarters of that.
	recentBytes = 3 << 20
	// recentScan is the number of keys from which a Store leaves the file
	// alone: so many different ones pass it by, and would only drive out what
	// searches ask for again and again.
	recentScan = 100_000
	// recentWait bounds how long the end of a process is held up by others
	// that write.
	recentWait = 200 * time.Millisecond
)

const (
	selectRecent = "select value from facts where name = 'recent'"
	forgetRecent = "update facts set value = value + 1 where name = 'recent'"
)

// recently is the file of recent answers as a handle uses it. What is in it
// holds as long as the fact "recent" of the database has the value that the
// file was written with: whoever takes back an answer that has not expired
// changes that fact in the same transaction.
type recently struct {
	mu    sync.Mutex
	asked int   // keys
	known bool  // state is
	state int64 // the fact, when it was last read
	tried bool  // to read the file
	file  *recent.File
	set   recent.Set
}

// begin forgets what holds no more if the fact has another value.
func (r *recently) begin(s *Store, state int64) {
	if r.known && r.state == state {
		return
	}
	r.known, r.state, r.file, r.set = true, state, nil, recent.Set{}
	if r.asked <= s.opts.recentScan {
		r.set.MaxBytes = s.recentMost() / 4 * 3
	}
}

// get sets out[i] to the answer of keys[i] where the file has it, and reports
// whether it has them all. It notes the state that what is read next from the
// database belongs to.
func (r *recently) get(ctx context.Context, s *Store, h *handle, keys []lookupcache.Key, out []lookupcache.Entry) (all bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked += len(keys); r.asked > s.opts.recentScan {
		r.tried, r.file, r.set = true, nil, recent.Set{}
		return false, nil
	}
	if r.file == nil && len(keys) <= recentFew && (r.known || r.asked <= recentFew) {
		return false, nil
	}
	var state int64
	if ok, err := h.row(ctx, selectRecent, nil, &state); err != nil || !ok {
		return false, err
	}
	r.begin(s, state)
	if !r.tried && r.pays(s) {
		r.read(s)
	}
	if r.file == nil {
		return false, nil
	}
	all = true
	now := s.now()
	for i, k := range keys {
		if e, ok := r.file.Get(k, now); ok && e.Fetched.UnixMilli() <= now.UnixMilli()+maxAhead {
			out[i] = e
		} else {
			all = false
		}
	}
	return all, nil
}

// pays reports whether so much was asked for that it pays to read the file.
func (r *recently) pays(s *Store) bool {
	info, err := os.Stat(s.recentPath())
	return err != nil || info.Size()/recentPerKey <= int64(r.asked)
}

// read reads the file, once.
func (r *recently) read(s *Store) {
	r.tried = true
	f, err := recent.Read(s.recentPath())
	switch {
	case err == nil && f.State() == uint64(r.state):
		r.file = f
	case err != nil && !errors.Is(err, os.ErrNotExist):
		s.log.Debug("The file of recent answers is not used.", "error", err)
	}
}

// add notes an answer of the database for the file.
func (r *recently) add(k lookupcache.Key, e *lookupcache.Entry, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known && now.Before(e.Expires) {
		r.set.Add(k, e)
	}
}

// recentMost is the bound of the records of the file: a small part of that of
// the database.
func (s *Store) recentMost() int {
	if s.opts.MaxBytes > 0 {
		return int(min(recentBytes, s.opts.MaxBytes/16))
	}
	return recentBytes
}

func (s *Store) recentPath() string { return filepath.Join(filepath.Dir(s.path), RecentName) }

// keepRecent writes the file of recent answers anew, if there is enough to add
// to it. It is no loss if that fails.
func (s *Store) keepRecent() {
	s.mu.RLock()
	h := s.handle
	s.mu.RUnlock()
	if h == nil || h.hurt.Load() {
		return
	}
	r := &h.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set.Len() < s.opts.recentNew {
		return
	}
	if !r.tried { // it did not pay, but what is in it is to stay
		r.read(s)
	}
	if r.set.New(r.file) < s.opts.recentNew {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), recentWait)
	defer cancel()
	path := s.recentPath()
	err := r.set.Write(path, uint64(r.state), r.file, s.recentMost(), s.now(), func(name string) error {
		return s.write(ctx, "keep recent answers", func(w *write) error {
			var state int64
			if ok, err := w.row(selectRecent, nil, &state); err != nil {
				return err
			} else if !ok || w.handle != h || state != r.state {
				return errTakenBack
			}
			return os.Rename(name, path)
		})
	})
	if err != nil {
		s.log.Debug("The file of recent answers is not written.", "error", err)
	}
	s.sweepRecent()
}

var errTakenBack = errors.New("answers were taken back meanwhile")

// sweepRecent removes what killed processes have left of such files.
func (s *Store) sweepRecent() {
	left, err := filepath.Glob(s.recentPath() + ".*")
	if err != nil {
		return
	}
	for _, name := range left {
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(name)
		}
	}
}

// beginRecent notes the state that what is written now belongs to.
func (w *write) beginRecent(s *Store) error {
	var state int64
	ok, err := w.row(selectRecent, nil, &state)
	if ok && err == nil {
		w.recent.mu.Lock()
		w.recent.begin(s, state)
		w.recent.mu.Unlock()
	}
	return err
}

// forgetRecent makes the file of recent answers void, for all processes, when
// the transaction is committed, if a purge takes answers back.
func (w *write) forgetRecent(s *Store, l purgeLimits) error {
	if !l.takesBack {
		return nil
	}
	_, err := w.exec(forgetRecent)
	if err == nil {
		if err := os.Remove(s.recentPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.log.Debug("The file of recent answers is void and cannot be removed.", "error", err)
		}
	}
	return err
}
