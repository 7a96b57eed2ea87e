//go:build !nocloud

package main

import (
	"fmt"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/cloud/scs"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/filter"
	"github.com/tclookup/tclookup/internal/results"
	"github.com/tclookup/tclookup/internal/sink"
	"github.com/tclookup/tclookup/internal/version"
	"github.com/tclookup/tclookup/lookupcache"
)

// The variables of the environment with what a client of a tenant proves
// itself by.
const (
	clientSecret = config.EnvPrefix + "CLOUD_CLIENT_SECRET"
	refreshToken = config.EnvPrefix + "CLOUD_REFRESH_TOKEN"
)

// orTenant goes on with how a server is named.
const orTenant = ", or a tenant of Splunk Cloud Services with --tenant"

// orIngest goes on with where records can be sent.
const orIngest = "; in cloud enrich also ingest, to the ingest service of the tenant"

// tenantHelp are examples for the help text.
const tenantHelp = `
  export TCLOOKUP_CLOUD_CLIENT_SECRET=...
  tclookup cloud enrich --tenant acme --client-id 0oa1 --search 'from main where domain!=null' --field domain \
    --to ingest --ingest-sourcetype tclookup:proxy --resume journal`

// tenantFlags say which tenant of Splunk Cloud Services runs the search. The
// build for a Splunk app (tag nocloud) has none of them: it has no need of the
// SDK, which every search would start with.
type tenantFlags struct {
	Tenant           string `name:"tenant" placeholder:"NAME" help:"Tenant of Splunk Cloud Services that runs the search."`
	ClientID         string `name:"client-id" placeholder:"ID" help:"Client that is registered with the tenant."`
	ClientSecretFile string `name:"client-secret-file" type:"path" placeholder:"FILE" help:"File with the client's secret, mode 0600; else $$TCLOOKUP_CLOUD_CLIENT_SECRET."`
	RefreshTokenFile string `name:"refresh-token-file" type:"path" placeholder:"FILE" help:"File with a refresh token instead, mode 0600; else $$TCLOOKUP_CLOUD_REFRESH_TOKEN."`
	Scope            string `name:"scope" placeholder:"TEXT" help:"Scope that the access token is asked for."`
	Module           string `name:"module" placeholder:"NAME" help:"Module the search runs in."`
	APIURL           string `name:"api-url" placeholder:"URL" help:"Address of the services, default https://api.scp.splunk.com."`
	AuthURL          string `name:"auth-url" placeholder:"URL" help:"Address of the identity provider, default https://auth.scp.splunk.com."`
	KVStore          string `name:"kvstore-collection" placeholder:"NAME" help:"Collection of the tenant's KV store that is one more cache: answers are looked for there, and kept."`

	Ingest ingestFlags `embed:"" prefix:"ingest-" group:"Ingest service (--to ingest)"`
}

// ingestFlags say how events go to the ingest service of the tenant.
type ingestFlags struct {
	Host       string `name:"host" placeholder:"NAME" help:"Host of the events."`
	Source     string `name:"source" placeholder:"NAME" help:"Source of the events."`
	Sourcetype string `name:"sourcetype" placeholder:"NAME" help:"Source type of the events."`
	TimeField  string `name:"time-field" placeholder:"NAME" help:"Field that holds the time of each event, such as _time; default is the time of arrival."`
	InFlight   int    `name:"in-flight" placeholder:"N" help:"Most requests under way at a time, default 4."`
}

func init() {
	secretVariables = append(secretVariables, clientSecret, refreshToken)
}

// name returns the tenant, empty if none is meant.
func (f *tenantFlags) name() string { return f.Tenant }

// given reports whether any of the flags is set.
func (f *tenantFlags) given() bool { return *f != tenantFlags{} }

// server returns the tenant's name and address.
func (f *tenantFlags) server() string {
	api := f.APIURL
	if api == "" {
		api = scs.DefaultAPIURL
	}
	return api + "/" + f.Tenant
}

// client returns the client of the tenant. It sends nothing.
func (f *tenantFlags) client(a *app, c *cloudEnrichCmd) (*scs.Client, error) {
	secret, err := a.place.secret("--client-secret-file", f.ClientSecretFile, clientSecret)
	if err != nil {
		return nil, err
	}
	refresh, err := a.place.secret("--refresh-token-file", f.RefreshTokenFile, refreshToken)
	if err != nil {
		return nil, err
	}
	switch { // a file says more than what happens to be in the environment
	case f.ClientSecretFile != "" && f.RefreshTokenFile == "":
		refresh = config.Secret{}
	case f.RefreshTokenFile != "" && f.ClientSecretFile == "":
		secret = config.Secret{}
	}
	return scs.New(scs.Config{
		Tenant: f.Tenant, APIURL: f.APIURL, AuthURL: f.AuthURL, ClientID: f.ClientID, Scope: f.Scope,
		ClientSecret: chunked.NewSecret(secret.Reveal()), RefreshToken: chunked.NewSecret(refresh.Reveal()),
		Timeout: c.Timeout, UserAgent: "tclookup/" + version.String(),
	})
}

// caches returns the collection that is one more cache, if there is one.
func (f *tenantFlags) caches(a *app, c *cloudEnrichCmd) ([]lookupcache.Tier, error) {
	if f.KVStore == "" {
		return nil, nil
	}
	client, err := f.client(a, c)
	if err != nil {
		return nil, err
	}
	s, err := scs.NewKVStore(client, f.KVStore)
	if err != nil {
		return nil, fmt.Errorf("--kvstore-collection: %w", err)
	}
	return []lookupcache.Tier{s}, nil
}

// ingestion is the way of a run's records to the ingest service.
type ingestion struct {
	c *cloudEnrichCmd
}

// ingestTo returns what --to ingest means.
func (c *cloudEnrichCmd) ingestTo() target { return &ingestion{c} }

// content implements target.
func (i *ingestion) content() []string {
	f := &i.c.Ingest
	return []string{f.Host, f.Source, f.Sourcetype, f.TimeField}
}

// open implements target.
func (i *ingestion) open(a *app, inputs []filter.Input, rejectsFile string) (*delivery, error) {
	f := &i.c.Ingest
	if f.InFlight < 0 || f.InFlight > mostInFlight {
		return nil, fmt.Errorf("--ingest-in-flight cannot be %d: allowed is 1 to %d", f.InFlight, mostInFlight)
	}
	client, err := i.c.client(a, i.c)
	if err != nil {
		return nil, err
	}
	r, err := newRejects(rejectsFile, inputs)
	if err != nil {
		return nil, err
	}
	server := i.c.server()
	d := scs.NewIngest(client, scs.IngestConfig{
		Host: f.Host, Source: f.Source, Sourcetype: f.Sourcetype, TimeColumn: f.TimeField, Run: server + " " + i.c.job,
	})
	return &delivery{
		to: d, name: "ingest " + server, end: func() {}, untimed: d.Untimed, timed: f.TimeField, rejects: r,
		options: sink.Options{Events: scs.MaxEvents, Bytes: scs.MaxBytes, MaxEvent: scs.MaxBytes, InFlight: f.InFlight, Refused: r.add},
	}, nil
}

// search returns the search in the tenant.
func (f *tenantFlags) search(a *app, c *cloudEnrichCmd) (results.Jobs, error) {
	client, err := f.client(a, c)
	if err != nil {
		return nil, err
	}
	return &scs.Search{Client: client, Query: c.Search, Module: f.Module, Earliest: string(c.Earliest), Latest: string(c.Latest)}, nil
}
