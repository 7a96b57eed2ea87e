package chunkedtest

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// Info is what splunkd says in getinfo. Fields that are empty have the values
// of an invented search.
type Info struct {
	// Command is the name of the command.
	Command string
	// RawArgs are the arguments as typed. Args are the same without quotes;
	// nil means that they are made of RawArgs.
	RawArgs, Args []string
	Preview       bool

	DispatchDir, SID, App, Owner, Username string
	SessionKey, SplunkdURI, SplunkVersion  string
	// Search is the text of the search, not encoded; empty means that it is
	// made of Command and RawArgs.
	Search                   string
	MaxResultRows            int
	EarliestTime, LatestTime string

	// Metadata, if not nil, is sent as it is, instead of all the above.
	Metadata []byte
}

// Parse returns the Info of a command as it is typed in a search, like
// `lookup field=domain out="my list" a, b`.
func Parse(spl string) Info {
	words := split(spl)
	if len(words) == 0 {
		return Info{}
	}
	info := Info{Command: words[0], RawArgs: []string{}}
	for _, w := range words[1:] {
		if w = strings.TrimSuffix(w, ","); w != "" {
			info.RawArgs = append(info.RawArgs, w)
		}
	}
	return info
}

// split splits at blanks outside quotes.
func split(s string) []string {
	var words []string
	var word []byte
	in, quoted := false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quoted && i+1 < len(s):
			word = append(word, c, s[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\n' || c == '\t') && !quoted:
			if in {
				words = append(words, string(word))
			}
			word, in = word[:0], false
			continue
		}
		word, in = append(word, c), true
	}
	if in {
		words = append(words, string(word))
	}
	return words
}

// unquote takes quotes away as splunkd does: backslashes stay unless they are
// in front of a quote.
func unquote(s string) string {
	var out []byte
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted && i+1 < len(s) && s[i+1] == '"':
			out = append(out, '"')
			i++
		case s[i] == '"':
			quoted = !quoted
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

func or(s, byDefault string) string {
	if s == "" {
		return byDefault
	}
	return s
}

// metadata returns the metadata of the getinfo request, with the keys and the
// order of Splunk 8.2.
func (i Info) metadata() []byte {
	if i.Metadata != nil {
		return i.Metadata
	}
	if i.Command == "" {
		i.Command = "command"
	}
	raw := append([]string{}, i.RawArgs...)
	args := i.Args
	if args == nil {
		args = []string{}
		for _, a := range raw {
			args = append(args, unquote(a))
		}
	}
	search := or(i.Search, "search index=main | "+strings.Join(append([]string{i.Command}, raw...), " "))
	rows := i.MaxResultRows
	if rows == 0 {
		rows = maxResultRows
	}
	type searchinfo struct {
		Args          []string `json:"args"`
		RawArgs       []string `json:"raw_args"`
		DispatchDir   string   `json:"dispatch_dir"`
		SID           string   `json:"sid"`
		App           string   `json:"app"`
		Owner         string   `json:"owner"`
		Username      string   `json:"username"`
		SessionKey    string   `json:"session_key"`
		SplunkdURI    string   `json:"splunkd_uri"`
		SplunkVersion string   `json:"splunk_version"`
		Search        string   `json:"search"`
		Command       string   `json:"command"`
		MaxResultRows int      `json:"maxresultrows"`
		EarliestTime  string   `json:"earliest_time"`
		LatestTime    string   `json:"latest_time"`
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(struct {
		Action      string     `json:"action"`
		Preview     bool       `json:"preview"`
		WillRestart bool       `json:"streaming_command_will_restart"`
		Searchinfo  searchinfo `json:"searchinfo"`
	}{"getinfo", i.Preview, false, searchinfo{
		args, raw,
		or(i.DispatchDir, "/opt/splunk/var/run/splunk/dispatch/1700000000.1"),
		or(i.SID, "1700000000.1"), or(i.App, "search"), or(i.Owner, "analyst"), or(i.Username, "analyst"),
		or(i.SessionKey, "sessionkeyEXAMPLE^_0"), or(i.SplunkdURI, "https://127.0.0.1:8089"),
		or(i.SplunkVersion, "9.4.0"), strings.ReplaceAll(url.QueryEscape(search), "+", "%20"), i.Command, rows,
		or(i.EarliestTime, "1699996400"), or(i.LatestTime, "1700000000"),
	}})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
