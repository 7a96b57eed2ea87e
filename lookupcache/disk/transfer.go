package disk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

const (
	// maxLine bounds a line of an import.
	maxLine = 64 << 20
	// maxValue bounds an indicator, as that of a row is.
	maxValue    = 2048
	importBatch = 500
	exportBatch = 500
)

// line is one answer in a JSON Lines stream.
type line struct {
	Scope     string    `json:"scope"`
	Type      string    `json:"type"`
	Value     string    `json:"value"`
	Status    string    `json:"status"`
	Fetched   time.Time `json:"fetched"`
	Expires   time.Time `json:"expires"`
	Verdict   string    `json:"verdict,omitempty"`
	Votes     *int8     `json:"votes,omitempty"`
	Related   uint32    `json:"related,omitempty"`
	LastSeen  string    `json:"last_seen,omitempty"`
	Permalink string    `json:"permalink,omitempty"`
	// Report is a report that is JSON, ReportBytes any other.
	Report      json.RawMessage `json:"report,omitempty"`
	ReportBytes []byte          `json:"report_base64,omitempty"`
}

const exportAnswers = "select " + answerColumns + `, r.body from answers a left join reports r on r.key = a.key
	where a.key > ? order by a.key limit ?`

// Export writes all answers with their reports as JSON Lines, and returns how
// many. Reports that are JSON stand as such, with white space between their
// tokens taken out.
func (s *Store) Export(ctx context.Context, w io.Writer) (n int, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	last := []byte{}
	for {
		var keys [][]byte
		var entries []lookupcache.Entry
		names := make([]lookupcache.Key, 0, exportBatch)
		err := s.read(ctx, "export", func(h *handle) error {
			keys, entries, names = keys[:0], entries[:0], names[:0]
			rows, err := h.query(ctx, exportAnswers, last, exportBatch)
			if err != nil {
				return err
			}
			err = s.scanAnswers(rows, func(key []byte, e *lookupcache.Entry) {
				keys, entries = append(keys, bytes.Clone(key)), append(entries, *e)
			})
			for i := 0; i < len(keys) && err == nil; i++ {
				var k lookupcache.Key
				k, err = h.key(ctx, keys[i])
				names = append(names, k)
			}
			return err
		})
		if err != nil {
			return n, err
		}
		for i := range entries {
			if !entries[i].OK() {
				continue
			}
			if err := enc.Encode(newLine(names[i], &entries[i])); err != nil {
				return n, err
			}
			n++
		}
		if len(keys) == 0 {
			return n, out.Flush()
		}
		last = keys[len(keys)-1]
	}
}

func newLine(k lookupcache.Key, e *lookupcache.Entry) line {
	l := line{
		Scope: k.Scope, Type: k.Type.String(), Value: k.Value, Status: "not_found",
		Fetched: e.Fetched, Expires: e.Expires,
		Related: e.Summary.Related, LastSeen: e.Summary.LastSeen, Permalink: e.Summary.Permalink,
	}
	if e.Status == source.Found {
		l.Status, l.Verdict = "found", e.Summary.Verdict.String()
	}
	if e.Summary.HasVotes {
		l.Votes = &e.Summary.Votes
	}
	switch {
	case e.Raw == nil:
	case utf8.Valid(e.Raw) && json.Valid(e.Raw) && !bytes.Equal(bytes.TrimSpace(e.Raw), []byte("null")):
		l.Report = e.Raw
	default:
		l.ReportBytes = e.Raw
	}
	return l
}

// LineError is what is wrong with one line of an import.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Imported is the account of an import.
type Imported struct {
	Lines  int // read, blank ones left out
	Kept   int
	Older  int // not kept, as a newer answer was there
	Bad    int // lines that are no answers
	Errors []LineError
}

// maxErrors bounds the errors listed in an account.
const maxErrors = 100

// Import keeps the answers of a stream that Export wrote, but for those older
// than what is there. Bad lines are left out and listed, the first 100 of
// them; an error is one of reading or keeping.
func (s *Store) Import(ctx context.Context, r io.Reader) (Imported, error) {
	var acc Imported
	var keys []lookupcache.Key
	var entries []lookupcache.Entry
	size := 0
	flush := func() error {
		n, err := s.put(ctx, keys, entries)
		acc.Kept += n
		if err == nil {
			acc.Older += len(keys) - n
		}
		keys, entries, size = nil, nil, 0
		return err
	}
	in := lineReader{r: bufio.NewReaderSize(r, 64<<10), max: maxLine}
	for {
		text, err := in.next()
		if errors.Is(err, io.EOF) {
			return acc, flush()
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return acc, errors.Join(fmt.Errorf("import: line %d: %w", in.number, err), flush())
		}
		if err == nil && len(text) == 0 {
			continue
		}
		acc.Lines++
		var k lookupcache.Key
		var e lookupcache.Entry
		if err == nil {
			k, e, err = parseLine(text, s.now())
		}
		if err != nil {
			acc.Bad++
			if len(acc.Errors) < maxErrors {
				acc.Errors = append(acc.Errors, LineError{in.number, err})
			}
			continue
		}
		keys, entries, size = append(keys, k), append(entries, e), size+len(text)
		if len(keys) >= importBatch || size > 8<<20 {
			if err := flush(); err != nil {
				return acc, err
			}
		}
	}
}

// errLongLine: a line is longer than an answer can be.
var errLongLine = fmt.Errorf("longer than %d MiB", maxLine>>20)

// lineReader reads lines of any length, and leaves out what is too long.
type lineReader struct {
	r      *bufio.Reader
	max    int // bytes of a line
	number int // of the line that was read last, from 1
	buf    []byte
}

// next returns the next line without the white space around it and without a
// byte order mark. It is valid until the next call.
func (l *lineReader) next() ([]byte, error) {
	l.number++
	l.buf = l.buf[:0]
	for size := 0; ; {
		part, err := l.r.ReadSlice('\n')
		if size += len(part); size <= l.max {
			l.buf = append(l.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && size > 0, err == nil:
		default:
			return nil, err
		}
		if size > l.max {
			return nil, errLongLine
		}
		text := l.buf
		if l.number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		return bytes.TrimSpace(text), nil
	}
}

var (
	dataStatuses = map[string]source.Status{"found": source.Found, "not_found": source.NotFound}
	dataVerdicts = map[string]source.Verdict{
		"": source.Unknown, "unknown": source.Unknown, "harmless": source.Harmless,
		"suspicious": source.Suspicious, "malicious": source.Malicious,
	}
)

// parseLine reads one line of an import.
func parseLine(text []byte, now time.Time) (k lookupcache.Key, e lookupcache.Entry, err error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return k, e, fmt.Errorf("no answer in JSON: %w", err)
	}
	k.Scope, k.Value = l.Scope, l.Value
	if k.Type, err = indicator.ParseType(l.Type); err != nil || k.Type == indicator.None {
		return k, e, fmt.Errorf("type %q: allowed are domain, ip, email, hash, antivirus", l.Type)
	}
	status, ok := dataStatuses[l.Status]
	if !ok {
		return k, e, fmt.Errorf("status %q: allowed are found, not_found", l.Status)
	}
	verdict, ok := dataVerdicts[l.Verdict]
	if !ok {
		return k, e, fmt.Errorf("verdict %q: allowed are malicious, suspicious, harmless, unknown", l.Verdict)
	}
	switch {
	case l.Scope == "":
		return k, e, errors.New("scope is missing")
	case l.Value == "" || len(l.Value) > maxValue:
		return k, e, fmt.Errorf("value must have 1 to %d bytes", maxValue)
	case l.Fetched.IsZero() || l.Expires.IsZero():
		return k, e, errors.New("fetched and expires must be set")
	case l.Fetched.After(now.Add(time.Duration(maxAhead) * time.Millisecond)):
		return k, e, fmt.Errorf("fetched %s lies in the future", l.Fetched.Format(time.RFC3339))
	case l.Fetched.Year() < 1970 || l.Expires.Year() < 1970 || l.Expires.Year() > 9999:
		return k, e, errors.New("fetched and expires must lie between the years 1970 and 9999")
	case l.Votes != nil && (*l.Votes < -1 || *l.Votes > 1):
		return k, e, fmt.Errorf("votes %d: allowed are -1, 0, 1", *l.Votes)
	}
	e = lookupcache.Entry{
		Status: status, Fetched: l.Fetched, Expires: l.Expires,
		Summary: source.Summary{Verdict: verdict, Related: l.Related, LastSeen: l.LastSeen, Permalink: l.Permalink},
	}
	if l.Votes != nil {
		e.Summary.Votes, e.Summary.HasVotes = *l.Votes, true
	}
	if e.Raw = l.ReportBytes; l.Report != nil && string(l.Report) != "null" {
		e.Raw = bytes.Clone(l.Report)
	}
	return k, e, nil
}
