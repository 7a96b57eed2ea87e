package codec

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/tclookup/tclookup/record"
)

// lookup is what a field is by encoding/json.
func lookup(object []byte, name string) (json.RawMessage, bool) {
	var m map[string]json.RawMessage
	if json.Unmarshal(object, &m) != nil {
		return nil, false
	}
	if v, ok := m[name]; ok {
		return v, true
	}
	first, rest, ok := strings.Cut(name, ".")
	if v := m[first]; ok && len(v) > 0 && v[0] == '{' {
		return lookup(v, rest)
	}
	return nil, false
}

// scalars are the values of a field by encoding/json.
func scalars(raw json.RawMessage) (values []string) {
	var list []json.RawMessage
	if raw[0] != '[' {
		list = []json.RawMessage{raw}
	} else if err := json.Unmarshal(raw, &list); err != nil {
		panic(err)
	}
	for _, v := range list {
		var s string
		switch {
		case v[0] == '{' || v[0] == '[' || string(v) == "null":
			continue
		case v[0] != '"':
			s = string(v)
		default:
			if err := json.Unmarshal(v, &s); err != nil {
				panic(err)
			}
		}
		if s != "" {
			values = append(values, s)
		}
	}
	return values
}

// replaced has U+FFFD for each byte that is not UTF-8, as encoding/json does.
func replaced(s []byte) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		b.WriteRune(r)
		s = s[size:]
	}
	return b.String()
}

// FuzzJSONL compares the reader and the writer with encoding/json.
func FuzzJSONL(f *testing.F) {
	for _, s := range []string{
		"{}", "", "\n\n", "{\"a\":1}\r\n{\"b\":\"x\"}\n", "garbage\n{}", `{"a":[1,"x",null,[2],{"b":3}]}`, `{"a":{"b":"\ud83d\ude00\ud83d"}}`,
		`{"a":1,"a":2,"\u0061":3}`, `{"a.b":1,"a":{"b":2}}`, `{"x":{"a":"\"\\\/\b\f\n\r\t"},"tc":[]}`, "{\"a\":\"\xff\"}", `{"a":01}`, `{"a":-0.5E+10}`,
		`{"a":1,}`, `{"a":[1,]}`, `{"a":"` + "\x01" + `"}`, ` { "a" : true , "b" : false } `, `{"a":nul}`, `[{"a":1}]`, `{"a":1}{"b":2}`, `{"a":"12345678\u00e`, "\xef\xbb\xbf{}",
		strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70),
	} {
		f.Add([]byte(s), uint8(3))
	}
	names := []string{"a", "b", "a.b", "a.b.a"}
	f.Fuzz(func(t *testing.T, in []byte, batch uint8) {
		r := NewJSONLReader(bytes.NewReader(in), JSONLOptions{BatchSize: int(batch)})
		r.Select(record.Selection{Fields: names, Outputs: outputs("tc")})
		var out bytes.Buffer
		w := NewJSONLWriter(&out)
		one := jset(jtext("v"))
		lines := bytes.Split(in, []byte("\n"))
		var b record.Batch
		var err error
		for err = r.Read(&b); err == nil; err = r.Read(&b) {
			for row := range b.Rows {
				for len(bytes.Trim(lines[0], " \t\r")) == 0 {
					lines = lines[1:]
				}
				compareLine(t, lines[0], &b, row, names)
				lines = lines[1:]
			}
			b.Annotations = []record.Annotation{{Sets: []*record.Set{one}, Of: make([]uint32, len(b.Rows))}}
			if err := w.Write(&b); err != nil {
				t.Fatal(err)
			}
		}
		if err != io.EOF || len(bytes.Trim(bytes.Join(lines, nil), " \t\r")) > 0 {
			t.Fatalf("the lines %q were not read: %v", lines, err)
		}
		compareOutput(t, bytes.Split(in, []byte("\n")), bytes.Split(out.Bytes(), []byte("\n")))
	})
}

func isObject(line []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(line, " \t\r"), []byte("{")) && json.Valid(line)
}

func compareLine(t *testing.T, line []byte, b *record.Batch, row int, names []string) {
	t.Helper()
	if bad := b.Rows[row].Bad; bad == isObject(line) {
		t.Fatalf("%q: bad is %v", line, bad)
	} else if bad {
		return
	}
	for col, name := range names {
		want, ok := lookup(line, name)
		got := b.Cell(row, col)
		if ok != (got != nil) || string(got) != string(want) {
			t.Fatalf("%s of %q: got %q, want %q", name, line, got, want)
		}
		if !ok {
			continue
		}
		var values []string
		b.Format.Values(got, nil, func(v []byte) { values = append(values, replaced(v)) })
		if want := scalars(want); !slices.Equal(values, want) {
			t.Fatalf("values of %s of %q: got %q, want %q", name, line, values, want)
		}
	}
}

func compareOutput(t *testing.T, in, out [][]byte) {
	t.Helper()
	if len(in) != len(out) {
		t.Fatalf("%d lines became %d", len(in), len(out))
	}
	for i, line := range in {
		if !isObject(line) {
			if !bytes.Equal(line, out[i]) {
				t.Fatalf("%q became %q", line, out[i])
			}
			continue
		}
		var before, after map[string]any
		if err := json.Unmarshal(line, &before); err != nil {
			continue // a number that encoding/json takes for valid, but too large
		}
		if err := json.Unmarshal(out[i], &after); err != nil {
			t.Fatalf("%q became %q: %v", line, out[i], err)
		}
		before["tc"] = "v"
		x, _ := json.Marshal(before)
		y, _ := json.Marshal(after)
		if !bytes.Equal(x, y) {
			t.Fatalf("%q became %q", line, out[i])
		}
	}
}

// A nesting that is just allowed, and one that is not.
func TestJSONLDepth(t *testing.T) {
	for _, pair := range []string{"{}", "[]"} {
		for depth := maxDepth - 2; depth <= maxDepth+1; depth++ {
			open := `{"a":`
			if pair == "[]" {
				open = "["
			}
			line := `{"a":` + strings.Repeat(open, depth-1) + "1" + strings.Repeat(pair[1:], depth-1) + "}"
			r := NewJSONLReader(strings.NewReader(line), JSONLOptions{})
			r.Select(record.Selection{Fields: []string{"a.a"}})
			var b record.Batch
			if err := r.Read(&b); err != nil {
				t.Fatal(err)
			}
			if valid := json.Valid([]byte(line)); b.Rows[0].Bad == valid {
				t.Errorf("depth %d of %s: bad %v, encoding/json says valid %v", depth, pair, b.Rows[0].Bad, valid)
			}
		}
	}
}

// FuzzJSONLValue writes any text and reads it back with encoding/json.
func FuzzJSONLValue(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\\n\x00\x7f", "ü\xff\u2028", "-1.5e9", "01", "{\"a\":[1,2]}", "[", "1\n2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in := iotest.OneByteReader(strings.NewReader("{}\n"))
		c := jsonlCase{outputs: outputs("t", "n", "l", "j"), sets: []record.Value{jtext(s), {Kind: record.Number, Text: s}, record.Value{Kind: record.List, List: []string{s, s}}, {Kind: record.JSON, Text: s}}}
		out, _, _, _ := c.run(t, in, JSONLOptions{})
		if strings.Count(out, "\n") != 1 || strings.Contains(out, "\r") || !utf8.ValidString(out) && utf8.ValidString(s) {
			t.Fatalf("output %q", out)
		}
		var got struct {
			T string
			N any
			L []string
			J any
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil && !strings.Contains(err.Error(), "number") {
			t.Fatalf("output %q: %v", out, err)
		}
		if want := replaced([]byte(s)); got.T != want || !slices.Equal(got.L, []string{want, want}) {
			t.Fatalf("%q came back as %+v", s, got)
		}
	})
}
