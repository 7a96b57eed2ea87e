// Command stdcsv is the plain way to write what tclookup does with CSV:
// encoding/csv in and out, and a map. It joins stdin to a table by the column
// domain, as a search command (-chunked) or as a filter.
package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	table := flag.String("table", "", "CSV file of the table: domain and the columns to add")
	chunked := flag.Bool("chunked", false, "speak the chunked protocol")
	flag.Parse()
	if err := run(*table, *chunked, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stdcsv:", err)
		os.Exit(1)
	}
}

func run(table string, chunked bool, r io.Reader, w io.Writer) error {
	j, err := load(table)
	if err != nil {
		return err
	}
	if chunked {
		return j.serve(r, w)
	}
	out := bufio.NewWriterSize(w, 1<<20)
	if err := j.join(bufio.NewReaderSize(r, 1<<20), out); err != nil {
		return err
	}
	return out.Flush()
}

// joiner is the table.
type joiner struct {
	names []string
	rows  map[string][]string
	none  []string
}

func load(name string) (*joiner, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := csv.NewReader(bufio.NewReaderSize(f, 1<<20)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no header", name)
	}
	j := &joiner{names: all[0][1:], rows: make(map[string][]string, len(all))}
	j.none = make([]string, len(j.names))
	for _, rec := range all[1:] {
		j.rows[rec[0]] = rec[1:]
	}
	return j, nil
}

// join copies the records of r to w with the columns of the table behind.
func (j *joiner) join(r io.Reader, w io.Writer) error {
	in, out := csv.NewReader(r), csv.NewWriter(w)
	in.ReuseRecord = true
	col := -1
	var row []string
	for {
		rec, err := in.Read()
		if err == io.EOF {
			out.Flush()
			return out.Error()
		}
		if err != nil {
			return err
		}
		row = append(row[:0], rec...)
		if col < 0 {
			for i, n := range rec {
				if n == "domain" {
					col = i
				}
			}
			if col < 0 {
				return fmt.Errorf("no column domain in %s", strings.Join(rec, ","))
			}
			row = append(row, j.names...)
		} else if add, ok := j.rows[rec[col]]; ok {
			row = append(row, add...)
		} else {
			row = append(row, j.none...)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
}

// serve speaks the chunked protocol.
func (j *joiner) serve(r io.Reader, w io.Writer) error {
	in := bufio.NewReaderSize(r, 1<<20)
	out := bufio.NewWriterSize(w, 1<<20)
	var reply bytes.Buffer
	for n := 0; ; n++ {
		head, err := in.ReadString('\n')
		if err == io.EOF && head == "" {
			return nil
		}
		if err != nil {
			return err
		}
		var lm, lb int
		if _, err := fmt.Sscanf(head, "chunked 1.0,%d,%d", &lm, &lb); err != nil {
			return err
		}
		frame := make([]byte, lm+lb)
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		meta := `{"finished":false}`
		if bytes.Contains(frame[:lm], []byte(`"finished":true`)) {
			meta = `{"finished":true}`
		}
		reply.Reset()
		if n == 0 {
			meta = `{"type":"streaming"}`
		} else if lb > 0 {
			if err := j.join(bytes.NewReader(frame[lm:]), &reply); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "chunked 1.0,%d,%d\n%s", len(meta), reply.Len(), meta)
		if _, err := reply.WriteTo(out); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}
