package disk

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/lookupcache"
)

// roleWrite keeps answers in batches as a search does, and says how long the
// slowest took and how long all.
func roleWrite() error {
	s, err := roleStore()
	if err != nil {
		return err
	}
	defer s.Close()
	const batches = 30
	return timed(batches, func(i int) error {
		keys := domains(os.Getpid()*10000+i*64, os.Getpid()*10000+i*64+64)
		entries := make([]lookupcache.Entry, len(keys))
		for j, k := range keys {
			entries[j] = answer(k, time.Now(), time.Hour)
		}
		return s.Put(context.Background(), keys, entries)
	})
}

// roleTake takes requests from a budget that never runs out.
func roleTake() error {
	s, err := roleStore()
	if err != nil {
		return err
	}
	defer s.Close()
	g := s.Gate("x", limit.Policy{Rate: 1e6, Burst: 1 << 20, BreakAfter: 5, Cooldown: time.Second}, limit.Interactive)
	return timed(200, func(int) error {
		tk, err := g.Take(context.Background())
		if err == nil {
			tk.Done(limit.Outcome{Seen: time.Now()})
		}
		return err
	})
}

// timed prints the longest and the mean time of n calls, in nanoseconds.
func timed(n int, f func(i int) error) error {
	var slowest, all time.Duration
	for i := range n {
		start := time.Now()
		if err := f(i); err != nil {
			return err
		}
		took := time.Since(start)
		slowest, all = max(slowest, took), all+took
	}
	fmt.Println(slowest.Nanoseconds(), all.Nanoseconds()/int64(n))
	return nil
}

// BenchmarkProcesses is about real processes: how long the slowest of their
// calls took, and the mean.
func BenchmarkProcesses(b *testing.B) {
	for _, c := range []struct {
		role string
		n    int
	}{{"write", 1}, {"write", 8}, {"write", 32}, {"take", 1}, {"take", 8}} {
		b.Run(fmt.Sprintf("%s by %d", c.role, c.n), func(b *testing.B) {
			var slowest, mean float64
			for b.Loop() {
				dir := b.TempDir()
				out := make(chan string)
				for range c.n {
					go func() {
						text, err := process(b, c.role, "DIR="+dir).Output()
						if err != nil {
							b.Error(err)
						}
						out <- string(text)
					}()
				}
				for range c.n {
					var most, avg float64
					if _, err := fmt.Sscan(strings.TrimSpace(<-out), &most, &avg); err != nil {
						b.Error(err)
					}
					slowest, mean = max(slowest, most), mean+avg/float64(c.n)
				}
			}
			b.ReportMetric(slowest/1e6, "slowest-ms")
			b.ReportMetric(mean/float64(b.N)/1e3, "mean-µs")
		})
	}
}
