package splunkapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/internal/applog"
	"github.com/tclookup/tclookup/internal/splunkd"
	"github.com/tclookup/tclookup/internal/version"
)

const (
	// Realm is that of the app's stored passwords; their names are those of
	// the sources.
	Realm = "tclookup"
	// VoteCapability is the app's own capability, without which nobody casts a
	// vote from Splunk.
	VoteCapability = "tclookup_vote"
	// listPasswords is Splunk's capability to read stored passwords.
	listPasswords = "list_storage_passwords"
)

// Run is one run of the program in one of its roles. It is safe for concurrent
// use.
type Run struct {
	Place Place
	// Role is command, input, alert or lookup; Command is the stanza.
	Role, Command string
	// SID, User and App are the search's, where there is one.
	SID, User, App string
	// URI and SessionKey are what splunkd gave, both empty where it gave none.
	URI        string
	SessionKey chunked.Secret

	mu     sync.Mutex
	client *splunkd.Client
}

// FromInfo returns the run of a search command.
func FromInfo(p Place, stanza string, info *chunked.Info) *Run {
	return &Run{
		Place: p, Role: "command", Command: stanza, SID: info.SID, User: info.Username, App: info.App,
		URI: info.SplunkdURI, SessionKey: info.SessionKey,
	}
}

// Splunkd returns the client of the splunkd that started the program. It sends
// nothing. Without a session it is splunkd.ErrNoSession.
func (r *Run) Splunkd() (*splunkd.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		return r.client, nil
	}
	c, err := splunkd.New(splunkd.Config{URI: r.URI, Token: r.SessionKey, TrustFile: r.Place.splunk("etc", "auth", "cacert.pem")})
	r.client = c
	return c, err
}

// Close closes what the run has opened.
func (r *Run) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		r.client.Close()
	}
}

// Key returns the API key of a source from Splunk's stored passwords. It is
// made for engine.Options. What the user may not do is in the error, and what
// becomes of the search.
func (r *Run) Key(ctx context.Context, source string) (string, error) {
	c, err := r.Splunkd()
	if err != nil {
		return "", fmt.Errorf("the API key of %s is in Splunk's stored passwords, which cannot be read here: %w", source, err)
	}
	keys, err := c.Passwords(ctx, Realm)
	if err != nil && !errors.Is(err, splunkd.ErrDenied) {
		return "", fmt.Errorf("the API key of %s cannot be read: %w", source, err)
	}
	switch key, ok := keys[source]; {
	case key != "":
		return key, nil
	case ok:
		return "", fmt.Errorf("splunkd does not show the API key of %s in clear text (edit_storage_passwords_masking): "+
			"let user %s see it, or leave the asking to the background input", source, r.User)
	}
	// Some versions leave out what one may not see, instead of refusing.
	if u, uerr := c.CurrentUser(ctx); err != nil || uerr == nil && !u.Can(listPasswords) {
		return "", fmt.Errorf("user %s may not read the API key of %s (the capability %s is missing): "+
			"answers come from the cache, and the background input asks for the rest", r.User, source, listPasswords)
	}
	return "", fmt.Errorf("no API key of %s is stored (realm %s): store it on the app's setup page, or set stored_key = false", source, Realm)
}

// Require returns an error unless the user of the session has a capability.
// Without an answer of splunkd nobody has any.
func (r *Run) Require(ctx context.Context, capability string) error {
	c, err := r.Splunkd()
	if err != nil {
		return fmt.Errorf("the capability %s cannot be checked: %w", capability, err)
	}
	u, err := c.CurrentUser(ctx)
	if err != nil {
		return fmt.Errorf("the capability %s cannot be checked: %w", capability, err)
	}
	if !u.Can(capability) {
		return fmt.Errorf("user %s may not do that: the capability %s is missing; an administrator gives it with a role", u.Name, capability)
	}
	return nil
}

// Account is what the app's log tells of an enrichment: the keys of --summary.
type Account struct {
	enrich.Stats
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	Requests int64 `json:"requests"`
}

// Log writes the line of the run into the app's log; what goes wrong is told
// to errs. account is an Account, or anything that encodes as an object and
// holds no values of events. Reasons and errors of sources stay out: they may
// quote values.
func (r *Run) Log(account any, start time.Time, failed error, errs io.Writer) {
	if a, ok := account.(Account); ok {
		a.Reasons, a.QueueError = nil, ""
		account = a
	}
	h := applog.Head{
		Version: version.String(), Role: r.Role, Command: r.Command, SID: r.SID, User: r.User, App: r.App,
		Seconds: time.Since(start).Seconds(), Complete: failed == nil,
	}
	if failed != nil {
		h.Error = "the run failed; search.log or splunkd.log says why"
		var public Public
		if errors.As(failed, &public) {
			h.Error = failed.Error()
		}
	}
	if err := (&applog.Log{Dir: r.Place.splunk("var", "log", "splunk")}).Write(h, account); err != nil {
		fmt.Fprintln(errs, "tclookup:", err)
	}
}

// Public is an error whose text holds no value of an event.
type Public struct{ Err error }

func (p Public) Error() string { return p.Err.Error() }

// Unwrap returns the error.
func (p Public) Unwrap() error { return p.Err }
