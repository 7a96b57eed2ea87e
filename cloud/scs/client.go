// Package scs talks to a tenant of Splunk Cloud Services through Splunk's SDK,
// and fences it in: every call takes a context and ends with it, answers are
// bounded, an expired token is renewed, what passes is tried again, and no
// error holds a secret. Of the SDK nothing is used that prints, logs or waits.
//
// The shapes of requests and answers are those of the SDK's sources (version
// 1.11.1) and of the API descriptions in it; they were not seen from a tenant.
package scs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	gdep "github.com/splunk/go-dependencies/services"
	"github.com/splunk/splunk-cloud-sdk-go/services"
	"github.com/splunk/splunk-cloud-sdk-go/util"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/internal/httpx"
)

// The addresses of Splunk Cloud Services, as the SDK has them.
const (
	DefaultAPIURL  = "https://api.scp.splunk.com"
	DefaultAuthURL = "https://auth.scp.splunk.com"
)

// Config says which tenant is meant and who asks.
type Config struct {
	Tenant  string
	APIURL  string // empty means DefaultAPIURL
	AuthURL string // of the identity provider; empty means DefaultAuthURL
	// ClientID names the client that is registered with the tenant. It proves
	// itself by ClientSecret (client credentials flow) or RefreshToken, one of
	// the two.
	ClientID                   string
	ClientSecret, RefreshToken chunked.Secret
	Scope                      string        // empty means none, or that of the SDK for a refresh token
	Timeout                    time.Duration // of one request; 0 means 1 min
	UserAgent                  string
	// Tries is how often a request is sent at most, and Pause the time before
	// the second try, doubled each time; 0 means 8 and 1 s.
	Tries int
	Pause time.Duration
}

// Client talks to one tenant. It is safe for concurrent use.
type Client struct {
	base   *services.BaseClient
	tokens *tokens
	hide   *strings.Replacer
	tries  int
	pause  time.Duration
	most   time.Duration // one request
}

// maxRenewed is how often one request gets a new token.
const maxRenewed = 3

// maxBody is the size of the largest answer that is read.
const maxBody = 64 << 20

// New returns a client. It sends nothing.
func New(c Config) (*Client, error) {
	if c.Tenant == "" || strings.ContainsFunc(c.Tenant, func(r rune) bool {
		return r >= unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	}) {
		return nil, fmt.Errorf("tenant %q: a tenant's name has letters, digits, - and _", c.Tenant)
	}
	if c.ClientID == "" {
		return nil, errors.New("no client: give the id of a client that is registered with the tenant")
	}
	if c.ClientSecret.IsZero() == c.RefreshToken.IsZero() {
		return nil, errors.New("give the secret of the client or a refresh token, one of the two")
	}
	if c.Timeout <= 0 {
		c.Timeout = time.Minute
	}
	if c.Tries <= 0 {
		c.Tries = 8
	}
	if c.Pause <= 0 {
		c.Pause = time.Second
	}
	api, err := address("the address of the services", c.APIURL, DefaultAPIURL)
	if err != nil {
		return nil, err
	}
	auth, err := address("the address of the identity provider", c.AuthURL, DefaultAuthURL)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 256 << 10
	// The SDK's own handling of tokens is not used: it has a data race, and
	// ends with no context. Each call puts the token that is valid in.
	base, err := services.NewClient(&services.Config{
		Token: "none", Tenant: c.Tenant, OverrideHost: api.Host, Scheme: api.Scheme,
		Timeout: c.Timeout, RoundTripper: oneHost{api.Host, transport}, ClientVersion: c.UserAgent,
	})
	if err != nil {
		return nil, err
	}
	return &Client{
		base: base, tokens: newTokens(c, auth.String()), tries: c.Tries, pause: c.Pause, most: c.Timeout,
		hide: hider(c.ClientSecret.Reveal(), c.RefreshToken.Reveal()),
	}, nil
}

// hider replaces secrets, in clear text and as they are in a URL or a form.
func hider(secrets ...string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if s == "" {
			continue
		}
		pairs = append(pairs, s, "***")
		if q := url.QueryEscape(s); q != s {
			pairs = append(pairs, q, "***")
		}
	}
	return strings.NewReplacer(pairs...)
}

// address reads the address of a server. Without encryption only this machine
// is talked to: secrets are sent there.
func address(what, text, def string) (*url.URL, error) {
	if text == "" {
		text = def
	}
	u, err := url.Parse(strings.TrimRight(text, "/"))
	switch {
	case err != nil: // its text may hold a password
		return nil, fmt.Errorf("%s is no URL: give https://host", what)
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return nil, fmt.Errorf("%s, %q: give https://host", what, u.Redacted())
	case u.User != nil, u.RawQuery != "", u.Fragment != "", u.Path != "":
		return nil, fmt.Errorf("%s holds more than scheme, host and port: give https://host", what)
	case u.Scheme == "http" && !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname()):
		return nil, fmt.Errorf("%s, %q: secrets are sent there, so it has to be https", what, u.Redacted())
	}
	return u, nil
}

// oneHost sends requests to one host only, whatever an answer says.
type oneHost struct {
	host string
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (o oneHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != o.host {
		return nil, fmt.Errorf("a redirect leads to another host, %s", r.URL.Host)
	}
	return o.next.RoundTrip(r)
}

// Error is an answer of a service that is no success.
type Error struct {
	Method, Path string
	Status       int    // of HTTP
	Code, Text   string // what the service says, one line without secrets
	after        time.Duration
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: HTTP %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	for _, t := range []string{e.Code, e.Text} {
		if t != "" {
			s += ": " + t
		}
	}
	return s
}

// How often a call may be repeated.
type policy int

const (
	freely policy = iota // as often as it helps: it does the same each time
	once                 // only when the service did not begin with it
)

// call is one call of the SDK. It stands in the place of the SDK's client,
// from which it has the requests built and sent, and gives it a context.
type call struct {
	c      *Client
	ctx    context.Context
	policy policy
	// again is told before a request is repeated; mayBe says that the service
	// may have done what it asks for.
	again func(mayBe bool)

	body []byte // of the last answer
}

var _ gdep.IClient = (*call)(nil)

// BuildURLFromPathParams implements the SDK's interface.
func (k *call) BuildURLFromPathParams(q url.Values, cluster, templ string, params interface{}) (url.URL, error) {
	return k.c.base.BuildURLFromPathParams(q, cluster, templ, params)
}

// Get implements the SDK's interface, as do the next four.
func (k *call) Get(p gdep.RequestParams) (*http.Response, error) { return k.do(http.MethodGet, p) }

// Post implements the SDK's interface.
func (k *call) Post(p gdep.RequestParams) (*http.Response, error) { return k.do(http.MethodPost, p) }

// Patch implements the SDK's interface.
func (k *call) Patch(p gdep.RequestParams) (*http.Response, error) { return k.do(http.MethodPatch, p) }

// Put implements the SDK's interface.
func (k *call) Put(p gdep.RequestParams) (*http.Response, error) { return k.do(http.MethodPut, p) }

// Delete implements the SDK's interface.
func (k *call) Delete(p gdep.RequestParams) (*http.Response, error) {
	return k.do(http.MethodDelete, p)
}

// do sends a request, again when that helps, and returns the answer.
func (k *call) do(method string, p gdep.RequestParams) (*http.Response, error) {
	var body []byte
	if p.Body != nil {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // it would make the request larger than what was counted
		if err := enc.Encode(p.Body); err != nil {
			return nil, err
		}
		body = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	}
	stale, renewed, pause := "", 0, k.c.pause
	for n := 1; ; n++ {
		resp, token, err := k.send(method, &p, body, stale)
		if err == nil {
			return resp, nil
		}
		var e *Error
		answered := errors.As(err, &e)
		if answered && e.Status == http.StatusUnauthorized && renewed < maxRenewed {
			stale = token // it has expired, or was taken back
			renewed++
			continue
		}
		if n >= k.c.tries || k.ctx.Err() != nil || !k.helps(err) {
			return nil, err
		}
		if k.again != nil {
			k.again(!answered || e.Status >= 500)
		}
		wait := pause/2 + rand.N(pause/2+1)
		pause = min(2*pause, 30*time.Second)
		if answered {
			wait = max(wait, e.after)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-k.ctx.Done():
			t.Stop()
			return nil, err
		}
	}
}

// errNoToken is the error of a request without which there was no token.
type errNoToken struct{ error }

func (e errNoToken) Unwrap() error { return e.error }

// helps reports whether trying again may help.
func (k *call) helps(err error) bool {
	var e *Error
	var no errNoToken
	switch {
	case errors.As(err, &no):
		return false // it was tried again already
	case !errors.As(err, &e):
		return k.policy == freely
	case k.policy == once:
		return e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable
	}
	return slices.Contains([]int{408, 429, 500, 502, 503, 504}, e.Status)
}

// send sends a request once. It returns the token that was sent; stale is one
// that is not valid.
func (k *call) send(method string, p *gdep.RequestParams, body []byte, stale string) (*http.Response, string, error) {
	token, err := k.c.tokens.get(k.ctx, stale)
	if err != nil {
		return nil, "", errNoToken{err}
	}
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := k.c.base.NewRequest(method, p.URL.String(), r, p.Headers)
	if err != nil {
		return nil, "", err
	}
	req.UpdateToken(token)
	req.Request = req.WithContext(k.ctx)
	resp, err := k.c.base.Do(req)
	if err != nil {
		return nil, "", k.fault(method, p.URL.Path, err)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	resp.Body.Close()
	switch {
	case err != nil:
		return nil, "", k.fault(method, p.URL.Path, err)
	case len(answer) > maxBody:
		return nil, "", fmt.Errorf("%s %s: the answer is larger than %d MiB", method, p.URL.Path, maxBody>>20)
	}
	k.body = answer
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	if resp.StatusCode/100 == 3 {
		return nil, "", &Error{Method: method, Path: p.URL.Path, Status: resp.StatusCode}
	}
	_, err = util.ParseHTTPStatusCodeInResponse(resp)
	var h *util.HTTPError
	if errors.As(err, &h) {
		e := &Error{Method: method, Path: p.URL.Path, Status: resp.StatusCode, Code: k.c.clean(h.Code, token)}
		e.after = min(httpx.RetryAfter(resp.Header, time.Now()), maxRetryAfter)
		e.Text = k.c.clean(h.Message, token)
		if d, err := json.Marshal(h.Details); err == nil && h.Details != nil {
			e.Text = strings.TrimPrefix(e.Text+" "+k.c.clean(string(d), token), " ")
		}
		return nil, token, e
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer)) // the SDK decodes it
	return resp, token, err
}

// fault is the error of a request without an answer.
func (k *call) fault(method, path string, err error) error {
	if k.ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", method, path, k.ctx.Err())
	}
	var u *url.Error
	if errors.As(err, &u) { // its text has the query
		err = u.Err
	}
	var t interface{ Timeout() bool }
	if errors.As(err, &t) && t.Timeout() {
		return fmt.Errorf("%s %s: no answer within %s", method, path, k.c.most)
	}
	return fmt.Errorf("%s %s: %s", method, path, k.c.clean(err.Error(), ""))
}

// clean makes one short line without secrets.
func (c *Client) clean(s, token string) string {
	s = c.hide.Replace(s)
	if token != "" {
		s = strings.ReplaceAll(s, token, "***")
	}
	return oneLine(s)
}

func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}

// maxRetryAfter is the longest pause that a service can ask for.
const maxRetryAfter = 2 * time.Minute

// interrupted gives the error of a call its context's, if that has ended.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %v", ctx.Err(), err) //nolint:errorlint // the context is the cause
	}
	return err
}
