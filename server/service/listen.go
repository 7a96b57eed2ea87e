package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Listen says where and how a service listens.
type Listen struct {
	Address         string // host:port
	TLSCert, TLSKey string // PEM files
	ClientCA        string // PEM file; certificates of these authorities let clients in
	HasTokens       bool   // there are tokens to get in by
	NoTLS, NoAuth   bool   // the user's word that it may go without
	MaxConns        int    // most connections at a time; 0 means 4,096
}

// Loopback reports whether only programs on this machine reach an address.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Check says why it is not safe to listen so: beyond this machine there must
// be encryption, and clients must show who they are, unless the user says that
// neither is wanted.
func (l *Listen) Check() error {
	if (l.TLSCert == "") != (l.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key belong together")
	}
	if l.ClientCA != "" && l.TLSCert == "" {
		return errors.New("--client-ca needs --tls-cert and --tls-key: certificates of clients are a part of TLS")
	}
	if Loopback(l.Address) {
		return nil
	}
	var errs []error
	if l.TLSCert == "" && !l.NoTLS {
		errs = append(errs, errors.New("without encryption everybody on the way reads what is asked for: give --tls-cert and --tls-key, or --insecure-no-tls behind something that encrypts"))
	}
	if l.ClientCA == "" && !l.HasTokens && !l.NoAuth {
		errs = append(errs, errors.New("anybody who reaches it could ask: make a token with tclookup serve token add, or give --client-ca, or --insecure-no-auth"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("listening on %s goes beyond this machine\n%w", l.Address, errors.Join(errs...))
	}
	return nil
}

// tlsConfig returns the configuration of TLS, nil without.
func (l *Listen) tlsConfig(log *slog.Logger) (*tls.Config, error) {
	if l.TLSCert == "" {
		return nil, nil
	}
	p := &pair{cert: l.TLSCert, key: l.TLSKey, log: log, now: time.Now}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.get, NextProtos: []string{"h2", "http/1.1"}}
	if l.ClientCA != "" {
		pem, err := os.ReadFile(l.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("--client-ca: %w", err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--client-ca %s: holds no certificate in PEM form", l.ClientCA)
		}
		c.ClientAuth = tls.VerifyClientCertIfGiven // or a token; who has neither is refused
	}
	return c, nil
}

// pair is a certificate and its key, read again when the file has changed.
type pair struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu     sync.Mutex
	have   *tls.Certificate
	mod    time.Time // of the certificate's file
	looked time.Time
}

func (p *pair) load() error {
	info, err := os.Stat(p.cert)
	if err != nil {
		return err
	}
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return err
	}
	p.have, p.mod, p.looked = &c, info.ModTime(), p.now()
	return nil
}

// get returns the certificate, at most ten seconds behind the file.
func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now().Sub(p.looked) >= 10*time.Second {
		p.looked = p.now()
		if info, err := os.Stat(p.cert); err == nil && !info.ModTime().Equal(p.mod) {
			if err := p.load(); err != nil { // half of a renewal, it is tried again
				p.log.Warn("the certificate stays as it was", "error", err)
			}
		}
	}
	return p.have, nil
}

// Open listens. The returned URL is how programs on this machine reach it.
func (l *Listen) Open(ctx context.Context, log *slog.Logger) (ln net.Listener, url string, err error) {
	if err := l.Check(); err != nil {
		return nil, "", err
	}
	conf, err := l.tlsConfig(log)
	if err != nil {
		return nil, "", err
	}
	var lc net.ListenConfig
	tcp, err := lc.Listen(ctx, "tcp", l.Address)
	if err != nil {
		return nil, "", err
	}
	// localhost is what the system says it is.
	if Loopback(l.Address) && !Loopback(tcp.Addr().String()) {
		return nil, "", errors.Join(fmt.Errorf("%s is %s, which is not the loopback address", l.Address, tcp.Addr()), tcp.Close())
	}
	most := l.MaxConns
	if most <= 0 {
		most = 4096
	}
	ln = netutil.LimitListener(tcp, most)
	scheme := "http"
	if conf != nil {
		ln, scheme = tls.NewListener(ln, conf), "https"
	}
	return ln, scheme + "://" + reachable(tcp.Addr()), nil
}

// reachable is an address that leads to a listener.
func reachable(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return a.String()
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return net.JoinHostPort(host, fmt.Sprint(ap.Port()))
}

// Serve answers requests until ctx ends; those under way then have grace to
// end, 15 seconds when it is 0.
func (s *Service) Serve(ctx context.Context, ln net.Listener, grace time.Duration) error {
	if grace <= 0 {
		grace = 15 * time.Second
	}
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      s.o.MaxWait + 60*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	var wg sync.WaitGroup
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() { s.Watch(watch) })
	wg.Go(func() { ended <- h.Serve(ln) })
	defer wg.Wait()
	defer stop()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.Draining()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := h.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests that were under way have been cut off")
		err = h.Close()
	}
	return err
}
