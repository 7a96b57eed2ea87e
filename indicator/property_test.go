package indicator

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// found returns the cases that are indicators.
func found(t testing.TB) []testCase {
	var out []testCase
	for _, c := range readCases(t) {
		if c.typ != "-" && c.typ != "empty" {
			out = append(out, c)
		}
	}
	return out
}

// TestDefangedIsTheSame writes canonical values in many defanged ways and
// expects the value back.
func TestDefangedIsTheSame(t *testing.T) {
	p := testParser(t)
	dots := []string{".", "[.]", "(.)", "{.}", "[dot]", "(DOT)", " dot ", " [.] ", "[.", ".]", `\.`, "[[.]]", "．", "。"}
	ats := []string{"@", "[@]", "(at)", "[AT]", " at ", "＠"}
	colons := []string{":", "[:]", "(:)", "："}
	around := []string{"%s", " %s\r\n", `"%s"`, "'%s'", "“%s”", "%s.", "\ufeff%s", "<%s>", "%s,", "%s\x00"}
	urls := []string{"hxxp://%s", "hXXps[:]//%s/a.b", "http://user:pw@%s:80/x?y=z", "%s:8080", "//%s", "ftp[://]%s/"}
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[rnd.IntN(len(from))] }
	replace := func(s, sign string, forms []string) string {
		var b strings.Builder
		for {
			before, after, more := strings.Cut(s, sign)
			b.WriteString(before)
			if !more {
				return b.String()
			}
			b.WriteString(pick(forms))
			s = after
		}
	}
	for _, c := range found(t) {
		typ, _ := ParseType(c.typ)
		if typ == Antivirus || typ == Hash || strings.HasPrefix(c.value, `"`) {
			continue
		}
		want := Indicator{typ, c.value}
		for range 30 {
			local, host, isMail := strings.Cut(c.value, "@")
			if !isMail {
				local, host = "", c.value
			}
			v := replace(host, ".", dots)
			switch {
			case isMail && !strings.Contains(host, "."): // " at " is a word there
				v = local + ats[rnd.IntN(4)] + v
			case isMail:
				v = local + pick(ats) + v
			case strings.Contains(host, ":"):
				v = replace(v, ":", colons)
				if rnd.IntN(2) == 0 {
					v = fmt.Sprintf(pick([]string{"[%s]:443", "hxxp://[%s]/", "[%s]", "%s%%eth0"}), host)
				}
			case rnd.IntN(3) == 0:
				v = fmt.Sprintf(pick(urls), v)
			}
			v = fmt.Sprintf(pick(around), v)
			if got, err := p.Parse(v, typ); err != nil || got != want {
				t.Errorf("Parse(%q) = %v, %v, want %v", v, got, err, want)
			}
		}
	}
}

func TestCaseMakesNoDifference(t *testing.T) {
	p := testParser(t)
	for _, c := range found(t) {
		typ, _ := ParseType(c.typ)
		if typ == Antivirus || typ == Email && c.value != strings.ToLower(c.value) {
			continue
		}
		v := strings.ToUpper(c.value)
		if local, host, ok := strings.Cut(c.value, "@"); ok {
			v = local + "@" + strings.ToUpper(host)
		}
		got, err := p.Parse(v, typ)
		if want := (Indicator{typ, c.value}); strings.Count(c.value, "@") < 2 && (err != nil || got != want) {
			t.Errorf("Parse(%q) = %v, %v, want %v", v, got, err, want)
		}
	}
}

func TestAppendLeavesTheDestination(t *testing.T) {
	p := testParser(t)
	for _, c := range readCases(t) {
		want, _ := ParseType(c.want)
		dst := append(make([]byte, 0, 4096), "before"...)
		src := []byte(c.input)
		out, typ, err := p.Append(dst, src, want)
		if string(src) != c.input {
			t.Errorf("Append changed its source from %q to %q", c.input, src)
		}
		if err != nil {
			if string(out) != "before" || typ != None {
				t.Errorf("line %d: after an error: %q, %v", c.line, out, typ)
			}
			continue
		}
		if string(out) != "before"+c.value {
			t.Errorf("line %d: %q, want %q", c.line, out, "before"+c.value)
		}
	}
}

func TestLengths(t *testing.T) {
	p := testParser(t)
	long := strings.Repeat("a.", 125) + "co" // 252 bytes
	for _, c := range []struct {
		name, value string
		want        error
	}{
		{"253 bytes", "b" + long, nil},
		{"254 bytes", "bb" + long, errLongName},
		{"2048 bytes", "http://example.com/" + strings.Repeat("x", MaxLen-19), nil},
		{"2049 bytes", "http://example.com/" + strings.Repeat("x", MaxLen-18), errTooLong},
		{"long international label", strings.Repeat("ü", 200) + ".com", errLongLabel},
	} {
		_, err := p.Parse(c.value, None)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		_, _, err = p.Append(nil, []byte(c.value), None)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: Append: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestIPv6AsNetip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	alphabet := []string{"0", "1", "f", "abcd", "00a", ":", ":", ":", "::", "1.2.3.4", ".", "g", "12345"}
	valid := 0
	for range 200_000 {
		var b strings.Builder
		for range 1 + rnd.IntN(17) {
			b.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		valid += sameAsNetip(t, b.String())
	}
	for range 20_000 { // and sparse addresses in netip's spelling
		var a [16]byte
		for range rnd.IntN(8) {
			a[rnd.IntN(16)] = byte(rnd.Uint32())
		}
		valid += sameAsNetip(t, netip.AddrFrom16(a).String())
		valid += sameAsNetip(t, netip.AddrFrom16(a).StringExpanded())
	}
	if valid < 40_000 {
		t.Errorf("only %d valid addresses", valid)
	}
}

func sameAsNetip(t *testing.T, s string) int {
	t.Helper()
	a, ok := parseIPv6([]byte(s))
	want, err := netip.ParseAddr(s)
	if isSix := err == nil && want.Is6(); ok != isSix || ok && a != want.As16() {
		t.Fatalf("parseIPv6(%q) = %x, %v, netip has %v, %v", s, a, ok, want, err)
	}
	if ok {
		return 1
	}
	return 0
}

func TestNewParserNamesEveryBadSuffix(t *testing.T) {
	_, err := NewParser(ParserConfig{Suffixes: []string{"good.one", "bad suffix", "", ".Fine", "1.2.3.4"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, s := range []string{`"bad suffix"`, `suffix ""`, `"1.2.3.4"`} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not name %s", err, s)
		}
	}
	if strings.Contains(err.Error(), "good") || strings.Contains(err.Error(), "Fine") {
		t.Errorf("error %q names a good suffix", err)
	}
}

func TestAppendConcurrently(t *testing.T) {
	p := testParser(t)
	cases := readCases(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var dst []byte
			for _, c := range cases {
				want, _ := ParseType(c.want)
				var err error
				if dst, _, err = p.Append(dst[:0], []byte(c.input), want); err == nil && string(dst) != c.value {
					t.Errorf("Append(%q) = %q, want %q", c.input, dst, c.value)
				}
			}
		})
	}
	wg.Wait()
}

func TestAppendDoesNotAllocate(t *testing.T) {
	p := testParser(t)
	dst := make([]byte, 0, MaxLen)
	for _, c := range found(t) {
		if !isASCII([]byte(c.input)) {
			continue
		}
		want, _ := ParseType(c.want)
		src := []byte(c.input)
		if n := testing.AllocsPerRun(10, func() {
			if _, _, err := p.Append(dst, src, want); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("Append(%q) allocates %v times", c.input, n)
		}
	}
}

func TestTopLevelDomainsAreRememberedOnlyIfTheyExist(t *testing.T) {
	p := testParser(t)
	before := len(*p.known.Load())
	for i := range 1000 {
		if _, err := p.Parse(fmt.Sprintf("a.nosuch%d", i), None); err == nil {
			t.Fatal("an unknown suffix was accepted")
		}
	}
	if n := len(*p.known.Load()); n != before {
		t.Errorf("%d names remembered, want %d", n, before)
	}
	for range 2 {
		if _, err := p.Parse("a.com", None); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(*p.known.Load()); n != before+1 {
		t.Errorf("%d names remembered, want %d", n, before+1)
	}
}

// checkParse checks what holds for every value, whatever it is.
func checkParse(t *testing.T, p *Parser, src []byte, want Type) (Indicator, bool) {
	t.Helper()
	out, typ, err := p.Append(nil, src, want)
	if err != nil {
		if (err == ErrEmpty) == errors.Is(err, ErrInvalid) {
			t.Fatalf("%q: error %v is neither empty nor invalid, or both", src, err)
		}
		for _, r := range err.Error() {
			if r < ' ' || r == 0x7f {
				t.Fatalf("%q: control character in error %q", src, err)
			}
		}
		if len(err.Error()) > 1000 {
			t.Fatalf("%q: error of %d bytes", src, len(err.Error()))
		}
		return Indicator{}, false
	}
	if typ == None || want != None && typ != want || typ == Antivirus && want != Antivirus {
		t.Fatalf("%q: type %v, want %v", src, typ, want)
	}
	ind := Indicator{typ, string(out)}
	limits := [...]int{Domain: 253, IP: 45, Email: 64 + 1 + 253, Hash: 128, Antivirus: len(src)}
	if len(out) == 0 || len(out) > limits[typ] {
		t.Fatalf("%q: canonical form of %d bytes", src, len(out))
	}
	if typ != Antivirus && typ != Email && (!isASCII(out) || !bytes.Equal(out, bytes.ToLower(out)) || hasSpace(out)) {
		t.Fatalf("%q: canonical form %q", src, out)
	}
	for _, again := range []Type{want, typ} {
		if again == None && typ == Email && bytes.ContainsAny(out[:bytes.LastIndexByte(out, '@')], "/?#") {
			continue // bare, such an address reads as a host and a path
		}
		if got, err := p.Parse(ind.Value, again); err != nil || got != ind {
			t.Fatalf("%q gave %v, and that %v, %v", src, ind, got, err)
		}
	}
	return ind, true
}

// checkSent checks that what may be sent is global, by the standard library's
// idea of addresses.
func checkSent(t *testing.T, r *Rules, ind Indicator) {
	t.Helper()
	if r.Excluded(ind) != "" {
		return
	}
	switch ind.Type {
	case IP:
		a, err := netip.ParseAddr(ind.Value)
		if err != nil {
			t.Fatalf("%v: %v", ind, err)
		}
		if a.Is4In6() || a.Zone() != "" || a.IsPrivate() || a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() ||
			a.IsLinkLocalUnicast() || !a.IsGlobalUnicast() {
			t.Fatalf("%v would be sent", ind)
		}
		if a.Is6() && a.As16()[0]>>5 != 1 && !strings.HasPrefix(ind.Value, "64:ff9b::") {
			t.Fatalf("%v would be sent", ind)
		}
	case Domain, Email:
		name := ind.Value[strings.LastIndexByte(ind.Value, '@')+1:]
		for _, s := range internalSuffixes {
			if name == s.name || strings.HasSuffix(name, "."+s.name) {
				t.Fatalf("%v would be sent", ind)
			}
		}
		if !strings.Contains(name, ".") {
			t.Fatalf("%v would be sent", ind)
		}
	}
}

func FuzzAppend(f *testing.F) {
	for _, c := range readCases(f) {
		want, _ := ParseType(c.want)
		f.Add([]byte(c.input), byte(want))
	}
	p, r := testParser(f), testRules(f)
	f.Fuzz(func(t *testing.T, src []byte, want byte) {
		if ind, ok := checkParse(t, p, src, Type(want%6)); ok {
			checkSent(t, r, ind)
		}
	})
}

// FuzzRulesIP looks for addresses in IPv6 clothing that slip past the rules.
func FuzzRulesIP(f *testing.F) {
	for _, b := range blocks {
		a := netip.MustParsePrefix(b.prefix).Addr().As16()
		f.Add(a[:])
	}
	p, r := testParser(f), testRules(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var a [16]byte
		copy(a[:], b)
		for _, addr := range []netip.Addr{netip.AddrFrom16(a), netip.AddrFrom4([4]byte(a[12:]))} {
			ind, err := p.Parse(addr.String(), IP)
			if err != nil {
				t.Fatalf("%v: %v", addr, err)
			}
			if ind.Value != addr.Unmap().String() {
				t.Fatalf("%v became %v", addr, ind)
			}
			checkSent(t, r, ind)
		}
	})
}

// TestHostileValues feeds what makes backtracking parsers slow; each value is
// as long as may be. That they end is all there is to see.
func TestHostileValues(t *testing.T) {
	p := testParser(t)
	for _, s := range []string{
		"[", "[.", "[ ", "(", "{[(", " ", " at ", " dot ", "dot ", `"`, `" `, `"\`, `\`, `'"`, "<", "<>", "<a", "a@", "@",
		".", "..", "*.", "a.", ":", "::", ":1", "[:]", "[::", "%", "/", "//", "?", "ü", "ü.", "。", "\u200b", "mailto:",
		"smtp:", "x<", `"x"<`, "md5:", "://", "http://", ";", ",", ">", "]", "[dot", "[at", "xn--", "\xff", "\x00", "<\"",
	} {
		for _, form := range []string{"%s", "%sa.com", "a.com%s", "http://%s", "a@%s", "\"%s", "<%s"} {
			v := fmt.Sprintf(form, strings.Repeat(s, MaxLen))
			for _, v := range []string{v[:MaxLen], v[len(v)-MaxLen:]} {
				for want := None; want <= Antivirus; want++ {
					checkParse(t, p, []byte(v), want)
				}
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ name, value string }{
		{"domain", "www.example.com"},
		{"long domain", "r3---sn-apo3qvuoxuxbt-j5pe.cdn.media.example.co.uk"},
		{"ipv4", "203.113.45.67"},
		{"ipv6", "2606:4700:4700::1111"},
		{"md5", "d41d8cd98f00b204e9800998ecf8427e"},
		{"email", "alice@example.com"},
		{"url", "https://www.example.com/a/b?c=d"},
		{"defanged", "hxxp://www[.]example[.]com/a"},
		{"idn", "bücher.example.com"},
		{"unknown suffix", "invoice.pdf"},
		{"free text", "failed password for root"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := testParser(b)
			dst, src := make([]byte, 0, 512), []byte(c.value)
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = p.Append(dst, src, None)
			}
		})
	}
}

func BenchmarkExcluded(b *testing.B) {
	r := testRules(b)
	for _, ind := range []Indicator{{Domain, "www.example.com"}, {IP, "203.113.45.67"}, {IP, "2606:4700::1111"}, {Email, "a@example.com"}} {
		b.Run(ind.Type.String()+" "+ind.Value, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = r.Excluded(ind)
			}
		})
	}
}
