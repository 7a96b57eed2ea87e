package demodata

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
)

func loaded(t *testing.T) *dataSet {
	t.Helper()
	set, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSize(t *testing.T) {
	count := map[indicator.Type]int{}
	votes := map[string]int{}
	for ind, r := range loaded(t).reports {
		count[ind.Type]++
		if ind.Type == indicator.Domain || ind.Type == indicator.IP {
			votes[fmt.Sprint(r.HasVotes, r.Votes)]++
		}
	}
	for kind, least := range map[indicator.Type]int{indicator.Domain: 40, indicator.IP: 25, indicator.Email: 8, indicator.Hash: 45, indicator.Antivirus: 10} {
		if count[kind] < least {
			t.Errorf("%s: %d entities, want at least %d", kind, count[kind], least)
		}
	}
	for _, v := range []string{"true -1", "true 0", "true 1", "false 0"} {
		if votes[v] < 2 {
			t.Errorf("votes %s: %d times", v, votes[v])
		}
	}
}

// TestLookUpable makes sure that the entities are such that rules for private
// and reserved things leave them alone, and that nobody else is meant.
func TestLookUpable(t *testing.T) {
	unrouted := []netip.Prefix{netip.MustParsePrefix("44.128.0.0/16"), netip.MustParsePrefix("3ffe::/16")}
	demo := func(domain string) bool {
		if _, icann := publicsuffix.PublicSuffix(domain); !icann {
			return false
		}
		registered, err := publicsuffix.EffectiveTLDPlusOne(domain)
		label, _, _ := strings.Cut(registered, ".")
		return err == nil && (strings.HasSuffix(label, "-demo") || strings.HasPrefix(label, "xn--") && strings.Contains(label, "-demo-"))
	}
	hash := regexp.MustCompile(`^([0-9a-f]{32}|[0-9a-f]{40})$`)
	for ind := range loaded(t).reports {
		v, ok := ind.Value, false
		switch ind.Type {
		case indicator.Domain:
			ok = demo(v)
		case indicator.IP:
			a, err := netip.ParseAddr(v)
			ok = err == nil && (v == "8.8.8.8" || slices.ContainsFunc(unrouted, func(p netip.Prefix) bool { return p.Contains(a) }))
		case indicator.Email:
			local, domain, _ := strings.Cut(v, "@")
			ok = local != "" && demo(domain)
		case indicator.Hash:
			ok = hash.MatchString(v)
		case indicator.Antivirus:
			ok = strings.TrimSpace(v) != ""
		}
		if !ok {
			t.Errorf("%s %q", ind.Type, v)
		}
	}
}

// edge is one statement of a report: from says something of to.
type edge struct{ from, to indicator.Indicator }

// edges returns what all reports say. A file counts under its MD5, one
// without an MD5 not at all, as nobody can name it.
func edges(set *dataSet) map[edge]bool {
	all := map[edge]bool{}
	for ind, r := range set.reports {
		if ind.Type == indicator.Hash {
			if r.MD5 == "" {
				continue
			}
			ind = key(indicator.Hash, r.MD5)
		}
		add := func(kind indicator.Type, list ...string) {
			for _, v := range list {
				if !slices.Contains(placeholders, v) {
					all[edge{ind, key(kind, v)}] = true
				}
			}
		}
		other := indicator.IP
		if ind.Type == indicator.IP {
			other = indicator.Domain
		}
		for _, x := range r.Resolutions {
			add(other, x.Value)
		}
		add(indicator.Hash, r.Hashes...)
		add(indicator.Email, r.Emails...)
		add(indicator.Domain, r.Domains...)
		add(indicator.IP, r.IPs...)
		add(indicator.Antivirus, r.Scans...)
	}
	return all
}

// TestReportsAgree: what one report says of another entity, that entity's
// report says of the first.
func TestReportsAgree(t *testing.T) {
	set := loaded(t)
	all := edges(set)
	if len(all) < 200 {
		t.Errorf("only %d statements", len(all))
	}
	for e := range all {
		if set.reports[e.to] == nil {
			t.Errorf("%v names %v, which has no report", e.from, e.to)
		}
		if !all[edge{e.to, e.from}] {
			t.Errorf("%v names %v, but not the other way round", e.from, e.to)
		}
	}
	// Dates agree too, and a file without an MD5 stands as a blank.
	blanks := 0
	for ind, r := range set.reports {
		if ind.Type == indicator.Hash && r.MD5 == "" {
			for _, v := range r.Domains {
				blanks++
				if !slices.Contains(set.reports[key(indicator.Domain, v)].Hashes, "") {
					t.Errorf("%s a file without an MD5, names %s, but not the other way round", r.SHA1, v)
				}
			}
		}
		if ind.Type != indicator.Domain {
			continue
		}
		for _, x := range r.Resolutions {
			back := set.reports[key(indicator.IP, x.Value)]
			if back != nil && !slices.ContainsFunc(back.Resolutions, func(y server.Resolution) bool {
				return y.LastResolved == x.LastResolved && key(indicator.Domain, y.Value) == ind
			}) {
				t.Errorf("%s resolves to %s on %s, but not the other way round", ind.Value, x.Value, x.LastResolved)
			}
		}
	}
	if blanks == 0 {
		t.Error("no file without an MD5 was met")
	}
}

// TestOddities makes sure that the oddities of the original are in the data.
func TestOddities(t *testing.T) {
	seen := map[string]bool{}
	for ind, r := range loaded(t).reports {
		for _, x := range r.Resolutions {
			seen["resolution "+x.Value] = true
			seen["date "+x.LastResolved] = true
			seen["carriage return"] = seen["carriage return"] || strings.HasSuffix(x.Value, "\r")
			seen["upper case"] = seen["upper case"] || strings.ContainsRune(x.Value, 'D') && ind.Type == indicator.IP
		}
		for name, list := range map[string][]string{"emails": r.Emails, "scans": r.Scans, "references": r.References, "hashes": r.Hashes} {
			seen["blank "+name] = seen["blank "+name] || slices.Contains(list, "")
			seen["repeated "+name] = seen["repeated "+name] || len(slices.Compact(slices.Sorted(slices.Values(list)))) < len(list)
		}
		for _, v := range r.Scans {
			seen["* for :"] = seen["* for :"] || strings.Contains(v, "*")
			seen["scan "+v] = true
		}
		for _, v := range r.IPs {
			seen["ip "+v] = true
		}
	}
	for _, want := range []string{
		"resolution -", "resolution 0.0.0.0", "date 0000-00-00", "carriage return", "upper case", "blank emails", "blank scans", "blank references", "blank hashes",
		"repeated hashes", "repeated scans", "* for :", "scan Error Scanning File", "ip 0.0.0.0", "ip 8.8.8.8",
	} {
		if !seen[want] {
			t.Errorf("not in the data: %s", want)
		}
	}
}

func TestStore(t *testing.T) {
	store, err := Store()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(kind indicator.Type, value string) *server.Report {
		r, ok, err := store.Report(context.Background(), indicator.Indicator{Type: kind, Value: value})
		if err != nil || ok != (r != nil) {
			t.Fatalf("%s %q: %v, %t, %v", kind, value, r, ok, err)
		}
		return r
	}
	byMD5 := ask(indicator.Hash, "90dc09962092160c4e272e9a2f785423")
	if byMD5 == nil || byMD5 != ask(indicator.Hash, byMD5.SHA1) {
		t.Errorf("a file is not the same by its MD5 and by its SHA-1: %+v", byMD5)
	}
	for _, name := range []string{"Gen:Variant.Kestrel.5006", "gen*variant.kestrel.5006"} {
		if r := ask(indicator.Antivirus, name); r == nil || !slices.Contains(r.Hashes, byMD5.MD5) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if ask(indicator.Email, "R.Holder@postfach-demo.de") == nil {
		t.Error("case counts in an e-mail address")
	}
	for kind, value := range map[indicator.Type]string{
		indicator.Domain: "44.128.17.21", indicator.IP: "zq-updates-demo.com", indicator.Hash: "", indicator.Antivirus: "Error Scanning File", indicator.Email: "", indicator.None: "zq-updates-demo.com",
	} {
		if r := ask(kind, value); r != nil {
			t.Errorf("%s %q: %+v", kind, value, r)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const (
		eh   = "type,value,votes,sha1\n"
		rh   = "# comment\nsubject_type,subject,relation,object,last_seen\n"
		good = eh + "domain,a-demo.com,0,\nip,44.128.0.1,,\nhash,0123456789abcdef0123456789abcdef,,0123456789abcdef0123456789abcdef01234567\nantivirus,X:Y,,\nemail,a@b-demo.com,,\n"
	)
	set, err := parse([]byte(good), []byte(rh))
	if err != nil || len(set.reports) != 6 {
		t.Fatalf("%v, %v", set, err)
	}
	for _, tt := range []struct{ entities, relations, want string }{
		{"", rh, "entities.csv: header: EOF"},
		{"type,value,votes\n", rh, "entities.csv: header: missing column sha1"},
		{eh + "domain,a,0\n", rh, "entities.csv: record on line 2: wrong number of fields"},
		{eh + "domain,\"a,0,\n", rh, "entities.csv: parse error on line 2"},
		{eh + "# x\n\ndomain,a,2,\n", rh, `entities.csv:4: `},
		{eh + "url,a,,\n", rh, `entities.csv:2: unknown type "url"`},
		{eh + "auto,a,,\n", rh, `entities.csv:2: type "auto"`},
		{eh + "domain,,,\n", rh, "entities.csv:2: an entity without a value"},
		{eh + "email,a@b,1,\n", rh, "only domains and addresses have votes"},
		{eh + "email,a@b,,00\n", rh, "only files have a SHA-1"},
		{eh + "hash,0123456789abcdef0123456789abcdef,,\n", rh, "needs an MD5 and a SHA-1"},
		{eh + "ip,::ffff:44.128.0.1,,\nip,44.128.0.1,,\n", rh, `entities.csv:3: ip "44.128.0.1": is there already`},
		{good, rh + "domain,b-demo.com,subdomain,x,\n", `relations.csv:3: domain "b-demo.com": is not in entities.csv`},
		{good, rh + "url,x,subdomain,x,\n", `relations.csv:3: unknown type "url"`},
		{good, rh + "domain,a-demo.com,resolution,44.128.0.1,\n", "resolutions have a date"},
		{good, rh + "domain,a-demo.com,subdomain,x,2020-01-01\n", "others have none"},
		{good, rh + "domain,a-demo.com,resolution,44.128.0.1,2020-13-01\n", "relations.csv:3: "},
		{good, rh + "domain,a-demo.com,resolution,44.128.0.2,2020-12-01\n", `ip "44.128.0.2": is not in entities.csv`},
		{good, rh + "email,a@b-demo.com,resolution,-,2020-12-01\n", "type email: only domains and addresses have resolutions"},
		{good, rh + "ip,44.128.0.1,subdomain,x,\n", "type ip: only domains have subdomains"},
		{good, rh + "antivirus,X:Y,scan,X*Y,\n", `type antivirus: has no relation "scan"`},
		{good, rh + "antivirus,x*y,hash,00,\n", `hash "00": is not in entities.csv`},
		{good, rh + "domain,a-demo.com,email,b@b,\n", `email "b@b": is not in entities.csv`},
	} {
		set, err := parse([]byte(tt.entities), []byte(tt.relations))
		if err == nil || set != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q, %q: %v, want …%s…", tt.entities, tt.relations, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	entities, err := tables.ReadFile("data/entities.csv")
	if err != nil {
		f.Fatal(err)
	}
	relations, err := tables.ReadFile("data/relations.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(entities[:400], relations[:200])
	f.Add([]byte("type,value,votes,sha1\ndomain,a,0,\nip,1.1.1.1,,\n"), []byte("subject_type,subject,relation,object,last_seen\nip,1.1.1.1,resolution,A\\r,0000-00-00\ndomain,a,email,,\n"))
	f.Fuzz(func(t *testing.T, entities, relations []byte) {
		set, err := parse(entities, relations)
		if (set == nil) == (err == nil) {
			t.Fatalf("%v, %v", set, err)
		}
		if err != nil {
			return
		}
		for ind, r := range set.reports {
			if key(ind.Type, ind.Value) != ind || r == nil {
				t.Errorf("key %v, report %v", ind, r)
			}
		}
	})
}

func TestOnce(t *testing.T) {
	a, b := loaded(t), loaded(t)
	if !maps.Equal(a.reports, b.reports) {
		t.Error("the data set was read twice")
	}
}
