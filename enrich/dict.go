package enrich

import "hash/maphash"

// dict numbers distinct byte strings from 1 on. It is a table with open
// addressing over one run of text: a probe is a hash, mostly one slot, and one
// comparison, and nothing in it is a pointer for the garbage collector to
// follow. Several goroutines may call find while none calls add.
type dict struct {
	slots []slot // a power of two of them, at least a third of them empty
	text  []byte // the strings
	n     int
}

// slot holds a string: text[start:start+length].
type slot struct {
	hash, start, length uint32
	id                  uint32 // 0: empty
}

// seed is the same for all dicts of the process and new in each process, so
// that nobody can send cells that collide.
var seed = maphash.MakeSeed()

func hashOf(key []byte) uint32 {
	h := maphash.Bytes(seed, key)
	return uint32(h ^ h>>32)
}

// find returns the number of key, 0 if it has none.
func (d *dict) find(key []byte) uint32 { return d.probe(key, hashOf(key)) }

// several is the number of strings that findSeveral takes at most.
const several = 32

// findSeveral sets ids[i] to the number of keys[i]. It does one step for all of
// them before the next, so that the memory that each looks at is fetched at the
// same time.
func (d *dict) findSeveral(keys [][]byte, ids []uint32) {
	if len(d.slots) == 0 {
		clear(ids[:len(keys)])
		return
	}
	var hashes [several]uint32
	var slots [several]slot
	var first [several]byte // loaded and not used: the text is then at hand
	mask := uint32(len(d.slots) - 1)
	for i, k := range keys {
		hashes[i] = hashOf(k)
	}
	for i := range keys {
		slots[i] = d.slots[hashes[i]&mask]
	}
	for i := range keys {
		if s := &slots[i]; s.length > 0 {
			first[i] = d.text[s.start]
		}
	}
	for i, k := range keys {
		s := &slots[i]
		if s.hash == hashes[i] && int(s.length) == len(k) && string(d.text[s.start:s.start+s.length]) == string(k) {
			ids[i] = s.id
		} else if s.id == 0 {
			ids[i] = 0
		} else {
			ids[i] = d.probe(k, hashes[i])
		}
	}
}

func (d *dict) probe(key []byte, hash uint32) uint32 {
	if len(d.slots) == 0 {
		return 0
	}
	mask := uint32(len(d.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &d.slots[i]
		if s.id == 0 {
			return 0
		}
		if s.hash == hash && int(s.length) == len(key) && string(d.text[s.start:s.start+s.length]) == string(key) {
			return s.id
		}
	}
}

// add gives the number id to key, which has none. All strings together must be
// shorter than 4 GiB. key is copied.
func (d *dict) add(key []byte, id uint32) {
	if 3*(d.n+1) > 2*len(d.slots) {
		d.grow()
	}
	s := slot{hash: hashOf(key), start: uint32(len(d.text)), length: uint32(len(key)), id: id}
	d.text = append(d.text, key...)
	d.put(s)
	d.n++
}

func (d *dict) put(s slot) {
	mask := uint32(len(d.slots) - 1)
	i := s.hash & mask
	for d.slots[i].id != 0 {
		i = (i + 1) & mask
	}
	d.slots[i] = s
}

func (d *dict) grow() {
	old := d.slots
	d.slots = make([]slot, max(64, 2*len(old)))
	for _, s := range old {
		if s.id != 0 {
			d.put(s)
		}
	}
}

// renumber gives each string the number that ids has at its old one, and
// forgets those that get none. It returns the bytes of what is left.
func (d *dict) renumber(ids []uint32) int {
	old := *d
	*d = dict{}
	for _, s := range old.slots {
		if s.id != 0 && ids[s.id] != 0 {
			d.add(old.text[s.start:s.start+s.length], ids[s.id])
		}
	}
	return len(d.text)
}

// reset forgets all strings. Memory that was grown for unusually many is given
// up.
func (d *dict) reset() {
	const keep = 1 << 20
	if len(d.slots) > keep/16 || cap(d.text) > keep {
		*d = dict{}
		return
	}
	clear(d.slots)
	d.text, d.n = d.text[:0], 0
}
