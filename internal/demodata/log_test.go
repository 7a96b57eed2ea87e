package demodata

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tclookup/tclookup/indicator"
)

func logRows(t *testing.T) (column map[string]int, rows [][]string) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(ProxyLog())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column = map[string]int{}
	for i, name := range all[0] {
		column[name] = i
	}
	return column, all[1:]
}

// TestLogOutcomes takes every column of the log through the rules and the data
// set, as an enrichment would, and makes sure that a demonstration shows every
// outcome, and that values repeat.
func TestLogOutcomes(t *testing.T) {
	store, err := Store()
	if err != nil {
		t.Fatal(err)
	}
	parser, err := indicator.NewParser(indicator.ParserConfig{})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := indicator.NewRules(indicator.RulesConfig{Defaults: true})
	if err != nil {
		t.Fatal(err)
	}
	column, rows := logRows(t)
	if len(rows) < 240 {
		t.Errorf("%d rows", len(rows))
	}
	for _, tt := range []struct {
		column string
		kind   indicator.Type
		// The least number of rows with each outcome, and the most distinct
		// indicators that are asked for.
		found, notFound, excluded, invalid, empty, distinct int
	}{
		{"domain", indicator.Domain, 150, 40, 20, 10, 3, 60},
		{"dest_ip", indicator.IP, 120, 30, 40, 10, 3, 40},
		{"sender", indicator.Email, 60, 10, 2, 5, 100, 20},
		{"file_hash", indicator.Hash, 60, 20, 0, 5, 100, 80},
		{"signature", indicator.Antivirus, 30, 10, 0, 0, 150, 20},
	} {
		t.Run(tt.column, func(t *testing.T) {
			at, ok := column[tt.column]
			if !ok {
				t.Fatal("no such column")
			}
			var found, notFound, excluded, invalid, empty int
			distinct := map[indicator.Indicator]int{}
			for _, row := range rows {
				ind, err := parser.Parse(row[at], tt.kind)
				switch {
				case errors.Is(err, indicator.ErrEmpty):
					empty++
				case err != nil:
					invalid++
					if strings.Contains(row[at], "-demo") || strings.HasPrefix(row[at], "44.128.") && strings.Count(row[at], ".") == 3 {
						t.Errorf("%q: %v", row[at], err)
					}
				case rules.Excluded(ind) != "":
					excluded++
				default:
					distinct[ind]++
					_, ok, err := store.Report(context.Background(), ind)
					if err != nil {
						t.Fatal(err)
					}
					if ok {
						found++
					} else {
						notFound++
					}
				}
			}
			t.Logf("found %d, not found %d, excluded %d, invalid %d, empty %d; %d distinct", found, notFound, excluded, invalid, empty, len(distinct))
			for _, c := range []struct {
				outcome   string
				got, want int
			}{{"found", found, tt.found}, {"not found", notFound, tt.notFound}, {"excluded", excluded, tt.excluded}, {"invalid", invalid, tt.invalid}, {"empty", empty, tt.empty}} {
				if c.got < c.want {
					t.Errorf("%s: %d rows, want at least %d", c.outcome, c.got, c.want)
				}
			}
			if len(distinct) > tt.distinct {
				t.Errorf("%d distinct indicators, want at most %d", len(distinct), tt.distinct)
			}
			most := 0
			for _, n := range distinct {
				most = max(most, n)
			}
			if most < 10 {
				t.Errorf("the most frequent indicator is there %d times", most)
			}
		})
	}
}

// TestEntitiesAreCanonical makes sure that the entities of the data set can be
// reached: that they are indicators, are not excluded, and are found under
// their canonical form.
func TestEntitiesAreCanonical(t *testing.T) {
	parser, err := indicator.NewParser(indicator.ParserConfig{})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := indicator.NewRules(indicator.RulesConfig{Defaults: true})
	if err != nil {
		t.Fatal(err)
	}
	set := loaded(t)
	for ind := range set.reports {
		got, err := parser.Parse(ind.Value, ind.Type)
		if err != nil || key(got.Type, got.Value) != ind {
			t.Errorf("%v becomes %v, %v", ind, got, err)
		}
		if why := rules.Excluded(got); why != "" {
			t.Errorf("%v is excluded: %s", ind, why)
		}
	}
}

// TestLogSpellings makes sure that what is hard about logs is in this one.
func TestLogSpellings(t *testing.T) {
	if !utf8.Valid(ProxyLog()) {
		t.Error("not UTF-8")
	}
	column, rows := logRows(t)
	for name, parts := range map[string][]string{
		"domain":    {"[.]", "(.)", " dot ", "hxxp://", "https://", "HXXPS[:]//", ":443", "*.", "\"", "\t", "ZQ-UPDATES", "bücher", "xn--", ".local", ".corp", "wpad", "n/a", ".docx"},
		"dest_ip":   {"::ffff:44.", "[3ffe:", "]:443", "44[.]128", "3FFE:", "10.20.", "192.168.", "fe80::", "fd12:", "224.", "198.51.100.", "999.", "http://", "/8"},
		"sender":    {"Accounts, Central <", "[@]", "\"Jürgen Weiß\" <", "mailto:", "@hq.local", "MAILER-DAEMON", "<>", "@MAIL-", "grüße@"},
		"file_hash": {"MD5:", "deadbeef", "n/a", "90DC09"},
		"signature": {"Kestrel", "Clean", "( 0040eff71 )", "/"},
		"user":      {"łucja", "陳", "\\", "'"},
		"_raw":      {"\n\n", "\"ok\"", ", ", "🦦", "«", "\\\"c\\\""},
		"url":       {",", "%22", "größe"},
	} {
		at, ok := column[name]
		if !ok {
			t.Errorf("no column %s", name)
			continue
		}
		for _, part := range parts {
			n := 0
			for _, row := range rows {
				if strings.Contains(row[at], part) {
					n++
				}
			}
			if n == 0 {
				t.Errorf("%s: no value with %q", name, part)
			}
		}
	}
	lengths := map[int]int{}
	for _, row := range rows {
		lengths[len(row[column["file_hash"]])]++
	}
	for _, n := range []int{32, 40, 64} {
		if lengths[n] < 5 {
			t.Errorf("%d hashes of %d digits", lengths[n], n)
		}
	}
}

func TestLogIsACopy(t *testing.T) {
	a := ProxyLog()
	clear(a)
	if b := ProxyLog(); b[0] == 0 {
		t.Error("the log can be changed by its users")
	}
}
