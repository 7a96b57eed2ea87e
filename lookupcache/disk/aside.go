package disk

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// setAside renames the database, if it is still the file info, so that a new
// one can take its place. Of several processes that find the same damage one
// renames it.
func (s *Store) setAside(info os.FileInfo, why string) error {
	lock := s.path + ".aside"
	end := time.Now().Add(s.opts.BusyTimeout)
	for {
		err := os.Mkdir(lock, 0o700)
		if err == nil {
			defer os.Remove(lock)
			break
		}
		if !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("set aside %s: %w: %w", s.path, ErrUnwritable, err)
		}
		if now, err := os.Stat(s.path); err == nil && !os.SameFile(now, info) {
			return nil
		}
		if held, err := os.Stat(lock); err == nil && time.Since(held.ModTime()).Abs() > 30*time.Second {
			os.Remove(lock) // of a process that was killed
		}
		if time.Now().After(end) {
			return fmt.Errorf("set aside %s: %w: another process has been at it for long", s.path, ErrBusy)
		}
		time.Sleep(5 * time.Millisecond)
	}
	now, err := os.Stat(s.path)
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(now, info) {
		return nil // somebody was faster
	}
	if err != nil {
		return fmt.Errorf("set aside %s: %w: %w", s.path, ErrUnwritable, err)
	}
	// The log goes first: a new database must never find the old one's.
	to := s.path + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000000000Z")
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(s.path+suffix, to+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("set aside %s: %w: %w", s.path, ErrCorrupt, err)
		}
	}
	s.log.Warn("The cache database could not be used and was set aside; a new one is started.",
		"file", s.path, "set_aside_as", to, "reason", why)
	return nil
}
