package workload

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"testing"
)

func TestSameBytes(t *testing.T) {
	a, b := New(2000, true), New(2000, true)
	if !bytes.Equal(a.AppendCSV(nil, 500), b.AppendCSV(nil, 500)) || !bytes.Equal(a.Body(500, false).CSV, b.Body(500, false).CSV) {
		t.Error("two logs differ")
	}
}

func TestShape(t *testing.T) {
	l := New(20000, true)
	log := append(CSVHeader(), l.AppendCSV(nil, 20000)...)
	recs, err := csv.NewReader(bytes.NewReader(log)).ReadAll()
	if err != nil || len(recs) != 20001 || len(recs[5]) != 10 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	if per := len(log) / 20000; per < 205 || per > 235 {
		t.Errorf("%d bytes a row of CSV, want about 219", per)
	}
	body := l.Body(20000, false)
	recs, err = csv.NewReader(bytes.NewReader(body.CSV)).ReadAll()
	if err != nil || len(recs) != 20001 || len(recs[5]) != 20 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	count := map[string]int{}
	for i, r := range recs[1:] {
		if r[4] != Domain(body.Domains[i]) {
			t.Fatalf("row %d: %s", i, r[4])
		}
		count[r[4]]++
	}
	if per := len(body.CSV) / 20000; per < 295 || per > 335 {
		t.Errorf("%d bytes a row from splunkd, want about 315", per)
	}
	if len(count) < 2000 || len(count) > 19000 {
		t.Errorf("%d distinct domains in 20000 rows", len(count))
	}
	for line := range bytes.Lines(l.AppendJSONL(nil, 1000)) {
		if !json.Valid(line) {
			t.Fatalf("not JSON: %s", line)
		}
	}
}

func TestDomains(t *testing.T) {
	seen := map[string]bool{}
	l := New(5000, false)
	for _, d := range l.Body(5000, true).Domains {
		seen[Domain(d)] = true
	}
	for i := range 300_000 {
		if n, ok := Number(Domain(i)); !ok || n != i {
			t.Fatalf("%s is number %d, want %d", Domain(i), n, i)
		}
	}
	if n, ok := Number("www.example.com"); ok {
		t.Errorf("www.example.com is number %d", n)
	}
	if len(seen) != 5000 {
		t.Errorf("%d distinct domains", len(seen))
	}
}
