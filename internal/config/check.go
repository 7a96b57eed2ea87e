package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// check looks at what concerns several settings.
func (l *loader) check() {
	l.checkFeeds()
	for _, name := range l.c.Sources {
		if l.c.Source(name) != nil {
			continue
		}
		if name == LocalKind { // needs no stanza
			l.source(name, l.c.origin(GlobalStanza, "sources"))
			continue
		}
		var names []string
		for _, s := range l.c.All {
			names = append(names, s.Name)
		}
		m := fmt.Sprintf("there is no source %q; there are %s", printable(name), strings.Join(names, ", "))
		l.report(Problem{Origin: l.c.origin(GlobalStanza, "sources"), Stanza: GlobalStanza, Key: "sources", Message: m})
	}
	for _, s := range l.c.All {
		stanza := SourceStanza + s.Name
		if s.Kind == "" {
			if slices.Contains(kindWords, s.Name) {
				s.Kind = s.Name
			} else if !l.wrong(stanza, "kind") {
				l.report(Problem{Origin: s.origin, Stanza: stanza, Key: "kind",
					Message: "missing: the name does not say which API the server speaks; allowed: " + strings.Join(kindWords, ", ")})
			}
		}
		if d := s.Database.Reveal(); d != "" && !strings.HasPrefix(d, "postgres://") && !strings.HasPrefix(d, "postgresql://") {
			l.report(Problem{Origin: l.c.origin(stanza, "database"), Stanza: stanza, Key: "database",
				Message: "not the address of a PostgreSQL database; write it like postgres://user@host:5432/name"})
		}
		for key, given := range map[string]bool{"base_url": s.Kind == LocalKind && s.BaseURL != "", "database": s.Kind != LocalKind && !s.Database.IsZero()} {
			if given {
				l.report(Problem{Origin: l.c.origin(stanza, key), Stanza: stanza, Key: key,
					Message: "means nothing to a source of the kind " + s.Kind})
			}
		}
		if s.InsecureTLS {
			l.report(Problem{Origin: l.c.origin(stanza, "insecure_tls"), Stanza: stanza, Key: "insecure_tls", Warning: true,
				Message: "certificates are not checked: anyone on the way can read and change what is sent; name the server's authority with ca_file instead"})
		}
		if !s.APIKey.IsZero() && strings.HasPrefix(s.BaseURL, "http:") && !loopback(s.BaseURL) {
			l.report(Problem{Origin: l.c.origin(stanza, "base_url"), Stanza: stanza, Key: "base_url", Warning: true,
				Message: "the api_key is sent without encryption; use https"})
		}
	}
}

// checkFeeds looks at what concerns several settings of a feed.
func (l *loader) checkFeeds() {
	for _, f := range l.c.Feeds {
		stanza := FeedStanza + f.Name
		for _, c := range f.Columns {
			if meaning, name, ok := strings.Cut(c, "="); !ok || meaning == "" || name == "" {
				l.report(Problem{Origin: l.c.origin(stanza, "columns"), Stanza: stanza, Key: "columns", Value: c,
					Message: "not a meaning and the name of a column; write it like value=ioc"})
			}
		}
		if !f.Auth.IsZero() && strings.HasPrefix(f.URL, "http:") && !loopback(f.URL) {
			l.report(Problem{Origin: l.c.origin(stanza, "url"), Stanza: stanza, Key: "url", Warning: true,
				Message: "auth is sent without encryption; use https"})
		}
	}
}

// wrong reports whether a mistake in a setting was reported.
func (l *loader) wrong(stanza, key string) bool {
	return slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Stanza == stanza && p.Key == key })
}

func loopback(base string) bool {
	u, err := url.Parse(base)
	return err == nil && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") || u.Hostname() == "::1")
}
