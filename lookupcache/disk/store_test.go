package disk

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

var _ lookupcache.Claimer = (*Store)(nil)

func TestPutGet(t *testing.T) {
	c := newClock()
	s := open(t, Options{Now: c.now})
	keys := domains(0, 700)
	put(t, s, keys, c.now(), time.Hour)
	asked := append(domains(690, 710), domain(3), domain(3), lookupcache.Key{Scope: "other", Indicator: domain(3).Indicator})
	for _, raw := range []bool{false, true} {
		out := get(t, s, asked, raw)
		for i, k := range asked {
			there := k.Scope != "other" && (i < 10 || i >= 20)
			if out[i].OK() != there {
				t.Fatalf("%v: OK %v, want %v", k, out[i].OK(), there)
			}
			if !there {
				continue
			}
			if err := genuine(k, &out[i], raw); err != nil {
				t.Error(err)
			}
			if !out[i].Fetched.Equal(c.now()) || !out[i].Expires.Equal(c.now().Add(time.Hour)) {
				t.Errorf("%v: fetched %v, expires %v", k, out[i].Fetched, out[i].Expires)
			}
		}
	}
	out := get(t, s, keys, true)
	for i := range keys {
		if err := genuine(keys[i], &out[i], true); err != nil {
			t.Fatal(err)
		}
	}
	// Types and scopes do not mix.
	k := domain(1)
	k.Type = indicator.Email
	if get(t, s, []lookupcache.Key{k}, false)[0].OK() {
		t.Error("an answer of another type was given")
	}
	if out := get(t, s, nil, false); len(out) != 0 {
		t.Error(out)
	}
}

func TestPutKeepsTheNewer(t *testing.T) {
	c := newClock()
	s := open(t, Options{Now: c.now})
	k := []lookupcache.Key{domain(1)}
	at := c.now()
	entry := func(fetched time.Time, raw string) lookupcache.Entry {
		e := lookupcache.Entry{Status: source.Found, Fetched: fetched, Expires: fetched.Add(time.Hour)}
		if raw != "" {
			e.Raw = []byte(raw)
		}
		return e
	}
	for _, step := range []struct {
		e    lookupcache.Entry
		want string
	}{
		{entry(at, "first"), "first"},
		{entry(at.Add(-time.Minute), "older"), "first"},
		{entry(at.Add(time.Minute), "newer"), "newer"},
		{lookupcache.Entry{Status: source.Failed, Fetched: at.Add(time.Hour)}, "newer"},
		{entry(at.Add(48*time.Hour), "from a clock gone wrong"), ""}, // kept, but not trusted
		{entry(at.Add(2*time.Minute), "right again"), "right again"},
		{entry(at.Add(3*time.Minute), ""), ""},
	} {
		if err := s.Put(t.Context(), k, []lookupcache.Entry{step.e}); err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, k, true)[0]; string(got.Raw) != step.want {
			t.Errorf("kept %q, want %q", got.Raw, step.want)
		}
	}
}

func TestClaims(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	a, b := open(t, Options{Dir: dir, Now: c.now}), open(t, Options{Dir: dir, Now: c.now})
	keys := domains(0, 3)
	claim := func(s *Store, since time.Time) string {
		t.Helper()
		claims, out := make([]lookupcache.Claim, 3), make([]lookupcache.Entry, 3)
		if err := s.Claim(t.Context(), keys, since, time.Minute, claims, out); err != nil {
			t.Fatal(err)
		}
		got := ""
		for i, cl := range claims {
			got += string("MBA"[cl])
			if (cl == lookupcache.Answered) != out[i].OK() {
				t.Errorf("claim %v with entry %+v", cl, out[i])
			}
			if out[i].OK() {
				if err := genuine(keys[i], &out[i], true); err != nil {
					t.Error(err)
				}
			}
		}
		return got
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	expect("first", claim(a, time.Time{}), "MMM")
	expect("second", claim(b, time.Time{}), "BBB")
	put(t, a, keys[:1], c.now(), time.Hour)
	if err := a.Release(t.Context(), keys[1:2]); err != nil {
		t.Fatal(err)
	}
	if err := b.Release(t.Context(), keys[2:]); err != nil { // not b's to release
		t.Fatal(err)
	}
	expect("after put and release", claim(b, time.Time{}), "AMB")
	expect("refresh", claim(b, c.now().Add(time.Second)), "MMB")
	c.add(61 * time.Second)
	expect("after the claim's time", claim(b, c.now().Add(-2*time.Minute)), "AMM")
	c.add(2 * time.Hour)
	expect("after the answer's time", claim(b, time.Time{}), "MMM")
	c.add(-10 * time.Hour)
	expect("after the clock went back", claim(a, time.Time{}), "MMM")
	if get(t, a, keys[:1], false)[0].OK() {
		t.Error("an answer from the future is given")
	}
	c.add(8 * time.Hour)
	expect("when the clock is right again", claim(a, time.Time{}), "AMM")
}

func TestLeftClaimsAreSwept(t *testing.T) {
	c := newClock()
	s := open(t, Options{Now: c.now})
	claim := func(k lookupcache.Key) {
		t.Helper()
		if err := s.Claim(t.Context(), []lookupcache.Key{k}, time.Time{}, time.Second, make([]lookupcache.Claim, 1), make([]lookupcache.Entry, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		claim(domain(i)) // and nobody ever comes back
	}
	c.add(time.Minute)
	left := 50
	for i := 0; left > 1; i++ {
		if i > 64*100 {
			t.Fatalf("%d claims left", left)
		}
		claim(domain(1000))
		if err := s.read(t.Context(), "test", func(h *handle) error {
			_, err := h.row(t.Context(), "select count(*) from leases", nil, &left)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCorruptFiles(t *testing.T) {
	build := func(t *testing.T, dir string) {
		s, err := Open(t.Context(), Options{Dir: dir, AllowNetworkFS: true})
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, domains(0, 3000), time.Now(), time.Hour)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		aside bool
	}{
		{"text", func(t *testing.T, p string) {
			write1(t, p, []byte("this is no database, but long enough for a header of SQLite to be expected in it.\n"))
		}, true},
		{"empty", func(t *testing.T, p string) { write1(t, p, nil) }, false},
		{"truncated", func(t *testing.T, p string) { truncate(t, p, 9000) }, true},
		{"truncated within the header", func(t *testing.T, p string) { truncate(t, p, 60) }, true},
		{"overwritten", func(t *testing.T, p string) {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			junk := bytes.Repeat([]byte("junk"), 1024)
			for off := int64(4096); off < 400000; off += 4096 {
				if _, err := f.WriteAt(junk, off); err != nil {
					t.Fatal(err)
				}
			}
		}, true},
		{"foreign", func(t *testing.T, p string) {
			os.Remove(p)
			db, err := sql.Open("sqlite", p)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("create table mine (x); insert into mine values (1)"); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, FileName)
			build(t, dir)
			os.Remove(path + "-wal")
			os.Remove(path + "-shm")
			c.spoil(t, path)
			j := new(journal)
			s := open(t, Options{Dir: dir, Logger: j.logger()})
			keys := domains(0, 3000)
			for round := range 2 {
				out := get(t, s, keys, true)
				for i := range keys {
					if out[i].OK() {
						if err := genuine(keys[i], &out[i], true); err != nil {
							t.Fatal(err)
						}
					} else if round > 0 {
						t.Fatalf("%v is gone", keys[i])
					}
				}
				put(t, s, keys, time.Now(), time.Hour)
			}
			old, _ := filepath.Glob(path + ".corrupt-*Z")
			if (len(old) > 0) != c.aside || j.count("set aside") != len(old) {
				t.Errorf("set aside: %q; said %d times", old, j.count("set aside"))
			}
			if _, err := os.Stat(path + ".aside"); err == nil {
				t.Error("the lock was left")
			}
		})
	}
}

func write1(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, n int64) {
	t.Helper()
	if err := os.Truncate(path, n); err != nil {
		t.Fatal(err)
	}
}

// TestSetAsideWhileOthersUseIt: a store that has the damaged file open goes on
// with the new one, and closing it does the new one no harm.
func TestSetAsideWhileOthersUseIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed there")
	}
	dir := t.TempDir()
	a, b := open(t, Options{Dir: dir}), open(t, Options{Dir: dir})
	put(t, a, domains(0, 10), time.Now(), time.Hour)
	get(t, b, domains(0, 10), false)
	h := a.handle
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := a.renew(context.Background(), h, ErrCorrupt); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	put(t, a, domains(10, 20), time.Now(), time.Hour)
	b.checked.Store(0)
	put(t, b, domains(20, 30), time.Now(), time.Hour)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	out := get(t, a, domains(0, 30), true)
	for i := range out {
		if out[i].OK() != (i >= 10) {
			t.Errorf("%d: %v", i, out[i].OK())
		}
	}
	if old, _ := filepath.Glob(a.Path() + ".corrupt-*Z"); len(old) != 1 {
		t.Errorf("set aside %q", old)
	}
}

func TestDeletedWhileOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be deleted there")
	}
	s := open(t, Options{})
	put(t, s, domains(0, 10), time.Now(), time.Hour)
	for _, f := range []string{"", "-wal", "-shm"} {
		os.Remove(s.Path() + f)
	}
	s.checked.Store(0)
	put(t, s, domains(10, 20), time.Now(), time.Hour)
	if out := get(t, s, domains(0, 20), true); out[0].OK() || !out[15].OK() {
		t.Error("the store did not start afresh")
	}
}

func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if err := s.write(t.Context(), "test", func(w *write) error {
		_, err := w.exec(fmt.Sprintf("pragma user_version = %d", schemaVersion+1))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir, AllowNetworkFS: true}); !errors.Is(err, ErrNewerSchema) {
		t.Fatalf("got %v", err)
	}
	if old, _ := filepath.Glob(s.Path() + ".corrupt-*"); len(old) != 0 {
		t.Errorf("it was set aside: %q", old)
	}
}

func TestUnwritable(t *testing.T) {
	dir := t.TempDir()
	write1(t, filepath.Join(dir, "file"), nil)
	for _, d := range []string{filepath.Join(dir, "file"), filepath.Join(dir, "file", "below")} {
		if _, err := Open(t.Context(), Options{Dir: d, AllowNetworkFS: true}); !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), d) {
			t.Errorf("%s: %v", d, err)
		}
	}
	if os.Getuid() > 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Options{Dir: dir, AllowNetworkFS: true}); !errors.Is(err, ErrUnwritable) {
			t.Error(err)
		}
		os.Chmod(dir, 0o700)
	}
	if err := os.Mkdir(filepath.Join(dir, FileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir, AllowNetworkFS: true}); !errors.Is(err, ErrUnwritable) {
		t.Errorf("a directory in the place of the database: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	first := open(t, Options{Dir: dir})
	put(t, first, domains(0, 10), time.Now(), time.Hour)
	j := new(journal)
	s := open(t, Options{Dir: dir, Logger: j.logger(), pageLimit: 20})
	keys := domains(10, 2000)
	entries := make([]lookupcache.Entry, len(keys))
	for i, k := range keys {
		entries[i] = answer(k, time.Now(), time.Hour)
	}
	for range 3 {
		if err := s.Put(t.Context(), keys, entries); !errors.Is(err, ErrFull) {
			t.Fatalf("got %v", err)
		}
	}
	if n := j.count("disk is full"); n != 1 {
		t.Errorf("said %d times", n)
	}
	for i, e := range get(t, s, domains(0, 10), true) {
		if err := genuine(domain(i), &e, true); err != nil {
			t.Error(err)
		}
	}
}

func TestModesAndNetworkFS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, Options{Dir: dir})
	put(t, s, domains(0, 1), time.Now(), time.Hour)
	if runtime.GOOS != "windows" {
		for p, want := range map[string]os.FileMode{dir: 0o700, s.Path(): 0o600, s.Path() + "-wal": 0o600, s.Path() + "-shm": 0o600} {
			if fi, err := os.Stat(p); err != nil || fi.Mode().Perm() != want {
				t.Errorf("%s: %v %v, want %v", p, fi.Mode(), err, want)
			}
		}
	}
	nfs := func(string) string { return "NFS" }
	if _, err := Open(t.Context(), Options{Dir: dir, networkFS: nfs}); !errors.Is(err, ErrNetworkFS) || !strings.Contains(err.Error(), "NFS") {
		t.Errorf("got %v", err)
	}
	open(t, Options{Dir: dir, networkFS: nfs})
}

func TestEviction(t *testing.T) {
	c := newClock()
	s := open(t, Options{Now: c.now, MaxBytes: 1 << 20})
	for i := range 60 {
		put(t, s, domains(i*200, i*200+200), c.now(), time.Hour+time.Duration(i)*time.Second)
		st, err := s.Stats(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if st.FileBytes > 1<<20+1<<19 {
			t.Fatalf("after %d answers the file has %d bytes", i*200, st.FileBytes)
		}
	}
	if get(t, s, domains(0, 1), false)[0].OK() {
		t.Error("the answer that expires first is still there")
	}
	if last := get(t, s, domains(11900, 12000), true); !last[99].OK() {
		t.Error("the newest answer is gone")
	}
	st, err := s.Stats(t.Context(), time.Minute)
	if err != nil || !st.Complete || st.Found+st.NotFound < 1500 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestStatsAndPurge(t *testing.T) {
	c := newClock()
	s := open(t, Options{Now: c.now})
	other := func(i int) lookupcache.Key { k := domain(i); k.Scope = "second@192.0.2.2"; return k }
	put(t, s, domains(0, 1000), c.now(), time.Hour)
	put(t, s, []lookupcache.Key{other(1), other(2)}, c.now(), time.Hour)
	c.add(2 * time.Hour)
	put(t, s, domains(1000, 1500), c.now(), time.Hour)
	st, err := s.Stats(t.Context(), time.Minute)
	if err != nil || st.Found+st.NotFound != 1502 || st.Expired != 1002 || !st.Complete || st.Bytes == 0 || st.FileBytes < st.Bytes {
		t.Fatalf("%+v, %v", st, err)
	}
	for _, step := range []struct {
		name string
		p    Purge
		want int
	}{
		{"one of a scope", Purge{Scope: other(1).Scope, Indicator: other(1).Indicator}, 1},
		{"unknown scope", Purge{Scope: "nobody"}, 0},
		{"one of all", Purge{Indicator: domain(2).Indicator}, 2},
		{"one, but not so old", Purge{Indicator: domain(1200).Indicator, Expired: true}, 0},
		{"expired", Purge{Expired: true}, 999},
		{"older", Purge{Before: c.now()}, 0},
		{"older now", Purge{Before: c.now().Add(time.Second), Scope: "second@192.0.2.2"}, 0},
		{"scope", Purge{Scope: domain(0).Scope}, 500},
		{"all", Purge{}, 0},
	} {
		if n, err := s.Purge(t.Context(), step.p); err != nil || n != step.want {
			t.Errorf("%s: %d, %v; want %d", step.name, n, err, step.want)
		}
	}
	put(t, s, domains(0, 1000), c.now(), time.Hour)
	if n, err := s.Purge(t.Context(), Purge{}); err != nil || n != 1000 {
		t.Errorf("all: %d, %v", n, err)
	}
	if st, err = s.Stats(t.Context(), time.Minute); err != nil || st.Found+st.NotFound != 0 || st.FileBytes > 1<<17 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestCloseAndCancel(t *testing.T) {
	s := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, domains(0, 1), []lookupcache.Entry{answer(domain(0), time.Now(), time.Hour)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	put(t, s, domains(0, 1), time.Now(), time.Hour) // the connection is still good
	s.Close()
	if err := s.Get(t.Context(), domains(0, 1), false, make([]lookupcache.Entry, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestReadingWritesNothing: a process that only reads takes no lock that holds
// up another, and leaves the database as it was.
func TestReadingWritesNothing(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Now: c.now})
	put(t, s, domains(0, 50), c.now(), time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir, Now: c.now})
	if err := genuine(domain(3), &get(t, s, domains(0, 50), true)[3], true); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(s.Path() + "-wal"); err == nil && info.Size() > 0 {
		t.Errorf("the log has %d bytes", info.Size())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(s.Path())
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database was written: %v", err)
	}
}
