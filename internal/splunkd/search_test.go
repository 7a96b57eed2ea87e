package splunkd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/internal/splunkd"
	"github.com/tclookup/tclookup/internal/splunkd/splunkdtest"
)

// searcher returns a client that does not wait long between tries.
func searcher(t *testing.T, s *splunkdtest.Server) *splunkd.Client {
	t.Helper()
	s.Users[token] = splunkdtest.User{Name: "analyst"}
	c, err := splunkd.New(splunkd.Config{URI: s.URL, Token: chunked.NewSecret(token), Bearer: true, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestSearchForm(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"index=proxy", "search index=proxy"}, {" search x", "search x"}, {"Search x", "Search x"},
		{"| makeresults", "| makeresults"}, {"searching", "search searching"}, {"search", "search"},
	} {
		s := splunkdtest.New(t)
		s.Search = func(url.Values) *splunkdtest.Job { return &splunkdtest.Job{} }
		c := searcher(t, s)
		sid, err := c.StartJob(t.Context(), splunkd.Search{Query: tt.in, Earliest: "-1d@d", Latest: "@d", App: "my app", TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		f := s.Jobs[sid].Form
		want := url.Values{"search": {tt.want}, "earliest_time": {"-1d@d"}, "latest_time": {"@d"}, "timeout": {"3600"}, "exec_mode": {"normal"}, "status_buckets": {"0"}}
		if f.Encode() != want.Encode() {
			t.Errorf("%q: %s, want %s", tt.in, f.Encode(), want.Encode())
		}
		if got := s.Calls()[0]; got != "POST /servicesNS/-/my app/search/v2/jobs" {
			t.Error(got)
		}
	}
}

func TestJob(t *testing.T) {
	s := splunkdtest.New(t)
	s.Jobs["1.2"] = &splunkdtest.Job{
		Fields: []string{"a"}, Rows: []string{`{"a":"1"}`, `{"a":"2"}`, `{"a":"3"}`}, Polls: 1,
		Messages: []map[string]string{{"type": "WARN", "text": "indexer down\nthere"}},
	}
	c := searcher(t, s)
	j, err := c.Job(t.Context(), "1.2")
	if err != nil || j.Done || j.State != "RUNNING" || j.Results != 1 {
		t.Errorf("%+v, %v", j, err)
	}
	j, err = c.Job(t.Context(), "1.2")
	if err != nil || !j.Done || j.Results != 3 || len(j.Messages) != 1 || j.Messages[0] != (splunkd.Message{Type: "WARN", Text: "indexer down there"}) {
		t.Errorf("%+v, %v", j, err)
	}
	page, err := c.Results(t.Context(), "1.2", 1, 1)
	if err != nil || !strings.Contains(string(page), `"results": [{"a":"2"}]`) {
		t.Errorf("%s, %v", page, err)
	}
	if err := c.CancelJob(t.Context(), "1.2"); err != nil || !s.Jobs["1.2"].Canceled {
		t.Error(err)
	}
	if _, err := c.Job(t.Context(), "9.9"); !errors.Is(err, splunkd.ErrNotFound) {
		t.Error(err)
	}
}

func export(c *splunkd.Client, ctx context.Context) (rows []string, warnings []string, err error) {
	err = c.Export(ctx, splunkd.Search{Query: "x"}, func(b []byte) error { rows = append(rows, string(b)); return nil },
		func(w string) { warnings = append(warnings, w) })
	return rows, warnings, err
}

func TestExport(t *testing.T) {
	s := splunkdtest.New(t)
	s.Search = func(f url.Values) *splunkdtest.Job {
		if f.Get("preview") != "false" {
			t.Error("previews are asked for")
		}
		return &splunkdtest.Job{
			Fields: []string{"d", "n"}, Rows: []string{`{"d":"bad.com","n":"1"}`, `{"d":["a.com","b.com"]}`},
			Messages: []map[string]string{{"type": "WARN", "text": "slow"}, {"type": "INFO", "text": "y"}},
		}
	}
	c := searcher(t, s)
	rows, warnings, err := export(c, t.Context())
	if err != nil || fmt.Sprint(rows) != `[{"d":"bad.com","n":"1"} {"d":["a.com","b.com"]}]` || fmt.Sprint(warnings) != "[slow]" {
		t.Errorf("%q, %q, %v", rows, warnings, err)
	}
	s.Search = func(url.Values) *splunkdtest.Job { return &splunkdtest.Job{} }
	if rows, warnings, err := export(c, t.Context()); err != nil || len(rows)+len(warnings) != 0 {
		t.Errorf("%q, %q, %v", rows, warnings, err)
	}
	s.Search = func(url.Values) *splunkdtest.Job { return nil }
	if _, _, err := export(c, t.Context()); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Error(err)
	}
	s.Search = func(url.Values) *splunkdtest.Job {
		return &splunkdtest.Job{Rows: []string{`{"a":"1"}`}, Messages: []map[string]string{{"type": "FATAL", "text": "out of disk"}}}
	}
	if _, _, err := export(c, t.Context()); !errors.Is(err, splunkd.ErrSearch) || !strings.Contains(err.Error(), "out of disk") {
		t.Error(err)
	}
}

// Whatever breaks off an export, that it is not all is said.
func TestExportCutOff(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		cut  bool
		want string
	}{
		"connection":     {"{\"preview\":false,\"result\":{\"a\":\"1\"}}\n", true, "are not all"},
		"in a line":      {`{"preview":false,"result":{"a"`, false, "not the JSON"},
		"no mark":        {"{\"preview\":false,\"result\":{\"a\":\"1\"}}\n", false, ""},
		"no JSON":        {"<html>gateway</html>\n", false, "not the JSON"},
		"token repeated": {"{\"messages\":[{\"type\":\"FATAL\",\"text\":\"" + token + "\"}]}\n", false, "***"},
	} {
		t.Run(name, func(t *testing.T) {
			s := splunkdtest.New(t)
			s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = io.WriteString(w, tt.body)
				if tt.cut {
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
				return true
			}
			_, warnings, err := export(searcher(t, s), t.Context())
			if tt.want == "" {
				if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "did not mark") {
					t.Errorf("%v, %q", err, warnings)
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), token) {
				t.Error(err)
			}
		})
	}
}

// What passes is tried again, what does not is not, and a job is not started
// twice.
func TestAgain(t *testing.T) {
	for _, tt := range []struct {
		status int // 0 cuts the connection
		times  int
		calls  int // of reading a job
		starts int // of starting one
		ok     bool
	}{
		{429, 2, 3, 3, true}, {503, 2, 3, 3, true}, {500, 2, 3, 1, true}, {0, 2, 3, 1, true},
		{429, 100, 6, 6, false}, {401, 1, 1, 1, false}, {400, 1, 1, 1, false},
	} {
		t.Run(fmt.Sprint(tt.status, "x", tt.times), func(t *testing.T) {
			s := splunkdtest.New(t)
			s.Search = func(url.Values) *splunkdtest.Job { return &splunkdtest.Job{} }
			s.Jobs["1"] = &splunkdtest.Job{}
			var n atomic.Int64
			s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
				switch {
				case n.Add(1) > int64(tt.times):
					return false
				case tt.status == 0:
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(tt.status)
				return true
			}
			c := searcher(t, s)
			_, err := c.Job(t.Context(), "1")
			if (err == nil) != tt.ok || int(n.Load()) != tt.calls {
				t.Errorf("reading: %d calls, %v", n.Load(), err)
			}
			n.Store(0)
			_, err = c.StartJob(t.Context(), splunkd.Search{Query: "x"})
			if (err == nil) != (tt.ok && tt.starts > 1) || int(n.Load()) != tt.starts {
				t.Errorf("starting: %d calls, %v", n.Load(), err)
			}
		})
	}
}

// Waiting for splunkd ends with the context, before the answer's header and in
// the middle of a stream.
func TestSearchCancelled(t *testing.T) {
	for _, begun := range []bool{false, true} {
		s := splunkdtest.New(t)
		arrived, release := make(chan struct{}), make(chan struct{})
		s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
			if begun {
				_, _ = io.WriteString(w, "{\"result\":{}}\n")
				_ = http.NewResponseController(w).Flush()
			}
			close(arrived)
			<-release
			return true
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		if _, _, err := export(searcher(t, s), ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("begun %t: %v", begun, err)
		}
		close(release)
	}
}
