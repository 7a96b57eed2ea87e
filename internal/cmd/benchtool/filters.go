package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
)

// file is an input on disk.
type file struct {
	path    string
	rows    int
	bytes   int64
	domains []int
}

// logCSV writes the log as a file of CSV.
func (b *bench) logCSV(name string, rows int) (file, error) {
	path, err := b.lab.write(name, append(workload.CSVHeader(), workload.New(distinct, true).AppendCSV(nil, rows)...))
	return file{path, rows, fileSize(path), workload.New(distinct, true).Domains(rows)}, err
}

// reader is a contestant that reads a file and writes to /dev/null: what
// counts is the program, not the speed of a disk. Its first run, which is not
// counted, writes a file that check reads.
func (b *bench) reader(name string, in file, p program, check func(out string) error) contestant {
	first := true
	run := func() (sample, error) {
		out := os.DevNull
		if first {
			out = b.lab.path("out")
		}
		s, stderr, err := p.filter(in.path, nil, out)
		if err != nil {
			return s, err
		}
		if first {
			first = false
			if err := check(out); err != nil {
				return s, fmt.Errorf("%s: %w", name, err)
			}
			return s, os.Remove(out)
		}
		s.Rows, s.Bytes = int64(in.rows), in.bytes
		if at := strings.LastIndex(stderr, "seconds "); at >= 0 && p.outArg {
			// The program says how long the work took without its start.
			if v, err := strconv.ParseFloat(strings.TrimSpace(stderr[at+len("seconds "):]), 64); err == nil {
				s.Wall = time.Duration(v * float64(time.Second))
			}
		}
		return s, nil
	}
	if strings.HasPrefix(name, ours) {
		return b.counted(name, run)
	}
	return contestant{name, run}
}

// checkCSV checks an output of in.
func (in file) checkCSV(out string) error {
	o, err := os.Open(out)
	if err != nil {
		return err
	}
	defer o.Close()
	i, err := os.Open(in.path)
	if err != nil {
		return err
	}
	defer i.Close()
	return joinedCSV(o, i, func(i int) int { return in.domains[i] }, in.rows)
}

// countRows checks no more than the number of lines of an output: of programs
// that keep no order or have other names.
func (in file) countRows(out string) error {
	text, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	if n := bytes.Count(text, []byte{'\n'}); n != in.rows+1 {
		return fmt.Errorf("%d lines, want %d", n, in.rows+1)
	}
	return nil
}

// csv measures the filter over CSV.
func (b *bench) csv() error {
	if err := b.lab.fill(b.filterProgram("warm"), distinct); err != nil {
		return err
	}
	in, err := b.logCSV("log.csv", b.scaled(1_000_000))
	if err != nil {
		return err
	}
	p := b.filterProgram("warm")
	plain := program{path: b.stdcsv, args: []string{"-table", b.table}, env: b.lab.environment()}
	list := []contestant{
		b.reader(ours+", 1 thread", in, p.with(threads(1)), in.checkCSV),
		b.reader("encoding/csv", in, plain, in.checkCSV),
	}
	at := map[string]int{}
	add := func(c contestant) {
		at[c.name] = len(list)
		list = append(list, c)
	}
	two := 0
	if twoCores() {
		two = len(list)
		add(b.reader(ours+", 2 threads", in, p.with(threads(2)), in.checkCSV))
	}
	if path := found("mlr"); path != "" {
		// The unpaired rows of the log are kept; they have fewer columns, which
		// is less work than a true left join.
		add(b.reader("Miller", in, program{path: path, env: b.lab.environment(),
			args: []string{"--icsv", "--ocsv", "join", "--ur", "-j", "domain", "-f", b.table}}, in.countRows))
	}
	for n := 1; n <= 2; n++ {
		c, ok := b.duck(in, n)
		if ok && (n == 1 || twoCores()) {
			add(c)
		}
	}
	never := ours + ", never asked before"
	add(b.forgetful("warm", b.reader(never, in, p.with(threads(2)), in.checkCSV)))
	base := len(list)
	list = b.against(list, "", p.with(threads(2)), func(name string, p program) contestant { return b.reader(name, in, p, in.checkCSV) })
	r := b.compete("csv", b.runs, list...)
	best := r[two]
	if two > 0 {
		b.compare(target{Path: "CSV, two cores", Against: "our one", Unit: "MB/s", AtLeast: 1.6}, best, r[0], sample.bytesPerSecond)
	}
	for n, own := range map[int]*result{1: r[0], 2: best} {
		t := target{Path: fmt.Sprintf("CSV, GOMAXPROCS and threads %d", n), Against: "DuckDB", Unit: "MB/s", AtLeast: 5}
		if i, ok := at[duckName(n)]; ok {
			b.compare(t, own, r[i], sample.bytesPerSecond)
			if n == 2 {
				b.compare(target{Path: "CSV, never asked before", Against: "DuckDB", Unit: "MB/s"}, r[at[never]], r[i], sample.bytesPerSecond)
			}
		} else if n == 1 || twoCores() {
			b.missing(t, "DuckDB is not installed")
		}
	}
	t := target{Path: "CSV", Against: "Miller", Unit: "MB/s", AtLeast: 15}
	if i, ok := at["Miller"]; ok {
		b.compare(t, best, r[i], sample.bytesPerSecond)
	} else {
		b.skip("csv", "Miller", "mlr is not installed")
		b.missing(t, "mlr is not installed")
	}
	b.compare(target{Path: "CSV", Against: "encoding/csv", Unit: "MB/s"}, best, r[1], sample.bytesPerSecond)
	b.compare(target{Path: "CSV, processor time", Against: "encoding/csv", Unit: "ms"}, best, r[1], milliseconds(sample.cpuSeconds))
	b.rivalry("CSV", "MB/s", best, r[base:], sample.bytesPerSecond)
	b.rivalry("CSV, processor time", "ms", best, r[base:], milliseconds(sample.cpuSeconds))
	b.bound(target{Path: "memory, CSV", Unit: "MiB", Under: 64, Note: fmt.Sprintf("%d rows", in.rows)}, float64(max(r[0].peak(), best.peak()))/(1<<20))
	return nil
}

func duckName(n int) string { return fmt.Sprintf("DuckDB, %d threads", n) }

// duck is DuckDB's left join, by its binding for node.
func (b *bench) duck(in file, n int) (contestant, bool) {
	node := found("node")
	if node == "" || b.duckdb == "" {
		b.skip("csv", duckName(n), "needs node and @duckdb/node-api, see bench/README.md")
		return contestant{}, false
	}
	modules, err := filepath.Abs(b.duckdb)
	if err != nil {
		return contestant{}, false
	}
	p := program{path: node, args: []string{"internal/benchref/duckdb/join.cjs", modules, strconv.Itoa(n), in.path, b.table}, env: b.lab.environment(), outArg: true}
	return b.reader(duckName(n), in, p, in.countRows), true
}

// jsonl measures the filter over JSON Lines.
func (b *bench) jsonl() error {
	if err := b.lab.fill(b.filterProgram("warm"), distinct); err != nil {
		return err
	}
	rows := b.scaled(300_000)
	path, err := b.lab.write("log.jsonl", workload.New(distinct, true).AppendJSONL(nil, rows))
	if err != nil {
		return err
	}
	in := file{path, rows, fileSize(path), workload.New(distinct, true).Domains(rows)}
	check := func(out string) error { return joinedJSONL(out, in.domains) }
	p := b.filterProgram("warm")
	ref := program{path: b.stdjson, args: []string{"-table", b.table}, env: b.lab.environment()}
	list := []contestant{
		b.reader(ours, in, p, check), b.reader(ours+", 1 thread", in, p.with(threads(1)), check),
		b.reader("encoding/json", in, ref, check),
	}
	base := len(list)
	list = b.against(list, "", p, func(name string, p program) contestant { return b.reader(name, in, p, check) })
	r := b.compete("jsonl", b.runs, list...)
	b.compare(target{Path: "JSON Lines", Against: "encoding/json", Unit: "rows/s", AtLeast: 6}, r[0], r[2], sample.rowsPerSecond)
	b.compare(target{Path: "JSON Lines, processor time", Against: "encoding/json", Unit: "ms"}, r[0], r[2], milliseconds(sample.cpuSeconds))
	b.rivalry("JSON Lines", "rows/s", r[0], r[base:], sample.rowsPerSecond)
	b.rivalry("JSON Lines, processor time", "ms", r[0], r[base:], milliseconds(sample.cpuSeconds))
	return nil
}
