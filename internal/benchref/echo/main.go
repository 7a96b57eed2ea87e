// Command echo answers every request of the chunked protocol with itself: the
// limit that the pipe and the driver set to any program in Go.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

// serve answers the first frame as getinfo and sends back the others.
func serve(r io.Reader, w io.Writer) error {
	buf := make([]byte, 1<<20)
	for n := 0; ; n++ {
		frame, rest, err := read(r, buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		buf = rest
		if n == 0 {
			const reply = `{"type":"streaming"}`
			frame = fmt.Appendf(nil, "chunked 1.0,%d,0\n%s", len(reply), reply)
		}
		if _, err := w.Write(frame); err != nil {
			return err
		}
	}
}

// read reads one frame into buf, which it grows as needed. Requests come in
// lockstep, so that nothing of the next one is read with it.
func read(r io.Reader, buf []byte) (frame, rest []byte, err error) {
	have, size := 0, -1
	for size < 0 || have < size {
		n, err := r.Read(buf[have:])
		have += n
		if err != nil {
			if err == io.EOF && have > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, buf, err
		}
		if size >= 0 {
			continue
		}
		end := bytes.IndexByte(buf[:have], '\n')
		if end < 0 {
			continue
		}
		var meta, body int
		if _, err := fmt.Sscanf(string(buf[:end]), "chunked 1.0,%d,%d", &meta, &body); err != nil {
			return nil, buf, err
		}
		if meta < 0 || body < 0 || meta > 1<<30 || body > 1<<31-1 {
			return nil, buf, errors.New("frame too large")
		}
		if size = end + 1 + meta + body; size > len(buf) {
			grown := make([]byte, size)
			copy(grown, buf[:have])
			buf = grown
		}
	}
	return buf[:size], buf, nil
}
