package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/splunkapp"
	"github.com/tclookup/tclookup/source"
)

// voteOptions are the options of tcvote.
type voteOptions struct {
	Value   string   `arg:"value,required" help:"the domain or IP address"`
	Vote    string   `arg:"vote,required" enum:"malicious,harmless" help:"what you say of it"`
	Type    string   `arg:"type" default:"auto" enum:"auto,domain,ip" help:"what the value is"`
	Source  []string `arg:"source" help:"the source that gets the vote"`
	MaxWait string   `arg:"max_wait" help:"longest time to wait for the budget"`
}

// newVote makes c the command tcvote: it casts one vote, for users with the
// app's own capability, and gives one row about it.
func newVote(c *command) {
	o := &voteOptions{}
	c.Options = o
	c.Outputs = []string{"_time", "indicator", "type", "vote", "source", "status", "verdict", "votes", "permalink", "note"}
	c.Setup, c.Generate = c.setup, c.generate
	var want indicator.Type
	c.overrides = func() (list []config.Override, err error) {
		if want, err = indicator.ParseType(o.Type); err != nil {
			return nil, fmt.Errorf("option type: %w", err)
		}
		option(&list, "sources", "source", strings.Join(o.Source, ","))
		option(&list, "max_wait", "max_wait", o.MaxWait)
		return list, nil
	}
	c.rows = func(ctx context.Context, put func(row) bool) error {
		if err := c.run.Require(ctx, splunkapp.VoteCapability); err != nil {
			return fmt.Errorf("no vote was cast: %w", err)
		}
		c.config.Mode = config.Live
		if err := c.open(ctx, engine.Options{Refresh: true}); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, c.config.MaxWait)
		defer cancel()
		b, err := c.engine.Vote(ctx, o.Value, want, o.Vote == "malicious")
		if err != nil {
			return fmt.Errorf("the vote failed: %w", err)
		}
		put(ballot(b))
		return nil
	}
}

// ballot is the row about a vote.
func ballot(b *engine.Ballot) row {
	r := row{
		"_time": epoch(time.Now()), "indicator": b.Indicator.Value, "type": b.Indicator.Type.String(), "vote": b.Word(), "source": b.Source,
		"note": "the vote was cast",
	}
	switch s := &b.Report.Summary; b.Report.Status {
	case source.Found:
		r["status"], r["verdict"], r["permalink"] = "found", s.Verdict.String(), s.Permalink
		if s.HasVotes {
			r["votes"] = strconv.Itoa(int(s.Votes))
		}
	case source.NotFound:
		r["status"], r["verdict"] = "not_found", source.Unknown.String()
	default:
		r["note"] = "the vote was cast; its effect could not be asked for"
		if b.Report.Err != nil {
			r["note"] += ": " + oneLine(b.Report.Err)
		}
	}
	return r
}
