package chunked

import (
	"fmt"
	"io"
)

// copyBelow is the size of a body, in bytes, up to which it is copied behind
// its header to be written with it.
const copyBelow = 32 << 10

// frameWriter writes frames, each with one Write where that needs no copy of a
// large body.
type frameWriter struct {
	w       io.Writer
	scratch []byte
	piece   []byte // of a body made while it is written
}

// write writes a frame. When the body lies in place, which is a buffer with
// the body at offset room, the header and the metadata are put in front of it.
func (f *frameWriter) write(meta, body, place []byte, room int) error {
	f.scratch = appendHeader(f.scratch[:0], len(meta), len(body))
	head := len(f.scratch) + len(meta)
	if head <= room && inPlace(body, place, room) {
		start := room - head
		copy(place[start:], f.scratch)
		copy(place[start+len(f.scratch):], meta)
		return f.flush(place[start : room+len(body)])
	}
	f.scratch = append(f.scratch, meta...)
	if len(body) <= copyBelow {
		f.scratch = append(f.scratch, body...)
		return f.flush(f.scratch)
	}
	if err := f.put(f.scratch); err != nil {
		return err
	}
	return f.flush(body)
}

// pieceRoom is the capacity with which a piece of a body begins, in bytes.
const pieceRoom = 256 << 10

// stream writes a frame with a body of size bytes, which next makes.
func (f *frameWriter) stream(meta []byte, size int, next func([]byte) []byte) error {
	if f.piece == nil {
		f.piece = make([]byte, 0, pieceRoom)
	}
	f.piece = append(appendHeader(f.piece[:0], len(meta), size), meta...)
	for begun := len(f.piece); size > 0; begun = 0 {
		f.piece = next(f.piece)
		n := len(f.piece) - begun
		if n <= 0 || n > size {
			return fmt.Errorf("a piece of %d bytes came when %d bytes of the announced body were left", n, size)
		}
		if size -= n; size == 0 {
			break
		}
		if err := f.put(f.piece); err != nil {
			return err
		}
		f.piece = f.piece[:0]
	}
	err := f.flush(f.piece)
	if cap(f.piece) > 16*pieceRoom { // after an unusually long record
		f.piece = nil
	}
	return err
}

// inPlace reports whether body begins at offset room of place.
func inPlace(body, place []byte, room int) bool {
	return len(body) > 0 && cap(place) >= room+len(body) && &body[0] == &place[: room+1 : cap(place)][room]
}

func (f *frameWriter) put(p []byte) error {
	n, err := f.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

func (f *frameWriter) flush(p []byte) error {
	if err := f.put(p); err != nil {
		return err
	}
	if b, ok := f.w.(interface{ Flush() error }); ok {
		return b.Flush()
	}
	return nil
}
