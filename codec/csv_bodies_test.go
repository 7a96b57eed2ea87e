package codec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/record"
)

// TestHalves: what two goroutines make of a large body is what one makes.
func TestHalves(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	sel := record.Selection{Fields: []string{"d"}, Outputs: []record.Output{{Name: "x"}, {Name: "l", List: true}, {Name: "e"}}}
	for _, tt := range []struct {
		name  string
		cells []string
	}{
		{"plain", []string{"a", "bb.example.com", "", "12345678901234567890"}},
		{"quoted", []string{"a", `"b.com"`, `"say ""hi"""`, "\"two\nlines\"", "\"\n\n\"", `""`}},
		{"only line ends", []string{"\"\n\n\n\n\n\n\"", "\"\r\n\""}},
		{"stray quotes", []string{"a", `5"`, `a"b`, "\"c\nd\"", `""x"`}},
		{"ragged", []string{"a", "b,c", "\"d\n,\"", "e,f,g"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for round := range 6 {
				var in bytes.Buffer
				in.WriteString("d,e,f\n")
				for in.Len() < 2*largeBody+round*1000 {
					for c := range 3 {
						if c > 0 {
							in.WriteByte(',')
						}
						in.WriteString(tt.cells[rng.IntN(len(tt.cells))])
					}
					in.WriteByte('\n')
					if rng.IntN(50) == 0 {
						in.WriteByte('\n')
					}
				}
				c := NewCSVBodies(Splunk, sel)
				var b, one record.Batch
				if _, err := c.Parse(in.Bytes(), &b); err != nil {
					t.Fatal(err)
				}
				c.layout.fillBatch(&one, in.Bytes(), len("d,e,f\n"))
				if !reflect.DeepEqual(b.Rows, one.Rows) || !reflect.DeepEqual(b.Cells, one.Cells) || len(b.Odd)+len(one.Odd) > 0 && !reflect.DeepEqual(b.Odd, one.Odd) {
					t.Fatalf("%d rows, %d odd; in one piece %d rows, %d odd", len(b.Rows), len(b.Odd), len(one.Rows), len(one.Odd))
				}
				sets := []*record.Set{setOf(cellText("X"), cellList("a", "b"), cellText("E")), setOf(cellText("Y"), cellList(), cellText(""))}
				of := make([]uint32, len(b.Rows))
				for i := range of {
					of[i] = uint32(rng.IntN(2))
				}
				b.Annotations = []record.Annotation{{Sets: sets, Of: of}}
				one.Annotations = b.Annotations
				got, want := c.Append(nil, &b), AppendCSV(AppendHeader(nil, &one), &one)
				if !bytes.Equal(got, want) {
					t.Fatal("the replies differ")
				}
				if n := c.Begin(&b); n != len(got) {
					t.Fatalf("%d bytes announced, %d written", n, len(got))
				}
			}
		})
	}
}

// FuzzSplit: whatever a body is, its halves are its whole.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a,b\n\"c\nd\",e\n"), uint16(3))
	f.Add([]byte("\"\n\"\n\"\"\n"), uint16(1))
	f.Fuzz(func(t *testing.T, piece []byte, times uint16) {
		body := append([]byte("d,e\n"), bytes.Repeat(piece, int(times)%2000)...)
		if len(body) < largeBody {
			body = append(body, bytes.Repeat([]byte("x,\"y\nz\"\n"), largeBody/8)...)
		}
		c := NewCSVBodies(Splunk, record.Selection{Fields: []string{"d"}})
		var b, one record.Batch
		if _, err := c.Parse(body, &b); err != nil {
			t.Fatal(err)
		}
		s := newScanner(',', 0)
		head, _, _ := s.row(body, 0, true, nil)
		c.layout.fillBatch(&one, body, int(head.Next))
		if fmt.Sprint(b.Rows) != fmt.Sprint(one.Rows) || fmt.Sprint(b.Cells) != fmt.Sprint(one.Cells) || fmt.Sprint(b.Odd) != fmt.Sprint(one.Odd) {
			t.Fatalf("%d rows, in one piece %d", len(b.Rows), len(one.Rows))
		}
	})
}

// FuzzReply: a reply has as many bytes as were announced, however it is cut in
// pieces, and they are those of a writer that knows no short cuts.
func FuzzReply(f *testing.F) {
	f.Add([]byte("d,e\na,b\n"), "x", uint16(1))
	f.Add([]byte("d,x\na,b\r\n\nc\n\"1\n2\",,3"), "x,\"y\"", uint16(700))
	f.Add([]byte("d\na\r"), "x", uint16(0))
	f.Add([]byte("\n\n,\n"), strings.Repeat("long ", 300), uint16(9000))
	f.Fuzz(func(t *testing.T, body []byte, value string, times uint16) {
		if end := bytes.IndexByte(body, '\n'); end >= 0 && len(body) < 1<<16 {
			body = append(body[:end+1:end+1], bytes.Repeat(body[end+1:], 1+int(times)%100)...)
		}
		sel := record.Selection{Fields: []string{"d"}, Outputs: []record.Output{{Name: "x"}, {Name: "y", List: true}}}
		c := NewCSVBodies(Splunk, sel)
		var b record.Batch
		if _, err := c.Parse(body, &b); err != nil {
			t.Fatal(err)
		}
		sets := []*record.Set{setOf(cellText(value), cellList("a", value)), setOf(cellText("2"), cellList())}
		of := make([]uint32, len(b.Rows))
		for i := range of {
			of[i] = uint32(i & 1)
		}
		b.Annotations = []record.Annotation{{Sets: sets, Of: of}}
		size := c.Begin(&b)
		got := c.Next(nil)
		for n := -1; n < len(got); {
			n = len(got)
			got = c.Next(slices.Clip(got))
		}
		if size != len(got) {
			t.Fatalf("%d bytes announced, %d written", size, len(got))
		}
		l := b.Format.(*layout)
		want := AppendHeader(nil, &b)
		odd := b.Odd
		for r, row := range b.Rows {
			switch {
			case row.Bad:
				want = append(want, b.Buf[row.Start:row.Next]...)
				continue
			case len(odd) > 0 && odd[0].Row == r:
				want, odd = l.appendOdd(want, &b, r, odd[0]), odd[1:]
			default:
				want = l.appendAdded(l.appendInPlace(want, &b, r), 0, sets[r&1])
			}
			want = append(want, b.Buf[row.End:row.Next]...)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got  %.200q\nwant %.200q", got, want)
		}
	})
}

// FuzzWhole: what is whole by a look at the quotes alone is so record by record.
func FuzzWhole(f *testing.F) {
	for _, s := range []string{"", "a\nb", "\"a\n", "a,\"b\nc\",d\ne", "\"a\"\"\n\"b\n", "x\"y\n\"z\nu\"", "\"a\nb\",\"c\nd", "a,\"\"\n\"", "\n\n\"\"\"\n", "1,2\n\"3\",\"4\n5\"\n6"} {
		f.Add([]byte(s), uint8(','))
		f.Add([]byte(s), uint8('\t'))
	}
	f.Fuzz(func(t *testing.T, buf []byte, comma uint8) {
		if comma == '"' || comma == '\n' || comma == '\r' {
			return
		}
		s := newScanner(comma, 2)
		end := s.whole(buf)
		if want := s.wholeByRow(buf); end != want {
			t.Fatalf("%q: %d bytes, record by record %d", buf, end, want)
		}
		// And that is where the records end that are found one by one.
		pos := 0
		for {
			r, _, ok := s.row(buf, pos, false, nil)
			if !ok {
				break
			}
			pos = int(r.Next)
		}
		if pos != end {
			t.Fatalf("%q: %d bytes, its records have %d", buf, end, pos)
		}
	})
}
