// Command gen writes the sample proxy log of the demonstration, proxy.csv,
// from the entities of the sample data set. The same entities always give the
// same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("data", "data", "directory that holds entities.csv and gets proxy.csv")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	log, err := generate(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "proxy.csv"), log, 0o644)
}

// generate returns the bytes of proxy.csv.
func generate(dir string) ([]byte, error) {
	table, err := os.ReadFile(filepath.Join(dir, "entities.csv"))
	if err != nil {
		return nil, err
	}
	k, err := readEntities(table)
	if err != nil {
		return nil, fmt.Errorf("entities.csv: %w", err)
	}
	return proxyLog(k)
}
