package config

import (
	"math"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// The stanzas. That of a source is SourceStanza and its name.
const (
	GlobalStanza  = "tclookup"
	CacheStanza   = "cache"
	ExcludeStanza = "exclude"
	ServerStanza  = "server"
	SourceStanza  = "source:"
	// LocalKind is the kind of sources without a server.
	LocalKind = "local"
	// AnySource stands for the stanzas of all sources in the table.
	AnySource = SourceStanza + "<name>"
	// FeedStanza and AnyFeed are those of feeds.
	FeedStanza = "feed:"
	AnyFeed    = FeedStanza + "<name>"
)

// Kind is how the text of a setting is read.
type Kind uint8

// The kinds of settings.
const (
	Text Kind = iota
	Bool
	Int
	Duration
	Size
	Percent
	Rate
	Word      // one of Words
	Words     // a list of words, from Words where there are any
	Domains   // a list of domain suffixes
	Networks  // a list of networks and addresses
	Path      // of a file or directory
	URL       // http or https
	Proxy     // the URL of a proxy, or none
	SecretKey // never shown
	Address   // host:port to listen on
	FileURL   // of a file: http or https, perhaps with a query
)

var kindNames = [...]string{
	"text", "yes or no", "number", "duration", "size", "percentage", "rate", "word",
	"list of words", "list of domains", "list of networks", "path", "URL", "proxy URL", "secret", "address", "URL",
}

// String returns the name of the kind for people.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Setting describes one setting.
type Setting struct {
	Stanza  string // AnySource for those of sources
	Key     string
	Kind    Kind
	Default string // as it would be written in a file; empty: nothing
	Words   []string
	// Min and Max bound whole numbers, durations (nanoseconds) and sizes
	// (bytes), both included.
	Min, Max int64
	// Note says what holds when Default is empty, in words.
	Note    string
	Meaning string // one line, Markdown

	// ref returns a pointer to the field that holds the setting; its type
	// fits the kind. The source is nil for other stanzas.
	ref func(*Config, *Source) any
	// feed is the same for a setting of a feed.
	feed func(*Feed) any
}

// Settings are all settings but those of feeds, in the order of the reference. The caller does
// not change them.
func Settings() []Setting { return table[:] }

const (
	second = int64(time.Second)
	hour   = int64(time.Hour)
	day    = 24 * hour
	never  = 10 * 366 * day // the longest duration that makes sense
)

var (
	typeWords  = []string{"domain", "ip", "email", "hash", "antivirus"}
	autoWords  = []string{"auto", "domain", "ip", "email", "hash", "antivirus"}
	modeWords  = []string{"live", "cache", "queue"}
	levelWords = []string{"debug", "info", "warn", "error"}
	logWords   = []string{"text", "json"}
	kindWords  = []string{"threatcrowd", LocalKind}
)

var table = [...]Setting{
	{Stanza: GlobalStanza, Key: "data_dir", Kind: Path, Note: "in Splunk `$SPLUNK_HOME/var/lib/tclookup`, else the user's cache directory",
		Meaning: "directory of the cache, the queue and local intelligence",
		ref:     func(c *Config, _ *Source) any { return &c.DataDir }},
	{Stanza: GlobalStanza, Key: "sources", Kind: Words, Note: "all enabled sources",
		Meaning: "names of the sources to ask",
		ref:     func(c *Config, _ *Source) any { return &c.Sources }},
	{Stanza: GlobalStanza, Key: "suffixes", Kind: Domains, Note: "none",
		Meaning: "domain suffixes that count as public besides those of the Public Suffix List",
		ref:     func(c *Config, _ *Source) any { return &c.Suffixes }},
	{Stanza: GlobalStanza, Key: "type", Kind: Word, Default: "auto", Words: autoWords,
		Meaning: "type of the values; `auto` decides for each value and never takes one for an antivirus name",
		ref:     func(c *Config, _ *Source) any { return &c.Type }},
	{Stanza: GlobalStanza, Key: "output", Kind: Words, Default: "summary",
		Meaning: "output fields: `summary`, `full`, `json`, or names without prefix such as `verdict, votes`",
		ref:     func(c *Config, _ *Source) any { return &c.Output }},
	{Stanza: GlobalStanza, Key: "prefix", Kind: Text, Note: "`tc_`, with several fields `{field}_tc_`",
		Meaning: "what the names of output fields begin with; `{field}` stands for the name of the input field",
		ref:     func(c *Config, _ *Source) any { return &c.Prefix }},
	{Stanza: GlobalStanza, Key: "mode", Kind: Word, Default: "live", Words: modeWords,
		Meaning: "`live` asks sources within the budgets, `cache` never leaves the machine, `queue` leaves unknown values to the background drain",
		ref:     func(c *Config, _ *Source) any { return &c.Mode }},
	{Stanza: GlobalStanza, Key: "max_wait", Kind: Duration, Default: "30s", Max: day,
		Meaning: "longest time one run waits for sources and limits altogether; `0` is no bound, on the command line only",
		ref:     func(c *Config, _ *Source) any { return &c.MaxWait }},
	{Stanza: GlobalStanza, Key: "max_lookups", Kind: Int, Default: "0", Max: math.MaxInt32,
		Meaning: "most requests one run sends to sources; `0` is no bound",
		ref:     func(c *Config, _ *Source) any { return &c.MaxLookups }},
	{Stanza: GlobalStanza, Key: "list_limit", Kind: Int, Default: "50", Max: math.MaxInt32,
		Meaning: "most elements shown of each list; `0` shows all",
		ref:     func(c *Config, _ *Source) any { return &c.ListLimit }},
	{Stanza: GlobalStanza, Key: "cim", Kind: Bool, Default: "false",
		Meaning: "also write the field names that Splunk's data models expect",
		ref:     func(c *Config, _ *Source) any { return &c.CIM }},
	{Stanza: GlobalStanza, Key: "kvstore", Kind: Bool, Default: "false",
		Meaning: "in Splunk: also write answers into the KV store, for the lookup `tclookup_kv` and automatic lookups",
		ref:     func(c *Config, _ *Source) any { return &c.KVStore }},
	{Stanza: GlobalStanza, Key: "log_level", Kind: Word, Default: "info", Words: levelWords,
		Meaning: "least important messages that are logged",
		ref:     func(c *Config, _ *Source) any { return &c.LogLevel }},
	{Stanza: GlobalStanza, Key: "log_format", Kind: Word, Default: "text", Words: logWords,
		Meaning: "how messages are written",
		ref:     func(c *Config, _ *Source) any { return &c.LogFormat }},

	{Stanza: CacheStanza, Key: "memory_entries", Kind: Int, Default: "100000", Min: 1, Max: 100_000_000,
		Meaning: "most answers held in memory",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.MemoryEntries }},
	{Stanza: CacheStanza, Key: "ttl_found", Kind: Duration, Default: "24h", Max: never,
		Meaning: "how long an answer is fresh when a source knows the value",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.TTLFound }},
	{Stanza: CacheStanza, Key: "ttl_not_found", Kind: Duration, Default: "6h", Max: never,
		Meaning: "the same when no source knows it",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.TTLNotFound }},
	{Stanza: CacheStanza, Key: "ttl_jitter", Kind: Percent, Default: "10%", Max: 50,
		Meaning: "by how much the time of each answer varies, so that not all expire at once",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.TTLJitter }},
	{Stanza: CacheStanza, Key: "stale_for", Kind: Duration, Default: "7d", Max: never,
		Meaning: "how long after that an answer still serves when the source cannot be asked",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.StaleFor }},
	{Stanza: CacheStanza, Key: "disk", Kind: Bool, Default: "true",
		Meaning: "keep answers on disk, shared by all runs",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.Disk }},
	{Stanza: CacheStanza, Key: "max_disk", Kind: Size, Default: "1GiB", Min: 1 << 20, Max: 1 << 50,
		Meaning: "most space the answers take on disk",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.MaxDisk }},
	{Stanza: CacheStanza, Key: "ttl_found_domain", Kind: Duration, Note: "`ttl_found`", Max: never,
		Meaning: "`ttl_found` of domains",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByType[indicator.Domain] }},
	{Stanza: CacheStanza, Key: "ttl_found_ip", Kind: Duration, Note: "`ttl_found`", Max: never,
		Meaning: "`ttl_found` of IP addresses",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByType[indicator.IP] }},
	{Stanza: CacheStanza, Key: "ttl_found_email", Kind: Duration, Note: "`ttl_found`", Max: never,
		Meaning: "`ttl_found` of e-mail addresses",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByType[indicator.Email] }},
	{Stanza: CacheStanza, Key: "ttl_found_hash", Kind: Duration, Note: "`ttl_found`", Max: never,
		Meaning: "`ttl_found` of file hashes",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByType[indicator.Hash] }},
	{Stanza: CacheStanza, Key: "ttl_found_antivirus", Kind: Duration, Note: "`ttl_found`", Max: never,
		Meaning: "`ttl_found` of antivirus names",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByType[indicator.Antivirus] }},
	{Stanza: CacheStanza, Key: "ttl_not_found_domain", Kind: Duration, Note: "`ttl_not_found`", Max: never,
		Meaning: "`ttl_not_found` of domains",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.NotFoundByType[indicator.Domain] }},
	{Stanza: CacheStanza, Key: "ttl_not_found_ip", Kind: Duration, Note: "`ttl_not_found`", Max: never,
		Meaning: "`ttl_not_found` of IP addresses",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.NotFoundByType[indicator.IP] }},
	{Stanza: CacheStanza, Key: "ttl_not_found_email", Kind: Duration, Note: "`ttl_not_found`", Max: never,
		Meaning: "`ttl_not_found` of e-mail addresses",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.NotFoundByType[indicator.Email] }},
	{Stanza: CacheStanza, Key: "ttl_not_found_hash", Kind: Duration, Note: "`ttl_not_found`", Max: never,
		Meaning: "`ttl_not_found` of file hashes",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.NotFoundByType[indicator.Hash] }},
	{Stanza: CacheStanza, Key: "ttl_not_found_antivirus", Kind: Duration, Note: "`ttl_not_found`", Max: never,
		Meaning: "`ttl_not_found` of antivirus names",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.NotFoundByType[indicator.Antivirus] }},
	{Stanza: CacheStanza, Key: "ttl_malicious", Kind: Duration, Note: "the type's", Max: never,
		Meaning: "how long a found answer is fresh when its verdict is malicious; counts before the type's time",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByVerdict[source.Malicious] }},
	{Stanza: CacheStanza, Key: "ttl_suspicious", Kind: Duration, Note: "the type's", Max: never,
		Meaning: "the same when it is suspicious",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByVerdict[source.Suspicious] }},
	{Stanza: CacheStanza, Key: "ttl_harmless", Kind: Duration, Note: "the type's", Max: never,
		Meaning: "the same when it is harmless",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByVerdict[source.Harmless] }},
	{Stanza: CacheStanza, Key: "ttl_unknown", Kind: Duration, Note: "the type's", Max: never,
		Meaning: "the same when it is unknown",
		ref:     func(c *Config, _ *Source) any { return &c.Cache.FoundByVerdict[source.Unknown] }},

	{Stanza: ExcludeStanza, Key: "cidr", Kind: Networks, Note: "none",
		Meaning: "networks and addresses that are never sent to a source",
		ref:     func(c *Config, _ *Source) any { return &c.Exclude.CIDR }},
	{Stanza: ExcludeStanza, Key: "suffix", Kind: Domains, Note: "none",
		Meaning: "domains that, with everything below them, are never sent to a source",
		ref:     func(c *Config, _ *Source) any { return &c.Exclude.Suffix }},
	{Stanza: ExcludeStanza, Key: "allowlist_file", Kind: Path, Note: "none",
		Meaning: "file of values that are never sent to a source, one a line",
		ref:     func(c *Config, _ *Source) any { return &c.Exclude.AllowlistFile }},
	{Stanza: ExcludeStanza, Key: "defaults", Kind: Bool, Default: "true",
		Meaning: "exclude private and reserved addresses and internal names too",
		ref:     func(c *Config, _ *Source) any { return &c.Exclude.Defaults }},

	{Stanza: ServerStanza, Key: "listen", Kind: Address, Default: "127.0.0.1:8080",
		Meaning: "address and port to listen on; port `0` is a free one",
		ref:     func(c *Config, _ *Source) any { return &c.Server.Listen }},
	{Stanza: ServerStanza, Key: "public_url", Kind: URL, Note: "the address it listens on",
		Meaning: "how clients reach the service: the beginning of permalinks",
		ref:     func(c *Config, _ *Source) any { return &c.Server.PublicURL }},
	{Stanza: ServerStanza, Key: "hosts", Kind: Words, Note: "those of `public_url` and `listen`; any when it listens on other than loopback",
		Meaning: "names and addresses by which clients call the service; requests by others are refused",
		ref:     func(c *Config, _ *Source) any { return &c.Server.Hosts }},
	{Stanza: ServerStanza, Key: "tls_cert", Kind: Path, Note: "none",
		Meaning: "PEM file of the certificate, with those of the authorities between behind it; read again when it changes",
		ref:     func(c *Config, _ *Source) any { return &c.Server.TLSCert }},
	{Stanza: ServerStanza, Key: "tls_key", Kind: Path, Note: "none",
		Meaning: "PEM file of its private key",
		ref:     func(c *Config, _ *Source) any { return &c.Server.TLSKey }},
	{Stanza: ServerStanza, Key: "client_ca", Kind: Path, Note: "none",
		Meaning: "PEM file of the authorities whose certificates let clients in, instead of a token",
		ref:     func(c *Config, _ *Source) any { return &c.Server.ClientCA }},
	{Stanza: ServerStanza, Key: "token_file", Kind: Path, Note: "`tokens` in the data directory",
		Meaning: "file of the clients' tokens; `tclookup serve token` writes it",
		ref:     func(c *Config, _ *Source) any { return &c.Server.TokenFile }},
	{Stanza: ServerStanza, Key: "auth_on_loopback", Kind: Bool, Default: "false",
		Meaning: "clients need a token or certificate on the loopback address too",
		ref:     func(c *Config, _ *Source) any { return &c.Server.AuthOnLoopback }},
	{Stanza: ServerStanza, Key: "insecure_no_tls", Kind: Bool, Default: "false",
		Meaning: "listen beyond this machine without encryption",
		ref:     func(c *Config, _ *Source) any { return &c.Server.InsecureNoTLS }},
	{Stanza: ServerStanza, Key: "insecure_no_auth", Kind: Bool, Default: "false",
		Meaning: "let everybody who reaches the service read, beyond this machine too",
		ref:     func(c *Config, _ *Source) any { return &c.Server.InsecureNoAuth }},
	{Stanza: ServerStanza, Key: "get_votes", Kind: Bool, Default: "false",
		Meaning: "take votes by GET without a token, as the original did",
		ref:     func(c *Config, _ *Source) any { return &c.Server.GetVotes }},
	{Stanza: ServerStanza, Key: "client_rate", Kind: Rate, Default: "100/s",
		Meaning: "most requests of one client in the long run; clients on this machine without a token have no bound",
		ref:     func(c *Config, _ *Source) any { return &c.Server.ClientRate }},
	{Stanza: ServerStanza, Key: "client_burst", Kind: Int, Default: "1000", Min: 1, Max: 1_000_000,
		Meaning: "most requests of one client at once after a pause",
		ref:     func(c *Config, _ *Source) any { return &c.Server.ClientBurst }},
	{Stanza: ServerStanza, Key: "request_wait", Kind: Duration, Default: "10s", Min: second / 10, Max: hour,
		Meaning: "longest time a request waits for other sources and their budgets",
		ref:     func(c *Config, _ *Source) any { return &c.Server.RequestWait }},
	{Stanza: ServerStanza, Key: "max_values", Kind: Int, Default: "10000", Min: 1, Max: 1_000_000,
		Meaning: "most values in one look-up in bulk",
		ref:     func(c *Config, _ *Source) any { return &c.Server.MaxValues }},
	{Stanza: ServerStanza, Key: "fetch_queued", Kind: Bool, Default: "true",
		Meaning: "fetch in the background what requests could not wait for",
		ref:     func(c *Config, _ *Source) any { return &c.Server.FetchQueued }},
	{Stanza: ServerStanza, Key: "access_log", Kind: Bool, Default: "false",
		Meaning: "log each request",
		ref:     func(c *Config, _ *Source) any { return &c.Server.AccessLog }},

	{Stanza: AnySource, Key: "kind", Kind: Word, Note: "the name of the source", Words: kindWords,
		Meaning: "which API the server speaks; `local` is intelligence of one's own, without a server",
		ref:     func(_ *Config, s *Source) any { return &s.Kind }},
	{Stanza: AnySource, Key: "enabled", Kind: Bool, Default: "true",
		Meaning: "whether the source is asked",
		ref:     func(_ *Config, s *Source) any { return &s.Enabled }},
	{Stanza: AnySource, Key: "base_url", Kind: URL, Note: "none: the source is not asked",
		Meaning: "where the server is, such as `https://tc.example.com`",
		ref:     func(_ *Config, s *Source) any { return &s.BaseURL }},
	{Stanza: AnySource, Key: "types", Kind: Words, Default: "domain, ip, email, hash, antivirus", Words: typeWords,
		Meaning: "types of values the source is asked for",
		ref:     func(_ *Config, s *Source) any { return &s.Types }},
	{Stanza: AnySource, Key: "rate", Kind: Rate, Default: "6/m",
		Meaning: "most requests in the long run, counted over all processes of the host",
		ref:     func(_ *Config, s *Source) any { return &s.Rate }},
	{Stanza: AnySource, Key: "burst", Kind: Int, Default: "5", Min: 1, Max: 1_000_000,
		Meaning: "most requests sent at once after a pause",
		ref:     func(_ *Config, s *Source) any { return &s.Burst }},
	{Stanza: AnySource, Key: "daily_limit", Kind: Int, Default: "0", Max: math.MaxInt32,
		Meaning: "most requests in a UTC day; `0` is no bound",
		ref:     func(_ *Config, s *Source) any { return &s.DailyLimit }},
	{Stanza: AnySource, Key: "timeout", Kind: Duration, Default: "20s", Min: second / 10, Max: hour,
		Meaning: "longest time one request may take",
		ref:     func(_ *Config, s *Source) any { return &s.Timeout }},
	{Stanza: AnySource, Key: "proxy", Kind: Proxy, Note: "as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say",
		Meaning: "proxy on the way to the server; `none` goes directly",
		ref:     func(_ *Config, s *Source) any { return &s.Proxy }},
	{Stanza: AnySource, Key: "ca_file", Kind: Path, Note: "the system's",
		Meaning: "PEM file of the certificate authorities trusted for this server",
		ref:     func(_ *Config, s *Source) any { return &s.CAFile }},
	{Stanza: AnySource, Key: "insecure_tls", Kind: Bool, Default: "false",
		Meaning: "trust any certificate; for tests only",
		ref:     func(_ *Config, s *Source) any { return &s.InsecureTLS }},
	{Stanza: AnySource, Key: "api_key", Kind: SecretKey, Note: "none",
		Meaning: "key that the server asks for",
		ref:     func(_ *Config, s *Source) any { return &s.APIKey }},
	{Stanza: AnySource, Key: "stored_key", Kind: Bool, Default: "false",
		Meaning: "in Splunk: the key is in `storage/passwords`, under the realm `tclookup` and the source's name",
		ref:     func(_ *Config, s *Source) any { return &s.StoredKey }},
	{Stanza: AnySource, Key: "database", Kind: SecretKey, Note: "a file in `data_dir`",
		Meaning: "of the kind `local`: a PostgreSQL database, such as `postgres://user@host/name`, with a password if it needs one",
		ref:     func(_ *Config, s *Source) any { return &s.Database }},
	{Stanza: AnySource, Key: "concurrency", Kind: Int, Default: "4", Min: 1, Max: 64,
		Meaning: "most requests under way at the same time",
		ref:     func(_ *Config, s *Source) any { return &s.Concurrency }},
	{Stanza: AnySource, Key: "retries", Kind: Int, Default: "3", Max: 10,
		Meaning: "how often a failed request is repeated",
		ref:     func(_ *Config, s *Source) any { return &s.Retries }},
	{Stanza: AnySource, Key: "break_after", Kind: Int, Default: "5", Max: 1000,
		Meaning: "consecutive failures after which the source is left alone; `0` is never",
		ref:     func(_ *Config, s *Source) any { return &s.BreakAfter }},
	{Stanza: AnySource, Key: "cooldown", Kind: Duration, Default: "60s", Min: second, Max: day,
		Meaning: "for how long it is left alone",
		ref:     func(_ *Config, s *Source) any { return &s.Cooldown }},
}

// section returns the name under which the table has a stanza: AnySource for
// those of sources. It is empty for unknown stanzas.
func section(stanza string) string {
	switch {
	case stanza == GlobalStanza || stanza == CacheStanza || stanza == ExcludeStanza || stanza == ServerStanza:
		return stanza
	case strings.HasPrefix(stanza, SourceStanza):
		return AnySource
	case strings.HasPrefix(stanza, FeedStanza):
		return AnyFeed
	}
	return ""
}

// find returns the setting of a key in a section of the table, or nil.
func find(section, key string) *Setting {
	for i := range table {
		if s := &table[i]; s.Key == key && s.Stanza == section {
			return s
		}
	}
	for i := range feedTable {
		if s := &feedTable[i]; s.Key == key && section == AnyFeed {
			return s
		}
	}
	return nil
}
