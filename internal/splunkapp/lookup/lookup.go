// Package lookup is the external lookup of transforms.conf: CSV with a header
// on stdin, the same table with its empty columns filled on stdout. splunkd
// gives it no session, no user and no way to tell anybody anything, so it has
// no key from the stored passwords.
package lookup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/logline"
	"github.com/tclookup/tclookup/internal/splunkapp"
	"github.com/tclookup/tclookup/record"
)

// prefix is that of the output columns, whatever the configuration says:
// transforms.conf names them.
const prefix = "tc_"

// maxTable is the largest table that is read, in bytes.
const maxTable = 512 << 20

// Run answers one table. inputs are the columns that may hold the value, the
// preferred first: a column named like a type has values of that type, any
// other those of the configuration's. What is odd is said on log, which
// splunkd writes into search.log.
func Run(ctx context.Context, p splunkapp.Place, inputs []string, in io.Reader, out, log io.Writer) error {
	start := time.Now()
	r := &run{place: p, inputs: inputs, run: &splunkapp.Run{Place: p, Role: "lookup", Command: "tclookup"}}
	err := r.answer(ctx, in, out)
	for _, n := range r.notes.Take() {
		fmt.Fprintln(log, "tclookup:", n)
	}
	r.run.Log(r.account, start, err, log)
	return err
}

type run struct {
	place   splunkapp.Place
	inputs  []string
	run     *splunkapp.Run
	notes   logline.Notes
	account splunkapp.Account
}

func (r *run) answer(ctx context.Context, in io.Reader, out io.Writer) error {
	if len(r.inputs) == 0 {
		return errors.New("no input field: external_cmd names at least one behind the program, such as domain")
	}
	conf, err := r.place.Load("", []config.Override{{Stanza: config.GlobalStanza, Key: "prefix", Value: prefix, From: "lookup"}})
	if err != nil {
		return err
	}
	if conf.MaxWait == 0 {
		return errors.New("max_wait cannot be 0 in Splunk, the search would hang without a word: allowed is a time such as 30s, 5m")
	}
	table, err := io.ReadAll(io.LimitReader(in, maxTable+1))
	switch {
	case err != nil:
		return fmt.Errorf("the table on stdin: %w", err)
	case len(table) > maxTable:
		return fmt.Errorf("the table on stdin is larger than %d MiB", maxTable>>20)
	case len(table) == 0:
		return nil
	}
	r.account.BytesIn = int64(len(table))
	filled, err := r.enrich(ctx, conf, table)
	if err != nil {
		return err
	}
	r.account.BytesOut = int64(len(filled))
	_, err = out.Write(filled)
	return err
}

// enrich returns the table with its output columns filled.
func (r *run) enrich(ctx context.Context, conf *config.Config, table []byte) ([]byte, error) {
	field, outputs, err := r.columns(table)
	if err != nil || field == "" || len(outputs) == 0 {
		return table, err
	}
	conf.Output = outputs
	typ := conf.Type
	if t, err := indicator.ParseType(field); err == nil && field != "auto" {
		typ = t
	}
	eng, err := engine.Open(ctx, engine.Options{
		Config: conf, DataDir: r.place.DataDir(conf), Fields: []enrich.Field{{Name: field, Type: typ}}, Log: r.notes.Logger(),
	})
	if err != nil {
		return nil, err
	}
	defer eng.Close()
	e, err := eng.Enricher()
	if err != nil {
		return nil, err
	}
	bodies := codec.NewCSVBodies(codec.CSV, e.Selection())
	var batch record.Batch
	if _, err := bodies.Parse(table, &batch); err != nil {
		return nil, fmt.Errorf("the table on stdin: %w", err)
	}
	if err := e.Enrich(ctx, &batch); err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	r.account.Stats, r.account.Requests = e.Stats(), eng.Requests()
	for _, g := range eng.Gaps(&r.account.Stats) {
		r.notes.Add(g)
	}
	return bodies.Append(nil, &batch), nil
}

// columns returns the input column that has values, empty when none has, and
// the output columns of the table without prefix.
func (r *run) columns(table []byte) (field string, outputs []string, err error) {
	rows := codec.NewReader(codec.SyntaxCSV, bytes.NewReader(table), "")
	head, err := rows.Columns()
	if err == io.EOF {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("the table on stdin: %w", err)
	}
	var present []string
	for _, i := range r.inputs {
		if slices.Contains(head, i) {
			present = append(present, i)
		}
	}
	if len(present) == 0 {
		return "", nil, fmt.Errorf("the table on stdin has none of the columns %s: fields_list and external_cmd of the lookup do not fit together", strings.Join(r.inputs, ", "))
	}
	known, err := enrich.ParseOutput([]string{"full"})
	if err != nil {
		return "", nil, err
	}
	for _, h := range head {
		if name, ok := strings.CutPrefix(h, prefix); ok && slices.Contains(known, name) {
			outputs = append(outputs, name)
		}
	}
	rows.Select(record.Selection{Fields: present})
	var batch record.Batch
	for {
		err := rows.Read(&batch)
		for row := range batch.Rows {
			for i := range present {
				if len(batch.Cell(row, i)) > 0 {
					return present[i], outputs, nil
				}
			}
		}
		switch {
		case err == io.EOF:
			return "", outputs, nil
		case err != nil:
			return "", nil, fmt.Errorf("the table on stdin: %w", err)
		}
	}
}
