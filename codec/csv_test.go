package codec

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tclookup/tclookup/record"
)

// text and list make values.
func cellText(s string) record.Value      { return record.Value{Text: s} }
func cellList(s ...string) record.Value   { return record.Value{Kind: record.List, List: s} }
func setOf(v ...record.Value) *record.Set { return &record.Set{Values: v} }

// annotate gives every row of b the same set.
func annotate(b *record.Batch, s *record.Set) {
	b.Annotations = []record.Annotation{{Sets: []*record.Set{s}, Of: make([]uint32, len(b.Rows))}}
}

// run reads in with the selection, gives each row the set and returns what is
// written, and the values of the selected fields of each row.
func run(t testing.TB, r io.Reader, d Dialect, sel record.Selection, s *record.Set) (string, [][]string) {
	t.Helper()
	rd := NewCSVReader(r, d)
	var out bytes.Buffer
	w := NewCSVWriter(&out)
	if _, err := rd.Columns(); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	rd.Select(sel)
	var rows [][]string
	var b record.Batch
	for {
		err := rd.Read(&b)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			if b.Rows[i].Bad {
				continue
			}
			var vs []string
			for f := range sel.Fields {
				b.Format.Values(b.Cell(i, f), b.Twin(i, f), func(v []byte) { vs = append(vs, string(v)) })
			}
			rows = append(rows, vs)
		}
		annotate(&b, s)
		if err := w.Write(&b); err != nil {
			t.Fatal(err)
		}
		if n := len(b.Rows); n > 0 { // whatever keeps a span past its batch reads zeros
			clear(b.Buf[b.Rows[0].Start:b.Rows[n-1].Next])
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), rows
}

func TestCSV(t *testing.T) {
	sel := func(outs ...record.Output) record.Selection {
		return record.Selection{Fields: []string{"d"}, Outputs: outs}
	}
	x, l, fill := record.Output{Name: "x"}, record.Output{Name: "l", List: true}, record.Output{Name: "x", Fill: true}
	tests := []struct {
		name    string
		dialect Dialect
		sel     record.Selection
		set     *record.Set
		in, out string
	}{
		{"appended", CSV, sel(x), setOf(cellText("X")), "d,e\na,1\nb,2\n", "d,e,x\na,1,X\nb,2,X\n"},
		{"no final newline", CSV, sel(x), setOf(cellText("X")), "d,e\na,1", "d,e,x\na,1,X"},
		{"crlf", CSV, sel(x), setOf(cellText("X")), "d,e\r\na,1\r\n", "d,e,x\r\na,1,X\r\n"},
		{"crlf in a quoted cell", CSV, sel(x), setOf(cellText("X")), "d,e\n\"a\r\nb\",\"1\"\r\n", "d,e,x\n\"a\r\nb\",\"1\",X\r\n"},
		{"quoting kept", CSV, sel(x), setOf(cellText("X")), "\"d\",e\n\"a\",\"say \"\"hi\"\"\"\n", "\"d\",e,x\n\"a\",\"say \"\"hi\"\"\",X\n"},
		{"value quoted", CSV, sel(x), setOf(cellText("a,\"b\"\n")), "d\na\n", "d,x\na,\"a,\"\"b\"\"\n\"\n"},
		{"in place", CSV, sel(x), setOf(cellText("X")), "d,x,e\na,old,1\nb,,2\n", "d,x,e\na,X,1\nb,X,2\n"},
		{"in place, last and quoted", CSV, sel(x), setOf(cellText("X")), "d,x\na,\"o,ld\"\r\n", "d,x\na,X\r\n"},
		{"fill", CSV, sel(fill), setOf(cellText("X")), "d,x\na,old\nb,\nc,\"\"\n", "d,x\na,old\nb,X\nc,X\n"},
		{"short row", CSV, sel(x), setOf(cellText("X")), "d,e,f\na\nb,1\n", "d,e,f,x\na,,,X\nb,1,,X\n"},
		{"short row, in place", CSV, sel(x), setOf(cellText("X")), "d,x,f\na\n", "d,x,f\na,X,\n"},
		{"long row", CSV, sel(x), setOf(cellText("X")), "d,e\na,1,extra,\"m\"\n", "d,e,x\na,1,X,extra,\"m\"\n"},
		{"blank lines", CSV, sel(x), setOf(cellText("X")), "d,e\n\na,1\n\r\nb,2\n\n", "d,e,x\n\na,1,X\n\r\nb,2,X\n\n"},
		{"blank lines before the header", CSV, sel(x), setOf(cellText("X")), "\n\nd,e\na,1\n", "\n\nd,e,x\na,1,X\n"},
		{"empty line of a one-column file", CSV, sel(x), setOf(cellText("X")), "d\n\na\n", "d,x\n,X\na,X\n"},
		{"stray quotes", CSV, sel(x), setOf(cellText("X")), "d,e\n5\" disk,\"q\"uote\n", "d,e,x\n5\" disk,\"q\"uote,X\n"},
		{"quote never closed", CSV, sel(x), setOf(cellText("X")), "d,e\na,\"b\nc\n", "d,e,x\na,\"b\nc\n,X"},
		{"header only", CSV, sel(x), setOf(cellText("X")), "d,e\n", "d,e,x\n"},
		{"header only, no newline", CSV, sel(x), setOf(cellText("X")), "d,e", "d,e,x"},
		{"nothing", CSV, sel(x), setOf(cellText("X")), "", ""},
		{"semicolons", SSV, sel(x), setOf(cellText("a;b")), "d;e\na,b;1\n", "d;e;x\na,b;1;\"a;b\"\n"},
		{"tabs", TSV, sel(x), setOf(cellText("X")), "d\te\na\t1\n", "d\te\tx\na\t1\tX\n"},
		{"list", CSV, sel(l), setOf(cellList("a", "b\nc")), "d\na\n", "d,l\na,a;b c\n"},
		{"invalid utf-8", CSV, sel(x), setOf(cellText("X")), "d,e\n\xff\xfe,\x00\n", "d,e,x\n\xff\xfe,\x00,X\n"},
		{"two columns of one name", CSV, sel(x), setOf(cellText("X")), "d,d\na,b\n", "d,d,x\na,b,X\n"},
		{"splunk list", Splunk, sel(l), setOf(cellList("a", "b$")), "d,\"__mv_d\"\na,\n", "d,\"__mv_d\",l,__mv_l\na,,\"a\nb$\",$a$;$b$$$\n"},
		{"splunk list of one", Splunk, sel(l), setOf(cellList("a")), "d\na\n", "d,l,__mv_l\na,a,\n"},
		{"splunk list of none", Splunk, sel(l), setOf(cellList()), "d\na\n", "d,l,__mv_l\na,,\n"},
		{"splunk, old list cleared", Splunk, sel(x), setOf(cellText("X")), "d,x,\"__mv_d\",\"__mv_x\"\na,\"o\np\",,\"$o$;$p$\"\n", "d,x,\"__mv_d\",\"__mv_x\"\na,X,,\n"},
		{"splunk, list in place, twin appended", Splunk, sel(l), setOf(cellList("p", "q")), "l,d\nold,a\n", "l,d,__mv_l\n\"p\nq\",a,$p$;$q$\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []struct {
				name string
				wrap func(io.Reader) io.Reader
			}{
				{"whole", func(r io.Reader) io.Reader { return r }},
				{"bytes", iotest.OneByteReader},
				{"data with error", iotest.DataErrReader},
				{"sevens", func(r io.Reader) io.Reader { return &pieces{r, 7} }},
			} {
				tt.set.Encoded = nil
				got, _ := run(t, r.wrap(strings.NewReader(tt.in)), tt.dialect, tt.sel, tt.set)
				if got != tt.out {
					t.Errorf("%s:\n got %q\nwant %q", r.name, got, tt.out)
				}
			}
		})
	}
}

// pieces reads at most n bytes at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

func TestValues(t *testing.T) {
	sel := record.Selection{Fields: []string{"d", "absent"}}
	_, rows := run(t, strings.NewReader("e,d,\"__mv_d\"\n1,a,\n2,\"q\"\"q\",\n3,,\n4,\"a\nb\",$a$;$b$$c$\n5,plain,$broken\n6,\"\",\n7\n"), Splunk, sel, setOf())
	want := [][]string{{"a"}, {`q"q`}, nil, {"a", "b$c"}, {"plain"}, nil, nil}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", rows, want)
	}
}

func TestMissingField(t *testing.T) {
	rd := NewCSVReader(strings.NewReader("a,b\n1,2\n"), CSV)
	if cols, err := rd.Columns(); err != nil || !slices.Equal(cols, []string{"a", "b"}) {
		t.Fatal(cols, err)
	}
	if m := rd.Select(record.Selection{Fields: []string{"b", "c"}}); !slices.Equal(m, []string{"c"}) {
		t.Errorf("missing %q", m)
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("cable cut")
	rd := NewCSVReader(io.MultiReader(strings.NewReader("d\na\nb"), iotest.ErrReader(broken)), CSV)
	if _, err := rd.Columns(); err != nil {
		t.Fatal(err)
	}
	rd.Select(record.Selection{Fields: []string{"d"}})
	var b record.Batch
	n := 0
	for {
		err := rd.Read(&b)
		if err != nil {
			if !errors.Is(err, broken) {
				t.Fatalf("got %v", err)
			}
			break
		}
		n += len(b.Rows)
	}
	if n != 2 {
		t.Errorf("%d rows before the error, want 2", n)
	}
}

// TestRandomCSV holds the codec against one that works cell by cell.
func TestRandomCSV(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"a", "bc", "example.com", "", " ", `"`, `""`, ",", "\n", "\r\n", "é", "\xff", "12345678", "123456789012345678"}
	cell := func() string {
		var s strings.Builder
		for range rng.IntN(4) {
			s.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		v := s.String()
		if strings.ContainsAny(v, "\",\r\n") || rng.IntN(3) == 0 {
			v = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
		}
		return v
	}
	for range 2000 {
		cols := 1 + rng.IntN(6)
		want := rng.IntN(cols)
		var in, out strings.Builder
		var values [][]string
		for c := range cols {
			name := fmt.Sprintf("c%d", c)
			if c > 0 {
				in.WriteByte(',')
			}
			in.WriteString(name)
		}
		out.WriteString(in.String() + ",x")
		eol := []string{"\n", "\r\n"}[rng.IntN(2)]
		in.WriteString(eol)
		out.WriteString(eol)
		for range rng.IntN(8) {
			var cells []string
			for range cols {
				cells = append(cells, cell())
			}
			row := strings.Join(cells, ",")
			if row == "" && cols > 1 {
				continue
			}
			var vs []string
			if v := string(unquote([]byte(cells[want]))); v != "" {
				vs = []string{v}
			}
			values = append(values, vs)
			in.WriteString(row + eol)
			out.WriteString(row + ",X" + eol)
		}
		sel := record.Selection{Fields: []string{fmt.Sprintf("c%d", want)}, Outputs: []record.Output{{Name: "x"}}}
		got, rows := run(t, &pieces{strings.NewReader(in.String()), 1 + rng.IntN(40)}, CSV, sel, setOf(cellText("X")))
		if got != out.String() {
			t.Fatalf("in   %q\ngot  %q\nwant %q", in.String(), got, out.String())
		}
		if fmt.Sprint(rows) != fmt.Sprint(values) {
			t.Fatalf("in %q: values %q, want %q", in.String(), rows, values)
		}
	}
}

// FuzzCSV: rows and bytes are kept whatever comes, and where encoding/csv
// reads the input, the cells are the same.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a\n\n", "a,b\n\"x\"\"y\",\r\n", "a,b\n1\n1,2,3\n", "\"", "a,a\n\",\n\"\n,\"\"\"\"", "\n\na"} {
		f.Add([]byte(s), uint8(0))
	}
	f.Fuzz(func(t *testing.T, in []byte, col uint8) {
		rd := NewCSVReader(bytes.NewReader(in), CSV)
		names, err := rd.Columns()
		if err != nil {
			return
		}
		field := names[int(col)%len(names)]
		first := slices.Index(names, field)
		sel := record.Selection{Fields: []string{field}, Outputs: []record.Output{{Name: "\x01added"}}}
		if slices.Contains(names, "\x01added") {
			return
		}
		const mark = "\x02\x03"
		var marked = setOf(cellText(mark))
		got, rows := run(t, bytes.NewReader(in), CSV, sel, marked)
		// Without the mark it is the input again, but for the padding of short rows.
		plain := strings.ReplaceAll(strings.Replace(got, ",\x01added", "", 1), ","+mark, "")
		if !bytes.Contains(in, []byte(mark)) && !bytes.Contains(in, []byte("\x01added")) {
			if n := strings.Count(got, mark); n != len(rows) {
				t.Fatalf("%d rows marked of %d", n, len(rows))
			}
			if len(plain) < len(in) || strings.ReplaceAll(plain, ",", "") != strings.ReplaceAll(string(in), ",", "") {
				if string(in) != "" && names[0] != "" {
					t.Fatalf("bytes changed:\n in %q\ngot %q", in, plain)
				}
			}
		}
		// A byte at a time gives the same.
		marked.Encoded = nil
		if slow, _ := run(t, iotest.OneByteReader(bytes.NewReader(in)), CSV, sel, marked); slow != got {
			t.Fatalf("in pieces: %q, whole: %q", slow, got)
		}
		if bytes.Contains(in, []byte("\r")) && !bytes.Contains(in, []byte("\r\n")) {
			return // encoding/csv keeps a lone CR in the middle; so do we, but at the end it does not
		}
		std := csv.NewReader(bytes.NewReader(in))
		std.FieldsPerRecord = -1
		records, err := std.ReadAll()
		if err != nil || len(records) == 0 {
			return
		}
		if len(names) == 1 && slices.ContainsFunc(bytes.Split(in, []byte("\n")), func(l []byte) bool { return len(bytes.TrimRight(l, "\r")) == 0 }) {
			return // there an empty line is a record here and none there
		}
		if len(records)-1 != len(rows) {
			t.Fatalf("%d rows, encoding/csv reads %d", len(rows), len(records)-1)
		}
		for i, rec := range records[1:] {
			want := ""
			if first < len(rec) {
				want = rec[first]
			}
			have := strings.ReplaceAll(strings.Join(rows[i], ""), "\r\n", "\n")
			if have != strings.ReplaceAll(want, "\r\n", "\n") {
				t.Fatalf("row %d: %q, encoding/csv reads %q", i, have, want)
			}
		}
	})
}

func TestBodies(t *testing.T) {
	sel := record.Selection{Fields: []string{"domain"}, Outputs: []record.Output{{Name: "x"}}}
	c := NewCSVBodies(Splunk, sel)
	var b record.Batch
	for _, tt := range []struct{ in, out string }{
		{"domain,\"_chunked_idx\"\na,0\nb,1\n", "domain,\"_chunked_idx\",x\na,0,X\nb,1,X\n"},
		{"domain,\"_chunked_idx\"\n", "domain,\"_chunked_idx\",x\n"},
		{"domain\n\na\n", "domain,x\n,X\na,X\n"},
		{"e,domain\n1,a\n", "e,domain,x\n1,a,X\n"},
		{"e\n1\n", "e,x\n1,X\n"},
	} {
		if _, err := c.Parse([]byte(tt.in), &b); err != nil {
			t.Fatal(err)
		}
		annotate(&b, setOf(cellText("X")))
		if got := string(AppendCSV(AppendHeader(nil, &b), &b)); got != tt.out {
			t.Errorf("%q:\n got %q\nwant %q", tt.in, got, tt.out)
		}
	}
}

// splunkBody returns a body of n rows as splunkd sends them.
func splunkBody(n int) []byte {
	var b bytes.Buffer
	b.WriteString("\"_time\",host,\"src_ip\",domain,url,status,bytes,user,action,\"_raw\"")
	for _, f := range []string{"_time", "host", "src_ip", "domain", "url", "status", "bytes", "user", "action", "_raw"} {
		fmt.Fprintf(&b, ",\"__mv_%s\"", f)
	}
	b.WriteByte('\n')
	for i := range n {
		d := i * i % 997
		fmt.Fprintf(&b, "\"%d.125\",proxy01,\"10.0.%d.%d\",\"host%d.example.com\",\"http://host%d.example.com/path?q=%d\",200,%d,user%d,allowed,\"%d GET \"\"http://host%d.example.com/path?q=%d\"\" 200 %d Mozilla/5.0 (Windows NT 10.0; Win64; x64)\",,,,,,,,,,\n",
			1700000000+i, d>>8, d&255, d, d, i, i*37%99991, d, 1700000000+i, d, i, i*37%99991)
	}
	return b.Bytes()
}

func TestCSVAllocations(t *testing.T) {
	body := splunkBody(2000)
	sel := record.Selection{Fields: []string{"domain"}, Outputs: []record.Output{{Name: "tc_status"}, {Name: "tc_hashes", List: true}}}
	c := NewCSVBodies(Splunk, sel)
	var b record.Batch
	s := setOf(cellText("found"), cellList("a", "b"))
	of := make([]uint32, 2000)
	out := make([]byte, 0, 2*len(body))
	sets := []*record.Set{s}
	anns := []record.Annotation{{Sets: sets, Of: of}}
	step := func() {
		if _, err := c.Parse(body, &b); err != nil {
			t.Fatal(err)
		}
		b.Annotations = anns
		out = AppendCSV(AppendHeader(out[:0], &b), &b)
	}
	step()
	if n := testing.AllocsPerRun(10, step); n > 0 {
		t.Errorf("%v allocations for 2000 rows", n)
	}
}

func BenchmarkCSV(bm *testing.B) {
	body := splunkBody(20000)
	sel := record.Selection{Fields: []string{"domain"}, Outputs: []record.Output{{Name: "tc_status"}, {Name: "tc_votes"}, {Name: "tc_last_seen"}}}
	s := setOf(cellText("found"), cellText("-1"), cellText("2020-02-11"))
	of := make([]uint32, 20000)
	bm.Run("spans", func(bm *testing.B) {
		c := NewCSVBodies(Splunk, sel)
		var b record.Batch
		var out []byte
		bm.SetBytes(int64(len(body)))
		bm.ReportAllocs()
		for bm.Loop() {
			_, _ = c.Parse(body, &b)
			b.Annotations = append(b.Annotations[:0], record.Annotation{Sets: []*record.Set{s}, Of: of})
			out = AppendCSV(AppendHeader(out[:0], &b), &b)
		}
	})
	bm.Run("encoding/csv", func(bm *testing.B) {
		bm.SetBytes(int64(len(body)))
		bm.ReportAllocs()
		for bm.Loop() {
			r := csv.NewReader(bytes.NewReader(body))
			r.ReuseRecord = true
			var out bytes.Buffer
			w := csv.NewWriter(&out)
			for {
				rec, err := r.Read()
				if err != nil {
					break
				}
				if err := w.Write(append(rec, "found", "-1", "2020-02-11")); err != nil {
					bm.Fatal(err)
				}
			}
			w.Flush()
		}
	})
}
