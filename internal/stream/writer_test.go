package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// through copies in through a reader and a writer, in writes of at most piece
// bytes, and returns what came out.
func through(t testing.TB, in string, opt WriterOptions, piece int) string {
	t.Helper()
	r, err := NewReader(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	w, err := NewWriter(&out, r.Info(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, piece)); err != nil {
		t.Fatal(err)
	}
	w.SetTail(r.Tail())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRoundTripKeepsBytes(t *testing.T) {
	for _, in := range []string{
		"", "a", "\xff\xfe", "\xfe\xff", "\xef\xbb\xbf", "\xef\xbb\xbfa,b\n", "\xff\xfea", "\xff\xfe\x3d\xd8", "\xff\xfe\x3d\xd8\x00\xde",
		"\xff\xfe\x00\xde\x3d\xd8", "\xff\xfe\x3d\xd8\x3d\xd8\x00\xde\x00\xde\x00", "\xff\xfe\xff\xfe\xff\xff\x00\x00",
		"invalid \xc3\x28 \xed\xa0\x80 bytes\xf0", "\xfe\xff" + u16(binary.BigEndian, "Größe €\U0001F600\r\n"),
	} {
		for piece := 1; piece < 8; piece++ {
			if got := through(t, in, WriterOptions{}, piece); got != in {
				t.Errorf("in pieces of %d: got %q, want %q", piece, got, in)
			}
		}
	}
}

func TestForcedUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"\xef\xbb\xbfa":            "a",
		"\xff\xfea\x00\xac\x20":    "a€",
		"\xff\xfe\x3d\xd8a\x00":    "\ufffda",
		"\xff\xfe\x3d\xd8\x00\xde": "\U0001F600",
		"\xff\xfea\x00b":           "a\ufffd",
		"latin \xe4":               "latin \xe4",
	} {
		for piece := 1; piece < 6; piece++ {
			if got := through(t, in, WriterOptions{UTF8: true}, piece); got != want {
				t.Errorf("%q in pieces of %d: got %q, want %q", in, piece, got, want)
			}
		}
	}
}

func TestCompressedOutput(t *testing.T) {
	in := "\xff\xfe" + u16(binary.LittleEndian, strings.Repeat("line of text\r\n", 10000))
	for _, c := range []Compression{Gzip, Zstd} {
		for _, in := range []string{in, ""} {
			a := through(t, in, WriterOptions{Compress: c}, 1000)
			if b := through(t, in, WriterOptions{Compress: c}, 1000); a != b {
				t.Errorf("%s: two runs differ", c)
			}
			if c == Gzip && !bytes.Equal([]byte(a[4:8]), make([]byte, 4)) {
				t.Errorf("gzip header has a time: % x", a[:10])
			}
			if got := through(t, a, WriterOptions{}, 1000); got != in {
				t.Errorf("%s: %d bytes came back, want %d", c, len(got), len(in))
			}
			if got := through(t, a, WriterOptions{Compress: Auto}, 1000); got != a {
				t.Errorf("auto: output is not compressed as the input, %s", c)
			}
		}
	}
	if _, err := NewWriter(io.Discard, Info{}, WriterOptions{Compress: 9}); err == nil {
		t.Error("an unknown compression is accepted")
	}
}

// Text that is not UTF-8 must not break a UTF-16 output.
func TestInvalidBecomesReplacement(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, Info{Encoding: UTF16BE}, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"a\xff", "\xe2", "b", "\xf0\x9f", "\x98"} {
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if want := u16(binary.BigEndian, "a\ufffd\ufffdb\ufffd\ufffd\ufffd"); out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestWriterErrors(t *testing.T) {
	for _, info := range []Info{{}, {BOM: true}, {Encoding: UTF16LE, BOM: true}} {
		for _, c := range []Compression{None, Gzip, Zstd} {
			w, err := NewWriter(iotest.TruncateWriter(io.Discard, 0), info, WriterOptions{Compress: c})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, "x"); err != nil {
				t.Errorf("%v: a write that succeeds: %v", info, err)
			}
			if err := w.Close(); err != nil {
				t.Errorf("%v: Close: %v", info, err)
			}
			if err := w.Close(); err != nil {
				t.Errorf("%v: second Close: %v", info, err)
			}
			if _, err := io.WriteString(w, "x"); !errors.Is(err, ErrClosed) {
				t.Errorf("%v: Write after Close: %v", info, err)
			}
			full := errors.New("no space")
			w, err = NewWriter(failing{full}, info, WriterOptions{Compress: c})
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Write(bytes.Repeat([]byte("x"), 4<<20))
			if err == nil {
				err = w.Flush()
			}
			if err == nil {
				err = w.Close()
			}
			if !errors.Is(err, full) {
				t.Errorf("%v %s: error %v, want %v", info, c, err, full)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "a", "\x3d\xd8\x00\xde", "\x00\xde\x3d", "\xd8\x3d\xd8\x3d\xde\x00", "a\x00b"} {
		for _, m := range []string{"", "\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} {
			f.Add([]byte(m+s), uint8(1))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		// A prefix keeps the fuzzer's bytes from being taken for compressed.
		for _, m := range []string{"\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} {
			all := m + string(in)
			if got := through(t, all, WriterOptions{}, int(piece)%9+1); got != all {
				t.Fatalf("got %q, want %q", got, all)
			}
			if m[0] != 0xef {
				if got := through(t, all, WriterOptions{UTF8: true}, int(piece)%9+1); !utf8.ValidString(got) {
					t.Fatalf("%q becomes %q, which is not UTF-8", all, got)
				}
			}
		}
	})
}

// FuzzReader feeds damaged compressed data: an error, never a panic.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"", "a", strings.Repeat("abc,def\n", 50)} {
		f.Add([]byte(gz(f, s)))
		f.Add([]byte(zs(f, s)))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := NewReader(bytes.NewReader(in))
		if err != nil {
			return
		}
		defer r.Close()
		n, err := io.Copy(io.Discard, io.LimitReader(r, 16<<20))
		if err == nil && r.Info() == (Info{}) && n != int64(len(in)) {
			t.Fatalf("%d of %d plain bytes were read", n, len(in))
		}
	})
}
