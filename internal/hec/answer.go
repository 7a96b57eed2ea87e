package hec

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tclookup/tclookup/internal/httpx"
)

// answer is what the collector says to a request with events.
type answer struct {
	Text    string `json:"text"`
	Code    int    `json:"code"`
	AckID   *int64 `json:"ackId"`
	Invalid *int   `json:"invalid-event-number"` // counted from 0
}

// kind is what is to be done about an answer.
type kind int

const (
	taken    kind = iota // the events are accepted
	busy                 // not accepted: later
	broken               // perhaps accepted: later
	tooLarge             // the request is
	badEvent             // one of the events is not accepted
	refused              // none will ever be
)

// Error is an answer that ends the run.
type Error struct {
	Host   string
	Status int    // of HTTP
	Code   int    // of the collector, -1 when the answer has none
	Text   string // one line: what happened and what to do
}

func (e *Error) Error() string {
	if e.Code < 0 {
		return fmt.Sprintf("HEC: %s: HTTP %d: %s", e.Host, e.Status, e.Text)
	}
	return fmt.Sprintf("HEC: %s: HTTP %d, code %d: %s", e.Host, e.Status, e.Code, e.Text)
}

// meanings are the collector's codes and what to do about them.
var meanings = map[int]struct {
	kind kind
	text string
}{
	0:  {taken, ""},
	1:  {refused, "the token is disabled: enable it in Splunk (Settings > Data inputs > HTTP Event Collector)"},
	2:  {refused, "the collector did not receive the token: a proxy may have taken the Authorization header away"},
	3:  {refused, "the collector does not understand the Authorization header: the token must be the bare value, without the word Splunk"},
	4:  {refused, "the collector does not know the token: check TCLOOKUP_HEC_TOKEN or the token file, and that it belongs to this Splunk"},
	5:  {refused, "the collector received no data: something on the way removes the body of requests"},
	6:  {badEvent, "the collector takes it for malformed"},
	7:  {badEvent, "the index does not exist, or the token may not write to it"},
	8:  {broken, "the collector has an internal error"},
	9:  {busy, "the server is busy"},
	10: {refused, "the collector did not receive the channel: a proxy may have taken the header X-Splunk-Request-Channel away"},
	11: {refused, "the collector does not take the channel"},
	12: {badEvent, "the collector finds no event in it"},
	13: {badEvent, "the event is blank"},
	14: {refused, "the token has no indexer acknowledgement: enable it for the token, or leave out --hec-ack require"},
	15: {badEvent, "the collector cannot handle the indexed fields"},
	16: {refused, "the collector does not take the token in the address"},
	18: {busy, "the collector's queues are full"},
	19: {busy, "the collector's acknowledgement service is not available"},
	20: {busy, "the collector's queues are full and its acknowledgement service is not available"},
	23: {busy, "the server is shutting down"},
	26: {busy, "the collector's queue is full"},
	27: {busy, "too many acknowledgements are open on the channel"},
}

// judge says what an answer means, and in a text for people why.
func judge(r *httpx.Response) (a answer, k kind, why string) {
	a.Code = -1
	if err := json.Unmarshal(r.Body, &a); err != nil {
		a = answer{Code: -1}
	}
	if a.Code >= 0 {
		if m, ok := meanings[a.Code]; ok && (m.kind != taken || r.Status == http.StatusOK) {
			return a, m.kind, m.text
		}
	}
	said := ""
	if s := httpx.Snippet(r.Body); s != "" {
		said = fmt.Sprintf(": it says %q", s)
	}
	switch s := r.Status; {
	case s == http.StatusOK && a.Code < 0:
		return a, refused, "this is no HTTP Event Collector: check --hec-url, whose port is mostly 8088, in Splunk Cloud 443" + said
	case s == http.StatusRequestEntityTooLarge:
		return a, tooLarge, "larger than the collector takes" + said
	case s == http.StatusTooManyRequests:
		return a, busy, "too many requests" + said
	case s == http.StatusServiceUnavailable:
		return a, busy, "the server is not available" + said
	case s >= 500:
		return a, broken, "the server failed" + said
	case s == http.StatusNotFound || s == http.StatusMethodNotAllowed:
		return a, refused, "the server does not know the collector's path: check --hec-url, whose port is mostly 8088, in Splunk Cloud 443, and that the collector is enabled" + said
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return a, refused, "the server refuses access: check the token" + said
	case s == http.StatusProxyAuthRequired:
		return a, refused, "the proxy wants a login: give it in the variable HTTPS_PROXY" + said
	}
	return a, refused, "the server does not take the request" + said
}
