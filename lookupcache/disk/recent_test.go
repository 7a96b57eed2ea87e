package disk

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
)

// hits is how many answers the file has given.
func (r *recently) hits() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return 0
	}
	return r.file.Hits()
}

// TestRecent follows processes that come after each other.
func TestRecent(t *testing.T) {
	const n = 130
	for _, tt := range []struct {
		name string
		// between is what happens between a process that has left the file and
		// the one that reads it.
		between func(t *testing.T, c *clock, s *Store)
		hits    int
		gone    int // answers that are none any more
	}{
		{"nothing", func(*testing.T, *clock, *Store) {}, n, 0},
		{"new answers", func(t *testing.T, c *clock, s *Store) {
			put(t, s, domains(n, n+10), c.now(), time.Hour)
		}, n, 0},
		{"all expired", func(_ *testing.T, c *clock, _ *Store) { c.add(2 * time.Hour) }, 0, 0},
		{"expired and asked again", func(t *testing.T, c *clock, s *Store) {
			c.add(2 * time.Hour)
			put(t, s, domains(0, 1), c.now(), time.Hour)
		}, 0, 0},
		{"refreshed", func(t *testing.T, c *clock, s *Store) {
			c.add(time.Second)
			put(t, s, domains(5, 6), c.now(), time.Hour)
		}, 0, 0},
		{"the same put again", func(t *testing.T, c *clock, s *Store) {
			put(t, s, domains(5, 6), c.now(), time.Hour)
		}, n, 0},
		{"an indicator purged", func(t *testing.T, _ *clock, s *Store) {
			purge(t, s, Purge{Indicator: domain(3).Indicator}, 1)
		}, 0, 1},
		{"a scope purged", func(t *testing.T, _ *clock, s *Store) {
			purge(t, s, Purge{Scope: domain(3).Scope}, n)
		}, 0, n},
		{"old ones purged", func(t *testing.T, c *clock, s *Store) {
			purge(t, s, Purge{Before: c.now().Add(time.Second)}, n)
		}, 0, n},
		{"what is not there purged", func(t *testing.T, _ *clock, s *Store) {
			purge(t, s, Purge{Indicator: domain(n + 1).Indicator}, 0)
		}, 0, 0},
		{"expired ones purged", func(t *testing.T, c *clock, s *Store) {
			put(t, s, domains(n, n+5), c.now(), time.Second)
			c.add(time.Minute)
			purge(t, s, Purge{Expired: true}, 5)
		}, n, 0},
		{"file damaged", func(t *testing.T, _ *clock, s *Store) {
			text, err := os.ReadFile(s.recentPath())
			if err != nil {
				t.Fatal(err)
			}
			text[len(text)/2]++
			if err := os.WriteFile(s.recentPath(), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 0, 0},
		{"database set aside", func(t *testing.T, c *clock, s *Store) {
			if err := s.setAside(s.handle.info, "test"); err != nil {
				t.Fatal(err)
			}
		}, 0, n},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			o := Options{Dir: t.TempDir(), Now: c.now}
			other := open(t, o)
			put(t, other, domains(0, n), c.now(), time.Hour)

			first := open(t, o)
			get(t, first, domains(0, n), false)
			if h := first.handle.recent.hits(); h != 0 {
				t.Fatalf("%d answers from a file that nobody has written", h)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(first.recentPath()); err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("no file of mode 0600: %v, %v", info, err)
			}
			tt.between(t, c, other)

			second := open(t, o)
			out := get(t, second, domains(0, n), false)
			gone := 0
			for i, k := range domains(0, n) {
				if !out[i].OK() {
					gone++
				} else if err := genuine(k, &out[i], false); err != nil {
					t.Error(err)
				}
			}
			if h := second.handle.recent.hits(); h != tt.hits || gone != tt.gone {
				t.Errorf("%d answers from the file and %d gone, want %d and %d", h, gone, tt.hits, tt.gone)
			}
			if tt.name == "refreshed" && !out[5].Fetched.Equal(c.now()) {
				t.Error("an answer is given that another has taken the place of")
			}
			// Reports are not in the file.
			for i, e := range get(t, second, domains(0, n-tt.gone), true) {
				if err := genuine(domain(i), &e, true); e.OK() && err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func purge(t *testing.T, s *Store, p Purge, want int) {
	t.Helper()
	if n, err := s.Purge(context.Background(), p); err != nil || n != want {
		t.Fatalf("purged %d, want %d: %v", n, want, err)
	}
}

// TestRecentTakenBackMeanwhile: what a process has read is not left to others
// if it was taken back before the process ended, and what it has left is not
// given after that, also to those that have read it.
func TestRecentTakenBackMeanwhile(t *testing.T) {
	c := newClock()
	o := Options{Dir: t.TempDir(), Now: c.now}
	other := open(t, o)
	put(t, other, domains(0, 140), c.now(), time.Hour)

	s := open(t, o)
	get(t, s, domains(0, 140), false)
	purge(t, other, Purge{Indicator: domain(7).Indicator}, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(s.recentPath() + "*"); err != nil || len(left) > 0 {
		t.Fatalf("left: %v, %v", left, err)
	}

	s = open(t, o)
	get(t, s, domains(0, 140), false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reader := open(t, o)
	get(t, reader, domains(0, 100), false)
	if reader.handle.recent.hits() != 99 {
		t.Fatalf("%d answers from the file", reader.handle.recent.hits())
	}
	purge(t, other, Purge{Indicator: domain(8).Indicator}, 1)
	if out := get(t, reader, domains(0, 10), false); out[8].OK() || !out[9].OK() {
		t.Error("an answer is given that was purged")
	}
}

// TestRecentKeepsWhatIsAsked: the file stays within its bound, and what was
// asked for stays in it.
func TestRecentKeepsWhatIsAsked(t *testing.T) {
	c := newClock()
	o := Options{Dir: t.TempDir(), Now: c.now, MaxBytes: 16 * 30_000, recentNew: 30}
	round := func(from, to int) (hits int) {
		s := open(t, o)
		get(t, s, domains(from, to), false)
		hits = s.handle.recent.hits()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(s.recentPath())
		if err != nil || info.Size() > 45_000 {
			t.Fatalf("the file: %v, %v", info, err)
		}
		return hits
	}
	s := open(t, Options{Dir: o.Dir, Now: c.now, recentNew: 1 << 30})
	put(t, s, domains(0, 900), c.now(), time.Hour)
	round(0, 150)
	for i := range 5 {
		from := 150 + 150*i
		if hits := round(0, 120); hits != 120 {
			t.Errorf("%d of 120 were in the file", hits)
		}
		s := open(t, o)
		get(t, s, append(domains(0, 120), domains(from, from+150)...), false)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecentSmallRun: a process that asks for too few to read the file leaves
// in it what was there, and one that finds nothing new leaves it alone.
func TestRecentSmallRun(t *testing.T) {
	c := newClock()
	o := Options{Dir: t.TempDir(), Now: c.now, recentNew: 4}
	s := open(t, o)
	put(t, s, domains(0, 3000), c.now(), time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run := func(from, to int) (changed bool) {
		t.Helper()
		before, err := os.Stat(s.recentPath())
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, o)
		get(t, s, domains(from, to), false)
		if s.handle.recent.tried != (to-from > 1000) {
			t.Errorf("the file was read: %v", s.handle.recent.tried)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(s.recentPath())
		if err != nil {
			t.Fatal(err)
		}
		return !os.SameFile(before, after)
	}
	if run(0, 20) {
		t.Error("the file was written anew for what is in it")
	}
	put(t, open(t, Options{Dir: o.Dir, Now: c.now, recentNew: 1 << 30}), domains(3000, 3010), c.now(), time.Hour)
	if !run(3000, 3010) {
		t.Error("the file was not written anew")
	}
	if run(0, 3010) {
		t.Error("the file was written anew for what is in it")
	}
	s = open(t, o)
	for i, e := range get(t, s, domains(0, 3010), false) {
		if err := genuine(domain(i), &e, false); err != nil {
			t.Fatal(err)
		}
	}
	h := s.handle.recent.hits()
	if h < 3000 { // a few may lie too far from their places
		t.Errorf("%d of 3010 answers from the file", h)
	}
	// Once it was read, it answers few as well.
	get(t, s, domains(0, 1), false)
	if now := s.handle.recent.hits(); now != h+1 {
		t.Errorf("%d answers from the file, want %d", now, h+1)
	}
}

// TestRecentScan: a process that asks for very many leaves the file as it is.
func TestRecentScan(t *testing.T) {
	c := newClock()
	o := Options{Dir: t.TempDir(), Now: c.now, recentScan: 2000}
	s := open(t, o)
	put(t, s, domains(0, 150), c.now(), time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(s.recentPath())
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	put(t, s, domains(150, 300), c.now(), time.Hour)
	for from := 0; from <= 2000; from += 500 {
		for i, e := range get(t, s, domains(from, from+500), false) {
			if e.OK() != (from+i < 300) {
				t.Fatal(from + i)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(s.recentPath()); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
}

// roleRecent comes, looks and goes, over and over, until its standard input
// ends. No answer may be older than one that it has seen before.
func roleRecent() error {
	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ended.Store(true)
	}()
	keys := domains(0, recentTestKeys)
	seen := make([]time.Time, len(keys))
	hits := 0
	for !ended.Load() {
		s, err := Open(context.Background(), Options{Dir: os.Getenv("DIR"), AllowNetworkFS: true, BusyTimeout: time.Minute, recentNew: 1})
		if err != nil {
			return err
		}
		out := make([]lookupcache.Entry, len(keys))
		if err := s.Get(context.Background(), keys, false, out); err != nil {
			return err
		}
		for i := range out {
			if out[i].Fetched.Before(seen[i]) {
				return fmt.Errorf("%v: fetched %v after one fetched %v", keys[i], out[i].Fetched, seen[i])
			}
			seen[i] = out[i].Fetched
		}
		hits += s.handle.recent.hits()
		if err := s.Close(); err != nil {
			return err
		}
	}
	fmt.Println(hits)
	return nil
}

const recentTestKeys = 100

// TestRecentOverProcesses refreshes answers while other processes write and
// read the file of recent ones: each new answer is seen by whoever comes after
// it was kept.
func TestRecentOverProcesses(t *testing.T) {
	dir := t.TempDir()
	writer := open(t, Options{Dir: dir, BusyTimeout: time.Minute})
	start := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	put(t, writer, domains(0, recentTestKeys), start, 24*time.Hour)
	var running []*exec.Cmd
	var ends []io.Closer
	var said [3]bytes.Buffer
	for i := range said {
		cmd := process(t, "recent", "DIR="+dir)
		cmd.Stdout = &said[i]
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running, ends = append(running, cmd), append(ends, in)
	}
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for i := 1; i <= rounds; i++ {
		at := start.Add(time.Duration(i) * time.Millisecond)
		k := i % recentTestKeys
		put(t, writer, domains(k, k+1), at, 24*time.Hour)
		s := open(t, Options{Dir: dir, BusyTimeout: time.Minute, recentNew: 1})
		if out := get(t, s, domains(0, recentTestKeys), false); !out[k].Fetched.Equal(at) {
			t.Fatalf("round %d: fetched %v, want %v", i, out[k].Fetched, at)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	hits := 0
	for i, cmd := range running {
		ends[i].Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(said[i].String()))
		if err != nil {
			t.Error(err)
		}
		hits += n
	}
	if hits == 0 {
		t.Error("no answer came from the file of recent answers")
	}
}

// TestOldTables: a database of an earlier version gets what is missing.
func TestOldTables(t *testing.T) {
	c := newClock()
	o := Options{Dir: t.TempDir(), Now: c.now}
	s := open(t, o)
	put(t, s, domains(0, 130), c.now(), time.Hour)
	err := s.write(t.Context(), "test", func(w *write) error {
		for _, q := range strings.Split("drop trigger answers_replaced;drop table facts;pragma user_version = 1", ";") {
			if _, err := w.exec(q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	for i, e := range get(t, s, domains(0, 130), false) {
		if err := genuine(domain(i), &e, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	get(t, s, domains(0, 130), false)
	if h := s.handle.recent.hits(); h != 130 {
		t.Errorf("%d answers from the file", h)
	}
}
