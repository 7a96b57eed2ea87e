package disk

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
)

// model is what two stores over one database have to look like, in a map.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	clock   *clock
	stores  [2]*Store
	answers map[lookupcache.Key]lookupcache.Entry
	leases  map[lookupcache.Key]modelLease
	queue   map[lookupcache.Key]int

	dir      string
	fromFile int // answers that a passing process had from the file
}

type modelLease struct {
	holder int
	ends   time.Time
}

const modelKeys = 40

func (m *model) keys() []lookupcache.Key {
	keys := make([]lookupcache.Key, 1+m.rng.IntN(20))
	for i := range keys {
		keys[i] = domain(m.rng.IntN(modelKeys))
		keys[i].Scope = [...]string{"one", "two"}[m.rng.IntN(2)]
	}
	return keys
}

func (m *model) get(s *Store) error {
	keys, raw := m.keys(), m.rng.IntN(2) > 0
	out := get(m.t, s, keys, raw)
	for i, k := range keys {
		want, there := m.answers[k]
		if out[i].OK() != there {
			return fmt.Errorf("get %v: %v, want %v", k, out[i].OK(), there)
		}
		if !there {
			continue
		}
		if !out[i].Fetched.Equal(want.Fetched) || !out[i].Expires.Equal(want.Expires) {
			return fmt.Errorf("get %v: %+v, want %+v", k, out[i], want)
		}
		if err := genuine(k, &out[i], raw); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) put(s *Store) error {
	keys := m.keys()
	fetched := m.clock.now().Add(-time.Duration(m.rng.IntN(100)) * time.Second)
	put(m.t, s, keys, fetched, 5*time.Minute)
	for _, k := range keys {
		if old, there := m.answers[k]; !there || !old.Fetched.After(fetched) {
			m.answers[k] = answer(k, fetched, 5*time.Minute)
		}
		delete(m.leases, k)
		delete(m.queue, k)
	}
	return nil
}

func (m *model) claim(who int) error {
	keys := m.keys()
	now := m.clock.now()
	since := now.Add(-time.Duration(m.rng.IntN(400)) * time.Second)
	claims, out := make([]lookupcache.Claim, len(keys)), make([]lookupcache.Entry, len(keys))
	if err := m.stores[who].Claim(m.t.Context(), keys, since, time.Minute, claims, out); err != nil {
		return err
	}
	for i, k := range keys {
		e, l := m.answers[k], m.leases[k]
		want := lookupcache.Mine
		switch {
		case e.OK() && e.Expires.After(now) && !e.Fetched.Before(since):
			want = lookupcache.Answered
		case l.holder != who && l.ends.After(now):
			want = lookupcache.Busy
		default:
			m.leases[k] = modelLease{who, now.Add(time.Minute)}
		}
		if claims[i] != want || out[i].OK() != (want == lookupcache.Answered) {
			return fmt.Errorf("claim %v: %v, want %v", k, claims[i], want)
		}
	}
	return nil
}

func (m *model) release(who int) error {
	keys := m.keys()
	for _, k := range keys {
		if l, held := m.leases[k]; held && l.holder == who {
			delete(m.leases, k)
		}
	}
	return m.stores[who].Release(m.t.Context(), keys)
}

func (m *model) enqueue(s *Store) error {
	var items []QueueItem
	for _, k := range m.keys() {
		n := 1 + m.rng.IntN(5)
		items = append(items, QueueItem{Key: k, Rows: n})
		m.queue[k] += n
	}
	return s.Queue().Add(m.t.Context(), items)
}

func (m *model) list(s *Store) error {
	items, err := s.Queue().Next(m.t.Context(), 1000)
	if err != nil || len(items) != len(m.queue) {
		return fmt.Errorf("%d in the queue, want %d: %w", len(items), len(m.queue), err)
	}
	for i, it := range items {
		if m.queue[it.Key] != it.Rows || i > 0 && items[i-1].Rows < it.Rows {
			return fmt.Errorf("queue %+v, want %d rows", it, m.queue[it.Key])
		}
	}
	return nil
}

func (m *model) purge(s *Store) error {
	want := 0
	for k, e := range m.answers {
		if !e.Expires.After(m.clock.now()) {
			delete(m.answers, k)
			want++
		}
	}
	n, err := s.Purge(m.t.Context(), Purge{Expired: true})
	if err != nil || n != want {
		return fmt.Errorf("purged %d, want %d: %w", n, want, err)
	}
	return nil
}

// takeBack purges what has not expired.
func (m *model) takeBack(s *Store) error {
	k := m.keys()[0]
	want := 0
	for known := range m.answers {
		if known.Indicator == k.Indicator {
			delete(m.answers, known)
			want++
		}
	}
	n, err := s.Purge(m.t.Context(), Purge{Indicator: k.Indicator})
	if err != nil || n != want {
		return fmt.Errorf("took back %d, want %d: %w", n, want, err)
	}
	return nil
}

// pass is a process that comes, looks and goes: it reads the file of recent
// answers, and perhaps leaves one.
func (m *model) pass() error {
	s := open(m.t, Options{Dir: m.dir, Now: m.clock.now, recentNew: 2})
	for range 1 + m.rng.IntN(3) {
		if err := m.get(s); err != nil {
			return err
		}
	}
	m.fromFile += s.handle.recent.hits()
	return s.Close()
}

func (m *model) step() (what string, err error) {
	who := m.rng.IntN(2)
	s := m.stores[who]
	switch m.rng.IntN(11) {
	case 0, 1:
		return "get", m.get(s)
	case 2:
		return "put", m.put(s)
	case 3, 4:
		return "claim", m.claim(who)
	case 5:
		return "release", m.release(who)
	case 6:
		return "enqueue", m.enqueue(s)
	case 7:
		return "list", m.list(s)
	case 8, 9:
		return "pass", m.pass()
	}
	m.clock.add(time.Duration(m.rng.IntN(60)) * time.Second)
	switch m.rng.IntN(8) {
	case 0, 1:
		return "purge", m.purge(s)
	case 2:
		return "take back", m.takeBack(s)
	}
	return "wait", nil
}

// TestModel does at random what two processes can do, and compares with maps.
func TestModel(t *testing.T) {
	steps := 1500
	if testing.Short() {
		steps = 200
	}
	fromFile := 0
	for seed := range uint64(4) {
		c := newClock()
		dir := t.TempDir()
		m := &model{
			t: t, rng: rand.New(rand.NewPCG(seed, 0)), clock: c,
			stores:  [2]*Store{open(t, Options{Dir: dir, Now: c.now}), open(t, Options{Dir: dir, Now: c.now})},
			answers: map[lookupcache.Key]lookupcache.Entry{}, leases: map[lookupcache.Key]modelLease{}, queue: map[lookupcache.Key]int{},
			dir: dir,
		}
		for i := range steps {
			if what, err := m.step(); err != nil {
				t.Fatalf("seed %d, step %d, %s: %v", seed, i, what, err)
			}
		}
		fromFile += m.fromFile
	}
	if fromFile == 0 {
		t.Error("no answer came from the file of recent answers")
	}
}
