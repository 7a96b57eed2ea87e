// Package splunkd is a client of splunkd's REST API, for the few endpoints
// that the program needs: stored passwords, the rights of a user, collections
// of the KV store, the indexing of a few lines, and searches.
package splunkd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/internal/httpx"
)

// Config says how splunkd is reached. URI and Token are required.
type Config struct {
	// URI is where splunkd listens, such as https://127.0.0.1:8089.
	URI string
	// Token is a session key, or with Bearer an authentication token.
	Token  chunked.Secret
	Bearer bool
	// CAFile is a PEM file of the authorities that are trusted besides the
	// system's. A server on a loopback address is trusted without it: splunkd's
	// own certificate carries no name that could be checked.
	CAFile string
	// TrustFile is the same, but it need not exist: splunkd's own
	// $SPLUNK_HOME/etc/auth/cacert.pem.
	TrustFile string
	// InsecureTLS trusts any certificate.
	InsecureTLS bool
	// Proxy uses the proxy that the environment names, for a splunkd that is
	// not in this network.
	Proxy bool
	// Timeout is the longest one request may take; 0 means 5 s. Requests of
	// [Client.Stream] are bounded until their header is there.
	Timeout time.Duration
	// Pause is the time before what passes is tried again, doubled each time;
	// 0 means 1 s.
	Pause time.Duration
}

// Client talks to one splunkd. It is safe for concurrent use.
type Client struct {
	base    string
	auth    string
	token   string
	timeout time.Duration
	http    *http.Client
	patient *http.Client  // waits for the header of an answer as long as it takes
	pause   time.Duration // before the second try of what is tried again
}

const (
	defaultTimeout = 5 * time.Second
	maxBody        = 64 << 20 // of an answer that is read whole
	maxErrorBody   = 64 << 10
)

// New returns a client. It sends nothing.
func New(c Config) (*Client, error) {
	if c.URI == "" || c.Token.IsZero() {
		return nil, ErrNoSession
	}
	u, err := url.Parse(strings.TrimRight(c.URI, "/"))
	switch {
	case err != nil: // its text may hold a password
		return nil, errors.New("splunkd: the address is not a URL: give https://host:8089")
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, fmt.Errorf("splunkd: address %q: give https://host:8089", u.Redacted())
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("splunkd: the address holds more than scheme, host, port and path: give https://host:8089")
	}
	token := c.Token.Reveal()
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("splunkd: the token holds characters that cannot be sent")
	}
	conf, err := c.tls(u.Hostname())
	if err != nil {
		return nil, err
	}
	auth := "Splunk " + token
	if c.Bearer {
		auth = "Bearer " + token
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Pause <= 0 {
		c.Pause = time.Second
	}
	var proxy func(*http.Request) (*url.URL, error) // none: splunkd is on this host or in this network
	if c.Proxy {
		proxy = http.ProxyFromEnvironment
	}
	transport := &http.Transport{
		Proxy:                  proxy,
		DialContext:            (&net.Dialer{Timeout: c.Timeout}).DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    c.Timeout,
		ResponseHeaderTimeout:  c.Timeout,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
	patient := transport.Clone()
	patient.ResponseHeaderTimeout = 0
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		base: u.String(), auth: auth, token: token, timeout: c.Timeout, pause: c.Pause,
		http:    &http.Client{Transport: transport, CheckRedirect: stay},
		patient: &http.Client{Transport: patient, CheckRedirect: stay},
	}, nil
}

// tls says which certificates are trusted.
func (c *Config) tls(host string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.InsecureTLS || c.CAFile == "" && loopback(host) {
		conf.InsecureSkipVerify = true
		return conf, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if c.TrustFile != "" {
		if pem, err := os.ReadFile(c.TrustFile); err == nil {
			pool.AppendCertsFromPEM(pem)
		}
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("splunkd: authorities: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("splunkd: authorities: %s holds no certificate in PEM form", c.CAFile)
		}
	}
	conf.RootCAs = pool
	return conf, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Close closes the connections that are not in use.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.patient.CloseIdleConnections()
}

// Request is one request.
type Request struct {
	Method string // GET when empty, POST with Form or Body
	Path   string // escaped, begins with /services
	Query  url.Values
	Form   url.Values
	// Body is sent as it is, with ContentType; Form is not sent then.
	Body        []byte
	ContentType string
	// Patient waits for the header as long as ctx does: the answer begins
	// when there is something to say.
	Patient bool
}

// Do sends r and returns the whole answer. An answer that is no success is an
// [*Error].
func (c *Client) Do(ctx context.Context, r Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.Stream(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, c.fault(&r, err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("splunkd: %s %s: the answer is larger than %d MiB", r.method(), r.Path, maxBody>>20)
	}
	return body, nil
}

// Stream sends r and returns the answer, whose body the caller closes, as soon
// as its header is there. Only ctx bounds the reading of it.
func (c *Client) Stream(ctx context.Context, r Request) (*http.Response, error) {
	body, kind := r.Body, r.ContentType
	if body == nil && r.Form != nil {
		body, kind = []byte(r.Form.Encode()), "application/x-www-form-urlencoded"
	}
	target := c.base + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method(), target, bytes.NewReader(body))
	if err != nil {
		return nil, c.fault(&r, err)
	}
	req.Header.Set("Authorization", c.auth)
	req.Header.Set("User-Agent", "tclookup")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	h := c.http
	if r.Patient {
		h = c.patient
	}
	resp, err := h.Do(req)
	if err != nil {
		return nil, c.fault(&r, err)
	}
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		resp.Body.Close()
		return nil, &Error{Method: r.method(), Path: r.Path, Status: resp.StatusCode, Messages: c.messages(text), RetryAfter: httpx.RetryAfter(resp.Header, time.Now())}
	}
	return resp, nil
}

func (r *Request) method() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.Form != nil || r.Body != nil:
		return http.MethodPost
	}
	return http.MethodGet
}

// JSON sends r, asks for JSON and decodes the answer into v, which may be nil.
func (c *Client) JSON(ctx context.Context, r Request, v any) error {
	q := url.Values{"output_mode": {"json"}}
	for k, vs := range r.Query {
		q[k] = vs
	}
	r.Query = q
	body, err := c.Do(ctx, r)
	if err != nil || v == nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("splunkd: %s %s: the answer is not the JSON that was asked for", r.method(), r.Path)
	}
	return nil
}
