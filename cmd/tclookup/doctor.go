package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/internal/version"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
)

// doctorCmd is `tclookup doctor`.
type doctorCmd struct {
	Output  string `name:"output" enum:"text,json" default:"text" help:"text (default) or json."`
	Offline bool   `name:"offline" help:"Do not connect to any source."`
}

// Help is shown by --help.
func (c *doctorCmd) Help() string {
	return `Sources are connected to, with their certificates verified; no request and no value is sent. Exit code 1 means
that something is wrong.`
}

// finding is the result of one check.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, warning or error
	Text  string `json:"text"`
	Mend  string `json:"mend,omitempty"` // what to do
}

// diagnosis is a list of findings in the making.
type diagnosis struct {
	Version  string    `json:"version"`
	Findings []finding `json:"findings"`
}

func (d *diagnosis) add(state, check, mend, format string, args ...any) {
	d.Findings = append(d.Findings, finding{check, state, fmt.Sprintf(format, args...), mend})
}

// Run implements the command.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	d := &diagnosis{Version: version.String()}
	if conf := c.configuration(a, d); conf != nil {
		c.state(ctx, a, conf, d)
		c.sources(ctx, conf, d, c.local(ctx, a, conf, d))
	}
	clash(a.place, d)
	if err := d.print(a, c.Output); err != nil {
		return err
	}
	if slices.ContainsFunc(d.Findings, func(f finding) bool { return f.State == "error" }) {
		return codeError(exitFailed)
	}
	return nil
}

// configuration checks the files and the environment.
func (c *doctorCmd) configuration(a *app, d *diagnosis) *config.Config {
	files, err := config.Locate(a.place.getenv, a.place.exe, a.cli.Config)
	if err != nil {
		d.add("error", "configuration", "name a file that exists", "%v", err)
		return nil
	}
	var there []string
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			there = append(there, f)
		}
	}
	var over []config.Override
	if a.cli.DataDir != "" {
		over = append(over, config.Override{Stanza: config.GlobalStanza, Key: "data_dir", Value: a.cli.DataDir, From: "--data-dir"})
	}
	conf, err := a.place.load(a.cli.Config, over)
	if err != nil {
		d.add("error", "configuration", "mend the lines named", "%v", err)
		return nil
	}
	text := "no file, defaults and environment only"
	if len(there) > 0 {
		text = strings.Join(there, ", ")
	}
	d.add("ok", "configuration", "", "%s", text)
	for _, w := range conf.Warnings() {
		d.add("warning", "configuration", "", "%s", w)
	}
	if f := conf.Exclude.AllowlistFile; f != "" {
		if _, err := os.Stat(f); err != nil {
			d.add("error", "allowlist", "mend [exclude] allowlist_file", "%v", err)
		}
	}
	return conf
}

// state checks the data directory, the budgets and the queue.
func (c *doctorCmd) state(ctx context.Context, a *app, conf *config.Config, d *diagnosis) {
	if !conf.Cache.Disk {
		d.add("warning", "data directory", "set [cache] disk = true", "not used: every search forgets what it was told")
		return
	}
	s, err := a.store(ctx, conf)
	if err != nil {
		d.add("error", "data directory", "choose another one with data_dir; until then searches remember nothing", "%v", err)
		return
	}
	defer s.Close()
	st, err := s.Stats(ctx, time.Second)
	if err != nil {
		d.add("error", "data directory", "", "%s: %v", s.Path(), err)
		return
	}
	d.add("ok", "data directory", "", "%s, on a local file system, %s of %s used", s.Path(), size(st.Bytes), size(st.MaxBytes))
	d.add("ok", "answers", "", "%d found, %d not found, %d of them expired", st.Found, st.NotFound, st.Expired)
	if st.Queued > 0 {
		d.add("warning", "queue", "run tclookup cache warm, or enable the background input in Splunk", "%d values wait", st.Queued)
	} else {
		d.add("ok", "queue", "", "empty")
	}
	for _, src := range conf.Active() {
		b, err := s.Gate(engine.Scope(src), src.Limit(), 0).Status(ctx)
		switch {
		case err != nil:
			d.add("error", "budget", "", "%s: %v", src.Name, err)
		case b.Breaker != "" && b.Breaker != "closed":
			d.add("warning", "budget", "see what is wrong with the server", "%s: circuit breaker %s after %d failures, until %s", src.Name, b.Breaker, b.Failures, b.Until.Format(time.RFC3339))
		case b.Available == 0:
			d.add("ok", "budget", "", "%s: %s, all of it at %s", src.Name, budget(b), b.Full.Format(time.RFC3339))
		default:
			d.add("ok", "budget", "", "%s: %s", src.Name, budget(b))
		}
	}
}

// local looks at intelligence of one's own, and reports whether there is some.
func (c *doctorCmd) local(ctx context.Context, a *app, conf *config.Config, d *diagnosis) (there bool) {
	dir := a.place.dataDir(conf)
	for _, src := range conf.Locals() {
		if src.Database.IsZero() && !local.Exists(dir) {
			continue
		}
		there = true
		s, err := engine.OpenLocal(ctx, src, dir, engine.Options{})
		if err != nil {
			d.add("error", "source "+src.Name, "see that the database can be reached and read", "%v", err)
			continue
		}
		st, err := s.Stats(ctx)
		if err = errors.Join(err, s.Close()); err != nil {
			d.add("error", "source "+src.Name, "see that the database can be reached and read", "%v", err)
			continue
		}
		d.add("ok", "source "+src.Name, "", "%s: %d facts of %d feeds, %d votes", st.Place, st.Facts, st.Feeds, st.Votes)
	}
	return there
}

// sources checks that each source can be connected to.
func (c *doctorCmd) sources(ctx context.Context, conf *config.Config, d *diagnosis, others bool) {
	active := conf.Active()
	if len(active) == 0 && !others {
		d.add("warning", "sources", "", "%v", source.ErrNoSource)
	}
	for _, s := range active {
		if c.Offline {
			d.add("ok", "source "+s.Name, "", "%s, not tried", host(s.BaseURL))
			continue
		}
		text, err := connect(ctx, s)
		if err != nil {
			d.add("error", "source "+s.Name, "check base_url, proxy and ca_file, and that the network lets this host through", "%s: %v", host(s.BaseURL), err)
			continue
		}
		d.add("ok", "source "+s.Name, "", "%s", text)
		if s.InsecureTLS {
			d.add("warning", "source "+s.Name, "set ca_file instead", "insecure_tls = true: anybody on the way can answer")
		}
	}
}

// connect opens a connection as a request would, and closes it again.
func connect(ctx context.Context, s *config.Source) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, min(s.Timeout, 10*time.Second))
	defer cancel()
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return "", err
	}
	if p := s.Proxy.Reveal(); p != "" && p != "none" {
		pu, err := url.Parse(p)
		if err != nil {
			return "", errors.New("the proxy is no URL")
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", withPort(pu))
		if err != nil {
			return "", fmt.Errorf("proxy: %w", err)
		}
		return u.Host + ", the proxy " + pu.Host + " answers", conn.Close()
	}
	if u.Scheme == "http" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", withPort(u))
		if err != nil {
			return "", err
		}
		return u.Host + " answers", conn.Close()
	}
	t := &tls.Config{InsecureSkipVerify: s.InsecureTLS, ServerName: u.Hostname()} //nolint:gosec // the user's own switch
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return "", fmt.Errorf("ca_file: %w", err)
		}
		if t.RootCAs, err = x509.SystemCertPool(); err != nil {
			t.RootCAs = x509.NewCertPool()
		}
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return "", fmt.Errorf("ca_file %s: no certificate in it", s.CAFile)
		}
	}
	conn, err := (&tls.Dialer{Config: t}).DialContext(ctx, "tcp", withPort(u))
	if err != nil {
		return "", err
	}
	return u.Host + " answers, its certificate is trusted", conn.Close()
}

func withPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
		if port == "" {
			port = "80"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// clash looks for other Splunk apps that have a command of our name.
func clash(p place, d *diagnosis) {
	home := p.getenv("SPLUNK_HOME")
	if home == "" {
		return
	}
	ours, _ := config.AppDir(p.getenv, p.exe)
	files, _ := filepath.Glob(filepath.Join(home, "etc", "apps", "*", "*", "commands.conf"))
	found := false
	for _, f := range files {
		app := filepath.Dir(filepath.Dir(f))
		layer := filepath.Base(filepath.Dir(f))
		if app == ours || ours == "" && filepath.Base(app) == "tclookup" || layer != "default" && layer != "local" {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		parsed, _ := config.ParseFile(f, data)
		for _, s := range parsed.Stanzas {
			if slices.Contains(stanzas, s.Name) {
				found = true
				d.add("warning", "command name", "use the other name, threatcrowdlookup, in searches", "%s has a command %s, too: which of the two Splunk starts is not defined", f, s.Name)
			}
		}
	}
	if !found {
		d.add("ok", "command name", "", "no other app in %s has a command of our names", filepath.Join(home, "etc", "apps"))
	}
}

// print writes the findings.
func (d *diagnosis) print(a *app, output string) error {
	if output == "json" {
		return writeJSON(a.stdout, d)
	}
	t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, f := range d.Findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", strings.ToUpper(f.State), f.Check, f.Text)
		if f.Mend != "" {
			fmt.Fprintf(t, "\t\t→ %s\n", f.Mend)
		}
	}
	return t.Flush()
}
