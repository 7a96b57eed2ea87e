package config

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestEnvName(t *testing.T) {
	for _, tt := range [][3]string{
		{GlobalStanza, "max_wait", "TCLOOKUP_MAX_WAIT"},
		{CacheStanza, "ttl_found", "TCLOOKUP_CACHE_TTL_FOUND"},
		{"source:threatcrowd", "base_url", "TCLOOKUP_SOURCE_THREATCROWD_BASE_URL"},
		{"source:my-own.1", "rate", "TCLOOKUP_SOURCE_MY_OWN_1_RATE"},
	} {
		if got := EnvName(tt[0], tt[1]); got != tt[2] {
			t.Errorf("EnvName(%q, %q) = %s, want %s", tt[0], tt[1], got, tt[2])
		}
	}
}

// Every setting must be reachable, so no two may share a name, and each name
// must lead back to its setting.
func TestEveryVariable(t *testing.T) {
	seen := map[string]string{PathVariable: "the path"}
	for _, s := range Settings() {
		stanza := s.Stanza
		if stanza == AnySource {
			stanza = "source:own_rate"
		}
		name := EnvName(stanza, s.Key)
		if other := seen[name]; other != "" {
			t.Errorf("%s means %s and %s", name, other, s.Key)
		}
		seen[name] = s.Key
		l := &loader{c: &Config{}, o: &Options{}}
		if gotStanza, key := l.meaning(name[len(EnvPrefix):], Origin{}); gotStanza != stanza || key != s.Key {
			t.Errorf("%s is read as [%s] %s, want [%s] %s", name, gotStanza, key, stanza, s.Key)
		}
	}
}

func TestEnvironment(t *testing.T) {
	path := write(t, "[source:my-own]\nkind = threatcrowd\n")
	c := load(t, Options{Files: []string{path}, Environ: []string{
		"HOME=/home/u", "TCLOOKUP_CONFIG=/x", "TCLOOKUP_LISTEN=:80", "TCLOOKUP_MODE= cache ", "TCLOOKUP_CACHE_TTL_FOUND=2h",
		"TCLOOKUP_SOURCE_MY_OWN_BASE_URL=https://own.example", "TCLOOKUP_SOURCE_NEW_ONE_KIND=threatcrowd",
		"TCLOOKUP_SOURCE_NEW_ONE_DAILY_LIMIT=9", "TCLOOKUP_DATA_DIR=~/state", "TCLOOKUP_EXCLUDE_ALLOWLIST_FILE=${HOME}/allow",
		"TCLOOKUP_CIM=", "TCLOOKUP_SOURCE_THREATCROWD_BASE_URL",
	}, KnownEnv: []string{"TCLOOKUP_LISTEN"}})
	if len(c.Warnings()) > 0 {
		t.Errorf("warnings: %v", c.Warnings())
	}
	if c.Mode != Only || c.Cache.TTLFound != 2*time.Hour || filepath.ToSlash(c.DataDir) != "/home/u/state" || filepath.ToSlash(c.Exclude.AllowlistFile) != "/home/u/allow" {
		t.Errorf("%+v %+v", c.Global, c.Exclude)
	}
	if own := c.Source("my-own"); own.BaseURL != "https://own.example" {
		t.Errorf("%+v", own)
	}
	if one := c.Source("new_one"); one == nil || one.DailyLimit != 9 || len(c.All) != 3 {
		t.Errorf("%+v of %d", one, len(c.All))
	}
}

func TestWrongEnvironment(t *testing.T) {
	path := write(t, "[source:a-b]\nkind = threatcrowd\n[source:a.b]\nkind = threatcrowd\n")
	c, err := Load(Options{Files: []string{path}, Environ: []string{
		"TCLOOKUP_MAX_WAIT=x", "TCLOOKUP_SOURCE_A_B_RATE=1/s", "TCLOOKUP_SOURCE_MIRROR_RATE=1/s", "TCLOOKUP_SOURCE__X_RATE=1/s",
		"TCLOOKUP_MAXWAIT=3s", "TCLOOKUP_SOURCE_THREATCROWD_BASEURL=https://u:hunter2@x", "TCLOOKUP_=1", "TCLOOKUP_SOURCE_RATE=1", "TCLOOKUP_SOURCE_x_RATE=1",
	}})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	comparePrefixes(t, []string{
		"environment TCLOOKUP_MAX_WAIT: [tclookup] max_wait = x: not a duration",
		"environment TCLOOKUP_SOURCE_A_B_RATE: [source:a.b]: the variable may mean this source or a-b",
		"environment TCLOOKUP_SOURCE__X_RATE: [source:_x]: not a name",
		"environment TCLOOKUP_SOURCE_MIRROR_RATE: [source:mirror] kind: missing",
	}, e.Problems)
	comparePrefixes(t, []string{
		"W environment TCLOOKUP_: no setting has this name, it is ignored",
		"W environment TCLOOKUP_MAXWAIT: no setting has this name, it is ignored; did you mean TCLOOKUP_MAX_WAIT?",
		"W environment TCLOOKUP_SOURCE_RATE: no setting has this name",
		"W environment TCLOOKUP_SOURCE_THREATCROWD_BASEURL: no setting has this name, it is ignored; did you mean TCLOOKUP_SOURCE_THREATCROWD_BASE_URL?",
		"W environment TCLOOKUP_SOURCE_x_RATE: no setting has this name",
	}, c.Warnings())
}
