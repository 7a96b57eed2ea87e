package chunked

import (
	"bytes"
	"fmt"
	"io"
	"runtime/debug"
)

const (
	maxStackLines = 24
	maxStackLine  = 160 // bytes
)

// stack returns the stack of the panic that is being recovered from: without
// the frames of debug.Stack, of the recovering function and of panic.
func stack() []byte {
	s := debug.Stack()
	if i := bytes.Index(s, []byte("\npanic(")); i >= 0 {
		rest := s[i+1:]
		for range 2 {
			_, rest, _ = bytes.Cut(rest, []byte("\n"))
		}
		return rest
	}
	return s
}

// log writes the panic and the top of its stack, in short lines without the
// values of arguments.
func (e *PanicError) log(w io.Writer) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", e.Error())
	lines := 0
	for line := range bytes.Lines(e.Stack) {
		if lines++; lines > maxStackLines {
			break
		}
		line = bytes.TrimSpace(line)
		if i := bytes.LastIndexByte(line, '('); i > 0 && bytes.HasSuffix(line, []byte(")")) {
			line = line[:i]
		}
		b.WriteString("  ")
		b.Write(line[:min(len(line), maxStackLine)])
		b.WriteByte('\n')
	}
	_, _ = w.Write(b.Bytes())
}
