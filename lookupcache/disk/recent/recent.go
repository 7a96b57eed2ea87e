// Package recent keeps copies of the answers that were used last in one small
// file, which a process that asks about many indicators reads as a whole: a
// look-up in it costs a hash and a comparison, where one in the database takes
// some thirty times as long (BenchmarkGet here, BenchmarkDisk there).
//
// A file is written once, under another name, and then renamed. It holds the
// summaries of answers, never their reports.
//
// The file, numbers in little-endian order:
//
//	magic     8 bytes, with the version
//	checksum  4 bytes, CRC-32C of what follows
//	state     8 bytes, the caller's
//	scopes    4 bytes, their number
//	slots     4 bytes, their number, a power of two or 0
//	then the scopes: the length in 2 bytes, and the name
//	then the slots: hash in 4 bytes, place of the record in 4, from the start of the file; 0: empty
//	then the records: status, type and verdict in a byte each, the votes in
//	one as twice their number and 1 if there are any, scope in 2, related in
//	4, fetched and expires in 8 each, milliseconds since the Unix epoch, the
//	lengths of value, last seen and permalink in 2 each, and these texts
package recent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/pages"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

const (
	magic  = "tclrec\x00\x01"
	header = 8 + 4 + 8 + 4 + 4
	slot   = 4 + 4
	// fixed is the length of a record without its texts.
	fixed = 1 + 1 + 1 + 1 + 2 + 4 + 8 + 8 + 2 + 2 + 2
	// steps is how many slots a look-up looks at. An answer that would lie
	// farther from its place is left out, so that nobody can make look-ups
	// slow by values whose hashes collide.
	steps = 16
	// maxText is the longest text that a length says, in bytes.
	maxText = 1<<16 - 1
	// MaxFile bounds a file that is read.
	MaxFile = 32 << 20
)

const (
	scopeAt  = 4 // where the number of the scope is in a record
	hasVotes = 1 // a flag of the votes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrForm is the error of a file that is none of these, or is damaged.
var ErrForm = errors.New("not a file of recent answers")

// File is a file that was read. It is not safe for concurrent use.
type File struct {
	text    []byte
	state   uint64
	scopes  []string
	slots   []byte
	records int // where they begin
	used    []uint32
	last    uint32 // index of the scope that was asked for last
}

// Read reads a file as a whole. The errors are those of reading, and ErrForm.
func Read(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > MaxFile {
		return nil, fmt.Errorf("%s: %w", path, ErrForm)
	}
	text := pages.Make(int(info.Size()))
	if _, err := io.ReadFull(in, text); err != nil {
		return nil, err
	}
	f, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// parse takes the text of a file, which belongs to the File from then on.
func parse(text []byte) (*File, error) {
	if len(text) < header || string(text[:len(magic)]) != magic {
		return nil, ErrForm
	}
	if crc32.Checksum(text[len(magic)+4:], castagnoli) != u32(text[len(magic):]) {
		return nil, ErrForm
	}
	f := &File{text: text, state: binary.LittleEndian.Uint64(text[12:])}
	scopes, slots := u32(text[20:]), u32(text[24:])
	rest := text[header:]
	for range scopes {
		if len(rest) < 2 || len(rest)-2 < u16(rest) {
			return nil, ErrForm
		}
		n := 2 + u16(rest)
		f.scopes = append(f.scopes, string(rest[2:n]))
		rest = rest[n:]
	}
	if slots&(slots-1) != 0 || uint64(len(rest)) < uint64(slots)*slot {
		return nil, ErrForm
	}
	f.slots = rest[:slots*slot]
	f.records = len(text) - len(rest) + len(f.slots)
	return f, nil
}

func u16(b []byte) int    { return int(binary.LittleEndian.Uint16(b)) }
func u32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// State is the number that the file was written with.
func (f *File) State() uint64 { return f.state }

// Hits is how many answers Get has given.
func (f *File) Hits() int { return len(f.used) }

// hash is FNV-1a over what names an answer.
func hash[T string | []byte](scope uint32, t indicator.Type, value T) uint32 {
	const prime = 16777619
	h := (2166136261 ^ scope) * prime
	h = (h ^ uint32(t)) * prime
	for i := range len(value) {
		h = (h ^ uint32(value[i])) * prime
	}
	return h ^ h>>15
}

// scope returns the index of a scope.
func (f *File) scope(name string) (uint32, bool) {
	if int(f.last) < len(f.scopes) && f.scopes[f.last] == name {
		return f.last, true
	}
	for i, s := range f.scopes {
		if s == name {
			f.last = uint32(i)
			return f.last, true
		}
	}
	return 0, false
}

// find returns the place of the record about a value, and it.
func find[T string | []byte](f *File, scope uint32, t indicator.Type, value T) (at uint32, r record, ok bool) {
	if len(f.slots) == 0 {
		return 0, nil, false
	}
	h := hash(scope, t, value)
	mask := uint32(len(f.slots)/slot) - 1
	for n := range uint32(steps) {
		s := f.slots[(h+n)&mask*slot:]
		if at = u32(s[4:]); at == 0 {
			break
		}
		if u32(s) != h {
			continue
		}
		if r, ok = f.record(at); ok && r.scope() == scope && r.typ() == t && string(r.value()) == string(value) {
			return at, r, true
		}
	}
	return 0, nil, false
}

// Get returns the answer of a key, if it is there and has not expired at now.
func (f *File) Get(k lookupcache.Key, now time.Time) (e lookupcache.Entry, ok bool) {
	scope, ok := f.scope(k.Scope)
	if !ok {
		return e, false
	}
	at, r, ok := find(f, scope, k.Type, k.Value)
	if !ok || now.UnixMilli() >= r.expires() {
		return e, false
	}
	if e = r.entry(); !e.OK() {
		return lookupcache.Entry{}, false
	}
	f.used = append(f.used, at)
	return e, true
}

// record is one, from its start to its end.
type record []byte

// record returns the record at a place.
func (f *File) record(at uint32) (record, bool) {
	if int(at) < f.records || int(at) > len(f.text)-fixed {
		return nil, false
	}
	r := record(f.text[at:])
	if len(r) < r.size() || int(r.scope()) >= len(f.scopes) {
		return nil, false
	}
	return r[:r.size()], true
}

func (r record) size() int { return fixed + u16(r[26:]) + u16(r[28:]) + u16(r[30:]) }

func (r record) typ() indicator.Type { return indicator.Type(r[1]) }
func (r record) scope() uint32       { return uint32(u16(r[scopeAt:])) }
func (r record) fetched() int64      { return int64(binary.LittleEndian.Uint64(r[10:])) }
func (r record) expires() int64      { return int64(binary.LittleEndian.Uint64(r[18:])) }
func (r record) value() []byte       { return r[fixed : fixed+u16(r[26:])] }

// entry makes an answer of a record, with texts of its own.
func (r record) entry() lookupcache.Entry {
	texts := string(r[fixed+u16(r[26:]):])
	seen := u16(r[28:])
	return lookupcache.Entry{
		Status: source.Status(r[0]), Fetched: time.UnixMilli(r.fetched()).UTC(), Expires: time.UnixMilli(r.expires()).UTC(),
		Summary: source.Summary{
			Verdict: source.Verdict(r[2]), Votes: int8(r[3]&^hasVotes) / 2, HasVotes: r[3]&hasVotes != 0,
			Related: u32(r[6:]), LastSeen: texts[:seen], Permalink: texts[seen:],
		},
	}
}

// appendRecord appends a record. ok is false, and nothing is appended, for one
// whose texts are too long.
func appendRecord(dst []byte, scope uint32, ind indicator.Indicator, e *lookupcache.Entry) (_ []byte, ok bool) {
	s := &e.Summary
	if max(len(ind.Value), len(s.LastSeen), len(s.Permalink), int(scope)) > maxText {
		return dst, false
	}
	votes := byte(s.Votes * 2)
	if s.HasVotes {
		votes |= hasVotes
	}
	dst = append(dst, byte(e.Status), byte(ind.Type), byte(s.Verdict), votes)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(scope))
	dst = binary.LittleEndian.AppendUint32(dst, s.Related)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Fetched.UnixMilli()))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Expires.UnixMilli()))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(ind.Value)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(s.LastSeen)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(s.Permalink)))
	dst = append(dst, ind.Value...)
	dst = append(dst, s.LastSeen...)
	return append(dst, s.Permalink...), true
}
