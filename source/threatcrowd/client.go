// Package threatcrowd asks any server that speaks ThreatCrowd's API v2, and
// reads its reports.
package threatcrowd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/httpx"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// DefaultName is the name of the source unless the configuration says
// otherwise.
const DefaultName = "threatcrowd"

// DefaultConcurrency is how many requests are open at once. The gate decides
// when they are sent.
const DefaultConcurrency = httpx.DefaultConcurrency

// maxValue is the greatest length of a value that is sent, in bytes.
const maxValue = 2048

// apiPath is where the API lies on a server.
const apiPath = "/searchApi/v2/"

// Config says which server is asked and how. BaseURL and Gate are required;
// the API's page asks for no more than one request in ten seconds, apart from
// short bursts.
type Config struct {
	Name string // DefaultName when empty
	// BaseURL is the server's root, or the address of the API on it, which
	// ends in /searchApi/v2/.
	BaseURL string
	// Types are the kinds that the server is asked for; zero means all five.
	Types indicator.TypeSet
	// Gate gives the ticket that each single request needs.
	Gate limit.Gate
	// Concurrency is the number of requests open at once; 0 means
	// DefaultConcurrency.
	Concurrency int
	Timeout     time.Duration // of one request; 0 means httpx's default, 20 s
	Retries     int           // 0 means 3, less than 0 none
	Proxy       string        // a URL, "none", or empty for the environment's
	CAFile      string        // PEM file of authorities trusted besides the system's
	InsecureTLS bool          // accept any certificate
	UserAgent   string
	APIKey      string // sent as X-Api-Key when set; the service wants none

	// Now, Rand and Wait replace the clock, the jitter and the sleep of
	// retries in tests.
	Now  func() time.Time
	Rand func() float64
	Wait func(done <-chan struct{}, d time.Duration)
}

// Client asks one server. It is a source.Source and safe for concurrent use.
type Client struct {
	http, votes *httpx.Client
	name        string
	types       indicator.TypeSet
	concurrency int
}

var _ source.Source = (*Client)(nil)

// New returns a client. It sends nothing.
func New(c Config) (*Client, error) {
	if c.Name == "" {
		c.Name = DefaultName
	}
	if c.Types == 0 {
		c.Types = indicator.AllTypes
	}
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	base, err := apiURL(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	var secret http.Header
	if c.APIKey != "" {
		secret = http.Header{"X-Api-Key": {c.APIKey}}
	}
	conf := httpx.Config{
		Name: c.Name, BaseURL: base, Gate: c.Gate, Timeout: c.Timeout, Retries: c.Retries,
		Concurrency: c.Concurrency, Proxy: c.Proxy, CAFile: c.CAFile, InsecureTLS: c.InsecureTLS,
		UserAgent: c.UserAgent, Secret: secret, Now: c.Now, Rand: c.Rand, Wait: c.Wait,
	}
	h, err := httpx.New(conf)
	if err != nil {
		return nil, err
	}
	votes, err := voter(conf)
	if err != nil {
		return nil, err
	}
	return &Client{http: h, votes: votes, name: c.Name, types: c.Types, concurrency: c.Concurrency}, nil
}

// apiURL returns the address of the API on the server of a base URL. What is
// no URL is left for httpx to refuse.
func apiURL(base string) (string, error) {
	base = strings.TrimSpace(base)
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return base, nil
	}
	switch path := strings.TrimRight(base, "/") + "/"; {
	case strings.HasSuffix(path, apiPath):
		return path, nil
	case strings.HasSuffix(path, "/searchApi/"):
		return path + "v2/", nil
	case strings.Contains(path, "/searchApi/"):
		return "", fmt.Errorf("base_url %q: give the server's root, or the address that ends in %s", u.Redacted(), apiPath)
	default:
		return path + apiPath[1:], nil
	}
}

// Name returns the name of the source.
func (c *Client) Name() string { return c.name }

// Types returns the kinds that the server is asked for.
func (c *Client) Types() indicator.TypeSet { return c.types }

// Requests returns the number of requests sent so far.
func (c *Client) Requests() int64 { return c.http.Sent() + c.votes.Sent() }

// Close closes the connections that are not in use.
func (c *Client) Close() {
	c.http.Close()
	c.votes.Close()
}

// Decode reads a report as the server sent it. It is the function Decode.
func (c *Client) Decode(ind indicator.Indicator, raw []byte) (*source.Report, error) {
	return Decode(ind, raw)
}

// endpoints are the path and the parameter of each kind.
var endpoints = [...]struct{ path, param string }{
	indicator.Domain:    {"domain/report/", "domain"},
	indicator.IP:        {"ip/report/", "ip"},
	indicator.Email:     {"email/report/", "email"},
	indicator.Hash:      {"file/report/", "resource"},
	indicator.Antivirus: {"antivirus/report/", "antivirus"},
}

// ask asks for one indicator. asked is when the answering request was sent.
func (c *Client) ask(ctx context.Context, ind indicator.Indicator) (r *source.Report, raw []byte, asked time.Time, err error) {
	if int(ind.Type) >= len(endpoints) || ind.Type == indicator.None {
		return nil, nil, asked, fmt.Errorf("%s: the API has no report of type %q", c.name, ind.Type)
	}
	if n := len(ind.Value); n == 0 || n > maxValue {
		return nil, nil, asked, fmt.Errorf("%s: a value of %d bytes is not sent: allowed are 1 to %d", c.name, n, maxValue)
	}
	e := endpoints[ind.Type]
	_, err = c.http.Do(ctx, httpx.Request{
		Path: e.path,
		// The page of the API writes an e-mail address with its @ as it is.
		Query: e.param + "=" + httpx.Escape(ind.Value, "@"),
		Check: func(resp *httpx.Response) error {
			raw, asked = resp.Body, resp.Asked
			var err error
			r, err = Decode(ind, resp.Body)
			switch {
			case errors.Is(err, source.ErrUnavailable):
				return c.http.Fault(source.ErrUnavailable, resp, "the server's database is overloaded")
			case errors.Is(err, source.ErrMalformed):
				return c.http.Fault(source.ErrMalformed, resp, malformedText(err)+": check that base_url leads to a ThreatCrowd API")
			}
			return err
		},
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil, asked, ErrNotFound
	case err != nil:
		return nil, nil, asked, err
	}
	return r, raw, asked, nil
}

func malformedText(err error) string {
	return strings.TrimPrefix(err.Error(), source.ErrMalformed.Error()+": ")
}

// DomainReport asks for a domain. It returns the report and its bytes as the
// server sent them, or ErrNotFound.
func (c *Client) DomainReport(ctx context.Context, domain string) (*source.Report, []byte, error) {
	return c.one(ctx, indicator.Domain, domain)
}

// IPReport asks for an IPv4 or IPv6 address. Results as DomainReport.
func (c *Client) IPReport(ctx context.Context, ip string) (*source.Report, []byte, error) {
	return c.one(ctx, indicator.IP, ip)
}

// EmailReport asks for an e-mail address. Results as DomainReport.
func (c *Client) EmailReport(ctx context.Context, email string) (*source.Report, []byte, error) {
	return c.one(ctx, indicator.Email, email)
}

// FileReport asks for a file by its hash; MD5 works with every server.
// Results as DomainReport.
func (c *Client) FileReport(ctx context.Context, hash string) (*source.Report, []byte, error) {
	return c.one(ctx, indicator.Hash, hash)
}

// AntivirusReport asks for the files an antivirus product gives a name to.
// Results as DomainReport.
func (c *Client) AntivirusReport(ctx context.Context, name string) (*source.Report, []byte, error) {
	return c.one(ctx, indicator.Antivirus, name)
}

func (c *Client) one(ctx context.Context, t indicator.Type, value string) (*source.Report, []byte, error) {
	value = strings.TrimSpace(value)
	if t != indicator.Antivirus {
		value = strings.ToLower(value)
	}
	r, raw, _, err := c.ask(ctx, indicator.Indicator{Type: t, Value: value})
	return r, raw, err
}
