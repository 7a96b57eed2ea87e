package disk

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
)

func numbers(items []QueueItem) string {
	var s []string
	for _, it := range items {
		s = append(s, fmt.Sprintf("%s×%d", strings.TrimSuffix(strings.TrimPrefix(it.Key.Value, "host-"), ".example.com"), it.Rows))
	}
	return strings.Join(s, " ")
}

func TestQueue(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Now: c.now})
	q, other := s.Queue(), open(t, Options{Dir: dir, Now: c.now}).Queue()
	item := func(i, rows int) QueueItem { return QueueItem{Key: domain(i), Rows: rows} }
	add := func(items ...QueueItem) {
		t.Helper()
		if err := q.Add(t.Context(), items); err != nil {
			t.Fatal(err)
		}
		c.add(time.Second)
	}
	next := func(want string) {
		t.Helper()
		items, err := other.Next(t.Context(), 10)
		if got := numbers(items); err != nil || got != want {
			t.Fatalf("next: %s, %v; want %s", got, err, want)
		}
	}
	add()
	next("")
	first := c.now()
	add(item(1, 1), item(2, 5))
	add(item(3, 1), item(4, 0))
	next("2×5 1×1 3×1 4×1")
	add(item(3, 9), item(1, 1))
	next("3×10 2×5 1×2 4×1")
	if items, _ := q.Next(t.Context(), 10); !items[1].Queued.Equal(first) || items[0].Key != domain(3) {
		t.Errorf("%+v", items)
	}

	taken, err := q.Take(t.Context(), 2, time.Minute)
	if err != nil || numbers(taken) != "3×10 2×5" {
		t.Fatalf("took %s, %v", numbers(taken), err)
	}
	next("1×2 4×1")
	put(t, s, []lookupcache.Key{domain(3)}, c.now(), time.Hour) // answered
	c.add(2 * time.Minute)
	next("2×5 1×2 4×1") // the taker of 2 was killed
	if _, err = q.Take(t.Context(), 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := q.Return(t.Context(), []lookupcache.Key{domain(2)}, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	next("1×2 4×1")
	c.add(30 * time.Second)
	next("2×5 1×2 4×1")
	if err := q.Remove(t.Context(), []lookupcache.Key{domain(1), {Scope: "nobody"}}); err != nil {
		t.Fatal(err)
	}
	next("2×5 4×1")
	if _, err = q.Take(t.Context(), 9, time.Minute); err != nil {
		t.Fatal(err)
	}
	if n, err := other.Len(t.Context()); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	c.add(-24 * time.Hour)
	next("2×5 4×1") // taken by a clock that was wrong
}

func TestDrainLock(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	a, b := open(t, Options{Dir: dir, Now: c.now}), open(t, Options{Dir: dir, Now: c.now})
	l, err := a.Queue().Lock(t.Context(), time.Minute, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Queue().Lock(t.Context(), time.Minute, false); !errors.Is(err, ErrDraining) {
		t.Fatalf("got %v", err)
	}
	c.add(50 * time.Second)
	if err := l.beat(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	c.add(50 * time.Second)
	if _, err := b.Queue().Lock(t.Context(), time.Minute, false); !errors.Is(err, ErrDraining) {
		t.Fatalf("after a heartbeat: %v", err)
	}
	c.add(11 * time.Second)
	l2, err := b.Queue().Lock(t.Context(), time.Minute, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.beat(t.Context(), false); !errors.Is(err, ErrDraining) {
		t.Errorf("the lock was lost, but its heart beats: %v", err)
	}
	l.Unlock() // not its own any more
	if err := l2.beat(t.Context(), false); err != nil {
		t.Error(err)
	}
	if l2.Context().Err() != nil {
		t.Error("the lock is held, but its context has ended")
	}
	got := make(chan error)
	go func() {
		l3, err := a.Queue().Lock(t.Context(), time.Minute, true)
		if err == nil {
			l3.Unlock()
		}
		got <- err
	}()
	l2.Unlock()
	l2.Unlock()
	if err := <-got; err != nil {
		t.Errorf("the one who waited: %v", err)
	}
	if l2.Context().Err() == nil {
		t.Error("the context goes on after Unlock")
	}
}
