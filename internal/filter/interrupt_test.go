package filter

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// holding answers as known does, but waits when it is asked for slow.com.
type holding struct {
	known
	asked chan struct{}
}

func (h holding) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	if in[0].Value == "slow.com" {
		close(h.asked)
		<-ctx.Done()
	}
	h.known.Lookup(ctx, in, done)
}

// gated is an output that takes nothing before it is opened.
type gated struct {
	bytes.Buffer
	opened chan struct{}
}

func (g *gated) Write(p []byte) (int, error) {
	<-g.opened
	return g.Buffer.Write(p)
}

// What was answered before the interruption is written, however slow the
// output is, and nobody uses the enricher any more.
func TestInterruptedWritesWhatIsAnswered(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	src := holding{asked: make(chan struct{})}
	p, err := indicator.NewParser(indicator.ParserConfig{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrich.New(enrich.Options{Fields: []enrich.Field{{Name: "d"}}, Parser: p, Source: src, Output: []string{"status"}})
	if err != nil {
		t.Fatal(err)
	}
	in, feed := io.Pipe()
	out := &gated{opened: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, Options{
			Inputs: []Input{{"in", func() (io.ReadCloser, error) { return in, nil }}},
			Out:    out, Detect: true, Enricher: e, Warn: func(string) {},
		})
		ended <- err
	}()
	for _, text := range []string{"d\nevil.com\nfoo.com\n", "slow.com\n"} {
		if _, err := io.WriteString(feed, text); err != nil {
			t.Fatal(err)
		}
	}
	<-src.asked
	cancel()
	close(out.opened)
	if err := <-ended; !errors.Is(err, ErrInterrupted) {
		t.Errorf("the error is %v", err)
	}
	if got, want := out.String(), "d,tc_status\nevil.com,found\nfoo.com,not_found\n"; got != want {
		t.Errorf("%q was written, should be %q", got, want)
	}
	if s := e.Stats(); s.Rows < 2 {
		t.Errorf("the account has %d rows", s.Rows)
	}
}
