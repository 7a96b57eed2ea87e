package demodata

import (
	"context"
	"embed"
	"fmt"
	"sync"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
)

//go:generate go run ./gen -data data

//go:embed data/entities.csv data/relations.csv
var tables embed.FS

//go:embed data/proxy.csv
var proxyLog string

// ProxyLog returns the sample proxy log: CSV in UTF-8 with a header, in which
// the columns domain, dest_ip, sender, file_hash and signature hold indicators
// of the five kinds in the spellings that logs have. The bytes are the
// caller's own.
func ProxyLog() []byte { return []byte(proxyLog) }

// Store returns the data set. It is read when it is first asked for; an error
// names the file and the line of the mistake.
func Store() (server.Store, error) {
	set, err := load()
	if err != nil {
		return nil, err
	}
	return set, nil
}

var load = sync.OnceValues(func() (*dataSet, error) {
	entities, err := tables.ReadFile("data/entities.csv")
	if err != nil {
		return nil, fmt.Errorf("demo data: %w", err)
	}
	relations, err := tables.ReadFile("data/relations.csv")
	if err != nil {
		return nil, fmt.Errorf("demo data: %w", err)
	}
	set, err := parse(entities, relations)
	if err != nil {
		return nil, fmt.Errorf("demo data: %w", err)
	}
	return set, nil
})

// dataSet is a server.Store in memory, which nobody changes once it is built.
type dataSet struct {
	// reports holds the report of every entity under its key; a file is there
	// twice when both its MD5 and its SHA-1 are known.
	reports map[indicator.Indicator]*server.Report
}

// Report implements server.Store.
func (s *dataSet) Report(_ context.Context, ind indicator.Indicator) (*server.Report, bool, error) {
	r, ok := s.reports[key(ind.Type, ind.Value)]
	return r, ok, nil
}
