// Package setuppage writes the table of settings into the script of the app's
// setup page, so that the page has every setting that the program knows.
package setuppage

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/tclookup/tclookup/internal/config"
)

// setting is one setting as the script reads it.
type setting struct {
	Stanza  string   `json:"stanza"`
	Key     string   `json:"key"`
	Kind    string   `json:"kind"`
	Default string   `json:"default,omitempty"`
	Note    string   `json:"note,omitempty"` // what holds without a value
	Words   []string `json:"words,omitempty"`
	Min     int64    `json:"min,omitempty"` // of numbers alone, as are those below
	Max     int64    `json:"max,omitempty"`
	Meaning string   `json:"meaning"`
}

// Settings returns the settings of the page: all but those of the service,
// which Splunk does not run. Those of feeds come last.
func Settings() []config.Setting {
	var list []config.Setting
	for _, s := range config.Settings() {
		if s.Stanza != config.ServerStanza {
			list = append(list, s)
		}
	}
	return append(list, config.FeedSettings()...)
}

// kindOf names the syntax of a setting for the script: unlike the reference it
// tells addresses that may have a query from those that may not.
func kindOf(s *config.Setting) string {
	if s.Kind == config.FileURL {
		return "URL of a file"
	}
	return s.Kind.String()
}

// Table returns the table, a line for each setting.
func Table() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("  var SETTINGS = [\n")
	settings := Settings()
	for i := range settings {
		s := &settings[i]
		x := setting{Stanza: s.Stanza, Key: s.Key, Kind: kindOf(s), Default: s.Default, Note: s.Note, Words: s.Words, Meaning: s.Meaning}
		if s.Kind == config.Int || s.Kind == config.Percent {
			x.Min, x.Max = s.Min, s.Max
		}
		var line bytes.Buffer
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(x); err != nil {
			return nil, err
		}
		b.WriteString("    ")
		b.Write(bytes.TrimSuffix(line.Bytes(), []byte("\n")))
		if i < len(settings)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("  ];\n")
	return b.Bytes(), nil
}

// ErrNoMarks says that a script lacks the lines between which the table stands.
var ErrNoMarks = errors.New(`no lines "// settings:" and "// /settings" in the script`)

// Update returns the script with the table of today.
func Update(script []byte) ([]byte, error) {
	table, err := Table()
	if err != nil {
		return nil, err
	}
	begin := bytes.Index(script, []byte("  // settings:"))
	end := bytes.Index(script, []byte("  // /settings\n"))
	if begin < 0 || end < begin {
		return nil, ErrNoMarks
	}
	begin += bytes.IndexByte(script[begin:], '\n') + 1
	return bytes.Join([][]byte{script[:begin], table, script[end:]}, nil), nil
}
