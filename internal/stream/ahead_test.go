package stream

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"
	"time"
)

// rough gives a text in pieces of any size, at times none, and then an error.
type rough struct {
	rng  *rand.Rand
	text []byte
	err  error
	with bool // the error comes with the last bytes
}

func (r *rough) Read(p []byte) (int, error) {
	if len(r.text) == 0 {
		return 0, r.err
	}
	n := copy(p[:r.rng.IntN(min(len(p), 1+r.rng.IntN(400_000))+1)], r.text)
	r.text = r.text[n:]
	if len(r.text) == 0 && r.with {
		return n, r.err
	}
	return n, nil
}

// TestAhead: every byte comes, in order, and then the error.
func TestAhead(t *testing.T) {
	broken := errors.New("broken")
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		text := make([]byte, rng.IntN(3<<20))
		if seed%3 == 0 {
			text = text[:min(len(text), aheadAfter+int(seed)-30)]
		}
		for i := range text {
			text[i] = byte(rng.Uint32())
		}
		want := [...]error{io.EOF, broken, io.ErrUnexpectedEOF}[seed%3]
		a := NewAhead(&rough{rng: rand.New(rand.NewPCG(seed, 1)), text: text, err: want, with: seed%2 == 0})
		var got []byte
		var err error
		for p := make([]byte, 700_000); err == nil; {
			var n int
			n, err = a.Read(p[:1+rng.IntN(len(p))])
			got = append(got, p[:n]...)
		}
		if err != want || !bytes.Equal(got, text) {
			t.Fatalf("seed %d: %d of %d bytes, then %v, want %v", seed, len(got), len(text), err, want)
		}
		if n, again := a.Read(make([]byte, 1)); n != 0 || again != want {
			t.Errorf("seed %d: after the end: %d, %v", seed, n, again)
		}
		a.Stop()
	}
	if err := iotest.TestReader(NewAhead(bytes.NewReader(bytes.Repeat([]byte("abc"), 1<<20))), bytes.Repeat([]byte("abc"), 1<<20)); err != nil {
		t.Error(err)
	}
}

// TestAheadHandsOn: what has arrived comes, though more is to come.
func TestAheadHandsOn(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	a := NewAhead(r)
	go w.Write(make([]byte, aheadAfter))
	if _, err := io.ReadFull(a, make([]byte, aheadAfter)); err != nil {
		t.Fatal(err)
	}
	for i := range byte(10) {
		go w.Write([]byte{i, i})
		var p [2]byte
		if n, err := io.ReadFull(a, p[:]); err != nil || p[0] != i {
			t.Fatal(n, err, p)
		}
	}
	a.Stop()
}

// TestAheadStops: nobody is left behind when a run ends early.
func TestAheadStops(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		a := NewAhead(bytes.NewReader(make([]byte, 8<<20)))
		if _, err := io.ReadFull(a, make([]byte, aheadAfter+100)); err != nil {
			t.Fatal(err)
		}
		a.Stop()
		a.Stop()
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
