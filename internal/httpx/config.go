// Package httpx is the HTTP client of every live source: one host, every
// request behind a limit.Gate, polite retries, bounded answers, and errors
// that say what to do.
package httpx

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http/httpproxy"

	"github.com/tclookup/tclookup/limit"
)

// The defaults of a Config.
const (
	DefaultTimeout     = 20 * time.Second
	DefaultRetries     = 3
	DefaultConcurrency = 4
	DefaultMaxBody     = 8 << 20
)

// Config says how a server is reached. BaseURL and Gate are required.
type Config struct {
	// Name is the name of the source, with which errors begin.
	Name string
	// BaseURL is where paths are relative to: http or https, a host, and
	// perhaps a path. No request ever goes to another host.
	BaseURL string
	// Gate gives the ticket that each single request needs.
	Gate limit.Gate
	// Timeout is the longest one request may take, from the dial to the end
	// of the body. 0 means DefaultTimeout.
	Timeout time.Duration
	// Retries is the number of times a failed request is sent again. 0 means
	// DefaultRetries, less than 0 none.
	Retries int
	// Concurrency is the greatest number of connections. 0 means
	// DefaultConcurrency.
	Concurrency int
	// MaxBody is the greatest size of an answer in bytes, after
	// decompression. 0 means DefaultMaxBody.
	MaxBody int64
	// Proxy is the URL of a proxy (http, https, socks5, socks5h), "none" or
	// "direct" for no proxy. Empty means HTTP_PROXY, HTTPS_PROXY and NO_PROXY
	// of the environment.
	Proxy string
	// CAFile is a PEM file of authorities trusted besides the system's.
	CAFile string
	// InsecureTLS accepts any certificate.
	InsecureTLS bool
	// UserAgent is sent with every request; empty means UserAgent("").
	UserAgent string
	// Secret are header fields that hold secrets, such as an API key. They
	// never appear in an error.
	Secret http.Header
	// Hidden are further texts that never appear in an error.
	Hidden []string
	// Names puts what the program's user calls the settings, such as base_url
	// and ca_file, into the errors; nil means that they have these names.
	Names *strings.Replacer

	// Dial, if set, is asked about the address, IP and port, of each direct
	// connection before it is made, and may refuse it. With a proxy it is not
	// asked.
	Dial func(address string) error

	// Now is the clock and Rand gives numbers in [0,1) for the jitter; nil
	// means the real ones. Wait sleeps for d or until done is closed; tests
	// replace it.
	Now  func() time.Time
	Rand func() float64
	Wait func(done <-chan struct{}, d time.Duration)
}

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	name      string
	base      *url.URL // its path ends with a slash
	gate      limit.Gate
	transport *http.Transport
	timeout   time.Duration
	retries   int
	maxBody   int64
	agent     string
	secret    http.Header
	hidden    []string // texts that must not appear in an error
	names     *strings.Replacer
	now       func() time.Time
	rand      func() float64
	wait      func(<-chan struct{}, time.Duration)
	sent      atomic.Int64
	last      atomic.Pointer[Error] // failure, see remember
}

// UserAgent returns the user agent of the given version of the program.
func UserAgent(version string) string {
	if version == "" {
		version = "dev"
	}
	return "tclookup/" + version + " (+https://github.com/tclookup/tclookup)"
}

// New returns a client for the server that c describes. It sends nothing.
func New(c Config) (*Client, error) {
	cl, err := newClient(c)
	if err != nil && c.Names != nil {
		return nil, errors.New(c.Names.Replace(err.Error()))
	}
	return cl, err
}

func newClient(c Config) (*Client, error) {
	name := c.Name
	if name == "" {
		name = "source"
	}
	base, err := parseBase(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.Gate == nil {
		return nil, fmt.Errorf("%s: no gate: every request needs a ticket of a limit.Gate", name)
	}
	cl := &Client{
		name: name, base: base, gate: c.Gate,
		timeout: cmp.Or(c.Timeout, DefaultTimeout),
		retries: max(0, cmp.Or(c.Retries, DefaultRetries)),
		maxBody: cmp.Or(c.MaxBody, DefaultMaxBody),
		agent:   cmp.Or(c.UserAgent, UserAgent("")),
		secret:  c.Secret.Clone(),
		names:   c.Names,
		now:     c.Now, rand: c.Rand, wait: c.Wait,
	}
	if cl.timeout < 0 || cl.maxBody < 0 || c.Concurrency < 0 {
		return nil, fmt.Errorf("%s: timeout, size limit and concurrency must not be negative", name)
	}
	if !httpguts.ValidHeaderFieldValue(cl.agent) {
		return nil, fmt.Errorf("%s: user agent %q cannot be sent in a header", name, cl.agent)
	}
	for k, vs := range cl.secret {
		for _, v := range vs {
			if !httpguts.ValidHeaderFieldName(k) || !httpguts.ValidHeaderFieldValue(v) {
				return nil, fmt.Errorf("%s: the value for header %q holds characters that cannot be sent: check api_key", name, k)
			}
			cl.hide(v)
		}
	}
	for _, s := range c.Hidden {
		cl.hide(s)
	}
	if cl.now == nil {
		cl.now = time.Now
	}
	if cl.rand == nil {
		cl.rand = rand.Float64
	}
	if cl.wait == nil {
		cl.wait = wait
	}
	if cl.transport, err = cl.newTransport(c); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return cl, nil
}

// Name returns the name of the source.
func (c *Client) Name() string { return c.name }

// Sent returns the number of requests that were sent so far: first tries,
// retries and redirects.
func (c *Client) Sent() int64 { return c.sent.Load() }

// Close closes the connections that are not in use.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func (c *Client) newTransport(cfg Config) (*http.Transport, error) {
	proxy, err := c.proxyFunc(cfg.Proxy)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.InsecureTLS}
	if cfg.CAFile != "" {
		if conf.RootCAs, err = readCAs(cfg.CAFile); err != nil {
			return nil, err
		}
	}
	conns := cmp.Or(cfg.Concurrency, DefaultConcurrency)
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialChecked(cfg.Dial, proxy),
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        conns,
		MaxIdleConnsPerHost:    conns,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}, nil
}

func (c *Client) proxyFunc(value string) (func(*http.Request) (*url.URL, error), error) {
	switch value = strings.TrimSpace(value); strings.ToLower(value) {
	case "none", "direct":
		return nil, nil
	case "":
		f := httpproxy.FromEnvironment().ProxyFunc()
		return func(r *http.Request) (*url.URL, error) { return f(r.URL) }, nil
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil { // its text may hold a password
		return nil, fmt.Errorf("proxy is not a URL: give http://host:port")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, fmt.Errorf("proxy: scheme %q is not supported: allowed are http, https, socks5, socks5h", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("proxy has no host: give http://host:port")
	}
	if u.User != nil {
		if p, ok := u.User.Password(); ok {
			c.hide(p)
		}
	}
	return http.ProxyURL(u), nil
}

func readCAs(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// parseBase checks a base URL and returns it with a path that ends with a
// slash.
func parseBase(s string) (*url.URL, error) {
	const form = "give http://host/ or https://host/"
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, fmt.Errorf("base_url is not set: %s", form)
	}
	u, err := url.Parse(s)
	if err != nil { // its text may hold a password
		return nil, fmt.Errorf("base_url is not a URL: %s", form)
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("base_url holds a user name or password: leave it out, and use api_key")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("base_url %q: the scheme must be http or https: %s", s, form)
	case u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("base_url %q has no host: %s", s, form)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("base_url %q has a query or fragment: %s", s, form)
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("base_url %q: port %q is not a number from 1 to 65535", s, p)
		}
	}
	u = &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path, RawPath: u.RawPath}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
		if u.RawPath != "" {
			u.RawPath += "/"
		}
	}
	return u, nil
}
