package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/internal/accept"
)

// crowd is an input of n rows in which so many domains are named, private
// addresses and what is no indicator between them; and what has to be asked.
func crowd(n, distinct int) (in string, want []string) {
	var b strings.Builder
	b.WriteString("n,d\n")
	seen := map[string]bool{}
	for i := range n {
		switch i % 10 {
		case 7:
			fmt.Fprintf(&b, "%d,10.0.%d.%d\n", i, i>>8&255, i&255)
		case 8:
			fmt.Fprintf(&b, "%d,-\n", i)
		case 9:
			fmt.Fprintf(&b, "%d,\n", i)
		default:
			name := fmt.Sprintf("d%d.com", i*7919%distinct)
			seen["domain/"+name] = true
			if i%3 == 0 {
				name = "hxxp://" + strings.ReplaceAll(strings.ToUpper(name), ".", "[.]") + "/x"
			}
			fmt.Fprintf(&b, "%d,%s\n", i, name)
		}
	}
	return b.String(), slices.Sorted(maps.Keys(seen))
}

// checkCrowd checks the statuses of a crowd's rows.
func checkCrowd(t *testing.T, o *accept.Outcome, rows int, found string) {
	t.Helper()
	if o.Code != 0 {
		t.Fatalf("exit code %d: %s", o.Code, o.Stderr)
	}
	status := column(t, o.Stdout, "tc_status")
	if len(status) != rows {
		t.Fatalf("%d rows came out of %d", len(status), rows)
	}
	for i, s := range status {
		want := found
		switch i % 10 {
		case 7:
			want = "excluded"
		case 8:
			want = "invalid"
		case 9:
			want = ""
		}
		if s != want {
			t.Fatalf("row %d has status %q, should be %q; stderr %s", i, s, want, o.Stderr)
		}
	}
}

// However many processes look up the same at the same time, each indicator is
// asked for once on the host.
func TestProcessesShareAnswers(t *testing.T) {
	rows, distinct, counts := 20_000, 500, []int{1, 8, 32}
	if testing.Short() {
		rows, distinct, counts = 2000, 50, []int{1, 4}
	}
	in, want := crowd(rows, distinct)
	for _, n := range counts {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := accept.NewServer(t, nil)
			p := asking(t, s, "TCLOOKUP_MAX_WAIT=0")
			outcomes := make([]*accept.Outcome, n)
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() {
					outcomes[i] = p.Run(t, strings.NewReader(in), "enrich", "--field", "d", "--output", "status,verdict,resolutions", "-j", "8")
				})
			}
			all.Wait()
			for _, o := range outcomes {
				checkCrowd(t, o, rows, "found")
				if o.Stdout != outcomes[0].Stdout {
					t.Error("two processes came to different answers")
				}
				if o.Stderr != "" { // a machine that is busy makes for warnings
					t.Logf("stderr: %.500s", o.Stderr)
				}
			}
			checkCounts(t, s, want)

			// Later everything is known, and in no process anything is asked.
			again := p.Run(t, strings.NewReader(in), "enrich", "--field", "d", "--output", "status,verdict,resolutions", "--summary")
			checkCrowd(t, again, rows, "found")
			if !strings.Contains(again.Stderr, `"requests":0`) {
				t.Errorf("the account is %s", again.Stderr)
			}
			cached := p.Run(t, strings.NewReader(in), "enrich", "--field", "d", "--output", "status,verdict,resolutions", "--mode", "cache")
			if cached.Stdout != outcomes[0].Stdout {
				t.Error("the cache has other answers")
			}
			checkCounts(t, s, want)
		})
	}
}

func checkCounts(t *testing.T, s *accept.Server, want []string) {
	t.Helper()
	counts := s.Counts()
	if got := slices.Sorted(maps.Keys(counts)); !slices.Equal(got, want) {
		t.Errorf("%d indicators were asked for, should be %d", len(got), len(want))
	}
	twice := 0
	for _, n := range counts {
		if n != 1 {
			twice++
		}
	}
	if twice > 0 {
		t.Errorf("%d of %d indicators were asked for more than once: %d requests", twice, len(want), len(s.Questions()))
	}
}

// Processes that start while others are under way, over parts of the same
// input, ask for what is left.
func TestProcessesStaggered(t *testing.T) {
	rows, distinct, n := 5000, 300, 8
	if testing.Short() {
		rows, distinct, n = 1000, 40, 3
	}
	in, want := crowd(rows, distinct)
	s := accept.NewServer(t, nil)
	p := asking(t, s, "TCLOOKUP_MAX_WAIT=0")
	head, body, _ := strings.Cut(in, "\n")
	var all sync.WaitGroup
	for i := range n {
		// Each begins in another place, when more has been asked already.
		at := i * len(body) / n
		at += strings.IndexByte(body[at:], '\n') + 1
		for i > 0 && len(s.Questions()) < i*len(want)/(2*n) {
			time.Sleep(time.Millisecond)
		}
		all.Go(func() {
			o := p.Run(t, strings.NewReader(head+"\n"+body[at:]+body[:at]), "enrich", "--field", "d", "--output", "status")
			if o.Code != 0 || strings.Count(o.Stdout, "\n") != rows+1 || strings.Count(o.Stdout, ",found\n") != rows*7/10 {
				t.Errorf("exit code %d, %d rows; %s", o.Code, strings.Count(o.Stdout, "\n")-1, o.Stderr)
			}
		})
	}
	all.Wait()
	checkCounts(t, s, want)
}

// Without asking: what is known is found, all else is skipped or queued, and
// the queue is worked off later.
func TestModes(t *testing.T) {
	s := accept.NewServer(t, nil)
	p := asking(t, s)
	in := table("d", "bad.com", "new.com", "10.0.0.1", "nothing.com", "-", "", "8.8.8.8")
	run := func(want string, args ...string) {
		t.Helper()
		o := p.Run(t, strings.NewReader(in), append([]string{"enrich", "--field", "d", "--output", "status"}, args...)...)
		if o.Code != 0 {
			t.Fatalf("%q: exit code %d: %s", args, o.Code, o.Stderr)
		}
		if got := strings.Join(column(t, o.Stdout, "tc_status"), " "); got != want {
			t.Errorf("%q: statuses are\n%s, should be\n%s\n%s", args, got, want, o.Stderr)
		}
	}
	run("skipped skipped excluded skipped invalid  skipped", "--mode", "cache")
	if n := len(s.Questions()); n > 0 {
		t.Fatalf("mode=cache asked %d times", n)
	}
	if o := p.Run(t, nil, "report", "bad.com", "nothing.com"); o.Code != 0 {
		t.Fatal(o.Stderr)
	}
	run("found skipped excluded not_found invalid  skipped", "--mode", "cache")
	run("found queued excluded not_found invalid  queued", "--mode", "queue")
	run("found queued excluded not_found invalid  queued", "--mode", "queue")
	run("found skipped excluded not_found invalid  skipped", "--mode", "cache", "--refresh=false")
	if n := len(s.Questions()); n != 2 {
		t.Fatalf("%d requests, should be 2", n)
	}
	if o := p.Run(t, nil, "cache", "warm"); o.Code != 0 {
		t.Fatalf("exit code %d: %s", o.Code, o.Stderr)
	}
	run("found found excluded not_found invalid  found", "--mode", "cache")
	if n := len(s.Questions()); n != 4 {
		t.Errorf("%d requests after the queue was worked off, should be 4", n)
	}
	// Nowhere to queue.
	q := asking(t, s, "TCLOOKUP_CACHE_DISK=false")
	o := q.Run(t, strings.NewReader(in), "enrich", "--field", "d", "--output", "status", "--mode", "queue")
	if got := strings.Join(column(t, o.Stdout, "tc_status"), " "); got != "skipped skipped excluded skipped invalid  skipped" {
		t.Errorf("without a disk cache: %s", got)
	}
	// A run that may send two requests only leaves the others.
	many := asking(t, s)
	o = many.Run(t, strings.NewReader(table("d", "m1.com", "m2.com", "m3.com", "m1.com", "m4.com")), "enrich", "--field", "d", "--output", "status", "--max-lookups", "2")
	got := column(t, o.Stdout, "tc_status")
	if got[0] != "found" || got[3] != "found" || strings.Count(strings.Join(got, " "), "queued") != 2 {
		t.Errorf("with --max-lookups 2: %q", got)
	}
	// --refresh asks again.
	before := s.Counts()["domain/bad.com"]
	run("found found excluded not_found invalid  found", "--refresh")
	if n := s.Counts()["domain/bad.com"]; n != before+1 {
		t.Errorf("--refresh: %d requests, then %d", before, n)
	}
}
