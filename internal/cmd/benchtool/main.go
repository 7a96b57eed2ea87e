// Command benchtool measures tclookup beside reference programs in one run and
// prints each ratio with its target. Run it from the root of the module; see
// bench/README.md.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	b := &bench{stderr: stderr}
	flags := flag.NewFlagSet("benchtool", flag.ContinueOnError)
	flags.SetOutput(stderr)
	jsonFile := flags.String("json", "", "write everything that was measured to `FILE`")
	goFile := flags.String("go", "", "write the runs to `FILE` as benchstat reads them; a directory: to DATE-VERSION.txt in it")
	micro := flags.Bool("micro", false, "with -go: run the packages' benchmarks too")
	strict := flags.Bool("strict", false, "exit with 1 when a target is missed")
	flags.BoolVar(&b.quick, "quick", false, "a tenth of the rows and fewer runs: tells that everything works, not how fast")
	flags.IntVar(&b.runs, "runs", 0, "counted runs of each program; default 7, 3 with -quick")
	flags.StringVar(&b.duckdb, "duckdb", os.Getenv("BENCH_DUCKDB"), "node_modules `DIR` that holds @duckdb/node-api")
	flags.Func("also", "compare with another build of tclookup, as `NAME=PATH` (may be repeated), in chunked, csv and jsonl", func(s string) error {
		name, path, ok := strings.Cut(s, "=")
		if !ok || name == "" || path == "" {
			return fmt.Errorf("%q is not NAME=PATH", s)
		}
		path, err := filepath.Abs(path)
		b.rivals = append(b.rivals, rival{name, path})
		return err
	})
	flags.Func("only", "measure only the section `NAME` (may be repeated): "+strings.Join(names, ", "), func(s string) error {
		for n := range strings.SplitSeq(s, ",") {
			if !slices.Contains(names, n) {
				return fmt.Errorf("unknown section %q: allowed are %s", n, strings.Join(names, ", "))
			}
			b.only = append(b.only, n)
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "benchtool: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	if b.runs <= 0 {
		b.runs = 7
		if b.quick {
			b.runs = 3
		}
	}
	err := b.run()
	// What was measured before an error is worth having.
	if printErr := b.print(stdout); err == nil {
		err = printErr
	}
	if *jsonFile != "" && err == nil {
		err = b.writeJSON(*jsonFile)
	}
	if *goFile != "" && err == nil {
		if info, statErr := os.Stat(*goFile); statErr == nil && info.IsDir() {
			*goFile = landing(*goFile)
		}
		err = b.writeGo(*goFile, *micro)
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchtool:", err)
		return 1
	}
	missed := slices.ContainsFunc(b.targets, func(t target) bool { return t.Met != nil && !*t.Met })
	if b.failed || *strict && missed {
		return 1
	}
	return 0
}
