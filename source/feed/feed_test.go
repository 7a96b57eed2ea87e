package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
)

func options(t testing.TB) Options {
	p, err := indicator.NewParser(indicator.ParserConfig{Suffixes: []string{"example"}})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Parser: p, Verdict: source.Malicious, Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }}
}

func input(text string) Input {
	return Input{"in", func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// written writes a fact in one line.
func written(f local.Fact) string {
	s := fmt.Sprintf("%s %s", f.Kind, f.Subject.Value)
	if f.Kind != local.Listed {
		s += " " + f.Object.Value
	} else {
		s += " " + f.Verdict.String()
	}
	if f.Confidence > 0 {
		s += fmt.Sprintf(" %d%%", f.Confidence)
	}
	if !f.First.IsZero() {
		s += " from " + f.First.Format(time.DateOnly)
	}
	if !f.Last.IsZero() {
		s += " to " + f.Last.Format(time.DateOnly)
	}
	return s
}

// facts reads a text: its facts, then the bad records.
func facts(t testing.TB, o Options, text string) (out []string, c Counts, err error) {
	o.Bad = func(b Bad) { out = append(out, "BAD "+b.Error()) }
	c, err = Read(context.Background(), input(text), o, func(f local.Fact) error {
		if err := f.Check(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
		out = append(out, written(f))
		return nil
	})
	return out, c, err
}

const (
	md5A    = "0123456789abcdef0123456789abcdef"
	sha1A   = "0123456789abcdef0123456789abcdef01234567"
	sha256A = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func TestFormats(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		change     func(*Options)
		want       []string
		passed     int64
	}{
		{name: "list", text: "# comment\r\n\n evil.example.com \nhxxp://bad[.]example/x?y\n192.0.2.1 # why\n;x\n//y\n2001:db8::1\n" + md5A + "\nbad one here\n10.0.0.300\nlocalhost\n||ads.example.net^\n",
			want: []string{"listed evil.example.com malicious", "listed bad.example malicious", "listed 192.0.2.1 malicious", "listed 2001:db8::1 malicious",
				"listed " + md5A + " malicious", `BAD in:10: "bad one here": free text or several values: an indicator has no blanks`,
				`BAD in:11: "10.0.0.300": not an IPv4 address: it needs four numbers from 0 to 255`, `BAD in:12: "localhost": a name without a dot`, "listed ads.example.net malicious"}},
		{name: "hosts file", text: "127.0.0.1\tlocalhost\n0.0.0.0 a.example.com b.example.com # x\n::1 ip6-localhost\n",
			change: func(o *Options) { o.Verdict = source.Suspicious },
			want:   []string{"listed a.example.com suspicious", "listed b.example.com suspicious"}, passed: 2},
		{name: "UTF-16", text: "\xff\xfea\x00.\x00e\x00x\x00a\x00m\x00p\x00l\x00e\x00\n\x00", want: []string{"listed a.example malicious"}},
		{name: "URLhaus", text: "####\n# abuse.ch\n#\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\r\n" +
			`"1","2025-02-03 04:05:06","http://files.example.com/a.exe","online","2025-02-04","malware_download","exe,x","https://urlhaus.example/url/1/","r"` + "\r\n" +
			`"2","2025-02-03 04:05:06","nonsense","online","","","","",""` + "\r\n# Number of entries: 2\r\n",
			want: []string{"listed files.example.com suspicious from 2025-02-03 to 2025-02-04", "reference files.example.com https://urlhaus.example/url/1/", `BAD in:6: "nonsense": a name without a dot`}},
		{name: "URLhaus payloads", text: "# firstseen,url,filetype,md5,sha256,signature\n" + `"2025-02-03","http://192.0.2.9:8080/x","exe","` + md5A + `","` + sha256A + `","None"` + "\n",
			want: []string{"listed " + sha256A + " malicious from 2025-02-03 to 2025-02-03", "alias " + md5A + " " + sha256A, "contacted " + sha256A + " 192.0.2.9 from 2025-02-03 to 2025-02-03"}},
		{name: "ThreatFox", text: `# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","fk_malware","malware_alias","malware_printable","last_seen_utc","confidence_level","is_compromised","reference","tags","anonymous","reporter"` + "\n" +
			`"2026-08-30 01:39:33", "1", "c2.example.com", "domain", "botnet_cc", "x", "None", "Bad", "", "50", "True", "https://r.example/1", "None", "0", "x"` + "\n" +
			`"2026-08-30 01:39:33", "2", "192.0.2.4:443", "ip:port", "botnet_cc", "x", "None", "Bad", "2026-09-01 00:00:00", "25", "True", "None", "None", "0", "x"` + "\n" +
			`"2026-08-30 01:34:48", "3", "` + sha1A + `", "sha256_hash", "payload", "win.bad", "None", "Bad", "", "95", "False", "None", "None", "0", "x"` + "\n" +
			`"2026-08-30 01:34:48", "4", "a.example", "domain", "payload", "win.bad", "None", "Bad", "", "195", "False", "None", "None", "0", "x"` + "\n",
			want: []string{"listed c2.example.com malicious 50% from 2026-08-30 to 2026-08-30", "reference c2.example.com https://r.example/1",
				"listed 192.0.2.4 suspicious 25% from 2026-08-30 to 2026-09-01",
				"listed " + sha1A + " malicious 95% from 2026-08-30 to 2026-08-30", "detection " + sha1A + " Bad from 2026-08-30 to 2026-08-30",
				`BAD in:5: confidence "195": not a number from 0 to 100`}},
		{name: "MalwareBazaar", text: `# "first_seen_utc","sha256_hash","md5_hash","sha1_hash","reporter","file_name","file_type_guess","mime_type","signature","clamav","vtpercent","imphash","ssdeep","tlsh"` + "\n" +
			`"2025-05-06 07:08:09", "` + sha256A + `", "` + md5A + `", "` + sha1A + `", "r", "a,b.exe", "exe", "x", "Bad", "Win.Bad-1", "n/a", "", "", ""` + "\n",
			want: []string{"listed " + sha256A + " malicious from 2025-05-06 to 2025-05-06", "alias " + md5A + " " + sha256A, "alias " + sha1A + " " + sha256A,
				"detection " + sha256A + " Bad from 2025-05-06 to 2025-05-06", "detection " + sha256A + " Win.Bad-1 from 2025-05-06 to 2025-05-06"}},
		{name: "Feodo", text: "first_seen_utc,dst_ip,dst_port,c2_status,last_online,malware\n2025-01-02 03:04:05,192.0.2.5,443,online,2025-02-03,Bad\n",
			want: []string{"listed 192.0.2.5 malicious from 2025-01-02 to 2025-02-03"}},
		{name: "MISP export", text: "uuid,event_id,category,type,value,comment,to_ids,date\nu,1,Network,domain|ip,a.example|192.0.2.6,\"two\nlines\",1,1465681304\nu,1,x,text,hello,,0,\nu,1,x,md5,zz,,1,\n",
			want: []string{"listed a.example malicious to 2016-06-11", "listed 192.0.2.6 malicious to 2016-06-11", "resolution a.example 192.0.2.6 to 2016-06-11",
				`BAD in:5: "zz": not a file hash: MD5 has 32 hexadecimal digits, SHA-1 40, SHA-256 64, SHA-512 128`}, passed: 1},
		{name: "own table", text: "Domain;IP;Seen;Rating\na.example;192.0.2.7;2025-01-02;good\nb.example;;;perhaps\n",
			change: func(o *Options) {
				o.Columns = map[string]string{"value": "Domain", "resolution": "ip", "last_seen": "seen", "verdict": "rating"}
			},
			want: []string{"listed a.example harmless to 2025-01-02", "resolution a.example 192.0.2.7 to 2025-01-02", `BAD in:3: verdict "perhaps": there are malicious, suspicious, harmless and unknown`}},
		{name: "own relations that do not fit", text: "value,resolution\n" + md5A + ",192.0.2.7\n", change: func(o *Options) { o.Columns = map[string]string{"resolution": "resolution"} },
			want: []string{"BAD in:2: resolution: the kind of the fact does not fit the types of its values"}},
		{name: "usual names", text: "indicator,type,confidence,last_seen,malware\nc.example,domain,70,2025-03-04,Bad\n", want: []string{"listed c.example malicious 70% to 2025-03-04"}},
		{name: "MISP event", text: `{"Event":{"uuid":"e","date":"2020-01-02","Attribute":[
			{"type":"ip-dst|port","value":"192.0.2.8|443","to_ids":true,"timestamp":"1577934245"},{"type":"comment","value":"x"},
			{"type":"domain","value":"gone.example","to_ids":"1","deleted":true},{"type":"url","value":"http://u.example/a","to_ids":"1"},
			{"type":"email-src","value":"A@m.example","to_ids":0,"first_seen":"2019-05-06T00:00:00Z"},{"type":"filename|sha1","value":"no hash","uuid":"q"}],
			"Object":[{"name":"file","Attribute":[{"type":"md5","value":"` + md5A + `","to_ids":true},{"type":"sha1","value":"` + sha1A + `","to_ids":true}]},
			{"name":"domain-ip","Attribute":[{"type":"domain","value":"d.example"},{"type":"ip-dst","value":"192.0.2.9"}]}]}}`,
			want: []string{"listed 192.0.2.8 malicious to 2020-01-02", "listed u.example suspicious to 2020-01-02", "listed A@m.example unknown from 2019-05-06 to 2020-01-02",
				`BAD in: attribute 6 (q): "no hash": the type filename|sha1 has two parts, divided by |`,
				"listed " + md5A + " malicious to 2020-01-02", "listed " + sha1A + " malicious to 2020-01-02", "alias " + sha1A + " " + md5A,
				"listed d.example unknown to 2020-01-02", "listed 192.0.2.9 unknown to 2020-01-02", "resolution d.example 192.0.2.9 to 2020-01-02"}, passed: 2},
		{name: "MISP search", text: `{"response":{"Attribute":[{"type":"hostname","value":"h.example.com","to_ids":true,"timestamp":1577934245}]}}`, want: []string{"listed h.example.com malicious to 2020-01-02"}},
		{name: "STIX", text: `{"type":"bundle","id":"bundle--1","objects":[
			{"type":"indicator","id":"indicator--1","pattern_type":"stix","pattern":"[domain-name:value = 'a.example' OR ipv4-addr:value IN ('192.0.2.1','192.0.2.2')]","valid_from":"2024-01-02T03:04:05Z","confidence":80,"external_references":[{"source_name":"x","url":"https://r.example/"},{"source_name":"y"}]},
			{"type":"indicator","id":"indicator--2","pattern":"[file:hashes.MD5 = '` + md5A + `' AND file:hashes.'SHA-256' = '` + sha256A + `']","indicator_types":["anomalous-activity"],"valid_from":"2024-01-02T03:04:05Z"},
			{"type":"indicator","id":"indicator--3","pattern":"[domain-name:value = 'old.example']","valid_until":"2020-01-01T00:00:00Z"},
			{"type":"indicator","id":"indicator--4","pattern":"alert tcp","pattern_type":"snort"},
			{"type":"indicator","id":"indicator--5","pattern":"[domain-name:value = 'x"},
			{"type":"indicator","id":"indicator--6","pattern":"[url:value = 'http://w.example/1']","revoked":true},
			{"type":"malware","id":"malware--1","name":"Bad"},
			{"type":"relationship","id":"r--1","relationship_type":"indicates","source_ref":"indicator--2","target_ref":"malware--1","created":"2024-05-06T00:00:00Z"},
			{"type":"domain-name","id":"domain-name--1","value":"d.example","resolves_to_refs":["ipv4-addr--1"]},
			{"type":"ipv4-addr","id":"ipv4-addr--1","value":"192.0.2.3"},
			{"type":"identity","id":"identity--1","name":"x"}, "nonsense"]}`,
			want: []string{"listed a.example malicious 80% from 2024-01-02 to 2024-01-02", "reference a.example https://r.example/",
				"listed 192.0.2.1 malicious 80% from 2024-01-02 to 2024-01-02", "reference 192.0.2.1 https://r.example/",
				"listed 192.0.2.2 malicious 80% from 2024-01-02 to 2024-01-02", "reference 192.0.2.2 https://r.example/",
				"listed " + md5A + " suspicious from 2024-01-02 to 2024-01-02", "listed " + sha256A + " suspicious from 2024-01-02 to 2024-01-02", "alias " + sha256A + " " + md5A,
				"BAD in: object 5 (indicator--5): pattern, at byte 21: a quote that is not closed",
				"listed d.example unknown", "listed 192.0.2.3 unknown",
				"BAD in: object 12: json: cannot unmarshal string into Go value of type feed.stixObject",
				"detection " + md5A + " Bad to 2024-05-06", "detection " + sha256A + " Bad to 2024-05-06", "resolution d.example 192.0.2.3"}, passed: 4},
		{name: "STIX 2.0", text: `{"type":"bundle","spec_version":"2.0","objects":[{"type":"observed-data","id":"o","first_observed":"2020-01-01T00:00:00Z","last_observed":"2020-02-02T00:00:00Z",
			"objects":{"0":{"type":"domain-name","value":"o.example","resolves_to_refs":["1"]},"1":{"type":"ipv4-addr","value":"192.0.2.4"}}}]}`,
			want: []string{"listed o.example unknown from 2020-01-01 to 2020-02-02", "listed 192.0.2.4 unknown from 2020-01-01 to 2020-02-02", "resolution o.example 192.0.2.4 from 2020-01-01 to 2020-02-02"}},
		{name: "ThreatCrowd", text: `{"response_code":"1","resolutions":[{"last_resolved":"2015-01-02","ip_address":"192.0.2.5"},{"last_resolved":"0000-00-00","ip_address":"-"}],"hashes":["` + md5A + `"],"emails":["","a@m.example"],"subdomains":["w.a.example","what?"],"references":["x"],"votes":-1,"permalink":"https:\/\/tc.example\/domain.php?domain=a.example"}
			{"response_code":"0"} {"response_code":"1","hashes":[]}`,
			want: []string{"listed a.example malicious to 2015-01-02", "resolution a.example 192.0.2.5 to 2015-01-02", "contacted " + md5A + " a.example", "registrant a.example a@m.example",
				"subdomain a.example w.a.example", "reference a.example x", "BAD in: report 3: no permalink: nothing says what the report is about"}, passed: 1},
		{name: "ThreatCrowd file", text: `{"response_code":"1","md5":"` + md5A + `","sha1":"` + sha1A + `","scans":["","W32/X"],"ips":["192.0.2.6"],"domains":["c.example"],"references":[],"permalink":"https://tc.example/malware.php?md5=` + md5A + `"}`,
			want: []string{"listed " + md5A + " unknown", "contacted " + md5A + " c.example", "contacted " + md5A + " 192.0.2.6", "detection " + md5A + " W32/X", "alias " + sha1A + " " + md5A}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			if tt.change != nil {
				tt.change(&o)
			}
			got, c, err := facts(t, o, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if c.Passed != tt.passed || c.Bytes == 0 {
				t.Errorf("%+v, want %d passed over", c, tt.passed)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		text    string
		format  Format
		columns map[string]string
		want    string
	}{
		{"", Auto, nil, "it is empty"},
		{"<!doctype html><html>", Auto, nil, "HTML"},
		{`{"a":1}`, Auto, nil, "no known format"},
		{`{"a":1}`, MISP, nil, "neither a MISP event"},
		{`{"a":1}`, STIX, nil, "no objects"},
		{`{"type":"bundle","objects":[`, STIX, nil, "at byte"},
		{"a,b\n1,2\n", CSV, nil, "no known column names"},
		{"a,b\n1,2\n", CSV, map[string]string{"value": "c"}, "no such column; there are a, b"},
		{"a,b\n1,2\n", CSV, map[string]string{"colour": "a"}, "--column colour"},
		{"confidence,malware\n1,2\n", CSV, nil, "which column has the values"},
		{"value,x\n\"a" + strings.Repeat("b\n", maxRow), CSV, nil, "quote that is not closed"},
		{"x", "nonsense", nil, "unknown format"},
		{"PK\x03\x04 not a zip", Auto, nil, "zip"},
	} {
		o := options(t)
		o.Format, o.Columns = tt.format, tt.columns
		if _, _, err := facts(t, o, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40q as %s: %v, want %q", tt.text, tt.format, err, tt.want)
		}
	}
}

func TestZip(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("list.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("a.example\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, err := facts(t, options(t), b.String())
	if err != nil || !slices.Equal(got, []string{"listed a.example malicious"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string // values of one thing joined by +
		more bool
		err  string
	}{
		{text: "[domain-name:value = 'a']", want: "a"},
		{text: `[ domain-name : value='it\'s \\ x' ]`, want: `it's \ x`},
		{text: "[ipv4-addr:value = '1' OR ipv4-addr:value = '2'] OR [url:value IN ('3', '4')]", want: "1 2 3 4"},
		{text: "[domain-name:value != 'a']", more: true},
		{text: "[domain-name:value NOT = 'a']", more: true},
		{text: "[NOT domain-name:value = 'a']", more: true},
		{text: "[domain-name:value LIKE 'a%' OR domain-name:value = 'b']", want: "b", more: true},
		{text: "[domain-name:value = 'a' AND network-traffic:dst_port = 80]", more: true},
		{text: "[file:hashes.MD5 = 'm' AND file:hashes.'SHA-256' = 's' AND file:size = 12]", want: "m+s", more: true},
		{text: "[file:hashes.MD5 = 'm' OR file:hashes.\"x\" = 's']", err: "at byte"},
		{text: "[file:hashes.ssdeep = 'x']", more: true},
		{text: "([domain-name:value = 'a'] FOLLOWEDBY [domain-name:value = 'b']) WITHIN 5 SECONDS", more: true},
		{text: "[domain-name:value = 'a'] REPEATS 5 TIMES START t'2020-01-01T00:00:00Z' STOP t'2021-01-01T00:00:00Z'", want: "a"},
		{text: "[(domain-name:value = 'a' OR (domain-name:value = 'b'))]", want: "a b"},
		{text: "[EXISTS file:name]", more: true},
		{text: "[email-message:from_ref.value = 'a@b' OR network-traffic:dst_ref.value = '1']", want: "a@b 1"},
		{text: "[x:y[0].z[*] ISSUBSET 'a' OR file:size >= -1.5 OR file:content = b'aa' OR windows-registry-key:values[*].data = true]", more: true},
		{text: "", err: "missing"}, {text: "[domain-name:value]", err: "operator"}, {text: "[domain-name:value =]", err: "value is missing"},
		{text: "[domain-name:value = 'a'] x", err: "behind its end"}, {text: "[domain-name:value = 'a", err: "not closed"},
		{text: strings.Repeat("(", 100) + "[a:b = 'c']", err: "deeply"}, {text: "[a:b = 'c'", err: `"]" is missing`},
	} {
		got, more, err := pattern(tt.text)
		var words []string
		for _, n := range got {
			words = append(words, strings.Join(n.values, "+"))
		}
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.text, err, tt.err)
			}
			continue
		}
		if err != nil || strings.Join(words, " ") != tt.want || more != tt.more {
			t.Errorf("%s: %q, %v, %v", tt.text, words, more, err)
		}
	}
}

func store(t testing.TB) *local.Store {
	s, err := local.Open(t.Context(), local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestImport(t *testing.T) {
	s, o := store(t), options(t)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.json", `{"Event":{"Attribute":[{"type":"domain","value":"a.example","to_ids":true}]}}`)
	write("b.json", `{"Event":{"Attribute":[{"type":"domain","value":"b.example","to_ids":true}]}}`)
	write("manifest.json", `{}`)
	inputs, err := Files(dir)
	if err != nil || len(inputs) != 2 {
		t.Fatal(inputs, err)
	}
	m := local.Meta{Feed: "misp", Source: dir}
	g, c, err := Import(t.Context(), s, m, o, inputs...)
	if err != nil || g.Facts != 2 || c.Records != 2 || g.State != "live" {
		t.Fatalf("%+v %+v %v", g, c, err)
	}
	if again, _, err := Import(t.Context(), s, m, o, inputs...); !errors.Is(err, local.ErrUnchanged) || again.ID != g.ID {
		t.Errorf("%+v %v", again, err)
	}
	// What cannot be used at all, and what ends in the middle, change nothing.
	for _, text := range []string{"not one value\n", `{"Event":{"Attribute":[`} {
		if _, _, err := Import(t.Context(), s, m, o, input(text)); err == nil || errors.Is(err, local.ErrUnchanged) {
			t.Errorf("%q: %v", text, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Bad = func(Bad) { cancel() }
	if _, _, err := Import(ctx, s, m, o, input("x x\nc.example\n")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	o.Bad = nil
	if list, err := s.Generations(t.Context(), ""); err != nil || len(list) != 1 || list[0].ID != g.ID {
		t.Errorf("%+v %v", list, err)
	}
	o.Verdict = source.Suspicious // other options are another import
	if g2, _, err := Import(t.Context(), s, m, o, input("c.example\n")); err != nil || g2.Format != "list" {
		t.Errorf("%+v %v", g2, err)
	}
	if rep, _, err := s.Report(t.Context(), indicator.Indicator{Type: indicator.Domain, Value: "a.example"}); err != nil || rep != nil {
		t.Errorf("%+v, %v", rep, err)
	}
	if _, err := Files(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing file is no error")
	}
	if _, err := Files(t.TempDir()); err == nil {
		t.Error("an empty directory is no error")
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"a.example\n0.0.0.0 b.example\n", "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n\"1\",\"2\",\"http://a.example\"\n",
		`{"Event":{"Attribute":[{"type":"domain|ip","value":"a.example|192.0.2.1"}]}}`, `[{"type":"indicator","pattern":"[domain-name:value='a.example']"}]`,
		`{"response_code":"1","permalink":"x?domain=a.example","resolutions":[{"ip_address":"192.0.2.1"}]}`, "value,type\n\"", "PK\x03\x04", "\xff\xfe",
		`{"objects":[{"type":"file","hashes":{"MD5":"` + md5A + `"}}]}`,
	} {
		for i := range Formats {
			f.Add(s, i)
		}
	}
	o := options(f)
	f.Fuzz(func(t *testing.T, text string, format int) {
		o := o
		o.Format = Formats[(format%len(Formats)+len(Formats))%len(Formats)]
		bad := int64(0)
		o.Bad = func(b Bad) {
			if bad++; b.Reason == "" || b.Input != "in" {
				t.Errorf("%+v", b)
			}
		}
		c, err := Read(t.Context(), input(text), o, func(f local.Fact) error {
			if err := f.Check(); err != nil {
				t.Errorf("%+v: %v", f, err)
			}
			return nil
		})
		if err == nil && (c.Bad != bad || c.Bad+c.Passed > c.Records) {
			t.Errorf("%+v, %d bad ones reported", c, bad)
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("[file:hashes.'MD5' = 'a' AND (b:c[*].d NOT IN (1, -2.5, h'00') OR EXISTS e:f)] FOLLOWEDBY ([g:h != t'x']) WITHIN 5 SECONDS")
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := pattern(text)
		if err != nil && got != nil {
			t.Errorf("%q: values and an error", text)
		}
		for _, n := range got {
			if len(n.values) == 0 {
				t.Errorf("%q: nothing named", text)
			}
		}
	})
}
