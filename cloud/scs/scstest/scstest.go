// Package scstest is a tenant of Splunk Cloud Services for tests: the identity
// provider, search, ingest and the KV store, with faults. The shapes are those
// of the SDK's sources and of the API descriptions in it.
package scstest

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// What the server knows.
const (
	Tenant       = "ourtenant"
	ClientID     = "0oa-client"
	ClientSecret = "s3cret/of+client"
	RefreshToken = "refresh-t0ken"
)

// maxIngest is the size of the largest request that ingest takes.
const maxIngest = 1 << 20

// Job is a search job. Its results are objects in JSON.
type Job struct {
	Fields   []string
	Rows     []string
	Polls    int // how often it says that it runs before it is done
	Failed   string
	Status   string // set by a client
	Messages []map[string]string
	Request  map[string]any // what made it
}

// Server is a tenant. Fields are set before the first request, or with Locked.
type Server struct {
	URL string
	// Search makes the job of a search.
	Search func(query string) *Job
	Jobs   map[string]*Job
	// Collections are the KV store: name, _key, record.
	Collections map[string]map[string]map[string]any
	// Fault, if not nil, is called first; when it returns true it has answered.
	// It may be called by several goroutines.
	Fault func(w http.ResponseWriter, r *http.Request) bool
	// ExpiresIn is how long tokens are said to be valid, in seconds.
	ExpiresIn int

	mu     sync.Mutex
	server *httptest.Server
	calls  []string
	tokens map[string]bool
	issued int
	events []json.RawMessage
}

// Start starts a server; close it.
func Start() *Server {
	s := &Server{Jobs: map[string]*Job{}, Collections: map[string]map[string]map[string]any{}, tokens: map[string]bool{}, ExpiresIn: 3600}
	s.server = httptest.NewUnstartedServer(s)
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.server.Start()
	s.URL = s.server.URL
	return s
}

// Close ends it.
func (s *Server) Close() { s.server.Close() }

// Locked calls f while no request is answered.
func (s *Server) Locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Do calls f while the server looks at none of its fields: what is set after the
// start, or read while it runs, is set and read there.
func (s *Server) Do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Calls returns the requests so far, as "METHOD /path".
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Events returns what was ingested, in the order of arrival.
func (s *Server) Events() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Records returns the records of a collection.
func (s *Server) Records(name string) map[string]map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.Collections[name])
}

// Expire ends all tokens.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Issued returns the number of tokens given out.
func (s *Server) Issued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

func fail(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": text})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	fault := s.Fault
	s.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/token" && r.Method == http.MethodPost {
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		s.token(w, r)
		return
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || !s.tokens[token] {
		fail(w, http.StatusUnauthorized, "unauthorized", "The token "+token+" is not valid.")
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/"+Tenant+"/")
	if !ok {
		fail(w, http.StatusForbidden, "forbidden", "Not your tenant.")
		return
	}
	switch {
	case rest == "search/v2beta1/jobs" || strings.HasPrefix(rest, "search/v2beta1/jobs/"):
		s.search(w, r, body, strings.TrimPrefix(strings.TrimPrefix(rest, "search/v2beta1/jobs"), "/"))
	case rest == "ingest/v1beta2/events" && r.Method == http.MethodPost:
		s.ingest(w, body)
	case strings.HasPrefix(rest, "kvstore/v1beta1/collections/"):
		s.kvstore(w, r, body, strings.TrimPrefix(rest, "kvstore/v1beta1/collections/"))
	default:
		fail(w, http.StatusNotFound, "not_found", "No such path.")
	}
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		fail(w, http.StatusBadRequest, "invalid_request", "no form")
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
		id, secret, ok := r.BasicAuth()
		if !ok || id != ClientID || secret != ClientSecret {
			answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": "wrong secret " + secret})
			return
		}
	case "refresh_token":
		if r.PostForm.Get("client_id") != ClientID || r.PostForm.Get("refresh_token") != RefreshToken {
			answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
			return
		}
	default:
		answer(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	s.issued++
	t := fmt.Sprintf("access-token-%d", s.issued)
	s.tokens[t] = true
	answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": t, "expires_in": s.ExpiresIn, "scope": r.PostForm.Get("scope")})
}

func (s *Server) search(w http.ResponseWriter, r *http.Request, body []byte, rest string) {
	if rest == "" && r.Method == http.MethodPost {
		var in map[string]any
		if err := json.Unmarshal(body, &in); err != nil || s.Search == nil {
			fail(w, http.StatusBadRequest, "bad_request", "no search")
			return
		}
		j := s.Search(fmt.Sprint(in["query"]))
		if j == nil {
			fail(w, http.StatusBadRequest, "bad_request", "cannot parse the query")
			return
		}
		j.Request = in
		sid := fmt.Sprintf("sid-%d", len(s.Jobs)+1)
		s.Jobs[sid] = j
		answer(w, http.StatusCreated, j.state(sid))
		return
	}
	sid, what, _ := strings.Cut(rest, "/")
	j := s.Jobs[sid]
	if j == nil {
		fail(w, http.StatusNotFound, "not_found", "No such job.")
		return
	}
	switch {
	case what == "" && r.Method == http.MethodGet:
		j.Polls--
		answer(w, http.StatusOK, j.state(sid))
	case what == "" && r.Method == http.MethodPatch:
		var in struct{ Status string }
		_ = json.Unmarshal(body, &in)
		j.Status = in.Status
		answer(w, http.StatusOK, j.state(sid))
	case what == "results" && r.Method == http.MethodGet:
		q := r.URL.Query()
		from, _ := strconv.Atoi(q.Get("offset"))
		n, _ := strconv.Atoi(q.Get("count"))
		from = min(from, len(j.Rows))
		rows := j.Rows[from:min(len(j.Rows), from+n)]
		fields := []map[string]string{}
		for _, f := range j.Fields {
			fields = append(fields, map[string]string{"name": f})
		}
		f, _ := json.Marshal(fields)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"results": [%s], "fields": %s, "messages": []}`, strings.Join(rows, ", "), f)
	default:
		fail(w, http.StatusNotFound, "not_found", "No such path.")
	}
}

func (j *Job) state(sid string) map[string]any {
	m := map[string]any{"sid": sid, "query": j.Request["query"], "status": "running", "percentComplete": 50, "messages": j.Messages}
	if j.Polls < 0 {
		m["status"], m["percentComplete"], m["resultsAvailable"] = "done", 100, len(j.Rows)
	}
	if j.Failed != "" {
		m["status"], m["messages"] = "failed", []map[string]string{{"type": "FATAL", "text": j.Failed}}
	}
	if j.Status != "" {
		m["status"] = j.Status
	}
	return m
}

// ingest takes events as the service says it does. An event whose body is the
// text poison makes it refuse the request.
func (s *Server) ingest(w http.ResponseWriter, body []byte) {
	if len(body) > maxIngest {
		fail(w, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", "The request is too large.")
		return
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil || len(list) == 0 || len(list) > 500 {
		fail(w, http.StatusBadRequest, "INVALID_DATA", "no array of 1 to 500 events")
		return
	}
	for _, e := range list {
		var event struct {
			Body       any
			Attributes map[string]any
			Timestamp  *int64
		}
		if err := json.Unmarshal(e, &event); err != nil || event.Body == nil || strings.Contains(string(e), "poison") {
			answer(w, http.StatusBadRequest, map[string]any{"code": "INVALID_DATA", "message": "An event is not valid.", "details": map[string]string{"reason": "poison"}})
			return
		}
	}
	s.events = append(s.events, list...)
	answer(w, http.StatusOK, map[string]string{"code": "SUCCESS", "message": "Success"})
}

// kvstore knows queries for one _key, and for $or of them.
func (s *Server) kvstore(w http.ResponseWriter, r *http.Request, body []byte, rest string) {
	name, what, _ := strings.Cut(rest, "/")
	records, ok := s.Collections[name]
	if !ok {
		fail(w, http.StatusNotFound, "404", "collection not found")
		return
	}
	switch {
	case what == "query" && r.Method == http.MethodGet:
		var q struct {
			Key string `json:"_key"`
			Or  []struct {
				Key string `json:"_key"`
			} `json:"$or"`
		}
		if err := json.Unmarshal([]byte(r.URL.Query().Get("query")), &q); err != nil {
			fail(w, http.StatusBadRequest, "400", "the query is no JSON")
			return
		}
		out := []map[string]any{}
		for _, k := range append(q.Or, struct {
			Key string `json:"_key"`
		}{q.Key}) {
			if rec := records[k.Key]; rec != nil {
				out = append(out, rec)
			}
		}
		answer(w, http.StatusOK, out)
	case what == "batch" && r.Method == http.MethodPost:
		var list []map[string]any
		if err := json.Unmarshal(body, &list); err != nil {
			fail(w, http.StatusBadRequest, "400", "no array of records")
			return
		}
		keys := []string{}
		for _, rec := range list {
			k, _ := rec["_key"].(string)
			if records[k] != nil && r.URL.Query().Get("allow_updates") != "true" {
				fail(w, http.StatusConflict, "409", "the key exists")
				return
			}
			records[k] = rec
			keys = append(keys, k)
		}
		answer(w, http.StatusCreated, keys)
	default:
		fail(w, http.StatusNotFound, "404", "no such path")
	}
}
