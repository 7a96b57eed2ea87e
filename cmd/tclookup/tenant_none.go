//go:build nocloud

package main

import (
	"errors"

	"github.com/tclookup/tclookup/internal/results"
	"github.com/tclookup/tclookup/lookupcache"
)

const orTenant, orIngest, tenantHelp = "", "", ""

// tenantFlags are none in a build without Splunk's SDK.
type tenantFlags struct{}

func (*tenantFlags) name() string { return "" }

func (*tenantFlags) given() bool { return false }

func (*tenantFlags) server() string { return "" }

func (*tenantFlags) caches(*app, *cloudEnrichCmd) ([]lookupcache.Tier, error) { return nil, nil }

func (*cloudEnrichCmd) ingestTo() target { return nil }

func (*tenantFlags) search(*app, *cloudEnrichCmd) (results.Jobs, error) {
	return nil, errors.New("this build has no Splunk Cloud Services")
}
