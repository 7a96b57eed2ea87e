package limit

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// overrun returns how far the requests a server received go beyond w/T+B in
// the worst window; 0 when they keep to it. It plays the bucket through.
func overrun(seen []time.Time, period time.Duration, burst int) time.Duration {
	slices.SortFunc(seen, time.Time.Compare)
	var tat time.Time
	var worst time.Duration
	for _, v := range seen {
		if v.After(tat) {
			tat = v
		}
		tat = tat.Add(period)
		worst = max(worst, tat.Sub(v)-time.Duration(burst)*period)
	}
	return worst
}

func TestOverrunCountsWindows(t *testing.T) {
	at := func(ms ...int) (out []time.Time) {
		for _, m := range ms {
			out = append(out, epoch.Add(time.Duration(m)*time.Millisecond))
		}
		return out
	}
	for _, c := range []struct {
		seen  []time.Time
		burst int
		ok    bool
	}{
		{at(0, 0, 10, 20), 2, true},
		{at(0, 0, 9), 2, false},
		{at(20, 0, 10), 1, true},
		{at(0, 10, 19), 1, false},
	} {
		if got := overrun(c.seen, 10*time.Millisecond, c.burst); (got == 0) != c.ok {
			t.Errorf("overrun(%v, burst %d) = %v", c.seen, c.burst, got)
		}
	}
}

// TestBoundAsTheServerCounts runs random schedules: concurrent requests that
// arrive at any time between grant and Seen, lost tickets, clocks that step
// back, callers of both priorities, states kept as JSON in between.
func TestBoundAsTheServerCounts(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), 7))
		p := Policy{Rate: []float64{0.1, 1, 3, 50, 1000}[r.IntN(5)], Burst: 1 + r.IntN(7)}
		period := time.Duration(p.period())
		life := period * time.Duration(1+r.IntN(20))
		type flight struct {
			seq       uint64
			end, seen time.Time // true time
			lost      bool
		}
		var (
			s       State
			real    = epoch
			offset  time.Duration
			flying  []flight
			server  []time.Time
			granted int
			latency = float64(period) * []float64{0.01, 0.5, 3, 12}[r.IntN(4)]
			steps   = r.IntN(2) == 0
		)
		var history []struct {
			at     time.Time
			offset time.Duration
		}
		clockAt := func(at time.Time) time.Time { // what the clock showed then
			var o time.Duration
			for _, h := range history {
				if !h.at.After(at) {
					o = h.offset
				}
			}
			return at.Add(o)
		}
		for range 600 {
			real = real.Add(time.Duration(r.ExpFloat64() * float64(period) * 0.4))
			if steps && r.IntN(40) == 0 {
				offset -= time.Duration(r.ExpFloat64() * float64(period) * 20)
				history = append(history, struct {
					at     time.Time
					offset time.Duration
				}{real, offset})
			}
			clock := real.Add(offset)
			if len(flying) > 0 && r.IntN(3) > 0 {
				i := r.IntN(len(flying))
				if f := flying[i]; !f.end.After(real) {
					flying = slices.Delete(flying, i, i+1)
					if !f.lost {
						o := Outcome{Verdict: Verdict(r.IntN(2)), Seen: clockAt(f.end)}
						if r.IntN(10) == 0 {
							o = Outcome{Verdict: Neutral} // never sent
						} else {
							server = append(server, f.seen)
						}
						s.Done(clock, p, f.seq, o)
					} else {
						server = append(server, f.seen)
					}
				}
				continue
			}
			seq, d := s.Take(clock, p, Priority(r.IntN(2)), life)
			if d != nil {
				if d.Retry <= 0 {
					t.Fatalf("round %d: denied without a time: %+v", round, d)
				}
				continue
			}
			granted++
			l := min(time.Duration(r.ExpFloat64()*latency), life)
			f := flight{seq: seq, end: real.Add(l), lost: r.IntN(20) == 0}
			f.seen = real.Add(time.Duration(r.Float64() * float64(l)))
			if r.IntN(3) == 0 {
				f.seen = f.end // the worst case
			}
			flying = append(flying, f)
			if r.IntN(10) == 0 {
				kept, err := json.Marshal(&s)
				if err != nil {
					t.Fatal(err)
				}
				s = State{}
				if err := json.Unmarshal(kept, &s); err != nil {
					t.Fatal(err)
				}
			}
		}
		if granted < p.Burst {
			t.Fatalf("round %d: only %d requests granted", round, granted)
		}
		if over := overrun(server, period, p.Burst); over > 0 {
			t.Fatalf("round %d: %+v latency %v: %d requests, bound exceeded by %v",
				round, p, time.Duration(latency), len(server), over)
		}
	}
}

// TestRetryIsTheEarliestMoment: with nothing under way, a request is allowed
// exactly at the time the denial named.
func TestRetryIsTheEarliestMoment(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		p := Policy{Rate: 0.01 + r.Float64()*20, Burst: 1 + r.IntN(6), Daily: r.IntN(30)}
		var s State
		now := epoch
		for range 100 {
			prio := Priority(r.IntN(2))
			seq, d := s.Take(now, p, prio, time.Minute)
			if d == nil {
				s.Done(now, p, seq, Outcome{Seen: now})
				continue
			}
			if d.Reason == Daily {
				if want := now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now); d.Retry != want {
					t.Fatalf("daily retry %v, want %v", d.Retry, want)
				}
				break
			}
			if e := s.Check(now.Add(d.Retry-1), p, prio, 0); e == nil {
				t.Fatalf("%+v: allowed before the named time", p)
			}
			now = now.Add(d.Retry)
			if e := s.Check(now, p, prio, 0); e != nil && e.Reason != Daily {
				t.Fatalf("%+v: denied at the named time: %+v", p, e)
			}
		}
	}
}

func TestClockStepsBlockForOneRefillAtMost(t *testing.T) {
	p := Policy{Rate: 0.1, Burst: 5, BreakAfter: 1, Cooldown: time.Minute}
	for _, step := range []time.Duration{-time.Second, -time.Minute, -time.Hour, -30 * 365 * 24 * time.Hour} {
		var s State
		for range 5 {
			seq, d := s.Take(epoch, p, Interactive, time.Minute)
			if d != nil {
				t.Fatal(d)
			}
			s.Done(epoch, p, seq, Outcome{Seen: epoch})
		}
		now := epoch.Add(step)
		d := s.Check(now, p, Interactive, 0)
		if d == nil {
			t.Fatalf("step %v: granted beyond the burst", step)
		}
		if d.Retry > 10*time.Second {
			t.Errorf("step %v: blocked for %v", step, d.Retry)
		}
		wait := max(-step, 0)
		if wait > 2*time.Second {
			wait = 0
		}
		if st := s.Status(now.Add(wait+50*time.Second), p); st.Available != 5 {
			t.Errorf("step %v: %d available after one refill", step, st.Available)
		}
	}
}

func TestImpossibleStatesHeal(t *testing.T) {
	p := Policy{Rate: 1, Burst: 3, Daily: 10, BreakAfter: 2, Cooldown: time.Minute}
	r := rand.New(rand.NewPCG(3, 4))
	value := func() int64 {
		switch r.IntN(4) {
		case 0:
			return 0
		case 1:
			return epoch.UnixNano() + r.Int64N(int64(time.Hour))
		default:
			return int64(r.Uint64())
		}
	}
	for range 5000 {
		s := State{Last: value(), TAT: value(), Pause: value(), Until: value(), Wanted: value(),
			Day: value(), Used: int(value()), Failures: int(value()), Broken: r.IntN(2) == 0,
			Seq: uint64(value()), BreakSeq: uint64(value())}
		for range r.IntN(4) {
			s.Open = append(s.Open, OpenState{Seq: uint64(value()), At: value(), Ends: value(), Probe: r.IntN(2) == 0})
		}
		before := s
		now := epoch
		for i := 0; ; i++ {
			_, d := s.Take(now, p, Interactive, time.Minute)
			if d == nil {
				break
			}
			if d.Retry > 25*time.Hour || now.Sub(epoch) > 50*time.Hour {
				t.Fatalf("stuck at try %d with %+v: %+v", i, d, before)
			}
			now = now.Add(d.Retry)
		}
		s.Status(now, p)
	}
}

func TestDailyCountsAtTheServer(t *testing.T) {
	p := Policy{Daily: 2}
	midnight := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	late := midnight.Add(-time.Second)
	var s State
	a, _ := s.Take(late, p, Interactive, time.Minute)
	b, d := s.Take(late, p, Interactive, time.Minute)
	if d != nil {
		t.Fatal(d)
	}
	if _, d = s.Take(late, p, Interactive, time.Minute); d == nil || d.Reason != Daily || d.Retry != time.Second {
		t.Fatalf("third of two: %+v", d)
	}
	// Both are still under way at midnight: they may count today.
	if _, d = s.Take(midnight, p, Interactive, time.Minute); d == nil {
		t.Fatal("requests under way at midnight were forgotten")
	}
	s.Done(midnight, p, a, Outcome{Seen: late})
	if st := s.Status(midnight, p); st.DailyLeft != 1 {
		t.Errorf("daily left %d, want 1", st.DailyLeft)
	}
	s.Done(midnight.Add(time.Second), p, b, Outcome{Seen: midnight.Add(time.Second)})
	if st := s.Status(midnight, p); st.DailyLeft != 1 {
		t.Errorf("daily left %d, want 1", st.DailyLeft)
	}
	c, d := s.Take(midnight, p, Interactive, time.Minute)
	if d != nil {
		t.Fatal(d)
	}
	s.Done(midnight, p, c, Outcome{Verdict: Neutral}) // never sent
	if st := s.Status(midnight, p); st.DailyLeft != 1 {
		t.Errorf("daily left %d after an unsent request, want 1", st.DailyLeft)
	}
}

func TestBreaker(t *testing.T) {
	p := Policy{BreakAfter: 3, Cooldown: 10 * time.Second}
	now := epoch
	var s State
	take := func(t *testing.T) uint64 {
		t.Helper()
		seq, d := s.Take(now, p, Interactive, time.Minute)
		if d != nil {
			t.Fatalf("denied: %+v", d)
		}
		return seq
	}
	done := func(seq uint64, v Verdict) { s.Done(now, p, seq, Outcome{Verdict: v, Seen: now}) }
	state := func(t *testing.T, want string) {
		t.Helper()
		if got := s.Status(now, p).Breaker; got != want {
			t.Fatalf("breaker %s, want %s", got, want)
		}
	}
	done(take(t), Failing)
	done(take(t), Failing)
	done(take(t), Healthy) // not consecutive
	done(take(t), Failing)
	done(take(t), Neutral)
	early := take(t)
	late := take(t)
	done(take(t), Failing)
	state(t, "closed")
	done(take(t), Failing)
	state(t, "open")
	if d := s.Check(now, p, Interactive, 0); d == nil || d.Reason != Open || d.Retry != 10*time.Second {
		t.Fatalf("open breaker: %+v", d)
	}
	done(early, Healthy) // old news
	state(t, "open")

	now = now.Add(10 * time.Second)
	state(t, "half-open")
	probe := take(t)
	if d := s.Check(now, p, Interactive, 0); d == nil || d.Reason != Open {
		t.Fatalf("a second probe: %+v", d)
	}
	done(late, Failing) // old news
	done(probe, Neutral)
	probe = take(t) // the cancelled one freed the place
	done(probe, Failing)
	state(t, "open")

	now = now.Add(10 * time.Second)
	take(t) // never comes back
	now = now.Add(time.Minute)
	probe = take(t)
	done(probe, Healthy)
	state(t, "closed")
	if f := s.Status(now, p).Failures; f != 0 {
		t.Errorf("failures %d after a good probe", f)
	}
}

func TestPause(t *testing.T) {
	p := Policy{Rate: 0.5, Burst: 2}
	var s State
	seq, _ := s.Take(epoch, p, Interactive, time.Minute)
	s.Done(epoch, p, seq, Outcome{Verdict: Throttled, Seen: epoch, Until: epoch.Add(30 * time.Second)})
	if d := s.Check(epoch, p, Interactive, 0); d == nil || d.Reason != Paused || d.Retry != 30*time.Second {
		t.Fatalf("%+v", d)
	}
	now := epoch.Add(30 * time.Second)
	seq, d := s.Take(now, p, Interactive, time.Minute)
	if d != nil {
		t.Fatal(d)
	}
	s.Done(now, p, seq, Outcome{Verdict: Throttled, Seen: now}) // without Retry-After
	if d := s.Check(now, p, Interactive, 0); d == nil || d.Reason != Paused || d.Retry != 2*time.Second {
		t.Fatalf("%+v", d)
	}
	s.Done(now, p, 0, Outcome{Verdict: Throttled, Until: now.Add(9000 * time.Hour)})
	if d := s.Check(now, p, Interactive, 0); d == nil || d.Retry != 24*time.Hour {
		t.Fatalf("absurd Retry-After: %+v", d)
	}
}

// TestStepBackMovesEverything: what had 30 seconds to go still has.
func TestStepBackMovesEverything(t *testing.T) {
	p := Policy{BreakAfter: 1, Cooldown: 30 * time.Second}
	for _, o := range []Outcome{
		{Verdict: Throttled, Seen: epoch, Until: epoch.Add(30 * time.Second)},
		{Verdict: Failing, Seen: epoch},
	} {
		var s State
		seq, _ := s.Take(epoch, p, Interactive, time.Minute)
		s.Done(epoch, p, seq, o)
		now := epoch.Add(-time.Hour)
		if d := s.Check(now, p, Interactive, 0); d == nil || d.Retry != 30*time.Second {
			t.Errorf("%+v an hour back: %+v", o, d)
		}
	}
	var s State
	s.Take(epoch, p, Interactive, time.Minute)
	s.Check(epoch.Add(-time.Hour), p, Interactive, 0)
	s.Check(epoch.Add(-time.Hour+time.Minute), p, Interactive, 0)
	if len(s.Open) != 0 {
		t.Error("the ticket outlived its life")
	}
}

func TestBackgroundYields(t *testing.T) {
	p := Policy{Rate: 1, Burst: 4, Daily: 20}
	var s State
	n := 0
	for ; ; n++ {
		if _, d := s.Take(epoch, p, Background, time.Minute); d != nil {
			break
		}
	}
	if n != 2 {
		t.Errorf("background took %d of a burst of 4, want 2", n)
	}
	now := epoch.Add(time.Hour)
	s.Want(now, p, now.Add(5*time.Second))
	if d := s.Check(now, p, Background, 0); d == nil || d.Retry != 5*time.Second {
		t.Errorf("background went before somebody who waits: %+v", d)
	}
	if _, d := s.Take(now, p, Interactive, time.Minute); d != nil {
		t.Errorf("interactive: %v", d)
	}
	if d := s.Check(now, p, Background, 0); d != nil {
		t.Errorf("background after the waiter was served: %v", d)
	}
	s.Used = 18
	if d := s.Check(now.Add(time.Minute), p, Background, 0); d == nil || d.Reason != Daily {
		t.Errorf("background took from the last tenth of the day: %+v", d)
	}
}

func TestUnlimited(t *testing.T) {
	var s State
	for range 10000 {
		if _, d := s.Take(epoch, Policy{}, Background, time.Second); d != nil {
			t.Fatal(d)
		}
		if len(s.Open) > 100 {
			epoch := epoch.Add(2 * time.Second)
			s.Check(epoch, Policy{}, Background, 0)
			s.Last = 0
		}
	}
}

func BenchmarkStateTakeDone(b *testing.B) {
	var s State
	p := Policy{Rate: 1e9, Burst: 100, BreakAfter: 5, Cooldown: time.Second, Daily: 1 << 60}
	now := epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		seq, d := s.Take(now, p, Interactive, time.Minute)
		if d != nil {
			b.Fatal(d)
		}
		s.Done(now, p, seq, Outcome{Seen: now})
	}
}
