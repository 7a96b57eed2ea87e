package chunked

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func decodeMV(cell string) (values []string, ok bool) {
	ok = DecodeMV([]byte(cell), func(v []byte) bool {
		values = append(values, string(v))
		return true
	})
	return values, ok
}

func TestMV(t *testing.T) {
	for _, test := range []struct {
		cell   string
		values []string
	}{
		{"$FIREFLY-WIN$;$beatles$", []string{"FIREFLY-WIN", "beatles"}},
		{"$a;b$", []string{"a;b"}},
		{"$a$$;$$b$", []string{"a$;$b"}},
		{"$$$;$$$", []string{"$;$"}},
		{"$$", []string{""}},
		{"$a$;$$;$b$", []string{"a", "", "b"}},
		{"$$;$$", []string{"", ""}},
		{"$$$$", []string{"$"}},
		{"$line\n\"two\", $", []string{"line\n\"two\", "}},
	} {
		if got := string(AppendMV(nil, test.values...)); got != test.cell {
			t.Errorf("%q: encoded %q", test.values, got)
		}
		if got, ok := decodeMV(test.cell); !ok || !slices.Equal(got, test.values) {
			t.Errorf("%q: decoded %q, %t", test.cell, got, ok)
		}
	}
	for _, cell := range []string{"", "a", "$", "$a", "$a$;", "$a$b$", "$a$;b", ";$a$", "$a$ ;$b$", "$$$", "$a$$"} {
		if got, ok := decodeMV(cell); ok || got != nil {
			t.Errorf("%q: decoded %q", cell, got)
		}
	}
}

func TestDecodeMVStops(t *testing.T) {
	n := 0
	if !DecodeMV([]byte("$a$;$b$;$c$"), func([]byte) bool { n++; return n < 2 }) || n != 2 {
		t.Errorf("yield was called %d times", n)
	}
}

func TestMVNames(t *testing.T) {
	if f, ok := MVField(MVName("a b")); !ok || f != "a b" {
		t.Errorf("%q, %t", f, ok)
	}
	if _, ok := MVField("mv_a"); ok {
		t.Error("mv_a holds no list")
	}
}

func FuzzMV(f *testing.F) {
	f.Add("$a$;$$;$b$", "a\x00$;$\x00")
	f.Add("$$$", "")
	f.Fuzz(func(t *testing.T, cell, joined string) {
		values := strings.Split(joined, "\x00")
		if got, ok := decodeMV(string(AppendMV(nil, values...))); !ok || !slices.Equal(got, values) {
			t.Fatalf("%q became %q", values, got)
		}
		if got, ok := decodeMV(cell); ok && string(AppendMV(nil, got...)) != cell {
			t.Fatalf("%q is decoded to %q, which is encoded otherwise", cell, got)
		} else if ok != ValidMV([]byte(cell)) {
			t.Fatalf("%q: ValidMV disagrees", cell)
		}
	})
}

func FuzzSplitRecord(f *testing.F) {
	f.Add([]byte("a,\"b\r\n\"\"c\",\r\n\n\"d\"e,f"))
	f.Add([]byte("\"open"))
	f.Fuzz(func(t *testing.T, body []byte) {
		original := bytes.Clone(body)
		var back []byte
		var values [][]byte
		var scratch []byte
		for pos := 0; pos < len(body); {
			cells, end, next, err := splitRecord(nil, body, pos)
			if err != nil {
				return
			}
			if next <= pos || end > next || cells[0].start != pos || cells[len(cells)-1].end != end {
				t.Fatalf("%q: record at %d: cells %v, end %d, next %d", body, pos, cells, end, next)
			}
			for i, c := range cells {
				if i > 0 && (body[cells[i-1].end] != ',' || cells[i-1].end+1 != c.start) {
					t.Fatalf("%q: a gap in front of cell %d", body, i)
				}
				values = append(values, bytes.Clone(cellValue(&scratch, body[c.start:c.end])))
			}
			back = append(back, body[pos:next]...)
			pos = next
		}
		if !bytes.Equal(back, original) || !bytes.Equal(body, original) {
			t.Fatal("bytes were lost or changed")
		}
		// Values are the same after encoding.
		if len(values) == 0 {
			return
		}
		var line []byte
		for i, v := range values {
			if i > 0 {
				line = append(line, ',')
			}
			line = AppendCell(line, v)
		}
		line = append(line, '\n')
		cells, _, next, err := splitRecord(nil, line, 0)
		if err != nil || next != len(line) || len(cells) != len(values) {
			t.Fatalf("%q: %d cells, %v", line, len(cells), err)
		}
		for i, c := range cells {
			if got := cellValue(&scratch, line[c.start:c.end]); !bytes.Equal(got, values[i]) {
				t.Fatalf("%q became %q", values[i], got)
			}
		}
	})
}

func TestAppendCell(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "a b": "a b", "bücher.example": "bücher.example", " a": `" a"`, "a\t": "\"a\t\"", `"`: `""""`,
		"a,b": `"a,b"`, "a\nb": "\"a\nb\"", "a\rb": "\"a\rb\"", "\x00\xff": "\x00\xff",
	} {
		if got := string(AppendCell([]byte("x"), in)); got != "x"+want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}
