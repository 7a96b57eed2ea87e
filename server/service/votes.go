package service

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
)

// maxForm is the longest form that is read, in bytes.
const maxForm = 16 << 10

// ParseVote reads what a vote is: as the original's vote.php wrote it, 1 for
// not malicious and 0 for malicious, which is not as reports have it, or in
// words; none takes a vote back.
func ParseVote(s string) (v int8, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "harmless":
		return 1, true
	case "0", "malicious":
		return -1, true
	case "none":
		return 0, true
	}
	return 0, false
}

// vote takes one vote: a form by POST, or the query of a GET. A GET counts when
// it carries a token in a header field, as tclookup itself sends it, which no
// page of another site can have a browser do; others only where it is allowed.
func (s *Service) vote(w http.ResponseWriter, r *http.Request, who client) int {
	if s.o.Votes == nil {
		return fail(w, http.StatusNotFound, "this service takes no votes")
	}
	var query string
	switch r.Method {
	case http.MethodGet:
		if !s.o.Access.GetVotes && !(who.vote && who.explicit) {
			w.Header().Set("Allow", "POST")
			return fail(w, http.StatusMethodNotAllowed, "votes are sent by POST; the service can be told to take them by GET as well (get_votes)")
		}
		// A page of another site must not vote with an image.
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" {
			return fail(w, http.StatusForbidden, "votes from other sites are not taken")
		}
		query = r.URL.RawQuery
	case http.MethodPost:
		if err := s.guard.Check(r); err != nil {
			return fail(w, http.StatusForbidden, "votes from other sites are not taken")
		}
		ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if ct = strings.TrimSpace(ct); ct != "" && !strings.EqualFold(ct, "application/x-www-form-urlencoded") {
			return fail(w, http.StatusUnsupportedMediaType, "a vote is a form: application/x-www-form-urlencoded with vote and value")
		}
		body, code := readBody(w, r, maxForm)
		if code != 0 {
			return code
		}
		if query = string(body); query == "" {
			query = r.URL.RawQuery
		}
	default:
		w.Header().Set("Allow", "POST")
		return fail(w, http.StatusMethodNotAllowed, "votes are sent by POST")
	}
	if len(query) > maxForm {
		return fail(w, http.StatusRequestURITooLong, "the query is too long")
	}
	if !who.vote && (r.Method != http.MethodGet || strings.HasPrefix(who.name, "token:")) {
		return fail(w, http.StatusForbidden, "a vote needs a token that may vote: tclookup serve token add NAME --scope vote")
	}
	v, ok := ParseVote(server.Parameter(query, "vote"))
	if !ok {
		return fail(w, http.StatusBadRequest, "vote: 1 or harmless, 0 or malicious, or none to take a vote back")
	}
	value := server.Parameter(query, "value")
	ind, err := s.o.Parser.Parse(value, indicator.None)
	if err != nil {
		return fail(w, http.StatusBadRequest, fmt.Sprintf("value %s: %v", url.QueryEscape(clip(value, 80)), err))
	}
	if err := s.Vote(r, ind, who.name, v); err != nil {
		s.log.Error("a vote was not kept", "error", err)
		return fail(w, http.StatusServiceUnavailable, "the vote could not be kept; try again")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "The vote of %s about %s is kept.\n", who.name, ind.Value)
	return http.StatusOK
}

// Vote keeps a vote that came with a request, whose sender may vote: the
// caller has seen to that. The answers change at once.
func (s *Service) Vote(r *http.Request, ind indicator.Indicator, voter string, v int8) error {
	origin := clip(r.Method+" "+r.URL.Path+" from "+addressOf(r.RemoteAddr).String(), 200)
	if err := s.o.Votes.Vote(r.Context(), ind, voter, v, origin); err != nil {
		return err
	}
	s.meter.votes.Add(1)
	s.bodies.forget(ind)
	s.log.Info("vote", "voter", voter, "type", ind.Type.String(), "value", ind.Value, "vote", v)
	return nil
}
