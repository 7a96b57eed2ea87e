// Package cloud reads the results of searches in Splunk's clouds from outside,
// and sends enriched events to them: Splunk Cloud Services through its SDK,
// and any splunkd, that of a Splunk Cloud Platform stack or of one's own,
// through its REST API.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tclookup/tclookup/internal/results"
	"github.com/tclookup/tclookup/internal/splunkd"
)

// Splunkd is a search on a splunkd: results.Jobs of it, and the stream of its
// results.
type Splunkd struct {
	Client *splunkd.Client
	Search splunkd.Search
}

var _ results.Jobs = (*Splunkd)(nil)

// Start implements results.Jobs.
func (s *Splunkd) Start(ctx context.Context) (string, error) {
	return s.Client.StartJob(ctx, s.Search)
}

// State implements results.Jobs.
func (s *Splunkd) State(ctx context.Context, id string) (*results.State, error) {
	j, err := s.Client.Job(ctx, id)
	if errors.Is(err, splunkd.ErrNotFound) {
		return nil, fmt.Errorf("there is no search job %s: splunkd removes a job some time after it was last asked for; run the search again: %w", id, err)
	}
	if err != nil {
		return nil, err
	}
	out := &results.State{
		Done: j.Done, Total: j.Results,
		Text: fmt.Sprintf("%s, %.0f %%, %d results", strings.ToLower(j.State), 100*j.Progress, j.Results),
	}
	var fatal []string
	for _, m := range j.Messages {
		switch {
		case m.Fatal():
			fatal = append(fatal, m.Text)
		case m.Type == "WARN":
			out.Warnings = append(out.Warnings, m.Text)
		}
	}
	if j.Failed || j.State == "FAILED" {
		why := strings.Join(fatal, "; ")
		if why == "" {
			why = "splunkd does not say why"
		}
		return nil, fmt.Errorf("search job %s: %w: %s", id, splunkd.ErrSearch, why)
	}
	out.Warnings = append(out.Warnings, fatal...) // it went on in spite of them
	return out, nil
}

// Page implements results.Jobs.
func (s *Splunkd) Page(ctx context.Context, id string, offset int64, count int) (*results.Page, error) {
	body, err := s.Client.Results(ctx, id, offset, count)
	if err != nil {
		return nil, err
	}
	return results.Parse(body)
}

// Cancel implements results.Jobs.
func (s *Splunkd) Cancel(ctx context.Context, id string) error { return s.Client.CancelJob(ctx, id) }

// Stream runs the search and returns its results as they come: JSON Lines, or
// the CSV that splunkd makes, in which the values of a list are divided by
// line ends. The caller closes it. It ends with an error at once when ctx does.
func (s *Splunkd) Stream(ctx context.Context, csv bool, warn func(string)) (io.ReadCloser, error) {
	if csv {
		return s.Client.ExportCSV(ctx, s.Search)
	}
	ctx, stop := context.WithCancel(ctx)
	r, w := io.Pipe()
	go func() {
		var line []byte
		err := s.Client.Export(ctx, s.Search, func(result []byte) error {
			line = append(append(line[:0], result...), '\n')
			_, err := w.Write(line)
			return err
		}, warn)
		w.CloseWithError(err) // nil is the end
	}()
	context.AfterFunc(ctx, func() { r.CloseWithError(context.Cause(ctx)) })
	return &stream{r, stop}, nil
}

type stream struct {
	*io.PipeReader
	stop context.CancelFunc
}

func (s *stream) Close() error {
	s.stop()
	return s.PipeReader.Close()
}
