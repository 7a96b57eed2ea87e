package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// voteCmd is `tclookup vote`.
type voteCmd struct {
	Value   string   `arg:"" name:"value" help:"The domain or IP address."`
	Vote    string   `arg:"" name:"vote" enum:"malicious,harmless" help:"What you say of it: malicious or harmless."`
	Type    string   `name:"type" default:"auto" placeholder:"TYPE" help:"Type of the value: auto (default), domain or ip."`
	Source  []string `name:"source" placeholder:"NAME" help:"The source that gets the vote; default the first that takes votes."`
	MaxWait string   `name:"max-wait" placeholder:"TIME" help:"Longest time to wait for the source's budget, default 30s; 0 = no bound."`
}

// Help is shown by --help.
func (c *voteCmd) Help() string {
	return `A vote is public: the server shows it to everybody. It is sent once, takes one request of the source's budget, and
afterwards the report is fetched anew. Nothing else of the program ever votes without being told to.

Examples:
  tclookup vote evil.example.com malicious
  tclookup vote 198.51.100.7 harmless --source threatcrowd
  tclookup vote evil.example.com malicious --source local

With --source local, or when there is no server, the vote stays in the local intelligence, under the user's name.`
}

// userName is who votes in local intelligence.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// Run implements the command.
func (c *voteCmd) Run(ctx context.Context, a *app) error {
	want, err := indicator.ParseType(c.Type)
	if err != nil {
		return usageError{fmt.Errorf("--type: %w", err)}
	}
	conf, err := a.load(&runOptions{MaxWait: c.MaxWait, Source: c.Source})
	if err != nil {
		return err
	}
	conf.Mode = config.Live
	eng, err := engine.Open(ctx, engine.Options{Config: conf, DataDir: a.place.dataDir(conf), Refresh: true, Reports: true, Voter: userName(), Log: a.logger(conf)})
	if err != nil {
		return usageError{err}
	}
	defer eng.Close()
	if conf.MaxWait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, conf.MaxWait)
		defer cancel()
	}
	b, err := eng.Vote(ctx, c.Value, want, c.Vote == "malicious")
	switch {
	case errors.Is(err, limit.ErrDenied):
		return fmt.Errorf("no vote was cast: %w; raise --max-wait", err)
	case err != nil:
		return fmt.Errorf("the vote failed: %w", err)
	}
	after := "its report could not be fetched"
	switch b.Report.Status {
	case source.Found:
		after = fmt.Sprintf("it is %s there now, votes %d", b.Report.Summary.Verdict, b.Report.Summary.Votes)
	case source.NotFound:
		after = "it has no report there"
	default:
		if b.Report.Err != nil {
			a.warn("%v", b.Report.Err)
		}
	}
	_, err = fmt.Fprintf(a.stdout, "%s voted %s at %s; %s\n", b.Indicator.Value, b.Word(), b.Source, after)
	return err
}
