package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"

	"github.com/tclookup/tclookup/graph"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
)

// maxDepth bounds --depth: beyond it a walk is through everything there is.
const maxDepth = 10

// relations reports whether the graph of what is related is asked for, not
// the reports themselves.
func (c *reportCmd) relations() bool {
	return c.Depth > 0 || c.Output != "text" && c.Output != "json"
}

func (c *reportCmd) check(stdout io.Writer) error {
	switch {
	case c.Depth < 0 || c.Depth > maxDepth:
		return fmt.Errorf("--depth cannot be %d: allowed is 0, the reports alone, to %d", c.Depth, maxDepth)
	case c.MaxNodes < 0 || c.MaxEdges < 0:
		return errors.New("--max-nodes and --max-edges cannot be below 0")
	}
	if f, ok := stdout.(*os.File); ok && c.Output == string(graph.Maltego) && c.OutputFile == "" && isatty.IsTerminal(f.Fd()) {
		return errors.New("--output maltego is a file for Maltego, not text: name one with --output-file related.mtgx")
	}
	return nil
}

// walk writes the graph of the values. Exit code 1 means that one of them, not
// of what is related, could not be answered.
func (c *reportCmd) walk(ctx context.Context, a *app, eng *engine.Engine, conf *config.Config, want indicator.Type) error {
	asking := ctx
	if conf.MaxWait > 0 {
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, conf.MaxWait)
		defer cancel()
	}
	failed := false
	var starts []indicator.Indicator
	for _, v := range c.Values {
		ind, err := eng.Parser.Parse(v, want)
		if err != nil {
			a.warn("%q: %v", v, err)
			failed = true
			continue
		}
		starts = append(starts, ind)
	}
	list := conf.ListLimit
	if list == 0 {
		list = -1
	}
	bar := &progress{what: "answers"}
	bar.start(a.stderr, "auto", eng)
	g := graph.Walk(asking, eng.Router, starts, graph.Options{
		Depth: c.Depth, MaxNodes: c.MaxNodes, MaxEdges: c.MaxEdges, List: list,
		Parser: eng.Parser, Rules: eng.Rules, Known: eng.Known(),
		Progress: func(answered, open int) { bar.set(int64(answered), 0, open) },
	})
	bar.end()
	for _, n := range g.Notes {
		a.warn("%s", n)
	}
	for _, n := range g.Nodes[:g.Starts] {
		failed = failed || n.Status != "found" && n.Status != "not_found"
		if n.Status == "excluded" {
			a.warn("%s is not sent: %s", n.Value, n.Reason)
		}
	}
	var b bytes.Buffer
	if err := g.Write(&b, graph.Format(c.Output)); err != nil {
		return err
	}
	if err := c.write(a.stdout, b.Bytes()); err != nil {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if failed {
		return codeError(exitFailed)
	}
	return nil
}

// write writes to --output-file or else to stdout.
func (c *reportCmd) write(stdout io.Writer, b []byte) error {
	if c.OutputFile != "" && c.OutputFile != "-" {
		return os.WriteFile(c.OutputFile, b, 0o666)
	}
	_, err := stdout.Write(b)
	return err
}
