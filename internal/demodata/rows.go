package demodata

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gocarina/gocsv"
)

// entityRow is a line of entities.csv: something that has a report of its own.
type entityRow struct {
	Type  string `csv:"type"`  // as indicator.Type.String
	Value text   `csv:"value"` // of a file its MD5, or its SHA-1 when no MD5 is known
	Votes votes  `csv:"votes"` // of domains and addresses
	SHA1  string `csv:"sha1"`  // of files
}

// relationRow is a line of relations.csv. It belongs into the reports of both
// sides, and is written into the subject's as it stands.
type relationRow struct {
	SubjectType string `csv:"subject_type"`
	Subject     text   `csv:"subject"`
	Relation    string `csv:"relation"`
	Object      text   `csv:"object"`
	LastSeen    day    `csv:"last_seen"` // of resolutions
}

// text is a cell in which \r stands for a carriage return and \\ for \.
type text string

// UnmarshalCSV implements gocsv.TypeUnmarshaller.
func (t *text) UnmarshalCSV(s string) error {
	*t = text(strings.NewReplacer(`\\`, `\`, `\r`, "\r").Replace(s))
	return nil
}

// votes is a cell that holds -1, 0, 1 or nothing.
type votes struct {
	value int8
	known bool
}

// UnmarshalCSV implements gocsv.TypeUnmarshaller.
func (v *votes) UnmarshalCSV(s string) error {
	switch s {
	case "":
		*v = votes{}
	case "-1":
		*v = votes{-1, true}
	case "0":
		*v = votes{0, true}
	case "1":
		*v = votes{1, true}
	default:
		return fmt.Errorf("votes %q: allowed are -1, 0, 1 and nothing", s)
	}
	return nil
}

// unknownDay is the date that the service gives when it knows none.
const unknownDay day = "0000-00-00"

// day is a cell that holds a date, or nothing.
type day string

// UnmarshalCSV implements gocsv.TypeUnmarshaller.
func (d *day) UnmarshalCSV(s string) error {
	if s != "" && day(s) != unknownDay {
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return fmt.Errorf("date %q: allowed are YYYY-MM-DD, %s and nothing", s, unknownDay)
		}
	}
	*d = day(s)
	return nil
}

// eachRow calls f with every row of a file. Lines that begin with # are
// comments. Errors, those of f too, name the file and the line.
func eachRow[T any](name string, data []byte, f func(T) error) error {
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment = '#'
	var row T
	rows, err := gocsv.NewUnmarshaller(r, row)
	if err != nil {
		return fmt.Errorf("%s: header: %w", name, err)
	}
	if missing := rows.MismatchedStructFields; len(missing) > 0 {
		return fmt.Errorf("%s: header: missing column %s", name, strings.Join(missing, ", "))
	}
	for {
		v, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			return fmt.Errorf("%s: %w", name, err) // names the line itself
		}
		if err == nil {
			row, ok := v.(T)
			if !ok {
				return fmt.Errorf("%s: a row is a %T", name, v)
			}
			err = f(row)
		}
		if err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
}
