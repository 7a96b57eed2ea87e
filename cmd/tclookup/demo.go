package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/internal/demodata"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/filter"
)

// demoCmd is `tclookup demo`: the main job on embedded data. It goes through
// everything a real run goes through, HTTP on the loopback included.
type demoCmd struct {
	Rows int  `name:"rows" default:"14" help:"Rows of the result to show."`
	CSV  bool `name:"csv" help:"Print the whole enriched log as CSV instead."`
}

var (
	demoFields = []string{"domain", "dest_ip", "sender", "file_hash", "signature"}
	demoTypes  = []string{"auto", "auto", "auto", "auto", "antivirus"}
)

const demoOutput = "status,type,verdict,votes,related,last_seen,indicator"

// Run implements the command.
func (d *demoCmd) Run(ctx context.Context, a *app) error {
	o := runOptions{Field: demoFields, Type: demoTypes, Output: strings.Split(demoOutput, ","), Demo: "true"}
	conf, err := a.load(&o)
	if err != nil {
		return err
	}
	fields, err := o.fields(conf)
	if err != nil {
		return usageError{err}
	}
	eng, err := engine.Open(ctx, engine.Options{Config: conf, Fields: fields, Demo: true, Log: a.logger(conf)})
	if err != nil {
		return err
	}
	defer eng.Close()

	var out bytes.Buffer
	first, err := d.outside(ctx, eng, &out)
	if err != nil {
		return err
	}
	if d.CSV {
		_, err := a.stdout.Write(out.Bytes())
		return err
	}
	second, table, err := d.inside(ctx, a, eng)
	if err != nil {
		return err
	}
	return d.show(a.stdout, eng, out.Bytes(), table, first, second)
}

// pass is the account of one pass over the log.
type pass struct {
	stats    enrich.Stats
	requests int64
	took     time.Duration
}

// outside runs the log through the filter, as `tclookup enrich` does.
func (d *demoCmd) outside(ctx context.Context, eng *engine.Engine, out io.Writer) (p pass, err error) {
	e, err := eng.Enricher()
	if err != nil {
		return p, err
	}
	before, start := eng.Requests(), time.Now()
	_, err = filter.Run(ctx, filter.Options{
		Inputs: []filter.Input{{Name: "proxy.csv", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(demodata.ProxyLog())), nil }}},
		Out:    out, Syntax: codec.SyntaxCSV, Enricher: e, Warn: func(string) {},
	})
	return pass{e.Stats(), eng.Requests() - before, time.Since(start)}, err
}

// inside sends the log through the chunked protocol, as Splunk does: getinfo
// first, then the rows with the fields that the command asked for.
func (d *demoCmd) inside(ctx context.Context, a *app, eng *engine.Engine) (p pass, t *chunkedtest.Table, err error) {
	events, err := tableOf(demodata.ProxyLog())
	if err != nil {
		return p, nil, err
	}
	cmd := newSearchCommand("tclookup", a.place)
	cmd.keep = true
	cmd.open = func(context.Context, engine.Options) (*engine.Engine, error) { return eng, nil }
	search := chunkedtest.Search{
		Dial: func() (*chunkedtest.Conversation, error) { return chunkedtest.Start(ctx, nil, cmd), nil },
		Info: chunkedtest.Parse(fmt.Sprintf(`tclookup field="%s" type="%s" output="%s" demo=true`,
			strings.Join(demoFields, ","), strings.Join(demoTypes, ","), demoOutput)),
		ChunkRows: []int{100},
	}
	before, start := eng.Requests(), time.Now()
	res, err := search.Run(events)
	if err != nil {
		return p, nil, err
	}
	return pass{cmd.enricher.Stats(), eng.Requests() - before, time.Since(start)}, res.Table, nil
}

func tableOf(log []byte) (*chunkedtest.Table, error) {
	records, err := csv.NewReader(bytes.NewReader(log)).ReadAll()
	if err != nil {
		return nil, err
	}
	t := chunkedtest.NewTable(records[0]...)
	for _, r := range records[1:] {
		cells := make([]any, len(r))
		for i := range r {
			cells[i] = r[i]
		}
		t.Add(cells...)
	}
	return t, nil
}

// show prints a piece of the result and the account of both passes, and holds
// the passes against each other.
func (d *demoCmd) show(w io.Writer, eng *engine.Engine, out []byte, t *chunkedtest.Table, first, second pass) error {
	rows, err := tableOf(out)
	if err != nil {
		return err
	}
	if err := sameAnswers(rows, t); err != nil {
		return err
	}
	fmt.Fprintf(w, "A proxy log of %d rows, enriched from a sample data set over HTTP on %s.\nSome of its values, one of each kind of answer:\n\n", len(rows.Rows), host(eng.Links[0].Config.BaseURL))
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "FIELD\tVALUE\tSTATUS\tTYPE\tVERDICT\tVOTES\tRELATED\tLAST SEEN")
	for _, l := range pick(rows, d.Rows) {
		fmt.Fprintln(tw, strings.Join(l, "\t"))
	}
	fmt.Fprintln(tw)
	fmt.Fprintln(tw, "PASS\tROWS\tINDICATORS\tREQUESTS\tCACHE HITS\tTIME")
	for _, p := range []struct {
		name string
		pass
	}{{"1  CSV, outside Splunk", first}, {"2  chunked protocol, as Splunk", second}} {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%s\n", p.name, p.stats.Rows, p.stats.Distinct, p.requests, p.stats.Answers["memory"]+p.stats.Answers["disk"], p.took.Round(100*time.Microsecond))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if second.requests != 0 {
		return fmt.Errorf("the second pass sent %d requests; the cache should have answered all", second.requests)
	}
	_, err = fmt.Fprintln(w, "\nBoth passes gave every row the same answer; the second one asked nobody.")
	return err
}

// sameAnswers compares the columns that do not change with time.
func sameAnswers(a, b *chunkedtest.Table) error {
	if len(a.Rows) != len(b.Rows) {
		return fmt.Errorf("the passes have %d and %d rows", len(a.Rows), len(b.Rows))
	}
	for r := range a.Rows {
		for _, c := range a.Columns {
			if a.Get(r, c) != b.Get(r, c) {
				return fmt.Errorf("row %d, %s: %q in the first pass, %q in the second", r+1, c, a.Get(r, c), b.Get(r, c))
			}
		}
	}
	return nil
}

// pick returns up to n lines of the result, as different from each other as
// possible: for each field and kind of answer the first row that has it.
func pick(t *chunkedtest.Table, n int) [][]string {
	type kind struct{ field, status, verdict, typ string }
	seen := map[kind]bool{}
	var lines [][]string
	for _, status := range []string{"found", "not_found", "excluded", "invalid", "error", "skipped"} {
		for _, f := range demoFields {
			for r := range t.Rows {
				get := func(c string) string { return t.Get(r, f+"_tc_"+c) }
				k := kind{f, get("status"), get("verdict"), get("type")}
				if k.status != status || seen[k] {
					continue
				}
				seen[k] = true
				value := strings.Join(strings.Fields(t.Get(r, f)), " ")
				if len(value) > 44 {
					value = value[:41] + "..."
				}
				lines = append(lines, []string{f, value, k.status, k.typ, k.verdict, get("votes"), get("related"), get("last_seen")})
			}
		}
	}
	if len(lines) <= n {
		return lines
	}
	// Every part of the list has its share.
	out := make([][]string, 0, n)
	for i := range n {
		out = append(out, lines[i*len(lines)/n])
	}
	return out
}
