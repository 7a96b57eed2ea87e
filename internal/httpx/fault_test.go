package httpx

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// certificate makes a self-signed certificate for a name.
func certificate(t *testing.T, name string, from, to time.Time) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestTLS(t *testing.T) {
	now := time.Now()
	const day = 24 * time.Hour
	tests := []struct {
		name, cert string
		to         time.Time
		change     func(c *Config, ca string)
		text       string // in the error; empty for success
	}{
		{"unknown authority", "127.0.0.1", now.Add(day), func(*Config, string) {}, "set ca_file"},
		{"own authority", "127.0.0.1", now.Add(day), func(c *Config, ca string) { c.CAFile = ca }, ""},
		{"another host", "other.example", now.Add(day), func(c *Config, ca string) { c.CAFile = ca }, "is for other.example, not for 127.0.0.1"},
		{"expired", "127.0.0.1", now.Add(-day), func(c *Config, ca string) { c.CAFile = ca }, "expired"},
		{"insecure", "other.example", now.Add(-day), func(c *Config, ca string) { c.InsecureTLS = true }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert, ca := certificate(t, tt.cert, now.Add(-10*day), tt.to)
			var proto string
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				proto = r.Proto
				io.WriteString(w, "fine")
			}))
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			srv.EnableHTTP2 = true
			srv.Config.ErrorLog = discard()
			srv.StartTLS()
			defer srv.Close()
			gate := newGate()
			c, s := client(t, srv.URL, gate, func(c *Config) { tt.change(c, ca) })
			resp, err := c.Do(context.Background(), Request{})
			if tt.text == "" {
				if err != nil || string(resp.Body) != "fine" || proto != "HTTP/2.0" {
					t.Errorf("%v, over %s", err, proto)
				}
				gate.check(t, limit.Healthy)
				return
			}
			if !errors.Is(err, source.ErrTLS) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v does not say %q", err, tt.text)
			}
			gate.check(t, limit.Failing)
			if len(s.waits) != 0 || !gate.outcomes[0].Seen.IsZero() {
				// The handshake is not a request.
				t.Errorf("waits %v, outcome %+v", s.waits, gate.outcomes[0])
			}
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	gate := newGate()
	c, s := client(t, "http://"+addr, gate, func(c *Config) { c.Retries = 1 })
	_, err = c.Do(context.Background(), Request{})
	if !errors.Is(err, source.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), addr) {
		t.Errorf("error %v", err)
	}
	gate.check(t, limit.Failing, limit.Failing)
	for _, o := range gate.outcomes {
		if !o.Seen.IsZero() {
			t.Error("a request without a connection counts as sent")
		}
	}
	if len(s.waits) != 1 || c.Sent() != 0 {
		t.Errorf("waits %v, sent %d", s.waits, c.Sent())
	}
}

func TestDiagnose(t *testing.T) {
	c, _ := client(t, "https://intel.example/", newGate(), nil)
	tests := []struct {
		err   error
		kind  error
		retry bool
		text  string
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "intel.example", Err: "no such host", IsNotFound: true}},
			source.ErrUnavailable, false, "no host intel.example in the DNS"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "intel.example", Err: "server misbehaving", IsTemporary: true}},
			source.ErrUnavailable, true, "server misbehaving"},
		{&net.OpError{Op: "proxyconnect", Err: &net.DNSError{Name: "proxy.example", IsNotFound: true}},
			source.ErrUnavailable, false, "cannot reach the proxy: there is no host proxy.example"},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, source.ErrUnavailable, true, "does not speak TLS"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(40)}, source.ErrUnavailable, true, "handshake failed"},
		{errors.New("something\nnew"), source.ErrUnavailable, true, "something new"},
	}
	for _, tt := range tests {
		kind, text, retry := diagnose(tt.err, c.base)
		if kind != tt.kind || retry != tt.retry || !strings.Contains(text, tt.text) {
			t.Errorf("%v: %v, %q, retry %v", tt.err, kind, text, retry)
		}
	}
}

// TestEnd: the end of the time, an interruption and a slow server are told
// apart.
func TestEnd(t *testing.T) {
	arrived := make(chan struct{}, 8)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer srv.Close()
	t.Run("deadline", func(t *testing.T) {
		gate := newGate()
		c, _ := client(t, srv.URL, gate, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, err := c.Do(ctx, Request{})
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		gate.check(t, limit.Neutral)
	})
	t.Run("deadline after long", func(t *testing.T) {
		gate := newGate()
		var n atomic.Int64 // a clock that goes a minute further each time
		c, _ := client(t, srv.URL, gate, func(c *Config) {
			c.Now = func() time.Time { return time.Now().Add(time.Duration(n.Add(1)) * time.Minute) }
		})
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if _, err := c.Do(ctx, Request{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		gate.check(t, limit.Failing)
	})
	t.Run("interrupted", func(t *testing.T) {
		gate := newGate()
		c, _ := client(t, srv.URL, gate, nil)
		for len(arrived) > 0 {
			<-arrived
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-arrived
			cancel()
		}()
		_, err := c.Do(ctx, Request{})
		if !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		gate.check(t, limit.Neutral)
		if gate.outcomes[0].Seen.IsZero() {
			t.Error("the server has the request, but it counts as never seen")
		}
	})
	t.Run("slow server", func(t *testing.T) {
		gate := newGate()
		c, _ := client(t, srv.URL, gate, func(c *Config) { c.Timeout, c.Retries = 30*time.Millisecond, 1 })
		_, err := c.Do(context.Background(), Request{})
		if !errors.Is(err, source.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 30ms") {
			t.Errorf("error %v", err)
		}
		gate.check(t, limit.Failing, limit.Failing)
	})
	t.Run("no time for a retry", func(t *testing.T) {
		bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(503)
		}))
		defer bad.Close()
		gate := newGate()
		c, s := client(t, bad.URL, gate, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := c.Do(ctx, Request{})
		if !errors.Is(err, source.ErrUnavailable) || len(s.waits) != 0 {
			t.Errorf("error %v, waits %v", err, s.waits)
		}
		gate.check(t, limit.Failing)
		if o := gate.outcomes[0]; o.Until.Sub(o.Seen) < 59*time.Second {
			t.Errorf("Retry-After did not reach the gate: %+v", o)
		}
	})
}

// TestDenied: without a ticket nothing is sent.
func TestDenied(t *testing.T) {
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		w.WriteHeader(503)
	}))
	defer srv.Close()
	for left := range 3 {
		n = 0
		deny := &limit.Denied{Reason: limit.Daily}
		gate := &fakeGate{left: left, deny: deny}
		c, _ := client(t, srv.URL, gate, nil)
		_, err := c.Do(context.Background(), Request{})
		var d *limit.Denied
		if !errors.As(err, &d) || d != deny || n != left || errors.Is(err, source.ErrUnavailable) {
			t.Errorf("%d tickets: %v after %d requests", left, err, n)
		}
		if left > 0 && !strings.Contains(err.Error(), "503") {
			t.Errorf("error %v does not say what came before", err)
		}
	}
}

// TestIdleClosed: a connection closed by the server while it was idle costs a
// request no wait and its source no good name, and net/http does not repeat
// the request behind the gate's back.
func TestIdleClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var requests atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				// Answers one request, and reads a second without an answer.
				r := bufio.NewReader(conn)
				for i := range 2 {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					requests.Add(1)
					if i == 0 {
						io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					}
				}
			}()
		}
	}()
	gate := newGate()
	c, s := client(t, "http://"+l.Addr().String(), gate, nil)
	for range 2 {
		if _, err := c.Do(context.Background(), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	gate.check(t, limit.Healthy, limit.Neutral, limit.Healthy)
	if requests.Load() != 3 || c.Sent() != 3 || len(s.waits) != 0 {
		t.Errorf("%d requests, %d counted, waits %v", requests.Load(), c.Sent(), s.waits)
	}
}

// TestSeen: the moment given to the gate lies between sending and answer.
func TestSeen(t *testing.T) {
	t0 := time.Now()
	at := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	conn := new(countedConn)
	conn.writes.Store(3)
	tests := []struct {
		name string
		w    *watch
		want time.Time
	}{
		{"answered at once", &watch{got: true, conn: conn, wrote: at(1), first: at(1.2)}, at(1.2)},
		{"answered late", &watch{got: true, conn: conn, wrote: at(1), first: at(7)}, at(2)},
		{"answered before it was read whole", &watch{got: true, conn: conn, first: at(1)}, at(1)},
		{"no answer", &watch{got: true, conn: conn, writes: 2, wrote: at(1)}, at(9)},
		{"shared connection", &watch{got: true}, at(9)},
		{"nothing written", &watch{got: true, conn: conn, writes: 3}, time.Time{}},
		{"no connection", &watch{}, time.Time{}},
	}
	for _, tt := range tests {
		if got := tt.w.seen(at(9)); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got.Sub(t0), tt.want.Sub(t0))
		}
	}
}
