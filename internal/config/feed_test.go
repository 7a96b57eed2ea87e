package config

import (
	"strings"
	"testing"
	"time"
)

func TestFeeds(t *testing.T) {
	path := write(t, "[feed:own]\nurl = https://feeds.example/list?key=hidden\ninterval = 2h\ncolumns = value=IOC, last_seen=Seen\n[feed:empty]\n")
	c := load(t, Options{Files: []string{path}, Environ: []string{"TCLOOKUP_FEED_OWN_AUTH=secret words", "TCLOOKUP_FEED_NEW_ONE_URL=https://n.example/"}})
	if len(c.Feeds) != 3 {
		t.Fatalf("%d feeds", len(c.Feeds))
	}
	f := c.Feed("own")
	if f.URL != "https://feeds.example/list?key=hidden" || f.Interval != 2*time.Hour || f.Auth.Reveal() != "secret words" || f.AuthHeader != "Authorization" ||
		!f.Enabled || f.Format != "auto" || f.Verdict != "malicious" || f.MaxSize != 64<<20 || f.AllowPrivate || strings.Join(f.Columns, " ") != "value=ioc last_seen=seen" {
		t.Errorf("%+v", f)
	}
	if c.Feed("new_one").URL != "https://n.example/" || c.Feed("other") != nil {
		t.Error("feed of a variable")
	}
	var b strings.Builder
	if err := c.Show(&b); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "hidden") || strings.Contains(s, "secret words") || !strings.Contains(s, "https://feeds.example/list?") {
		t.Error(s)
	}
	for text, want := range map[string]string{
		"[feed:Not OK]\n":                                   "not a name for a feed",
		"[feed:a]\ninterval = 1s\n":                         "out of range",
		"[feed:a]\nurl = ftp://x/\n":                        "unknown scheme",
		"[feed:a]\nurl = https://x/?a#b\n":                  "fragment",
		"[feed:a]\nurl = https://u:pw@x/?a\n":               "password",
		"[feed:a]\ncolumns = value\n":                       "value=ioc",
		"[feed:a]\nverdict = evil\n":                        "unknown word",
		"[feed:a]\ninterwal = 1h\n":                         "did you mean interval",
		"[feed:a]\nformat = xml\n[feed]\n":                  "unknown",
		"[source:local]\nbase_url = https://x\n":            "means nothing to a source of the kind local",
		"[source:local]\ndatabase = mysql://h\n":            "postgres://",
		"[source:threatcrowd]\ndatabase = postgres://h/x\n": "means nothing to a source of the kind threatcrowd",
	} {
		_, err := Load(Options{Files: []string{write(t, text)}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pw@") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestLocals(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "local",
		"[source:local]\nenabled = no\n":      "",
		"[source:team]\nkind = local\n":       "team",
		"[tclookup]\nsources = threatcrowd\n": "",
		"[tclookup]\nsources = local\n":       "local",
		"[source:local]\ntypes = ip\n[source:b]\nkind = local\n": "local b",
	} {
		var names []string
		for _, s := range load(t, Options{Files: []string{write(t, text)}}).Locals() {
			names = append(names, s.Name)
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%q: %q, want %q", text, names, want)
		}
	}
	c := load(t, Options{Environ: []string{"TCLOOKUP_SOURCE_LOCAL_DATABASE=postgres://u:pw@h/x"}})
	if l := c.Locals(); len(l) != 1 || l[0].Database.Reveal() != "postgres://u:pw@h/x" || len(c.Active()) != 0 {
		t.Errorf("%+v", l)
	}
}
