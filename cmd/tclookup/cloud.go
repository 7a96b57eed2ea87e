package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/cloud"
	"github.com/tclookup/tclookup/internal/filter"
	"github.com/tclookup/tclookup/internal/results"
	"github.com/tclookup/tclookup/internal/splunkd"
)

// cloudCmd is `tclookup cloud`.
type cloudCmd struct {
	Enrich cloudEnrichCmd `cmd:"" help:"Add what is known to the results of a search that runs elsewhere."`
}

// cloudEnrichCmd is `tclookup cloud enrich`.
type cloudEnrichCmd struct {
	enrichFlags `embed:""`

	Splunkd  string  `name:"splunkd" placeholder:"URL" help:"Management address of a Splunk that runs the search, such as https://stack.example.com:8089."`
	Search   string  `name:"search" placeholder:"SPL" help:"The search."`
	Job      string  `name:"job" placeholder:"ID" help:"Read the results of this search job instead of running a search."`
	AsJob    bool    `name:"as-job" help:"Run the search as a job and read its results when it is finished, instead of streaming them."`
	Earliest splTime `name:"earliest" placeholder:"TIME" help:"Begin of the time range, such as -1d@d."`
	Latest   splTime `name:"latest" placeholder:"TIME" help:"End of the time range, such as @d."`
	PageRows int     `name:"page-rows" default:"5000" placeholder:"N" help:"Results of a job that are asked for at a time, default 5000."`

	App       string        `name:"app" placeholder:"NAME" help:"App in whose context splunkd runs the search."`
	TokenFile string        `name:"token-file" type:"path" placeholder:"FILE" help:"File with splunkd's authentication token, mode 0600; else $$TCLOOKUP_SPLUNKD_TOKEN."`
	CAFile    string        `name:"ca-file" type:"path" placeholder:"FILE" help:"Authorities trusted besides the system's, PEM."`
	Insecure  bool          `name:"insecure-tls" help:"Accept any certificate of splunkd."`
	JobTTL    time.Duration `name:"job-ttl" default:"24h" placeholder:"TIME" help:"How long splunkd keeps the job of a run with --resume, default 24h."`
	Timeout   time.Duration `name:"timeout" default:"1m" placeholder:"TIME" help:"Longest time one request may take, default 1m."`

	tenantFlags `embed:""`
}

// splTime is a time as Splunk writes it. It may begin like a flag: -1d@d.
type splTime string

// Decode implements kong.MapperValue.
func (t *splTime) Decode(ctx *kong.DecodeContext) error {
	token := ctx.Scan.Pop()
	if token.IsEOL() {
		return errors.New("missing value, such as -1d@d")
	}
	*t = splTime(token.String())
	return nil
}

// splunkdToken is the variable of the environment with the token of splunkd.
const splunkdToken = "TCLOOKUP_SPLUNKD_TOKEN"

// Help is shown by --help.
func (c *cloudEnrichCmd) Help() string {
	return `The results are those of a search; everything else is as in tclookup enrich. They are read as JSON Lines, in
which a field may hold several values; --format csv reads CSV.

Without --job and --resume the results of a Splunk are enriched while they stream in. With --resume the search is
run as a job, and a run that was stopped goes on with the same job.

Examples:
  export TCLOOKUP_SPLUNKD_TOKEN=...
  tclookup cloud enrich --splunkd https://stack.splunkcloud.com:8089 --field domain \
    --search 'index=proxy | stats count by domain' --earliest -1d@d --latest @d > enriched.jsonl
  tclookup cloud enrich --splunkd https://localhost:8089 --job 1763980000.12 --field src_ip --format csv` + tenantHelp
}

// Run implements the command.
func (c *cloudEnrichCmd) Run(ctx context.Context, a *app) error {
	if err := c.checkCloud(); err != nil {
		return usageError{err}
	}
	jobs, stream, server, err := c.where(a)
	if err != nil {
		return usageError{err}
	}
	csv := c.Format == "csv"
	if !csv {
		c.Format = "jsonl"
	}
	c.ingest = c.ingestTo()
	if c.tiers, err = c.tenantFlags.caches(a, c); err != nil {
		return usageError{err}
	}
	return c.enrich(ctx, a, func(bar *progress) ([]filter.Input, []string, error) {
		if stream != nil && c.Job == "" && c.Resume == "" && !c.AsJob {
			open := func() (io.ReadCloser, error) {
				return stream.Stream(ctx, csv, func(s string) { a.warn("%s", s) })
			}
			return []filter.Input{{Name: "search", Open: open}}, nil, nil
		}
		j := &searchJob{jobs: jobs, id: c.Job, file: c.Resume, server: server, search: c.told()}
		if err := j.begin(ctx); err != nil {
			return nil, nil, err
		}
		c.job = j.id
		open := func() (io.ReadCloser, error) {
			return j.open(ctx, results.Options{PageRows: c.PageRows, CSV: csv, Separator: c.Separator, Single: c.Field}, a, bar)
		}
		return []filter.Input{{Name: "search job " + j.id, Open: open}}, []string{"search job " + j.id + " of " + j.server}, nil
	})
}

// told is what tells the search from others on the same server.
func (c *cloudEnrichCmd) told() []string {
	return []string{c.Search, string(c.Earliest), string(c.Latest), c.App}
}

// where returns the search, the same once more if its results can be streamed,
// and the name of its server.
func (c *cloudEnrichCmd) where(a *app) (results.Jobs, *cloud.Splunkd, string, error) {
	if c.tenantFlags.name() != "" {
		jobs, err := c.tenantFlags.search(a, c)
		return jobs, nil, c.tenantFlags.server(), err
	}
	s, err := c.splunkd(a)
	if err != nil {
		return nil, nil, "", err
	}
	u, err := url.Parse(c.Splunkd)
	if err != nil {
		return nil, nil, "", err
	}
	return s, s, u.Host, nil
}

// checkCloud looks at the flags that tclookup enrich does not have.
func (c *cloudEnrichCmd) checkCloud() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch tenant := c.tenantFlags.name(); {
	case c.Splunkd == "" && tenant == "":
		add("no server: name it with --splunkd https://host:8089%s", orTenant)
	case c.Splunkd != "" && c.tenantFlags.given():
		add("--splunkd and the flags of a tenant cannot be had together")
	case tenant != "" && (c.App != "" || c.TokenFile != "" || c.CAFile != "" || c.Insecure):
		add("--app, --token-file, --ca-file and --insecure-tls belong to --splunkd")
	}
	switch {
	case c.Search == "" && c.Job == "":
		add("no search: give --search, or --job for the results of one that has run")
	case c.Search != "" && c.Job != "":
		add("--search and --job cannot be had together: a job has its search")
	case c.Job != "" && c.Earliest+c.Latest != "":
		add("--earliest and --latest belong to --search: a job has its time range")
	case strings.ContainsFunc(c.Job, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`/\?#%"'`, r) }), strings.Trim(c.Job, ".") == "" && c.Job != "":
		add("--job cannot be %q: it is no id of a search job", c.Job)
	}
	if c.To == "ingest" && orIngest != "" && c.tenantFlags.name() == "" {
		add("--to ingest needs --tenant")
	}
	if c.Format != "auto" && c.Format != "jsonl" && c.Format != "csv" {
		add("--format cannot be %q: allowed are jsonl and csv", c.Format)
	}
	if c.PageRows < 1 || c.PageRows > 50000 {
		add("--page-rows cannot be %d: allowed is 1 to 50000", c.PageRows)
	}
	if c.Timeout < time.Second {
		add("--timeout cannot be %s: the least is 1s", c.Timeout)
	}
	if c.JobTTL < time.Minute {
		add("--job-ttl cannot be %s: the least is 1m", c.JobTTL)
	}
	return errors.Join(errs...)
}

// splunkd returns the search on a splunkd.
func (c *cloudEnrichCmd) splunkd(a *app) (*cloud.Splunkd, error) {
	token, err := a.place.secret("--token-file", c.TokenFile, splunkdToken)
	if err != nil {
		return nil, err
	}
	if token.IsZero() {
		return nil, fmt.Errorf("no token for %s: create one in Splunk Web under Settings, Tokens, and give it in $%s or with --token-file", c.Splunkd, splunkdToken)
	}
	client, err := splunkd.New(splunkd.Config{
		URI: c.Splunkd, Token: chunked.NewSecret(token.Reveal()), Bearer: true, Proxy: true,
		CAFile: c.CAFile, InsecureTLS: c.Insecure, Timeout: c.Timeout,
	})
	if err != nil {
		return nil, err
	}
	s := splunkd.Search{Query: c.Search, Earliest: string(c.Earliest), Latest: string(c.Latest), App: c.App}
	if c.Resume != "" {
		s.TTL = c.JobTTL
	}
	return &cloud.Splunkd{Client: client, Search: s}, nil
}

// searchJob is the job whose results are read. Of a run that can be resumed
// its id is kept in a file beside the journal, so that the run goes on with the
// same results.
type searchJob struct {
	jobs   results.Jobs
	id     string
	file   string // the journal, empty without one
	server string
	search []string
	ours   bool // started by this run
}

// jobNote is what the file beside the journal holds.
type jobNote struct {
	Job    string   `json:"job"`
	Server string   `json:"server"`
	Search []string `json:"search"`
}

// begin finds the job or starts it.
func (j *searchJob) begin(ctx context.Context) error {
	if j.id != "" {
		return nil
	}
	path := j.file + ".job"
	if j.file != "" {
		text, err := os.ReadFile(path)
		switch {
		case err == nil:
			return j.again(path, text)
		case !errors.Is(err, fs.ErrNotExist):
			return usageError{fmt.Errorf("--resume: %w", err)}
		}
	}
	id, err := j.jobs.Start(ctx)
	if err != nil {
		return err
	}
	j.id, j.ours = id, true
	if j.file == "" {
		return nil
	}
	text, err := json.Marshal(jobNote{id, j.server, j.search})
	if err != nil {
		return err
	}
	if err := writeWhole(path, append(text, '\n')); err != nil {
		return usageError{fmt.Errorf("--resume: %w", err)}
	}
	return nil
}

// again takes the job of the run that is resumed.
func (j *searchJob) again(path string, text []byte) error {
	var n jobNote
	if err := json.Unmarshal(text, &n); err != nil || n.Job == "" {
		return usageError{fmt.Errorf("--resume: %s is damaged: remove it and %s to start afresh", path, j.file)}
	}
	a, _ := json.Marshal(n.Search)
	b, _ := json.Marshal(j.search)
	if n.Server != j.server || !bytes.Equal(a, b) {
		return usageError{fmt.Errorf("--resume: %s belongs to another search, %s on %s: name another file, or remove it and %s to start afresh", path, a, n.Server, j.file)}
	}
	j.id = n.Job
	return nil
}

// writeWhole writes a file that is there with all of its text or not at all.
func writeWhole(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// open waits until the job is finished and returns the reader of its results.
func (j *searchJob) open(ctx context.Context, o results.Options, a *app, bar *progress) (io.ReadCloser, error) {
	s, err := results.Wait(ctx, j.jobs, j.id, func(s *results.State) { bar.wait("search job " + j.id + ": " + s.Text) })
	bar.wait("")
	if err != nil {
		if j.ours && j.file == "" { // nobody will ask for it
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
			defer cancel()
			_ = j.jobs.Cancel(ctx, j.id) // it ends by itself some time
		}
		return nil, err
	}
	for _, w := range s.Warnings {
		a.warn("search job %s: %s", j.id, w)
	}
	o.Total = s.Total
	o.Fetch = func(ctx context.Context, offset int64, count int) (*results.Page, error) {
		return j.jobs.Page(ctx, j.id, offset, count)
	}
	return results.NewReader(ctx, o), nil
}

// cancelTime is the longest time that ending a job may take in a run that was
// interrupted.
const cancelTime = 2 * time.Second
