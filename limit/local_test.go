package limit

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func seenNow() Outcome { return Outcome{Seen: time.Now()} }

func TestLocalPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewLocal(Policy{Rate: 0.1, Burst: 3})
		start := time.Now()
		for i, want := range []time.Duration{0, 0, 0, 10 * time.Second, 20 * time.Second} {
			tk, err := g.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got < want || got > want+time.Second {
				t.Errorf("request %d after %v, want %v", i, got, want)
			}
			tk.Done(seenNow())
			tk.Done(seenNow()) // a second time: nothing
		}
	})
}

func TestLocalDeniesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewLocal(Policy{Rate: 0.1, Burst: 1})
		tk, err := g.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tk.Done(seenNow())
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err = g.Take(ctx)
		var d *Denied
		if !errors.As(err, &d) || !errors.Is(err, ErrDenied) || d.Reason != Budget || d.Retry <= 9*time.Second {
			t.Errorf("got %#v", err)
		}
		if time.Since(start) != 0 {
			t.Errorf("it waited %v", time.Since(start))
		}
		// The same for one who stands behind others: 20 s away, 15 s left.
		go func() {
			if tk, err := g.Take(t.Context()); err == nil {
				tk.Done(seenNow())
			}
		}()
		synctest.Wait()
		ctx2, cancel2 := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel2()
		if _, err := g.Take(ctx2); !errors.Is(err, ErrDenied) || time.Since(start) != 0 {
			t.Errorf("second in line: %v after %v", err, time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}

func TestLocalCancelGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewLocal(Policy{Rate: 0.1, Burst: 1})
		tk, _ := g.Take(t.Context())
		tk.Done(seenNow())
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		if _, err := g.Take(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrDenied) {
			t.Fatalf("got %v", err)
		}
		tk, err := g.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got > 11*time.Second {
			t.Errorf("the cancelled wait cost a request: next one after %v", got)
		}
		tk.Done(Outcome{Verdict: Neutral}) // never sent
		if tk, err = g.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got > 11*time.Second {
			t.Errorf("the unsent request was not given back: next one after %v", got)
		}
		tk.Done(seenNow())
	})
}

func TestLocalIsFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewLocal(Policy{Rate: 1, Burst: 1})
		var order []int
		var wg sync.WaitGroup
		enter := func(id int, g Gate) {
			wg.Go(func() {
				tk, err := g.Take(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, id) // one at a time: the burst is 1
				tk.Done(seenNow())
			})
			synctest.Wait()
		}
		enter(0, g)
		for i := 1; i < 4; i++ {
			enter(100+i, g.Background())
		}
		for i := 1; i < 6; i++ {
			enter(i, g)
		}
		wg.Wait()
		for i, want := range []int{0, 1, 2, 3, 4, 5, 101, 102, 103} {
			if order[i] != want {
				t.Fatalf("order %v", order)
			}
		}
	})
}

// TestLocalBound: many callers, slow and fast answers, counted by arrival.
func TestLocalBound(t *testing.T) {
	for _, p := range []Policy{{Rate: 10, Burst: 1}, {Rate: 10, Burst: 5}, {Rate: 200, Burst: 20}} {
		synctest.Test(t, func(t *testing.T) {
			g := NewLocal(p)
			var mu sync.Mutex
			var server []time.Time
			var wg sync.WaitGroup
			start := time.Now()
			for i := range 40 {
				r := rand.New(rand.NewPCG(uint64(i), 1))
				wg.Go(func() {
					for range 10 {
						tk, err := g.Take(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						time.Sleep(time.Duration(r.ExpFloat64() * 0.05 * float64(time.Second)))
						mu.Lock()
						server = append(server, time.Now())
						mu.Unlock()
						time.Sleep(time.Duration(r.Float64() * 0.01 * float64(time.Second)))
						tk.Done(seenNow())
					}
				})
			}
			wg.Wait()
			if over := overrun(server, time.Duration(p.period()), p.Burst); over > 0 {
				t.Errorf("%+v: bound exceeded by %v", p, over)
			}
			if len(server) != 400 || time.Since(start) > 2*time.Minute {
				t.Errorf("%+v: %d requests in %v", p, len(server), time.Since(start))
			}
		})
	}
}

func TestLocalBreakerTellsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewLocal(Policy{Rate: 1, Burst: 1, BreakAfter: 1, Cooldown: time.Hour})
		tk, _ := g.Take(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		errs := make(chan error, 5)
		for range 5 {
			go func() {
				_, err := g.Take(ctx)
				errs <- err
			}()
		}
		synctest.Wait()
		start := time.Now()
		tk.Done(Outcome{Verdict: Failing, Seen: time.Now()})
		for range 5 {
			var d *Denied
			if err := <-errs; !errors.As(err, &d) || d.Reason != Open {
				t.Errorf("got %v", err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("told after %v", time.Since(start))
		}
		if st, _ := g.Status(ctx); st.Breaker != "open" || st.Available != 0 || st.Until.IsZero() {
			t.Errorf("status %+v", st)
		}
	})
}

func TestCapped(t *testing.T) {
	g := Capped(NewLocal(Policy{}), 2)
	a, err := g.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := g.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var d *Denied
	if _, err = g.Take(t.Context()); !errors.As(err, &d) || d.Reason != Spent || d.Retry != 0 {
		t.Fatalf("third of two: %v", err)
	}
	a.Done(seenNow())
	b.Done(Outcome{Verdict: Neutral}) // never sent: given back, once
	b.Done(Outcome{Verdict: Neutral})
	if st, _ := g.Status(t.Context()); st.Available != 1 {
		t.Errorf("available %d, want 1", st.Available)
	}
	if _, err = g.Take(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err = g.Take(t.Context()); !errors.Is(err, ErrDenied) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g = Capped(NewLocal(Policy{}), 1)
	if _, err = g.Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err = g.Take(t.Context()); err != nil {
		t.Errorf("a failed Take was counted: %v", err)
	}
}

func BenchmarkLocalTakeDone(b *testing.B) {
	g := NewLocal(Policy{Rate: 1e9, Burst: 1 << 20})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		t, err := g.Take(ctx)
		if err != nil {
			b.Fatal(err)
		}
		t.Done(Outcome{Seen: time.Now()})
	}
}

func BenchmarkParseRate(b *testing.B) {
	for b.Loop() {
		if _, err := ParseRate("500/d"); err != nil {
			b.Fatal(err)
		}
	}
}
