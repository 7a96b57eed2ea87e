package enrich

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestDict: what a map says, under growth, with keys that collide and keys
// that are the beginning of others.
func TestDict(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var d dict
	for round := range 3 {
		want := map[string]uint32{}
		for range 20_000 {
			key := fmt.Sprintf("%0*d", rng.IntN(12), rng.IntN(3000))
			if rng.IntN(3) == 0 {
				key = key[:rng.IntN(len(key)+1)]
			}
			id := d.find([]byte(key))
			if id != want[key] {
				t.Fatalf("round %d: %q has number %d, want %d", round, key, id, want[key])
			}
			if id == 0 {
				want[key] = uint32(len(want) + 1)
				d.add([]byte(key), want[key])
			}
		}
		for key, id := range want {
			if got := d.find([]byte(key)); got != id {
				t.Fatalf("round %d: %q has number %d, want %d", round, key, got, id)
			}
		}
		// Every third string stays, under another number.
		ids := make([]uint32, len(want)+1)
		for i := 3; i < len(ids); i += 3 {
			ids[i] = uint32(len(ids) - i)
		}
		d.renumber(ids)
		for key, id := range want {
			if got := d.find([]byte(key)); got != ids[id] {
				t.Fatalf("round %d: renumbered: %q has number %d, want %d", round, key, got, ids[id])
			}
		}
		d.reset()
		if d.find([]byte("0")) != 0 {
			t.Fatal("a forgotten key is found")
		}
	}
	// Every key in one slot's neighbourhood.
	var c dict
	for i := range 200 {
		key := fmt.Appendf(nil, "key %d", i)
		if 3*(c.n+1) > 2*len(c.slots) {
			c.grow()
		}
		c.text = append(c.text, key...)
		c.put(slot{hash: 7, start: uint32(len(c.text) - len(key)), length: uint32(len(key)), id: uint32(i + 1)})
		c.n++
	}
	for i := range 200 {
		if got := c.probe(fmt.Appendf(nil, "key %d", i), 7); got != uint32(i+1) {
			t.Errorf("key %d has number %d", i, got)
		}
	}
	if c.probe([]byte("key 200"), 7) != 0 {
		t.Error("a key that was never added is found")
	}
}

func FuzzDict(f *testing.F) {
	f.Add([]byte("a,b,a,,ab"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var d dict
		want := map[string]uint32{}
		for len(in) > 0 {
			n := min(len(in), int(in[0])%9+1)
			key := in[:n]
			in = in[n:]
			if id := d.find(key); id != want[string(key)] {
				t.Fatalf("%q has number %d, want %d", key, id, want[string(key)])
			} else if id == 0 {
				want[string(key)] = uint32(len(want) + 1)
				d.add(key, want[string(key)])
			}
		}
	})
}

func BenchmarkDict(b *testing.B) {
	const n = 20_000
	var d dict
	m := map[string]*cell{}
	var keys [][]byte
	for i := range n {
		key := fmt.Appendf(nil, "host%d.example.com", i*7919)
		keys = append(keys, key)
		d.add(key, uint32(i+1))
		m[string(key)] = new(cell)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	b.Run("dict", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if d.find(keys[i%n]) == 0 {
				b.Fatal("not found")
			}
		}
	})
	b.Run("several", func(b *testing.B) {
		var ids [several]uint32
		for i := 0; b.Loop(); i += several {
			if i+several > n {
				i = 0
			}
			d.findSeveral(keys[i:i+several], ids[:])
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*several), "ns/key")
	})
	b.Run("map", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if m[string(keys[i%n])] == nil {
				b.Fatal("not found")
			}
		}
	})
}
