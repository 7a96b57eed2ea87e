package indicator

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

func newRules(t *testing.T, cfg RulesConfig) *Rules {
	t.Helper()
	r, err := NewRules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRegistryTable(t *testing.T) {
	seen := make(map[string]bool)
	for _, b := range blocks {
		p, err := netip.ParsePrefix(b.prefix)
		if err != nil || p != p.Masked() || p.String() != b.prefix && !p.Addr().Is4In6() {
			t.Errorf("%s is not how the prefix is written: %v, %v", b.prefix, p, err)
		}
		if seen[b.prefix] {
			t.Errorf("%s stands there twice", b.prefix)
		}
		seen[b.prefix] = true
		if b.purpose == "" || !strings.HasPrefix(b.source, "RFC ") {
			t.Errorf("%s has no purpose or no source", b.prefix)
		}
	}
}

// TestRegistryAddresses draws addresses from every block and compares with a
// plain search of the table.
func TestRegistryAddresses(t *testing.T) {
	r := newRules(t, RulesConfig{Defaults: true})
	none := newRules(t, RulesConfig{})
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, b := range blocks {
		p := netip.MustParsePrefix(b.prefix)
		for i := range 50 {
			a := p.Addr().AsSlice()
			for j := range a {
				if p.Bits() >= 8*j+8 {
					continue
				}
				host := byte(0xff) >> max(0, p.Bits()-8*j)
				switch i {
				case 0: // the first address
				case 1: // the last
					a[j] |= host
				default:
					a[j] |= host & byte(rnd.Uint32())
				}
			}
			addr, _ := netip.AddrFromSlice(a)
			addr = addr.Unmap()
			longest := block{global: true}
			bits := -1
			for _, c := range blocks {
				if q := netip.MustParsePrefix(c.prefix); q.Contains(addr) && q.Bits() > bits {
					longest, bits = c, q.Bits()
				}
			}
			got := r.Excluded(Indicator{IP, addr.String()})
			if strings.HasPrefix(got, "embeds ") && longest.global {
				continue
			}
			if (got == "") != longest.global || got != "" && !strings.Contains(got, " address "+longest.prefix+" (") {
				t.Errorf("%v of %s: %q, want %+v", addr, b.prefix, got, longest)
			}
			if got := none.Excluded(Indicator{IP, addr.String()}); got != "" {
				t.Errorf("%v without defaults: %q", addr, got)
			}
		}
	}
}

func TestWithoutDefaults(t *testing.T) {
	r := newRules(t, RulesConfig{
		CIDR:     []netip.Prefix{netip.MustParsePrefix("10.1.2.3/16"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::ffff:172.16.0.0/108")},
		Suffixes: []string{"corp"},
	})
	for _, c := range []struct {
		ind  Indicator
		want string
	}{
		{Indicator{Domain, "srv01"}, ""},
		{Indicator{Domain, "a.local"}, ""},
		{Indicator{Domain, "a.corp"}, "internal suffix .corp"},
		{Indicator{Domain, "corp"}, "internal suffix .corp"},
		{Indicator{Domain, "acorp"}, ""},
		{Indicator{Domain, "corp.com"}, ""},
		{Indicator{Email, "a@b.corp"}, "internal suffix .corp"},
		{Indicator{Email, "a@srv01"}, ""},
		{Indicator{IP, "10.0.0.1"}, ""},
		{Indicator{IP, "10.1.255.1"}, "excluded network 10.1.0.0/16"},
		{Indicator{IP, "172.17.0.1"}, "excluded network 172.16.0.0/12"},
		{Indicator{IP, "64:ff9b::a01:1"}, "embeds 10.1.0.1: excluded network 10.1.0.0/16"},
		{Indicator{IP, "nonsense"}, "not an IP address"},
		{Indicator{Hash, "d41d8cd98f00b204e9800998ecf8427e"}, ""},
		{Indicator{Antivirus, "Eicar"}, ""},
		{Indicator{}, "not an indicator"},
	} {
		if got := r.Excluded(c.ind); got != c.want {
			t.Errorf("Excluded(%v) = %q, want %q", c.ind, got, c.want)
		}
	}
}

func TestAllowlist(t *testing.T) {
	const list = "\ufeff# what is ours\r\n" +
		"example.com\r\n" +
		"\n" +
		"  hxxps://www[.]ours[.]net/path   # the web site\n" +
		"*.cdn.net\n" +
		"bücher.de\n" +
		"10[.]1[.]2[.]3\n" +
		"198.18.0.0/15 # lab\n" +
		"::ffff:8.8.8.0/120\n" +
		"2606:4700::/32\n" +
		"Boss <Boss@Partner.net>\n" +
		"SHA1=DA39A3EE5E6B4B0D3255BFEF95601890AFD80709\n" +
		"Trojan.Generic\n" +
		"Win32/Our Tool\n" +
		"C#Tool.Name\n" +
		"buildhost\n"
	entries, err := LoadAllowlist(strings.NewReader(list), "allow.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 14 || entries[0] != "example.com" || entries[1] != "hxxps://www[.]ours[.]net/path" {
		t.Errorf("%d entries: %q", len(entries), entries)
	}
	r := newRules(t, RulesConfig{Allow: entries})
	for _, c := range []struct {
		ind  Indicator
		want string
	}{
		{Indicator{Domain, "example.com"}, "example.com"},
		{Indicator{Domain, "a.b.example.com"}, "example.com"},
		{Indicator{Domain, "anexample.com"}, ""},
		{Indicator{Email, "Any.One@mail.example.com"}, "example.com"},
		{Indicator{Domain, "www.ours.net"}, "www.ours.net"},
		{Indicator{Domain, "ours.net"}, ""},
		{Indicator{Domain, "x.cdn.net"}, "cdn.net"},
		{Indicator{Domain, "www.xn--bcher-kva.de"}, "xn--bcher-kva.de"},
		{Indicator{IP, "10.1.2.3"}, "10.1.2.3"},
		{Indicator{IP, "10.1.2.4"}, ""},
		{Indicator{IP, "198.19.0.1"}, "198.18.0.0/15"},
		{Indicator{IP, "8.8.8.8"}, "8.8.8.0/24"},
		{Indicator{IP, "64:ff9b::808:808"}, "8.8.8.0/24"},
		{Indicator{IP, "2606:4700::1"}, "2606:4700::/32"},
		{Indicator{Email, "boss@partner.net"}, "boss@partner.net"},
		{Indicator{Email, "BOSS@partner.net"}, "boss@partner.net"},
		{Indicator{Email, "aide@partner.net"}, ""},
		{Indicator{Hash, "da39a3ee5e6b4b0d3255bfef95601890afd80709"}, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{Indicator{Antivirus, "TROJAN.generic"}, "trojan.generic"},
		{Indicator{Domain, "a.trojan.generic"}, "trojan.generic"},
		{Indicator{Antivirus, "Win32/Our Tool"}, "win32/our tool"},
		{Indicator{Antivirus, "c#tool.name"}, "c#tool.name"},
		{Indicator{Antivirus, "BuildHost"}, "buildhost"},
		{Indicator{Domain, "buildhost"}, "buildhost"},
		{Indicator{Antivirus, "Other"}, ""},
	} {
		got := r.Excluded(c.ind)
		if c.want == "" && got != "" || c.want != "" && !strings.HasSuffix(got, "allowlist entry "+c.want) {
			t.Errorf("Excluded(%v) = %q, want entry %q", c.ind, got, c.want)
		}
	}
}

func TestAllowlistMistakes(t *testing.T) {
	lines := []struct{ text, want string }{
		{"good.com", ""},
		{"10.0.0.0/33", "not a network"},
		{"10.0.0.0/", "not a network"},
		{"10.0.0.256", "not an IPv4 address"},
		{"010.0.0.1", "leading zero"},
		{"1:2:3", "neither an IPv6 address"},
		{"a@b@c.com", "more than one @"},
		{"a.com, b.com", "more than one entry"},
		{"a.com b.com", "more than one entry"},
		{"10.0.0.1 10.0.0.2", "blanks"},
		{"http://", "no host name"},
		{"d41d8cd98f00b204e9800998ecf8427", "not a file hash"},
		{"bad\xffname", "not valid UTF-8"},
		{"bad\x01name", "control"},
		{strings.Repeat("x", MaxLen+1), "longer than"},
		{"Good.Name", ""},
	}
	var list strings.Builder
	for _, l := range lines {
		list.WriteString(l.text + "\n")
	}
	_, err := LoadAllowlist(strings.NewReader(list.String()), "dir/allow.txt")
	if err == nil {
		t.Fatal("no error")
	}
	mistakes := strings.Split(err.Error(), "\n")
	for i, l := range lines {
		prefix := "dir/allow.txt:" + strconv.Itoa(i+1) + ": "
		at := slices.IndexFunc(mistakes, func(m string) bool { return strings.HasPrefix(m, prefix) })
		switch {
		case l.want == "" && at >= 0:
			t.Errorf("%q: %s", l.text, mistakes[at])
		case l.want != "" && (at < 0 || !strings.Contains(mistakes[at], l.want)):
			t.Errorf("%q: no %q in %q", l.text, l.want, mistakes)
		}
	}
	if len(mistakes) != len(lines)-2 {
		t.Errorf("%d mistakes: %q", len(mistakes), mistakes)
	}
	if _, err := NewRules(RulesConfig{Allow: []string{"10.0.0.0/33", "fine.com", "a@b@c.com"}}); err == nil ||
		strings.Count(err.Error(), "allowlist entry") != 2 {
		t.Errorf("NewRules: %v, want two mistakes", err)
	}
}

func TestAllowlistLimitsItsMistakes(t *testing.T) {
	_, err := LoadAllowlist(strings.NewReader(strings.Repeat("a@@b\n", 1000)), "a")
	if err == nil || !strings.Contains(err.Error(), "a: 950 more lines") || strings.Count(err.Error(), "\n") != maxMistakes {
		t.Errorf("error %v", err)
	}
}

func TestAllowlistReadErrors(t *testing.T) {
	broken := errors.New("broken disk")
	_, err := LoadAllowlist(io.MultiReader(strings.NewReader("a.com\n"), iotest.ErrReader(broken)), "a")
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "a:2: ") {
		t.Errorf("error %v", err)
	}
	_, err = LoadAllowlist(strings.NewReader("a.com\n"+strings.Repeat("x", 2<<20)), "a")
	if err == nil || !strings.HasPrefix(err.Error(), "a:2: ") {
		t.Errorf("error %v", err)
	}
}

func TestNewRulesNamesEveryMistake(t *testing.T) {
	_, err := NewRules(RulesConfig{
		CIDR:     []netip.Prefix{{}, netip.MustParsePrefix("10.0.0.0/8")},
		Suffixes: []string{".ok", "not ok"},
		Allow:    []string{"a@@b"},
	})
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("error %v, want three mistakes", err)
	}
}

func TestExcludedDoesNotAllocate(t *testing.T) {
	r := newRules(t, RulesConfig{Defaults: true, Suffixes: []string{"ours.net"}, CIDR: []netip.Prefix{netip.MustParsePrefix("9.0.0.0/8")}})
	for _, ind := range []Indicator{
		{Domain, "www.example.com"}, {Domain, "a.ours.net"}, {IP, "8.8.8.8"}, {IP, "10.0.0.1"}, {IP, "2606:4700::1"},
		{Email, "A@example.com"}, {Hash, "d41d8cd98f00b204e9800998ecf8427e"}, {Antivirus, "Eicar Test"},
	} {
		if n := testing.AllocsPerRun(10, func() { r.Excluded(ind) }); n != 0 {
			t.Errorf("Excluded(%v) allocates %v times", ind, n)
		}
	}
}

func FuzzLoadAllowlist(f *testing.F) {
	f.Add([]byte("example.com # x\n10.0.0.0/8\nTrojan.Generic\n"))
	f.Add([]byte("a@@b\n1.2.3\n"))
	f.Fuzz(func(t *testing.T, list []byte) {
		entries, err := LoadAllowlist(strings.NewReader(string(list)), "list")
		if err != nil {
			return
		}
		r, err := NewRules(RulesConfig{Allow: entries})
		if err != nil {
			t.Fatalf("loaded, but refused: %v", err)
		}
		p := newParser()
		for _, e := range entries {
			// What is allowed as it stands is not sent as it stands.
			for _, want := range []Type{None, Antivirus} {
				ind, err := p.Parse(e, want)
				if want == Antivirus && err == nil {
					if other, err := (&Parser{anySuffix: true}).Parse(e, None); err == nil && other.Type != Domain {
						continue
					}
					if _, network, _ := parseNetwork(e); network {
						continue
					}
				}
				if err == nil && r.Excluded(ind) == "" {
					t.Fatalf("%q is allowed, %v would be sent", e, ind)
				}
			}
		}
	})
}
