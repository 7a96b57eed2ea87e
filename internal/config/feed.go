package config

import (
	"strings"
	"time"
)

// Feed is one stanza [feed:NAME]: a feed that is downloaded into local
// intelligence.
type Feed struct {
	Name         string
	Enabled      bool
	URL          string
	Format       string
	Verdict      string
	Columns      []string // meaning=name
	Interval     time.Duration
	AuthHeader   string // name of the header field that Auth is sent in
	Auth         Secret
	Proxy        Secret
	CAFile       string
	Timeout      time.Duration
	MaxSize      int64 // bytes
	AllowPrivate bool
}

// Feed returns the feed of that name, or nil.
func (c *Config) Feed(name string) *Feed {
	for _, f := range c.Feeds {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// FeedSettings are the settings of feeds, in the order of the reference. The
// caller does not change them.
func FeedSettings() []Setting { return feedTable[:] }

var feedTable = [...]Setting{
	{Stanza: AnyFeed, Key: "url", Kind: FileURL, Note: "none: the feed is not downloaded",
		Meaning: "where the feed is",
		feed:    func(f *Feed) any { return &f.URL }},
	{Stanza: AnyFeed, Key: "enabled", Kind: Bool, Default: "true",
		Meaning: "whether the feed is downloaded",
		feed:    func(f *Feed) any { return &f.Enabled }},
	{Stanza: AnyFeed, Key: "format", Kind: Word, Default: "auto", Words: []string{"auto", "list", "csv", "misp", "stix", "threatcrowd"},
		Meaning: "how it is written; `auto` decides by the content",
		feed:    func(f *Feed) any { return &f.Format }},
	{Stanza: AnyFeed, Key: "verdict", Kind: Word, Default: "malicious", Words: []string{"malicious", "suspicious", "harmless", "unknown"},
		Meaning: "verdict of values about which the feed says none",
		feed:    func(f *Feed) any { return &f.Verdict }},
	{Stanza: AnyFeed, Key: "columns", Kind: Words, Note: "the usual names",
		Meaning: "what the columns of a CSV feed mean, such as `value=ioc, last_seen=date`",
		feed:    func(f *Feed) any { return &f.Columns }},
	{Stanza: AnyFeed, Key: "interval", Kind: Duration, Default: "1h", Min: 60 * second, Max: 366 * day,
		Meaning: "least time between two downloads",
		feed:    func(f *Feed) any { return &f.Interval }},
	{Stanza: AnyFeed, Key: "auth_header", Kind: Text, Default: "Authorization",
		Meaning: "name of the header field that `auth` is sent in",
		feed:    func(f *Feed) any { return &f.AuthHeader }},
	{Stanza: AnyFeed, Key: "auth", Kind: SecretKey, Note: "none",
		Meaning: "what the server asks for, such as a key, or `Bearer` and a token",
		feed:    func(f *Feed) any { return &f.Auth }},
	{Stanza: AnyFeed, Key: "proxy", Kind: Proxy, Note: "as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say",
		Meaning: "proxy on the way to the server; `none` goes directly",
		feed:    func(f *Feed) any { return &f.Proxy }},
	{Stanza: AnyFeed, Key: "ca_file", Kind: Path, Note: "the system's",
		Meaning: "PEM file of the certificate authorities trusted for this server",
		feed:    func(f *Feed) any { return &f.CAFile }},
	{Stanza: AnyFeed, Key: "timeout", Kind: Duration, Default: "60s", Min: second, Max: hour,
		Meaning: "longest time one request may take",
		feed:    func(f *Feed) any { return &f.Timeout }},
	{Stanza: AnyFeed, Key: "max_size", Kind: Size, Default: "64MiB", Min: 1 << 10, Max: 1 << 30,
		Meaning: "most that is downloaded; it is held in memory",
		feed:    func(f *Feed) any { return &f.MaxSize }},
	{Stanza: AnyFeed, Key: "allow_private", Kind: Bool, Default: "false",
		Meaning: "the server may be in the own network; else only public addresses are connected to",
		feed:    func(f *Feed) any { return &f.AllowPrivate }},
}

// feed returns the feed of that name, which it makes when it is new.
func (l *loader) feed(name string) *Feed {
	if f := l.c.Feed(name); f != nil {
		return f
	}
	f := &Feed{Name: name}
	for i := range feedTable {
		// The table's defaults are right: a test reads them all.
		_ = feedTable[i].decode("", feedTable[i].feed(f), surroundings{})
	}
	l.c.Feeds = append(l.c.Feeds, f)
	return f
}

// target returns what a setting of a stanza is kept in.
func (l *loader) target(s *Setting, stanza string) any {
	if s.feed != nil {
		return s.feed(l.feed(strings.TrimPrefix(stanza, FeedStanza)))
	}
	return s.ref(l.c, l.owner(stanza))
}

// feedMeaning is the meaning of a variable that may be a feed's.
func (l *loader) feedMeaning(rest string) (stanza, key string) {
	name, ok := strings.CutPrefix(rest, "FEED_")
	if !ok {
		return "", ""
	}
	for i := range feedTable {
		name, ok := strings.CutSuffix(name, "_"+envPart(feedTable[i].Key))
		if !ok || name == "" || name != envPart(name) {
			continue
		}
		for _, f := range l.c.Feeds {
			if envPart(f.Name) == name {
				return FeedStanza + f.Name, feedTable[i].Key
			}
		}
		return FeedStanza + strings.ToLower(name), feedTable[i].Key
	}
	return "", ""
}
