package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/sink"
)

// progress shows on stderr how far a run is: on a terminal in one line that is
// written over, elsewhere as lines now and then.
type progress struct {
	w      io.Writer
	line   bool
	what   string // what the first number counts, rows if empty
	engine *engine.Engine
	sink   *sink.Sink // nil if the rows are not sent
	shown  int
	stop   chan struct{}
	ended  sync.WaitGroup

	rows, distinct, open atomic.Int64
	waiting              atomic.Pointer[string] // what for, shown instead of numbers
}

// wait shows what the run waits for until it is empty.
func (p *progress) wait(what string) { p.waiting.Store(&what) }

// start begins to show; when is auto, always or never.
func (p *progress) start(w io.Writer, when string, e *engine.Engine) {
	p.w, p.engine, p.stop = w, e, make(chan struct{})
	f, ok := w.(*os.File)
	p.line = ok && isatty.IsTerminal(f.Fd())
	if when == "never" || when == "auto" && !p.line {
		return
	}
	every := 2 * time.Second
	if p.line {
		every = 200 * time.Millisecond
	}
	p.ended.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-t.C:
				p.show(p.text())
			}
		}
	})
}

// update is called by the enricher.
func (p *progress) update(s enrich.Progress) { p.set(s.Rows, s.Distinct, s.Open) }

// set says how far the run is.
func (p *progress) set(rows, distinct int64, open int) {
	p.rows.Store(rows)
	p.distinct.Store(distinct)
	p.open.Store(int64(open))
}

// text says how far the run is.
func (p *progress) text() string {
	if what := p.waiting.Load(); what != nil && *what != "" {
		return *what
	}
	text := fmt.Sprintf("%d rows, %d indicators, %d requests", p.rows.Load(), p.distinct.Load(), p.engine.Requests())
	if p.what != "" {
		text = fmt.Sprintf("%d %s, %d requests", p.rows.Load(), p.what, p.engine.Requests())
	}
	if p.sink != nil {
		text += fmt.Sprintf(", %d confirmed", p.sink.Stats().Confirmed)
	}
	if open := int(p.open.Load()); open > 0 {
		text += fmt.Sprintf(", %d to answer", open)
		if eta := p.eta(open); eta > 0 {
			text += fmt.Sprintf(", waiting for the budget: up to %s", eta.Round(time.Second))
		}
	}
	return text
}

// eta is how long the budgets make n requests wait.
func (p *progress) eta(n int) time.Duration {
	var longest time.Duration
	for _, l := range p.engine.Links {
		rate := l.Config.Rate
		if rate <= 0 {
			continue
		}
		st, err := l.Gate.Status(context.Background())
		if err != nil {
			continue
		}
		if n > st.Available {
			longest = max(longest, time.Duration(float64(n-st.Available)/rate*float64(time.Second)))
		}
	}
	return longest
}

func (p *progress) show(text string) {
	if !p.line {
		fmt.Fprintf(p.w, "tclookup: %s\n", text)
		return
	}
	pad := max(0, p.shown-len(text))
	fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", pad))
	p.shown = len(text)
}

// end stops it and takes the line away.
func (p *progress) end() {
	close(p.stop)
	p.ended.Wait()
	if p.line && p.shown > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.shown))
	}
}
