package alert

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/record"
)

// table is one result as CSV.
func table(result map[string]any) []byte {
	var head, row []string
	for _, name := range slices.Sorted(maps.Keys(result)) {
		head = append(head, name)
		v := result[name]
		list, ok := v.([]any)
		if !ok {
			row = append(row, text(v))
			continue
		}
		var values []string
		for _, e := range list {
			values = append(values, text(e))
		}
		row = append(row, strings.Join(values, "\n"))
		if _, twin := result[chunked.MVName(name)]; !twin && len(values) > 1 {
			head = append(head, chunked.MVName(name))
			row = append(row, string(chunked.AppendMV(nil, values...)))
		}
	}
	var b bytes.Buffer
	if len(head) > 0 {
		w := csv.NewWriter(&b)
		_ = w.Write(head) // into memory
		_ = w.Write(row)
		w.Flush()
	}
	return b.Bytes()
}

// enrich looks up the fields of the results and returns a line for each
// result, and the distinct values in the fields.
func (a *action) enrich(ctx context.Context, results []byte, fields []enrich.Field) (lines [][]byte, distinct []string, err error) {
	a.account.BytesIn = int64(len(results))
	e, err := a.engine.Enricher()
	if err != nil {
		return nil, nil, err
	}
	bodies := codec.NewCSVBodies(codec.Splunk, e.Selection())
	var batch record.Batch
	missing, err := bodies.Parse(results, &batch)
	if err != nil {
		return nil, nil, fmt.Errorf("the results: %w", err)
	}
	if len(batch.Rows) == 0 {
		a.say("WARN", "the alert has no results")
		return nil, nil, nil
	}
	if len(missing) == len(fields) {
		return nil, nil, fmt.Errorf("no result has a field %s: check param.field", quoted(missing))
	}
	if err := e.Enrich(ctx, &batch); err != nil && !errors.Is(err, context.Canceled) {
		return nil, nil, err
	}
	if len(missing) > 0 {
		a.say("WARN", "no result has a field %s", quoted(missing))
	}
	lines, distinct, err = a.lines(bodies.Append(nil, &batch), fields, e.Selection())
	a.account.Stats = e.Stats()
	for _, g := range a.engine.Gaps(&a.account.Stats) {
		a.say("WARN", "%s", g)
	}
	return lines, distinct, err
}

// lines makes a line of JSON of each enriched result: who found it, the fields
// that were looked up, and what was found. The time comes first, where splunkd
// looks for it.
func (a *action) lines(body []byte, fields []enrich.Field, sel record.Selection) (lines [][]byte, distinct []string, err error) {
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("the results: %w", err)
	}
	at := map[string]int{}
	for i, name := range head {
		at[name] = i
	}
	names := []string{}
	for _, f := range fields {
		names = append(names, f.Name)
	}
	for _, o := range sel.Outputs {
		if !slices.Contains(names, o.Name) {
			names = append(names, o.Name)
		}
	}
	seen := map[string]bool{}
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	for n := 0; ; n++ {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("the results: %w", err)
		}
		values := func(name string) []string { return cells(at, row, name) }
		line := object{}
		line.add("time", now)
		line.add("orig_sid", a.payload.SID)
		line.add("orig_rid", strconv.Itoa(n))
		line.add("search_name", a.payload.SearchName)
		line.add("app", a.payload.App)
		line.add("owner", a.payload.Owner)
		if t := values("_time"); len(t) == 1 {
			line.add("orig_time", t[0])
		}
		for _, name := range names {
			line.add(name, values(name)...)
		}
		lines = append(lines, line.end())
		for _, f := range fields {
			for _, v := range values(f.Name) {
				if v != "" && !seen[v] {
					seen[v] = true
					distinct = append(distinct, v)
				}
			}
		}
	}
	return lines, distinct, nil
}

// cells returns the values of a field of a row; none when it is empty.
func cells(at map[string]int, row []string, name string) []string {
	if i, ok := at[chunked.MVName(name)]; ok && i < len(row) && row[i] != "" {
		var list []string
		if chunked.DecodeMV([]byte(row[i]), func(v []byte) bool { list = append(list, string(v)); return true }) {
			return list
		}
	}
	if i, ok := at[name]; ok && i < len(row) && row[i] != "" {
		return []string{row[i]}
	}
	return nil
}

// object is a JSON object in the making; keys keep their order.
type object []byte

// add adds a key: a text, or a list of several.
func (o *object) add(key string, values ...string) {
	var v any
	switch len(values) {
	case 0:
		return
	case 1:
		if values[0] == "" {
			return
		}
		v = values[0]
	default:
		v = values
	}
	k, err := json.Marshal(key)
	if err != nil {
		return // texts always encode
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return
	}
	sep := byte(',')
	if len(*o) == 0 {
		sep = '{'
	}
	*o = append(append(append(append(*o, sep), k...), ':'), raw...)
}

func (o *object) end() []byte { return append(*o, '}') }

func quoted(names []string) string {
	var q []string
	for _, n := range names {
		q = append(q, strconv.Quote(n))
	}
	return strings.Join(q, ", ")
}
