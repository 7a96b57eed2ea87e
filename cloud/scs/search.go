package scs

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/splunk/splunk-cloud-sdk-go/services/search"

	"github.com/tclookup/tclookup/internal/results"
)

// Search is a search in a tenant: results.Jobs of it.
type Search struct {
	Client           *Client
	Query            string // SPL2 or SPL, as the search service takes it
	Module           string // empty means the default one
	Earliest, Latest string // empty leaves it to the service
}

var _ results.Jobs = (*Search)(nil)

// service returns the SDK's service for one call.
func (s *Search) service(ctx context.Context, p policy) (*search.Service, *call) {
	k := &call{c: s.Client, ctx: ctx, policy: p}
	return &search.Service{Client: k}, k
}

// Start implements results.Jobs.
func (s *Search) Start(ctx context.Context) (string, error) {
	job := search.SearchJob{Query: s.Query}
	if s.Module != "" {
		job.Module = &s.Module
	}
	if s.Earliest != "" || s.Latest != "" {
		job.QueryParameters = &search.QueryParameters{}
		if s.Earliest != "" {
			job.QueryParameters.Earliest = &s.Earliest
		}
		if s.Latest != "" {
			job.QueryParameters.Latest = &s.Latest
		}
	}
	svc, _ := s.service(ctx, once)
	made, err := svc.CreateJob(job)
	if err != nil {
		return "", interrupted(ctx, fmt.Errorf("starting the search: %w", err))
	}
	if made.Sid == nil || *made.Sid == "" || strings.ContainsFunc(*made.Sid, odd) {
		return "", fmt.Errorf("starting the search: the answer names no job")
	}
	return *made.Sid, nil
}

// odd reports whether a character does not belong into the id of a job.
func odd(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-@:", r)
}

// State implements results.Jobs.
func (s *Search) State(ctx context.Context, id string) (*results.State, error) {
	svc, _ := s.service(ctx, freely)
	j, err := svc.GetJob(id)
	if err != nil {
		return nil, interrupted(ctx, fmt.Errorf("search job %s: %w", id, err))
	}
	status := search.SearchStatus("unknown")
	if j.Status != nil {
		status = *j.Status
	}
	out := &results.State{Done: status == search.SearchStatusDone, Total: -1, Text: string(status)}
	if j.PercentComplete != nil {
		out.Text += fmt.Sprintf(", %d %%", *j.PercentComplete)
	}
	if j.ResultsAvailable != nil {
		out.Text += fmt.Sprintf(", %d results", *j.ResultsAvailable)
		out.Total = int64(*j.ResultsAvailable)
	}
	var fatal []string
	for _, m := range j.Messages {
		if m.Text == nil || m.Type == nil {
			continue
		}
		text := s.Client.clean(*m.Text, "")
		switch *m.Type {
		case search.MessageTypeFatal, search.MessageTypeError:
			fatal = append(fatal, text)
		case search.MessageTypeInfo, search.MessageTypeDebug:
		default:
			out.Warnings = append(out.Warnings, text)
		}
	}
	switch status {
	case search.SearchStatusFailed, search.SearchStatusCanceled:
		why := strings.Join(fatal, "; ")
		if why == "" {
			why = "the service does not say why"
		}
		return nil, fmt.Errorf("search job %s has %s: %s", id, map[bool]string{true: "failed", false: "been canceled"}[status == search.SearchStatusFailed], why)
	}
	out.Warnings = append(out.Warnings, fatal...) // it went on in spite of them
	return out, nil
}

// Page implements results.Jobs. The rows are read from the answer itself: the
// SDK makes a floating-point number of every number, and forgets the order of
// fields.
func (s *Search) Page(ctx context.Context, id string, offset int64, count int) (*results.Page, error) {
	svc, k := s.service(ctx, freely)
	if int64(int32(offset)) != offset || count > 1<<20 {
		return nil, fmt.Errorf("search job %s: there are more results than the SDK can count", id)
	}
	q := search.ListResultsQueryParams{}.SetOffset(int32(offset)).SetCount(int32(count))
	if _, err := svc.ListResults(id, &q); err != nil {
		return nil, interrupted(ctx, fmt.Errorf("results of search job %s: %w", id, err))
	}
	return results.Parse(k.body)
}

// Cancel implements results.Jobs.
func (s *Search) Cancel(ctx context.Context, id string) error {
	svc, _ := s.service(ctx, freely)
	var resp http.Response
	_, err := svc.UpdateJob(id, search.UpdateJob{Status: search.UpdateJobStatusCanceled}, &resp)
	return interrupted(ctx, err)
}
