package threatcrowd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeFixtures(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef"
	tests := []struct {
		file string
		typ  indicator.Type
		want *source.Report
	}{
		{"domain.json", indicator.Domain, &source.Report{
			Summary: source.Summary{Verdict: source.Malicious, Votes: -1, HasVotes: true, Related: 8, LastSeen: "2016-01-02",
				Permalink: "https://intel.example/domain.php?domain=evil.example"},
			Resolutions: []source.Resolution{{Value: "198.51.100.33", LastSeen: "2016-01-02"}, {Value: "203.0.113.129", LastSeen: "2015-05-12"}, {Value: "198.51.100.66"}},
			Hashes:      []string{hash},
			Emails:      []string{"owner@mail.example"},
			Subdomains:  []string{"www.evil.example", "mail.evil.example", "u0027x.evil.example"},
			References:  []string{"http://blog.example/2013/02/", "httpblog.example201302"},
		}},
		{"ip.json", indicator.IP, &source.Report{
			Summary: source.Summary{HasVotes: true, Related: 3, LastSeen: "2015-02-19", Permalink: "http://intel.example/ip.php?ip=192.0.2.75"},
			Resolutions: []source.Resolution{{Value: "192.0.2.77", LastSeen: "2015-02-19"}, {Value: "two.example", LastSeen: "2015-02-18"},
				{Value: "one.example", LastSeen: "2015-02-17"}},
		}},
		{"email.json", indicator.Email, &source.Report{
			Summary: source.Summary{Related: 2, Permalink: "https://intel.example/email.php?email=owner@mail.example"},
			Domains: []string{"one.example", "two.example"},
		}},
		{"file.json", indicator.Hash, &source.Report{
			Summary: source.Summary{Related: 5, Permalink: "https://intel.example/malware.php?md5=" + hash},
			Scans:   []string{"Error Scanning File", "Gen*Variant.Made.1", "W32/Made.UP-1"},
			IPs:     []string{"198.51.100.8"},
			Domains: []string{"c2.example"},
			MD5:     hash, SHA1: hash + "01234567",
		}},
		{"antivirus.json", indicator.Antivirus, &source.Report{
			Summary: source.Summary{Related: 2, Permalink: "https://intel.example/listMalware.php?antivirus=made%20up"},
			Hashes:  []string{hash, "d41d8cd98f00b204e9800998ecf8427e"},
		}},
	}
	for _, tt := range tests {
		raw := fixture(t, tt.file)
		before := slices.Clone(raw)
		got, err := Decode(indicator.Indicator{Type: tt.typ}, raw)
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.file, diff)
		}
		if string(before) != string(raw) {
			t.Errorf("%s: the body was changed", tt.file)
		}
	}
}

// TestDecodeBodies: what is found, what is not found, and what is neither.
func TestDecodeBodies(t *testing.T) {
	tests := []struct {
		body string
		err  error
		text string
	}{
		{`{"response_code":"1"}`, nil, ""}, {`{"response_code":1}`, nil, ""}, {`{"response_code":200}`, nil, ""},
		{`{"response_code":true}`, nil, ""}, {`{"response_code":" 1 "}`, nil, ""}, {`{"response_code":1.0}`, nil, ""},
		{"\ufeff \r\n{\"response_code\":\"1\"}\n", nil, ""},
		{`{"response_code":"0","response_code":"1"}`, nil, ""}, {`{"response\u005fcode":"1"}`, nil, ""},
		{``, ErrNotFound, ""}, {" \r\n\t", ErrNotFound, ""}, {"\ufeff", ErrNotFound, ""},
		{`{"response_code":"0"}`, ErrNotFound, ""}, {`{"response_code":0}`, ErrNotFound, ""}, {`{"response_code":false}`, ErrNotFound, ""},
		{`{"response_code":"0","hashes":["x"],"votes":-1}`, ErrNotFound, ""}, {`{"response_code":"1","response_code":"0"}`, ErrNotFound, ""},
		{`{}`, source.ErrMalformed, "no response_code"},
		{`{"message":"Empty"}`, source.ErrMalformed, "no response_code"},
		{`{"subdomains":["a.example"],"hashes":[]}`, source.ErrMalformed, "no response_code"},
		{`{"Response_Code":"1"}`, source.ErrMalformed, "no response_code"},
		{`{"response_code":null}`, source.ErrMalformed, "unknown response_code"}, {`{"response_code":"2"}`, source.ErrMalformed, `unknown response_code`},
		{`{"response_code":"-1"}`, source.ErrMalformed, ""}, {`{"response_code":[]}`, source.ErrMalformed, ""}, {`{"response_code":""}`, source.ErrMalformed, ""},
		{`{"response_code":"0x1"}`, source.ErrMalformed, ""}, {`{"response_code":1e999}`, source.ErrMalformed, ""},
		{`[]`, source.ErrMalformed, "not a JSON object"}, {`"1"`, source.ErrMalformed, "not a JSON object"}, {`null`, source.ErrMalformed, ""},
		{`INVALID`, source.ErrMalformed, "not a JSON object"}, {`<html>`, source.ErrMalformed, ""}, {"\x00", source.ErrMalformed, ""},
		{`{"response_code":"1"`, source.ErrMalformed, "broken JSON at byte"}, {`{"response_code":"1",}`, source.ErrMalformed, ""},
		{`{"response_code":"1"} x`, source.ErrMalformed, "follows"}, {`{"response_code":"1"}{"response_code":"1"}`, source.ErrMalformed, "follows"},
		{`{"response_code":"1","hashes":["a" "b"]}`, source.ErrMalformed, ""}, {`{"response_code":01}`, source.ErrMalformed, ""},
		{`{"response_code":"1","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, source.ErrMalformed, "nested"},
		{"{\"response_code\":\"1\n\"}", source.ErrMalformed, ""},
		{`Too many connections`, source.ErrUnavailable, "overloaded"},
		{"<b>Warning</b>: mysqli_connect(): (08004/1040): Too Many Connections in db.php", source.ErrUnavailable, ""},
		{`{"error":"too many connections"}`, source.ErrUnavailable, ""},
		{`{"response_code":"1","scans":["Too many connections"]}`, nil, ""},
	}
	for _, tt := range tests {
		r, err := Decode(indicator.Indicator{Type: indicator.Domain}, []byte(tt.body))
		if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) || (err == nil) != (r != nil) {
			t.Errorf("%.60s: error %v, want %v", tt.body, err, tt.err)
		}
		if err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%.60s: error %q does not say %q", tt.body, err, tt.text)
		}
	}
}

func TestDecodeVotes(t *testing.T) {
	for in, want := range map[string]source.Summary{
		`-1`: {Verdict: source.Malicious, Votes: -1, HasVotes: true}, `"-1"`: {Verdict: source.Malicious, Votes: -1, HasVotes: true},
		`0`: {HasVotes: true}, `"0"`: {HasVotes: true}, `" 0 "`: {HasVotes: true}, `-0.0`: {HasVotes: true},
		`1`: {Verdict: source.Harmless, Votes: 1, HasVotes: true}, `"+1"`: {Verdict: source.Harmless, Votes: 1, HasVotes: true},
		`-17`: {Verdict: source.Malicious, Votes: -1, HasVotes: true}, `"42"`: {Verdict: source.Harmless, Votes: 1, HasVotes: true},
		`1e999`: {Verdict: source.Harmless, Votes: 1, HasVotes: true}, `-1e999`: {Verdict: source.Malicious, Votes: -1, HasVotes: true},
		`null`: {}, `""`: {}, `"many"`: {}, `true`: {}, `[1]`: {}, `"NaN"`: {}, `"inf"`: {}, `{}`: {},
	} {
		r, err := Decode(indicator.Indicator{}, []byte(`{"response_code":"1","votes":`+in+`}`))
		if err != nil || r.Summary != want {
			t.Errorf("votes %s: %+v, %v", in, r.Summary, err)
		}
	}
}

func TestDecodeLists(t *testing.T) {
	tests := []struct {
		in      string
		want    []string
		dropped int
	}{
		{`null`, nil, 0}, {`[]`, nil, 0}, {`[""]`, nil, 0}, {`["-"]`, nil, 0}, {`"lone"`, nil, 1}, {`{"0":"a"}`, nil, 1}, {`7`, nil, 1}, {`true`, nil, 1},
		{`["a",1,null,["b"],{"c":"d"},true,"e"]`, []string{"a", "e"}, 5},
		{`["A","a"," a ","a\r\n","b"]`, []string{"a", "b"}, 0},
		{`["a\nb","\u0000","\u001b[31mred","\u202egnp.exe","x\u2028y","\u200b"]`, []string{"a b", "[31mred", "gnp.exe", "x y"}, 0},
		{`["\u00e9\ud83d\ude00","\ud800","\ud800\u0041","bad` + "\xff" + `"]`, []string{"é😀", "\ufffd", "\ufffda", "bad\ufffd"}, 0},
		{`["\"\\\/\b\f\t"]`, []string{`"\/`}, 0},
	}
	for _, tt := range tests {
		r, err := Decode(indicator.Indicator{Type: indicator.IP}, []byte(`{"response_code":"1","hashes":`+tt.in+`}`))
		if err != nil || !slices.Equal(r.Hashes, tt.want) || r.Dropped != tt.dropped || r.Related != uint32(len(tt.want)) {
			t.Errorf("%s: %q, dropped %d, related %d, %v", tt.in, r.Hashes, r.Dropped, r.Related, err)
		}
	}
	// Of a repeated member only the last counts, also for what is dropped.
	r, err := Decode(indicator.Indicator{}, []byte(`{"response_code":"1","ips":[1,2,"192.0.2.1"],"ips":["192.0.2.2"]}`))
	if err != nil || !slices.Equal(r.IPs, []string{"192.0.2.2"}) || r.Dropped != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	// Long lists are cleaned of repeats like short ones.
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, `"v%d",`, i%97)
	}
	r, err = Decode(indicator.Indicator{}, []byte(`{"response_code":"1","scans":[`+b.String()+`"v0"]}`))
	if err != nil || len(r.Scans) != 97 || r.Scans[0] != "v0" || r.Scans[96] != "v96" {
		t.Errorf("%d scans, %v", len(r.Scans), err)
	}
}

func TestDecodeResolutions(t *testing.T) {
	tests := []struct {
		typ     indicator.Type
		in      string
		want    string
		dropped int
	}{
		{indicator.Domain, `["bare",5,null,{"ip_address":7},{"last_resolved":"2020-01-01"},{"ip_address":"192.0.2.1","last_resolved":20200101}]`, "[{192.0.2.1 }]", 5},
		{indicator.Domain, `[{"ip_address":"a"},{"ip_address":"b","last_resolved":"2020-01-01"},{"ip_address":"c"},{"ip_address":"d","last_resolved":"2020-01-01"}]`,
			"[{b 2020-01-01} {d 2020-01-01} {a } {c }]", 0},
		{indicator.Domain, `[{"ip_address":"a","last_resolved":"2020-01-01"},{"ip_address":"A","last_resolved":"2021-01-01"},{"ip_address":"a","last_resolved":"0000-00-00"}]`,
			"[{a 2021-01-01}]", 0},
		{indicator.Domain, `[{"ip_address":"192.0.2.1","domain":"a.example"}]`, "[{192.0.2.1 }]", 0},
		{indicator.IP, `[{"ip_address":"192.0.2.1","domain":"a.example"},{"ip_address":"192.0.2.2"}]`, "[{a.example } {192.0.2.2 }]", 0},
		{indicator.IP, `"x"`, "[]", 1}, {indicator.IP, `null`, "[]", 0}, {indicator.IP, `{}`, "[]", 1},
	}
	for _, tt := range tests {
		r, err := Decode(indicator.Indicator{Type: tt.typ}, []byte(`{"response_code":"1","resolutions":`+tt.in+`}`))
		if err != nil || fmt.Sprint(r.Resolutions) != tt.want || r.Dropped != tt.dropped {
			t.Errorf("%s: %v, dropped %d, %v", tt.in, r.Resolutions, r.Dropped, err)
		}
	}
}

func TestCleanDate(t *testing.T) {
	for in, want := range map[string]string{
		"2015-10-09": "2015-10-09", " 2015-10-09\r": "2015-10-09", "2015-10-09 01:02:03": "2015-10-09", "2016-02-29": "2016-02-29", "2000-02-29": "2000-02-29",
		"0000-00-00": "", "2015-00-10": "", "2015-13-01": "", "2015-04-31": "", "2015-02-29": "", "1900-02-29": "", "2015-1-1": "", "2015/10/09": "",
		"+015-10-09": "", "2015-10-09x": "", "": "", "0000-01-01": "", "２015-10-09": "",
	} {
		if got := cleanDate(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCleanURL(t *testing.T) {
	for in, want := range map[string]string{
		" https://intel.example/a?b=c@d \r\n": "https://intel.example/a?b=c@d", "HTTP://intel.example": "HTTP://intel.example",
		"https://intel.example/a b": "https://intel.example/a%20b",
		"javascript:alert(1)//://":  "", "//intel.example/": "", "ftp://intel.example/": "", "http:///x": "", "https://a@evil.example/": "",
		"https://intel.example/\x1b[m": "", "https://intel.example/\n": "https://intel.example/", "https://in\ntel.example/": "", "": "", "https://[": "",
	} {
		if got := cleanURL(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// texts returns every text of a report.
func texts(r *source.Report) []string {
	all := slices.Concat(r.Hashes, r.Emails, r.Subdomains, r.Domains, r.IPs, r.Scans, r.References)
	for _, x := range r.Resolutions {
		all = append(all, x.Value)
	}
	return all
}

// FuzzDecode: no body panics; the body is malformed exactly when
// encoding/json says so or the API's own rules do; and a report is clean.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"domain.json", "ip.json", "email.json", "file.json", "antivirus.json"} {
		f.Add(fixture(f, name), uint8(1))
	}
	for _, s := range []string{``, `{}`, `{"response_code":"0"}`, `{"message":"Empty"}`, `{"response_code":1,"resolutions":[{"domain":"a","last_resolved":"2020-02-30"},"x"],"votes":"-7"}`,
		`{"response_code":"1","hashes":["\ud83d\ude00\u0000","` + "\xff" + `"],"hashes":null}`, "\ufeff{\"response_code\":true}", `[1]`, `{"a":1e5,"b":[{"c":-0.1}]}`} {
		f.Add([]byte(s), uint8(2))
	}
	f.Fuzz(func(t *testing.T, raw []byte, typ uint8) {
		r, err := Decode(indicator.Indicator{Type: indicator.Type(typ)}, raw)
		body := strings.TrimPrefix(string(raw), "\ufeff")
		var object map[string]json.RawMessage
		hasCode := false
		if json.Unmarshal([]byte(body), &object) == nil {
			_, hasCode = object["response_code"]
		}
		switch {
		case err == nil || errors.Is(err, ErrNotFound) && strings.Trim(body, " \t\r\n") != "":
			if !hasCode {
				t.Fatalf("%v of a body that encoding/json does not read or that has no code", err)
			}
		case errors.Is(err, source.ErrMalformed) && strings.Contains(err.Error(), errSyntax.Error()):
			if json.Valid([]byte(body)) {
				t.Fatalf("%v, but encoding/json reads it", err)
			}
		}
		if (r == nil) == (err == nil) {
			t.Fatalf("%v, %v", r, err)
		}
		if r == nil {
			return
		}
		for _, s := range texts(r) {
			if s == "" || s == "-" || !utf8.ValidString(s) || s != strings.TrimSpace(s) || strings.ContainsFunc(s, func(r rune) bool {
				return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
			}) {
				t.Fatalf("unclean text %q", s)
			}
		}
		for _, list := range [][]string{r.Hashes, r.Emails, r.Subdomains, r.Domains, r.IPs, r.Scans, r.References} {
			if sorted := slices.Sorted(slices.Values(list)); len(slices.Compact(sorted)) != len(list) {
				t.Fatalf("repeats in %q", list)
			}
		}
		if !slices.IsSortedFunc(r.Resolutions, func(a, b source.Resolution) int { return strings.Compare(b.LastSeen, a.LastSeen) }) {
			t.Fatalf("resolutions not newest first: %v", r.Resolutions)
		}
		if n := len(texts(r)) - len(r.References); int(r.Related) != n {
			t.Fatalf("related %d of %d", r.Related, n)
		}
		if !json.Valid(r.AppendJSON(nil, indicator.Indicator{Value: "x"}, "s")) {
			t.Fatal("no JSON")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var plugx strings.Builder
	plugx.WriteString(`{"response_code":"1","hashes":["00000000000000000000000000000000"`)
	for i := range 400 {
		fmt.Fprintf(&plugx, `,"%032x"`, i%316)
	}
	plugx.WriteString(`],"references":[],"permalink":"https:\/\/intel.example\/listMalware.php?antivirus=made"}`)
	for _, bb := range []struct {
		name string
		typ  indicator.Type
		raw  []byte
	}{
		{"domain", indicator.Domain, fixture(b, "domain.json")},
		{"antivirus400", indicator.Antivirus, []byte(plugx.String())},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bb.raw)))
			for b.Loop() {
				if _, err := Decode(indicator.Indicator{Type: bb.typ}, bb.raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
