package source

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tclookup/tclookup/indicator"
)

func TestAppendJSON(t *testing.T) {
	full := &Report{
		Summary: Summary{Verdict: Malicious, Votes: -1, HasVotes: true, Related: 9, LastSeen: "2020-02-03",
			Permalink: "https://intel.example/domain.php?domain=evil.example&x=<y>"},
		Resolutions: []Resolution{{"192.0.2.1", "2020-02-03"}, {"192.0.2.2", ""}},
		Hashes:      []string{"00000000000000000000000000000000"},
		Emails:      []string{"a@mail.example"},
		Subdomains:  []string{"www.evil.example"},
		Domains:     []string{"other.example"},
		IPs:         []string{"192.0.2.3"},
		Scans:       []string{`W32/"Bad"\Worm`},
		References:  []string{"http://blog.example/", "x"},
		MD5:         "d41d8cd98f00b204e9800998ecf8427e", SHA1: "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		Dropped: 3,
	}
	tests := []struct {
		r      *Report
		ind    indicator.Indicator
		source string
		want   string
	}{
		{new(Report), indicator.Indicator{}, "", `{"indicator":"","verdict":"unknown","related":0}`},
		{&Report{Summary: Summary{HasVotes: true}}, indicator.Indicator{Type: indicator.IP, Value: "192.0.2.1"}, "threatcrowd",
			`{"indicator":"192.0.2.1","type":"ip","source":"threatcrowd","verdict":"unknown","votes":0,"related":0}`},
		{full, indicator.Indicator{Type: indicator.Domain, Value: "evil.example"}, "local",
			`{"indicator":"evil.example","type":"domain","source":"local","verdict":"malicious","votes":-1,"related":9,"last_seen":"2020-02-03",` +
				`"resolutions":[{"value":"192.0.2.1","last_seen":"2020-02-03"},{"value":"192.0.2.2"}],` +
				`"hashes":["00000000000000000000000000000000"],"emails":["a@mail.example"],"subdomains":["www.evil.example"],` +
				`"domains":["other.example"],"ips":["192.0.2.3"],"scans":["W32/\"Bad\"\\Worm"],"references":["http://blog.example/","x"],` +
				`"md5":"d41d8cd98f00b204e9800998ecf8427e","sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709",` +
				`"permalink":"https://intel.example/domain.php?domain=evil.example&x=<y>"}`},
	}
	for _, tt := range tests {
		if got := string(tt.r.AppendJSON([]byte("# "), tt.ind, tt.source)); got != "# "+tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	for _, tt := range tests {
		got, err := ParseJSON([]byte(tt.want))
		want := *tt.r
		want.Dropped = 0
		if err != nil || !reflect.DeepEqual(got, &want) {
			t.Errorf("read back: %+v, %v, want %+v", got, err, &want)
		}
	}
	if _, err := ParseJSON([]byte(`{"votes":"x"}`)); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { full.AppendJSON(buf, tests[2].ind, "local") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzAppendJSON: any text comes back from the object as encoding/json reads
// it, on one line of valid UTF-8.
func FuzzAppendJSON(f *testing.F) {
	for _, s := range []string{"a", "\x00\x1f\x7f\u0085\u2028\n\r\t\"\\/<&>", "\xff\xc3", "é世😀\ufffd"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		r := &Report{Scans: []string{a, b}, Resolutions: []Resolution{{Value: b, LastSeen: a}}, SHA1: a}
		got := r.AppendJSON(nil, indicator.Indicator{Type: indicator.Hash, Value: b}, a)
		if !utf8.Valid(got) || strings.ContainsFunc(string(got), func(r rune) bool {
			return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
		}) {
			t.Fatalf("%q", got)
		}
		var back struct {
			Indicator   string
			Source      string
			Scans       []string
			Resolutions []Resolution
			SHA1        string
		}
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		// Conversion to runes replaces each byte that is no UTF-8.
		a, b = string([]rune(a)), string([]rune(b))
		if back.Indicator != b || back.Source != a || back.SHA1 != a || !reflect.DeepEqual(back.Scans, []string{a, b}) ||
			back.Resolutions[0] != (Resolution{b, a}) {
			t.Errorf("%q, %q: %+v", a, b, back)
		}
	})
}
