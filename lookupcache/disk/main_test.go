package disk

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

// The test binary starts itself as another process of the host: this variable
// names what it does then.
const roleEnv = "TCLOOKUP_DISK_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		run, ok := roles[role]
		if !ok {
			fmt.Fprintln(os.Stderr, "unknown role", role)
			os.Exit(2)
		}
		if err := run(); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// journal collects log lines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(p))
	return len(p), nil
}

func (j *journal) count(part string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if strings.Contains(l, part) {
			n++
		}
	}
	return n
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.AllowNetworkFS = true // wherever the tests run
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func domain(i int) lookupcache.Key {
	return lookupcache.Key{Scope: "threatcrowd@192.0.2.1", Indicator: indicator.Indicator{
		Type: indicator.Domain, Value: fmt.Sprintf("host-%d.example.com", i),
	}}
}

func domains(from, to int) []lookupcache.Key {
	var keys []lookupcache.Key
	for i := from; i < to; i++ {
		keys = append(keys, domain(i))
	}
	return keys
}

// answer is the answer of a key, all of it derived from the key.
func answer(k lookupcache.Key, fetched time.Time, ttl time.Duration) lookupcache.Entry {
	h := fnv.New32a()
	fmt.Fprint(h, k)
	sum := h.Sum32()
	e := lookupcache.Entry{Status: source.NotFound, Fetched: fetched.UTC().Truncate(time.Millisecond)}
	e.Expires = e.Fetched.Add(ttl)
	if sum%4 == 0 {
		return e
	}
	e.Status = source.Found
	e.Summary = source.Summary{
		Verdict: source.Verdict(sum % 4), Votes: int8(sum%3) - 1, HasVotes: sum%5 > 0, Related: sum % 1000,
		LastSeen: fmt.Sprintf("2017-01-%02d", 1+sum%28), Permalink: "https://192.0.2.1/" + k.Value,
	}
	if !e.Summary.HasVotes {
		e.Summary.Votes = 0
	}
	e.Raw = []byte(fmt.Sprintf(`{"response_code":"1","permalink":%q,"filler":%q}`, e.Summary.Permalink, strings.Repeat(k.Value+" ", int(sum%20))))
	return e
}

// genuine says what is wrong with an answer of answer.
func genuine(k lookupcache.Key, e *lookupcache.Entry, raw bool) error {
	want := answer(k, e.Fetched, e.Expires.Sub(e.Fetched))
	if !raw {
		want.Raw = nil
	}
	if e.Status != want.Status || e.Summary != want.Summary || string(e.Raw) != string(want.Raw) {
		return fmt.Errorf("wrong answer for %v: %+v, want %+v", k, *e, want)
	}
	return nil
}

func put(t testing.TB, s *Store, keys []lookupcache.Key, fetched time.Time, ttl time.Duration) {
	t.Helper()
	entries := make([]lookupcache.Entry, len(keys))
	for i, k := range keys {
		entries[i] = answer(k, fetched, ttl)
	}
	if err := s.Put(context.Background(), keys, entries); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s *Store, keys []lookupcache.Key, raw bool) []lookupcache.Entry {
	t.Helper()
	out := make([]lookupcache.Entry, len(keys))
	if err := s.Get(context.Background(), keys, raw, out); err != nil {
		t.Fatal(err)
	}
	return out
}
