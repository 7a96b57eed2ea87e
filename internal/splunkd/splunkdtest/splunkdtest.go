// Package splunkdtest is a splunkd for tests: the endpoints that the program
// uses, with users, their rights, and faults.
package splunkdtest

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// User is who a session key belongs to.
type User struct {
	Name         string
	Roles        []string
	Capabilities []string
}

// Event is what was indexed with one request.
type Event struct {
	User                            string
	Index, Source, Sourcetype, Host string
	Body                            string
}

// Server is a splunkd. Fields are set before the first request.
type Server struct {
	// URL is its address, with a certificate that nobody trusts.
	URL string
	// Users are the session keys that it knows.
	Users map[string]User
	// Passwords are the stored ones: realm, name, clear text.
	Passwords map[[2]string]string
	// Collections are the KV store: name, _key, document. The names are those
	// that there are.
	Collections map[string]map[string]map[string]any
	// ReadOnly are collections that only users with admin_all_objects write.
	ReadOnly []string
	// Search makes the job of a search; nil means that there are no searches.
	Search func(form url.Values) *Job
	// Jobs are the search jobs by their ids.
	Jobs map[string]*Job
	// Roles are those of the server.
	Roles []string
	// HidePasswords answers without clear text.
	HidePasswords bool
	// Fault, if not nil, is called first; when it returns true it has answered.
	Fault func(w http.ResponseWriter, r *http.Request) bool

	mu     sync.Mutex
	calls  []string
	events []Event
}

// New starts a splunkd that runs until the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		Users: map[string]User{}, Passwords: map[[2]string]string{}, Collections: map[string]map[string]map[string]any{}, Jobs: map[string]*Job{},
		Roles: []string{"indexer", "license_master", "kv_store", "search_head"},
	}
	h := httptest.NewUnstartedServer(s)
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.StartTLS()
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
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

// Events returns what was indexed so far.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Documents returns the documents of a collection by their _key.
func (s *Server) Documents(name string) map[string]map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.Collections[name])
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	if s.Fault != nil && s.Fault(w, r) {
		return
	}
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	user, ok := s.Users[token]
	if !ok || kind != "Splunk" && kind != "Bearer" {
		fail(w, http.StatusUnauthorized, "call not properly authenticated")
		return
	}
	const data = "/servicesNS/nobody/tclookup/storage/collections/data/"
	switch path := r.URL.Path; {
	case path == "/services/authentication/current-context" && r.Method == http.MethodGet:
		entry(w, map[string]any{"username": user.Name, "roles": user.Roles, "capabilities": user.Capabilities})
	case path == "/services/server/info" && r.Method == http.MethodGet:
		entry(w, map[string]any{"server_roles": s.Roles, "version": "9.4.0"})
	case path == "/servicesNS/nobody/tclookup/storage/passwords" && r.Method == http.MethodGet:
		s.passwords(w, r, &user)
	case path == "/services/receivers/simple" && r.Method == http.MethodPost:
		s.receive(w, r, &user)
	case strings.HasPrefix(path, data):
		s.store(w, r, &user, strings.TrimPrefix(path, data))
	case strings.HasSuffix(path, jobs) || strings.Contains(path, jobs+"/"):
		_, rest, _ := strings.Cut(path, jobs)
		s.search(w, r, strings.TrimPrefix(rest, "/"))
	default:
		fail(w, http.StatusNotFound, "Not Found")
	}
}

func (u *User) can(capability string) bool { return slices.Contains(u.Capabilities, capability) }

func fail(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"messages": []any{map[string]string{"type": "ERROR", "text": text}}})
}

func entry(w http.ResponseWriter, contents ...map[string]any) {
	list := []any{}
	for _, c := range contents {
		list = append(list, map[string]any{"name": "x", "content": c})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"entry": list, "messages": []any{}})
}

// passwords answers with more than was asked for, so that a client that does
// not look is found out.
func (s *Server) passwords(w http.ResponseWriter, r *http.Request, u *User) {
	if !u.can("list_storage_passwords") {
		fail(w, http.StatusForbidden, "insufficient permission to access this resource")
		return
	}
	var list []map[string]any
	for k, clear := range s.Passwords {
		c := map[string]any{"realm": k[0], "username": k[1], "encr_password": "$7$x"}
		if !s.HidePasswords {
			c["clear_password"] = clear
		}
		list = append(list, c)
	}
	entry(w, list...)
}

func (s *Server) receive(w http.ResponseWriter, r *http.Request, u *User) {
	if !u.can("edit_tcp") {
		fail(w, http.StatusForbidden, "insufficient permission to access this resource")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	q := r.URL.Query()
	if q.Get("index") == "missing" {
		fail(w, http.StatusBadRequest, "supplied index 'missing' missing")
		return
	}
	s.events = append(s.events, Event{u.Name, q.Get("index"), q.Get("source"), q.Get("sourcetype"), q.Get("host"), string(body)})
	fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?><response><results><result/></results></response>`)
}

// store is the KV store. rest is the collection and what follows it.
func (s *Server) store(w http.ResponseWriter, r *http.Request, u *User, rest string) {
	name, key, _ := strings.Cut(rest, "/")
	docs, ok := s.Collections[name]
	if !ok {
		fail(w, http.StatusNotFound, "Could not find object.")
		return
	}
	if docs == nil {
		docs = map[string]map[string]any{}
		s.Collections[name] = docs
	}
	if r.Method != http.MethodGet && slices.Contains(s.ReadOnly, name) && !u.can("admin_all_objects") {
		fail(w, http.StatusForbidden, "You do not have permission to perform this operation.")
		return
	}
	if k, err := url.PathUnescape(key); err == nil {
		key = k
	}
	switch {
	case r.Method == http.MethodPost && key == "batch_save":
		s.batch(w, r, docs)
	case r.Method == http.MethodPost:
		var doc map[string]any
		if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
			fail(w, http.StatusBadRequest, "JSON in the request is invalid.")
			return
		}
		id := key
		if id == "" {
			id, _ = doc["_key"].(string)
			if docs[id] != nil {
				fail(w, http.StatusConflict, "A document with the same key and user already exists.")
				return
			}
			w.WriteHeader(http.StatusCreated)
		} else if docs[id] == nil {
			fail(w, http.StatusNotFound, "Could not find object.")
			return
		}
		doc["_key"] = id
		docs[id] = doc
		_ = json.NewEncoder(w).Encode(map[string]string{"_key": id})
	case r.Method == http.MethodGet && docs[key] != nil:
		_ = json.NewEncoder(w).Encode(docs[key])
	case r.Method == http.MethodDelete && key == "":
		var query map[string]any
		if err := json.Unmarshal([]byte(r.URL.Query().Get("query")), &query); err != nil {
			fail(w, http.StatusBadRequest, "the query is no JSON")
			return
		}
		maps.DeleteFunc(docs, func(_ string, d map[string]any) bool { return selects(query, d) })
	default:
		fail(w, http.StatusNotFound, "Could not find object.")
	}
}

func (s *Server) batch(w http.ResponseWriter, r *http.Request, docs map[string]map[string]any) {
	var list []map[string]any
	if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
		fail(w, http.StatusBadRequest, "JSON in the request is invalid.")
		return
	}
	if len(list) > 1000 {
		fail(w, http.StatusBadRequest, "The number of documents in the batch exceeds the limit of 1000.")
		return
	}
	keys := []string{}
	for _, d := range list {
		k, _ := d["_key"].(string)
		docs[k] = d
		keys = append(keys, k)
	}
	_ = json.NewEncoder(w).Encode(keys)
}

// selects knows equality and $lt.
func selects(query, doc map[string]any) bool {
	for k, want := range query {
		if op, ok := want.(map[string]any); ok {
			bound, _ := op["$lt"].(float64)
			have, isNumber := doc[k].(float64)
			if !isNumber || have >= bound {
				return false
			}
			continue
		}
		if doc[k] != want {
			return false
		}
	}
	return true
}

// Drop deletes a document.
func (s *Server) Drop(name, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.Collections[name], key)
}
