// Package command is the generating search commands: tcreport, tcstatus and
// tcvote. Each says its options and rows; what they share is in command.
package command

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/logline"
	"github.com/tclookup/tclookup/internal/splunkapp"
)

// Names returns the stanzas of commands.conf that New knows.
func Names() []string { return []string{"tcreport", "tcstatus", "tcvote"} }

// New returns the command of a stanza, nil if it is none of Names.
func New(stanza string, p splunkapp.Place) chunked.Handler {
	c := &command{place: p, stanza: stanza}
	switch stanza {
	case "tcreport":
		newReport(c)
	case "tcstatus":
		newStatus(c)
	case "tcvote":
		newVote(c)
	default:
		return nil
	}
	return c
}

// command is one conversation. In getinfo it reads the options and the
// configuration; what costs anything happens when rows are asked for, and
// nothing happens in a preview.
type command struct {
	chunked.GeneratingCommand
	place  splunkapp.Place
	stanza string
	// overrides returns what the options change of the configuration, or a
	// mistake in them.
	overrides func() ([]config.Override, error)
	// rows makes the rows: it calls put with each, which returns false when
	// nobody wants more.
	rows func(ctx context.Context, put func(row) bool) error

	run     *splunkapp.Run
	preview bool
	config  *config.Config
	engine  *engine.Engine
	answers splunkapp.Answers
	notes   logline.Notes
	started time.Time
	account splunkapp.Account
	done    bool
	failed  error
}

// row is the fields of one event; values are texts.
type row map[string]string

// option makes an override of an option that is given.
func option(list *[]config.Override, key, name, value string) {
	if value != "" {
		*list = append(*list, config.Override{Stanza: config.GlobalStanza, Key: key, Value: value, From: "option " + name})
	}
}

// setup reads the configuration. It is called in getinfo.
func (c *command) setup(_ context.Context, info *chunked.Info) error {
	c.run, c.preview = splunkapp.FromInfo(c.place, c.stanza, info), info.Preview
	var overrides []config.Override
	if c.overrides != nil {
		var err error
		if overrides, err = c.overrides(); err != nil {
			return err
		}
	}
	var err error
	if c.config, err = c.place.Load("", overrides); err != nil {
		return err
	}
	if c.config.MaxWait == 0 {
		return fmt.Errorf("option max_wait cannot be 0 in Splunk, the search would hang without a word: allowed is a time such as 30s, 5m")
	}
	for _, w := range c.config.Warnings() {
		c.Config.Warn("%s", w)
	}
	return nil
}

// open puts the look-up chain together.
func (c *command) open(ctx context.Context, o engine.Options) error {
	o.Config, o.DataDir, o.Reports = c.config, c.place.DataDir(c.config), true
	o.Log, o.Key = c.notes.Logger(), c.run.Key
	if c.config.KVStore && !o.Demo {
		o.Answered = c.answers.Add
	}
	var err error
	c.engine, err = engine.Open(ctx, o)
	return err
}

// generate makes the rows.
func (c *command) generate(ctx context.Context, rec *chunked.Record, yield func() bool) error {
	if c.preview {
		return nil
	}
	err := c.rows(ctx, func(r row) bool {
		for _, name := range c.Outputs {
			rec.Set(name, r[name])
		}
		c.account.Rows++
		return yield()
	})
	if _, save := c.answers.Save(ctx, c.run); save != nil {
		c.notes.Add(save.Error())
	}
	return err
}

// Execute implements chunked.Handler.
func (c *command) Execute(ctx context.Context, req *chunked.Request, reply *chunked.Reply) error {
	if c.started.IsZero() {
		c.started = time.Now()
	}
	c.failed = c.GeneratingCommand.Execute(ctx, req, reply)
	for _, n := range c.notes.Take() {
		reply.Warn("%s", n)
	}
	c.account.BytesOut += int64(len(reply.Body))
	c.done = c.failed == nil && reply.Finished
	return c.failed
}

// Finish is called at the end of the conversation.
func (c *command) Finish() {
	c.GeneratingCommand.Finish()
	if c.started.IsZero() {
		return
	}
	if c.engine != nil {
		c.account.Requests = c.engine.Requests()
		_ = c.engine.Close()
	}
	err := c.failed
	if err == nil && !c.done {
		err = splunkapp.Public{Err: fmt.Errorf("the search ended before the last row")}
	}
	c.run.Log(c.account, c.started, err, os.Stderr)
	c.run.Close()
}

// epoch is a moment as Splunk's _time.
func epoch(t time.Time) string {
	return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6)
}

// oneLine is an error as the text of a field.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
