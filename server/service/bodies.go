package service

import (
	"bytes"
	"strconv"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/klauspost/compress/gzip"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// minZip is the shortest body worth compressing, in bytes.
const minZip = 256

// body is an answer ready to be sent. It does not change.
type body struct {
	plain, zipped   []byte // zipped is nil when the body is short
	plainLen        []string
	zippedLen       []string
	found           bool
	origin          source.Origin
	fetched, expiry time.Time
}

var zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func zip(plain []byte) []byte {
	var buf bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	z.Reset(&buf)
	// Writing to a bytes.Buffer does not fail.
	_, _ = z.Write(plain)
	_ = z.Close()
	zippers.Put(z)
	return bytes.Clone(buf.Bytes())
}

func newBody(plain []byte) *body {
	b := &body{plain: plain, plainLen: []string{strconv.Itoa(len(plain))}}
	if len(plain) >= minZip {
		b.zipped = zip(plain)
		b.zippedLen = []string{strconv.Itoa(len(b.zipped))}
	}
	return b
}

func (b *body) cost(ind indicator.Indicator) int64 {
	return int64(len(ind.Value)+len(b.plain)+len(b.zipped)) + 320
}

// bodies holds ready answers, the least recently used ones make room.
type bodies struct {
	mu    sync.Mutex // guards bytes and epoch; the store has a lock of its own
	bytes int64
	most  int64
	epoch uint64
	store *lru.Cache[indicator.Indicator, *body]
}

func newBodies(most int64) *bodies {
	c := &bodies{most: most}
	// The only error is of a size below one.
	c.store, _ = lru.NewWithEvict(1<<20, func(ind indicator.Indicator, b *body) { c.bytes -= b.cost(ind) })
	return c
}

func (c *bodies) get(ind indicator.Indicator, now time.Time) *body {
	b, ok := c.store.Get(ind)
	if !ok || !now.Before(b.expiry) {
		return nil
	}
	return b
}

// age names the state of what is known: a body made before purge or forget was
// called is not to be kept.
func (c *bodies) age() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

func (c *bodies) put(ind indicator.Indicator, b *body, age uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age != c.epoch || b.cost(ind) > c.most/16 {
		return
	}
	c.store.Remove(ind) // Add does not tell what it replaces
	c.bytes += b.cost(ind)
	c.store.Add(ind, b)
	for c.bytes > c.most {
		c.store.RemoveOldest()
	}
}

func (c *bodies) forget(ind indicator.Indicator) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.store.Remove(ind)
}

func (c *bodies) purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.store.Purge()
}
