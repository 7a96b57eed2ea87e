// Package alert is the alert action and adaptive response tclookup: it looks up
// the values in an alert's results, has splunkd index one line for each
// result, and casts votes if it is told to. Its wire is Splunk's: --execute, a
// JSON object on stdin that names the file of results, and lines with a level
// on stderr, which go to splunkd.log.
package alert

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/splunkapp"
	"github.com/tclookup/tclookup/internal/splunkd"
)

// Action is the stanza of alert_actions.conf.
const Action = "tclookup"

// payload is what splunkd sends.
type payload struct {
	App           string         `json:"app"`
	Owner         string         `json:"owner"`
	SID           string         `json:"sid"`
	SearchName    string         `json:"search_name"`
	ResultsFile   string         `json:"results_file"`
	ServerURI     string         `json:"server_uri"`
	SessionKey    string         `json:"session_key"`
	Configuration map[string]any `json:"configuration"`
	Result        map[string]any `json:"result"`
}

const (
	maxPayload = 16 << 20
	maxResults = 512 << 20 // of a file of results, unpacked
)

// Run is the alert action. It reads the payload from in and says what it does
// on log. An error has been said there.
func Run(ctx context.Context, p splunkapp.Place, in io.Reader, log io.Writer) error {
	say := func(level, format string, args ...any) { fmt.Fprintf(log, level+" tclookup: "+format+"\n", args...) }
	start := time.Now()
	a := &action{place: p, say: say}
	err := a.execute(ctx, in)
	if err != nil {
		say("ERROR", "%s", oneLine(err))
	}
	if a.run != nil {
		a.run.Log(a.account, start, err, log)
		a.run.Close()
	}
	return err
}

// account is what the app's log tells of a run.
type account struct {
	splunkapp.Account
	Indexed int `json:"indexed"` // result lines
	Votes   int `json:"votes"`
}

// action is one run.
type action struct {
	place   splunkapp.Place
	say     func(level, format string, args ...any)
	payload payload
	params  params
	config  *config.Config
	run     *splunkapp.Run
	engine  *engine.Engine
	account account
}

func (a *action) execute(ctx context.Context, in io.Reader) error {
	if err := a.read(in); err != nil {
		return err
	}
	fields, err := a.configure()
	if err != nil {
		return err
	}
	voting := a.params.Vote != "off"
	if voting { // before anything is sent
		if err := a.run.Require(ctx, splunkapp.VoteCapability); err != nil {
			return fmt.Errorf("param.vote = %s: no vote was cast: %w", a.params.Vote, err)
		}
	}
	results, err := a.results()
	if err != nil {
		return err
	}
	var answers splunkapp.Answers
	o := engine.Options{
		Config: a.config, DataDir: a.place.DataDir(a.config), Fields: fields, Key: a.run.Key, Demo: a.params.Demo,
	}
	if a.config.KVStore && !a.params.Demo {
		o.Answered = answers.Add
	}
	if a.engine, err = engine.Open(ctx, o); err != nil {
		return err
	}
	defer a.engine.Close()
	lines, values, err := a.enrich(ctx, results, fields)
	if err != nil {
		return err
	}
	if _, err := answers.Save(ctx, a.run); err != nil {
		a.say("WARN", "%s", oneLine(err))
	}
	err = a.index(ctx, lines)
	if voting {
		err = errors.Join(err, a.vote(ctx, values))
	}
	a.account.Requests += a.engine.Requests()
	if err == nil {
		a.say("INFO", "results=%d indexed=%d votes=%d requests=%d sid=%s", len(lines), a.account.Indexed, a.account.Votes, a.account.Requests, a.payload.SID)
	}
	return err
}

// read reads the payload.
func (a *action) read(in io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(in, maxPayload+1))
	switch {
	case err != nil:
		return fmt.Errorf("the payload on stdin cannot be read: %w", err)
	case len(data) > maxPayload:
		return fmt.Errorf("the payload on stdin is larger than %d MiB", maxPayload>>20)
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")):
		return errors.New("the payload on stdin is XML: [tclookup] in alert_actions.conf must say payload_format = json")
	}
	if err := json.Unmarshal(data, &a.payload); err != nil { // its text may quote the session key
		return errors.New("the payload on stdin is not the JSON object that splunkd sends with --execute")
	}
	pl := &a.payload
	a.run = &splunkapp.Run{
		Place: a.place, Role: "alert", Command: Action, SID: pl.SID, User: pl.Owner, App: pl.App,
		URI: pl.ServerURI, SessionKey: chunked.NewSecret(pl.SessionKey),
	}
	a.params, err = readParams(pl.Configuration)
	return err
}

// configure reads the configuration with the parameters over it.
func (a *action) configure() ([]enrich.Field, error) {
	var err error
	if a.config, err = a.place.Load("", a.params.overrides()); err != nil {
		return nil, err
	}
	if a.config.MaxWait == 0 {
		return nil, errors.New("param.max_wait cannot be 0, the action would hang: allowed is a time such as 60s")
	}
	for _, w := range a.config.Warnings() {
		a.say("WARN", "%s", w)
	}
	var fields []enrich.Field
	for _, f := range a.params.Fields {
		fields = append(fields, enrich.Field{Name: f, Type: a.config.Type})
	}
	_, err = enrich.New(engine.EnrichOptions(a.config, fields))
	return fields, err
}

// results returns the alert's results as CSV: from the file that splunkd wrote,
// else the one in the payload.
func (a *action) results() ([]byte, error) {
	if a.payload.ResultsFile == "" {
		return table(a.payload.Result), nil
	}
	f, err := os.Open(a.payload.ResultsFile)
	if err != nil {
		return nil, fmt.Errorf("the file of results: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	var magic [2]byte
	if n, _ := io.ReadFull(f, magic[:]); n == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("the file of results %s: %w", a.payload.ResultsFile, err)
		}
	} else if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxResults+1))
	if err != nil {
		return nil, fmt.Errorf("the file of results %s: %w", a.payload.ResultsFile, err)
	}
	if len(data) > maxResults {
		return nil, fmt.Errorf("the file of results is larger than %d MiB unpacked: have the alert give fewer results", maxResults>>20)
	}
	return data, nil
}

// Sourcetype is that of the result lines.
const Sourcetype = "tclookup:result"

// maxRequest is how much is sent to be indexed at once, in bytes.
const maxRequest = 1 << 20

// index has splunkd index the lines.
func (a *action) index(ctx context.Context, lines [][]byte) error {
	if a.params.Index == "" || len(lines) == 0 {
		return nil
	}
	s, err := a.run.Splunkd()
	if err != nil {
		return fmt.Errorf("the result lines cannot be indexed: %w", err)
	}
	place := splunkd.Place{Index: a.params.Index, Source: "tclookup:" + a.payload.SearchName, Sourcetype: Sourcetype}
	for len(lines) > 0 {
		var body []byte
		n := 0
		for n < len(lines) && (n == 0 || len(body)+len(lines[n]) < maxRequest) {
			body = append(append(body, lines[n]...), '\n')
			n++
		}
		switch err := s.Receive(ctx, place, body); {
		case errors.Is(err, splunkd.ErrDenied):
			return fmt.Errorf("%d result lines are not indexed: user %s may not send events to splunkd (the capability edit_tcp is missing): %w", len(lines), a.run.User, err)
		case err != nil:
			return fmt.Errorf("%d result lines are not indexed: %w", len(lines), err)
		}
		a.account.Indexed += n
		lines = lines[n:]
	}
	return nil
}

// vote casts a vote on each of the values that can be voted on, as far as the
// bound goes. It stops at the first that fails.
func (a *action) vote(ctx context.Context, values []string) error {
	eng, err := engine.Open(ctx, engine.Options{
		Config: a.config, DataDir: a.place.DataDir(a.config), Refresh: true, Reports: true, Key: a.run.Key,
	})
	if err != nil {
		return err
	}
	defer func() {
		a.account.Requests += eng.Requests()
		eng.Close()
	}()
	ctx, cancel := context.WithTimeout(ctx, a.config.MaxWait)
	defer cancel()
	voted := map[indicator.Indicator]bool{}
	for i, v := range values {
		ind, err := eng.Parser.Parse(v, a.config.Type)
		if err != nil || voted[ind] || ind.Type != indicator.Domain && ind.Type != indicator.IP || eng.Rules.Excluded(ind) != "" {
			continue
		}
		if len(voted) == a.params.VoteLimit {
			a.say("WARN", "param.vote_limit is %d: the last %d values got no vote", a.params.VoteLimit, len(values)-i)
			break
		}
		voted[ind] = true
		if _, err := eng.Vote(ctx, v, a.config.Type, a.params.Vote == "malicious"); err != nil {
			return fmt.Errorf("a vote failed after %d were cast: %w", a.account.Votes, err)
		}
		a.account.Votes++
	}
	return nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
