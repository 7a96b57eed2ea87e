package filter

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/tclookup/tclookup/internal/sink"
	"github.com/tclookup/tclookup/internal/stream"
)

// A Journal writes down how far a run has come, so that a run that was killed
// can be continued where it stopped. It is a file of JSON Lines: what the run
// is, and then a line for each step that is safely in the output.
type Journal struct {
	file *os.File
	head journalHead
	last step
	disk time.Time // when the output was last brought to the disk

	mu     sync.Mutex
	inputs map[int]inputOf
	before int64 // events left out by earlier runs
}

// journalHead says which run a journal belongs to.
type journalHead struct {
	Journal int      `json:"tclookup_journal"` // version
	Options string   `json:"options"`          // whatever changes the output
	Inputs  []string `json:"inputs"`
	Output  string   `json:"output"`
}

// step is a place where a run can go on: in input number Input, at Offset of
// its text, when the output is Out bytes long.
type step struct {
	Input  int         `json:"input"`
	Offset int64       `json:"offset"`
	Header int64       `json:"header"` // length of the input's header
	Out    int64       `json:"out"`
	Form   stream.Info `json:"form"`
	Syntax string      `json:"syntax,omitempty"`
	Open   bool        `json:"open,omitempty"` // the last line has no end yet
	Done   bool        `json:"done,omitempty"`
	// Of a run that sends events: how far it had come with sending, and how
	// many events it left out.
	Tried   *sink.Position `json:"tried,omitempty"`
	Refused int64          `json:"refused,omitempty"`
}

// ErrComplete is the error of continuing a run that came to its end.
var ErrComplete = errors.New("the run is complete already")

// OpenJournal opens the journal at path for a run that options, inputs and
// output describe, and creates it where there is none. out is the output; it
// is cut to what the journal knows of. It is nil for a run that sends events.
// A journal of another run is refused.
func OpenJournal(path, options string, inputs []string, output string, out *os.File) (*Journal, error) {
	want := journalHead{1, options, inputs, output}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{file: f, head: want}
	if err := j.load(path, out); err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

// load reads the journal and brings it and the output to the last step that
// both know of.
func (j *Journal) load(path string, out *os.File) error {
	var size int64
	if out != nil {
		info, err := out.Stat()
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		size = info.Size()
	}
	r := bufio.NewReader(j.file)
	var keep int64 // bytes of the journal that count
	for n := 0; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF { // a last line without its end was never finished
			break
		}
		if err != nil {
			return fmt.Errorf("journal %s: %w", path, err)
		}
		if n == 0 {
			var head journalHead
			if err := json.Unmarshal(line, &head); err != nil || head.Journal != 1 {
				return fmt.Errorf("%s is no journal of tclookup: name another file", path)
			}
			if d := j.head.differs(head); d != "" {
				return fmt.Errorf("journal %s belongs to another run, %s: name another file, or remove it to start afresh", path, d)
			}
		} else {
			var s step
			if err := json.Unmarshal(line, &s); err != nil {
				return fmt.Errorf("journal %s: line %d is damaged: remove the file to start afresh", path, n+1)
			}
			if s.Out > size { // written down, but lost with the machine
				break
			}
			j.last = s
		}
		keep += int64(len(line))
	}
	j.before = j.last.Refused
	if j.last.Done {
		return ErrComplete
	}
	if err := j.file.Truncate(keep); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err := j.file.Seek(keep, io.SeekStart); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if keep == 0 {
		if err := j.line(j.head); err != nil {
			return err
		}
	}
	if out == nil {
		return nil
	}
	if err := out.Truncate(j.last.Out); err != nil {
		return fmt.Errorf("the output cannot be cut back: %w", err)
	}
	if _, err := out.Seek(j.last.Out, io.SeekStart); err != nil {
		return fmt.Errorf("the output cannot be continued: %w", err)
	}
	return nil
}

// differs says in what two runs differ, nothing if they are the same.
func (h journalHead) differs(o journalHead) string {
	a, _ := json.Marshal(h.Inputs)
	b, _ := json.Marshal(o.Inputs)
	switch {
	case !bytes.Equal(a, b):
		return fmt.Sprintf("with the inputs %s and not %s", b, a)
	case h.Output != o.Output:
		return fmt.Sprintf("with the output %s and not %s", o.Output, h.Output)
	case h.Options != o.Options:
		return fmt.Sprintf("with the options %s and not %s", o.Options, h.Options)
	}
	return ""
}

func (j *Journal) line(v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = j.file.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// note writes down a step. Once a second what was written is brought to the
// disk, the output before the journal that speaks of it.
func (j *Journal) note(s step, out io.Writer) error {
	if f, ok := out.(*os.File); ok && time.Since(j.disk) > time.Second {
		j.disk = time.Now()
		if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("writing: %w", err)
		}
	}
	j.last = s
	return j.line(s)
}

// Tried says how far an earlier run had come with sending events.
func (j *Journal) Tried() sink.Position {
	if j.last.Tried == nil {
		return sink.Position{}
	}
	return *j.last.Tried
}

// Note writes down how far a run has come that sends events, for
// sink.Options.
func (j *Journal) Note(p sink.Progress) error {
	s := step{Input: j.last.Input, Offset: j.last.Offset, Header: j.last.Header, Syntax: j.last.Syntax, Tried: &p.Tried, Refused: j.before + p.Refused}
	if c := p.Confirmed; c != (sink.Position{}) {
		s.Input, s.Offset = c.Input, c.Offset
		in := j.input(c.Input)
		s.Header, s.Syntax = in.header, in.syntax
	}
	return j.note(s, nil)
}

// Refused returns the number of events that the run and those before it have
// left out.
func (j *Journal) Refused() int64 { return j.last.Refused }

// inputOf is what is to be known of an input to go on in the middle of it.
type inputOf struct {
	header int64
	syntax string
}

// reads notes what an input is, before any event of it is sent.
func (j *Journal) reads(input int, header int64, syntax string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.inputs == nil {
		j.inputs = map[int]inputOf{}
	}
	j.inputs[input] = inputOf{header, syntax}
}

func (j *Journal) input(n int) inputOf {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.inputs[n]
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
