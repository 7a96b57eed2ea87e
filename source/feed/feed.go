// Package feed reads what others publish about indicators (plain lists, CSV
// exports, MISP events, STIX bundles, ThreatCrowd reports) into the facts of
// package local, and learns facts from the user's own logs.
//
// An input becomes one generation: nothing of it is seen before all of it is
// read. What cannot be understood is reported with its place and left out.
package feed

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/stream"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
)

// Format is how an input is written.
type Format string

// The formats. Auto decides by the content.
const (
	Auto        Format = "auto"
	List        Format = "list"
	CSV         Format = "csv"
	MISP        Format = "misp"
	STIX        Format = "stix"
	ThreatCrowd Format = "threatcrowd"
)

// Formats are all formats of feeds, Auto first.
var Formats = []Format{Auto, List, CSV, MISP, STIX, ThreatCrowd}

// Options say how inputs are read. Parser is required.
type Options struct {
	Parser *indicator.Parser
	// Format is Auto when empty.
	Format Format
	// Verdict is that of values about which the input itself says nothing.
	Verdict source.Verdict
	// Columns maps what a CSV cell means (see Meanings) to the name of its
	// column; without it the columns are known by their usual names.
	Columns map[string]string
	// Bad is called for each record that is kept out.
	Bad func(Bad)
	// Now is the clock, time.Now when nil: what has expired is passed over.
	Now func() time.Time
}

// Bad is a record that was kept out.
type Bad struct {
	Input  string // a file, or an address
	Line   int    // 0: the input has no lines of its own
	Place  string // where it is in a JSON text, else empty
	Reason string
}

// Error says what, where and why.
func (b Bad) Error() string {
	at := b.Input
	if b.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, b.Line)
	}
	if b.Place != "" {
		at += ": " + b.Place
	}
	return at + ": " + b.Reason
}

// Counts is what was met in inputs.
type Counts struct {
	Bytes   int64 `json:"bytes"`
	Records int64 `json:"records"` // read: good, bad and passed over
	Bad     int64 `json:"bad"`
	// Passed are records that are fine but say nothing about an indicator, or
	// nothing any more: a comment, a file name, an expired pattern.
	Passed int64 `json:"passed"`
}

// Input is one input of an import.
type Input struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Files returns the inputs of paths: files, and for a directory the JSON files
// in it but for manifest.json, as a MISP feed has them.
func Files(paths ...string) ([]Input, error) {
	var out []Input
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, file(p))
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, err
		}
		n := len(out)
		for _, e := range entries { // sorted by name
			if strings.HasSuffix(e.Name(), ".json") && e.Name() != "manifest.json" && e.Type()&fs.ModeType == 0 {
				out = append(out, file(filepath.Join(p, e.Name())))
			}
		}
		if len(out) == n {
			return nil, fmt.Errorf("%s: no JSON files in the directory; name the files of other formats", p)
		}
	}
	return out, nil
}

func file(path string) Input {
	return Input{path, func() (io.ReadCloser, error) { return os.Open(path) }}
}

// ErrNothing: an input has no record that can be used, so that importing it
// would only empty the feed.
var ErrNothing = errors.New("nothing in it can be used")

// Import reads inputs into one generation of a feed. The error is
// local.ErrUnchanged, with the generation that is there, when they are what
// the feed holds already. After any other error nothing has changed.
func Import(ctx context.Context, s *local.Store, m local.Meta, o Options, inputs ...Input) (g local.Generation, c Counts, err error) {
	if m.Format == "" {
		m.Format = string(o.Format)
	}
	im, err := s.Begin(ctx, m)
	if err != nil {
		return g, c, err
	}
	defer func() {
		if err != nil && !errors.Is(err, local.ErrUnchanged) {
			err = errors.Join(err, im.Abort(ctx))
		}
	}()
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%d\x00%v\x00", o.Format, o.Verdict, o.Columns)
	good, format := int64(0), Format("")
	for _, in := range inputs {
		r := &reading{o: &o, ctx: ctx, input: in.Name, add: func(f local.Fact) error {
			good++
			return im.Add(ctx, f)
		}}
		err := r.open(in, sum)
		c.Bytes += r.counts.Bytes
		c.Records += r.counts.Records
		c.Bad += r.counts.Bad
		c.Passed += r.counts.Passed
		if format = r.format; len(inputs) > 1 && o.Format == Auto {
			format = Auto
		}
		if err != nil {
			return g, c, fmt.Errorf("%s: %w", in.Name, err)
		}
	}
	if good == 0 {
		return g, c, fmt.Errorf("%s: %w", m.Source, ErrNothing)
	}
	g, err = im.Commit(ctx, local.Total{Format: string(format), Bytes: c.Bytes, Digest: hex.EncodeToString(sum.Sum(nil)), Records: c.Records, Bad: c.Bad})
	return g, c, err
}

// Read reads one input and gives its facts to add, whose error ends it.
func Read(ctx context.Context, in Input, o Options, add func(local.Fact) error) (Counts, error) {
	r := &reading{o: &o, ctx: ctx, input: in.Name, add: add}
	err := r.open(in, nil)
	return r.counts, err
}

// reading is the reading of one input.
type reading struct {
	o      *Options
	ctx    context.Context
	input  string
	add    func(local.Fact) error
	counts Counts
	format Format // that it is read in
	err    error  // of add
}

// open reads an input, compressed or not.
func (r *reading) open(in Input, sum hash.Hash) error {
	f, err := in.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	raw := bufio.NewReaderSize(f, 64<<10)
	if magic, _ := raw.Peek(4); bytes.Equal(magic, []byte("PK\x03\x04")) {
		return r.zip(raw, sum)
	}
	return r.text(raw, sum)
}

// maxZip bounds a zip archive, which is read into memory.
const maxZip = 256 << 20

// zip reads the only file of an archive, as abuse.ch publishes full exports.
func (r *reading) zip(in io.Reader, sum hash.Hash) error {
	data, err := io.ReadAll(io.LimitReader(in, maxZip+1))
	if err != nil {
		return err
	}
	if len(data) > maxZip {
		return fmt.Errorf("a zip archive of more than %d MiB: unpack it first", maxZip>>20)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	files := slices.DeleteFunc(slices.Clone(z.File), func(f *zip.File) bool { return f.FileInfo().IsDir() })
	if len(files) != 1 {
		return fmt.Errorf("a zip archive with %d files: unpack it and name the files", len(files))
	}
	f, err := files[0].Open()
	if err != nil {
		return err
	}
	defer f.Close()
	return r.text(f, sum)
}

// text reads an input in the format that it has.
func (r *reading) text(in io.Reader, sum hash.Hash) error {
	s, err := stream.NewReader(in)
	if err != nil {
		return err
	}
	defer s.Close()
	var plain io.Reader = &counting{s, &r.counts.Bytes}
	if sum != nil {
		plain = io.TeeReader(plain, sum)
	}
	b := bufio.NewReaderSize(plain, 256<<10)
	format := r.o.Format
	if format == Auto || format == "" {
		if format, err = detect(b); err != nil {
			return err
		}
	}
	r.format = format
	switch format {
	case List:
		err = r.list(b)
	case CSV:
		err = r.csv(b)
	case MISP:
		err = r.json(b, r.misp)
	case STIX:
		err = r.json(b, r.stix)
	case ThreatCrowd:
		err = r.json(b, r.threatcrowd)
	default:
		err = fmt.Errorf("unknown format %q; there are %v", format, Formats)
	}
	if r.err != nil {
		return r.err
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, b) // for the digest
	return err
}

type counting struct {
	r io.Reader
	n *int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// now is the time that expiry is compared with.
func (r *reading) now() time.Time {
	if r.o.Now != nil {
		return r.o.Now()
	}
	return time.Now()
}

// ended reports whether the reading has to end.
func (r *reading) ended() error {
	if r.err == nil {
		r.err = r.ctx.Err()
	}
	return r.err
}

// fact passes a fact on. One that cannot be, such as a reference without a
// text, is dropped.
func (r *reading) fact(f local.Fact) {
	if r.err == nil && f.Check() == nil {
		r.err = r.add(f)
	}
}

// bad reports a record as kept out.
func (r *reading) bad(line int, place, reason string) {
	r.counts.Bad++
	if r.o.Bad != nil {
		r.o.Bad(Bad{r.input, line, place, reason})
	}
}

// parse reads a value; the error names it, shortened.
func (r *reading) parse(value string, want indicator.Type) (indicator.Indicator, error) {
	ind, err := r.o.Parser.Parse(value, want)
	if err != nil {
		return ind, fmt.Errorf("%.80q: %w", value, err)
	}
	if ind.Type == indicator.Domain && !strings.Contains(ind.Value, ".") {
		return ind, fmt.Errorf("%.80q: a name without a dot", value)
	}
	return ind, nil
}

// maxLine is the longest line of a text, in bytes.
const maxLine = 64 << 10

var errLongLine = errors.New("line too long")

// line reads a line without its end. A longer one than maxLine is skipped with
// errLongLine.
func line(b *bufio.Reader) (string, error) {
	s, err := b.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(s) > maxLine {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = b.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return "", errLongLine
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(s) == 0) {
		return "", err
	}
	return strings.TrimRight(string(s), "\r\n"), nil
}

// detect tells the format by the beginning of an input.
func detect(b *bufio.Reader) (Format, error) {
	head, err := b.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return "", err
	}
	if len(head) == 0 {
		return "", errors.New("it is empty")
	}
	text := bytes.TrimLeft(head, " \t\r\n")
	if len(text) > 0 && (text[0] == '{' || text[0] == '[' && bytes.IndexByte(text[:min(len(text), 64)], '{') > 0) {
		return detectJSON(text)
	}
	if len(text) > 0 && text[0] == '<' {
		return "", errors.New("an HTML or XML page, and no feed")
	}
	if _, ok := header(string(head)); ok {
		return CSV, nil
	}
	return List, nil
}

// detectJSON tells the format of a JSON text by the first key that only one
// format has.
func detectJSON(text []byte) (Format, error) {
	best, at := Format(""), len(text)
	for key, f := range map[string]Format{
		`"response_code"`: ThreatCrowd, `"permalink"`: ThreatCrowd,
		`"Event"`: MISP, `"Attribute"`: MISP, `"Orgc"`: MISP,
		`"spec_version"`: STIX, `"objects"`: STIX, `"bundle"`: STIX, `"pattern"`: STIX,
	} {
		if i := bytes.Index(text, []byte(key)); i >= 0 && i < at {
			best, at = f, i
		}
	}
	if best == "" {
		return "", errors.New("a JSON text of no known format: neither a MISP event, a STIX bundle nor a ThreatCrowd report; name one with --format")
	}
	return best, nil
}
