// Command stdjson is the plain way to add fields to JSON Lines: encoding/json
// into a map and back, with a look-up by the field domain between.
package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	table := flag.String("table", "", "CSV file of the table: domain and the fields to add")
	flag.Parse()
	if err := run(*table, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stdjson:", err)
		os.Exit(1)
	}
}

func run(table string, r io.Reader, w io.Writer) error {
	f, err := os.Open(table)
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: no header", table)
	}
	names, rows := all[0][1:], make(map[string][]string, len(all))
	for _, rec := range all[1:] {
		rows[rec[0]] = rec[1:]
	}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriterSize(w, 1<<20)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for in.Scan() {
		var event map[string]any
		if err := json.Unmarshal(in.Bytes(), &event); err != nil {
			return err
		}
		domain, _ := event["domain"].(string)
		add := rows[domain]
		for i, n := range names {
			if add != nil {
				event[n] = add[i]
			} else {
				event[n] = ""
			}
		}
		if err := enc.Encode(event); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return out.Flush()
}
