package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
)

// added are the columns that every program adds.
var added = []string{"tc_verdict", "tc_votes", "tc_last_seen"}

// joined checks that a reply holds the rows of the request with the right
// columns added.
func joined(reply []byte, b *workload.Body) error {
	return joinedCSV(bytes.NewReader(reply), bytes.NewReader(b.CSV), func(i int) int { return b.Domains[i] }, len(b.Domains))
}

// joinedCSV checks out against in, row for row. domain says which domain is in
// row i.
func joinedCSV(out, in io.Reader, domain func(i int) int, rows int) error {
	o, want := csv.NewReader(out), csv.NewReader(in)
	o.ReuseRecord, want.ReuseRecord = true, true
	header, err := o.Read()
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	var at [3]int
	for i, n := range added {
		if at[i] = slices.Index(header, n); at[i] < 0 {
			return fmt.Errorf("no column %s in %q", n, header)
		}
	}
	if _, err := want.Read(); err != nil {
		return err
	}
	for i := range rows {
		w, err := want.Read()
		if err != nil {
			return err
		}
		got, err := o.Read()
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		if !slices.Equal(got[:len(w)], w) {
			return fmt.Errorf("row %d was %q and is %q", i, w, got)
		}
		cells := workload.Cells(domain(i))
		for k := range added {
			if got[at[k]] != cells[k] {
				return fmt.Errorf("row %d, %s, %s: is %q, want %q", i, workload.Domain(domain(i)), added[k], got[at[k]], cells[k])
			}
		}
	}
	if _, err := o.Read(); err != io.EOF {
		return fmt.Errorf("more than %d rows", rows)
	}
	return nil
}

// joinedJSONL checks the first rows of a file of JSON Lines and their number.
func joinedJSONL(name string, domains []int) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	n := 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); n++ {
		if n >= len(domains) || n >= 20000 {
			continue
		}
		var event struct {
			Domain  string `json:"domain"`
			Verdict string `json:"tc_verdict"`
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
		if want := workload.Cells(domains[n])[0]; event.Domain != workload.Domain(domains[n]) || event.Verdict != want {
			return fmt.Errorf("line %d: %+v, want verdict %s", n+1, event, want)
		}
	}
	if n != len(domains) {
		return fmt.Errorf("%d lines, want %d", n, len(domains))
	}
	return lines.Err()
}
