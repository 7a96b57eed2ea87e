package splunkd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Search is a search to run. Query is SPL as in the search bar: the word
// search may be left out at its beginning.
type Search struct {
	Query            string
	Earliest, Latest string // Splunk's time modifiers or times; empty is all time
	App, Owner       string // the name space; empty are those of the user
	// TTL is how long splunkd keeps a job that nobody asks for; 0 leaves it to
	// splunkd, whose own default is 10 minutes.
	TTL time.Duration
}

// form returns the arguments that jobs and exports have in common.
func (s *Search) form() url.Values {
	q := strings.TrimSpace(s.Query)
	if first, _, _ := strings.Cut(q, " "); !strings.HasPrefix(q, "|") && !strings.EqualFold(first, "search") {
		q = "search " + q
	}
	f := url.Values{"search": {q}}
	if s.Earliest != "" {
		f.Set("earliest_time", s.Earliest)
	}
	if s.Latest != "" {
		f.Set("latest_time", s.Latest)
	}
	return f
}

// path returns the path of the search endpoints. Version 2 of them is there
// since Splunk 9.0.1; those without a number are deprecated.
func (s *Search) path() string {
	if s.App == "" {
		return jobsPath
	}
	owner := s.Owner
	if owner == "" {
		owner = "-"
	}
	return "/servicesNS/" + url.PathEscape(owner) + "/" + url.PathEscape(s.App) + "/search/v2/jobs"
}

const jobsPath = "/services/search/v2/jobs"

// StartJob runs a search as a job and returns its id.
func (c *Client) StartJob(ctx context.Context, s Search) (sid string, err error) {
	f := s.form()
	f.Set("exec_mode", "normal")
	f.Set("status_buckets", "0")
	if s.TTL > 0 {
		f.Set("timeout", strconv.Itoa(int(s.TTL.Seconds())))
	}
	var answer struct {
		SID string `json:"sid"`
	}
	r := Request{Method: http.MethodPost, Path: s.path(), Form: f}
	// After a fault of the network the job may be there: it is not started twice.
	if err := c.again(ctx, busy, func() error { return c.JSON(ctx, r, &answer) }); err != nil {
		return "", err
	}
	if answer.SID == "" {
		return "", fmt.Errorf("splunkd: POST %s: the answer names no job", r.Path)
	}
	return answer.SID, nil
}

// Job is how far a search job is.
type Job struct {
	State    string  `json:"dispatchState"` // QUEUED, PARSING, RUNNING, FINALIZING, DONE, PAUSED, FAILED, …
	Done     bool    `json:"isDone"`
	Failed   bool    `json:"isFailed"`
	Progress float64 `json:"doneProgress"` // 0 to 1
	Results  int64   `json:"resultCount"`
	Messages []Message
}

// Message is what splunkd says about a search.
type Message struct {
	Type string `json:"type"` // DEBUG, INFO, WARN, ERROR, FATAL
	Text string `json:"text"`
}

// Fatal reports whether the search has failed by it.
func (m *Message) Fatal() bool { return m.Type == "FATAL" || m.Type == "ERROR" }

// Job returns how far a job is.
func (c *Client) Job(ctx context.Context, sid string) (*Job, error) {
	var list struct {
		Entry []struct {
			Content struct {
				Job
				Messages json.RawMessage `json:"messages"`
			} `json:"content"`
		} `json:"entry"`
	}
	path := jobsPath + "/" + url.PathEscape(sid)
	if err := c.again(ctx, passing, func() error { return c.JSON(ctx, Request{Path: path}, &list) }); err != nil {
		return nil, err
	}
	if len(list.Entry) != 1 {
		return nil, fmt.Errorf("splunkd: GET %s: the answer names %d jobs", path, len(list.Entry))
	}
	j := list.Entry[0].Content.Job
	// A list in most versions; an object of texts by their type in others.
	raw := list.Entry[0].Content.Messages
	if err := json.Unmarshal(raw, &j.Messages); err != nil {
		var by map[string]any
		if json.Unmarshal(raw, &by) == nil {
			for kind, text := range by {
				j.Messages = append(j.Messages, Message{strings.ToUpper(kind), fmt.Sprint(text)})
			}
		}
	}
	for i := range j.Messages {
		j.Messages[i].Text = c.clean(j.Messages[i].Text)
	}
	return &j, nil
}

// CancelJob ends a job and has its results removed.
func (c *Client) CancelJob(ctx context.Context, sid string) error {
	_, err := c.Do(ctx, Request{Path: jobsPath + "/" + url.PathEscape(sid) + "/control", Form: url.Values{"action": {"cancel"}}})
	return err
}

// Results returns count results of a finished job from offset on, as JSON: an
// object with fields, results and messages.
func (c *Client) Results(ctx context.Context, sid string, offset int64, count int) (body []byte, err error) {
	err = c.again(ctx, passing, func() error {
		body, err = c.Do(ctx, Request{
			Path:  jobsPath + "/" + url.PathEscape(sid) + "/results",
			Query: url.Values{"output_mode": {"json"}, "offset": {strconv.FormatInt(offset, 10)}, "count": {strconv.Itoa(count)}},
		})
		return err
	})
	return body, err
}

// ExportCSV runs a search and returns its results as CSV as they come,
// without previews. The caller closes the body.
func (c *Client) ExportCSV(ctx context.Context, s Search) (io.ReadCloser, error) {
	return c.export(ctx, s, "csv")
}

func (c *Client) export(ctx context.Context, s Search, mode string) (io.ReadCloser, error) {
	f := s.form()
	f.Set("output_mode", mode)
	f.Set("preview", "false")
	r := Request{Method: http.MethodPost, Path: s.path() + "/export", Form: f, Patient: true}
	resp, err := c.Stream(ctx, r) //nolint:bodyclose // exportBody closes it
	if err != nil {
		return nil, err
	}
	return &exportBody{resp.Body, c, r}, nil
}

// exportBody is the body of an export. Its errors say what was asked for.
type exportBody struct {
	io.ReadCloser
	c *Client
	r Request
}

func (b *exportBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w; the results until then are not all", b.c.fault(&b.r, err))
	}
	return n, err
}

// maxResult is the longest result that is read, in bytes.
const maxResult = 64 << 20

// ErrSearch is the error of a search that splunkd says has failed.
var ErrSearch = errors.New("the search failed")

// Export runs a search and calls result with each of its results, a JSON
// object that is valid during the call only, as they come. Messages of
// splunkd that are no errors go to warn.
//
// splunkd marks the last result; where that mark is missing although the
// answer is complete, warn is told.
func (c *Client) Export(ctx context.Context, s Search, result func([]byte) error, warn func(string)) error {
	body, err := c.export(ctx, s, "json")
	if err != nil {
		return err
	}
	defer body.Close()
	return c.readExport(body, result, warn)
}

// exportLine is a line of an export: a result, or messages.
type exportLine struct {
	Preview  bool            `json:"preview"`
	Last     bool            `json:"lastrow"`
	Result   json.RawMessage `json:"result"`
	Messages []Message       `json:"messages"`
}

func (c *Client) readExport(body io.Reader, result func([]byte) error, warn func(string)) error {
	sc := bufio.NewScanner(body)
	sc.Buffer(make([]byte, 0, 64<<10), maxResult)
	last, rows := false, 0
	for sc.Scan() {
		text := bytes.TrimSpace(sc.Bytes())
		if len(text) == 0 {
			continue
		}
		var line exportLine
		if err := json.Unmarshal(text, &line); err != nil {
			return fmt.Errorf("splunkd: export: a line is not the JSON that was asked for: %s", c.clean(string(text[:min(len(text), 80)])))
		}
		for _, m := range line.Messages {
			m.Text = c.clean(m.Text)
			if m.Fatal() {
				return fmt.Errorf("splunkd: %w: %s", ErrSearch, m.Text)
			}
			if m.Type == "WARN" {
				warn(m.Text)
			}
		}
		last = last || line.Last
		if line.Preview || len(line.Result) == 0 || line.Result[0] != '{' {
			continue
		}
		rows++
		if err := result(line.Result); err != nil {
			return err
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("splunkd: export: a result is larger than %d MiB", maxResult>>20)
	case err != nil:
		return err
	case !last && rows > 0:
		warn("splunkd did not mark the last result: there may be more than were read")
	}
	return nil
}
