package enrich

import (
	"fmt"
	"strings"

	"github.com/tclookup/tclookup/record"
)

// column is an output field.
type column int

const (
	colStatus column = iota
	colType
	colVerdict
	colVotes
	colRelated
	colLastSeen
	colPermalink
	colSource
	colAge
	colIndicator
	colCache
	colResolutions
	colResolutionDates
	colHashes
	colEmails
	colSubdomains
	colDomains
	colIPs
	colScans
	colReferences
	colMD5
	colSHA1
	colError
	colJSON
	// The CIM names, written without prefix.
	cimDestIP
	cimDestName
	cimFileHash
	cimSignature
	columnCount
)

// columnInfo describes each column: its name, whether it is a list, and
// whether it can only be had from the whole report.
var columnInfo = [columnCount]struct {
	name      string
	list, raw bool
}{
	colStatus:          {"status", false, false},
	colType:            {"type", false, false},
	colVerdict:         {"verdict", false, false},
	colVotes:           {"votes", false, false},
	colRelated:         {"related", false, false},
	colLastSeen:        {"last_seen", false, false},
	colPermalink:       {"permalink", false, false},
	colSource:          {"source", false, false},
	colAge:             {"age", false, false},
	colIndicator:       {"indicator", false, false},
	colCache:           {"cache", false, false},
	colResolutions:     {"resolutions", true, true},
	colResolutionDates: {"resolution_dates", true, true},
	colHashes:          {"hashes", true, true},
	colEmails:          {"emails", true, true},
	colSubdomains:      {"subdomains", true, true},
	colDomains:         {"domains", true, true},
	colIPs:             {"ips", true, true},
	colScans:           {"scans", true, true},
	colReferences:      {"references", true, true},
	colMD5:             {"md5", false, true},
	colSHA1:            {"sha1", false, true},
	colError:           {"error", false, false},
	colJSON:            {"json", false, true},
	cimDestIP:          {"dest_ip", true, true},
	cimDestName:        {"dest_name", true, true},
	cimFileHash:        {"file_hash", true, true},
	cimSignature:       {"signature", true, true},
}

var (
	summaryColumns = columnRange(colStatus, colAge)
	fullColumns    = columnRange(colStatus, colError)
	cimColumns     = columnRange(cimDestIP, cimSignature)
)

func columnRange(from, to column) []column {
	var cs []column
	for c := from; c <= to; c++ {
		cs = append(cs, c)
	}
	return cs
}

// ParseOutput reads the option output: summary, full, json, or a list of
// field names without prefix.
func ParseOutput(words []string) ([]string, error) {
	cs, err := parseColumns(words)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range cs {
		names = append(names, columnInfo[c].name)
	}
	return names, nil
}

func parseColumns(words []string) ([]column, error) {
	var cs []column
	seen := map[column]bool{}
	add := func(more ...column) {
		for _, c := range more {
			if !seen[c] {
				seen[c] = true
				cs = append(cs, c)
			}
		}
	}
	for _, w := range words {
		switch w {
		case "summary":
			add(summaryColumns...)
		case "full":
			add(fullColumns...)
		case "json":
			if len(words) == 1 {
				add(summaryColumns...)
			}
			add(colJSON)
		default:
			c, ok := columnNamed(w)
			if !ok {
				return nil, fmt.Errorf("output %q is unknown: allowed are summary, full, json, or a list of %s", w, strings.Join(columnNames(), ", "))
			}
			add(c)
		}
	}
	if len(cs) == 0 {
		return nil, fmt.Errorf("output is empty: allowed are summary, full, json, or a list of %s", strings.Join(columnNames(), ", "))
	}
	return cs, nil
}

func columnNamed(name string) (column, bool) {
	for c := colStatus; c <= colJSON; c++ {
		if columnInfo[c].name == name {
			return c, true
		}
	}
	return 0, false
}

func columnNames() []string {
	var names []string
	for c := colStatus; c <= colJSON; c++ {
		names = append(names, columnInfo[c].name)
	}
	return names
}

// outputs returns the columns written for a field, under their full names.
func outputs(prefix string, cs []column) []record.Output {
	var out []record.Output
	for _, c := range cs {
		out = append(out, record.Output{Name: prefix + columnInfo[c].name, List: columnInfo[c].list})
	}
	return out
}
