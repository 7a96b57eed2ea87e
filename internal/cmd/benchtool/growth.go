package main

import (
	"fmt"
	"io"
	"os"

	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
)

// growth measures how the time grows with the rows and with the distinct
// indicators, and that memory does not grow with the rows.
func (b *bench) growth() error {
	if err := b.rows(); err != nil {
		return err
	}
	return b.indicators()
}

// rows feeds the filter 10 k to 10 M rows of the same log.
func (b *bench) rows() error {
	if err := b.lab.fill(b.filterProgram("warm"), distinct); err != nil {
		return err
	}
	const block = 100_000
	header := workload.CSVHeader()
	log := workload.New(distinct, true).AppendCSV(nil, block)
	small := workload.New(distinct, true).AppendCSV(nil, block/10)
	var list []contestant
	sizes := []int{10_000, 100_000, 1_000_000, 10_000_000}
	if b.quick {
		sizes = sizes[:3]
	}
	for _, n := range sizes {
		p := b.filterProgram("warm")
		text, times := log, n/block
		if n < block {
			text, times = small, 1
		}
		list = append(list, b.counted(fmt.Sprintf("%s, %d rows", ours, n), func() (sample, error) {
			s, _, err := p.filter("", func(w io.Writer) error {
				if _, err := w.Write(header); err != nil {
					return err
				}
				for range times {
					if _, err := w.Write(text); err != nil {
						return err
					}
				}
				return nil
			}, os.DevNull)
			s.Rows, s.Bytes = int64(n), int64(len(header)+times*len(text))
			return s, err
		}))
	}
	r := b.compete("growth", min(b.runs, 5), list...)
	for i := 1; i < len(r); i++ {
		b.compare(target{Path: fmt.Sprintf("growth, %d to %d rows", sizes[i-1], sizes[i]), Against: "a tenth of the rows", Unit: "s", AtMost: 10.5},
			r[i], r[i-1], sample.wallSeconds)
	}
	last := r[len(r)-1]
	b.bound(target{Path: "memory, CSV", Unit: "MiB", Under: 64, Note: fmt.Sprintf("%d rows through a pipe", sizes[len(sizes)-1])}, float64(last.peak())/(1<<20))
	return nil
}

// indicators feeds the filter rows with a domain each, all on disk.
func (b *bench) indicators() error {
	const data = "many"
	sizes := []int{2_000, 20_000, 200_000}
	if err := b.lab.fill(b.filterProgram(data), 100); err != nil {
		return err
	}
	if err := b.lab.crowd(data, 100, sizes[len(sizes)-1]); err != nil {
		return err
	}
	var list []contestant
	for _, n := range sizes {
		name := fmt.Sprintf("distinct%d.csv", n)
		path, err := b.lab.write(name, append(workload.CSVHeader(), workload.New(n, false).AppendCSV(nil, n)...))
		if err != nil {
			return err
		}
		in := file{path, n, fileSize(path), workload.New(n, false).Domains(n)}
		list = append(list, b.reader(fmt.Sprintf("%s, %d distinct", ours, n), in, b.filterProgram(data), in.checkCSV))
	}
	r := b.compete("growth", min(b.runs, 5), list...)
	for i := 1; i < len(r); i++ {
		b.compare(target{Path: fmt.Sprintf("growth, %d to %d distinct", sizes[i-1], sizes[i]), Against: "a tenth", Unit: "s", AtMost: 11},
			r[i], r[i-1], sample.wallSeconds)
	}
	return nil
}
