package httpx

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// countedConn counts the writes begun on a connection, so that a request that
// failed before its first byte left is known never to have been sent.
type countedConn struct {
	net.Conn
	writes atomic.Uint64
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

var dialer = net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}

func dialCounted(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: c}, nil
}

// dialChecked returns a dial function that asks check about each address.
func dialChecked(check func(string) error, proxy func(*http.Request) (*url.URL, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if check == nil {
		return dialCounted
	}
	d := dialer
	d.Control = func(_, address string, _ syscall.RawConn) error { return check(address) }
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if proxied(proxy, addr) {
			return dialCounted(ctx, network, addr)
		}
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: c}, nil
	}
}

// proxied reports whether addr is the proxy's, for either scheme.
func proxied(proxy func(*http.Request) (*url.URL, error), addr string) bool {
	if proxy == nil {
		return false
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	// Of a server that is reached directly there is no proxy.
	for _, scheme := range [...]string{"https", "http"} {
		u, err := proxy(&http.Request{URL: &url.URL{Scheme: scheme, Host: "proxied.invalid"}})
		if err == nil && u != nil && u.Hostname() == host {
			return true
		}
	}
	return false
}

// counted returns the counted connection under c, nil when requests share it
// (HTTP/2), so that its writes tell nothing about one of them.
func counted(c net.Conn) *countedConn {
	for {
		switch t := c.(type) {
		case *countedConn:
			return t
		case *tls.Conn:
			if t.ConnectionState().NegotiatedProtocol == "h2" {
				return nil
			}
			c = t.NetConn()
		default:
			return nil
		}
	}
}

// watch follows one request. Its hooks may run after the request has ended.
type watch struct {
	now func() time.Time

	mu     sync.Mutex
	got    bool // has a connection
	reused bool
	conn   *countedConn
	writes uint64 // of conn, before the request
	wrote  time.Time
	first  time.Time // first byte of the answer
}

func (w *watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.got, w.reused, w.conn = true, i.Reused, counted(i.Conn)
			if w.conn != nil {
				w.writes = w.conn.writes.Load()
			}
		},
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if i.Err == nil {
				w.wrote = w.now()
			}
		},
		GotFirstResponseByte: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.first = w.now()
		},
	}
}

// seen returns the latest moment at which the server can have received the
// request, zero when it was never sent. It is called when the request has
// ended, at end. A server that answers received the request before the first
// byte of its answer, and, as the network does not keep a packet for long
// when there is an answer at all, soon after it was written. Without an
// answer nothing is known but that the connection has been given up.
func (w *watch) seen(end time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.first.IsZero():
		if !w.wrote.IsZero() && w.wrote.Add(time.Second).Before(w.first) {
			return w.wrote.Add(time.Second)
		}
		return w.first
	case !w.got, w.conn != nil && w.conn.writes.Load() == w.writes:
		return time.Time{}
	}
	return end
}

// idleClosed reports whether the request failed on a connection that had
// served others before any byte of an answer came: what happens when the
// server closes an idle connection at the moment it is used again.
func (w *watch) idleClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got && w.reused && w.first.IsZero()
}
