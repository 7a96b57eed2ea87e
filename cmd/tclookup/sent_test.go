package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tclookup/tclookup/internal/accept"
)

// column returns the cells of a column of CSV text, without the header.
func column(t testing.TB, text, name string) []string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("%v in %.300q", err, text)
	}
	if len(rows) == 0 {
		t.Fatalf("no header in %q", text)
	}
	i := slices.Index(rows[0], name)
	if i < 0 {
		t.Fatalf("no column %q in %q", name, rows[0])
	}
	var out []string
	for _, r := range rows[1:] {
		out = append(out, r[i])
	}
	return out
}

// table makes CSV of one column.
func table(name string, values ...string) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"n", name})
	for i, v := range values {
		_ = w.Write([]string{fmt.Sprint(i), v})
	}
	w.Flush()
	return b.String()
}

// public are indicators in many spellings; each line is one indicator.
var public = map[string][]string{
	"domain/evil.com":                               {"evil.com", "EVIL.com", "evil.com.", "*.evil.com", "hxxp://evil[.]com/", "http://evil.com:8080/a?b=c#d", "evil.com:443", `"evil.com"`, " evil.com\t", "evil(.)com", "https://user@evil.com/"},
	"domain/xn--bcher-kva.de":                       {"bücher.de", "BÜCHER.de", "xn--bcher-kva.de", "https://bücher.de/ä"},
	"ip/8.8.4.4":                                    {"8.8.4.4", "8.8.4[.]4", "http://8.8.4.4/", "8.8.4.4:53", "::ffff:8.8.4.4", "[::ffff:8.8.4.4]:80"},
	"ip/2606:4700::1111":                            {"2606:4700::1111", "2606:4700:0:0:0:0:0:1111", "[2606:4700::1111]:443", "https://[2606:4700::1111]/x", "2606:4700::1111%eth0"},
	"email/A.b+c@evil.com":                          {"A.b+c@evil.com", "A.b+c@EVIL.com", "Somebody <A.b+c@evil.com>", "mailto:A.b+c@evil.com", "A.b+c[@]evil[.]com"},
	"file/31d0e421894004393c48de1769744687":         {"31d0e421894004393c48de1769744687", "31D0E421894004393C48DE1769744687"},
	"file/da39a3ee5e6b4b0d3255bfef95601890afd80709": {"da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	"file/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": {"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"},
}

// secret are values that must not leave the machine.
var secret = []string{
	"10.0.0.1", "172.16.5.5", "172.31.255.255", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
	"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
	"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:c0a8:0101", "64:ff9b::10.0.0.1", "64:ff9b::c0a8:101", "64:ff9b:1::1", "[::1]:80", "[fe80::1]", "::10.0.0.1",
	"http://10.0.0.1/x", "hxxp://192[.]168[.]1[.]1:8080/login", "https://[::ffff:10.0.0.1]/", "10.0.0.1:443", "user:pw@10.0.0.1:80/x",
	"localhost", "fileserver", "FILESERVER", "http://intranet/wiki", "fileserver:445", "host.local", "host.LOCAL.", "nas.lan", "db.internal", "x.intranet", "dc1.corp", "tv.home", "tv.home.arpa",
	"app.localhost", "x.test", "www.example", "x.invalid", "abc.onion", "1.0.0.10.in-addr.arpa", "https://dc1.corp/x?y=evil.com", "hxxps://dc1[.]corp", "*.dc1.corp",
	"admin@dc1.corp", "root@localhost", "Admin <admin@host.local>", "bob@fileserver", "bob@[10.0.0.1]",
	"secret.mycompany.com", "http://vpn.mycompany.com/", "ceo@mycompany.com", "9.9.9.9", "http://9.9.9.10/", "mailto:ceo@mycompany.com", "listed.com", "www.listed.com", "deadbeefdeadbeefdeadbeefdeadbeef",
}

func TestOnlyPublicIsAskedOnce(t *testing.T) {
	s := accept.NewServer(t, nil)
	var values, want []string
	for key, spellings := range public {
		want = append(want, key)
		values = append(values, spellings...)
	}
	slices.Sort(want)
	n := len(values)
	values = append(values, secret...)
	values = append(values, "-", "", "two words", "1.2.3", "http://", "@", "a@", "%", "evil.nosuchtld", "300.1.1.1", strings.Repeat("a", 3000)+".com")
	p := asking(t, s, "TCLOOKUP_EXCLUDE_CIDR=9.9.9.0/24", "TCLOOKUP_EXCLUDE_SUFFIX=mycompany.com")
	allow := filepath.Join(p.Home, "allow.txt")
	if err := os.WriteFile(allow, []byte("# known good\nlisted.com\ndeadbeefdeadbeefdeadbeefdeadbeef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Env = append(p.Env, "TCLOOKUP_EXCLUDE_ALLOWLIST_FILE="+allow)
	in := table("what", append(values, values...)...)
	o := p.Run(t, strings.NewReader(in), "enrich", "--field", "what", "--output", "status,indicator", "--max-wait", "0", "-j", "8")
	if o.Code != 0 {
		t.Fatal(o.Stderr)
	}
	if got := slices.Sorted(maps.Keys(s.Counts())); !slices.Equal(got, want) {
		t.Errorf("asked for\n%q, should be\n%q", got, want)
	}
	for k, n := range s.Counts() {
		if n != 1 {
			t.Errorf("%s was asked for %d times", k, n)
		}
	}
	status := column(t, o.Stdout, "tc_status")
	if len(status) != 2*len(values) {
		t.Fatalf("%d rows, should be %d", len(status), 2*len(values))
	}
	for i, v := range values {
		allowed := []string{"found"}
		switch {
		case v == "":
			allowed = []string{""}
		case i >= n+len(secret):
			allowed = []string{"invalid"}
		case i >= n: // not sent is what counts; a spelling may also be none of an indicator
			allowed = []string{"excluded", "invalid"}
		}
		if !slices.Contains(allowed, status[i]) {
			t.Errorf("%q has status %q, should be one of %q", v, status[i], allowed)
		}
		if i >= n && i < n+len(secret) && status[i] == "invalid" {
			t.Logf("%q is invalid rather than excluded", v)
		}
		if status[i+len(values)] != status[i] {
			t.Errorf("%q has status %q at first and %q then", v, status[i], status[i+len(values)])
		}
	}
	for _, q := range s.Questions() {
		if q.Method != http.MethodGet || q.Kind == "" {
			t.Errorf("the request %s %s?%s is none of the API's", q.Method, q.Path, q.RawQuery)
		}
	}
}

// What is in a value arrives as it is: nothing of it becomes part of the
// address.
func TestValuesAreEncoded(t *testing.T) {
	s := accept.NewServer(t, nil)
	names := []string{"Trojan.A*B", "Win32:Malware-gen [Trj]", "a b", "a+b", "a&antivirus=c", "a=b", "a#b", "a?b", "100%", "%41", "Ä漢🦊", "../../x", "a;b", "\"q\"x", "<script>", "a/b\\c", "HEUR:Exploit/'x'.a"}
	o := asking(t, s).Run(t, strings.NewReader(table("sig", names...)), "enrich", "--field", "sig", "--type", "antivirus", "--output", "status")
	if o.Code != 0 {
		t.Fatal(o.Stderr)
	}
	got := map[string]bool{}
	for _, q := range s.Questions() {
		got[q.Value] = true
		if q.Kind != "antivirus" || q.Path != accept.Root+"antivirus/report/" {
			t.Errorf("the path is %s", q.Path)
		}
		if v, err := url.ParseQuery(q.RawQuery); err != nil || len(v) != 1 {
			t.Errorf("the query %q has not one parameter: %v", q.RawQuery, err)
		}
	}
	for i, n := range names {
		if n != `"q"x` && !got[n] {
			t.Errorf("%q did not arrive", n)
		}
		if s := column(t, o.Stdout, "tc_status")[i]; s != "found" {
			t.Errorf("%q has status %q", n, s)
		}
	}
}

// Only the configured host is spoken to, and the API key goes nowhere else.
func TestNoOtherHost(t *testing.T) {
	const key = "k3y-that-must-not-show"
	var others atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		others.Add(1)
		fmt.Fprint(w, `{"response_code":"1","votes":-1}`)
	}))
	defer other.Close()
	s := accept.NewServer(t, func(w http.ResponseWriter, q *accept.Question) {
		switch {
		case strings.Contains(q.Value, "away"):
			w.Header().Set("Location", other.URL+q.Path+"?"+q.RawQuery)
			w.WriteHeader(http.StatusFound)
		case strings.Contains(q.Value, "loop"):
			w.Header().Set("Location", q.Path+"?"+q.RawQuery)
			w.WriteHeader(http.StatusMovedPermanently)
		case strings.Contains(q.Value, "fails"):
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<html>wrong key %s</html>", q.Header)
		default:
			accept.Answer(w, q)
		}
	})
	p := asking(t, s, "TCLOOKUP_SOURCE_THREATCROWD_API_KEY="+key, "TCLOOKUP_SOURCE_THREATCROWD_PROXY=none",
		"HTTP_PROXY="+other.URL, "http_proxy="+other.URL, "HTTPS_PROXY="+other.URL, "ALL_PROXY="+other.URL)
	in := table("d", "away.com", "loop.com", "bad.com", "fails.com")
	for _, args := range [][]string{
		{"enrich", "--field", "d", "--output", "full", "--summary", "-v"},
		{"report", "--output", "json", "-v", "away2.com", "fails2.com"},
		{"explain", "bad.com", "away.com"},
		{"doctor"},
		{"cache", "stats"}, {"cache", "export"},
	} {
		o := p.Run(t, strings.NewReader(in), args...)
		if strings.Contains(o.Stdout+o.Stderr, key) {
			t.Errorf("%q shows the API key:\n%s\n%s", args, o.Stdout, o.Stderr)
		}
		if args[0] == "enrich" {
			if got := column(t, o.Stdout, "tc_status"); !slices.Equal(got, []string{"error", "error", "found", "error"}) {
				t.Errorf("statuses are %q\n%s", got, o.Stdout)
			}
			if e := column(t, o.Stdout, "tc_error")[0]; !strings.Contains(e, "redirect") {
				t.Errorf("the error of a redirect is %q", e)
			}
		}
	}
	if n := others.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
	withKey := 0
	for _, q := range s.Questions() {
		if strings.Contains(fmt.Sprint(q.Header), key) {
			withKey++
		}
		if strings.Contains(q.RawQuery, key) {
			t.Errorf("the key is in the address: %s", q.RawQuery)
		}
	}
	if withKey == 0 {
		t.Error("no request has the key, so this tests nothing")
	}
	for _, f := range accept.Files(t, p.Home) {
		if b, err := os.ReadFile(filepath.Join(p.Home, f)); err == nil && bytes.Contains(b, []byte(key)) {
			t.Errorf("the key is kept in %s", f)
		}
	}
}

// A key on the command line would be seen by everybody, so there is no flag
// for it; one in a file is not shown by mistakes beside it.
func TestKeyIsNotShownByMistakes(t *testing.T) {
	p := program(t)
	conf := filepath.Join(p.Home, "x.conf")
	if err := os.WriteFile(conf, []byte("[source:threatcrowd]\napi_key = s3cr3t-\n  value\nproxy = http://user:s3cr3t-pw@\nbase_url = ftp://u:s3cr3t-url@host/\nrate = often\napi_kye = s3cr3t-typo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"enrich", "--field", "d"}, {"doctor"}, {"explain", "x.com"}} {
		o := p.Run(t, strings.NewReader("d\nx.com\n"), append(args, "--config", conf)...)
		if o.Code == 0 || o.Stderr+o.Stdout == "" {
			t.Errorf("%q: no mistake is told: exit code %d", args, o.Code)
		}
		if strings.Contains(o.Stdout+o.Stderr, "s3cr3t") {
			t.Errorf("%q shows a secret:\n%s%s", args, o.Stdout, o.Stderr)
		}
	}
}
