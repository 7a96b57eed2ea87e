package feed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/tclookup/tclookup/internal/httpx"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source/local"
)

// Pull is a feed to be downloaded.
type Pull struct {
	Feed string // its name
	URL  string
	// Options say how it is read.
	Options Options
	// Interval is the least time between two downloads; 0 means none.
	Interval time.Duration
	// Header and Secret are a header field that the server asks for, such as
	// Auth-Key, and its value, which appears in no error.
	Header, Secret string
	// Proxy, CAFile, Timeout and UserAgent are those of httpx.Config.
	Proxy, CAFile, UserAgent string
	Timeout                  time.Duration
	// MaxBytes is the most that is downloaded.
	MaxBytes int64
	// AllowPrivate lets the server be at an address that is not public.
	AllowPrivate bool
	// Force downloads before the interval is over, and what is unchanged.
	Force bool
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// Pulled is what came of one.
type Pulled struct {
	Generation local.Generation
	Counts     Counts
	// Unchanged: the server said so, or sent what is there already.
	Unchanged bool
	// Next is set when it was not yet time: when it will be.
	Next time.Time
}

// errPrivate: a feed's server is not on the Internet.
var errPrivate = errors.New("the address is not public: set allow_private = true if the feed is meant to come from the own network")

// Due returns when the feed is to be asked for next; the zero time means now.
func (p *Pull) Due(ctx context.Context, s *local.Store) (time.Time, error) {
	_, next, err := p.last(ctx, s)
	return next, err
}

// last returns what is known of the last download from the feed's address, and
// when the next one is due; zero is now.
func (p *Pull) last(ctx context.Context, s *local.Store) (last local.PullState, next time.Time, err error) {
	last, err = s.Pulled(ctx, p.Feed)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return last, next, err
	}
	if at := mark(p.URL); last.URL != at {
		last = local.PullState{Feed: p.Feed, URL: at}
	}
	if at := last.Checked.Add(p.Interval); !p.Force && p.now().Before(at) && !last.Checked.IsZero() && last.Note == "" {
		next = at
	}
	return last, next, nil
}

func (p *Pull) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// Run downloads a feed, if it is time and it has changed, and imports it.
func (p *Pull) Run(ctx context.Context, s *local.Store) (out Pulled, err error) {
	last, next, err := p.last(ctx, s)
	if err != nil || !next.IsZero() {
		out.Next = next
		return out, err
	}
	state := last
	state.Checked, state.Note = p.now(), ""
	resp, err := p.download(ctx, last)
	if err == nil && resp.Status == http.StatusNotModified {
		out.Unchanged = true
	} else if err == nil {
		o := p.Options
		out.Generation, out.Counts, err = Import(ctx, s, local.Meta{Feed: p.Feed, Source: shown(p.URL)}, o, Input{shown(p.URL), func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(resp.Body)), nil
		}})
		if errors.Is(err, local.ErrUnchanged) {
			out.Unchanged, err = true, nil
		}
		state.ETag, state.Modified = "", ""
		if err == nil {
			state.ETag, state.Modified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
		}
	}
	if err != nil {
		state.Note = err.Error()
	}
	if ctx.Err() != nil {
		return out, err
	}
	return out, errors.Join(err, s.SetPulled(ctx, state))
}

// download asks for the feed; with what the server said of the last one, so
// that it need not send it again.
func (p *Pull) download(ctx context.Context, last local.PullState) (*httpx.Response, error) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("feed %s: url: not the address of a file", p.Feed)
	}
	base := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	c := httpx.Config{
		Name: "feed " + p.Feed, BaseURL: base.String(), Gate: limit.NewLocal(limit.Policy{}),
		Timeout: p.Timeout, MaxBody: p.MaxBytes, Proxy: p.Proxy, CAFile: p.CAFile, UserAgent: p.UserAgent,
	}
	if p.Secret != "" {
		c.Secret = http.Header{http.CanonicalHeaderKey(p.Header): {p.Secret}}
	}
	if !p.AllowPrivate {
		c.Dial = public
	}
	client, err := httpx.New(c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	r := httpx.Request{Path: strings.TrimPrefix(u.EscapedPath(), "/"), Query: u.RawQuery, Header: http.Header{"Accept": {"*/*"}}, Accept: []int{http.StatusNotModified}}
	if !p.Force {
		if last.ETag != "" {
			r.Header.Set("If-None-Match", last.ETag)
		}
		if last.Modified != "" {
			r.Header.Set("If-Modified-Since", last.Modified)
		}
	}
	return client.Do(ctx, r)
}

// shown is an address without what may be a key in its query.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "url"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// mark tells an address from others without holding what may be a key in it.
func mark(address string) string {
	sum := sha256.Sum256([]byte(address))
	return shown(address) + " " + hex.EncodeToString(sum[:8])
}

// public refuses addresses that are not on the Internet. It is asked about the
// address of each connection, so that no name can be made to point elsewhere
// meanwhile.
func public(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	if ip = ip.Unmap(); !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) {
		return fmt.Errorf("%s: %w", ip, errPrivate)
	}
	return nil
}

// shared is the address space between providers and their customers, RFC 6598.
var shared = netip.MustParsePrefix("100.64.0.0/10")
