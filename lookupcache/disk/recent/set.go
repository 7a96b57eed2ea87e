package recent

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
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
	pieces  []*strings.Builder
	size, n int
	scratch []byte
}

// Len returns the number of answers that were collected.
func (s *Set) Len() int { return s.n }

// Add collects an answer. It is copied.
func (s *Set) Add(k lookupcache.Key, e *lookupcache.Entry) {
	if s.size >= s.MaxBytes || !e.OK() || len(k.Scope) > maxText {
		return
	}
	text, ok := appendRecord(s.scratch[:0], s.scope(k.Scope), k.Indicator, e)
	if s.scratch = text; !ok {
		return
	}
	if len(s.pieces) == 0 || s.pieces[len(s.pieces)-1].Len()+len(text) > piece {
		s.pieces = append(s.pieces, new(strings.Builder))
	}
	s.pieces[len(s.pieces)-1].Write(text)
	s.size += len(text)
	s.n++
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

// table is the hash table of a file that is made.
type table struct {
	set     *Set
	slots   []uint32 // 1 + index in records; 0: empty
	records []placed
	size    int // of the records
}

// placed is a record with the number of its scope in the file.
type placed struct {
	record
	scope, hash, at uint32
}

// add places a record, unless too many lie where it belongs. Of two of one key
// the later answer stays.
func (t *table) add(scope uint32, r record) {
	p := placed{record: r, scope: scope, hash: hash(scope, r.indicator())}
	mask := uint32(len(t.slots)) - 1
	for n := range uint32(steps) {
		i := (p.hash + n) & mask
		if t.slots[i] == 0 {
			t.records = append(t.records, p)
			t.slots[i] = uint32(len(t.records))
			t.size += len(r)
			return
		}
		if old := &t.records[t.slots[i]-1]; old.hash == p.hash && old.scope == scope && old.typ() == r.typ() && old.value() == r.value() {
			if old.fetched() < r.fetched() {
				t.size += len(r) - len(old.record)
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
	n := s.n
	var kept []uint32
	if old != nil {
		kept = old.fresh(maxBytes-s.size, now)
		n += len(kept)
	}
	slots := 64
	for slots < 2*n {
		slots *= 2
	}
	t := &table{set: s, slots: make([]uint32, slots), records: make([]placed, 0, n)}
	for _, p := range s.pieces {
		for rest := record(p.String()); len(rest) > 0; rest = rest[rest.size():] {
			r := rest[:rest.size()]
			t.add(r.scope(), r)
		}
	}
	for _, at := range kept {
		if r, ok := old.record(at); ok && t.size+len(r) <= maxBytes && int(r.scope()) < len(old.scopes) {
			t.add(s.scope(old.scopes[r.scope()]), r)
		}
	}
	return t
}

// fresh returns the places of the records that have not expired, those that
// were found first, of about maxBytes.
func (f *File) fresh(maxBytes int, now time.Time) (places []uint32) {
	seen := make(map[uint32]bool, len(f.used))
	add := func(at uint32) (size int) {
		r, ok := f.record(at)
		if !ok {
			return 0
		}
		if !seen[at] && maxBytes > 0 && now.UnixMilli() < r.expires() {
			seen[at] = true
			maxBytes -= len(r)
			places = append(places, at)
		}
		return len(r)
	}
	for _, at := range f.used {
		add(at)
	}
	for at := f.records; at < len(f.text) && maxBytes > 0; {
		n := add(uint32(at))
		if n == 0 {
			break
		}
		at += n
	}
	return places
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
