package lookupcache

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Memory is the tier of one process: a least-recently-used store bounded by
// entries and by the bytes of its reports.
type Memory struct {
	mu       sync.Mutex // guards bytes; the store has a lock of its own
	bytes    int64
	maxBytes int64
	store    *lru.Cache[Key, Entry]
}

// NewMemory returns a tier of at most entries answers and, if maxBytes is
// greater than 0, about that many bytes.
func NewMemory(entries int, maxBytes int64) *Memory {
	m := &Memory{maxBytes: maxBytes}
	// The only error is of a size below one.
	m.store, _ = lru.NewWithEvict(max(1, entries), func(k Key, e Entry) { m.bytes -= cost(k, e) })
	return m
}

// cost is about what an entry takes in memory, in bytes.
func cost(k Key, e Entry) int64 {
	return int64(len(k.Value)+len(e.Raw)+len(e.Summary.Permalink)) + 256
}

// Name implements Tier.
func (m *Memory) Name() string { return "memory" }

// Get implements Tier.
func (m *Memory) Get(_ context.Context, keys []Key, raw bool, out []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, k := range keys {
		e, ok := m.store.Get(k)
		if ok && raw && e.Status == found && e.Raw == nil {
			ok = false // only its summary is here
		}
		if ok {
			out[i] = e
		}
	}
	return nil
}

// Put implements Tier. A newer answer is never replaced by an older one.
func (m *Memory) Put(_ context.Context, keys []Key, entries []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, k := range keys {
		e := entries[i]
		if !e.OK() {
			continue
		}
		if old, ok := m.store.Peek(k); ok {
			if old.Fetched.After(e.Fetched) {
				continue
			}
			m.bytes -= cost(k, old)
		}
		m.bytes += cost(k, e)
		m.store.Add(k, e)
		for m.maxBytes > 0 && m.bytes > m.maxBytes && m.store.Len() > 1 {
			m.store.RemoveOldest()
		}
	}
	return nil
}

// Len returns the number of entries.
func (m *Memory) Len() int { return m.store.Len() }

// Close implements Tier.
func (m *Memory) Close() error { return nil }
