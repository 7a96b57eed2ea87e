package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/server/pages"
	"github.com/tclookup/tclookup/server/service"
	"github.com/tclookup/tclookup/server/token"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
)

// serveCmd is `tclookup serve`.
type serveCmd struct {
	Run   serveRunCmd   `cmd:"" default:"withargs" help:"Run the service (what serve does without a further word)."`
	Token serveTokenCmd `cmd:"" help:"Make, list and remove the tokens of clients."`
}

// Help is shown by --help.
func (c *serveCmd) Help() string {
	return `tclookup serve takes the flags that tclookup serve run --help lists.

Examples:
  tclookup serve --data-dir /var/lib/tclookup
  tclookup serve token add splunk`
}

// serveRunCmd runs the service. A flag that is not given is left to the
// stanza [server].
type serveRunCmd struct {
	Listen         string `name:"listen" placeholder:"HOST:PORT" help:"Where to listen, default 127.0.0.1:8080; port 0 is a free one."`
	DB             string `name:"db" placeholder:"URL" help:"PostgreSQL database of one's own intelligence, postgres://user@host/name, instead of SQLite in the data directory. With a password, give it in TCLOOKUP_SOURCE_LOCAL_DATABASE."`
	PublicURL      string `name:"public-url" placeholder:"URL" help:"How clients reach the service: the beginning of permalinks."`
	Host           string `name:"host" placeholder:"NAMES" help:"Names by which clients call it, separated by commas; others are refused."`
	TLSCert        string `name:"tls-cert" placeholder:"FILE" help:"Certificate, PEM."`
	TLSKey         string `name:"tls-key" placeholder:"FILE" help:"Its private key, PEM."`
	ClientCA       string `name:"client-ca" placeholder:"FILE" help:"Authorities whose certificates let clients in, PEM."`
	TokenFile      string `name:"token-file" placeholder:"FILE" help:"Tokens of clients, default tokens in the data directory."`
	AuthOnLoopback tri    `name:"auth-on-loopback" help:"Ask for a token or certificate on the loopback address too."`
	InsecureNoTLS  tri    `name:"insecure-no-tls" help:"Listen beyond this machine without encryption."`
	InsecureNoAuth tri    `name:"insecure-no-auth" help:"Let everybody read who reaches the service beyond this machine."`
	GetVotes       tri    `name:"get-votes" help:"Take votes by GET without a token, as the original did."`
	ClientRate     string `name:"client-rate" placeholder:"RATE" help:"Most requests of one client, default 100/s."`
	ClientBurst    string `name:"client-burst" placeholder:"N" help:"Most requests of one client at once, default 1000."`
	RequestWait    string `name:"request-wait" placeholder:"TIME" help:"Longest time a request waits for other sources, default 10s."`
	MaxValues      string `name:"max-values" placeholder:"N" help:"Most values in one look-up in bulk, default 10000."`
	FetchQueued    tri    `name:"fetch-queued" help:"Fetch in the background what requests could not wait for, default true."`
	AccessLog      tri    `name:"access-log" help:"Log each request."`
}

// Help is shown by --help.
func (c *serveRunCmd) Help() string {
	return `Answers ThreatCrowd's API from one's own intelligence and, where that does not know, from the configured sources,
under one cache and one budget for all clients. Private and excluded values are never sent on.

It is reached from this machine only, unless --listen says otherwise; then it wants a certificate and tokens.

Examples:
  tclookup serve --data-dir /var/lib/tclookup
  tclookup serve token add splunk
  tclookup serve --listen :8443 --tls-cert cert.pem --tls-key key.pem --public-url https://tc.example.com:8443`
}

// overrides returns what the flags change of the configuration.
func (c *serveRunCmd) overrides() []config.Override {
	var out []config.Override
	for _, f := range []struct{ key, flag, value string }{
		{"listen", "listen", c.Listen}, {"public_url", "public-url", c.PublicURL}, {"hosts", "host", c.Host},
		{"tls_cert", "tls-cert", c.TLSCert}, {"tls_key", "tls-key", c.TLSKey}, {"client_ca", "client-ca", c.ClientCA}, {"token_file", "token-file", c.TokenFile},
		{"auth_on_loopback", "auth-on-loopback", string(c.AuthOnLoopback)}, {"insecure_no_tls", "insecure-no-tls", string(c.InsecureNoTLS)},
		{"insecure_no_auth", "insecure-no-auth", string(c.InsecureNoAuth)}, {"get_votes", "get-votes", string(c.GetVotes)},
		{"client_rate", "client-rate", c.ClientRate}, {"client_burst", "client-burst", c.ClientBurst}, {"request_wait", "request-wait", c.RequestWait},
		{"max_values", "max-values", c.MaxValues}, {"fetch_queued", "fetch-queued", string(c.FetchQueued)}, {"access_log", "access-log", string(c.AccessLog)},
	} {
		if f.value != "" {
			out = append(out, config.Override{Stanza: config.ServerStanza, Key: f.key, Value: f.value, From: "--" + f.flag})
		}
	}
	if c.DB != "" {
		out = append(out, config.Override{Stanza: config.SourceStanza + config.LocalKind, Key: "database", Value: c.DB, From: "--db"})
	}
	return out
}

// database checks the value of --db, which must not hold a secret: arguments
// can be read by everybody on the machine.
func (c *serveRunCmd) database() error {
	u, err := url.Parse(c.DB)
	if err != nil {
		return usageError{errors.New("--db: not a URL such as postgres://user@host/name")}
	}
	if _, ok := u.User.Password(); ok || u.Query().Has("password") {
		return usageError{errors.New("--db: holds a password, which everybody on this machine can read in the list of processes; give the URL in the environment variable TCLOOKUP_SOURCE_LOCAL_DATABASE instead")}
	}
	return nil
}

// Run implements the command.
func (c *serveRunCmd) Run(ctx context.Context, a *app) error {
	if err := c.database(); err != nil {
		return err
	}
	conf, err := a.load(&runOptions{}, c.overrides()...)
	if err != nil {
		return err
	}
	conf.Mode, conf.MaxLookups = config.Live, 0
	dir := a.place.dataDir(conf)
	if dir == "" {
		return usageError{errors.New("no data directory: set data_dir or --data-dir")}
	}
	b := &broker{app: a, conf: conf, dir: dir}
	defer b.close()
	if err := b.open(ctx); err != nil {
		return err
	}
	return b.run(ctx)
}

// broker is a running service with what stands behind it.
type broker struct {
	app    *app
	conf   *config.Config
	dir    string
	local  *local.Store
	eng    *engine.Engine
	tokens *token.Set
}

func (b *broker) close() {
	if b.eng != nil {
		_ = b.eng.Close()
	}
}

// open opens the intelligence, the sources behind it and the tokens.
func (b *broker) open(ctx context.Context) (err error) {
	log := b.app.logger(b.conf)
	locals := b.conf.Locals()
	if len(locals) == 0 {
		return usageError{errors.New("the service needs intelligence of one's own, if only an empty one: [source:local] is disabled, or sources does not name it")}
	}
	o := engine.Options{Config: b.conf, DataDir: b.dir, Reports: true, Promote: true, Shared: true, Log: log}
	// There is no database before the first import or the first service.
	made, err := engine.OpenLocal(ctx, locals[0], b.dir, o)
	if err != nil {
		return err
	}
	if err := made.Close(); err != nil {
		return err
	}
	if b.eng, err = engine.Open(ctx, o); err != nil {
		return usageError{err}
	}
	if len(b.eng.Local) == 0 {
		return fmt.Errorf("the intelligence in %s could not be opened", b.dir)
	}
	b.local = b.eng.Local[0]
	b.tokens, err = token.Open(tokenFile(b.conf, b.dir), func(err error) { log.Warn(err.Error()) })
	if err != nil {
		return usageError{err}
	}
	return nil
}

func tokenFile(conf *config.Config, dir string) string {
	if conf.Server.TokenFile != "" {
		return conf.Server.TokenFile
	}
	return filepath.Join(dir, "tokens")
}

// run listens and answers until ctx ends.
func (b *broker) run(ctx context.Context) error {
	s, log := &b.conf.Server, b.app.logger(b.conf)
	l := service.Listen{
		Address: s.Listen, TLSCert: s.TLSCert, TLSKey: s.TLSKey, ClientCA: s.ClientCA, HasTokens: b.tokens.Len() > 0,
		NoTLS: s.InsecureNoTLS, NoAuth: s.InsecureNoAuth,
	}
	if err := l.Check(); err != nil {
		return usageError{err}
	}
	ln, address, err := l.Open(ctx, log)
	if err != nil {
		return err
	}
	svc, err := service.New(b.options(address))
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	if s.FetchQueued && b.eng.Store != nil && len(b.eng.Links) > 0 {
		wg.Go(func() { b.fetch(ctx) })
	}
	log.Info("listening on "+address, "url", address, "intelligence", b.local.Place(), "sources", len(b.eng.Links))
	if err := svc.Serve(ctx, ln, 0); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Info("ended; nothing is under way")
	return nil
}

// options puts the service together.
func (b *broker) options(address string) service.Options {
	s := &b.conf.Server
	loopback := service.Loopback(s.Listen)
	o := service.Options{
		Local: b.local, Parser: b.eng.Parser, Rules: b.eng.Rules, Votes: b.local, Lists: b.local, Version: b.local.Version,
		PublicURL: address + "/", MaxWait: s.RequestWait, MaxValues: s.MaxValues, AccessLog: s.AccessLog, Log: b.app.logger(b.conf),
		Access: service.Access{
			Tokens: b.tokens, Open: loopback && !s.AuthOnLoopback || !loopback && s.InsecureNoAuth,
			Hosts: b.hosts(loopback), GetVotes: s.GetVotes, Rate: s.ClientRate, Burst: s.ClientBurst,
		},
	}
	if s.PublicURL != "" {
		o.PublicURL = s.PublicURL + "/"
	}
	o.Pages = b.pages
	if len(b.eng.Links) > 0 {
		var list []source.Source
		for i := range b.eng.Links {
			list = append(list, b.eng.Links[i].Cache)
		}
		router := source.NewRouter(list...)
		o.Upstream, o.Decode = router, router.DecodeFrom
		o.Budgets, o.Sent = b.budgets, b.eng.Requests
		if b.eng.Store != nil {
			o.Queue = b.eng.Enqueue
		}
	}
	return o
}

// pages are what people look at. They ask the service, and show what is known
// on this machine about what is related.
func (b *broker) pages(s *service.Service) (http.Handler, error) {
	return pages.New(pages.Options{
		Lookup: s.Look, Known: b.eng.Known(), Parser: b.eng.Parser, Rules: b.eng.Rules,
		Votes: ballots{s}, MaxWait: b.conf.Server.RequestWait, Log: b.app.logger(b.conf),
	})
}

// ballots takes the votes of the pages to the service.
type ballots struct{ *service.Service }

// Voter implements pages.Votes.
func (ballots) Voter(r *http.Request) (string, bool) { return service.Client(r) }

// hosts are the names that the service goes by. On the loopback address they
// are a closed list, so that no page of another site can ask it through the
// browser of who sits here.
func (b *broker) hosts(loopback bool) []string {
	s := &b.conf.Server
	hosts := s.Hosts
	if len(hosts) == 0 && !loopback {
		return nil
	}
	hosts = append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)
	if h, _, err := net.SplitHostPort(s.Listen); err == nil && h != "" {
		hosts = append(hosts, strings.ToLower(h))
	}
	if u, err := url.Parse(s.PublicURL); err == nil && u.Hostname() != "" {
		hosts = append(hosts, strings.ToLower(u.Hostname()))
	}
	return hosts
}

func (b *broker) budgets(ctx context.Context) []service.Budget {
	var out []service.Budget
	for i := range b.eng.Links {
		l := &b.eng.Links[i]
		if st, err := l.Gate.Status(ctx); err == nil {
			out = append(out, service.Budget{Source: l.Config.Name, Available: st.Available})
		}
	}
	return out
}

// fetch works off the queue, after those who wait for an answer, until ctx
// ends.
func (b *broker) fetch(ctx context.Context) {
	log := b.app.logger(b.conf)
	for ctx.Err() == nil {
		err := func() error {
			eng, err := engine.Open(ctx, engine.Options{Config: b.conf, DataDir: b.dir, Background: true, Reports: true, Log: log})
			if err != nil {
				return err
			}
			defer eng.Close()
			if eng.Store == nil {
				return eng.StoreError
			}
			_, err = eng.Drain(ctx, engine.DrainOptions{Forever: true})
			return err
		}()
		if ctx.Err() != nil {
			return
		}
		log.Warn("the queue is not worked off; trying again in a minute", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
	}
}

// serveTokenCmd is `tclookup serve token`.
type serveTokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Make a token and print it; it is kept nowhere."`
	List   tokenListCmd   `cmd:"" help:"List names, scopes and when they were made."`
	Remove tokenRemoveCmd `cmd:"" help:"Take a token away; the running service refuses it within a second."`
}

// file returns the token file. The flag is that of serve.
func (a *app) tokenFile(flag string) (string, error) {
	run := serveRunCmd{TokenFile: flag}
	conf, err := a.load(&runOptions{}, run.overrides()...)
	if err != nil {
		return "", err
	}
	dir := a.place.dataDir(conf)
	if dir == "" && conf.Server.TokenFile == "" {
		return "", usageError{errors.New("no data directory: set data_dir or --data-dir")}
	}
	return tokenFile(conf, dir), nil
}

type tokenAddCmd struct {
	Name      string `arg:"" name:"name" help:"Whose token it is: letters, digits, dots, hyphens, underscores."`
	Scope     string `name:"scope" enum:"read,vote" default:"read" help:"read (default): ask; vote: ask and vote."`
	TokenFile string `name:"token-file" placeholder:"FILE" help:"As for serve."`
}

// Run implements the command.
func (c *tokenAddCmd) Run(a *app) error {
	file, err := a.tokenFile(c.TokenFile)
	if err != nil {
		return err
	}
	t, err := token.Add(file, c.Name, token.Scope(c.Scope), time.Now())
	if errors.Is(err, token.ErrName) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "The token of %s, which may %s. Keep it now: it is shown once.\n", c.Name, c.Scope)
	_, err = fmt.Fprintln(a.stdout, t)
	return err
}

type tokenListCmd struct {
	Output    string `name:"output" enum:"text,json" default:"text" help:"text (default) or json."`
	TokenFile string `name:"token-file" placeholder:"FILE" help:"As for serve."`
}

// Run implements the command.
func (c *tokenListCmd) Run(a *app) error {
	file, err := a.tokenFile(c.TokenFile)
	if err != nil {
		return err
	}
	list, err := token.List(file)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		if list == nil {
			list = []token.Entry{}
		}
		return writeJSON(a.stdout, list)
	}
	if len(list) == 0 {
		fmt.Fprintf(a.stderr, "no tokens in %s\n", file)
		return nil
	}
	t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSCOPE\tCREATED")
	for _, e := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Name, e.Scope, e.Created.Format(time.RFC3339))
	}
	return t.Flush()
}

type tokenRemoveCmd struct {
	Name      string `arg:"" name:"name" help:"Whose token."`
	TokenFile string `name:"token-file" placeholder:"FILE" help:"As for serve."`
}

// Run implements the command.
func (c *tokenRemoveCmd) Run(a *app) error {
	file, err := a.tokenFile(c.TokenFile)
	if err != nil {
		return err
	}
	return token.Remove(file, c.Name)
}
