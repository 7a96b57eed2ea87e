// Package filter runs an enricher over files and pipes of records.
package filter

import (
	"bytes"
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
	// Journal, if not nil, is kept, and continued where it ends. Out is then
	// an *os.File that stands where the journal says.
	Journal *Journal
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
	form    stream.Info
	columns []string
	header  int64 // length of the header of the input being read
	skipped int64 // bytes of it that an earlier run has read
	account Account
}

// finish closes the output.
func (r *run) finish(err error) (Account, error) {
	err = errors.Join(err, r.closeOut())
	if errors.Is(err, context.Canceled) {
		err = ErrInterrupted
	}
	return r.account, err
}

func (r *run) all(ctx context.Context) error {
	from := step{}
	if r.o.Journal != nil {
		from = r.o.Journal.last
		r.account.BytesOut = from.Out
	}
	for i, in := range r.o.Inputs {
		if i < from.Input {
			continue
		}
		f, err := in.Open()
		if err != nil {
			return err
		}
		if i > from.Input {
			from = step{}
		}
		err = r.one(ctx, i, in.Name, f, from)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", in.Name, err)
		}
	}
	if r.o.Journal != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.stopped {
			return ctx.Err()
		}
		if err := r.closeOut(); err != nil {
			return err
		}
		last := r.o.Journal.last
		last.Out, last.Done = r.account.BytesOut, true
		return r.o.Journal.note(last, r.o.Out)
	}
	return nil
}

// closeOut ends the output.
func (r *run) closeOut() error {
	var err error
	if r.writer != nil {
		err = r.writer.Close()
	}
	if r.out != nil {
		err = errors.Join(err, r.out.Close())
	}
	r.writer, r.out = nil, nil
	return err
}

// one enriches one input, from a step on that an earlier run has reached.
func (r *run) one(ctx context.Context, i int, name string, f io.Reader, from step) error {
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
	r.header, r.skipped = 0, 0
	in, syntax := io.Reader(s), r.o.Syntax
	if r.o.Detect {
		if syntax, in, err = codec.Sniff(s); err != nil {
			return err
		}
	}
	if from.Offset > 0 {
		if in, err = r.skip(in, from); err != nil {
			return err
		}
		if syntax, err = codec.ParseSyntax(from.Syntax); err != nil {
			return err
		}
	}
	if i > 0 && r.writer != nil && syntax != r.syntax {
		return fmt.Errorf("is %s, but %s is %s: enrich them separately, or say --format", syntax, r.o.Inputs[0].Name, r.syntax)
	}
	reader := codec.NewReader(syntax, in, r.o.Separator)
	columns, err := reader.Columns()
	if err == io.EOF {
		r.o.Warn(name + ": no records: the input is empty")
		r.syntax = syntax
		return r.open(s, from)
	}
	if err != nil {
		return err
	}
	reader.Select(r.o.Enricher.Selection())
	if err := r.start(s, syntax, columns, from); err != nil {
		return err
	}
	if err := r.copy(ctx, reader, i); err != nil {
		return err
	}
	for _, w := range append(s.Warnings(), reader.Warnings()...) {
		r.o.Warn(name + ": " + w)
	}
	if t := s.Tail(); len(t) > 0 {
		r.out.SetTail(t)
	}
	return nil
}

// start makes the writer, or lets the one there is go on with another input.
func (r *run) start(s *stream.Reader, syntax codec.Syntax, columns []string, from step) error {
	if r.writer != nil {
		if !slices.Equal(columns, r.columns) {
			return fmt.Errorf("has other columns than %s: enrich them separately", r.o.Inputs[0].Name)
		}
		return r.lines.end()
	}
	r.syntax, r.columns = syntax, columns
	if err := r.open(s, from); err != nil {
		return err
	}
	r.lines = &lineEnds{w: r.out, open: from.Open}
	r.writer = codec.NewWriter(syntax, r.lines)
	if w, ok := r.writer.(*codec.CSVWriter); ok && from.Out > 0 {
		w.Continue()
	}
	return nil
}

// copy enriches all records of an input.
func (r *run) copy(ctx context.Context, reader record.Reader, input int) error {
	var b record.Batch
	for first := true; ; first = false {
		if err := reader.Read(&b); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if first && r.skipped == 0 {
			r.header = b.Offset
			if n := len(b.Rows); n > 0 && r.syntax != codec.SyntaxJSONL {
				r.header -= int64(b.Rows[n-1].Next - b.Rows[0].Start)
			} else if n > 0 {
				r.header = 0
			}
		}
		if err := r.o.Enricher.Enrich(ctx, &b); err != nil {
			return err
		}
		if err := r.write(ctx, &b, input); err != nil {
			return err
		}
	}
}

// skip returns a reader of the header and of what follows the step.
func (r *run) skip(in io.Reader, from step) (io.Reader, error) {
	head := make([]byte, from.Header)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, fmt.Errorf("is shorter than it was: %w", err)
	}
	r.header, r.skipped = from.Header, from.Offset-from.Header
	if n, err := io.CopyN(io.Discard, in, r.skipped); err != nil {
		return nil, fmt.Errorf("is shorter than it was, %d bytes and not %d: %w", from.Header+n, from.Offset, err)
	}
	return io.MultiReader(bytes.NewReader(head), in), nil
}

// open makes the output stream like the first input.
func (r *run) open(s *stream.Reader, from step) (err error) {
	if r.out != nil {
		return nil
	}
	r.form = s.Info()
	out := &sink{w: r.o.Out, n: &r.account.BytesOut}
	if from.Out > 0 {
		r.form = from.Form
		out.skip = r.form.MarkLen(r.o.UTF8) // it is there
	}
	r.out, err = stream.NewWriter(out, r.form, stream.WriterOptions{Compress: r.o.Compress, UTF8: r.o.UTF8})
	return err
}

func (r *run) write(ctx context.Context, b *record.Batch, input int) error {
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
	if r.o.Journal == nil {
		return nil
	}
	return r.o.Journal.note(step{
		Input: input, Offset: b.Offset + r.skipped, Header: r.header, Out: r.account.BytesOut,
		Form: r.form, Syntax: r.syntax.String(), Open: r.lines.open,
	}, r.o.Out)
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

// sink counts what is written, but for the first bytes, which are left out.
type sink struct {
	w    io.Writer
	n    *int64
	skip int
}

func (s *sink) Write(p []byte) (int, error) {
	left := min(s.skip, len(p))
	s.skip -= left
	n, err := s.w.Write(p[left:])
	*s.n += int64(n)
	return left + n, err
}
