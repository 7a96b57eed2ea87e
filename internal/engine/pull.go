package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/version"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/feed"
)

// ErrNoFeed is the error of Pulls when there is nothing to download.
var ErrNoFeed = errors.New("no feed is configured: write [feed:NAME] with a url into the configuration")

// Pulls returns the downloads of the configured feeds: those named, or all
// that are enabled. The caller runs them, with the intelligence that
// OpenLocal opens; none is due before its interval is over.
func Pulls(c *config.Config, p *indicator.Parser, names []string) ([]*feed.Pull, error) {
	var out []*feed.Pull
	for _, name := range names {
		f := c.Feed(name)
		if f == nil {
			return nil, fmt.Errorf("there is no [feed:%s] in the configuration", name)
		}
		if f.URL == "" {
			return nil, fmt.Errorf("[feed:%s] url: missing", name)
		}
	}
	for _, f := range c.Feeds {
		if f.URL == "" || len(names) == 0 && !f.Enabled || len(names) > 0 && !slices.Contains(names, f.Name) {
			continue
		}
		columns := map[string]string{}
		for _, c := range f.Columns {
			meaning, column, _ := strings.Cut(c, "=")
			columns[meaning] = column
		}
		verdict := map[string]source.Verdict{"malicious": source.Malicious, "suspicious": source.Suspicious, "harmless": source.Harmless}[f.Verdict]
		out = append(out, &feed.Pull{
			Feed: f.Name, URL: f.URL, Interval: f.Interval, Header: f.AuthHeader, Secret: f.Auth.Reveal(),
			Options: feed.Options{Parser: p, Format: feed.Format(f.Format), Verdict: verdict, Columns: columns},
			Proxy:   f.Proxy.Reveal(), CAFile: f.CAFile, UserAgent: "tclookup/" + version.String(),
			Timeout: f.Timeout, MaxBytes: f.MaxSize, AllowPrivate: f.AllowPrivate,
		})
	}
	if len(out) == 0 {
		return nil, ErrNoFeed
	}
	return out, nil
}
