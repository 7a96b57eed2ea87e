package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/internal/accept"
)

// dial starts the program as splunkd does.
func dial(t testing.TB, p *accept.Program) func() (*chunkedtest.Conversation, error) {
	return func() (*chunkedtest.Conversation, error) {
		c := p.Command(t.Context(), "splunk")
		c.Stderr = &failing{t: t}
		return chunkedtest.Exec(c, 30*time.Second)
	}
}

// failing is the stderr of a search command, each line of which is an error
// in search.log.
type failing struct{ t testing.TB }

func (f *failing) Write(p []byte) (int, error) {
	f.t.Errorf("on stderr: %s", p)
	return len(p), nil
}

// search runs a search over events.
func search(t testing.TB, p *accept.Program, spl string, events *chunkedtest.Table, rows ...int) *chunkedtest.Result {
	t.Helper()
	s := chunkedtest.Search{Dial: dial(t, p), Info: chunkedtest.Parse(spl), ChunkRows: rows}
	res, err := s.Run(events)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// untouched checks that all columns of before are the same in after, in the
// same rows, but for those listed.
func untouched(t testing.TB, before, after *chunkedtest.Table, but ...string) {
	t.Helper()
	if len(before.Rows) != len(after.Rows) {
		t.Fatalf("%d events went in, %d came out", len(before.Rows), len(after.Rows))
	}
	for _, c := range before.Columns {
		if slices.Contains(but, c) {
			continue
		}
		if !slices.Contains(after.Columns, c) {
			t.Fatalf("column %q is gone", c)
		}
		for r := range before.Rows {
			if b, a := before.Values(r, c), after.Values(r, c); !slices.Equal(b, a) {
				t.Fatalf("row %d, column %q: %q became %q", r, c, b, a)
			}
		}
	}
}

// values of all kinds, and what status each has to get.
var kinds = []struct{ value, status, verdict string }{
	{"bad.com", "found", "malicious"},
	{"good.com", "found", "harmless"},
	{"plain.com", "found", "unknown"},
	{"hxxp://bad[.]com/x?y=1", "found", "malicious"},
	{"BAD.com.", "found", "malicious"},
	{"nothing.com", "not_found", "unknown"},
	{"8.8.4.4", "found", "unknown"},
	{"::ffff:8.8.4.4", "found", "unknown"},
	{"8.8.4.4:443", "found", "unknown"},
	{"someone@bad.com", "found", "unknown"},
	{"31d0e421894004393c48de1769744687", "found", "unknown"},
	{"10.1.2.3", "excluded", "unknown"},
	{"fe80::1", "excluded", "unknown"},
	{"host.corp", "excluded", "unknown"},
	{"localhost", "excluded", "unknown"},
	{"-", "invalid", ""},
	{"two words", "invalid", ""},
	{"", "", ""},
}

// events returns n events in which the column named field has values of all
// kinds.
func events(n int, field string) *chunkedtest.Table {
	t := chunkedtest.NewTable("_time", "_raw", field, "n", "tag::x", "a{}.b")
	for i := range n {
		t.Add(1700000000+i, fmt.Sprintf("line %d\r\nwith \"quotes\", commas\tand \xff bytes", i), kinds[i%len(kinds)].value, i, []string{"a", "b$;$c", ""}, " ")
	}
	return t
}

func checkKinds(t testing.TB, got *chunkedtest.Table, field, prefix string) {
	t.Helper()
	for r := range got.Rows {
		k := kinds[r%len(kinds)]
		if got.Get(r, field) != k.value {
			t.Fatalf("row %d is not in its place: %q", r, got.Get(r, field))
		}
		if s, v := got.Get(r, prefix+"status"), got.Get(r, prefix+"verdict"); s != k.status || v != k.verdict {
			t.Fatalf("row %d, %q: status %q and verdict %q, should be %q and %q", r, k.value, s, v, k.status, k.verdict)
		}
	}
}

func TestSearchChunkBoundaries(t *testing.T) {
	s := accept.NewServer(t, nil)
	for _, all := range []bool{false, true} {
		for _, size := range []int{1, 2, 7, len(kinds), len(kinds) + 1, 100, 101} {
			t.Run(fmt.Sprintf("all_fields=%t/%d", all, size), func(t *testing.T) {
				t.Parallel()
				in := events(100, "what")
				search := chunkedtest.Search{
					Dial: dial(t, asking(t, s)), Info: chunkedtest.Parse(fmt.Sprintf("tclookup field=what all_fields=%t", all)),
					Probes: 1, ChunkRows: []int{size}, LastEmpty: size%2 == 0,
				}
				res, err := search.Run(in)
				if err != nil {
					t.Fatal(err)
				}
				untouched(t, in, res.Table)
				checkKinds(t, res.Table, "what", "tc_")
				if got := res.Getinfo.RequiredFields; all != (len(got) == 0) || !all && !slices.Equal(got, []string{"what"}) {
					t.Errorf("required_fields is %q", got)
				}
				if res.Getinfo.Type != "stateful" {
					t.Errorf("the type is %q", res.Getinfo.Type)
				}
			})
		}
	}
}

func TestSearchRandomSizes(t *testing.T) {
	s := accept.NewServer(t, nil)
	rnd := rand.New(rand.NewPCG(1, 2))
	sizes := make([]int, 40)
	for i := range sizes {
		sizes[i] = 1 + rnd.IntN(200)
	}
	in := events(3000, "what")
	res := search(t, asking(t, s), "tclookup field=what", in, sizes...)
	untouched(t, in, res.Table)
	checkKinds(t, res.Table, "what", "tc_")
	for k, n := range s.Counts() {
		if n != 1 {
			t.Errorf("%s was asked for %d times", k, n)
		}
	}
}

func TestSearchLargeChunks(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	s := accept.NewServer(t, nil)
	in := events(120_000, "what")
	for _, spl := range []string{"tclookup field=what output=status,verdict", "tclookup what output=status,verdict all_fields=true"} {
		res := search(t, asking(t, s), spl, in, 50_000)
		untouched(t, in, res.Table)
		checkKinds(t, res.Table, "what", "tc_")
		if res.Replies != 3 {
			t.Errorf("%d replies", res.Replies)
		}
	}
}

// The messages of a search name what an analyst has to know, and no secret.
func TestSearchMessages(t *testing.T) {
	s := accept.NewServer(t, nil)
	in := events(50, "what")
	res := search(t, asking(t, s), "tclookup field=what,nowhere", in, 20)
	text := fmt.Sprint(res.Messages)
	for _, want := range []string{"50 events", "7 requests", `"nowhere"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	for r := range in.Rows {
		if s := res.Table.Get(r, "nowhere_tc_status"); s != "" {
			t.Fatalf("row %d has status %q of a field that it has not", r, s)
		}
	}
	checkKinds(t, res.Table, "what", "what_tc_")
}

func TestSearchSeveralFieldsAndPrefix(t *testing.T) {
	s := accept.NewServer(t, nil)
	in := chunkedtest.NewTable("src", "dest", "x")
	in.Add("8.8.4.4", "bad.com", "1").Add("10.0.0.1", "", "2").Add("", "good.com", "3")
	for _, tt := range []struct{ spl, src, dest string }{
		{"tclookup field=src field=dest", "src_tc_", "dest_tc_"},
		{"tclookup src dest", "src_tc_", "dest_tc_"},
		{`tclookup field="src,dest"`, "src_tc_", "dest_tc_"},
		{`tclookup "src", dest`, "src_tc_", "dest_tc_"},
		{`tclookup field = src field = dest`, "src_tc_", "dest_tc_"},
		{`tclookup src dest prefix="ti_{field}_"`, "ti_src_", "ti_dest_"},
		{`tclookup src dest prefix="{field} ti:"`, "src ti:", "dest ti:"},
	} {
		t.Run(tt.spl, func(t *testing.T) {
			t.Parallel()
			res := search(t, asking(t, s), tt.spl, in, 2)
			untouched(t, in, res.Table)
			for r, want := range [][2]string{{"found", "found"}, {"excluded", ""}, {"", "found"}} {
				if a, b := res.Table.Get(r, tt.src+"status"), res.Table.Get(r, tt.dest+"status"); a != want[0] || b != want[1] {
					t.Errorf("row %d: %q and %q, should be %q", r, a, b, want)
				}
			}
		})
	}
}

// An output field that an event has already is overwritten in place, with its
// list.
func TestSearchOutputInInput(t *testing.T) {
	s := accept.NewServer(t, nil)
	in := chunkedtest.NewTable("tc_status", "what", "tc_hashes", "tc_verdict", "x")
	in.Add("old", "bad.com", []string{"old", "older"}, "old", "1")
	in.Add([]string{"old", "older"}, "10.0.0.1", []string{"old", "older"}, "old", "2")
	in.Add("old", "", "old", "old", "3")
	in.Add("", "nothing.com", "", "", "4")
	for _, all := range []string{"true", "false"} {
		res := search(t, asking(t, s), "tclookup field=what output=status,verdict,hashes,resolutions,subdomains all_fields="+all, in, 3)
		untouched(t, in, res.Table, "tc_status", "tc_hashes", "tc_verdict")
		for r, want := range []string{"found", "excluded", "", "not_found"} {
			if got := res.Table.Get(r, "tc_status"); got != want {
				t.Errorf("all_fields=%s, row %d: status %q, should be %q", all, r, got, want)
			}
		}
		if got := res.Table.Values(0, "tc_hashes"); !slices.Equal(got, []string{"31d0e421894004393c48de1769744687"}) {
			t.Errorf("hashes are %q", got)
		}
		for r := 1; r < 4; r++ {
			if got := res.Table.Values(r, "tc_hashes"); len(got) > 0 {
				t.Errorf("all_fields=%s, row %d keeps old hashes %q", all, r, got)
			}
		}
		if got := res.Table.Values(0, "tc_resolutions"); !slices.Equal(got, []string{"203.0.113.9", "198.51.100.7"}) {
			t.Errorf("resolutions are %q", got)
		}
		if got := res.Table.Values(0, "tc_subdomains"); !slices.Contains(got, "www.bad.com") {
			t.Errorf("subdomains are %q", got)
		}
	}
}

func TestSearchMultivalue(t *testing.T) {
	s := accept.NewServer(t, nil)
	in := chunkedtest.NewTable("what", "other")
	in.Add([]string{"good.com", "bad.com"}, []string{"x", "y"})
	in.Add([]string{"nothing.com", "10.0.0.1", "", "-"}, "$;$")
	in.Add([]string{"bad.com"}, []string{"", ""})
	in.Add([]string{"", ""}, "z")
	in.Add([]string{"good.com", "good.com", "hxxp://good[.]com"}, "z")
	res := search(t, asking(t, s), "tclookup what output=full", in, 2)
	untouched(t, in, res.Table)
	for r, want := range [][2]string{{"found", "malicious"}, {"not_found", "unknown"}, {"found", "malicious"}, {"", ""}, {"found", "harmless"}} {
		if a, b := res.Table.Get(r, "tc_status"), res.Table.Get(r, "tc_verdict"); a != want[0] || b != want[1] {
			t.Errorf("row %d: %q, %q, should be %q", r, a, b, want)
		}
	}
	subs := res.Table.Values(0, "tc_subdomains")
	if !slices.Contains(subs, "www.good.com") || !slices.Contains(subs, "www.bad.com") {
		t.Errorf("the union of subdomains is %q", subs)
	}
	if n := s.Counts()["domain/good.com"]; n != 1 {
		t.Errorf("good.com was asked for %d times", n)
	}
}
