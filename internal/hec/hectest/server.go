// Package hectest plays Splunk's HTTP Event Collector for tests: tokens,
// channels, acknowledgements, the answers of its documentation, and faults.
package hectest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Event is an event as it was sent.
type Event struct {
	Time       json.Number     `json:"time"`
	Host       string          `json:"host"`
	Source     string          `json:"source"`
	Sourcetype string          `json:"sourcetype"`
	Index      string          `json:"index"`
	Event      json.RawMessage `json:"event"`
}

// Fault is what happens to a request instead of a good answer.
type Fault struct {
	Status int    // of HTTP; 0 means that the connection is cut
	Body   string // of the answer
	Header map[string]string
	// Take takes the events all the same: the answer is lost, they are not.
	Take bool
	// NoAck takes the events and gives an acknowledgement that never comes,
	// Lose in addition loses them.
	NoAck, Lose bool
}

// Server is a collector. Its fields are set before the first request.
type Server struct {
	Token   string
	Acks    bool     // the token has indexer acknowledgement
	Indexes []string // allowed; none means all
	MaxBody int      // bytes of a request, uncompressed; 0 is no bound
	// Vague leaves out which event of a request is wrong.
	Vague bool
	// Fault is asked for each request with events, which are counted from 0;
	// nil or a nil result is none.
	Fault func(n int, events []Event) *Fault
	// AckFault is the same for questions for acknowledgements.
	AckFault func(n int) *Fault
	// AckAfter is how many times an acknowledgement must be asked for until it
	// comes.
	AckAfter int
	// Sticky is the value of a cookie that is set with each answer and wanted
	// with each question for acknowledgements.
	Sticky string

	mu       sync.Mutex
	events   []Event
	requests int
	asked    int
	next     int64
	open     map[string]map[int64]int // times still to be asked for, by channel; -1 is for ever
	problems []string
}

// Events returns what was taken and not lost.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Requests returns the number of requests with events, and of questions for
// acknowledgements.
func (s *Server) Requests() (events, questions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.asked
}

// Problems returns what was wrong with requests that a real collector might
// have let pass.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Sticky != "" {
		http.SetCookie(w, &http.Cookie{Name: "route", Value: s.Sticky, Path: "/"})
	}
	if !s.allowed(w, r) {
		return
	}
	switch r.URL.Path {
	case "/services/collector/event", "/services/collector":
		s.take(w, r)
	case "/services/collector/ack":
		s.answerAcks(w, r)
	default:
		say(w, http.StatusNotFound, `{"text":"The requested URL was not found on this server.","code":404}`)
	}
}

func (s *Server) allowed(w http.ResponseWriter, r *http.Request) bool {
	switch token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Splunk "); {
	case r.Method != http.MethodPost:
		say(w, http.StatusMethodNotAllowed, "")
	case r.Header.Get("Authorization") == "":
		say(w, http.StatusUnauthorized, `{"text":"Token is required","code":2}`)
	case !ok:
		say(w, http.StatusUnauthorized, `{"text":"Invalid authorization","code":3}`)
	case token != s.Token:
		say(w, http.StatusForbidden, `{"text":"Invalid token","code":4}`)
	default:
		return true
	}
	return false
}

func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	n := s.requests
	s.requests++
	body, err := s.body(r)
	var large *http.MaxBytesError
	if errors.As(err, &large) || s.MaxBody > 0 && len(body) > s.MaxBody {
		say(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("Content-Length of %d too large (maximum is %d)", len(body), s.MaxBody))
		return
	}
	if err != nil {
		say(w, http.StatusBadRequest, `{"text":"Invalid data format","code":6}`)
		return
	}
	channel := r.Header.Get("X-Splunk-Request-Channel")
	if s.Acks && channel == "" {
		say(w, http.StatusBadRequest, `{"text":"Data channel is missing","code":10}`)
		return
	}
	events, wrong := s.parse(body)
	if wrong == "" && len(events) == 0 {
		wrong = `{"text":"No data","code":5}`
	}
	var f *Fault
	if s.Fault != nil {
		f = s.Fault(n, events)
	}
	if f == nil || f.Take || f.NoAck && !f.Lose {
		s.events = append(s.events, events...) // also those before a wrong one
	}
	if f != nil && !f.NoAck {
		fail(w, f)
		return
	}
	if wrong != "" {
		say(w, http.StatusBadRequest, wrong)
		return
	}
	if !s.Acks {
		say(w, http.StatusOK, `{"text":"Success","code":0}`)
		return
	}
	if s.open == nil {
		s.open = map[string]map[int64]int{}
	}
	if s.open[channel] == nil {
		s.open[channel] = map[int64]int{}
	}
	s.open[channel][s.next] = s.AckAfter
	if f != nil && f.NoAck {
		s.open[channel][s.next] = -1
	}
	say(w, http.StatusOK, fmt.Sprintf(`{"text":"Success","code":0,"ackId":%d}`, s.next))
	s.next++
}

func (s *Server) body(r *http.Request) ([]byte, error) {
	in := io.Reader(r.Body)
	switch e := r.Header.Get("Content-Encoding"); e {
	case "":
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		in = z
	default:
		return nil, fmt.Errorf("unknown encoding %q", e)
	}
	return io.ReadAll(in)
}

// parse reads the events up to the first wrong one, and returns the answer to
// that.
func (s *Server) parse(body []byte) (events []Event, wrong string) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	say := func(text string, code int) string {
		if s.Vague {
			return fmt.Sprintf(`{"text":%q,"code":%d}`, text, code)
		}
		return fmt.Sprintf(`{"text":%q,"code":%d,"invalid-event-number":%d}`, text, code, len(events))
	}
	for {
		var e Event
		err := dec.Decode(&e)
		switch {
		case errors.Is(err, io.EOF):
			return events, ""
		case err != nil:
			s.problems = append(s.problems, fmt.Sprintf("event %d: %v", len(events), err))
			return events, say("Invalid data format", 6)
		case e.Event == nil:
			return events, say("Event field is required", 12)
		case string(e.Event) == `""`:
			return events, say("Event field cannot be blank", 13)
		case e.Index != "" && len(s.Indexes) > 0 && !slices.Contains(s.Indexes, e.Index):
			return events, say("Incorrect index", 7)
		}
		events = append(events, e)
	}
}

func (s *Server) answerAcks(w http.ResponseWriter, r *http.Request) {
	n := s.asked
	s.asked++
	if !s.Acks {
		say(w, http.StatusBadRequest, `{"text":"ACK is disabled","code":14}`)
		return
	}
	if s.AckFault != nil {
		if f := s.AckFault(n); f != nil {
			fail(w, f)
			return
		}
	}
	if s.Sticky != "" {
		if c, err := r.Cookie("route"); err != nil || c.Value != s.Sticky {
			say(w, http.StatusOK, `{"acks":{}}`) // another server, which knows nothing
			return
		}
	}
	channel := r.URL.Query().Get("channel")
	if channel == "" {
		channel = r.Header.Get("X-Splunk-Request-Channel")
	}
	var q struct{ Acks []int64 }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || channel == "" {
		say(w, http.StatusBadRequest, `{"text":"Invalid data format","code":6}`)
		return
	}
	got := map[int64]bool{}
	for _, id := range q.Acks {
		left, known := s.open[channel][id]
		got[id] = known && left == 0
		switch {
		case known && left == 0: // said once
			delete(s.open[channel], id)
		case left > 0:
			s.open[channel][id]--
		}
	}
	b, _ := json.Marshal(map[string]any{"acks": got})
	say(w, http.StatusOK, string(b))
}

func say(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func fail(w http.ResponseWriter, f *Fault) {
	if f.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	say(w, f.Status, f.Body)
}
