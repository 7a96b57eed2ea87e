package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
	"github.com/tclookup/tclookup/record"
	"github.com/tclookup/tclookup/source"
)

// warmPath is one path through the program inside this process: a function
// that enriches rows rows whose indicators are all known.
type warmPath struct {
	name  string
	bytes int64
	step  func() error
}

// warmPaths makes every path over the given number of rows. They are what the
// benchmarks of this package run, and what allocations are counted of.
func warmPaths(rows int) ([]warmPath, error) {
	var out []warmPath
	for _, selected := range []bool{false, true} {
		e, err := warmEnricher()
		if err != nil {
			return nil, err
		}
		name := map[bool]string{false: "chunked, all fields", true: "chunked, selected fields"}[selected]
		body := workload.New(distinct, true).Body(rows, selected).CSV
		bodies := codec.NewCSVBodies(codec.Splunk, e.Selection())
		var b record.Batch
		var reply []byte
		out = append(out, warmPath{name, int64(len(body)), func() error {
			if _, err := bodies.Parse(body, &b); err != nil {
				return err
			}
			if err := e.Enrich(context.Background(), &b); err != nil {
				return err
			}
			reply = bodies.Append(reply[:0], &b)
			return nil
		}})
	}
	for syntax, text := range map[codec.Syntax][]byte{
		codec.SyntaxCSV:   append(workload.CSVHeader(), workload.New(distinct, true).AppendCSV(nil, rows)...),
		codec.SyntaxJSONL: workload.New(distinct, true).AppendJSONL(nil, rows),
	} {
		e, err := warmEnricher()
		if err != nil {
			return nil, err
		}
		name := map[codec.Syntax]string{codec.SyntaxCSV: "CSV", codec.SyntaxJSONL: "JSON Lines"}[syntax]
		out = append(out, warmPath{name, int64(len(text)), func() error {
			return pass(e, codec.NewReader(syntax, bytes.NewReader(text), ""), codec.NewWriter(syntax, io.Discard))
		}})
	}
	slices.SortFunc(out, func(a, b warmPath) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return out, nil
}

// pass enriches a stream.
func pass(e *enrich.Enricher, r record.Reader, w record.Writer) error {
	if _, err := r.Columns(); err != nil {
		return err
	}
	r.Select(e.Selection())
	var b record.Batch
	for {
		if err := r.Read(&b); err == io.EOF {
			return w.Close()
		} else if err != nil {
			return err
		}
		if err := e.Enrich(context.Background(), &b); err != nil {
			return err
		}
		if err := w.Write(&b); err != nil {
			return err
		}
	}
}

func warmEnricher() (*enrich.Enricher, error) {
	parser, err := indicator.NewParser(indicator.ParserConfig{})
	if err != nil {
		return nil, err
	}
	return enrich.New(enrich.Options{
		Fields: []enrich.Field{{Name: "domain"}}, Parser: parser, Source: known{},
		Output: []string{"verdict", "votes", "last_seen"},
	})
}

// known is a source that knows every domain of the workload at once.
type known struct{}

func (known) Name() string             { return "threatcrowd" }
func (known) Types() indicator.TypeSet { return indicator.AllTypes }
func (known) Lookup(_ context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	now := time.Now()
	for i, ind := range in {
		n, _ := workload.Number(ind.Value)
		e := entry(ind, n, now)
		done(i, source.Result{Status: e.Status, Source: "threatcrowd", Origin: source.Memory, Fetched: now, Expires: e.Expires, Summary: e.Summary, Raw: e.Raw})
	}
}
func (known) Decode(indicator.Indicator, []byte) (*source.Report, error) {
	return &source.Report{}, nil
}

// allocations counts the allocations per row of warm runs: how many more a run
// over twice the rows has.
func (b *bench) allocations() error {
	const rows = 20_000
	small, err := warmPaths(rows)
	if err != nil {
		return err
	}
	large, err := warmPaths(2 * rows)
	if err != nil {
		return err
	}
	for i := range small {
		few, err := mallocs(small[i].step)
		if err != nil {
			return err
		}
		many, err := mallocs(large[i].step)
		if err != nil {
			return err
		}
		// What comes with each batch of 1 MiB is not a row's.
		per := max(0, float64(many)-float64(few)) / rows
		if per < 0.001 {
			per = 0
		}
		b.bound(target{Path: "allocations, " + small[i].name, Unit: "a row", Zero: true, Note: fmt.Sprintf("%d in %d rows, %d in %d", few, rows, many, 2*rows)}, per)
	}
	return nil
}

// mallocs returns the fewest allocations of three warm calls of f.
func mallocs(f func() error) (uint64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fewest := ^uint64(0)
	for i := range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := f(); err != nil {
			return 0, err
		}
		runtime.ReadMemStats(&after)
		if i >= 2 {
			fewest = min(fewest, after.Mallocs-before.Mallocs)
		}
	}
	return fewest, nil
}
