package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/record"
)

// jsonlCase is one run over JSON Lines: each row gets the values of sets.
type jsonlCase struct {
	fields  []string
	outputs []record.Output
	sets    []record.Value
}

// run reads and writes in and returns the output, the values of the fields,
// the number of rows and the warnings.
func (c jsonlCase) run(t testing.TB, r io.Reader, opt JSONLOptions) (out string, values []string, rows int, warnings []string) {
	t.Helper()
	reader := NewJSONLReader(r, opt)
	if missing := reader.Select(record.Selection{Fields: c.fields, Outputs: c.outputs}); missing != nil {
		t.Fatalf("missing fields %q", missing)
	}
	var buf bytes.Buffer
	w := NewJSONLWriter(&buf)
	set := &record.Set{Values: c.sets}
	var b record.Batch
	for {
		err := reader.Read(&b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for row := range b.Rows {
			rows++
			for col := range c.fields {
				b.Format.Values(b.Cell(row, col), b.Twin(row, col), func(v []byte) { values = append(values, string(v)) })
			}
		}
		if c.outputs != nil {
			b.Annotations = []record.Annotation{{Sets: []*record.Set{set}, Of: make([]uint32, len(b.Rows))}}
		}
		if err := w.Write(&b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String(), values, rows, reader.Warnings()
}

func outputs(names ...string) []record.Output {
	var o []record.Output
	for _, n := range names {
		o = append(o, record.Output{Name: n})
	}
	return o
}

func jtext(s string) record.Value        { return record.Value{Text: s} }
func jset(v ...record.Value) *record.Set { return &record.Set{Values: v} }

func TestJSONLWrite(t *testing.T) {
	fill := []record.Output{{Name: "x", Fill: true}}
	kinds := outputs("t", "n", "l", "j")
	for _, c := range []struct {
		name, in, want string
		outputs        []record.Output
		sets           []record.Value
	}{
		{"append", `{"a":1}`, `{"a":1,"x":"v"}`, outputs("x"), []record.Value{jtext("v")}},
		{"line ends", "{\"a\":1}\r\n{\"a\":2}\n", "{\"a\":1,\"x\":\"v\"}\r\n{\"a\":2,\"x\":\"v\"}\n", outputs("x"), []record.Value{jtext("v")}},
		{"empty object", "{}\n{ }\n{\t} \n", "{\"x\":\"v\"}\n{\"x\":\"v\" }\n{\"x\":\"v\"\t} \n", outputs("x"), []record.Value{jtext("v")}},
		{"two in an empty object", `{}`, `{"x":"v","y":"w"}`, outputs("x", "y"), []record.Value{jtext("v"), jtext("w")}},
		{"blanks kept", "  {\"a\" :1 }  \n", "  {\"a\" :1,\"x\":\"v\" }  \n", outputs("x"), []record.Value{jtext("v")}},
		{"wide", `{"a": 1, "b": 2}`, `{"a": 1, "b": 2, "x": "v", "y": "w"}`, outputs("x", "y"), []record.Value{jtext("v"), jtext("w")}},
		{"blank lines", "\n \r\n{}\n\n\t\n{}\n\n", "\n \r\n{\"x\":\"v\"}\n\n\t\n{\"x\":\"v\"}\n\n", outputs("x"), []record.Value{jtext("v")}},
		{"only blank lines", "\n\r\n ", "\n\r\n ", outputs("x"), []record.Value{jtext("v")}},
		{"bad lines", "garbage\r\n{}\n[1]\n{}x\n{}{}\n{\"a\":}", "garbage\r\n{\"x\":\"v\"}\n[1]\n{}x\n{}{}\n{\"a\":}", outputs("x"), []record.Value{jtext("v")}},
		{"overwrite", `{"x":1,"a":2}`, `{"x":"v","a":2}`, outputs("x"), []record.Value{jtext("v")}},
		{"overwrite nested", `{"x": {"x":1},"a":2}`, `{"x": "v","a":2}`, outputs("x"), []record.Value{jtext("v")}},
		{"overwrite the last", `{"x":1,"x":2}`, `{"x":1,"x":"v"}`, outputs("x"), []record.Value{jtext("v")}},
		{"overwrite and append", `{"y":1,"a":2}`, `{"y":"w","a":2,"x":"v"}`, outputs("x", "y"), []record.Value{jtext("v"), jtext("w")}},
		{"overwrite out of order", `{"z":1,"y":1,"x":1}`, `{"z":"c","y":"b","x":"a"}`, outputs("x", "y", "z"), []record.Value{jtext("a"), jtext("b"), jtext("c")}},
		{"escaped key", `{"\u0078":1}`, `{"\u0078":"v"}`, outputs("x"), []record.Value{jtext("v")}},
		{"key to be escaped", `{}`, `{"a\"\n":"v"}`, outputs("a\"\n"), []record.Value{jtext("v")}},
		{"dotted output is a key", `{"x":{"y":1}}`, `{"x":{"y":1},"x.y":"v"}`, outputs("x.y"), []record.Value{jtext("v")}},
		{"fill", "{}\n{\"x\":null}\n{\"x\":\"\"}\n{\"x\":[ ]}\n{\"x\":0}\n{\"x\":\"a\"}\n", "{\"x\":\"v\"}\n{\"x\":\"v\"}\n{\"x\":\"v\"}\n{\"x\":\"v\"}\n{\"x\":0}\n{\"x\":\"a\"}\n", fill, []record.Value{jtext("v")}},
		{"fill with nothing", "{}\n{\"x\":null}\n", "{\"x\":\"\"}\n{\"x\":null}\n", fill, []record.Value{jtext("")}},
		{"same name twice", "{}\n{\"x\":1}\n", "{\"x\":\"w\"}\n{\"x\":\"w\"}\n", outputs("x", "x"), []record.Value{jtext("v"), jtext("w")}},
		{"same name twice, fill", "{}\n{\"x\":1}\n", "{\"x\":\"v\"}\n{\"x\":1}\n", []record.Output{fill[0], fill[0]}, []record.Value{jtext("v"), jtext("w")}},
		{"kinds", `{}`, `{"t":"a\"\\\u0001ü\t","n":-1.5e3,"l":["a","b"],"j":{"k":[1, 2]}}`, kinds,
			[]record.Value{jtext("a\"\\\x01ü\t"), {Kind: record.Number, Text: "-1.5e3"}, {Kind: record.List, List: []string{"a", "b"}}, {Kind: record.JSON, Text: "{\"k\":[1,\n2]}\n"}}},
		{"empty kinds", `{}`, `{"t":"","n":null,"l":[],"j":null}`, kinds, []record.Value{{}, {Kind: record.Number}, {Kind: record.List}, {Kind: record.JSON}}},
		{"wrong kinds", `{}`, `{"t":"a` + "\ufffd" + `b","n":"1_000","l":["` + "\ufffd\ufffd" + `"],"j":"{"}`, kinds,
			[]record.Value{jtext("a\xffb"), {Kind: record.Number, Text: "1_000"}, {Kind: record.List, List: []string{"\xc3\x28"[:1] + "\xff"}}, {Kind: record.JSON, Text: "{"}}},
		{"no outputs", "{\"a\":1}\n", "{\"a\":1}\n", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once":       strings.NewReader(c.in),
				"byte by byte":  iotest.OneByteReader(strings.NewReader(c.in)),
				"data with EOF": iotest.DataErrReader(strings.NewReader(c.in)),
			} {
				got, _, _, _ := jsonlCase{outputs: c.outputs, sets: c.sets}.run(t, r, JSONLOptions{})
				if got != c.want {
					t.Errorf("%s:\n got %q\nwant %q", how, got, c.want)
				}
			}
		})
	}
}

func TestJSONLValues(t *testing.T) {
	for _, c := range []struct {
		in, field string
		want      []string
	}{
		{`{"a":"x"}`, "a", []string{"x"}},
		{`{"a":""}`, "a", nil},
		{`{"a":null}`, "a", nil},
		{`{"b":"x"}`, "a", nil},
		{`{"a":-1.50e+2}`, "a", []string{"-1.50e+2"}},
		{`{"a":true}`, "a", []string{"true"}},
		{`{"a":[ "x" , 1 , null,"" , false,"\ty"[0]]}`, "a", nil}, // no JSON
		{`{"a":[ "x" , 1 , null,"" , false,"\ty" ]}`, "a", []string{"x", "1", "false", "\ty"}},
		{`{"a":[]}`, "a", nil},
		{`{"a":[["x"],{"b":1},"y"]}`, "a", []string{"y"}},
		{`{"a":{"b":"x"}}`, "a", nil},
		{`{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83dx\ude00"}`, "a", []string{"\"\\/\b\f\n\r\té\U0001F600\ufffdx\ufffd"}},
		{"{\"a\":\"invalid \xff\"}", "a", []string{"invalid \xff"}},
		{"{\"a\":\"invalid \xff\\n\"}", "a", []string{"invalid \xff\n"}},
		{`{"a":"1","a":"2"}`, "a", []string{"2"}},
		{`{"a":"1","\u0061":"2"}`, "a", []string{"2"}},
		{`{"\u0061":"1"}`, "a", []string{"1"}},
		{`{"a":{"a":"1"},"b":"2"}`, "b", []string{"2"}},
		{`{"a.b":"1","a":{"b":"2"}}`, "a.b", []string{"1"}},
		{`{"a":{"b":"2"},"a.b":"1"}`, "a.b", []string{"1"}},
		{`{"a":{"x":[],"b":"2","b":"3"}}`, "a.b", []string{"3"}},
		{`{"a":{"b":{"c":["1","2"]}}}`, "a.b.c", []string{"1", "2"}},
		{`{"a":{"b.c":"1","b":{"c":"2"}}}`, "a.b.c", []string{"1"}},
		{`{"a":{"\u0062":"1"}}`, "a.b", []string{"1"}},
		{`{"a":["b"]}`, "a.b", nil},
		{`{"a":{}}`, "a.b", nil},
		{`{"a":{ }}`, "a.b", nil},
		{`{"":"x"}`, "", []string{"x"}},
		{`{"` + strings.Repeat("k", 100) + `":"x"}`, strings.Repeat("k", 100), []string{"x"}},
	} {
		_, got, rows, _ := jsonlCase{fields: []string{c.field}}.run(t, strings.NewReader(c.in), JSONLOptions{})
		if !slices.Equal(got, c.want) || rows != 1 {
			t.Errorf("%s of %s: %d rows, got %q, want %q", c.field, c.in, rows, got, c.want)
		}
	}
}

func TestJSONLWarnings(t *testing.T) {
	for in, want := range map[string][]string{
		"":                             nil,
		"\n\n":                         nil,
		"{\"a\":1}\n":                  nil,
		"\n{\"a\":1}\nx\n":             {"line 3 is no JSON object: it was written as it came"},
		"x\n{\"a\":1}\n\ny\n[]\n":      {"3 lines are no JSON objects, the first is line 1: they were written as they came"},
		"{\"b\":1}\n":                  {`no record has the field "a"`},
		"{\"a\":{}}\n{\"a\":[[],2]}\n": {"2 values of the selected fields are objects or nested arrays and were not looked up"},
	} {
		_, _, _, got := jsonlCase{fields: []string{"a"}}.run(t, iotest.OneByteReader(strings.NewReader(in)), JSONLOptions{})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func TestJSONLRows(t *testing.T) {
	in := " \n {\"a\":1} \r\n\nbad \r\n{}"
	r := NewJSONLReader(strings.NewReader(in), JSONLOptions{})
	r.Select(record.Selection{Fields: []string{"a"}, Outputs: outputs("x")})
	var b record.Batch
	if err := r.Read(&b); err != nil {
		t.Fatal(err)
	}
	if string(b.Buf) != " \n {\"a\":1} \r\n\nbad \r\n" {
		t.Errorf("buffer %q", b.Buf)
	}
	want := []record.Row{{Start: 3, End: 10, Next: 14}, {Start: 14, End: 18, Next: 20, Bad: true}}
	if diff := cmp.Diff(want, b.Rows); diff != "" {
		t.Error(diff)
	}
	if b.Width != 2 || string(b.Cell(0, 0)) != "1" || b.Cell(0, 1) != nil || b.Cell(1, 0) != nil {
		t.Errorf("width %d, cells %v", b.Width, b.Cells)
	}
	if err := r.Read(&b); err != nil || !b.Final || len(b.Rows) != 1 || string(b.Buf) != "{}" {
		t.Errorf("last batch %q %v final %v, error %v", b.Buf, b.Rows, b.Final, err)
	}
	if err := r.Read(&b); err != io.EOF {
		t.Errorf("error %v, want io.EOF", err)
	}
}

// Lines are handed on as they come, and bytes before an error too.
func TestJSONLPipe(t *testing.T) {
	broken := errors.New("pipe broke")
	pr, pw := io.Pipe()
	r := NewJSONLReader(pr, JSONLOptions{})
	var b record.Batch
	for _, part := range []string{"{\"a\":1}\n{\"b", "\":2}\n", "{}\n\n{\"c\":"} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.WriteString(pw, part)
		}()
		if err := r.Read(&b); err != nil || len(b.Rows) != 1 {
			t.Fatalf("after %q: %d rows, error %v", part, len(b.Rows), err)
		}
		<-done
	}
	pw.CloseWithError(broken)
	if err := r.Read(&b); err != nil || string(b.Buf) != `{"c":` || !b.Rows[0].Bad || b.Final {
		t.Errorf("rest %q, rows %v, error %v", b.Buf, b.Rows, err)
	}
	for range 2 {
		if err := r.Read(&b); !errors.Is(err, broken) {
			t.Errorf("error %v, want %v", err, broken)
		}
	}
}

func TestJSONLLongLines(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 5000) + `"}`
	in := "{}\n" + long + "\n{}\n"
	got, values, rows, _ := jsonlCase{fields: []string{"a"}}.run(t, strings.NewReader(in), JSONLOptions{BatchSize: 100, MaxLine: len(long)})
	if got != in || rows != 3 || len(values) != 1 || len(values[0]) != 5000 {
		t.Errorf("%d rows, %d bytes", rows, len(got))
	}
	r := NewJSONLReader(strings.NewReader(in), JSONLOptions{BatchSize: 100, MaxLine: 1000})
	var b record.Batch
	err := r.Read(&b)
	if err != nil || len(b.Rows) != 1 {
		t.Fatalf("before the long line: %d rows, error %v", len(b.Rows), err)
	}
	if err = r.Read(&b); !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "line 2 ") {
		t.Errorf("error %v, want one that names line 2", err)
	}
	// The buffer does not stay as large as the longest line.
	many := NewJSONLReader(strings.NewReader(long+strings.Repeat("\n{}", 1000)), JSONLOptions{BatchSize: 100})
	for err = nil; err == nil; {
		err = many.Read(&b)
	}
	if len(many.buf) > 500 {
		t.Errorf("buffer of %d bytes is kept", len(many.buf))
	}
}

func TestJSONLAnnotations(t *testing.T) {
	r := NewJSONLReader(strings.NewReader("{\"a\":1}\n{\"y\":2}\n{}\n"), JSONLOptions{})
	r.Select(record.Selection{Outputs: outputs("x", "y", "z")})
	var b record.Batch
	if err := r.Read(&b); err != nil {
		t.Fatal(err)
	}
	one := &record.Set{Values: []record.Value{jtext("1"), jtext("2")}}
	two := &record.Set{Values: []record.Value{jtext("3"), jtext("4")}}
	three := &record.Set{Values: []record.Value{jtext("5")}}
	b.Annotations = []record.Annotation{{Sets: []*record.Set{one, two}, Of: []uint32{0, 1, 1}}, {Sets: []*record.Set{three}, Of: []uint32{0, 0, 0}}}
	var out bytes.Buffer
	if err := NewJSONLWriter(&out).Write(&b); err != nil {
		t.Fatal(err)
	}
	want := `{"a":1,"x":"1","y":"2","z":"5"}` + "\n" + `{"y":"4","x":"3","z":"5"}` + "\n" + `{"x":"3","y":"4","z":"5"}` + "\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	// A set that is used again under other names.
	out.Reset()
	b.Annotations = []record.Annotation{{Sets: []*record.Set{three}, Of: []uint32{0, 0, 0}}, {Sets: []*record.Set{one}, Of: []uint32{0, 0, 0}}}
	if err := NewJSONLWriter(&out).Write(&b); err != nil {
		t.Fatal(err)
	}
	if want := `{"a":1,"x":"5","y":"1","z":"2"}` + "\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	// What does not fit the batch is an error, and no panic.
	for name, a := range map[string]record.Annotation{
		"too many values": {Sets: []*record.Set{{Values: make([]record.Value, 4)}}, Of: []uint32{0, 0, 0}},
		"too few rows":    {Sets: []*record.Set{one}, Of: []uint32{0}},
		"uneven sets":     {Sets: []*record.Set{one, three}, Of: []uint32{0, 0, 0}},
	} {
		b.Annotations = []record.Annotation{a}
		if err := NewJSONLWriter(io.Discard).Write(&b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	b.Format = nil
	if err := NewJSONLWriter(io.Discard).Write(&b); err == nil {
		t.Error("a batch of another format: no error")
	}
}

func TestJSONLWriteErrors(t *testing.T) {
	full := errors.New("no space")
	for _, w := range []io.Writer{failedWriter{full}, shortWriter{}} {
		r := NewJSONLReader(strings.NewReader("{}\n"), JSONLOptions{})
		var b record.Batch
		if err := r.Read(&b); err != nil {
			t.Fatal(err)
		}
		j := NewJSONLWriter(w)
		err := j.Write(&b)
		if !errors.Is(err, full) && !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("error %v", err)
		}
		if again := j.Write(&b); again != err || j.Close() != err {
			t.Errorf("the first error is not kept: %v, %v", again, j.Close())
		}
	}
}

type failedWriter struct{ err error }

func (f failedWriter) Write([]byte) (int, error) { return 0, f.err }

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

// Random objects: the bytes that are no outputs stay, and no row is lost.
func TestRandomJSONL(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for n := range 300 {
		var in, want strings.Builder
		rows := rng.IntN(20)
		for range rows {
			line := randomObject(rng, 3)
			in.WriteString(line)
			at := strings.LastIndexByte(line, '}')
			at = len(strings.TrimRight(line[:at], " \t"))
			colon := strings.IndexByte(line, ':')
			comma, blank := ",", ""
			if colon >= 0 && line[colon+1] == ' ' {
				comma, blank = ", ", " "
			}
			if line[at-1] == '{' {
				comma = ""
			}
			fmt.Fprintf(&want, `%s%s"tc_x":%s"v"%s`, line[:at], comma, blank, line[at:])
			end := []string{"\n", "\r\n", "\n\n", " \r\n\r\n"}[rng.IntN(4)]
			in.WriteString(end)
			want.WriteString(end)
		}
		opt := JSONLOptions{BatchSize: 16 + rng.IntN(200)}
		c := jsonlCase{outputs: outputs("tc_x"), sets: []record.Value{jtext("v")}}
		got, _, gotRows, _ := c.run(t, iotest.HalfReader(strings.NewReader(in.String())), opt)
		if got != want.String() || gotRows != rows {
			t.Fatalf("%d: %d rows of %d, got\n%q\nwant\n%q", n, gotRows, rows, got, want.String())
		}
		if got, _, _, _ := (jsonlCase{}).run(t, strings.NewReader(in.String()), opt); got != in.String() {
			t.Fatalf("without outputs: got\n%q\nwant\n%q", got, in.String())
		}
	}
}

func randomObject(rng *rand.Rand, depth int) string {
	blank := func() string { return []string{"", "", " ", "\t"}[rng.IntN(4)] }
	var b strings.Builder
	b.WriteString("{" + blank())
	for i := range rng.IntN(5) {
		if i > 0 {
			b.WriteString("," + blank())
		}
		fmt.Fprintf(&b, `"k%d"%s:%s%s%s`, rng.IntN(9), blank(), blank(), randomValue(rng, depth-1), blank())
	}
	return b.String() + "}"
}

func randomValue(rng *rand.Rand, depth int) string {
	scalars := []string{"null", "true", "false", "0", "-1.25e-7", `""`, `"a:b, {c}"`, `"\"\\\u00fc"`, `"Größe"`, "\"\xff\xfe\""}
	switch n := rng.IntN(12); {
	case n == 10 && depth > 0:
		return randomObject(rng, depth)
	case n == 11 && depth > 0:
		return "[" + randomValue(rng, depth-1) + " ," + randomValue(rng, depth-1) + "]"
	default:
		return scalars[n%len(scalars)]
	}
}
