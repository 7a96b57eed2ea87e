package splunkd

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Errors that callers branch on.
var (
	// ErrNoSession: nobody gave the program an address of splunkd and a token.
	ErrNoSession = errors.New("splunkd: no session: splunkd gave no address or no session key")
	// ErrDenied: the user may not do that (HTTP 401 or 403).
	ErrDenied = errors.New("the user may not do that")
	// ErrNotFound: there is no such thing (HTTP 404).
	ErrNotFound = errors.New("not found")
	// ErrConflict: there is such a thing already (HTTP 409).
	ErrConflict = errors.New("conflict")
)

// Error is an answer of splunkd that is no success. It is an errors.Is of
// ErrDenied, ErrNotFound or ErrConflict where its status says so.
type Error struct {
	Method, Path string // without the query
	Status       int
	Messages     []string      // what splunkd says, one line each, without secrets
	RetryAfter   time.Duration // what splunkd asks to wait, 0 if it does not ask
}

func (e *Error) Error() string {
	text := fmt.Sprintf("splunkd: %s %s: HTTP %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if len(e.Messages) > 0 {
		text += ": " + strings.Join(e.Messages, "; ")
	}
	return text
}

// Is reports whether the status means target.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == ErrDenied
	case http.StatusNotFound:
		return target == ErrNotFound
	case http.StatusConflict:
		return target == ErrConflict
	}
	return false
}

// messages reads what splunkd says in a body that is JSON, XML or a text.
func (c *Client) messages(body []byte) []string {
	var out []string
	add := func(s string) {
		if s = c.clean(s); s != "" && len(out) < 5 {
			out = append(out, s)
		}
	}
	var j struct {
		Messages []struct {
			Text string `json:"text"`
		} `json:"messages"`
	}
	if json.Unmarshal(body, &j) == nil {
		for _, m := range j.Messages {
			add(m.Text)
		}
		return out
	}
	var x struct {
		Messages []string `xml:"messages>msg"`
	}
	if xml.Unmarshal(body, &x) == nil {
		for _, m := range x.Messages {
			add(m)
		}
		return out
	}
	add(string(body))
	return out
}

// clean makes one short line without the token.
func (c *Client) clean(s string) string {
	s = strings.ReplaceAll(s, c.token, "***")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}

// fault is the error of a request without an answer.
func (c *Client) fault(r *Request, err error) error {
	var u *url.Error
	if errors.As(err, &u) { // its text has the query
		err = u.Err
	}
	where := fmt.Sprintf("splunkd: %s %s", r.method(), r.Path)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: interrupted: %w", where, context.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer within %s", where, c.timeout)
	}
	return &netError{fmt.Sprintf("%s: %s", where, c.clean(err.Error()))}
}

// netError is a request that splunkd may not have received, or an answer that
// was cut off.
type netError struct{ text string }

func (e *netError) Error() string { return e.text }
