package recent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func key(scope string, i int) lookupcache.Key {
	return lookupcache.Key{Scope: scope, Indicator: indicator.Indicator{Type: indicator.Domain, Value: fmt.Sprintf("h%d.example.com", i)}}
}

// answer is an answer that depends on its arguments alone.
func answer(i int, ttl time.Duration) lookupcache.Entry {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	e := lookupcache.Entry{Status: source.NotFound, Fetched: now.Add(-time.Duration(r.IntN(1e6)) * time.Millisecond)}
	e.Expires = now.Add(ttl)
	if r.IntN(4) == 0 {
		return e
	}
	e.Status = source.Found
	e.Summary = source.Summary{
		Verdict: source.Verdict(r.IntN(4)), Votes: int8(r.IntN(3) - 1), HasVotes: r.IntN(2) > 0, Related: r.Uint32(),
		LastSeen: [...]string{"", "2020-02-03"}[r.IntN(2)], Permalink: [...]string{"", "https://192.0.2.1/ü?a=" + fmt.Sprint(i)}[r.IntN(2)],
	}
	return e
}

// collect returns a set of the answers from, to-1 of a scope.
func collect(scope string, from, to int, ttl time.Duration) *Set {
	s := &Set{MaxBytes: 1 << 20}
	add(s, scope, from, to, ttl)
	return s
}

func add(s *Set, scope string, from, to int, ttl time.Duration) {
	for i := from; i < to; i++ {
		e := answer(i, ttl)
		s.Add(key(scope, i), &e)
	}
}

// write writes a file of a set and reads it.
func write(t testing.TB, s *Set, old *File, maxBytes int) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recent")
	if err := s.Write(path, 1<<63+7, old, maxBytes, now, func(name string) error { return os.Rename(name, path) }); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.State() != 1<<63+7 {
		t.Fatalf("state %d", f.State())
	}
	return f
}

// expect tells whether exactly the answers from, to-1 of a scope are there.
func expect(t *testing.T, f *File, scope string, from, to int) {
	t.Helper()
	for i := from - 50; i < to+50; i++ {
		e, ok := f.Get(key(scope, i), now)
		if ok != (i >= from && i < to) {
			t.Fatalf("%s %d: %v", scope, i, ok)
		}
		if want := answer(i, time.Hour); ok {
			if d := cmp.Diff(want, e); d != "" {
				t.Fatal(d)
			}
		}
	}
}

func TestWhatIsAddedIsFound(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 33, 5000} {
		s := collect("one", 0, n, time.Hour)
		for i := range n {
			s.Add(key("two", i), &lookupcache.Entry{}) // no answer
		}
		if s.Len() != n {
			t.Errorf("%d collected, want %d", s.Len(), n)
		}
		f := write(t, s, nil, 8<<20)
		expect(t, f, "one", 0, n)
		expect(t, f, "two", 0, 0)
		k := key("one", 0)
		k.Type = indicator.Email
		if _, ok := f.Get(k, now); ok {
			t.Error("an answer of another type")
		}
		if _, ok := f.Get(key("one", 0), now.Add(time.Hour)); ok {
			t.Error("an expired answer")
		}
	}
}

// TestOldFiles: the number of a scope may differ between files.
func TestOldFiles(t *testing.T) {
	s := collect("one", 0, 1000, time.Hour)
	add(s, "two", 0, 1000, time.Hour)
	add(s, "gone", 0, 1000, 0)
	old := write(t, s, nil, 8<<20)
	expect(t, old, "one", 0, 1000)

	s = collect("two", 500, 1500, time.Hour)
	if n := s.New(old); n != 500 {
		t.Errorf("%d of the answers are new, want 500", n)
	}
	f := write(t, s, old, 8<<20)
	expect(t, f, "one", 0, 1000)
	expect(t, f, "two", 0, 1500)
	expect(t, f, "gone", 0, 0)

	// What was found stays when there is no room for all.
	old = write(t, s, f, 8<<20)
	for i := 900; i < 1000; i++ {
		if _, ok := old.Get(key("one", i), now); !ok {
			t.Fatal(i)
		}
	}
	s = collect("three", 0, 100, time.Hour)
	f = write(t, s, old, 25_000)
	expect(t, f, "three", 0, 100)
	for i := 900; i < 1000; i++ {
		if _, ok := f.Get(key("one", i), now); !ok {
			t.Fatal(i)
		}
	}
	if len(f.text)-f.records > 25_000 {
		t.Errorf("%d bytes of records", len(f.text)-f.records)
	}
}

func TestLaterAnswerStays(t *testing.T) {
	for _, turned := range []bool{false, true} {
		s := &Set{MaxBytes: 1 << 20}
		older, newer := answer(1, time.Hour), answer(1, 2*time.Hour)
		newer.Fetched = older.Fetched.Add(time.Second)
		both := []lookupcache.Entry{older, newer}
		if turned {
			both[0], both[1] = newer, older
		}
		for i := range both {
			s.Add(key("one", 1), &both[i])
		}
		if n := s.New(write(t, collect("one", 1, 2, time.Hour), nil, 8<<20)); n != 1 {
			t.Errorf("turned %v: %d answers are later than those of the file, want 1", turned, n)
		}
		if e, ok := write(t, s, nil, 8<<20).Get(key("one", 1), now); !ok || !e.Fetched.Equal(newer.Fetched) {
			t.Errorf("turned %v: %v, %v", turned, e, ok)
		}
	}
}

// TestCollisions: values that somebody has chosen to collide cost a bounded
// number of steps; those beyond are not kept.
func TestCollisions(t *testing.T) {
	s := &Set{MaxBytes: 1 << 20}
	var keys []lookupcache.Key
	for i := 0; len(keys) < 100; i++ {
		if k := key("one", i); hash(0, k.Type, k.Value)%1024 == 5 {
			e := answer(i, time.Hour)
			s.Add(k, &e)
			keys = append(keys, k)
		}
	}
	f := write(t, s, nil, 8<<20)
	found := 0
	for _, k := range keys {
		if _, ok := f.Get(k, now); ok {
			found++
		}
	}
	if found != steps {
		t.Errorf("%d of %d found, want %d", found, len(keys), steps)
	}
}

func TestBounds(t *testing.T) {
	s := &Set{MaxBytes: 1000}
	for i := range 1000 {
		e := answer(i, time.Hour)
		s.Add(key("one", i), &e)
	}
	if s.size > 1100 || s.Len() < 10 {
		t.Errorf("%d answers of %d bytes", s.Len(), s.size)
	}
	long := string(make([]byte, 1<<16))
	s = &Set{MaxBytes: 1 << 20}
	for _, k := range []lookupcache.Key{key(long, 1), {Scope: "one", Indicator: indicator.Indicator{Type: indicator.Domain, Value: long}}} {
		e := answer(1, time.Hour)
		s.Add(k, &e)
	}
	e := lookupcache.Entry{Status: source.Found, Summary: source.Summary{Permalink: long}}
	s.Add(key("one", 1), &e)
	if s.Len() != 0 {
		t.Errorf("%d answers whose texts are too long were kept", s.Len())
	}
}

func TestFailedPublishLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recent")
	want := errors.New("no")
	if err := new(Set).Write(path, 1, nil, 1000, now, func(string) error { return want }); !errors.Is(err, want) {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := new(Set).Write(filepath.Join(path, "no", "where"), 1, nil, 1000, now, func(string) error { return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestDamage: of a file that is cut off or changed nothing is used.
func TestDamage(t *testing.T) {
	text := write(t, collect("one", 0, 40, time.Hour), nil, 8<<20).text
	for i := range len(text) {
		if _, err := parse(text[:i]); !errors.Is(err, ErrForm) {
			t.Fatalf("cut off at %d: %v", i, err)
		}
		b := bytes.Clone(text)
		b[i] ^= 4
		if _, err := parse(b); !errors.Is(err, ErrForm) {
			t.Fatalf("changed at %d: %v", i, err)
		}
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, ErrForm) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzParse reads files whose checksum is right and whose rest may not be.
func FuzzParse(f *testing.F) {
	text := write(f, collect("one", 0, 5, time.Hour), nil, 8<<20).text
	f.Add(text, 0)
	f.Add(text, len(text)-20)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		if cut > 0 && cut < len(text) {
			text = text[:cut]
		}
		text = append([]byte(magic+"\x00\x00\x00\x00"), text[min(len(text), 12):]...)
		binary.LittleEndian.PutUint32(text[8:], crc32.Checksum(text[12:], castagnoli))
		file, err := parse(text)
		if err != nil {
			return
		}
		for i := range 5 {
			if e, ok := file.Get(key("one", i), now); ok && !e.OK() {
				t.Error("no answer was given as one")
			}
		}
		// What is copied from such a file is found, or was left out.
		copied := new(Set).table(file, 8<<20, now)
		for _, r := range copied.records {
			if len(r.record) != r.size() || now.UnixMilli() >= r.expires() {
				t.Error("a record was copied that is none")
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	const n = 20_000
	s := &Set{MaxBytes: 8 << 20}
	add(s, "one", 0, n, time.Hour)
	f := write(b, s, nil, 8<<20)
	keys := make([]lookupcache.Key, n)
	for i := range keys {
		keys[i] = key("one", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%n == 0 {
			f.used = f.used[:0]
		}
		if _, ok := f.Get(keys[i%n], now); !ok {
			b.Fatal(i)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s := &Set{MaxBytes: 8 << 20}
	add(s, "one", 0, 30_000, time.Hour)
	path := filepath.Join(b.TempDir(), "recent")
	if err := s.Write(path, 1, nil, 8<<20, now, func(name string) error { return os.Rename(name, path) }); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f, err := Read(path)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(f.text)))
	}
}
