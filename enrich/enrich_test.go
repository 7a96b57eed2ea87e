package enrich

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tclookup/tclookup/codec"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/record"
	"github.com/tclookup/tclookup/source"
)

// book is a source that answers from a map and writes down what it was asked.
type book struct {
	types   indicator.TypeSet
	reports map[string]*source.Report // by value
	results map[string]source.Result  // instead of a report
	asked   []string
	each    time.Duration // time one answer takes
}

func (b *book) Name() string             { return "book" }
func (b *book) Types() indicator.TypeSet { return b.types }
func (b *book) Decode(ind indicator.Indicator, raw []byte) (*source.Report, error) {
	if r := b.reports[string(raw)]; r != nil {
		return r, nil
	}
	return nil, errors.New("no such report")
}

func (b *book) Lookup(ctx context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	for i, ind := range in {
		if b.each > 0 {
			select {
			case <-ctx.Done():
				done(i, source.Result{Status: source.Limited, Source: "book", Err: errors.New("out of time")})
				continue
			case <-time.After(b.each):
			}
		}
		b.asked = append(b.asked, ind.Value)
		if r, ok := b.results[ind.Value]; ok {
			done(i, r)
			continue
		}
		r := source.Result{Status: source.NotFound, Source: "book", Origin: source.Live, Fetched: time.Now()}
		if rep := b.reports[ind.Value]; rep != nil {
			r.Status, r.Summary, r.Raw = source.Found, rep.Summary, []byte(ind.Value)
		}
		done(i, r)
	}
}

func newBook() *book {
	return &book{types: indicator.AllTypes, results: map[string]source.Result{}, reports: map[string]*source.Report{
		"evil.com": {
			Summary:     source.Summary{Verdict: source.Malicious, Votes: -1, HasVotes: true, Related: 5, LastSeen: "2020-02-11", Permalink: "https://tc.example.com/evil.com"},
			Resolutions: []source.Resolution{{Value: "5.6.7.8", LastSeen: "2020-02-11"}, {Value: "5.6.7.9"}},
			Hashes:      []string{"aa", "bb"}, Scans: []string{"Trojan.X"}, References: []string{"https://r.example.com/1"},
		},
		"other.com": {
			Summary:     source.Summary{Verdict: source.Unknown, HasVotes: true, Related: 2},
			Resolutions: []source.Resolution{{Value: "5.6.7.9", LastSeen: "2021-01-01"}},
			Hashes:      []string{"bb", "cc"},
		},
		"good.com": {Summary: source.Summary{Verdict: source.Harmless, Votes: 1, HasVotes: true}},
		"1.2.3.4":  {Summary: source.Summary{Verdict: source.Unknown}, Resolutions: []source.Resolution{{Value: "host.evil.com", LastSeen: "2019-01-01"}}},
	}}
}

// newEnricher fills in what most tests do not care about.
func newEnricher(t testing.TB, o Options) *Enricher {
	t.Helper()
	var err error
	if o.Parser == nil {
		if o.Parser, err = indicator.NewParser(indicator.ParserConfig{}); err != nil {
			t.Fatal(err)
		}
	}
	if o.Rules == nil {
		if o.Rules, err = indicator.NewRules(indicator.RulesConfig{Defaults: true}); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// enrichCSV runs e over in, a CSV text, or a Splunk body.
func enrichCSV(t testing.TB, e *Enricher, d codec.Dialect, in string) string {
	t.Helper()
	c := codec.NewCSVBodies(d, e.Selection())
	var b record.Batch
	if _, err := c.Parse([]byte(in), &b); err != nil {
		t.Fatal(err)
	}
	if err := e.Enrich(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return string(codec.AppendCSV(codec.AppendHeader(nil, &b), &b))
}

func TestColumns(t *testing.T) {
	fields := []Field{{Name: "d"}}
	tests := []struct {
		name    string
		opts    Options
		dialect codec.Dialect
		in, out string
	}{
		{"summary", Options{Fields: fields}, codec.CSV,
			"d\nevil.com\nnone.com\nsrv.corp\nfoo bar\n\n",
			"d,tc_status,tc_type,tc_verdict,tc_votes,tc_related,tc_last_seen,tc_permalink,tc_source,tc_age\n" +
				"evil.com,found,domain,malicious,-1,5,2020-02-11,https://tc.example.com/evil.com,book,0\n" +
				"none.com,not_found,domain,unknown,,,,,book,0\n" +
				"srv.corp,excluded,domain,unknown,,,,,,\n" +
				"foo bar,invalid,,,,,,,,\n" +
				",,,,,,,,,\n"},
		{"chosen", Options{Fields: fields, Output: []string{"hashes", "verdict", "cache"}}, codec.CSV,
			"d\nEVIL[.]com\n", "d,tc_hashes,tc_verdict,tc_cache\nEVIL[.]com,aa;bb,malicious,live\n"},
		{"lists in Splunk", Options{Fields: fields, Output: []string{"resolutions", "resolution_dates"}}, codec.Splunk,
			"d\nevil.com\n", "d,tc_resolutions,__mv_tc_resolutions,tc_resolution_dates,__mv_tc_resolution_dates\n" +
				"evil.com,\"5.6.7.8\n5.6.7.9\",$5.6.7.8$;$5.6.7.9$,\"2020-02-11\n\",$2020-02-11$;$$\n"},
		{"list limit", Options{Fields: fields, Output: []string{"hashes"}, ListLimit: 1}, codec.CSV, "d\nevil.com\n", "d,tc_hashes\nevil.com,aa\n"},
		{"multivalue: worst verdict, union of lists", Options{Fields: fields, Output: []string{"status", "verdict", "indicator", "hashes", "resolutions"}}, codec.Splunk,
			"d,__mv_d\n\"good.com\nevil.com\nother.com\nfoo bar\",$good.com$;$evil.com$;$other.com$;$foo bar$\n",
			"d,__mv_d,tc_status,tc_verdict,tc_indicator,tc_hashes,__mv_tc_hashes,tc_resolutions,__mv_tc_resolutions\n" +
				"\"good.com\nevil.com\nother.com\nfoo bar\",$good.com$;$evil.com$;$other.com$;$foo bar$,found,malicious,evil.com,\"aa\nbb\ncc\",$aa$;$bb$;$cc$,\"5.6.7.9\n5.6.7.8\",$5.6.7.9$;$5.6.7.8$\n"},
		{"two fields", Options{Fields: []Field{{Name: "d"}, {Name: "i"}}, Output: []string{"status"}}, codec.CSV,
			"d,i\nevil.com,1.2.3.4\nnone.com,10.0.0.1\n", "d,i,d_tc_status,i_tc_status\nevil.com,1.2.3.4,found,found\nnone.com,10.0.0.1,not_found,excluded\n"},
		{"type asked for", Options{Fields: []Field{{Name: "d", Type: indicator.IP}}, Output: []string{"status", "type"}}, codec.CSV,
			"d\nevil.com\n1.2.3.4\n", "d,tc_status,tc_type\nevil.com,invalid,\n1.2.3.4,found,ip\n"},
		{"overwritten in place", Options{Fields: fields, Output: []string{"status", "votes"}}, codec.CSV,
			"tc_votes,d,z\n9,evil.com,\"q\"\n9,none.com,\n", "tc_votes,d,z,tc_status\n-1,evil.com,\"q\",found\n,none.com,,not_found\n"},
		{"cim", Options{Fields: fields, Output: []string{"status"}, CIM: true}, codec.CSV,
			"d,dest_ip\nevil.com,9.9.9.9\nevil.com,\nnone.com,\n",
			"d,dest_ip,tc_status,dest_name,file_hash,signature\nevil.com,9.9.9.9,found,evil.com,aa;bb,Trojan.X\nevil.com,5.6.7.8;5.6.7.9,found,evil.com,aa;bb,Trojan.X\nnone.com,,not_found,,,\n"},
		{"cim of the first field found", Options{Fields: []Field{{Name: "d"}, {Name: "i"}}, Output: []string{"status"}, CIM: true}, codec.CSV,
			"d,i\nnone.com,1.2.3.4\n", "d,i,d_tc_status,i_tc_status,dest_ip,dest_name,file_hash,signature\nnone.com,1.2.3.4,not_found,found,1.2.3.4,host.evil.com,,\n"},
		{"prefix", Options{Fields: fields, Prefix: "x_{field}_", Output: []string{"status"}}, codec.CSV, "d\nevil.com\n", "d,x_d_status\nevil.com,found\n"},
		{"no such column", Options{Fields: []Field{{Name: "nope"}}, Output: []string{"status"}}, codec.CSV, "d\nevil.com\n", "d,tc_status\nevil.com,\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.opts.Source = newBook()
			if got := enrichCSV(t, newEnricher(t, tt.opts), tt.dialect, tt.in); got != tt.out {
				t.Errorf("\n got %q\nwant %q", got, tt.out)
			}
		})
	}
}

func TestOnceAndMostFrequentFirst(t *testing.T) {
	b := newBook()
	e := newEnricher(t, Options{Fields: []Field{{Name: "d"}, {Name: "e"}}, Source: b})
	enrichCSV(t, e, codec.CSV, "d,e\na.com,b.com\nb.com,C.com\nhxxp://b[.]com/x,c.com\n10.0.0.1,a.corp\n")
	if want := []string{"b.com", "c.com", "a.com"}; !slices.Equal(b.asked, want) {
		t.Errorf("asked %q, want %q", b.asked, want)
	}
	enrichCSV(t, e, codec.CSV, "d,e\na.com,d.com\n")
	if want := []string{"b.com", "c.com", "a.com", "d.com"}; !slices.Equal(b.asked, want) {
		t.Errorf("asked %q, want %q", b.asked, want)
	}
	st := e.Stats()
	if st.Rows != 5 || st.Distinct != 6 || st.Excluded != 2 || st.Status["not_found"] != 8 || st.Status["excluded"] != 2 {
		t.Errorf("stats %+v", st)
	}
}

func TestStatuses(t *testing.T) {
	fields := []Field{{Name: "d"}}
	fail := func(s source.Status, err error) *book {
		b := newBook()
		b.results["evil.com"] = source.Result{Status: s, Source: "book", Err: err}
		return b
	}
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"error", Options{Source: fail(source.Failed, errors.New("the server\n burns"))}, "error,the server burns"},
		{"budget", Options{Source: fail(source.Limited, &limit.Denied{Reason: limit.Daily})}, "skipped,daily limit reached"},
		{"breaker", Options{Source: fail(source.Limited, &limit.Denied{Reason: limit.Open, Retry: 3 * time.Second})}, `error,circuit breaker open; next request possible in 3s`},
		{"cache only", Options{Source: fail(source.Unasked, nil)}, `skipped,"not in the cache, and this run asks nobody"`},
		{"queued", Options{Source: fail(source.Limited, errors.New("later")), Queue: &queue{}}, "queued,later"},
		{"queue broken", Options{Source: fail(source.Limited, errors.New("later")), Queue: &queue{err: errors.New("disk full")}}, "skipped,later"},
		{"unsupported", Options{Source: &book{types: indicator.Types(indicator.IP)}}, "unsupported,no enabled source answers the type domain"},
		{"stale", Options{Source: fail(source.Found, nil)}, "found,"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.opts.Fields, tt.opts.Output = fields, []string{"status", "error"}
			got := enrichCSV(t, newEnricher(t, tt.opts), codec.CSV, "d\nevil.com\n")
			if want := "d,tc_status,tc_error\nevil.com," + tt.want + "\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestStatsCountAnswers(t *testing.T) {
	b := newBook()
	b.results["a.com"] = source.Result{Status: source.Failed, Origin: source.Live, Err: errors.New("down")}
	b.results["b.com"] = source.Result{Status: source.Limited, Origin: source.Live, Err: errors.New("later")}
	b.results["c.com"] = source.Result{Status: source.NotFound, Origin: source.Disk}
	e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: b})
	enrichCSV(t, e, codec.CSV, "d\na.com\nb.com\nc.com\n")
	if got := fmt.Sprint(e.Stats().Answers); got != "map[disk:1]" {
		t.Errorf("answers are %s: failures are none", got)
	}
}

type queue struct {
	items []Wanted
	err   error
}

func (q *queue) Enqueue(_ context.Context, items []Wanted) error {
	q.items = append(q.items, items...)
	return q.err
}

func TestQueueKnowsRows(t *testing.T) {
	q := &queue{}
	b := newBook()
	for _, v := range []string{"a.com", "b.com"} {
		b.results[v] = source.Result{Status: source.Limited}
	}
	e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: b, Queue: q})
	enrichCSV(t, e, codec.CSV, "d\na.com\nb.com\nb.com\nevil.com\n")
	if got := fmt.Sprint(q.items); got != "[{{domain b.com} 2} {{domain a.com} 1}]" {
		t.Errorf("queued %s", got)
	}
}

// TestMaxWait: the bound holds over all batches of a run together.
func TestMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		b.each = 10 * time.Second
		e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: b, MaxWait: 25 * time.Second, Output: []string{"status"}})
		start := time.Now()
		first := enrichCSV(t, e, codec.CSV, "d\na.com\nb.com\n")
		second := enrichCSV(t, e, codec.CSV, "d\nc.com\nd.com\na.com\n")
		third := enrichCSV(t, e, codec.CSV, "d\ne.com\na.com\n")
		if took := time.Since(start); took != 25*time.Second {
			t.Errorf("took %v", took)
		}
		got := first + second + third
		want := "d,tc_status\na.com,not_found\nb.com,not_found\n" + "d,tc_status\nc.com,skipped\nd.com,skipped\na.com,not_found\n" + "d,tc_status\ne.com,skipped\na.com,not_found\n"
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestFailureIsAskedAgain: an error holds for a while and not for ever.
func TestFailureIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		b.results["evil.com"] = source.Result{Status: source.Failed, Err: errors.New("down")}
		e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: b, Output: []string{"status"}})
		for range 3 {
			enrichCSV(t, e, codec.CSV, "d\nevil.com\n")
		}
		if len(b.asked) != 1 {
			t.Errorf("asked %d times in one second", len(b.asked))
		}
		delete(b.results, "evil.com")
		time.Sleep(2 * time.Minute)
		if got := enrichCSV(t, e, codec.CSV, "d\nevil.com\n"); got != "d,tc_status\nevil.com,found\n" {
			t.Errorf("got %q", got)
		}
	})
}

// TestAge: the age shown grows while a run goes on.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: newBook(), Output: []string{"age", "hashes"}})
		for _, want := range []string{"0", "0", "90"} {
			if got := enrichCSV(t, e, codec.CSV, "d\nevil.com\n"); got != "d,tc_age,tc_hashes\nevil.com,"+want+",aa;bb\n" {
				t.Errorf("got %q, want age %s", got, want)
			}
			if want == "0" {
				time.Sleep(500 * time.Millisecond)
			}
			if e.gen == 2 {
				time.Sleep(89 * time.Second)
			}
		}
	})
}

func TestExpiredIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		b.results["a.com"] = source.Result{Status: source.NotFound, Source: "book", Fetched: time.Now(), Expires: time.Now().Add(time.Hour)}
		e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: b})
		for range 2 {
			enrichCSV(t, e, codec.CSV, "d\na.com\n")
		}
		time.Sleep(2 * time.Hour)
		enrichCSV(t, e, codec.CSV, "d\na.com\n")
		if len(b.asked) != 2 {
			t.Errorf("asked %d times, want 2", len(b.asked))
		}
	})
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBook()
	b.each = time.Hour
	e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: b, Output: []string{"status"}})
	c := codec.NewCSVBodies(codec.CSV, e.Selection())
	var batch record.Batch
	if _, err := c.Parse([]byte("d\nevil.com\n"), &batch); err != nil {
		t.Fatal(err)
	}
	if err := e.Enrich(ctx, &batch); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := string(codec.AppendCSV(nil, &batch)); got != "evil.com,skipped\n" {
		t.Errorf("got %q", got)
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		opts Options
		want string
	}{
		{Options{}, "no field"},
		{Options{Fields: []Field{{Name: "a"}, {Name: "a"}}}, `field "a" is named twice`},
		{Options{Fields: []Field{{Name: "a"}, {Name: "b"}}, Prefix: "x_"}, "put {field} into it"},
		{Options{Fields: []Field{{Name: "a"}}, Output: []string{"verdikt"}}, `output "verdikt" is unknown: allowed are summary, full, json`},
	} {
		if _, err := New(tt.opts); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.opts, err, tt.want)
		}
	}
}

// TestForget: what does not fit in memory is asked for again, and every row
// still has its answer.
func TestForget(t *testing.T) {
	b := newBook()
	e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: b, Output: []string{"status"}})
	for i := range 20 {
		var in bytes.Buffer
		in.WriteString("d\nevil.com\n \n")
		for j := range 5000 {
			fmt.Fprintf(&in, "h%d.example%d.com\n", j, i)
		}
		got := enrichCSV(t, e, codec.CSV, in.String())
		if strings.Count(got, ",not_found\n") != 5000 || !strings.Contains(got, "\nevil.com,found\n \"\",invalid\n") && !strings.Contains(got, "\nevil.com,found\n ,invalid\n") {
			t.Fatalf("rows without an answer: %.200q", got)
		}
		if n := len(e.answers); n > 60_000 {
			t.Fatalf("%d answers held", n)
		}
	}
	if e.held > 2*maxHeld {
		t.Errorf("%d bytes held", e.held)
	}
	// What every batch has was never dropped.
	asked := 0
	for _, value := range b.asked {
		if value == "evil.com" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("a value that is in every batch was asked for %d times", asked)
	}
}

// TestRandom: whatever comes, each row has its own value's answer.
func TestRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	values := []string{"evil.com", "hxxp://evil[.]com/", "none.com", "10.1.2.3", "x y", "", "good.com", "EVIL.COM.", "srv"}
	status := []string{"found", "found", "not_found", "excluded", "invalid", "", "found", "found", "excluded"}
	for range 200 {
		e := newEnricher(t, Options{Fields: []Field{{Name: "d"}}, Source: newBook(), Output: []string{"status"}})
		for range 3 {
			var in, want bytes.Buffer
			in.WriteString("n,d\n")
			want.WriteString("n,d,tc_status\n")
			for i := range rng.IntN(30) {
				v := rng.IntN(len(values))
				fmt.Fprintf(&in, "%d,%s\n", i, values[v])
				fmt.Fprintf(&want, "%d,%s,%s\n", i, values[v], status[v])
			}
			if got := enrichCSV(t, e, codec.CSV, in.String()); got != want.String() {
				t.Fatalf("got %q, want %q", got, want.String())
			}
		}
	}
}

// warm returns a body of n rows with d distinct domains, and an enricher that
// knows them all.
func warm(t testing.TB, n, d int, output ...string) (*Enricher, *codec.CSVBodies, []byte) {
	var in bytes.Buffer
	w := csv.NewWriter(&in)
	_ = w.Write([]string{"_time", "domain", "_raw"})
	for i := range n {
		_ = w.Write([]string{fmt.Sprint(i), fmt.Sprintf("host%d.example.com", i*i%d), "GET \"x\""})
	}
	w.Flush()
	e := newEnricher(t, Options{Fields: []Field{{Name: "domain"}}, Source: newBook(), Output: output, Now: func() time.Time { return time.Unix(1e9, 0) }})
	return e, codec.NewCSVBodies(codec.Splunk, e.Selection()), in.Bytes()
}

// TestWarmAllocations: a warm run allocates nothing per row.
func TestWarmAllocations(t *testing.T) {
	e, c, body := warm(t, 5000, 300)
	var b record.Batch
	out := make([]byte, 0, 4*len(body))
	step := func() {
		if _, err := c.Parse(body, &b); err != nil {
			t.Fatal(err)
		}
		if err := e.Enrich(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		out = codec.AppendCSV(codec.AppendHeader(out[:0], &b), &b)
	}
	step()
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("%v allocations for 5000 rows", n)
	}
}

func BenchmarkWarm(bm *testing.B) {
	e, c, body := warm(bm, 50000, 5000)
	var b record.Batch
	var out []byte
	bm.SetBytes(int64(len(body)))
	bm.ReportAllocs()
	for bm.Loop() {
		_, _ = c.Parse(body, &b)
		_ = e.Enrich(context.Background(), &b)
		out = codec.AppendCSV(codec.AppendHeader(out[:0], &b), &b)
	}
	_, _ = io.Discard.Write(out)
}

// The columns that are there already differ from body to body, and from field
// to field of one body.
func TestColumnsOfBodiesDiffer(t *testing.T) {
	e := newEnricher(t, Options{Fields: []Field{{Name: "a"}, {Name: "b"}}, Source: newBook(), Output: []string{"status", "hashes"}})
	const all = "a_tc_status,a_tc_hashes,__mv_a_tc_hashes,b_tc_status,b_tc_hashes,__mv_b_tc_hashes"
	for _, tt := range []struct{ in, out string }{
		{"a,b\nevil.com,\n,\n", "a,b," + all + "\nevil.com,,found,\"aa\nbb\",$aa$;$bb$,,,\n,,,,,,,\n"},
		{"a,b,a_tc_status\nevil.com,,old\n,,old\n", "a,b,a_tc_status,a_tc_hashes,__mv_a_tc_hashes,b_tc_status,b_tc_hashes,__mv_b_tc_hashes\n" +
			"evil.com,,found,\"aa\nbb\",$aa$;$bb$,,,\n,,,,,,,\n"},
		{"__mv_b_tc_hashes,a,b\nold,,evil.com\nold,,\n", "__mv_b_tc_hashes,a,b,a_tc_status,a_tc_hashes,__mv_a_tc_hashes,b_tc_status,b_tc_hashes\n" +
			"$aa$;$bb$,,evil.com,,,,found,\"aa\nbb\"\n,,,,,,,\n"},
		{"a,b\nevil.com,\n,\n", "a,b," + all + "\nevil.com,,found,\"aa\nbb\",$aa$;$bb$,,,\n,,,,,,,\n"},
	} {
		if got := enrichCSV(t, e, codec.Splunk, tt.in); got != tt.out {
			t.Errorf("%q:\n got %q\nwant %q", tt.in, got, tt.out)
		}
	}
}

// A value of which nothing is left has a status all the same; no value has
// none.
func TestEveryValueHasAStatus(t *testing.T) {
	e := newEnricher(t, Options{Fields: []Field{{Name: "a"}}, Source: newBook(), Output: []string{"status", "error"}})
	in := "x,a\n1,\n2,\"\"\n3, \n4,\"\"\"\"\n5,'\n6,\"\n\"\n"
	got, err := csv.NewReader(strings.NewReader(enrichCSV(t, e, codec.CSV, in))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range got[1:] {
		want := []string{"invalid", "empty value"}
		if i < 2 {
			want = []string{"", ""}
		}
		if !slices.Equal(row[2:], want) {
			t.Errorf("%q: %q, should be %q", row[1], row[2:], want)
		}
	}
}
