package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tclookup/tclookup/record"
)

// formsOf reads all records of a text and returns their forms, each kind in a
// reading of its own as a program would.
func formsOf(t testing.TB, s Syntax, in string, sel record.Selection, wanted []string, set *record.Set) (objects, added, texts []string, columns [][]string, f *Forms) {
	t.Helper()
	for _, text := range []bool{false, true} {
		rd := NewReader(s, strings.NewReader(in), "")
		names, err := rd.Columns()
		if err != nil {
			return
		}
		var all record.Selection
		f, all = NewForms(s, names, sel, wanted)
		rd.Select(all)
		var b record.Batch
		for {
			if err := rd.Read(&b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			annotate(&b, &record.Set{Values: set.Values})
			before := bytes.Clone(b.Buf)
			rows := slices.Clone(b.Rows)
			if err := f.Prepare(&b, text); err != nil {
				t.Fatal(err)
			}
			for r := range b.Rows {
				if text {
					texts = append(texts, string(f.AppendText(nil, &b, r)))
					continue
				}
				objects = append(objects, string(f.AppendObject(nil, &b, r)))
				added = append(added, string(f.AppendAdded(nil, &b, r)))
				var vs []string
				for i := range wanted {
					vs = append(vs, f.Column(&b, r, i))
				}
				columns = append(columns, vs)
			}
			if !bytes.Equal(before, b.Buf) || !slices.Equal(rows, b.Rows) {
				t.Error("the batch was changed")
			}
		}
	}
	return
}

func TestForms(t *testing.T) {
	sel := record.Selection{Fields: []string{"d"}, Outputs: []record.Output{
		{Name: "tc_status"}, {Name: "tc_votes"}, {Name: "tc_ips", List: true}, {Name: "tc_json"}, {Name: "dest", Fill: true},
	}}
	set := &record.Set{Values: []record.Value{
		{Text: "found"}, {Kind: record.Number, Text: "-1"}, {Kind: record.List, List: []string{"192.0.2.1", "192.0.2.2"}},
		{Kind: record.JSON, Text: `{"a":[1]}`}, {Text: "evil.com"},
	}}
	const list = `"tc_ips":["192.0.2.1","192.0.2.2"],"tc_json":{"a":[1]}`
	for _, tt := range []struct {
		name   string
		syntax Syntax
		in     string
		object []string
		added  []string
		text   []string
		column []string // the values of the wanted column host
	}{
		{
			"csv", SyntaxCSV, "d,n,host\nevil.com,007,web\n\"a \"\"b\"\"\nc\",,\n",
			[]string{
				`{"d":"evil.com","n":"007","host":"web","tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
				`{"d":"a \"b\"\nc","tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
			},
			[]string{
				`{"tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
				`{"tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
			},
			[]string{
				`evil.com,007,web,found,-1,192.0.2.1;192.0.2.2,"{""a"":[1]}",evil.com`,
				"\"a \"\"b\"\"\nc\",,,found,-1,192.0.2.1;192.0.2.2,\"{\"\"a\"\":[1]}\",evil.com",
			},
			[]string{"web", ""},
		},
		{
			"overwritten, filled, multivalue, too many and too few cells", SyntaxCSV,
			"tc_status,d,__mv_d,dest,dest\nold,x,$x$;$y$,own,2\nold,x,,,\nold\nold,x,,,,more,\"m,ore\"\n",
			[]string{
				`{"d":["x","y"],"dest":"own","tc_status":"found","tc_votes":-1,` + list + `}`,
				`{"d":"x","tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
				`{"tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
				`{"d":"x","_extra":["more","m,ore"],"tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
			},
			nil, nil, nil,
		},
		{
			"json lines", SyntaxJSONL, "{\"d\":\"evil.com\",\"n\":7,\"host\":\"web\",\"tc_status\":1}\n\nno object\n{\"dest\": \"own\"}",
			[]string{
				`{"d":"evil.com","n":7,"host":"web","tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
				"",
				`{"dest": "own", "tc_status": "found", "tc_votes": -1, "tc_ips": ["192.0.2.1","192.0.2.2"], "tc_json": {"a":[1]}}`,
			},
			[]string{
				`{"tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
				"{}",
				`{"tc_status":"found","tc_votes":-1,` + list + `}`,
			},
			[]string{
				`{"d":"evil.com","n":7,"host":"web","tc_status":"found","tc_votes":-1,` + list + `,"dest":"evil.com"}`,
				"no object",
				`{"dest": "own", "tc_status": "found", "tc_votes": -1, "tc_ips": ["192.0.2.1","192.0.2.2"], "tc_json": {"a":[1]}}`,
			},
			[]string{"web", "", ""},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			objects, added, texts, columns, f := formsOf(t, tt.syntax, tt.in, sel, []string{"host"}, set)
			for _, c := range []struct {
				what      string
				got, want []string
			}{{"object", objects, tt.object}, {"added", added, tt.added}, {"text", texts, tt.text}} {
				if c.want != nil && !slices.Equal(c.got, c.want) {
					t.Errorf("%s:\n got %s\nwant %s", c.what, strings.Join(c.got, "\n     "), strings.Join(c.want, "\n     "))
				}
			}
			for i, want := range tt.column {
				if columns[i][0] != want {
					t.Errorf("column host of record %d is %q, want %q", i, columns[i][0], want)
				}
			}
			if twice := strings.Contains(tt.in, "dest,dest"); twice != (len(f.Warnings()) == 1) {
				t.Errorf("warnings %q", f.Warnings())
			}
		})
	}
}

// Whatever the input, objects are JSON on one line, and the texts are what the
// writer of the format writes.
func FuzzForms(f *testing.F) {
	for s := range SyntaxJSONL + 1 {
		f.Add(uint8(s), "d,e\nx,y\n\n\"a\"\"\nb\",c,z\nq", "e")
		f.Add(uint8(s), "d\t__mv_d;e\n\"x\"\t$a$;$b$\n\"", "d")
		f.Add(uint8(s), "{\"d\":\"\\u00e9\",\"e\":[1]}\nx\n{}\n{ }\n{\"a\":1 }", "e")
	}
	set := &record.Set{Values: []record.Value{{Text: "fo\"u\nnd"}, {Kind: record.List, List: []string{"a", "b\n"}}, {Kind: record.Number, Text: "x"}}}
	sel := record.Selection{Fields: []string{"d"}, Outputs: []record.Output{{Name: "s"}, {Name: "e", List: true, Fill: true}, {Name: "d"}}}
	f.Fuzz(func(t *testing.T, syntax uint8, in, wanted string) {
		s := Syntax(syntax % uint8(SyntaxJSONL+1))
		objects, added, texts, _, _ := formsOf(t, s, in, sel, []string{wanted}, set)
		if len(objects) != len(texts) {
			t.Fatalf("%d objects of %d records", len(objects), len(texts))
		}
		for _, o := range append(objects, added...) {
			if o == "" {
				continue
			}
			if strings.ContainsAny(o, "\n") || !json.Valid([]byte(strings.ToValidUTF8(o, "?"))) {
				t.Fatalf("%q is no object", o)
			}
			if s != SyntaxJSONL && !utf8.ValidString(o) {
				t.Fatalf("%q is no UTF-8", o)
			}
		}
		var out bytes.Buffer
		rd, w := NewReader(s, strings.NewReader(in), ""), NewWriter(s, &out)
		if _, err := rd.Columns(); err != nil {
			return
		}
		rd.Select(sel)
		var b record.Batch
		for rest := texts; rd.Read(&b) == nil; {
			annotate(&b, &record.Set{Values: set.Values})
			if len(b.Rows) == 0 {
				continue
			}
			out.Reset()
			if err := w.Write(&b); err != nil {
				t.Fatal(err)
			}
			var all []byte
			for r, row := range b.Rows {
				all = append(append(all, rest[r]...), b.Buf[row.End:row.Next]...)
			}
			rest = rest[len(b.Rows):]
			if !bytes.HasSuffix(out.Bytes(), all) {
				t.Fatalf("the writer wrote\n%q\nthe texts are\n%q", out.Bytes(), all)
			}
		}
	})
}

// The input form is the record as it was read, whatever is added.
func TestInputForm(t *testing.T) {
	for _, tt := range []struct {
		syntax Syntax
		in     string
		want   []string
	}{
		{SyntaxCSV, "d,tc_status,n\nbad.com,old,1\n,,\nx,y,z,more\n", []string{
			`{"d":"bad.com","tc_status":"old","n":"1"}`, `{}`, `{"d":"x","tc_status":"y","n":"z","_extra":["more"]}`,
		}},
		{SyntaxJSONL, "{\"d\": \"bad.com\",\"tc_status\":1.50}\noops\n", []string{`{"d": "bad.com","tc_status":1.50}`, ""}},
	} {
		rd := NewReader(tt.syntax, strings.NewReader(tt.in), "")
		names, err := rd.Columns()
		if err != nil {
			t.Fatal(err)
		}
		sel := record.Selection{Fields: []string{"d"}, Outputs: []record.Output{{Name: "tc_status"}}}
		f, all := NewForms(tt.syntax, names, sel, nil)
		rd.Select(all)
		var b record.Batch
		var got []string
		for rd.Read(&b) == nil {
			annotate(&b, &record.Set{Values: []record.Value{{Text: "new"}}})
			if err := f.Prepare(&b, false); err != nil {
				t.Fatal(err)
			}
			for r := range b.Rows {
				got = append(got, string(f.AppendInput(nil, &b, r)))
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.syntax, got, tt.want)
		}
	}
}
