package stream

import "io"

// Full returns a reader of r whose Read goes on until p is full or r ends or
// fails. It is for files, which keep nobody waiting: what stands before r, a
// decompressor or bytes that were looked at before, alone gives out less at a
// time.
func Full(r io.Reader) io.Reader { return &fullReader{r: r} }

type fullReader struct {
	r   io.Reader
	err error
}

func (f *fullReader) Read(p []byte) (n int, err error) {
	for n < len(p) && f.err == nil {
		m, err := f.r.Read(p[n:])
		n, f.err = n+m, err
		if m == 0 && err == nil {
			break
		}
	}
	if n > 0 {
		return n, nil // the error comes with the next call
	}
	return 0, f.err
}
