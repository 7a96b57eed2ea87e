package recent

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
)

// piece is how much text of records lies together in a Set.
const piece = 256 << 10

// Set collects answers for a file. It is not safe for concurrent use.
type Set struct {
	// MaxBytes bounds what is collected; what comes later is left out.
	MaxBytes int

	scopes  []string
	pieces  [][]byte
	size, n int
}

// Len returns the number of answers that were collected.
func (s *Set) Len() int { return s.n }

// Add collects an answer. It is copied.
func (s *Set) Add(k lookupcache.Key, e *lookupcache.Entry) {
	if s.size >= s.MaxBytes || !e.OK() || len(k.Scope) > maxText {
		return
	}
	if n := len(s.pieces); n == 0 || len(s.pieces[n-1]) >= piece {
		s.pieces = append(s.pieces, nil)
	}
	last := &s.pieces[len(s.pieces)-1]
	before := len(*last)
	var ok bool
	if *last, ok = appendRecord(*last, s.scope(k.Scope), k.Indicator, e); ok {
		s.size += len(*last) - before
		s.n++
	}
}

// scope returns the number of a scope.
func (s *Set) scope(name string) uint32 {
	for i, known := range s.scopes {
		if known == name {
			return uint32(i)
		}
	}
	s.scopes = append(s.scopes, name)
	return uint32(len(s.scopes) - 1)
}

// records yields what was collected.
func (s *Set) records(yield func(record) bool) {
	for _, p := range s.pieces {
		for rest := record(p); len(rest) > 0; rest = rest[rest.size():] {
			if !yield(rest[:rest.size()]) {
				return
			}
		}
	}
}

// New returns how many of the answers are not in old, or later than there. old
// may be nil.
func (s *Set) New(old *File) (n int) {
	for r := range s.records {
		if old != nil {
			if scope, ok := old.scope(s.scopes[r.scope()]); ok {
				if _, there, ok := find(old, scope, r.typ(), r.value()); ok && there.fetched() >= r.fetched() {
					continue
				}
			}
		}
		n++
	}
	return n
}

// table is the hash table of a file that is made.
type table struct {
	set     *Set
	slots   []uint32 // 1 + index in records; 0: empty
	records []placed
}

// placed is a record with the number of its scope in the file.
type placed struct {
	record
	scope, hash, at uint32
}

// add places a record, unless too many lie where it belongs. Of two of one key
// the later answer stays.
func (t *table) add(scope uint32, r record) {
	p := placed{record: r, scope: scope, hash: hash(scope, r.typ(), r.value())}
	mask := uint32(len(t.slots)) - 1
	for n := range uint32(steps) {
		i := (p.hash + n) & mask
		if t.slots[i] == 0 {
			t.records = append(t.records, p)
			t.slots[i] = uint32(len(t.records))
			return
		}
		if old := &t.records[t.slots[i]-1]; old.hash == p.hash && old.scope == scope && old.typ() == r.typ() && bytes.Equal(old.value(), r.value()) {
			if old.fetched() < r.fetched() {
				*old = p
			}
			return
		}
	}
}

// Write writes a file to path: what the set has collected, then what was found
// in old, and then what else is in old and has not expired at now, up to about
// maxBytes. state is given back by File.State; old may be nil.
//
// The file is complete when publish is called with the name that it has then,
// to rename it to path. If publish fails the file is removed.
func (s *Set) Write(path string, state uint64, old *File, maxBytes int, now time.Time, publish func(name string) error) error {
	t := s.table(old, maxBytes, now)
	out, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = errors.Join(t.write(out, state), out.Close())
	if err == nil {
		err = publish(out.Name())
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}

// table chooses what goes into a file.
func (s *Set) table(old *File, maxBytes int, now time.Time) *table {
	var kept []record
	if old != nil {
		kept = old.fresh(maxBytes-s.size, now)
	}
	n := s.n + len(kept)
	slots := 64
	for slots < 2*n {
		slots *= 2
	}
	t := &table{set: s, slots: make([]uint32, slots), records: make([]placed, 0, n)}
	for r := range s.records {
		t.add(r.scope(), r)
	}
	for _, r := range kept {
		t.add(s.scope(old.scopes[r.scope()]), r)
	}
	return t
}

// fresh returns records that have not expired, those that were found first, of
// at most maxBytes.
func (f *File) fresh(maxBytes int, now time.Time) (kept []record) {
	add := func(r record) {
		if now.UnixMilli() < r.expires() && len(r) <= maxBytes {
			maxBytes -= len(r)
			kept = append(kept, r)
		}
	}
	used := make(map[uint32]bool, len(f.used))
	for _, at := range f.used {
		if r, ok := f.record(at); ok && !used[at] {
			used[at] = true
			add(r)
		}
	}
	for at := uint32(f.records); maxBytes > 0; {
		r, ok := f.record(at)
		if !ok {
			break
		}
		if !used[at] {
			add(r)
		}
		at += uint32(len(r))
	}
	return kept
}

// write writes the file.
func (t *table) write(f *os.File, state uint64) error {
	if _, err := f.WriteString(magic + "\x00\x00\x00\x00"); err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 64<<10)
	b := binary.LittleEndian.AppendUint64(nil, state)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.set.scopes)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.slots)))
	for _, s := range t.set.scopes {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	at := uint32(len(magic) + 4 + len(b) + slot*len(t.slots))
	for i := range t.records {
		t.records[i].at = at
		at += uint32(len(t.records[i].record))
	}
	for _, i := range t.slots {
		if i == 0 {
			b = append(b, make([]byte, slot)...)
			continue
		}
		b = binary.LittleEndian.AppendUint32(b, t.records[i-1].hash)
		b = binary.LittleEndian.AppendUint32(b, t.records[i-1].at)
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	for i := range t.records {
		p := &t.records[i]
		b = append(b[:0], p.record...)
		binary.LittleEndian.PutUint16(b[scopeAt:], uint16(p.scope))
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := f.WriteAt(binary.LittleEndian.AppendUint32(nil, sum.Sum32()), int64(len(magic)))
	return err
}
