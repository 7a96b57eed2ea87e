// Package filter runs an enricher over files and pipes of records.
package filter

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/internal/pages"
	"github.com/tclookup/tclookup/internal/sink"
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
	// Sink, if not nil, takes the records instead of Out. Inputs may then have
	// different formats and columns. Run closes it.
	Sink *sink.Sink
	// Grace is how long an interrupted run waits for the Sink to confirm what
	// it has taken; 0 means DefaultGrace.
	Grace time.Duration
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
	// an *os.File that stands where the journal says, or the Sink was given
	// the journal's Note and Tried.
	Journal *Journal
	// Warn is told what was odd about the input, in one line each.
	Warn func(string)
}

// Account is what a run read and wrote.
type Account struct {
	RowsRead int64 `json:"rows_read"`
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
}

// ErrInterrupted is the error of a run that was cancelled. What was written
// until then is a whole number of records.
var ErrInterrupted = errors.New("interrupted")

// Run reads all inputs to their end. When ctx is cancelled it writes what is
// answered and returns ErrInterrupted; a goroutine may then still wait for
// input, but none uses Options any more.
func Run(ctx context.Context, o Options) (Account, error) {
	r := &run{o: o, pacer: pages.Pacer{Least: leastHeap, Percent: smallGarbage}}
	r.pacer.Set()
	if o.Sink != nil {
		r.sender = &sender{ctx: ctx, to: o.Sink, journal: o.Journal}
	}
	return r.finish(r.all(ctx))
}

// DefaultGrace is how long an interrupted run waits for confirmations.
const DefaultGrace = 5 * time.Second

type run struct {
	o       Options
	sender  *sender
	closed  bool
	out     *stream.Writer
	lines   *lineEnds
	writer  record.Writer
	syntax  codec.Syntax
	form    stream.Info
	columns []string
	header  int64 // length of the header of the input being read
	skipped int64 // bytes of it that an earlier run has read
	much    bool  // there is much to read from this input
	large   bool  // memory was had in large pages
	pacer   pages.Pacer

	rowsRead, bytesIn, bytesOut atomic.Int64
}

// finish closes the output.
func (r *run) finish(err error) (Account, error) {
	if end := r.closeOut(); end != nil && !errors.Is(err, end) { // said once
		err = errors.Join(err, end)
	}
	if errors.Is(err, context.Canceled) {
		err = ErrInterrupted
	}
	return Account{r.rowsRead.Load(), r.bytesIn.Load(), r.bytesOut.Load()}, err
}

func (r *run) all(ctx context.Context) error {
	from := step{}
	if r.o.Journal != nil {
		from = r.o.Journal.last
		r.bytesOut.Store(from.Out)
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
		if err := r.closeOut(); err != nil {
			return err
		}
		last := r.o.Journal.last
		last.Out, last.Done = r.bytesOut.Load(), true
		return r.o.Journal.note(last, r.o.Out)
	}
	return nil
}

// closeOut ends the output.
func (r *run) closeOut() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.sender != nil {
		return r.sender.close(cmp.Or(r.o.Grace, DefaultGrace))
	}
	var err error
	if r.writer != nil {
		err = r.writer.Close()
	}
	if r.out != nil {
		if end := r.out.Close(); err == nil {
			err = end
		}
	}
	return err
}

// beginning is an input of which the header has been read.
type beginning struct {
	stream  *stream.Reader
	ahead   *stream.Ahead // nil: the reader reads by itself
	reader  record.Reader
	syntax  codec.Syntax
	columns []string
	large   bool  // there is much of it
	err     error // io.EOF if there is none
}

// begin reads the header of an input, from a step on that an earlier run has
// reached. It waits for input, and touches nothing that others use.
func (r *run) begin(f io.Reader, from step) (b beginning) {
	b.stream, b.err = stream.NewReader(&counter{f, &r.bytesIn})
	if b.err != nil {
		return b
	}
	in := io.Reader(b.stream)
	b.syntax = r.o.Syntax
	if r.o.Detect {
		if b.syntax, in, b.err = codec.Sniff(b.stream); b.err != nil {
			return b
		}
	}
	if from.Offset > 0 {
		if in, b.err = skip(in, from); b.err != nil {
			return b
		}
		if b.syntax, b.err = codec.ParseSyntax(from.Syntax); b.err != nil {
			return b
		}
	}
	if f, ok := f.(interface{ Stat() (os.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			in = stream.Full(in) // nobody types it in
			b.large = info.Size() >= largeInput
		}
	}
	if b.stream.Info().Compression != stream.None && runtime.GOMAXPROCS(0) > 1 {
		b.ahead = stream.NewAhead(in)
		in = b.ahead
	}
	b.reader = codec.NewReader(b.syntax, in, r.o.Separator)
	b.columns, b.err = b.reader.Columns()
	return b
}

// one enriches one input, from a step on that an earlier run has reached.
func (r *run) one(ctx context.Context, i int, name string, f io.Reader, from step) error {
	began := make(chan beginning, 1)
	go func() { began <- r.begin(f, from) }()
	var b beginning
	select {
	case b = <-began:
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.ahead != nil {
		defer b.ahead.Stop()
	}
	if b.err != nil && (b.err != io.EOF || b.reader == nil) {
		return b.err
	}
	r.header, r.skipped = 0, 0
	if from.Offset > 0 {
		r.header, r.skipped = from.Header, from.Offset-from.Header
	}
	s, reader := b.stream, b.reader
	r.much = b.large
	if r.sender == nil && i > 0 && r.writer != nil && b.syntax != r.syntax {
		return fmt.Errorf("is %s, but %s is %s: enrich them separately, or say --format", b.syntax, r.o.Inputs[0].Name, r.syntax)
	}
	if b.err == io.EOF {
		r.o.Warn(name + ": no records: the input is empty")
		r.syntax = b.syntax
		return r.open(s, from)
	}
	sel := r.o.Enricher.Selection()
	if r.sender != nil {
		r.syntax = b.syntax
		sel = r.sender.begin(b, sel, r.skipped)
		missing := reader.Select(sel)
		if m := r.sender.missing(missing); len(m) > 0 {
			r.o.Warn(fmt.Sprintf("%s: no column %s, which is to be sent besides the event", name, strings.Join(m, ", ")))
		}
		if err := r.copy(ctx, reader, i); err != nil {
			return err
		}
		r.warn(name, s.Warnings(), reader.Warnings(), r.sender.forms.Warnings())
		return s.Close()
	}
	reader.Select(sel)
	if err := r.start(s, b.syntax, b.columns, from); err != nil {
		return err
	}
	if err := r.copy(ctx, reader, i); err != nil {
		return err // the reader may still be reading
	}
	r.warn(name, s.Warnings(), reader.Warnings())
	if t := s.Tail(); len(t) > 0 {
		r.out.SetTail(t)
	}
	return s.Close()
}

func (r *run) warn(name string, lists ...[]string) {
	for _, list := range lists {
		for _, w := range list {
			r.o.Warn(name + ": " + w)
		}
	}
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

// headerLen is the length of the header before the first batch of an input.
func headerLen(b *record.Batch, syntax codec.Syntax) int64 {
	if syntax == codec.SyntaxJSONL {
		return 0
	}
	n := b.Offset
	if rows := len(b.Rows); rows > 0 {
		n -= int64(b.Rows[rows-1].Next - b.Rows[0].Start)
	}
	return n
}

// skip returns a reader of the header and of what follows the step.
func skip(in io.Reader, from step) (io.Reader, error) {
	head := make([]byte, from.Header)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, fmt.Errorf("is shorter than it was: %w", err)
	}
	if n, err := io.CopyN(io.Discard, in, from.Offset-from.Header); err != nil {
		return nil, fmt.Errorf("is shorter than it was, %d bytes and not %d: %w", from.Header+n, from.Offset, err)
	}
	return io.MultiReader(bytes.NewReader(head), in), nil
}

// open makes the output stream like the first input.
func (r *run) open(s *stream.Reader, from step) (err error) {
	if r.out != nil || r.sender != nil {
		return nil
	}
	r.form = s.Info()
	out := &tally{w: r.o.Out, n: &r.bytesOut}
	if from.Out > 0 {
		r.form = from.Form
		out.skip = r.form.MarkLen(r.o.UTF8) // it is there
	}
	r.out, err = stream.NewWriter(out, r.form, stream.WriterOptions{Compress: r.o.Compress, UTF8: r.o.UTF8})
	return err
}

// write writes a batch, whose text may have been made already.
func (r *run) write(b *record.Batch, text []byte, made bool, input int) error {
	if r.sender != nil {
		return r.sender.send(b, input, r.header)
	}
	var err error
	if !made {
		err = r.writer.Write(b)
	} else if len(text) > 0 {
		_, err = r.lines.Write(text)
	}
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if r.o.Journal == nil {
		return nil
	}
	return r.o.Journal.note(step{
		Input: input, Offset: b.Offset + r.skipped, Header: r.header, Out: r.bytesOut.Load(),
		Form: r.form, Syntax: r.syntax.String(), Open: r.lines.open,
	}, r.o.Out)
}

type counter struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
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

// tally counts what is written, but for the first bytes, which are left out.
type tally struct {
	w    io.Writer
	n    *atomic.Int64
	skip int
	err  error // the first, and from then on the answer to every Write
}

func (s *tally) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	left := min(s.skip, len(p))
	s.skip -= left
	n, err := s.w.Write(p[left:])
	s.n.Add(int64(n))
	s.err = err
	return left + n, err
}
