package server

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

func TestParseV1(t *testing.T) {
	for _, tt := range []struct {
		query string
		want  indicator.Indicator
		dates bool
	}{
		{"type=domain&query=EXAMPLE.com", indicator.Indicator{Type: indicator.Domain, Value: "example.com"}, false},
		{"query=192.0.2.1&type=ip&displayDates=true", indicator.Indicator{Type: indicator.IP, Value: "192.0.2.1"}, true},
		{"type=md5&query=ABC&displayDates=false", indicator.Indicator{Type: indicator.Hash, Value: "abc"}, false},
		{"type=antivirus&query=plug+x", indicator.Indicator{Type: indicator.Antivirus, Value: "plug x"}, false},
		{"type=email&query=a%40B.example", indicator.Indicator{Type: indicator.Email, Value: "a@b.example"}, false},
		{"type=url&query=x", indicator.Indicator{}, false}, {"query=x", indicator.Indicator{}, false}, {"type=ip&query=x", indicator.Indicator{}, false}, {"", indicator.Indicator{}, false},
	} {
		if got, dates := ParseV1(tt.query); got != tt.want || dates != tt.dates {
			t.Errorf("%s: %v, %t", tt.query, got, dates)
		}
	}
}

func TestAppendV1(t *testing.T) {
	r := &Report{
		Resolutions: []Resolution{{"2015-10-09", "192.0.2.1"}, {"0000-00-00", "-"}}, Hashes: []string{"00", ""},
		Emails: []string{"who@example.net\r\nIP,1.2.3.4,x"}, Subdomains: []string{"www.example.com"}, Permalink: "https://tc.example/domain.php?domain=example.com",
	}
	const link = ",https://tc.example/domain.php?domain=example.com"
	for dates, want := range map[bool]string{
		false: "IP,192.0.2.1" + link + "\r\nDOMAIN,www.example.com" + link + "\r\nEMAIL,who@example.net  IP 1.2.3.4 x" + link + "\r\nMD5,00" + link,
		true:  "IP,192.0.2.1" + link + ",2015-10-09\r\nDOMAIN,www.example.com" + link + ",\r\nEMAIL,who@example.net  IP 1.2.3.4 x" + link + ",\r\nMD5,00" + link + ",",
	} {
		if diff := cmp.Diff(want, string(AppendV1(nil, indicator.Domain, r, dates))); diff != "" {
			t.Error(diff)
		}
	}
	ip := AppendV1(nil, indicator.IP, &Report{Resolutions: []Resolution{{"2015-02-17", "NS.EXAMPLE.NET\r"}}}, true)
	if string(ip) != "DOMAIN,NS.EXAMPLE.NET,,2015-02-17" {
		t.Errorf("%q", ip)
	}
	file := AppendV1(nil, indicator.Hash, &Report{IPs: []string{"192.0.2.1"}, Domains: []string{"a.example"}}, false)
	if string(file) != "DOMAIN,a.example,\r\nIP,192.0.2.1," {
		t.Errorf("%q", file)
	}
	if got := AppendV1([]byte("x"), indicator.Domain, &Report{}, true); string(got) != "x" {
		t.Errorf("nothing known: %q", got)
	}
}

func FuzzAppendV1(f *testing.F) {
	f.Add("a,b\r\nc", "2015-01-01")
	f.Fuzz(func(t *testing.T, value, date string) {
		r := &Report{Domains: []string{value, value}, Permalink: value}
		for line := range strings.SplitSeq(string(AppendV1(nil, indicator.Email, r, false)), "\r\n") {
			if line != "" && strings.Count(line, ",") != 2 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%q from %q", line, value)
			}
		}
	})
}

func TestFromReport(t *testing.T) {
	in := &source.Report{
		Summary:     source.Summary{Votes: -1, HasVotes: true, Permalink: "https://elsewhere.example/"},
		Resolutions: []source.Resolution{{Value: "192.0.2.1", LastSeen: "2020-01-02"}, {Value: "192.0.2.2"}},
	}
	got := string(Append(nil, indicator.Domain, FromReport(indicator.Domain, in)))
	want := `{"response_code":"1","resolutions":[{"last_resolved":"2020-01-02","ip_address":"192.0.2.1"},{"last_resolved":"0000-00-00","ip_address":"192.0.2.2"}],` +
		`"hashes":[],"emails":[],"subdomains":[],"references":[],"votes":-1,"permalink":""}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = string(Append(nil, indicator.IP, FromReport(indicator.IP, &source.Report{})))
	if want := `{"response_code":"1","resolutions":[],"hashes":[],"references":[],"votes":0,"permalink":""}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPermalink(t *testing.T) {
	for ind, want := range map[indicator.Indicator]string{
		{Type: indicator.Domain, Value: "a.example"}:            "https://tc.example/domain.php?domain=a.example",
		{Type: indicator.Hash, Value: "00"}:                     "https://tc.example/malware.php?md5=00",
		{Type: indicator.Antivirus, Value: `<b>"x"&y#`}:         "https://tc.example/listMalware.php?antivirus=%3Cb%3E%22x%22%26y%23",
		{Type: indicator.None, Value: "a.example"}:              "",
		{Type: indicator.Email, Value: "a@b.example\r\nSet: x"}: "https://tc.example/email.php?email=a@b.example%0D%0ASet:%20x",
	} {
		if got := Permalink("https://tc.example/", ind); got != want {
			t.Errorf("%v: %s", ind, got)
		}
	}
}
