package codec

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/record"
)

// A quote that is never closed swallows the rest of the input: that is said.
func TestUnclosedQuote(t *testing.T) {
	many := strings.Repeat("x\ty\n", (maxCounted+batchSize)/4)
	for _, tt := range []struct{ name, in, want string }{
		{"closed", "d\te\n\"a\nb\"\t\"\"\n", ""},
		{"in the middle of a cell", "d\te\na\"b\t12\" disk\n", ""},
		{"first cell", "d\te\nx\ty\n\"a\tb\nc\td\ne\tf\n", "a quote in line 3 is never closed: its cell holds the rest of the input (lines: 3)"},
		{"second cell, no line end", "d\te\n\"x\n1\"\ty\na\t\"b", "a quote in line 4 is never closed: its cell holds the rest of the input (lines: 1)"},
		{"behind blank lines", "\n\nd\te\n\n\"a", "a quote in line 5 is never closed"},
		{"far behind", "d\te\n" + many + "\"a\tb\nc\td\n", "a quote in about line 1310722 is never closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rd := NewCSVReader(strings.NewReader(tt.in), TSV)
			if _, err := rd.Columns(); err != nil {
				t.Fatal(err)
			}
			rd.Select(record.Selection{Fields: []string{"d"}})
			var b record.Batch
			for {
				if err := rd.Read(&b); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			got := ""
			for _, w := range rd.Warnings() {
				if strings.Contains(w, "quote") {
					got = w
				}
			}
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
