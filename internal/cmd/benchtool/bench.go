package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
	"github.com/tclookup/tclookup/lookupcache/disk"
)

// Sizes of the workload.
const (
	distinct    = 20_000
	tableRows   = 70_000
	requestRows = 50_000
	crowdSize   = 1_000_000
	freshKnown  = 5_000 // distinct indicators of the first request
)

// bench is one run of the tool.
type bench struct {
	lab     *lab
	quick   bool
	only    []string
	runs    int
	duckdb  string // node_modules with @duckdb/node-api, empty if there is none
	stderr  io.Writer
	results []*result
	targets []target
	failed  bool

	rivals []rival

	tclookup, echo, stdcsv, stdjson string
	table                           string
}

// rival is another build of tclookup.
type rival struct{ name, path string }

// sections are the parts of the measurement, in order.
var sections = []struct {
	name string
	run  func(*bench) error
}{
	{"chunked", (*bench).chunked},
	{"start", (*bench).start},
	{"csv", (*bench).csv},
	{"jsonl", (*bench).jsonl},
	{"growth", (*bench).growth},
	{"allocs", (*bench).allocations},
}

func (b *bench) log(format string, args ...any) {
	fmt.Fprintf(b.stderr, format+"\n", args...)
}

// scaled returns n, or a tenth of it in a quick run.
func (b *bench) scaled(n int) int {
	if b.quick {
		return n / 10
	}
	return n
}

// run prepares everything and measures the asked sections.
func (b *bench) run() (err error) {
	if b.lab, err = newLab(); err != nil {
		return err
	}
	defer func() {
		if closeErr := b.lab.close(); err == nil {
			err = closeErr
		}
	}()
	// An interrupted run leaves nothing behind either.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupted)
	go func() {
		<-interrupted
		_ = b.lab.close()
		os.Exit(130)
	}()
	const root = "github.com/tclookup/tclookup/"
	for pkg, path := range map[string]*string{
		"cmd/tclookup": &b.tclookup, "internal/benchref/echo": &b.echo,
		"internal/benchref/stdcsv": &b.stdcsv, "internal/benchref/stdjson": &b.stdjson,
	} {
		if *path, err = b.lab.build(root + pkg); err != nil {
			return err
		}
	}
	if b.table, err = b.lab.write("table.csv", workload.AppendTable(nil, tableRows)); err != nil {
		return err
	}
	for _, s := range sections {
		if len(b.only) > 0 && !slices.Contains(b.only, s.name) {
			continue
		}
		start := time.Now()
		if err := s.run(b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.log("%s took %.0f s", s.name, time.Since(start).Seconds())
	}
	return nil
}

// columnsWanted are the columns that all programs add.
const columnsWanted = "verdict,votes,last_seen"

// splunk is tclookup as a search command.
func (b *bench) splunk(data string) program {
	return program{path: b.tclookup, args: []string{"splunk"}, env: b.lab.configured(data)}
}

// filterProgram is tclookup as a filter.
func (b *bench) filterProgram(data string, args ...string) program {
	args = append([]string{"enrich", "--field", "domain", "--output", columnsWanted, "--progress", "never"}, args...)
	return program{path: b.tclookup, args: args, env: b.lab.configured(data)}
}

func (b *bench) echoProgram() program {
	return program{path: b.echo, env: b.lab.environment()}
}

// threads limits a program in Go to n threads that compute.
func threads(n int) string { return fmt.Sprint("GOMAXPROCS=", n) }

// twoCores reports whether what needs two cores can be measured.
func twoCores() bool { return runtime.NumCPU() >= 2 }

// counted is a contestant of tclookup whose runs must not ask the source.
func (b *bench) counted(name string, run func() (sample, error)) contestant {
	return contestant{name, func() (sample, error) {
		before := b.lab.store.asked.Load()
		s, err := run()
		if asked := b.lab.store.asked.Load() - before; err == nil && asked > 0 {
			s.Requests = asked
			err = fmt.Errorf("asked the source %d times although everything is in the cache", asked)
		}
		return s, err
	}}
}

// forgetful is a contestant that finds no file of recent answers: the first to
// ask for what is in the database.
func (b *bench) forgetful(data string, c contestant) contestant {
	return contestant{c.name, func() (sample, error) {
		if err := os.Remove(filepath.Join(b.lab.path(data), disk.RecentName)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return sample{}, err
		}
		return c.run()
	}}
}

// against appends every rival to the contestants: p with another executable.
func (b *bench) against(list []contestant, what string, p program, meet func(name string, p program) contestant) []contestant {
	for _, r := range b.rivals {
		p.path = r.path
		list = append(list, meet(r.name+what, p))
	}
	return list
}

// rivalry adds a line for each rival among the results.
func (b *bench) rivalry(path, unit string, own *result, rivals []*result, f func(sample) float64) {
	for i, r := range rivals {
		b.compare(target{Path: path, Against: b.rivals[i].name, Unit: unit}, own, r, f)
	}
}

// found returns the path of an installed program, empty if there is none.
func found(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// skip notes a program that is not there.
func (b *bench) skip(group, name, why string) {
	b.results = append(b.results, &result{Group: group, Program: name, Skipped: why})
	b.log("%-16s %-24s skipped: %s", group, name, why)
}

// fileSize returns the size of a file, 0 if it is not there.
func fileSize(name string) int64 {
	if info, err := os.Stat(name); err == nil {
		return info.Size()
	}
	return 0
}
