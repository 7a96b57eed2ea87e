package disk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/lookupcache"
)

// TestScopeOfARolledBackWrite: the id that a scope would have got belongs to
// another one after the write was undone.
func TestScopeOfARolledBackWrite(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, Options{Dir: dir}), open(t, Options{Dir: dir})
	in := func(scope string) lookupcache.Key { k := domain(1); k.Scope = scope; return k }
	undone := errors.New("undone")
	err := a.write(t.Context(), "test", func(w *write) error {
		_, err := w.keys(t.Context(), []lookupcache.Key{in("one"), in("two"), in("one")}, w)
		return errors.Join(err, undone)
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	put(t, b, []lookupcache.Key{in("theirs")}, time.Now(), time.Hour)
	if out := get(t, a, []lookupcache.Key{in("one"), in("two")}, false); out[0].OK() || out[1].OK() {
		t.Fatal("the answer of another scope was given")
	}
	put(t, a, []lookupcache.Key{in("one"), in("theirs"), in("one"), in("two")}, time.Now(), time.Hour)
	for _, s := range []*Store{a, b} {
		for _, scope := range []string{"one", "two", "theirs"} {
			e := get(t, s, []lookupcache.Key{in(scope)}, true)[0]
			if err := genuine(in(scope), &e, true); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestShortProcessesKeepToTheBound: each of many processes writes too little
// to notice, but for the first Put of each.
func TestShortProcessesKeepToTheBound(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	const most = 1 << 20
	for i := range 60 {
		s, err := Open(t.Context(), Options{Dir: dir, Now: c.now, MaxBytes: most, AllowNetworkFS: true})
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, domains(i*100, i*100+100), c.now(), time.Hour+time.Duration(i)*time.Second)
		st, err := s.Stats(t.Context(), 0)
		if err != nil || st.Bytes > most+most/4 {
			t.Fatalf("after %d processes: %+v, %v", i, st, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWaitingTakesNoLock: while one process writes, others see what is claimed
// and what is answered, and wait for nobody.
func TestWaitingTakesNoLock(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, Options{Dir: dir}), open(t, Options{Dir: dir, BusyTimeout: time.Millisecond})
	keys := domains(0, 3)
	claims, out := make([]lookupcache.Claim, 3), make([]lookupcache.Entry, 3)
	if err := a.Claim(t.Context(), keys, time.Time{}, time.Minute, claims, out); err != nil {
		t.Fatal(err)
	}
	put(t, a, keys[:1], time.Now(), time.Hour)
	err := a.write(t.Context(), "test", func(*write) error {
		if err := b.Claim(t.Context(), keys, time.Time{}, time.Minute, claims, out); err != nil {
			return err
		}
		for i, want := range []lookupcache.Claim{lookupcache.Answered, lookupcache.Busy, lookupcache.Busy} {
			if claims[i] != want || out[i].OK() != (want == lookupcache.Answered) {
				t.Errorf("%d: %v, want %v", i, claims[i], want)
			}
		}
		return genuine(keys[0], &out[0], true)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestBusyAndDeadline(t *testing.T) {
	dir := t.TempDir()
	j := new(journal)
	a, b := open(t, Options{Dir: dir}), open(t, Options{Dir: dir, BusyTimeout: time.Millisecond, Logger: j.logger()})
	patient := open(t, Options{Dir: dir, BusyTimeout: time.Hour})
	e := []lookupcache.Entry{answer(domain(0), time.Now(), time.Hour)}
	err := a.write(t.Context(), "test", func(*write) error {
		for range 2 {
			if err := b.Put(t.Context(), domains(0, 1), e); !errors.Is(err, ErrBusy) {
				t.Errorf("got %v", err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := patient.Put(ctx, domains(0, 1), e); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := j.count("busy"); n != 1 {
		t.Errorf("said %d times", n)
	}
	for _, s := range []*Store{b, patient} { // they go on
		put(t, s, domains(0, 1), time.Now(), time.Hour)
	}
}

// TestBudgetOutlivesTheDatabase: what was used is not free again because the
// file was damaged.
func TestBudgetOutlivesTheDatabase(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed there")
	}
	s := open(t, Options{})
	p := limit.Policy{Rate: 0.001, Burst: 2}
	g := s.Gate("x", p, limit.Interactive)
	for range 2 {
		tk, err := g.Take(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		tk.Done(limit.Outcome{Seen: time.Now()})
	}
	if err := s.renew(t.Context(), s.handle, ErrCorrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Take(soon(t)); !errors.Is(err, limit.ErrDenied) {
		t.Errorf("got %v", err)
	}
}

func TestNamesOfDirectories(t *testing.T) {
	names := []string{"white space", "per%20cent", "a#b", "ä€😀", "semi;colon&amp", "it's"}
	if runtime.GOOS != "windows" {
		names = append(names, "what?x=1", `back\slash`, `"quoted"`, "file:x")
	}
	for _, name := range names {
		dir := filepath.Join(t.TempDir(), name)
		s := open(t, Options{Dir: dir})
		put(t, s, domains(0, 1), time.Now(), time.Hour)
		if fi, err := os.Stat(filepath.Join(dir, FileName)); err != nil || fi.Size() == 0 {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), Options{}); !errors.Is(err, ErrUnwritable) {
		t.Errorf("no directory: %v", err)
	}
}

// TestEmptyOfOurs: a database that is ours and has no tables yet gets them.
func TestEmptyOfOurs(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(fmt.Sprintf("pragma application_id = %d", applicationID)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	j := new(journal)
	s := open(t, Options{Dir: dir, Logger: j.logger()})
	put(t, s, domains(0, 10), time.Now(), time.Hour)
	if len(j.lines) > 0 {
		t.Error(j.lines)
	}
}

// TestOpenedByManyAtOnce: of several that create the database at the same
// moment, all get the same one.
func TestOpenedByManyAtOnce(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		errs := make(chan error)
		for i := range 8 {
			go func() {
				s, err := Open(context.Background(), Options{Dir: dir, AllowNetworkFS: true})
				if err == nil {
					e := answer(domain(i), time.Now(), time.Hour)
					err = errors.Join(s.Put(context.Background(), domains(i, i+1), []lookupcache.Entry{e}), s.Close())
				}
				errs <- err
			}()
		}
		for range 8 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		for i, e := range get(t, open(t, Options{Dir: dir}), domains(0, 8), true) {
			if err := genuine(domain(i), &e, true); err != nil || !e.OK() {
				t.Errorf("%d: %+v %v", i, e, err)
			}
		}
	}
}
