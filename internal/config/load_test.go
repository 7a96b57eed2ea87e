package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source"
)

// write writes a configuration file and returns its path.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load loads what must be right.
func load(t testing.TB, o Options) *Config {
	t.Helper()
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := load(t, Options{})
	unset := [6]time.Duration{Unset, Unset, Unset, Unset, Unset, Unset}
	want := &Config{
		Global: Global{
			Output: []string{"summary"}, Mode: Live, MaxWait: 30 * time.Second, ListLimit: 50,
			LogLevel: slog.LevelInfo, LogFormat: "text",
		},
		Cache: Cache{
			MemoryEntries: 100000, TTLFound: 24 * time.Hour, TTLNotFound: 6 * time.Hour, TTLJitter: 0.1,
			StaleFor: 7 * 24 * time.Hour, Disk: true, MaxDisk: 1 << 30,
			FoundByType: unset, NotFoundByType: unset, FoundByVerdict: [4]time.Duration{Unset, Unset, Unset, Unset},
		},
		Exclude: Exclude{Defaults: true},
		Server: Server{
			Listen: "127.0.0.1:8080", ClientRate: 100, ClientBurst: 1000, RequestWait: 10 * time.Second, MaxValues: 10000, FetchQueued: true,
		},
		All: []*Source{{
			Name: "threatcrowd", Kind: "threatcrowd", Enabled: true, Types: indicator.AllTypes, Rate: 0.1, Burst: 5,
			Timeout: 20 * time.Second, Concurrency: 4, Retries: 3, BreakAfter: 5, Cooldown: time.Minute,
		}},
	}
	if d := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{}, Source{}), cmp.AllowUnexported(Secret{})); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if n := len(c.Active()); n != 0 {
		t.Errorf("%d sources to ask although none has a base_url", n)
	}
	if len(c.Warnings()) > 0 {
		t.Errorf("warnings: %v", c.Warnings())
	}
}

const everything = `
# all kinds of settings
[tclookup]
data_dir = state
sources = threatcrowd, mirror
suffixes = .internal.example \
  *.corp.example
type = IP
output = verdict, votes
prefix = {field}_x_
mode = queue
max_wait = 45
max_lookups = 100
list_limit = 0
cim = yes
log_level = DEBUG
log_format = json
[cache]
memory_entries = 500
ttl_found = 2d
ttl_not_found = 90m
ttl_jitter = 5%
stale_for = 0
disk = n
max_disk = 256MiB
ttl_found_hash = 4w
ttl_not_found_domain = 1h
ttl_malicious = 1w
[exclude]
cidr = 198.51.100.0/24, 203.0.113.9
suffix = example.org
allowlist_file = /etc/allow.txt
defaults = 0
[source:threatcrowd]
base_url = https://tc.example.com/
rate = 120/h
[source:mirror]
kind = threatcrowd
enabled = true
base_url = http://127.0.0.1:9000/tc
types = domain ip
rate = unlimited
burst = 20
daily_limit = 1000
timeout = 5s
proxy = http://proxy.example.com:3128
ca_file = ca.pem
api_key = k=1 # 2
concurrency = 8
retries = 0
break_after = 0
cooldown = 5m
`

func TestEverySetting(t *testing.T) {
	path := write(t, everything)
	c := load(t, Options{Files: []string{path}})
	dir := filepath.Dir(path)
	mirror := c.Source("mirror")
	got := map[string]any{
		"global": c.Global, "jitter": c.Cache.TTLJitter, "memory": c.Cache.MemoryEntries, "disk": c.Cache.Disk,
		"maxdisk": c.Cache.MaxDisk, "stale": c.Cache.StaleFor, "exclude": c.Exclude, "rate": c.Source("threatcrowd").Rate,
		"url": c.Source("threatcrowd").BaseURL, "key": mirror.APIKey.Reveal(), "limit": mirror.Limit(),
		"types": mirror.Types, "timeout": mirror.Timeout, "proxy": mirror.Proxy.Reveal(), "ca": mirror.CAFile,
		"concurrency": mirror.Concurrency, "retries": mirror.Retries,
	}
	want := map[string]any{
		"global": Global{
			DataDir: filepath.Join(dir, "state"), Sources: []string{"threatcrowd", "mirror"},
			Suffixes: []string{"internal.example", "corp.example"}, Type: indicator.IP, Output: []string{"verdict", "votes"},
			Prefix: "{field}_x_", Mode: Queue, MaxWait: 45 * time.Second, MaxLookups: 100, CIM: true,
			LogLevel: slog.LevelDebug, LogFormat: "json",
		},
		"jitter": 0.05, "memory": 500, "disk": false, "maxdisk": int64(256 << 20), "stale": time.Duration(0),
		"exclude": Exclude{
			CIDR:   []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.9/32")},
			Suffix: []string{"example.org"}, AllowlistFile: filepath.FromSlash("/etc/allow.txt"),
		},
		"rate": 120.0 / 3600, "url": "https://tc.example.com", "key": "k=1 # 2",
		"limit": limit.Policy{Burst: 20, Daily: 1000, Cooldown: 5 * time.Minute},
		"types": indicator.Types(indicator.Domain, indicator.IP), "timeout": 5 * time.Second,
		"proxy": "http://proxy.example.com:3128", "ca": filepath.Join(dir, "ca.pem"), "concurrency": 8, "retries": 0,
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(c.Warnings()) > 0 {
		t.Errorf("warnings: %v", c.Warnings())
	}
}

func TestTTL(t *testing.T) {
	c := load(t, Options{Files: []string{write(t, "[cache]\nttl_found=10\nttl_not_found=20\nttl_found_ip=30\nttl_not_found_ip=40\nttl_malicious=50\nttl_found_hash=0\n")}})
	tests := []struct {
		found bool
		t     indicator.Type
		v     source.Verdict
		want  time.Duration
	}{
		{true, indicator.Domain, source.Unknown, 10}, {false, indicator.Domain, source.Malicious, 20},
		{true, indicator.IP, source.Harmless, 30}, {false, indicator.IP, source.Unknown, 40},
		{true, indicator.IP, source.Malicious, 50}, {true, indicator.Domain, source.Malicious, 50},
		{true, indicator.Hash, source.Unknown, 0}, {true, 99, 99, 10}, {false, 99, 99, 20}, {true, indicator.None, 0, 10}, {false, indicator.None, 0, 20},
	}
	for _, tt := range tests {
		if got := c.Cache.TTL(tt.found, tt.t, tt.v); got != tt.want*time.Second {
			t.Errorf("TTL(%t, %s, %s) = %s, want %ds", tt.found, tt.t, tt.v, got, tt.want)
		}
	}
}

func TestPrecedence(t *testing.T) {
	first := write(t, "[tclookup]\nmax_wait=1\nlist_limit=1\nmax_lookups=1\nprefix=a_\ncim=1\n[source:threatcrowd]\nburst=1\nretries=1\n")
	second := write(t, "[tclookup]\nlist_limit=2\nmax_lookups=2\nprefix=b_\ncim=\n[source:threatcrowd]\nretries=2\n")
	c := load(t, Options{
		Files:   []string{first, filepath.Join(t.TempDir(), "absent.conf"), second},
		Environ: []string{"TCLOOKUP_MAX_LOOKUPS=3", "TCLOOKUP_PREFIX=c_", "TCLOOKUP_LIST_LIMIT="},
		Overrides: []Override{
			{GlobalStanza, "prefix", "d_", "--prefix"}, {GlobalStanza, "prefix", "e_", "--prefix"},
		},
	})
	got := fmt.Sprintln(c.MaxWait, c.ListLimit, c.MaxLookups, c.Prefix, c.CIM, c.All[0].Burst, c.All[0].Retries, c.All[0].Concurrency)
	if want := "1s 2 3 e_ false 1 2 4\n"; got != want {
		t.Errorf("got %swant %s", got, want)
	}
	origins := map[string]string{}
	for _, e := range c.Effective() {
		origins[e.Stanza+" "+e.Key] = e.Origin.String()
	}
	for key, want := range map[string]string{
		"tclookup max_wait": first + ":2", "tclookup list_limit": second + ":2", "tclookup max_lookups": "environment TCLOOKUP_MAX_LOOKUPS",
		"tclookup prefix": "--prefix", "tclookup cim": second + ":5", "tclookup mode": "default", "source:threatcrowd retries": second + ":7",
	} {
		if origins[key] != want {
			t.Errorf("origin of %s: %s, want %s", key, origins[key], want)
		}
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct {
		name, conf string
		want       []string // how they begin, F standing for the file; "W " before warnings, which come last
	}{
		{"unknown stanza", "[caches]\nx=1\ny=2\n", []string{"F:1: [caches]: unknown stanza, did you mean [cache]?"}},
		{"source without colon", "[source threatcrowd]\n", []string{"F:1: [source threatcrowd]: unknown stanza, did you mean [source:NAME]?"}},
		{"name of a source", "[source:My Source]\nx=1\n", []string{"F:1: [source:My Source]: not a name"}},
		{"unknown key", "[tclookup]\nmaxwait = 3\n", []string{"F:2: [tclookup] maxwait: unknown key, did you mean max_wait?"}},
		{"key in another case", "[source:threatcrowd]\nBase_URL = x\n", []string{"F:2: [source:threatcrowd] Base_URL: unknown key, did you mean base_url?"}},
		{"usual name", "[source:threatcrowd]\ntoken = x\n", []string{"F:2: [source:threatcrowd] token: unknown key, did you mean api_key?"}},
		{"wrong stanza", "[tclookup]\nttl_found = 1h\n", []string{"F:2: [tclookup] ttl_found: unknown key here; it belongs to [cache]"}},
		{"all in one go", "[tclookup]\nmax_wait = soon\nmode = fast\n[cache]\ndisk = maybe\nmax_disk = big\nttl_jitter = 0.1\n[exclude]\ncidr = 198.51.100.0/24 300.1.1.1\nsuffix = a..b\n[source:threatcrowd]\nrate = 6\nburst = 0\nbase_url = tc\ntypes = domain, url\n", []string{
			"F:2: [tclookup] max_wait = soon: not a duration; allowed: a duration such as 30s, 24h, 7d, 2w or 1h30m, or a number of seconds, from 0s to 1d",
			`F:3: [tclookup] mode = fast: unknown word "fast"; allowed: live, cache, queue`,
			"F:5: [cache] disk = maybe: neither yes nor no; allowed: true, false",
			"F:6: [cache] max_disk = big: not a size; allowed: a size such as 256MiB, 1GB or a number of bytes, from 1MiB to 1024TiB",
			"F:7: [cache] ttl_jitter = 0.1: a fraction of a percent, or of the whole? Write the % sign; allowed: a percentage from 0% to 50%",
			"F:9: [exclude] cidr = 198.51.100.0/24 300.1.1.1: 300.1.1.1 is no address",
			"F:10: [exclude] suffix = a..b: a..b is no domain",
			"F:12: [source:threatcrowd] rate = 6: not a rate; allowed: a rate such as 6/m",
			"F:13: [source:threatcrowd] burst = 0: out of range; allowed: a whole number from 1 to 1000000",
			"F:14: [source:threatcrowd] base_url = tc: not a URL",
			`F:15: [source:threatcrowd] types = domain, url: unknown word "url"; allowed: a list of domain, ip`,
		}},
		{"syntax and settings", "k=1\n[tclookup]\ntype\nmax_wait = x\n", []string{"F:1: a key above", "F:3: neither", "F:4: [tclookup] max_wait = x"}},
		{"slip in a word", "[tclookup]\nmode = qeue\n", []string{`F:2: [tclookup] mode = qeue: unknown word "qeue", did you mean queue?`}},
		{"zero rate", "[source:threatcrowd]\nrate = 0/m\n", []string{"F:2: [source:threatcrowd] rate = 0/m: not a rate"}},
		{"several lines", "[tclookup]\ndata_dir = C:\\x\\\ncim = 1\n", []string{`F:2: [tclookup] data_dir = C:\\x\ncim = 1: goes over several lines`}},
		{"password in a URL", "[source:threatcrowd]\nbase_url = https://u:hunter2@tc.example.com\n", []string{"F:2: [source:threatcrowd] base_url: holds a user name or password"}},
		{"password in a wrong proxy", "[source:threatcrowd]\nproxy = http://u:hunter2@proxy.example.com:x\n", []string{"F:2: [source:threatcrowd] proxy: not a URL"}},
		{"proxy of an unknown kind", "[source:threatcrowd]\nproxy = ftp://u:hunter2@proxy.example.com\n", []string{`F:2: [source:threatcrowd] proxy: unknown scheme "ftp"`}},
		{"proxy without scheme", "[source:threatcrowd]\nproxy = proxy:3128\n", []string{"F:2: [source:threatcrowd] proxy = proxy:3128: not a URL: it does not begin with http://"}},
		{"placeholder", "[tclookup]\nprefix = {name}_\n", []string{"F:2: [tclookup] prefix = {name}_: unknown placeholder"}},
		{"source that is not there", "[tclookup]\nsources = threatcrowd othx\n", []string{`F:2: [tclookup] sources: there is no source "othx"; there are threatcrowd`}},
		{"kind missing", "[source:mirror]\nbase_url = https://tc.example.com\n", []string{"F:1: [source:mirror] kind: missing"}},
		{"kind wrong", "[source:mirror]\nkind = threadcrowd\n", []string{`F:2: [source:mirror] kind = threadcrowd: unknown word "threadcrowd", did you mean threatcrowd?`}},
		{"variable", "[tclookup]\ndata_dir = $NOWHERE/x\n", []string{"F:2: [tclookup] data_dir = $NOWHERE/x: the environment variable NOWHERE is not set"}},
		{"output", "[tclookup]\noutput = verdict votez\n", []string{`F:2: [tclookup] output = verdict votez: unknown output "votez", did you mean votes?`}},

		{"address", "[server]\nlisten = 8080\n", []string{"F:2: [server] listen = 8080: not an address; allowed: host:port, such as 127.0.0.1:8080"}},
		{"port", "[server]\nlisten = localhost:http\n", []string{"F:2: [server] listen = localhost:http: the port is not a number"}},
		{"repeated key", "[tclookup]\ncim=1\ncim=0\n", []string{"W F:3: [tclookup] cim: set in line 2 already"}},
		{"insecure", "[source:threatcrowd]\ninsecure_tls = true\n", []string{"W F:2: [source:threatcrowd] insecure_tls: certificates are not checked"}},
		{"key without encryption", "[source:threatcrowd]\nbase_url = http://tc.example.com\napi_key = x\n", []string{"W F:2: [source:threatcrowd] base_url: the api_key is sent without"}},
		{"key to this machine", "[source:threatcrowd]\nbase_url = http://[::1]:80\napi_key = x\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.conf)
			c, err := Load(Options{Files: []string{path}, Outputs: []string{"summary", "full", "json", "verdict", "votes"}})
			var all []Problem
			if e := (*Error)(nil); errors.As(err, &e) {
				all = e.Problems
				for _, p := range all {
					if !strings.Contains(err.Error(), p.String()) {
						t.Errorf("the error does not say %s", p)
					}
				}
			} else if err != nil {
				t.Fatalf("error is a %T", err)
			}
			for _, p := range c.Warnings() {
				if !p.Warning {
					t.Errorf("mistake among the warnings: %s", p)
				}
			}
			all = append(all, c.Warnings()...)
			var want []string
			for _, w := range tt.want {
				want = append(want, strings.Replace(w, "F:", path+":", 1))
			}
			comparePrefixes(t, want, all)
			for _, p := range all {
				if strings.Contains(p.String(), "hunter2") {
					t.Errorf("shows a secret: %s", p)
				}
			}
		})
	}
}

func TestMistakenSettingKeepsItsDefault(t *testing.T) {
	c, err := Load(Options{Files: []string{write(t, "[tclookup]\nmax_wait=x\nlist_limit=7\n[exclude]\ncidr=1.2.3.4/x\n")}})
	if err == nil || c.MaxWait != 30*time.Second || c.ListLimit != 7 || c.Exclude.CIDR != nil {
		t.Errorf("%v, %v, %v, %v", err, c.MaxWait, c.ListLimit, c.Exclude.CIDR)
	}
}

func TestStrict(t *testing.T) {
	_, err := Load(Options{Files: []string{write(t, "[tclookup]\ncim=1\ncim=0\n")}, Strict: true})
	if err == nil || !strings.Contains(err.Error(), "cim: set in line 2 already") {
		t.Error(err)
	}
}

func TestManyMistakesAreCutShort(t *testing.T) {
	_, err := Load(Options{Files: []string{write(t, "[tclookup]\n"+strings.Repeat("x\n", 1000))}})
	if n := strings.Count(err.Error(), "\n"); n > maxListed+2 || !strings.HasPrefix(err.Error(), "1000 mistakes") || !strings.Contains(err.Error(), "950 more") {
		t.Errorf("%d lines: %s", n, err)
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(Options{Files: []string{dir}}); err == nil || !strings.Contains(err.Error(), dir+": cannot read the file") {
		t.Errorf("directory: %v", err)
	}
	large := write(t, "#"+strings.Repeat("x", maxFile))
	if _, err := Load(Options{Files: []string{large}}); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("large file: %v", err)
	}
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		return
	}
	closed := write(t, "")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Options{Files: []string{closed}}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("closed file: %v", err)
	}
}

func TestReadableKey(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	for _, tt := range []struct {
		mode fs.FileMode
		conf string
		warn bool
	}{
		{0o644, "[source:threatcrowd]\napi_key = hunter2\n", true},
		{0o640, "[source:threatcrowd]\napi_key = hunter2\n", false},
		{0o644, "[source:threatcrowd]\nproxy = http://u:p@proxy.example.com\n", true},
		{0o644, "[source:threatcrowd]\napi_key =\n", false},
		{0o644, "[source:threatcrowd]\nburst = 2\n", false},
	} {
		path := write(t, tt.conf)
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		c := load(t, Options{Files: []string{path}})
		if got := len(c.Warnings()) == 1 && strings.Contains(c.Warnings()[0].String(), "chmod"); got != tt.warn {
			t.Errorf("%o %q: %v", tt.mode, tt.conf, c.Warnings())
		}
	}
}

func TestOverrides(t *testing.T) {
	c, err := Load(Options{Overrides: []Override{
		{GlobalStanza, "max_wait", "0", "--max-wait"},
		{GlobalStanza, "list_limit", "-1", "list_limit=-1"},
		{GlobalStanza, "maxwait", "1", "--maxwait"},
		{"nope", "x", "1", "--x"},
		{"source:threatcrowd", "api_key", "hunter2", "--api-key"},
		{"source:threatcrowd", "proxy", "http://u:hunter2@proxy.example.com", "--proxy"},
		{"source:threatcrowd", "proxy", "none", "--proxy"},
		{"source:threatcrowd", "base_url", "http://127.0.0.1:1", ""},
	}})
	if c.MaxWait != 0 || len(c.Active()) != 1 || !c.All[0].APIKey.IsZero() {
		t.Errorf("%v, %v", c.MaxWait, c.Active())
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	comparePrefixes(t, []string{
		"list_limit=-1: [tclookup] list_limit = -1: out of range",
		"--maxwait: [tclookup] maxwait: unknown key, did you mean max_wait?",
		"--x: [nope]: unknown stanza",
		"--api-key: [source:threatcrowd] api_key: a secret on a command line",
		"--proxy: [source:threatcrowd] proxy: a secret on a command line",
	}, e.Problems)
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("shows a secret: %v", err)
	}
}

func TestActive(t *testing.T) {
	conf := "[source:b]\nkind=threatcrowd\nbase_url=https://b.example\n[source:off]\nkind=threatcrowd\nbase_url=https://c.example\nenabled=0\n[source:threatcrowd]\nbase_url=https://a.example\n"
	names := func(c *Config) string {
		var s []string
		for _, a := range c.Active() {
			s = append(s, a.Name)
		}
		return strings.Join(s, " ")
	}
	if got := names(load(t, Options{Files: []string{write(t, conf)}})); got != "threatcrowd b" {
		t.Errorf("all: %s", got)
	}
	o := []Override{{GlobalStanza, "sources", "off b,threatcrowd b", "source"}}
	if got := names(load(t, Options{Files: []string{write(t, conf)}, Overrides: o})); got != "b threatcrowd" {
		t.Errorf("named: %s", got)
	}
}

func TestNoSecretInPrintedConfig(t *testing.T) {
	path := write(t, "[source:threatcrowd]\napi_key = hunter2\nproxy = http://u:hunter2@proxy.example.com\nbase_url = https://tc.example.com\n")
	c := load(t, Options{Files: []string{path}, Environ: []string{"TCLOOKUP_SOURCE_OTHER_KIND=threatcrowd", "TCLOOKUP_SOURCE_OTHER_API_KEY=hunter2"}})
	var b strings.Builder
	if err := c.Show(&b); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%v %+v %#v %+v %+v", c, *c, *c, *c.All[0], c.Effective())
	if strings.Contains(b.String(), "hunter2") {
		t.Error("shows a secret")
	}
	if n := strings.Count(b.String(), "api_key = "+Redacted); n != 2 {
		t.Errorf("%d keys shown as set, want 2\n%s", n, b.String())
	}
	if !strings.Contains(b.String(), "proxy = http://(secret)@proxy.example.com") {
		t.Errorf("proxy is not shown:\n%s", b.String())
	}
	if got := c.All[0].Proxy.Reveal(); got != "http://u:hunter2@proxy.example.com" {
		t.Errorf("proxy is %s", got)
	}
	for _, s := range c.All {
		if s.APIKey.Reveal() != "hunter2" {
			t.Errorf("%s: the key is lost", s.Name)
		}
	}
}
