package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tclookup/tclookup/source"
)

// Error is the failure of a request: an errors.Is of its Kind.
type Error struct {
	Source string // name of the source
	Kind   error  // one of the kinds of package source
	Host   string // host, and port if any, of the server asked
	Status int    // of the answer, 0 when it has no part in the failure
	Text   string // one line: what happened and what to do; holds no secret
	Sent   bool   // the server may have received the request
	Again  bool   // sending it again may help
	cause  error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %v: %s", e.Source, e.Host, e.Kind, e.what())
}

// what is the error without the names of source, host and kind.
func (e *Error) what() string {
	var b strings.Builder
	if e.Status != 0 {
		fmt.Fprintf(&b, "HTTP %d", e.Status)
		if t := http.StatusText(e.Status); t != "" {
			b.WriteString(" " + t)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Text)
	return b.String()
}

// Unwrap gives the kind, and the fault underneath if there is one.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.cause}
}

// Fault returns the error of an answer that is not what it should be. Text is
// followed by the content type and the beginning of the body.
func (c *Client) Fault(kind error, resp *Response, text string) *Error {
	if ct := clean(resp.Header.Get("Content-Type"), 60); ct != "" {
		text += " (" + ct + ")"
	}
	return c.fault(c.base, kind, resp.Status, said(text, resp))
}

func (c *Client) fault(u *url.URL, kind error, status int, text string) *Error {
	if c.names != nil {
		text = c.names.Replace(text)
	}
	return &Error{Source: c.name, Kind: kind, Host: u.Host, Status: status, Text: c.redact(text)}
}

// wrapped is fault with the fault underneath, but for timeouts of our own and
// of the dialer's: an error that is context.DeadlineExceeded tells callers
// that their time has ended.
func (c *Client) wrapped(u *url.URL, kind error, text string, cause error) *Error {
	e := c.fault(u, kind, 0, text)
	if !errors.Is(cause, context.DeadlineExceeded) && !errors.Is(cause, context.Canceled) {
		e.cause = cause
	}
	return e
}

// hide keeps a secret out of all errors.
func (c *Client) hide(secret string) {
	for _, s := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		if len(s) >= 4 { // a shorter one would blank half of every text
			c.hidden = append(c.hidden, s)
		}
	}
}

func (c *Client) redact(text string) string {
	for _, s := range c.hidden {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

// said adds the beginning of a body to a text, unless it only repeats the
// status.
func said(text string, resp *Response) string {
	if s := Snippet(resp.Body); s != "" && !strings.EqualFold(strings.TrimPrefix(s, strconv.Itoa(resp.Status)+" "), http.StatusText(resp.Status)) {
		return fmt.Sprintf("%s: it says %q", text, s)
	}
	return text
}

// challenged reports whether the answer is a bot check of Cloudflare's.
func challenged(resp *Response) bool {
	if resp.Header.Get("Cf-Mitigated") != "" {
		return true
	}
	body := strings.ToLower(string(resp.Body[:min(len(resp.Body), 16<<10)]))
	if !strings.Contains(body, "cloudflare") && !strings.EqualFold(resp.Header.Get("Server"), "cloudflare") {
		return false
	}
	for _, mark := range []string{
		"just a moment", "checking your browser", "attention required", "challenge-platform",
		"cf-browser-verification", "cf-challenge", "cf_chl_", "please turn javascript on",
	} {
		if strings.Contains(body, mark) {
			return true
		}
	}
	return false
}

const botCheck = "a Cloudflare bot check stands before the server and lets only browsers pass: ask its owner to let this program in"

func serverError(resp *Response) (error, string) {
	if challenged(resp) {
		return source.ErrRefused, botCheck
	}
	if s := resp.Status; s >= 520 && s <= 530 {
		return source.ErrUnavailable, said("Cloudflare cannot reach the server behind it", resp)
	}
	return source.ErrUnavailable, said("the server failed", resp)
}

// refusal says what an answer means that is neither accepted, nor a redirect,
// nor a server's failure.
func refusal(resp *Response, key bool) (error, string) {
	keyHint := "api_key is not set"
	if key {
		keyHint = "check api_key"
	}
	switch s := resp.Status; {
	case s == http.StatusForbidden && challenged(resp):
		return source.ErrRefused, botCheck
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return source.ErrRefused, said("the server refuses access: "+keyHint, resp)
	case s == http.StatusNotFound, s == http.StatusGone, s == http.StatusMethodNotAllowed:
		return source.ErrRefused, said("the server does not know this path: base_url may be wrong", resp)
	case s == http.StatusProxyAuthRequired:
		return source.ErrRefused, said("the proxy wants a login: give it in proxy", resp)
	case s >= 400:
		return source.ErrRefused, said("the server does not take the request", resp)
	}
	return source.ErrMalformed, said("a status that is no answer", resp)
}

// diagnose turns a fault of the network into a kind and a text that says what
// to do, and tells whether asking again may help.
func diagnose(err error, u *url.URL) (kind error, text string, retry bool) {
	if kind, text, ok := diagnoseTLS(err, u); ok {
		return kind, text, kind == source.ErrUnavailable
	}
	where := "base_url"
	var op *net.OpError
	var proxied bool
	if errors.As(err, &op) && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks")) {
		where, proxied = "proxy", true
	}
	prefix := ""
	if proxied {
		prefix = "cannot reach the proxy: "
	}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return source.ErrUnavailable, prefix + fmt.Sprintf("there is no host %s in the DNS: check %s; if only a proxy knows it, set proxy", clean(dns.Name, 200), where), false
	case errors.As(err, &dns):
		return source.ErrUnavailable, prefix + fmt.Sprintf("the DNS gives no address for %s: %s: check this machine's DNS servers", clean(dns.Name, 200), clean(dns.Err, 100)), true
	case errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "refused"):
		return source.ErrUnavailable, prefix + "connection refused: nothing listens there: check host and port of " + where + ", and that the server runs", true
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return source.ErrUnavailable, prefix + "no route to the host: check " + where + " and this machine's network; set proxy if it must use one", true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return source.ErrUnavailable, prefix + "the server closed the connection in the middle: " + clean(err.Error(), 200), true
	case errors.As(err, &timeout) && timeout.Timeout():
		return source.ErrUnavailable, prefix + "no connection in time: " + clean(err.Error(), 200) + ": check " + where + " and the firewall; set proxy if this machine must use one", true
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return source.ErrUnavailable, "the server speaks http, not https: check the scheme and port of base_url", false
	case strings.Contains(err.Error(), "Proxy Authentication Required"):
		return source.ErrRefused, "the proxy wants a login: give it in proxy, as http://name:password@host:port", false
	case strings.Contains(err.Error(), "malformed HTTP"):
		return source.ErrUnavailable, "the server does not speak HTTP: check the scheme and port of base_url", false
	}
	return source.ErrUnavailable, prefix + clean(err.Error(), 200), true
}

// diagnoseTLS does the same for faults of TLS. Of kind ErrUnavailable are
// those that may pass.
func diagnoseTLS(err error, u *url.URL) (error, string, bool) {
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.As(err, &host):
		names := ""
		if host.Certificate != nil {
			names = clean(strings.Join(host.Certificate.DNSNames, ", "), 120)
		}
		if names == "" {
			names = "no name"
		}
		return source.ErrTLS, fmt.Sprintf("the certificate is for %s, not for %s: check the host in base_url", names, u.Hostname()), true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		until := "outside its dates"
		if c := invalid.Cert; c != nil {
			until = fmt.Sprintf("valid only from %s to %s", c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
		}
		return source.ErrTLS, "the certificate has expired or is not valid yet, " + until + ": the server's owner must renew it; check this machine's clock", true
	case errors.As(err, &unknown):
		return source.ErrTLS, "the certificate is signed by an authority unknown here: if that is your own, set ca_file to its certificate", true
	case errors.As(err, &verify):
		return source.ErrTLS, clean(verify.Err.Error(), 200) + ": the server's owner must mend the certificate, or set ca_file", true
	case errors.As(err, &record):
		return source.ErrUnavailable, "the server does not speak TLS there: check the scheme and port of base_url", true
	case errors.As(err, &alert) || strings.Contains(err.Error(), "tls: "):
		return source.ErrUnavailable, "TLS handshake failed: " + clean(err.Error(), 200), true
	}
	return nil, "", false
}
