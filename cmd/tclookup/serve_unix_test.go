//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/accept"
	"github.com/tclookup/tclookup/source/local/localtest"
)

// daemon is a running `tclookup serve`.
type daemon struct {
	t   testing.TB
	p   *accept.Program
	cmd *exec.Cmd
	url string
	log *bytes.Buffer
	end chan struct{} // closed when its stderr has ended
}

// startService starts the service and waits until it says where it listens.
func startService(t testing.TB, p *accept.Program, args ...string) *daemon {
	t.Helper()
	s := &daemon{t: t, p: p, log: &bytes.Buffer{}, end: make(chan struct{})}
	s.cmd = p.Command(context.Background(), append([]string{"--log-format", "json", "serve", "--listen", "127.0.0.1:0"}, args...)...)
	pipe, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		defer close(s.end)
		defer close(found)
		for sc := bufio.NewScanner(pipe); sc.Scan(); {
			s.log.Write(append(sc.Bytes(), '\n'))
			var line struct{ URL string }
			if json.Unmarshal(sc.Bytes(), &line) == nil && line.URL != "" {
				found <- line.URL
			}
		}
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		s.wait()
	})
	var ok bool
	if s.url, ok = <-found; !ok {
		t.Fatalf("it did not listen: %s", s.log)
	}
	return s
}

// wait waits for its end and returns the exit code, -1 after a signal.
func (s *daemon) wait() int {
	<-s.end
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

// get asks for a path and returns status and body.
func (s *daemon) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (s *daemon) vote(token, vote, value string) (int, error) {
	req, err := http.NewRequest(http.MethodPost, s.url+"/vote.php", strings.NewReader(url.Values{"vote": {vote}, "value": {value}}.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode, err
}

func newToken(t testing.TB, p *accept.Program, name, scope string) string {
	t.Helper()
	o := p.Run(t, nil, "serve", "token", "add", name, "--scope", scope)
	if o.Code != 0 {
		t.Fatal(o.Stderr)
	}
	return strings.TrimSpace(o.Stdout)
}

const domainReport = "/searchApi/v2/domain/report/?domain="

// TestServeVotesSurviveKill: votes that were answered are there after a kill,
// each voter's last one counts, and so says the feed.
func TestServeVotesSurviveKill(t *testing.T) { bothStores(t, votesSurviveKill) }

// bothStores runs a test over SQLite and PostgreSQL.
func bothStores(t *testing.T, f func(t *testing.T, p *accept.Program)) {
	t.Run("sqlite", func(t *testing.T) { f(t, program(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, program(t, "TCLOOKUP_SOURCE_LOCAL_DATABASE="+localtest.Postgres(t))) })
}

func votesSurviveKill(t *testing.T, p *accept.Program) {
	tokens := []string{newToken(t, p, "a", "vote"), newToken(t, p, "b", "vote"), newToken(t, p, "c", "vote")}
	s := startService(t, p)
	var mu sync.Mutex
	kept := map[string]map[int]string{} // of each value the last vote of each voter that was answered
	var wg sync.WaitGroup
	votes := 0
	enough := make(chan struct{})
	for i, tok := range tokens {
		wg.Go(func() {
			for n := 0; ; n++ {
				value, vote := fmt.Sprintf("d%d.com", n%20), []string{"0", "1", "0"}[(n+i)%3]
				code, err := s.vote(tok, vote, value)
				if err != nil {
					return
				}
				if code != http.StatusOK {
					t.Errorf("status %d", code)
					return
				}
				mu.Lock()
				if kept[value] == nil {
					kept[value] = map[int]string{}
				}
				kept[value][i] = vote
				if votes++; votes == 100 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	// Votes are still coming in.
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	s.wait()

	s = startService(t, p)
	// Each voter has at most one vote under way when the kill comes: their
	// next ones. All other votes are as they were answered; a vote in doubt may
	// have moved a sum by two.
	_, feed := s.get("/feeds/domains.txt")
	malicious := strings.Fields(feed)
	wrong := 0
	for value, by := range kept {
		sum := 0
		for _, v := range by {
			sum += map[string]int{"0": -1, "1": 1}[v]
		}
		want := fmt.Sprintf(`"votes":%d,`, map[bool]int{sum < 0: -1, sum > 0: 1}[true])
		if sum == 0 {
			want = `"votes":0,`
		}
		_, report := s.get(domainReport + value)
		if !strings.Contains(report, `"response_code":"1"`) {
			t.Errorf("the votes about %s are lost", value)
		}
		if !strings.Contains(report, want) {
			wrong++
		}
		if in := slices.Contains(malicious, value); in != strings.Contains(report, `"votes":-1,`) {
			t.Errorf("%s: in the feed %t, report %s", value, in, report)
		}
	}
	if wrong > len(tokens) {
		t.Errorf("the votes about %d values are other than answered; at most %d were under way", wrong, len(tokens))
	}
	if !slices.IsSorted(malicious) || len(malicious) == 0 {
		t.Errorf("feed %q", malicious)
	}
}

// TestServeBroker: many clients, each a process of its own with a cache of its
// own, ask one service: what is behind is asked once for each indicator, and
// for nothing private.
func TestServeBroker(t *testing.T) {
	up := accept.NewServer(t, nil)
	s := startService(t, asking(t, up))
	rows, distinct, clients := 2000, 100, 6
	if testing.Short() {
		rows, distinct, clients = 500, 30, 3
	}
	in, want := crowd(rows, distinct)
	outcomes := make([]*accept.Outcome, clients)
	var all sync.WaitGroup
	for i := range clients {
		p := program(t, "TCLOOKUP_SOURCE_THREATCROWD_BASE_URL="+s.url, "TCLOOKUP_SOURCE_THREATCROWD_RATE=unlimited", "TCLOOKUP_MAX_WAIT=0")
		all.Go(func() { outcomes[i] = p.Run(t, strings.NewReader(in), "enrich", "--field", "d") })
	}
	all.Wait()
	for _, o := range outcomes {
		checkCrowd(t, o, rows, "found")
	}
	counts := up.Counts()
	for _, k := range want {
		if counts[k] != 1 {
			t.Errorf("%s was asked for %d times", k, counts[k])
		}
		delete(counts, k)
	}
	for k := range counts {
		t.Errorf("%s was asked for", k)
	}
}

// TestServeBudget: one budget for all. What must wait for it is answered as
// queued, which clients do not take for "not found" and which keeps them from
// nothing else; the background fetches it.
func TestServeBudget(t *testing.T) {
	up := accept.NewServer(t, nil)
	p := asking(t, up, "TCLOOKUP_SOURCE_THREATCROWD_RATE=1/h", "TCLOOKUP_SOURCE_THREATCROWD_BURST=3", "TCLOOKUP_SERVER_REQUEST_WAIT=100ms")
	s := startService(t, p)
	var in strings.Builder
	in.WriteString("d\n")
	for i := range 20 {
		fmt.Fprintf(&in, "d%d.com\n", i)
	}
	client := program(t, "TCLOOKUP_SOURCE_THREATCROWD_BASE_URL="+s.url, "TCLOOKUP_SOURCE_THREATCROWD_RATE=unlimited")
	for run := range 2 {
		o := client.Run(t, strings.NewReader(in.String()), "enrich", "--field", "d", "--output", "summary,error")
		got := map[string]int{}
		for _, st := range column(t, o.Stdout, "tc_status") {
			got[st]++
		}
		if o.Code != 0 || got["found"] != 3 || got["queued"]+got["skipped"] != 17 {
			t.Errorf("run %d: %v, stderr %s", run, got, o.Stderr)
		}
	}
	if n := len(up.Questions()); n != 3 {
		t.Errorf("%d requests went out, the budget is 3", n)
	}
	if code, body := s.get(domainReport + "new.com"); code != http.StatusTooManyRequests || !strings.HasPrefix(body, "queued: ") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := s.get("/metrics"); code != 200 || !strings.Contains(body, "tclookup_upstream_requests_total 3\n") || !strings.Contains(body, `tclookup_upstream_available{source="threatcrowd"} 0`) {
		t.Errorf("%d %s", code, body)
	}
	// With more budget the queue is worked off without anybody asking.
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, s.log)
	}
	p.Env = append(p.Env, "TCLOOKUP_SOURCE_THREATCROWD_RATE=unlimited")
	startService(t, p)
	for deadline := time.Now().Add(30 * time.Second); len(up.Questions()) < 21; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests went out, want 21", len(up.Questions()))
		}
	}
}

// TestServeImports: the service sees what another process writes into the
// database while it runs. Another process is a second service here, whose
// votes the first one shows.
func TestServeImports(t *testing.T) { bothStores(t, serveImports) }

func serveImports(t *testing.T, p *accept.Program) {
	tok := newToken(t, p, "a", "vote")
	a, b := startService(t, p), startService(t, p)
	if _, body := a.get(domainReport + "bad.com"); body != `{"response_code":"0"}` {
		t.Fatal(body)
	}
	if code, err := b.vote(tok, "malicious", "bad.com"); code != 200 || err != nil {
		t.Fatal(code, err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, body := a.get(domainReport + "bad.com"); strings.Contains(body, `"votes":-1`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the vote is not seen")
		}
	}
	// The same for an import.
	if o := p.Run(t, strings.NewReader("listed.com\n"), "feed", "import", "--format", "list", "--name", "own", "-"); o.Code != 0 {
		t.Fatal(o.Stderr)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, feed := a.get("/feeds/domains.txt"); feed == "bad.com\nlisted.com\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the import is not seen")
		}
	}
}

// TestServeEnds: a request under way is answered after the signal, new ones
// are not taken.
func TestServeEnds(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	up := accept.NewServer(t, func(w http.ResponseWriter, q *accept.Question) {
		close(asked)
		<-answer
		accept.Answer(w, q)
	})
	s := startService(t, asking(t, up))
	got := make(chan string, 1)
	go func() {
		code, body := s.get(domainReport + "slow.com")
		got <- fmt.Sprint(code, body)
	}()
	<-asked
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for { // until it does not listen any more
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(5 * time.Millisecond)
	}
	close(answer)
	if g := <-got; !strings.HasPrefix(g, `200{"response_code":"1"`) {
		t.Errorf("answered %s", g)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, s.log)
	}
}

// authority makes certificates for tests.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes name.pem and name.key.
func (a *authority) issue(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(a.path(file), pem.EncodeToMemory(b), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) path(file string) string { return filepath.Join(a.dir, file) }

// client is an HTTP client that trusts the authority and shows a certificate.
func (a *authority) client(name string) *http.Client {
	a.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	c := &tls.Config{RootCAs: pool}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path(name+".key"))
		if err != nil {
			a.t.Fatal(err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	a.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// TestServeTLS: with encryption, tokens and certificates of clients.
func TestServeTLS(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	a.issue("ann", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	other := newAuthority(t)
	other.issue("eve", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	p := program(t)
	tok := newToken(t, p, "splunk", "read")
	s := startService(t, p, "--tls-cert", a.path("server.pem"), "--tls-key", a.path("server.key"), "--client-ca", a.path("ca.pem"), "--auth-on-loopback")
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatal(s.url)
	}
	do := func(c *http.Client, method, path, body, token string) (int, string, string) {
		t.Helper()
		req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("X-Api-Key", token)
		}
		resp, err := c.Do(req)
		if err != nil {
			return 0, err.Error(), ""
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b), resp.Proto
	}
	if code, body, proto := do(a.client(""), "GET", domainReport+"x.com", "", tok); code != 200 || proto != "HTTP/2.0" {
		t.Errorf("with a token: %d %s %s", code, proto, body)
	}
	if code, _, _ := do(a.client(""), "GET", domainReport+"x.com", "", ""); code != 401 {
		t.Errorf("with nothing: %d", code)
	}
	if code, body, _ := do(a.client("ann"), "POST", "/vote.php?vote=0&value=bad.com", "", ""); code != 200 || !strings.Contains(body, "cert:ann") {
		t.Errorf("with a certificate: %d %s", code, body)
	}
	eve := a.client("")
	pair, err := tls.LoadX509KeyPair(other.path("eve.pem"), other.path("eve.key"))
	if err != nil {
		t.Fatal(err)
	}
	eve.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	if code, body, _ := do(eve, "GET", domainReport+"x.com", "", tok); code != 0 {
		t.Errorf("with a certificate of somebody else: %d %s", code, body)
	}
	if resp, err := http.Get(strings.Replace(s.url, "https", "http", 1) + "/healthz"); err == nil {
		if resp.Body.Close(); resp.StatusCode != 400 {
			t.Errorf("without encryption: %d", resp.StatusCode)
		}
	}
	// tclookup itself, with its key and the authority.
	client := program(t, "TCLOOKUP_SOURCE_THREATCROWD_BASE_URL="+s.url, "TCLOOKUP_SOURCE_THREATCROWD_CA_FILE="+a.path("ca.pem"), "TCLOOKUP_SOURCE_THREATCROWD_API_KEY="+tok)
	if o := client.Run(t, nil, "report", "bad.com"); o.Code != 0 || !strings.Contains(o.Stdout, "malicious (votes -1)") {
		t.Errorf("%d %s %s", o.Code, o.Stdout, o.Stderr)
	}
	if o := client.Run(t, nil, "vote", "bad.com", "harmless"); o.Code != 1 || !strings.Contains(o.Stderr, "token that may vote") && !strings.Contains(o.Stderr, "POST") {
		t.Errorf("a token that may only read voted: %d %s %s", o.Code, o.Stdout, o.Stderr)
	}
	// A token that is taken away ends.
	if o := p.Run(t, nil, "serve", "token", "remove", "splunk"); o.Code != 0 {
		t.Fatal(o.Stderr)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if code, _, _ := do(a.client(""), "GET", domainReport+"x.com", "", tok); code == 401 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a removed token counts")
		}
	}
}

// TestServePages: a permalink leads to a page of the service, where a person
// with a token votes by its form.
func TestServePages(t *testing.T) {
	up := accept.NewServer(t, nil)
	p := asking(t, up)
	tok := newToken(t, p, "ann", "vote")
	s := startService(t, p)
	_, report := s.get(domainReport + "bad.com")
	var r struct{ Permalink string }
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		t.Fatal(err)
	}
	page := func(method, address string, form url.Values, site string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("ann", tok)
		req.Header.Set("Sec-Fetch-Site", site)
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp, string(b)
	}
	resp, html := page("GET", r.Permalink, nil, "none")
	if csp := resp.Header.Get("Content-Security-Policy"); resp.StatusCode != 200 || !strings.Contains(html, "198.51.100.7") && !strings.Contains(html, "198[.]51") || !strings.Contains(csp, "default-src 'none'") {
		t.Fatalf("%s: %d %s\n%s", r.Permalink, resp.StatusCode, csp, html)
	}
	_, after, ok := strings.Cut(html, `name="token" value="`)
	formToken, _, _ := strings.Cut(after, `"`)
	if !ok || formToken == "" {
		t.Fatalf("no form for a vote in\n%s", html)
	}
	form := url.Values{"type": {"domain"}, "value": {"bad.com"}, "vote": {"harmless"}, "token": {formToken}}
	if resp, _ := page("POST", s.url+"/vote", form, "cross-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a vote from another site: %d", resp.StatusCode)
	}
	resp, _ = page("POST", s.url+"/vote", form, "same-origin")
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/domain.php?domain=bad.com") {
		t.Errorf("the vote: %d, leads to %q", resp.StatusCode, to)
	}
	if _, report := s.get(domainReport + "bad.com"); !strings.Contains(report, `"votes":1,`) {
		t.Errorf("the vote is not in the report: %s", report)
	}
	if code, html := s.get("/"); code != 200 || !strings.Contains(html, "<form") {
		t.Errorf("the first page: %d %s", code, html)
	}
	if n := up.Counts()["domain/bad.com"]; n != 1 {
		t.Errorf("asked for %d times", n)
	}
}

// TestServeRebinding: a page of another site cannot ask under its own name.
func TestServeRebinding(t *testing.T) {
	s := startService(t, program(t), "--public-url", "https://tc.corp.example/x/")
	for host, want := range map[string]int{"": 200, "localhost:1": 200, "tc.corp.example": 200, "evil.example": 421} {
		req, err := http.NewRequest(http.MethodGet, s.url+domainReport+"x.com", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("host %q: %d", host, resp.StatusCode)
		}
	}
}

// TestServeHostile: what is no HTTP, or too much of it, or too slow, ends
// without harm.
func TestServeHostile(t *testing.T) {
	s := startService(t, program(t))
	address := strings.TrimPrefix(s.url, "http://")
	send := func(text string) string {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, text) // it may hang up before the end
		b, _ := io.ReadAll(c)
		line, _, _ := strings.Cut(string(b), "\r\n")
		return line
	}
	const end = "\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
	for text, want := range map[string]string{
		"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n": "HTTP/1.1 400", "GET / HTTP/9.9" + end: "HTTP/1.1 505", "GET http://[::1 HTTP/1.1" + end: "HTTP/1.1 400",
		"GET /searchApi/v2/domain/report/?domain=%00%ff" + strings.Repeat("a", 100) + " HTTP/1.1" + end: "HTTP/1.1 200",
		"GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 64<<10) + end:                                     "HTTP/1.1 431",
		"GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1" + end:                                       "HTTP/1.1 431",
		"GET /searchApi/v2/../../../etc/passwd HTTP/1.1" + end:                                          "HTTP/1.1 404",
		"GET http://169.254.169.254/latest/meta-data HTTP/1.1" + end:                                    "HTTP/1.1 4",
		"CONNECT evil.example:443 HTTP/1.1" + end:                                                       "HTTP/1.1 4",
		"POST /v1/lookup HTTP/1.1\r\nContent-Length: 99999999999" + end:                                 "HTTP/1.1 413",
		"POST /v1/lookup HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked" + end + "zz\r\n":  "HTTP/1.1 400",
	} {
		if got := send(text); !strings.HasPrefix(got, want) {
			t.Errorf("%.70q: %q, want %q", text, got, want)
		}
	}
	if code, body := s.get("/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("%d %s", code, body)
	}
	if strings.Contains(s.log.String(), "panic") {
		t.Error(s.log)
	}
}
