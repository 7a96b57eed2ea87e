package config

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// Config is the whole configuration. It is made by [Load] and read-only from
// then on; it may be read concurrently.
type Config struct {
	Global
	Cache   Cache
	Exclude Exclude
	Server  Server
	// All are the sources that there are, configured or not: threatcrowd
	// first, then in the order in which they were first named.
	All []*Source
	// Feeds are the feeds that are downloaded, in the order in which they were
	// first named.
	Feeds []*Feed

	given    []given
	warnings []Problem
}

// Mode says what a run may do about values that the cache does not know.
type Mode string

// The modes.
const (
	Live  Mode = "live"  // ask the sources within the budgets
	Only  Mode = "cache" // never leave the machine
	Queue Mode = "queue" // leave them for the background drain
)

// Global is the stanza [tclookup]: the defaults of a run's options, and what
// concerns everything.
type Global struct {
	DataDir    string   // empty: see [DataDir]
	Sources    []string // names of the sources to ask, empty for all enabled ones
	Suffixes   []string // suffixes that count as public, lower case, without dots around them
	Type       indicator.Type
	Output     []string // output sets or output field names, not empty
	Prefix     string   // empty: the prefix depends on the number of fields
	Mode       Mode
	MaxWait    time.Duration // 0: no bound
	MaxLookups int           // 0: no bound
	ListLimit  int           // 0: no bound
	CIM        bool
	KVStore    bool // also write answers into Splunk's KV store
	LogLevel   slog.Level
	LogFormat  string // "text" or "json"
}

// Cache is the stanza [cache].
type Cache struct {
	MemoryEntries int
	TTLFound      time.Duration
	TTLNotFound   time.Duration
	TTLJitter     float64       // part of the time to live, 0 to 0.5
	StaleFor      time.Duration // how long behind its expiry an answer still serves in need
	Disk          bool
	MaxDisk       int64 // bytes

	// The overrides for one type or verdict; Unset where there is none.
	// TTL picks the one that counts.
	FoundByType    [indicator.Antivirus + 1]time.Duration
	NotFoundByType [indicator.Antivirus + 1]time.Duration
	FoundByVerdict [source.Malicious + 1]time.Duration
}

// Unset is the value of an override that is not given.
const Unset time.Duration = -1

// TTL is how long an answer is fresh. For a found answer the verdict's
// override counts before the type's.
func (c *Cache) TTL(found bool, t indicator.Type, v source.Verdict) time.Duration {
	if !found {
		if int(t) < len(c.NotFoundByType) && c.NotFoundByType[t] != Unset {
			return c.NotFoundByType[t]
		}
		return c.TTLNotFound
	}
	if int(v) < len(c.FoundByVerdict) && c.FoundByVerdict[v] != Unset {
		return c.FoundByVerdict[v]
	}
	if int(t) < len(c.FoundByType) && c.FoundByType[t] != Unset {
		return c.FoundByType[t]
	}
	return c.TTLFound
}

// Exclude is the stanza [exclude]: what is never sent to a source.
type Exclude struct {
	CIDR          []netip.Prefix // masked; IPv4-mapped networks are IPv4 ones
	Suffix        []string       // lower case, without dots around them
	AllowlistFile string         // empty for none
	Defaults      bool           // the built-in exclusions count too
}

// Server is the stanza [server]: what `tclookup serve` does.
type Server struct {
	Listen         string   // host:port
	PublicURL      string   // without a slash at the end; empty: from Listen
	Hosts          []string // lower case
	TLSCert        string
	TLSKey         string
	ClientCA       string
	TokenFile      string // empty: in the data directory
	AuthOnLoopback bool
	InsecureNoTLS  bool
	InsecureNoAuth bool
	GetVotes       bool
	ClientRate     float64 // requests a second, 0: unlimited
	ClientBurst    int
	RequestWait    time.Duration
	MaxValues      int
	FetchQueued    bool
	AccessLog      bool
}

// Source is one stanza [source:NAME].
type Source struct {
	Name        string
	Kind        string // which API it speaks: "threatcrowd", or LocalKind
	Enabled     bool
	BaseURL     string // without a slash at the end; empty: not configured
	Types       indicator.TypeSet
	Rate        float64 // requests a second, 0: unlimited
	Burst       int
	DailyLimit  int // requests in a UTC day, 0: unlimited
	Timeout     time.Duration
	Proxy       Secret // URL, may hold a password; "none": directly; empty: as the environment says
	CAFile      string // PEM file of certificates trusted for this source, empty for none
	InsecureTLS bool
	APIKey      Secret
	StoredKey   bool   // Splunk stores the API key
	Database    Secret // of LocalKind: the address of a PostgreSQL database; empty: a file in the data directory
	Concurrency int
	Retries     int
	BreakAfter  int // consecutive failures, 0: never
	Cooldown    time.Duration

	origin Origin // where it was named first
}

// Configured reports whether the source can be asked: it is enabled and has a
// base URL.
func (s *Source) Configured() bool { return s.Enabled && s.Kind != LocalKind && s.BaseURL != "" }

// Limit returns the budget of the source.
func (s *Source) Limit() limit.Policy {
	return limit.Policy{
		Rate: s.Rate, Burst: s.Burst, Daily: s.DailyLimit,
		BreakAfter: s.BreakAfter, Cooldown: s.Cooldown,
	}
}

// Source returns the source of that name, or nil.
func (c *Config) Source(name string) *Source {
	for _, s := range c.All {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Locals returns the sources of LocalKind to ask, one of that name if none is
// configured and the setting sources is empty.
func (c *Config) Locals() []*Source {
	var locals []*Source
	any := false
	for _, s := range c.All {
		if s.Kind != LocalKind {
			continue
		}
		any = true
		if s.Enabled && (len(c.Sources) == 0 || slices.Contains(c.Sources, s.Name)) {
			locals = append(locals, s)
		}
	}
	if !any && len(c.Sources) == 0 && c.Source(LocalKind) == nil {
		locals = []*Source{{Name: LocalKind, Kind: LocalKind, Enabled: true, Types: indicator.AllTypes}}
	}
	return locals
}

// Active returns the servers to ask: configured, and named in the setting
// sources unless that is empty. Their order is that of the setting, else the
// one of All.
func (c *Config) Active() []*Source {
	var active []*Source
	if len(c.Sources) == 0 {
		for _, s := range c.All {
			if s.Configured() {
				active = append(active, s)
			}
		}
		return active
	}
	for _, name := range c.Sources {
		if s := c.Source(name); s != nil && s.Configured() && !slices.Contains(active, s) {
			active = append(active, s)
		}
	}
	return active
}

// Warnings are the harmless oddities that [Load] met, in the order of the
// files, the environment and the overrides.
func (c *Config) Warnings() []Problem { return c.warnings }
