// Package applog is the app's own log in Splunk: one line of JSON for each run
// of the program, in $SPLUNK_HOME/var/log/splunk, which splunkd indexes into
// _internal. Lines hold counts and names, never values of events.
package applog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FileName is the name of the log.
const FileName = "tclookup.log"

// Head is what every line begins with.
type Head struct {
	Time    time.Time `json:"time"` // end of the run, UTC
	Version string    `json:"version"`
	// Role is what splunkd started the program as: command, input, alert or
	// lookup; Command the stanza in its conf file.
	Role    string `json:"role"`
	Command string `json:"command"`
	SID     string `json:"sid,omitempty"`
	User    string `json:"user,omitempty"`
	App     string `json:"app,omitempty"` // the search ran in
	PID     int    `json:"pid"`
	// Seconds the run took, and whether it came to its end.
	Seconds  float64 `json:"seconds"`
	Complete bool    `json:"complete"`
	// Error is why the run failed, one line.
	Error string `json:"error,omitempty"`
}

// Log is the log of one host. Any number of processes write to it at the same
// time: each line is one write behind the end of the file.
type Log struct {
	// Dir is where the log lies; nothing is written without it.
	Dir string
	// MaxBytes is how large the file grows before it is put aside, Keep how
	// many such files there are. 0 means 10 MB and 5.
	MaxBytes int64
	Keep     int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const (
	defaultBytes = 10 << 20
	defaultKeep  = 5
	maxError     = 400 // runes
)

// Write writes one line: the head, and the keys of account, which encodes as
// a JSON object or is nil.
func (l *Log) Write(h Head, account any) error {
	if l == nil || l.Dir == "" {
		return nil
	}
	now := time.Now
	if l.Now != nil {
		now = l.Now
	}
	h.Time, h.PID = now().UTC(), os.Getpid()
	h.Error = oneLine(h.Error)
	line, err := join(h, account)
	if err != nil {
		return err
	}
	path := filepath.Join(l.Dir, FileName)
	l.rotate(path, h.Time)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the app's log: %w", err)
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Close())
}

// join encodes two objects as one line.
func join(h Head, account any) ([]byte, error) {
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if account != nil {
		rest, err := json.Marshal(account)
		if err != nil {
			return nil, err
		}
		if len(rest) < 2 || rest[0] != '{' {
			return nil, fmt.Errorf("the app's log: an account that is no object: %.20s", rest)
		}
		if !bytes.Equal(rest, []byte("{}")) {
			line = append(append(line[:len(line)-1], ','), rest[1:]...)
		}
	}
	return append(line, '\n'), nil
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxError {
		s = string(r[:maxError]) + "…"
	}
	return s
}

// rotate puts a file aside that is large enough, under a name of its own, so
// that no lock is needed: a process that still has it open writes its line
// into the file put aside. Two that rotate at the same moment put aside a
// small file besides, at worst. A file that cannot be put aside goes on
// growing until the next run.
func (l *Log) rotate(path string, now time.Time) {
	limit, keep := l.MaxBytes, l.Keep
	if limit <= 0 {
		limit = defaultBytes
	}
	if keep <= 0 {
		keep = defaultKeep
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() < limit {
		return
	}
	aside := fmt.Sprintf("%s.%s-%d", path, now.Format("20060102T150405.000000000"), os.Getpid())
	if os.Rename(path, aside) != nil {
		return
	}
	old, err := filepath.Glob(path + ".2*")
	if err != nil {
		return
	}
	slices.Sort(old)
	for len(old) > keep {
		if err := os.Remove(old[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
		old = old[1:]
	}
}
