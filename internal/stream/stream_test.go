package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gz(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zs(t testing.TB, s string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return string(z.EncodeAll([]byte(s), nil))
}

func u16(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// slurp reads a whole input and returns what a reader says of it.
func slurp(t testing.TB, r io.Reader) (string, Info, []byte) {
	t.Helper()
	s, err := NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := io.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), s.Info(), s.Tail()
}

func TestReader(t *testing.T) {
	const text = "Zeit,Müll\r\n1,\U0001F600€\r\n"
	skippable := "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
	for name, c := range map[string]struct {
		in, want string
		info     Info
		tail     string
	}{
		"empty":                   {"", "", Info{}, ""},
		"one byte":                {"{", "{", Info{}, ""},
		"one byte of a magic":     {"\x1f", "\x1f", Info{}, ""},
		"two bytes of a mark":     {"\xef\xbb", "\xef\xbb", Info{}, ""},
		"three bytes of zstd":     {"\x28\xb5\x2f", "\x28\xb5\x2f", Info{}, ""},
		"UTF-8":                   {text, text, Info{}, ""},
		"UTF-8 mark":              {"\xef\xbb\xbf" + text, text, Info{BOM: true}, ""},
		"mark alone":              {"\xef\xbb\xbf", "", Info{BOM: true}, ""},
		"two marks":               {"\ufeff\ufeffx", "\ufeffx", Info{BOM: true}, ""},
		"UTF-16LE":                {"\xff\xfe" + u16(binary.LittleEndian, text), text, Info{Encoding: UTF16LE, BOM: true}, ""},
		"UTF-16BE":                {"\xfe\xff" + u16(binary.BigEndian, text), text, Info{Encoding: UTF16BE, BOM: true}, ""},
		"UTF-16 mark alone":       {"\xff\xfe", "", Info{Encoding: UTF16LE, BOM: true}, ""},
		"UTF-16 odd byte":         {"\xff\xfea\x00b", "a", Info{Encoding: UTF16LE, BOM: true}, "b"},
		"UTF-16 odd byte alone":   {"\xfe\xff\x00", "", Info{Encoding: UTF16BE, BOM: true}, "\x00"},
		"UTF-16 lone high":        {"\xfe\xff\xd8\x3d\x00a", "\xed\xa0\xbda", Info{Encoding: UTF16BE, BOM: true}, ""},
		"UTF-16 lone high at end": {"\xfe\xff\xd8\x3d", "\xed\xa0\xbd", Info{Encoding: UTF16BE, BOM: true}, ""},
		"UTF-16 high, half":       {"\xfe\xff\xd8\x3d\xde", "\xed\xa0\xbd", Info{Encoding: UTF16BE, BOM: true}, "\xde"},
		"UTF-16 lone low":         {"\xfe\xff\xde\x00", "\xed\xb8\x80", Info{Encoding: UTF16BE, BOM: true}, ""},
		"gzip":                    {gz(t, text), text, Info{Compression: Gzip}, ""},
		"gzip members":            {gz(t, text) + gz(t, "") + gz(t, "x"), text + "x", Info{Compression: Gzip}, ""},
		"gzip padding":            {gz(t, text) + "\x00\x00\x00", text, Info{Compression: Gzip}, ""},
		"gzip of nothing":         {gz(t, ""), "", Info{Compression: Gzip}, ""},
		"gzip of UTF-16":          {gz(t, "\xff\xfea\x00"), "a", Info{Gzip, UTF16LE, true}, ""},
		"gzip of gzip":            {gz(t, gz(t, "x")), gz(t, "x"), Info{Compression: Gzip}, ""},
		"zstd":                    {zs(t, text), text, Info{Compression: Zstd}, ""},
		"zstd frames":             {zs(t, text) + skippable + zs(t, "x"), text + "x", Info{Compression: Zstd}, ""},
		"zstd skippable first":    {skippable + zs(t, text), text, Info{Compression: Zstd}, ""},
		"zstd of a mark":          {zs(t, "\xef\xbb\xbfa"), "a", Info{Zstd, UTF8, true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once":       strings.NewReader(c.in),
				"byte by byte":  iotest.OneByteReader(strings.NewReader(c.in)),
				"data with EOF": iotest.DataErrReader(strings.NewReader(c.in)),
			} {
				got, info, tail := slurp(t, r)
				if got != c.want || info != c.info || string(tail) != c.tail {
					t.Errorf("%s: got %q %+v tail %q, want %q %+v tail %q", how, got, info, tail, c.want, c.info, c.tail)
				}
			}
		})
	}
}

func TestReaderWarnings(t *testing.T) {
	for in, want := range map[string]string{
		"\xff\xfea\x00b": "half a character, the byte 62",
		"a\x00b\x00":     "UTF-16 without a byte order mark",
		"\x00a\x00b":     "UTF-16 without a byte order mark",
		"plain":          "",
	} {
		r, err := NewReader(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(r)
		got := strings.Join(r.Warnings(), "|")
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: warnings %q, want %q", in, got, want)
		}
	}
}

func TestDamaged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300<<10) // several blocks that do not compress
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	g, z := gz(t, string(noise)), zs(t, string(noise))
	for name, c := range map[string]struct {
		in  string
		is  error
		min int // bytes delivered
	}{
		"gzip header only":   {g[:5], ErrTruncated, 0},
		"gzip cut":           {g[:len(g)/2], ErrTruncated, 100 << 10},
		"gzip trailer cut":   {g[:len(g)-3], ErrTruncated, len(noise)},
		"gzip checksum":      {g[:len(g)-8] + "12345678", ErrCorrupt, len(noise)},
		"gzip garbage":       {g + "hello, this is no gzip", ErrCorrupt, len(noise)},
		"gzip short garbage": {g + "h", ErrTruncated, len(noise)},
		"zstd header only":   {z[:5], ErrTruncated, 0},
		"zstd cut":           {z[:len(z)/2], ErrTruncated, 100 << 10},
		"zstd garbage":       {z + "hello, this is no zstd", ErrCorrupt, len(noise)},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader(strings.NewReader(c.in))
			var got []byte
			if err == nil {
				got, err = io.ReadAll(r)
				if _, again := r.Read(make([]byte, 1)); again != err {
					t.Errorf("second Read: %v, want %v", again, err)
				}
			}
			if !errors.Is(err, c.is) {
				t.Errorf("error %v, want %v", err, c.is)
			}
			if len(got) < c.min || !bytes.HasPrefix(noise, got) {
				t.Errorf("delivered %d bytes, want at least %d", len(got), c.min)
			}
		})
	}
}

func TestHugeWindowIsRefused(t *testing.T) {
	// A frame header that asks for a window of 2 GiB (RFC 8878, 3.1.1.1.2).
	in := "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"
	_, err := NewReader(strings.NewReader(in))
	if err == nil || !strings.Contains(err.Error(), "--long=27") {
		t.Errorf("error %v, want one that names --long=27", err)
	}
}

func TestReadErrorPasses(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, in := range map[string]string{"nothing": "", "text": "abc", "gzip": gz(t, "hello")[:12], "zstd": zs(t, "hello")[:6]} {
		r, err := NewReader(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, broken) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v, want %v", name, err, broken)
		}
	}
}

// script is a reader each of whose parts comes alone, as on a pipe, and which
// fails the test when it is read past its end.
type script struct {
	t     *testing.T
	parts []string
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.parts) == 0 {
		s.t.Error("read more than was needed: a pipe would wait here")
		return 0, io.EOF
	}
	n := copy(p, s.parts[0])
	if s.parts[0] = s.parts[0][n:]; s.parts[0] == "" {
		s.parts = s.parts[1:]
	}
	return n, nil
}

func TestPipesDoNotWait(t *testing.T) {
	flushed := func(c Compression, s string) string {
		var b bytes.Buffer
		w, err := NewWriter(&b, Info{}, WriterOptions{Compress: c})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, s)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		parts []string
		want  string
	}{
		"one byte":        {[]string{"{"}, "{"},
		"line":            {[]string{"a line\n"}, "a line\n"},
		"split mark":      {[]string{"\xef", "\xbb", "\xbfx"}, "x"},
		"no mark":         {[]string{"\xef", "a"}, "\xefa"},
		"UTF-16":          {[]string{"\xff\xfe", "a\x00"}, "a"},
		"UTF-16 split":    {[]string{"\xff\xfea", "\x00\x3d\xd8", "\x00\xde"}, "a\U0001F600"},
		"gzip flushed":    {[]string{flushed(Gzip, "a line\n")}, "a line\n"},
		"gzip member":     {[]string{gz(t, "a line\n")}, "a line\n"},
		"gzip two":        {[]string{gz(t, "a line\n"), gz(t, "another\n")}, "a line\nanother\n"},
		"zstd flushed":    {[]string{flushed(Zstd, "a line\n")}, "a line\n"},
		"zstd frame":      {[]string{zs(t, "a line\n")}, "a line\n"},
		"zstd two frames": {[]string{zs(t, "a line\n"), zs(t, "another\n")}, "a line\nanother\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader(&script{t, c.parts})
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			buf := make([]byte, 1<<10)
			for len(got) < len(c.want) {
				n, err := r.Read(buf)
				got = append(got, buf[:n]...)
				if err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFull(t *testing.T) {
	text := strings.Repeat("a line of text\n", 20000)
	for name, in := range map[string]string{"plain": text, "gzip": gz(t, text), "zstd": zs(t, text), "UTF-16": "\xff\xfe" + u16(binary.LittleEndian, text)} {
		r, err := NewReader(iotest.HalfReader(strings.NewReader(in)))
		if err != nil {
			t.Fatal(err)
		}
		full := Full(r)
		buf := make([]byte, 200000)
		n, err := full.Read(buf)
		if err != nil || n != len(buf) {
			t.Errorf("%s: first Read %d bytes, %v", name, n, err)
		}
		m, err := full.Read(buf)
		if err != nil || n+m != len(text) {
			t.Errorf("%s: second Read %d bytes, %v", name, m, err)
		}
		if n, err := full.Read(buf); n != 0 || err != io.EOF {
			t.Errorf("%s: third Read %d bytes, %v", name, n, err)
		}
		r.Close()
	}
}

// TestFullFails: what came before an error is given, and then the error, again
// and again; a reader that gives nothing is not asked for ever.
func TestFullFails(t *testing.T) {
	broken := errors.New("broken")
	full := Full(io.MultiReader(iotest.OneByteReader(strings.NewReader("abc")), iotest.ErrReader(broken)))
	buf := make([]byte, 10)
	if n, err := full.Read(buf); n != 3 || err != nil {
		t.Errorf("first Read %d bytes, %v", n, err)
	}
	for range 2 {
		if n, err := full.Read(buf); n != 0 || !errors.Is(err, broken) {
			t.Errorf("Read %d bytes, %v", n, err)
		}
	}
	if n, err := Full(nothing{}).Read(buf); n != 0 || err != nil {
		t.Errorf("of nothing %d bytes, %v", n, err)
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestParseCompression(t *testing.T) {
	for c := None; c <= Auto; c++ {
		if got, err := ParseCompression(c.String()); err != nil || got != c {
			t.Errorf("ParseCompression(%q) = %v, %v", c, got, err)
		}
	}
	if _, err := ParseCompression("bzip2"); err == nil || !strings.Contains(err.Error(), "gzip") {
		t.Errorf("bzip2: error %v, want one that says what is allowed", err)
	}
}
