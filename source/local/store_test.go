package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local/localtest"
)

func domain(v string) indicator.Indicator {
	return indicator.Indicator{Type: indicator.Domain, Value: v}
}
func ip(v string) indicator.Indicator { return indicator.Indicator{Type: indicator.IP, Value: v} }
func hash(v string) indicator.Indicator {
	return indicator.Indicator{Type: indicator.Hash, Value: v}
}
func email(v string) indicator.Indicator {
	return indicator.Indicator{Type: indicator.Email, Value: v}
}
func antivirus(v string) indicator.Indicator {
	return indicator.Indicator{Type: indicator.Antivirus, Value: v}
}
func text(v string) indicator.Indicator { return indicator.Indicator{Value: v} }

func on(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// each runs a test over both database systems. o.Dir or o.URL is set to an
// empty database.
func each(t *testing.T, f func(t *testing.T, o Options)) {
	t.Run("sqlite", func(t *testing.T) { f(t, Options{Dir: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { f(t, Options{URL: localtest.Postgres(t)}) })
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
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

func load(t *testing.T, s *Store, m Meta, total Total, facts ...Fact) Generation {
	t.Helper()
	g, err := tryLoad(t.Context(), s, m, total, facts...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func tryLoad(ctx context.Context, s *Store, m Meta, total Total, facts ...Fact) (g Generation, err error) {
	im, err := s.Begin(ctx, m)
	if err != nil {
		return g, err
	}
	for _, f := range facts {
		if err := im.Add(ctx, f); err != nil {
			return g, err
		}
	}
	return im.Commit(ctx, total)
}

func report(t *testing.T, s *Store, ind indicator.Indicator) *source.Report {
	t.Helper()
	r, _, err := s.Report(t.Context(), ind)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	md5A    = "0123456789abcdef0123456789abcdef"
	sha1A   = "0123456789abcdef0123456789abcdef01234567"
	sha256A = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func sample() []Fact {
	return []Fact{
		{Kind: Listed, Subject: domain("evil.example.com"), Verdict: source.Malicious, Confidence: 80, Last: on("2024-03-04")},
		{Kind: Resolution, Subject: domain("evil.example.com"), Object: ip("192.0.2.1"), First: on("2024-01-01"), Last: on("2024-02-01")},
		{Kind: Resolution, Subject: ip("192.0.2.2"), Object: domain("evil.example.com"), Last: on("2024-03-01")},
		{Kind: Resolution, Subject: domain("evil.example.com"), Object: ip("192.0.2.3")},
		{Kind: Contacted, Subject: hash(sha256A), Object: domain("evil.example.com")},
		{Kind: Contacted, Subject: hash(sha256A), Object: ip("192.0.2.1")},
		{Kind: Registrant, Subject: domain("evil.example.com"), Object: email("who@example.net")},
		{Kind: Subdomain, Subject: domain("evil.example.com"), Object: domain("www.evil.example.com")},
		{Kind: Detection, Subject: hash(md5A), Object: antivirus("Win32/Bad")},
		{Kind: Reference, Subject: domain("evil.example.com"), Object: text("https://blog.example/1")},
		{Kind: Alias, Subject: hash(md5A), Object: hash(sha256A)},
		{Kind: Alias, Subject: hash(sha1A), Object: hash(sha256A)},
	}
}

func TestReport(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		s := open(t, o)
		g := load(t, s, Meta{Feed: "one", Source: "file.csv", Format: "csv"}, Total{Bytes: 7, Digest: "d", Records: 12, Bad: 1}, sample()...)
		if g.Facts != 12 || g.State != "live" || g.Records != 12 || g.Bad != 1 || g.Bytes != 7 {
			t.Errorf("%+v", g)
		}
		file := &source.Report{
			Summary: source.Summary{Related: 3},
			Scans:   []string{"Win32/Bad"}, IPs: []string{"192.0.2.1"}, Domains: []string{"evil.example.com"}, MD5: md5A, SHA1: sha1A,
		}
		for ind, want := range map[indicator.Indicator]*source.Report{
			domain("evil.example.com"): {
				Summary: source.Summary{Verdict: source.Malicious, Related: 6, LastSeen: "2024-03-04"},
				Resolutions: []source.Resolution{
					{Value: "192.0.2.2", LastSeen: "2024-03-01"}, {Value: "192.0.2.1", LastSeen: "2024-02-01"}, {Value: "192.0.2.3"},
				},
				Hashes: []string{sha256A}, Emails: []string{"who@example.net"}, Subdomains: []string{"www.evil.example.com"},
				References: []string{"https://blog.example/1"},
			},
			ip("192.0.2.1"): {
				Summary:     source.Summary{Related: 2, LastSeen: "2024-02-01"},
				Resolutions: []source.Resolution{{Value: "evil.example.com", LastSeen: "2024-02-01"}}, Hashes: []string{sha256A},
			},
			email("who@example.net"):       {Summary: source.Summary{Related: 1}, Domains: []string{"evil.example.com"}},
			antivirus("Win32/Bad"):         {Summary: source.Summary{Related: 1}, Hashes: []string{md5A}},
			hash(md5A):                     file,
			hash(sha1A):                    file,
			hash(sha256A):                  file,
			domain("www.evil.example.com"): {},
			domain("other.example.com"):    nil,
			ip("192.0.2.77"):               nil,
		} {
			got := report(t, s, ind)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v: %s", ind, diff)
			}
		}
		known, err := s.Known(t.Context(), domain("evil.example.com"), 2)
		want := []Known{
			{Fact{Kind: Listed, Subject: domain("evil.example.com"), First: time.Time{}, Last: on("2024-03-04"), Count: 1, Verdict: source.Malicious, Confidence: 80}, "one", g.ID},
			{Fact{Kind: Resolution, Subject: domain("evil.example.com"), Object: ip("192.0.2.1"), First: on("2024-01-01"), Last: on("2024-02-01"), Count: 1}, "one", g.ID},
		}
		if diff := cmp.Diff(want, known); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

// TestLookup looks up more than one query holds, known and unknown mixed.
func TestLookup(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		s := open(t, o)
		var facts []Fact
		var in []indicator.Indicator
		for i := range 700 {
			ind := ip(fmt.Sprintf("198.51.%d.%d", i/250, i%250))
			in = append(in, ind)
			if i%3 == 0 {
				facts = append(facts, Fact{Kind: Listed, Subject: ind, Verdict: source.Verdict(i % 4)})
			}
		}
		load(t, s, Meta{Feed: "f"}, Total{}, facts...)
		for round := range 2 { // from the database, and from memory
			seen := map[int]int{}
			s.Lookup(t.Context(), in, func(i int, r source.Result) {
				seen[i]++
				want := source.Result{Status: source.NotFound, Source: "local", Origin: source.Local, Fetched: r.Fetched}
				if i%3 == 0 {
					want.Status, want.Summary.Verdict, want.Partial = source.Found, source.Verdict(i%4), i%4 == 0
					rep, err := s.Decode(in[i], r.Raw)
					if err != nil || rep.Verdict != source.Verdict(i%4) {
						t.Errorf("%v: %v %v", in[i], rep, err)
					}
					want.Raw = r.Raw
				}
				if diff := cmp.Diff(want, r); diff != "" {
					t.Errorf("round %d: %v: %s", round, in[i], diff)
				}
			})
			for i := range in {
				if seen[i] != 1 {
					t.Fatalf("%d answers for %d", seen[i], i)
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.stale()
		s.Lookup(ctx, []indicator.Indicator{domain("x.example")}, func(_ int, r source.Result) {
			if r.Status != source.Failed || !errors.Is(r.Err, context.Canceled) {
				t.Errorf("%+v", r)
			}
		})
	})
}

func TestGenerations(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		s := open(t, o)
		other := open(t, o) // another process
		listed := func(n int) []Fact {
			return []Fact{{Kind: Listed, Subject: domain(fmt.Sprintf("g%d.example.com", n)), Verdict: source.Malicious}}
		}
		visible := func(want ...int) {
			t.Helper()
			other.stale()
			for _, s := range []*Store{s, other} {
				var got []int
				for n := range 10 {
					if report(t, s, domain(fmt.Sprintf("g%d.example.com", n))) != nil {
						got = append(got, n)
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("visible %v, want %v", got, want)
				}
			}
		}
		feed := Meta{Feed: "list", Format: "list"}
		for n := range 5 {
			load(t, s, feed, Total{Digest: fmt.Sprint("d", n)}, listed(n)...)
			visible(n)
		}
		if g, err := tryLoad(t.Context(), s, feed, Total{Digest: "d4"}, listed(4)...); !errors.Is(err, ErrUnchanged) || g.Digest != "d4" {
			t.Errorf("the same again: %+v, %v", g, err)
		}
		visible(4)
		// An import that is under way, and one given up, are not seen.
		im, err := s.Begin(t.Context(), feed)
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Add(t.Context(), listed(9)[0]); err != nil {
			t.Fatal(err)
		}
		if err := im.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		visible(4)
		if err := im.Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := im.Commit(t.Context(), Total{}); err == nil {
			t.Error("an aborted import was committed")
		}
		// Two steps back, no more.
		for _, n := range []int{3, 2} {
			taken, back, err := s.Undo(t.Context(), "list", 0)
			if err != nil || taken.Digest != fmt.Sprint("d", n+1) || len(back) != 1 || back[0].Digest != fmt.Sprint("d", n) {
				t.Errorf("%+v, %+v, %v", taken, back, err)
			}
			visible(n)
		}
		if _, back, err := s.Undo(t.Context(), "list", 0); err != nil || len(back) != 0 {
			t.Errorf("%+v, %v", back, err)
		}
		visible()
		if _, _, err := s.Undo(t.Context(), "list", 0); !errors.Is(err, ErrNoFeed) {
			t.Error(err)
		}
		// Generations that add to each other.
		more := Meta{Feed: "log", Format: "zeek", Add: true}
		a := load(t, s, more, Total{Digest: "a"}, listed(1)...)
		load(t, s, more, Total{Digest: "b"}, listed(2)...)
		c := load(t, s, more, Total{Digest: "c", Contains: []int64{a.ID}}, listed(3)...)
		visible(2, 3)
		if list, err := s.Generations(t.Context(), "log"); err != nil || len(list) != 3 || list[0].ID != c.ID || list[2].State != "superseded" {
			t.Errorf("%+v, %v", list, err)
		}
		if _, back, err := s.Undo(t.Context(), "log", c.ID); err != nil || len(back) != 1 || back[0].ID != a.ID {
			t.Errorf("%+v, %v", back, err)
		}
		visible(1, 2)
		if _, err := s.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		visible(1, 2)
		var facts, entities, generations int
		if err := s.db.QueryRow("select (select count(*) from facts), (select count(*) from entities), (select count(*) from generations)").Scan(&facts, &entities, &generations); err != nil {
			t.Fatal(err)
		}
		if facts != 2 || entities != 2 || generations != 2 {
			t.Errorf("%d facts, %d entities, %d generations after pruning", facts, entities, generations)
		}
	})
}

// TestAbandoned: what a killed import left behind is never seen and goes.
func TestAbandoned(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		now := on("2024-05-06")
		o.Now = func() time.Time { return now }
		s := open(t, o)
		im, err := s.Begin(t.Context(), Meta{Feed: "f"})
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Add(t.Context(), Fact{Kind: Listed, Subject: domain("a.example.com")}); err != nil {
			t.Fatal(err)
		}
		if err := im.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(openFor / 2)
		if n, err := s.Prune(t.Context()); n != 0 || err != nil {
			t.Errorf("%d facts of a running import deleted, %v", n, err)
		}
		now = now.Add(openFor)
		if n, err := s.Prune(t.Context()); n != 1 || err != nil {
			t.Errorf("%d facts deleted, %v", n, err)
		}
		if err := im.Add(t.Context(), Fact{Kind: Listed, Subject: domain("b.example.com")}); err != nil {
			t.Fatal(err)
		}
		if _, err := im.Commit(t.Context(), Total{}); err == nil || !strings.Contains(err.Error(), "start it again") {
			t.Error(err)
		}
	})
}

func TestVotes(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		s := open(t, o)
		load(t, s, Meta{Feed: "f"}, Total{}, Fact{Kind: Listed, Subject: domain("a.example.com"), Verdict: source.Suspicious})
		a := domain("a.example.com")
		for i, tt := range []struct {
			voter   string
			vote    int8
			votes   int8
			verdict source.Verdict
		}{
			{"ann", -1, -1, source.Malicious},
			{"ann", -1, -1, source.Malicious}, // counts once
			{"bob", 1, 0, source.Suspicious},  // a tie: the feed's word counts
			{"cyd", 1, 1, source.Harmless},
			{"ann", 1, 1, source.Harmless}, // changes her mind
			{"bob", 0, 1, source.Harmless},
			{"cyd", -1, 0, source.Suspicious},
		} {
			if err := s.Vote(t.Context(), a, tt.voter, tt.vote, "test"); err != nil {
				t.Fatal(err)
			}
			r := report(t, s, a)
			if r.Verdict != tt.verdict || !r.HasVotes || r.Votes != tt.votes {
				t.Errorf("%d: %+v, want %v %d", i, r.Summary, tt.verdict, tt.votes)
			}
			if tally, err := s.Tally(t.Context(), a); err != nil || tally.Votes() != tt.votes {
				t.Errorf("%d: %+v %v", i, tally, err)
			}
		}
		log, err := s.VoteLog(t.Context(), a, 3)
		if err != nil || len(log) != 3 || log[0].Voter != "cyd" || log[0].Vote != -1 || log[2].Voter != "ann" || log[0].Origin != "test" || log[0].Time.IsZero() {
			t.Errorf("%+v, %v", log, err)
		}
		// Of something no feed knows.
		if err := s.Vote(t.Context(), ip("192.0.2.9"), "ann", -1, ""); err != nil {
			t.Fatal(err)
		}
		if r := report(t, s, ip("192.0.2.9")); r == nil || r.Verdict != source.Malicious {
			t.Errorf("%+v", r)
		}
		for _, bad := range []struct {
			ind   indicator.Indicator
			voter string
			vote  int8
		}{{a, "ann", 2}, {a, " \n", 1}, {a, strings.Repeat("x", 257), 1}, {indicator.Indicator{}, "ann", 1}} {
			if err := s.Vote(t.Context(), bad.ind, bad.voter, bad.vote, ""); err == nil {
				t.Errorf("%+v was taken", bad)
			}
		}
		// What is voted about outlives the feed.
		if _, _, err := s.Undo(t.Context(), "f", 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := report(t, s, a); r == nil || !r.HasVotes {
			t.Errorf("%+v", r)
		}
	})
}

// TestVotesAtOnce: many voters at the same time, none is lost.
func TestVotesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		stores := []*Store{open(t, o), open(t, o)}
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				if err := stores[n%2].Vote(t.Context(), domain("v.example.com"), fmt.Sprint("voter ", n), -1, ""); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if tally, err := stores[0].Tally(t.Context(), domain("v.example.com")); err != nil || tally.Malicious != 20 {
			t.Errorf("%+v, %v", tally, err)
		}
	})
}

func TestMalicious(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		s := open(t, o)
		v0, err := s.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		load(t, s, Meta{Feed: "f"}, Total{},
			Fact{Kind: Listed, Subject: domain("b.example.com"), Verdict: source.Malicious},
			Fact{Kind: Listed, Subject: domain("a-b.example.com"), Verdict: source.Malicious},
			Fact{Kind: Listed, Subject: domain("ab.example.com"), Verdict: source.Malicious},
			Fact{Kind: Listed, Subject: domain("s.example.com"), Verdict: source.Suspicious},
			Fact{Kind: Listed, Subject: ip("192.0.2.1"), Verdict: source.Malicious},
		)
		load(t, s, Meta{Feed: "g"}, Total{}, Fact{Kind: Listed, Subject: domain("b.example.com"), Verdict: source.Malicious})
		for ind, vote := range map[indicator.Indicator]int8{domain("ab.example.com"): 1, domain("v.example.com"): -1} {
			if err := s.Vote(t.Context(), ind, "ann", vote, ""); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		if err := s.Malicious(t.Context(), indicator.Domain, func(v string) error { got = append(got, v); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a-b.example.com", "b.example.com", "v.example.com"}, got); diff != "" {
			t.Error(diff)
		}
		stop := errors.New("stop")
		if err := s.Malicious(t.Context(), indicator.IP, func(string) error { return stop }); !errors.Is(err, stop) {
			t.Error(err)
		}
		if v, err := s.Version(t.Context()); err != nil || v != v0+4 {
			t.Errorf("version %d after %d and four changes, %v", v, v0, err)
		}
	})
}

// TestMany: an answer from more facts than fit has a part of each kind.
func TestMany(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		o.MaxList = 100
		s := open(t, o)
		im, err := s.Begin(t.Context(), Meta{Feed: "f"})
		if err != nil {
			t.Fatal(err)
		}
		hub := ip("192.0.2.1")
		facts := []Fact{{Kind: Listed, Subject: hub, Verdict: source.Malicious}, {Kind: Contacted, Subject: hash(md5A), Object: hub}}
		for i := range 60_000 {
			facts = append(facts, Fact{Kind: Resolution, Subject: hub, Object: domain(fmt.Sprintf("d%d.example.com", i))})
		}
		facts = append(facts, facts[2]) // again, in another batch
		for _, f := range facts {
			if err := im.Add(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := im.Commit(t.Context(), Total{}); err != nil {
			t.Fatal(err)
		}
		r := report(t, s, hub)
		if r.Verdict != source.Malicious || len(r.Resolutions) != 100 || len(r.Hashes) != 1 {
			t.Errorf("%+v, %d resolutions, %d hashes", r.Summary, len(r.Resolutions), len(r.Hashes))
		}
		known, err := s.Known(t.Context(), domain("d0.example.com"), 9)
		if err != nil || len(known) != 1 || known[0].Count != 2 {
			t.Errorf("%+v, %v", known, err)
		}
	})
}

func TestConceal(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		load(t, open(t, o), Meta{Feed: "f"}, Total{},
			Fact{Kind: Resolution, Subject: domain("a.example.com"), Object: ip("10.0.0.1")},
			Fact{Kind: Resolution, Subject: domain("a.example.com"), Object: ip("192.0.2.1")})
		o.Conceal = func(ind indicator.Indicator) bool { return ind == ip("10.0.0.1") }
		s := open(t, o)
		if r := report(t, s, ip("10.0.0.1")); r != nil {
			t.Errorf("%+v", r)
		}
		if r := report(t, s, domain("a.example.com")); r == nil || len(r.Resolutions) != 1 || r.Resolutions[0].Value != "192.0.2.1" || r.Related != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestFactCheck(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	im, err := s.Begin(t.Context(), Meta{Feed: "f"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Fact{
		{Kind: Resolution, Subject: domain("a.example"), Object: domain("b.example")},
		{Kind: Listed, Subject: domain("a.example"), Object: domain("b.example")},
		{Kind: Contacted, Subject: domain("a.example"), Object: hash(md5A)},
		{Kind: contactedBy, Subject: domain("a.example"), Object: hash(md5A)},
		{Kind: Alias, Subject: hash(md5A), Object: hash(md5A)},
		{Kind: Reference, Subject: domain("a.example"), Object: text(" \x00\n ")},
		{Kind: Reference, Subject: domain("a.example"), Object: text(strings.Repeat("x", 2049))},
		{Kind: Listed},
		{Kind: kinds, Subject: domain("a.example")},
	} {
		if err := im.Add(t.Context(), f); err == nil {
			t.Errorf("%+v was taken", f)
		}
	}
	if err := im.Add(t.Context(), Fact{Kind: Reference, Subject: domain("a.example"), Object: text("a\x00b\xff")}); err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), Options{Dir: dir, Existing: true}); !errors.Is(err, ErrMissing) || Exists(dir) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte("hello, this is no database at all, but a text of some length"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
	if _, err := Open(t.Context(), Options{}); err == nil {
		t.Error("opened nothing")
	}
	for _, u := range []string{"mysql://h/x", "postgres://h:x/db", "::", "postgres://u:hidden@h/db?sslmode=nonsense"} {
		if _, err := Open(t.Context(), Options{URL: u}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", u, err)
		}
	}
	// Nobody listens there.
	if _, err := Open(t.Context(), Options{URL: "postgres://u:hidden@127.0.0.1:1/db"}); err == nil || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Error(err)
	}
	s := open(t, Options{Dir: t.TempDir()})
	if _, err := s.db.Exec("update state set number = 99 where name = 'schema'"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: s.opts.Dir}); !errors.Is(err, ErrNewerSchema) {
		t.Error(err)
	}
}

// TestOpenAtOnce: the tables are made once, whoever comes first.
func TestOpenAtOnce(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		var wg sync.WaitGroup
		keys := make([][8]byte, 8)
		for i := range keys {
			wg.Go(func() {
				s, err := Open(t.Context(), o)
				if err != nil {
					t.Error(err)
					return
				}
				keys[i] = s.key
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, k := range keys {
			if k != keys[0] || k == [8]byte{} {
				t.Error("different keys")
			}
		}
	})
}
