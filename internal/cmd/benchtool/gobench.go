package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode"
)

// benchmarked are the packages with benchmarks of the hot path.
var benchmarked = []string{"./codec", "./enrich", "./chunked", "./indicator", "./lookupcache/...", "./limit", "./source/threatcrowd", "./internal/cmd/benchtool"}

// landing is the file for the results of a landing: named by date and version.
func landing(dir string) string {
	return filepath.Join(dir, time.Now().UTC().Format("2006-01-02")+"-"+sourceVersion()+".txt")
}

// writeGo writes the samples and, with micro, the output of the packages'
// benchmarks in the format that benchstat reads.
func (b *bench) writeGo(name string, micro bool) error {
	var out bytes.Buffer
	if micro {
		args := append([]string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-count", "6"}, benchmarked...)
		cmd := exec.Command("go", args...)
		var text bytes.Buffer
		cmd.Stdout, cmd.Stderr = &text, os.Stderr
		err := cmd.Run()
		for line := range bytes.Lines(text.Bytes()) { // no "no test files"
			if !bytes.HasPrefix(line, []byte("?")) {
				out.Write(line)
			}
		}
		if err != nil {
			return fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, text.Bytes())
		}
	}
	fmt.Fprintf(&out, "goos: %s\ngoarch: %s\npkg: end-to-end\ncpu: %s\n", runtime.GOOS, runtime.GOARCH, cpuName())
	b.goLines(&out)
	return os.WriteFile(name, out.Bytes(), 0o644)
}

// goLines writes each sample as a run of a benchmark.
func (b *bench) goLines(w io.Writer) {
	for _, r := range b.results {
		name := "Benchmark" + identifier(r.Group) + "/" + identifier(r.Program)
		for _, s := range r.Samples {
			fmt.Fprintf(w, "%s-%d\t1\t%d ns/op", name, runtime.NumCPU(), s.Wall.Nanoseconds())
			if s.Bytes > 0 {
				fmt.Fprintf(w, "\t%.2f MB/s\t%.0f rows/s", s.bytesPerSecond()/1e6, s.rowsPerSecond())
			}
			if s.First > 0 {
				fmt.Fprintf(w, "\t%d first-ns", s.First.Nanoseconds())
			}
			fmt.Fprintf(w, "\t%d cpu-ns\t%d peak-bytes\n", s.CPU.Nanoseconds(), s.PeakRSS)
		}
	}
}

// identifier turns a name into a part of a benchmark's: words in capitals.
func identifier(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}
