package feed

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source/local"
)

func learnOptions(t testing.TB) LearnOptions {
	r, err := indicator.NewRules(indicator.RulesConfig{Defaults: true})
	if err != nil {
		t.Fatal(err)
	}
	return LearnOptions{Parser: options(t).Parser, Rules: r}
}

const zeekHead = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n#fields\tts\tuid\tquery\tqtype_name\tanswers\n#types\ttime\tstring\tstring\tstring\tvector[string]\n"

func TestLearn(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		columns    map[string]string
		want       []string // kind, object, first, last, count of the facts about www.example.com
		counts     Counts
	}{
		{"zeek", zeekHead + "1700000000.5\tC\twww.example.com\tA\tcdn.example.net,192.0.2.1,192.0.2.2\n1700090000\tC\tWWW.example.com.\tA\t192.0.2.1\n" +
			"1\tC\twww.example.com\tA\t-\n1\tC\thost.corp.lan\tA\t10.0.0.1\n1\tC\thost\tA\t10.0.0.1\n1\tC\n1700000000\tC\twww.example.com\tA\t10.1.2.3\n#close\tx\n", nil,
			[]string{"10.1.2.3 2023-11-14 2023-11-14 1", "192.0.2.1 2023-11-14 2023-11-15 2", "192.0.2.2 2023-11-14 2023-11-14 1"}, Counts{Records: 7, Bad: 1, Passed: 3}},
		{"zeek JSON", `{"ts":1700000000.5,"query":"www.example.com","answers":["192.0.2.1","TXT 3 a b"]}` + "\n" + `{"ts":"2023-11-15T00:00:00Z","query":"www.example.com","answers":["2001:db8::1"]}` + "\n{}\n{\n", nil,
			[]string{"192.0.2.1 2023-11-14 2023-11-14 1", "2001:db8::1 2023-11-15 2023-11-15 1"}, Counts{Records: 4, Bad: 1, Passed: 1}},
		{"suricata", `{"timestamp":"2023-11-14T01:02:03.000004+0000","event_type":"dns","dns":{"version":2,"type":"answer","rrname":"www.example.com","answers":[{"rrname":"www.example.com","rrtype":"CNAME","rdata":"x.example"},{"rrname":"x.example","rrtype":"A","rdata":"192.0.2.1"}],"grouped":{"A":["192.0.2.1"],"CNAME":["x.example"]}}}
{"timestamp":"2023-11-15T01:02:03.000004+0000","event_type":"dns","dns":{"type":"answer","rrname":"www.example.com","rrtype":"A","rdata":"192.0.2.2"}}
{"timestamp":"2023-11-16T01:02:03.000004+0000","event_type":"dns","dns":{"version":3,"type":"response","queries":[{"rrname":"www.example.com"}],"grouped":{"AAAA":["2001:db8::1"]}}}
{"event_type":"dns","dns":{"type":"query","rrname":"www.example.com"}}
{"event_type":"flow","src_ip":"192.0.2.1"}
`, nil, []string{"192.0.2.1 2023-11-14 2023-11-14 2", "192.0.2.2 2023-11-15 2023-11-15 1", "2001:db8::1 2023-11-16 2023-11-16 1"}, Counts{Records: 5, Passed: 2}},
		{"splunk", "_time,host,query,answer,count\n1700000000,h,www.example.com,\"192.0.2.1\n192.0.2.2\",5\n2023-11-16,h,www.example.com,192.0.2.1,\n2023-11-16,h,,192.0.2.1,\n2023-11-16,h,a b.example.com,192.0.2.1,\n", nil,
			[]string{"192.0.2.1 2023-11-14 2023-11-16 6", "192.0.2.2 2023-11-14 2023-11-14 5"}, Counts{Records: 4, Bad: 1, Passed: 1}},
		{"own columns", "When;Name;Result\n2023-11-16;www.example.com;192.0.2.1\n", map[string]string{"query": "Name", "answer": "result", "time": "when"},
			[]string{"192.0.2.1 2023-11-16 2023-11-16 1"}, Counts{Records: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, o := store(t), learnOptions(t)
			o.Columns = tt.columns
			_, c, err := Learn(t.Context(), s, o, input(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if c.Bytes = 0; c != tt.counts {
				t.Errorf("%+v, want %+v", c, tt.counts)
			}
			known, err := s.Known(t.Context(), indicator.Indicator{Type: indicator.Domain, Value: "www.example.com"}, 100)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, k := range known {
				got = append(got, strings.Join([]string{k.Object.Value, k.First.Format("2006-01-02"), k.Last.Format("2006-01-02"), string(rune('0' + k.Count))}, " "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLearnAgain: the same log, also compressed, changes nothing; one that has
// grown takes the place of its beginning, and another one is added.
func TestLearnAgain(t *testing.T) {
	s, o := store(t), learnOptions(t)
	row := func(n string) string { return "1700000000\tC\tw" + n + ".example.com\tA\t192.0.2.1\n" }
	learn := func(text string) error {
		_, _, err := Learn(t.Context(), s, o, input(text))
		return err
	}
	count := func(want int64) {
		t.Helper()
		known, err := s.Known(t.Context(), indicator.Indicator{Type: indicator.IP, Value: "192.0.2.1"}, 100)
		if err != nil || int64(len(known)) != want {
			t.Errorf("%d facts, want %d; %v", len(known), want, err)
		}
		for _, k := range known {
			if k.Count != 1 {
				t.Errorf("%s counted %d times", k.Object.Value, k.Count)
			}
		}
	}
	first := zeekHead + row("1") + row("2")
	if err := learn(first); err != nil {
		t.Fatal(err)
	}
	count(2)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := io.WriteString(w, first); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{first, z.String()} {
		if err := learn(text); !errors.Is(err, local.ErrUnchanged) {
			t.Error(err)
		}
	}
	count(2)
	if err := learn(first + row("3")); err != nil {
		t.Fatal(err)
	}
	count(3)
	if err := learn(zeekHead + row("4")); err != nil {
		t.Fatal(err)
	}
	count(4)
	for _, text := range []string{"", "hello\nworld\n", "#fields\tts\tuid\n1\t2\n"} {
		if _, c, err := Learn(t.Context(), s, o, input(text)); err == nil && c.Bad == 0 {
			t.Errorf("%q was learned: %+v", text, c)
		}
	}
}

func FuzzLearn(f *testing.F) {
	for _, s := range []string{zeekHead + "1\tC\ta.example\tA\t192.0.2.1\n", "{\"ts\":1,\"query\":\"a.example\",\"answers\":[\"192.0.2.1\"]}\n", "query,answer\na.example,192.0.2.1\n", "#separator ,\n#fields,ts,query,answers\n", "#fields\n"} {
		f.Add(s)
	}
	o := learnOptions(f)
	f.Fuzz(func(t *testing.T, text string) {
		l := &learning{reading: reading{o: &Options{Parser: o.Parser}, ctx: t.Context(), input: "in", add: func(f local.Fact) error {
			if err := f.Check(); err != nil || f.Kind != local.Resolution || o.Rules.Excluded(f.Subject) != "" {
				t.Errorf("%+v: %v", f, err)
			}
			return nil
		}}, rules: o.Rules}
		if err := l.log(input(text), io.Discard); err == nil && l.counts.Bad+l.counts.Passed > l.counts.Records {
			t.Errorf("%+v", l.counts)
		}
	})
}
