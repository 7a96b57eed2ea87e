package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/record"
)

// events are n lines in the shape of a Zeek or Suricata DNS log.
func events(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 1))
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"timestamp":"2026-11-24T05:%02d:%02d.123456+0000","flow_id":%d,"in_iface":"eth0","event_type":"dns","src_ip":"192.0.2.%d","src_port":%d,"dest_ip":"203.0.113.%d","dest_port":53,"proto":"UDP","dns":{"type":"query","id":%d,"rrname":"host-%d.example.com","rrtype":"A","tx_id":0},"tags":["internal","lan"],"note":"quoted \"text\" here"}`+"\n",
			i/60%60, i%60, rng.Uint64N(1e15), rng.IntN(256), rng.IntN(65536), rng.IntN(256), rng.IntN(65536), rng.IntN(500))
	}
	return b.Bytes()
}

var summary = outputs("tc_status", "tc_type", "tc_verdict", "tc_votes", "tc_related", "tc_last_seen", "tc_permalink", "tc_source", "tc_age")

func summarySet() *record.Set {
	num := func(s string) record.Value { return record.Value{Kind: record.Number, Text: s} }
	return jset(jtext("found"), jtext("domain"), jtext("malicious"), num("-1"), num("17"), jtext("2026-11-01"),
		jtext("https://threat.example/domain.php?domain=host.example.com"), jtext("threatcrowd"), num("3600"))
}

// pass reads and writes in once and looks at every value of the fields.
func pass(t testing.TB, r *JSONLReader, w *JSONLWriter, b *record.Batch, fields int, one *record.Set, anns []record.Annotation, of []uint32) (rows, values int) {
	count := func([]byte) { values++ }
	for {
		err := r.Read(b)
		if err == io.EOF {
			return rows, values
		}
		if err != nil {
			t.Fatal(err)
		}
		for row := range b.Rows {
			for col := range fields {
				b.Format.Values(b.Cell(row, col), nil, count)
			}
		}
		rows += len(b.Rows)
		anns[0].Of = of[:len(b.Rows)]
		b.Annotations = anns
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJSONLAllocations(t *testing.T) {
	wide := bytes.ReplaceAll(events(4000), []byte(`":`), []byte(`": `))
	again := bytes.ReplaceAll(events(4000), []byte(`"in_iface"`), []byte(`"tc_status"`))
	for name, in := range map[string][]byte{"tight": events(4000), "wide": wide, "overwritten": again} {
		src := bytes.NewReader(in)
		r := NewJSONLReader(src, JSONLOptions{BatchSize: 64 << 10})
		fields := []string{"src_ip", "dns.rrname", "tags", "note"}
		r.Select(record.Selection{Fields: fields, Outputs: summary})
		w := NewJSONLWriter(io.Discard)
		var b record.Batch
		one := summarySet()
		anns := []record.Annotation{{Sets: []*record.Set{one}}}
		of := make([]uint32, 4000)
		again := func() {
			src.Reset(in)
			r.err, r.lo, r.hi = nil, 0, 0
			rows, values := pass(t, r, w, &b, len(fields), one, anns, of)
			if rows != 4000 || values != 5*4000 {
				t.Fatalf("%d rows, %d values", rows, values)
			}
		}
		again() // warm
		if n := testing.AllocsPerRun(5, again); n > 5 {
			t.Errorf("%s: %v allocations for 4000 warm rows, want none", name, n)
		}
	}
}

func BenchmarkJSONL(bm *testing.B) {
	in := events(20000)
	bm.Run("spans", func(bm *testing.B) {
		bm.SetBytes(int64(len(in)))
		bm.ReportAllocs()
		one := summarySet()
		anns := []record.Annotation{{Sets: []*record.Set{one}}}
		of := make([]uint32, 20000)
		for bm.Loop() {
			r := NewJSONLReader(bytes.NewReader(in), JSONLOptions{})
			r.Select(record.Selection{Fields: []string{"dest_ip", "dns.rrname"}, Outputs: summary})
			var b record.Batch
			pass(bm, r, NewJSONLWriter(io.Discard), &b, 2, one, anns, of)
		}
	})
	bm.Run("read", func(bm *testing.B) {
		bm.SetBytes(int64(len(in)))
		bm.ReportAllocs()
		for bm.Loop() {
			r := NewJSONLReader(bytes.NewReader(in), JSONLOptions{})
			r.Select(record.Selection{Fields: []string{"dest_ip"}, Outputs: summary})
			var b record.Batch
			for r.Read(&b) == nil {
			}
		}
	})
	// What a program does that decodes and encodes each event.
	bm.Run("encoding-json", func(bm *testing.B) {
		bm.SetBytes(int64(len(in)))
		bm.ReportAllocs()
		values := summarySet().Values
		for bm.Loop() {
			d := json.NewDecoder(bytes.NewReader(in))
			e := json.NewEncoder(io.Discard)
			for d.More() {
				var m map[string]any
				if err := d.Decode(&m); err != nil {
					bm.Fatal(err)
				}
				for i, o := range summary {
					m[o.Name] = values[i].Text
				}
				if err := e.Encode(m); err != nil {
					bm.Fatal(err)
				}
			}
		}
	})
	bm.Run("encoding-json-raw", func(bm *testing.B) {
		bm.SetBytes(int64(len(in)))
		values := summarySet().Values
		for bm.Loop() {
			d := json.NewDecoder(bytes.NewReader(in))
			e := json.NewEncoder(io.Discard)
			for d.More() {
				var m map[string]json.RawMessage
				if err := d.Decode(&m); err != nil {
					bm.Fatal(err)
				}
				for i, o := range summary {
					m[o.Name] = appendJSONString(nil, values[i].Text)
				}
				if err := e.Encode(m); err != nil {
					bm.Fatal(err)
				}
			}
		}
	})
}

// Damaged objects: what encoding/json accepts is a row, and nothing else.
func TestJSONLStrict(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const marks = "{}[]\",:\\0-.eEutn \t\r\x1f"
	bad := 0
	for range 10000 {
		line := []byte(randomObject(rng, 3))
		for range rng.IntN(3) {
			switch i := rng.IntN(len(line)); rng.IntN(3) {
			case 0:
				line[i] = marks[rng.IntN(len(marks))]
			case 1:
				line = append(line[:i], line[min(i+1, len(line)-1):]...)
			case 2:
				line = append(line[:i], append([]byte{marks[rng.IntN(len(marks))]}, line[i:]...)...)
			}
		}
		if len(bytes.Trim(line, " \t\r")) == 0 {
			continue
		}
		for _, end := range []string{"", "\n", "\r\n", "\n{}\n"} {
			r := NewJSONLReader(strings.NewReader(string(line)+end), JSONLOptions{BatchSize: 256})
			r.Select(record.Selection{Fields: []string{"k1"}})
			var b record.Batch
			if err := r.Read(&b); err != nil {
				t.Fatal(err)
			}
			if b.Rows[0].Bad == isObject(line) {
				t.Fatalf("%q: bad %v", line, b.Rows[0].Bad)
			}
			if b.Rows[0].Bad {
				bad++
			} else if want, _ := lookup(line, "k1"); string(want) != string(b.Cell(0, 0)) {
				t.Fatalf("%q: got %q, want %q", line, b.Cell(0, 0), want)
			}
		}
	}
	if bad < 1000 {
		t.Errorf("only %d lines were bad: the test tests nothing", bad)
	}
}
