package server

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
)

func TestAppend(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind indicator.Type
		in   Report
		want string
	}{
		{"domain", indicator.Domain, Report{
			Resolutions: []Resolution{{"2015-10-09", "-"}, {"0000-00-00", "192.0.2.7"}},
			Emails:      []string{"", "who@example.net"},
			Subdomains:  []string{`a"b.example.com`, "bü.example.com"},
			References:  []string{"http://example.org/a/"},
			Votes:       -1, HasVotes: true, Permalink: "https://tc.example/domain.php?domain=example.com",
		}, `{"response_code":"1","resolutions":[{"last_resolved":"2015-10-09","ip_address":"-"},{"last_resolved":"0000-00-00","ip_address":"192.0.2.7"}],` +
			`"hashes":[],"emails":["","who@example.net"],"subdomains":["a\"b.example.com","b\u00fc.example.com"],` +
			`"references":["http:\/\/example.org\/a\/"],"votes":-1,"permalink":"https:\/\/tc.example\/domain.php?domain=example.com"}`},
		{"domain of 2015", indicator.Domain, Report{},
			`{"response_code":"1","resolutions":[],"hashes":[],"emails":[],"references":[],"permalink":""}`},
		{"domain without subdomains", indicator.Domain, Report{Subdomains: []string{}, HasVotes: true},
			`{"response_code":"1","resolutions":[],"hashes":[],"emails":[],"subdomains":[],"references":[],"votes":0,"permalink":""}`},
		{"ip", indicator.IP, Report{
			Resolutions: []Resolution{{"2015-02-17", "NS2.EXAMPLE.NET\r"}}, Hashes: []string{"00", "00"},
			References: []string{""}, Votes: 1, HasVotes: true, Permalink: "p", Emails: []string{"not written"},
		}, `{"response_code":"1","resolutions":[{"last_resolved":"2015-02-17","domain":"NS2.EXAMPLE.NET\r"}],"hashes":["00","00"],"references":[""],"votes":1,"permalink":"p"}`},
		{"email", indicator.Email, Report{Domains: []string{"a.example", "b.example"}, Votes: 1, HasVotes: true, Permalink: "e=a@b"},
			`{"response_code":"1","domains":["a.example","b.example"],"references":[],"permalink":"e=a@b"}`},
		{"antivirus", indicator.Antivirus, Report{Hashes: []string{"aa"}},
			`{"response_code":"1","hashes":["aa"],"references":[],"permalink":""}`},
		{"file", indicator.Hash, Report{MD5: "m", SHA1: "s", Scans: []string{"", "W32/A*B"}, IPs: []string{"0.0.0.0"}, Domains: []string{"x.example"}},
			`{"response_code":"1","md5":"m","sha1":"s","scans":["","W32\/A*B"],"ips":["0.0.0.0"],"domains":["x.example"],"references":[],"permalink":""}`},
		{"no kind", indicator.None, Report{MD5: "m"}, `{"response_code":"0"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := string(Append([]byte("x"), tt.kind, &tt.in))
			if diff := cmp.Diff("x"+tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                   `""`,
		"a/b\\c\"":           `"a\/b\\c\""`,
		"\b\f\n\r\t\x00\x1f": `"\b\f\n\r\t\u0000\u001f"`,
		"\x7f<&'>":           "\"\x7f<&'>\"",
		"é€\u2028😀":          `"\u00e9\u20ac\u2028\ud83d\ude00"`,
		"a\xffb":             `"a\ufffdb"`,
	} {
		if got := string(appendString(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a/b\r😀\xff")
	f.Fuzz(func(t *testing.T, s string) {
		b := appendString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %s: %v", s, b, err)
		}
		if want := string([]rune(s)); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: came back as %q", s, got)
		}
		for _, c := range b {
			if c >= utf8.RuneSelf {
				t.Fatalf("%q: %s is not ASCII", s, b)
			}
		}
	})
}

// wire is a recorded answer, decoded.
type wire struct {
	Resolutions []struct {
		LastResolved string `json:"last_resolved"`
		IP           string `json:"ip_address"`
		Domain       string `json:"domain"`
	}
	Hashes, Emails, Subdomains, Domains, IPs, Scans, References []string
	MD5, SHA1, Permalink                                        string
	Votes                                                       *int8
}

func (w *wire) report() *Report {
	r := &Report{
		Hashes: w.Hashes, Emails: w.Emails, Subdomains: w.Subdomains, Domains: w.Domains, IPs: w.IPs,
		Scans: w.Scans, References: w.References, MD5: w.MD5, SHA1: w.SHA1,
	}
	for _, x := range w.Resolutions {
		r.Resolutions = append(r.Resolutions, Resolution{x.LastResolved, x.IP + x.Domain})
	}
	if w.Votes != nil {
		r.Votes, r.HasVotes = *w.Votes, true
	}
	return r
}

// TestRecordings encodes the values of recorded raw answers, and leaves the
// permalink to the handler: the bytes must come out as they were recorded.
func TestRecordings(t *testing.T) {
	const dir = "../../shared/data/threatcrowd"
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no recorded answers at " + dir)
	}
	for _, tt := range []struct{ file, target string }{
		{"domain_aoldaily.com_2015.json", "domain/report/?domain=aoldaily.com"},
		{"domain_abc.com_2022.json", "domain/report/?domain=abc.com"},
		{"ip_188.40.75.132_2015.json", "ip/report/?ip=188.40.75.132"},
		{"email_william19770319@yahoo.com_2015.json", "email/report/?email=william19770319%40yahoo.com"},
		{"antivirus_plugx_2015.json", "antivirus/report/?antivirus=plugx"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			want := read(t, filepath.Join(dir, tt.file))
			if diff := cmp.Diff(want, answer(t, want, tt.target)); diff != "" {
				t.Error(diff)
			}
		})
	}
	// Answers of which white space and escapes were not kept: the same values,
	// in the same order, must come out.
	for _, tt := range []struct{ file, target string }{
		{"domain_aoldaily.com_2020.json", "domain/report/?domain=aoldaily.com"},
		{"file_31d0e421894004393c48de1769744687.json", "file/report/?resource=31D0E421894004393C48DE1769744687"},
		{"antivirus_test_xsoar-fixture.json", "antivirus/report/?antivirus=test"},
		{"ip_0.0.0.0_xsoar-fixture.json", "ip/report/?ip=0.0.0.0"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			want := read(t, filepath.Join(dir, tt.file))
			if diff := cmp.Diff(tokens(t, want), tokens(t, answer(t, want, tt.target))); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := strings.TrimSpace(read(t, filepath.Join(dir, "notfound_response_code_0.json"))); got != NotFound {
		t.Errorf("recorded not-found answer is %s", got)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// answer returns what a handler answers that knows the values of body.
func answer(t *testing.T, body, target string) string {
	t.Helper()
	var w wire
	if err := json.Unmarshal([]byte(body), &w); err != nil {
		t.Fatal(err)
	}
	r := w.report()
	return get(New(storeFunc(func(indicator.Indicator) *Report { return r })), Root+target).Body.String()
}

func tokens(t *testing.T, text string) []json.Token {
	t.Helper()
	var all []json.Token
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		tok, err := d.Token()
		if err != nil {
			return all
		}
		all = append(all, tok)
	}
}
