package stream

import (
	"io"
	"sync"
)

const (
	// aheadAfter is after how many bytes of input it pays to read ahead.
	aheadAfter = 256 << 10
	// aheadBlock is the size of a block that is read ahead, in bytes, and
	// aheadBlocks is how many there are.
	aheadBlock  = 256 << 10
	aheadBlocks = 4
)

// Ahead reads from another reader, and of a long input ahead of who reads from
// it: a goroutine then waits for the system, decompresses and decodes, while
// another works on what came before. What arrives is handed on as it arrives.
// It is not safe for concurrent use, but for Stop.
type Ahead struct {
	r    io.Reader
	seen int // bytes, before a goroutine reads

	full  chan block // nil before a goroutine reads
	free  chan []byte
	quit  chan struct{}
	stop  sync.Once
	block block
	rest  []byte // of block
}

// block is what one Read has given.
type block struct {
	buf []byte
	n   int
	err error
}

// NewAhead returns a reader of r, which from now on belongs to it.
func NewAhead(r io.Reader) *Ahead { return &Ahead{r: r, quit: make(chan struct{})} }

// Read implements io.Reader.
func (a *Ahead) Read(p []byte) (int, error) {
	if a.full == nil {
		n, err := a.r.Read(p)
		if a.seen += n; err == nil && a.seen >= aheadAfter {
			a.start()
		}
		return n, err
	}
	for len(a.rest) == 0 {
		if a.block.err != nil {
			return 0, a.block.err
		}
		if a.block.buf != nil {
			a.free <- a.block.buf // never blocks: there is a place for each
		}
		select {
		case a.block = <-a.full:
		case <-a.quit:
			return 0, io.ErrClosedPipe
		}
		a.rest = a.block.buf[:a.block.n]
		if len(a.rest) == 0 && a.block.err == nil {
			return 0, nil // let the caller see that r has nothing to say
		}
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// start lets a goroutine read until the end, an error or Stop.
func (a *Ahead) start() {
	a.full, a.free = make(chan block, aheadBlocks), make(chan []byte, aheadBlocks)
	buf := make([]byte, aheadBlocks*aheadBlock)
	for i := range aheadBlocks {
		a.free <- buf[i*aheadBlock : (i+1)*aheadBlock : (i+1)*aheadBlock]
	}
	go func(r io.Reader, full chan<- block, free <-chan []byte, quit <-chan struct{}) {
		for {
			select {
			case buf := <-free:
				b := block{buf: buf}
				b.n, b.err = r.Read(buf)
				full <- b // never blocks: there is a place for each
				if b.err != nil {
					return
				}
			case <-quit:
				return
			}
		}
	}(a.r, a.full, a.free, a.quit)
}

// Stop ends reading ahead. A read under way goes on until it ends by itself;
// what was read may be lost, and Read then fails.
func (a *Ahead) Stop() { a.stop.Do(func() { close(a.quit) }) }
