package disk

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
)

// soon is a context with a deadline that is far off for the database and near
// for a budget.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestGateIsShared(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	p := limit.Policy{Rate: 0.01, Burst: 4, Daily: 6, BreakAfter: 2, Cooldown: time.Hour}
	a := open(t, Options{Dir: dir, Now: c.now}).Gate("tc@192.0.2.1", p, limit.Interactive)
	b := open(t, Options{Dir: dir, Now: c.now}).Gate("tc@192.0.2.1", p, limit.Interactive)
	back := open(t, Options{Dir: dir, Now: c.now}).Gate("tc@192.0.2.1", p, limit.Background)
	take := func(g limit.Gate) limit.Ticket {
		t.Helper()
		tk, err := g.Take(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		return tk
	}
	refused := func(g limit.Gate, want limit.Reason) {
		t.Helper()
		start := time.Now()
		var d *limit.Denied
		if _, err := g.Take(soon(t)); !errors.As(err, &d) || d.Reason != want {
			t.Fatalf("got %v, want %v", err, want)
		}
		if time.Since(start) > 4*time.Second {
			t.Errorf("it waited for %v", time.Since(start))
		}
	}
	seen := func(tk limit.Ticket, o limit.Outcome) { t.Helper(); o.Seen = c.now(); tk.Done(o) }

	seen(take(a), limit.Outcome{})
	seen(take(b), limit.Outcome{})
	refused(back, limit.Budget) // half of the burst is not for it
	seen(take(a), limit.Outcome{})
	tk := take(b)
	refused(a, limit.Budget)
	tk.Done(limit.Outcome{Verdict: limit.Neutral}) // never sent
	tk.Done(limit.Outcome{Verdict: limit.Neutral})
	tk = take(a)
	refused(b, limit.Budget)
	seen(tk, limit.Outcome{Verdict: limit.Throttled, Until: c.now().Add(time.Hour)})
	refused(b, limit.Paused)
	c.add(time.Hour)
	seen(take(a), limit.Outcome{Verdict: limit.Failing})
	seen(take(b), limit.Outcome{Verdict: limit.Failing})
	refused(a, limit.Daily) // lasts longer than the breaker
	st, err := b.Status(t.Context())
	if err != nil || st.Breaker != "open" || st.DailyLeft != 0 || st.Available != 0 || st.Failures != 2 {
		t.Errorf("%+v, %v", st, err)
	}
	c.add(24 * time.Hour)
	probe := take(a)
	var d *limit.Denied // somebody who has the time waits for the probe, so only look
	if err := b.(*gate).budget.Check(t.Context(), limit.Interactive, 0); !errors.As(err, &d) || d.Reason != limit.Open {
		t.Errorf("a second probe: %v", err)
	}
	seen(probe, limit.Outcome{})
	seen(take(b), limit.Outcome{})

	list, err := open(t, Options{Dir: dir, Now: c.now}).Budgets(t.Context())
	if err != nil || len(list) != 1 || list[0].Source != "tc@192.0.2.1" || list[0].Policy != p || list[0].DailyLeft != 4 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestLostTicketEnds(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	p := limit.Policy{Rate: 0.01, Burst: 1, BreakAfter: 1, Cooldown: time.Second}
	a := open(t, Options{Dir: dir, Now: c.now, TicketLife: time.Minute}).Gate("x", p, limit.Interactive)
	if _, err := a.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The holder is gone. Its request counts as seen at the end of its life.
	b := open(t, Options{Dir: dir, Now: c.now}).Gate("x", p, limit.Interactive)
	c.add(time.Minute + 99*time.Second)
	if _, err := b.(*gate).budget.Take(t.Context(), limit.Interactive); !errors.Is(err, limit.ErrDenied) {
		t.Errorf("got %v", err)
	}
	c.add(time.Second)
	if _, err := b.Take(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestWaitingInteractiveHoldsUpBackground(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	p := limit.Policy{Rate: 1, Burst: 1}
	a := open(t, Options{Dir: dir, Now: c.now})
	tk, err := a.Gate("x", p, limit.Interactive).Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tk.Done(limit.Outcome{Seen: c.now()})
	b := &budget{store: a, name: "x", policy: p, spread: time.Millisecond}
	if err := b.Check(t.Context(), limit.Interactive, 0); !errors.Is(err, limit.ErrDenied) {
		t.Fatal(err)
	}
	c.add(time.Second)
	other := &budget{store: open(t, Options{Dir: dir, Now: c.now}), name: "x", policy: p}
	if _, err := other.Take(t.Context(), limit.Background); !errors.Is(err, limit.ErrDenied) {
		t.Errorf("the background went first: %v", err)
	}
	if tk, err = b.Take(t.Context(), limit.Interactive); err != nil {
		t.Fatal(err)
	}
	tk.Done(limit.Outcome{Seen: c.now()})
	c.add(time.Second)
	if _, err := other.Take(t.Context(), limit.Background); err != nil {
		t.Errorf("the background after it: %v", err)
	}
}

func TestGateFallsBack(t *testing.T) {
	j := new(journal)
	s := open(t, Options{Logger: j.logger()})
	p := limit.Policy{Rate: 0.001, Burst: 2}
	g := s.Gate("x", p, limit.Interactive)
	tk, err := g.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	tk.Done(limit.Outcome{Seen: time.Now()})
	if _, err := g.Take(soon(t)); err != nil {
		t.Errorf("the second of a burst of two: %v", err)
	}
	for range 3 {
		if _, err := g.Take(soon(t)); !errors.Is(err, limit.ErrDenied) {
			t.Errorf("the third of a burst of two: %v", err)
		}
	}
	if st, err := g.Status(t.Context()); err != nil || st.Available != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	if n := j.count("keeps to it on its own"); n != 1 {
		t.Errorf("said %d times", n)
	}
	// Nothing is known of a budget that was never read: it counts as used up.
	if _, err := s.Gate("y", p, limit.Background).Take(soon(t)); !errors.Is(err, limit.ErrDenied) {
		t.Errorf("got %v", err)
	}
}

// That outcomes cannot be noted is said once, however many sources there are.
func TestUnnotedOutcomesAreSaidOnce(t *testing.T) {
	j := new(journal)
	s := open(t, Options{Logger: j.logger()})
	var tickets []limit.Ticket
	for _, name := range []string{"x", "y", "z"} {
		tk, err := s.Gate(name, limit.Policy{Rate: 1, Burst: 1}, limit.Interactive).Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, tk)
	}
	s.Close()
	for _, tk := range tickets {
		tk.Done(limit.Outcome{Seen: time.Now()})
	}
	if n := j.count("could not be noted"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

func TestDamagedBudgetIsUsedUp(t *testing.T) {
	s := open(t, Options{})
	p := limit.Policy{Rate: 0.001, Burst: 2}
	if err := s.write(t.Context(), "test", func(w *write) error {
		_, err := w.exec(putBudget, "x", "{}", "not JSON")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Gate("x", p, limit.Interactive).Take(soon(t)); !errors.Is(err, limit.ErrDenied) {
		t.Errorf("got %v", err)
	}
}

func TestStateKeepsItsForm(t *testing.T) {
	// Processes of several versions share a row: the names are an interface.
	st := limit.State{Last: 1, TAT: 2, Seq: 3, Open: []limit.OpenState{{Seq: 3, At: 4, Ends: 5, Probe: true}}, Day: 6, Used: 7, Pause: 8, Failures: 9, Broken: true, Until: 10, BreakSeq: 11, Wanted: 12}
	const want = `{"last":1,"tat":2,"seq":3,"open":[{"s":3,"a":4,"e":5,"p":true}],"day":6,"used":7,"pause":8,"failures":9,"broken":true,"until":10,"break_seq":11,"wanted":12}`
	if got, err := json.Marshal(st); err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
}
