// Package filter runs an enricher over files and pipes of records.
package filter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/internal/stream"
	"github.com/tclookup/tclookup/record"
)

// Input is a file or a pipe of records.
type Input struct {
	Name string // for messages
	Open func() (io.ReadCloser, error)
}

// Options say what to read and where to write.
type Options struct {
	Inputs []Input
	Out    io.Writer
	// Syntax is that of all inputs, unless Detect says to look at the first
	// line of each.
	Syntax   codec.Syntax
	Detect   bool
	Compress stream.Compression
	// UTF8 writes UTF-8 whatever the encoding of the input.
	UTF8 bool
	// Separator joins the elements of lists in CSV; empty means ;.
	Separator string
	Enricher  *enrich.Enricher
	// Warn is told what was odd about the input, in one line each.
	Warn func(string)
}

// Account is what a run read and wrote.
type Account struct {
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
}

// ErrInterrupted is the error of a run that was cancelled. What was written
// until then is a whole number of records.
var ErrInterrupted = errors.New("interrupted")

// Run reads all inputs to their end. When ctx is cancelled it returns
// ErrInterrupted at once; a goroutine may then still wait for input.
func Run(ctx context.Context, o Options) (Account, error) {
	r := &run{o: o}
	ended := make(chan error, 1)
	go func() { ended <- r.all(ctx) }()
	select {
	case err := <-ended:
		return r.finish(err)
	case <-ctx.Done():
		// A batch on its way out is written to its end.
		r.mu.Lock()
		r.stopped = true
		r.mu.Unlock()
		return r.finish(ErrInterrupted)
	}
}

type run struct {
	o       Options
	mu      sync.Mutex // held while writing
	stopped bool
	out     *stream.Writer
	lines   *lineEnds
	writer  record.Writer
	syntax  codec.Syntax
	columns []string
	account Account
}

// finish closes the output.
func (r *run) finish(err error) (Account, error) {
	if r.writer != nil {
		err = errors.Join(err, r.writer.Close())
	}
	if r.out != nil {
		err = errors.Join(err, r.out.Close())
	}
	if errors.Is(err, context.Canceled) {
		err = ErrInterrupted
	}
	return r.account, err
}

func (r *run) all(ctx context.Context) error {
	for i, in := range r.o.Inputs {
		f, err := in.Open()
		if err != nil {
			return err
		}
		err = r.one(ctx, i, in.Name, f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", in.Name, err)
		}
	}
	return nil
}

// one enriches one input.
func (r *run) one(ctx context.Context, i int, name string, f io.Reader) error {
	s, err := stream.NewReader(&counter{f, &r.account.BytesIn})
	if err != nil {
		return err
	}
	defer s.Close()
	if f, ok := f.(interface{ Stat() (os.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			s.FillBuffers() // nobody types it in
		}
	}
	in, syntax := io.Reader(s), r.o.Syntax
	if r.o.Detect {
		if syntax, in, err = codec.Sniff(s); err != nil {
			return err
		}
	}
	if i > 0 && syntax != r.syntax {
		return fmt.Errorf("is %s, but %s is %s: enrich them separately, or say --format", syntax, r.o.Inputs[0].Name, r.syntax)
	}
	reader := codec.NewReader(syntax, in, r.o.Separator)
	columns, err := reader.Columns()
	if err == io.EOF {
		r.o.Warn(name + ": no records: the input is empty")
		if i == 0 {
			r.syntax = syntax
			return r.open(s)
		}
		return nil
	}
	if err != nil {
		return err
	}
	reader.Select(r.o.Enricher.Selection())
	if i > 0 && r.writer != nil {
		if !slices.Equal(columns, r.columns) {
			return fmt.Errorf("has other columns than %s: enrich them separately", r.o.Inputs[0].Name)
		}
		if err := r.lines.end(); err != nil {
			return err
		}
	} else {
		r.syntax, r.columns = syntax, columns
		if err := r.open(s); err != nil {
			return err
		}
		r.lines = &lineEnds{w: r.out}
		r.writer = codec.NewWriter(syntax, r.lines)
	}
	var b record.Batch
	for {
		if err = reader.Read(&b); err != nil {
			break
		}
		if err = r.o.Enricher.Enrich(ctx, &b); err != nil {
			return err
		}
		if err = r.write(ctx, &b); err != nil {
			return err
		}
	}
	for _, w := range append(s.Warnings(), reader.Warnings()...) {
		r.o.Warn(name + ": " + w)
	}
	if err != io.EOF {
		return err
	}
	if t := s.Tail(); len(t) > 0 {
		r.out.SetTail(t)
	}
	return nil
}

// open makes the output stream like the first input.
func (r *run) open(s *stream.Reader) (err error) {
	if r.out == nil {
		r.out, err = stream.NewWriter(&sink{r.o.Out, &r.account.BytesOut}, s.Info(), stream.WriterOptions{Compress: r.o.Compress, UTF8: r.o.UTF8})
	}
	return err
}

func (r *run) write(ctx context.Context, b *record.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return ctx.Err()
	}
	if err := r.writer.Write(b); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

type counter struct {
	r io.Reader
	n *int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// lineEnds knows whether what was written ends a line, so that files without
// a final line end can follow each other.
type lineEnds struct {
	w    io.Writer
	open bool
}

func (l *lineEnds) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.open = p[len(p)-1] != '\n'
	}
	return l.w.Write(p)
}

func (l *lineEnds) end() error {
	if !l.open {
		return nil
	}
	_, err := l.Write([]byte{'\n'})
	return err
}

type sink struct {
	w io.Writer
	n *int64
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	*s.n += int64(n)
	return n, err
}
