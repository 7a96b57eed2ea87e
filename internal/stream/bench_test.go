package stream

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

func samples(t testing.TB) map[string]string {
	text := strings.Repeat("2026-11-24T05:36:48Z,203.0.113.7,host.example.com,\"Größe, €\"\r\n", 20000)
	return map[string]string{
		"plain":    text,
		"utf-16le": "\xff\xfe" + u16(binary.LittleEndian, text),
		"gzip":     gz(t, text),
		"zstd":     zs(t, text),
	}
}

func TestNoAllocationGrowth(t *testing.T) {
	for name, in := range samples(t) {
		copied := func(times int) float64 {
			return testing.AllocsPerRun(3, func() {
				r, err := NewReader(&repeat{text: in, left: times})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				w, err := NewWriter(io.Discard, r.Info(), WriterOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 64<<10)); err != nil {
					t.Fatal(err)
				}
				_ = w.Close()
			})
		}
		once, often := copied(1), copied(4)
		if often > once+60 {
			t.Errorf("%s: %v allocations for one copy of the input, %v for four", name, once, often)
		}
	}
}

// repeat is a reader of the same text several times over.
type repeat struct {
	text string
	pos  int
	left int
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.pos == len(r.text) {
		if r.left--; r.left <= 0 {
			return 0, io.EOF
		}
		r.pos = 0
	}
	n := copy(p, r.text[r.pos:])
	r.pos += n
	return n, nil
}

func BenchmarkReader(b *testing.B) {
	for name, in := range samples(b) {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 64<<10)
			b.ReportAllocs()
			for b.Loop() {
				r, err := NewReader(bytes.NewReader([]byte(in)))
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf)
				if err != nil {
					b.Fatal(err)
				}
				r.Close()
				b.SetBytes(n)
			}
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	text := []byte(strings.Repeat("2026-11-24T05:36:48Z,203.0.113.7,host.example.com,\"Größe, €\"\r\n", 16000))
	for name, c := range map[string]struct {
		info Info
		opt  WriterOptions
	}{
		"plain":    {},
		"utf-16le": {info: Info{Encoding: UTF16LE}},
		"gzip":     {opt: WriterOptions{Compress: Gzip}},
		"zstd":     {opt: WriterOptions{Compress: Zstd}},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				w, err := NewWriter(io.Discard, c.info, c.opt)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Write(text); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
