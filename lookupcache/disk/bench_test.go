package disk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/lookupcache"
)

// benchEntries is how many answers the benchmarks work on: 20,000, or as many
// as TCLOOKUP_BENCH_ENTRIES says. TCLOOKUP_BENCH_DIR keeps them for the next
// time in a directory of that name.
func benchEntries() int {
	if n, err := strconv.Atoi(os.Getenv("TCLOOKUP_BENCH_ENTRIES")); err == nil {
		return n
	}
	return 20000
}

func filled(b *testing.B) (dir string, n int) {
	dir, n = os.Getenv("TCLOOKUP_BENCH_DIR"), benchEntries()
	if dir == "" {
		dir = b.TempDir()
	}
	s := open(b, Options{Dir: dir})
	if !get(b, s, domains(n-1, n), false)[0].OK() {
		for i := 0; i < n; i += 10000 {
			put(b, s, domains(i, min(i+10000, n)), time.Now(), 1000*time.Hour)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return dir, n
}

// perKey reports the time for each of n keys, by the clock and of processor.
func perKey(b *testing.B, n int, start time.Duration) {
	b.Helper()
	used := cpuTime() - start
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/key")
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N*n), "cpu-ns/key")
}

func some(n, of int) []lookupcache.Key {
	keys := make([]lookupcache.Key, n)
	for i := range keys {
		keys[i] = domain(rand.IntN(of))
	}
	return keys
}

func BenchmarkDisk(b *testing.B) {
	dir, n := filled(b)
	if fi, err := os.Stat(dir + "/" + FileName); err == nil {
		b.Logf("%d answers, %d bytes each", n, fi.Size()/int64(n))
	}
	ctx := context.Background()
	b.Run("open and first answer", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(ctx, Options{Dir: dir, AllowNetworkFS: true})
			if err != nil {
				b.Fatal(err)
			}
			if !get(b, s, some(1, n), false)[0].OK() {
				b.Fatal("no answer")
			}
			b.StopTimer()
			s.Close()
			b.StartTimer()
		}
	})
	b.Run("close after a write", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			s, err := Open(ctx, Options{Dir: dir, AllowNetworkFS: true})
			if err != nil {
				b.Fatal(err)
			}
			put(b, s, some(1000, n), time.Now(), time.Hour)
			b.StartTimer()
			s.Close()
		}
	})
	for _, recent := range []bool{false, true} {
		b.Run(fmt.Sprintf("open and 5000 answers recent=%v", recent), func(b *testing.B) {
			keys := some(5000, n)
			path := filepath.Join(dir, RecentName)
			for b.Loop() {
				b.StopTimer()
				if !recent {
					_ = os.Remove(path)
				} else if _, err := os.Stat(path); err != nil {
					s := open(b, Options{Dir: dir})
					get(b, s, keys, false)
					s.Close()
				}
				b.StartTimer()
				s, err := Open(ctx, Options{Dir: dir, AllowNetworkFS: true})
				if err != nil {
					b.Fatal(err)
				}
				get(b, s, keys, false)
				b.StopTimer()
				s.Close()
				b.StartTimer()
			}
		})
	}
	s := open(b, Options{Dir: dir})
	for _, size := range []int{1, 16, 256, 5000} {
		for _, raw := range []bool{false, true} {
			b.Run(fmt.Sprintf("get %d raw=%v", size, raw), func(b *testing.B) {
				keys, out := some(size, n), make([]lookupcache.Entry, size)
				b.ReportAllocs()
				start := cpuTime()
				for b.Loop() {
					if err := s.Get(ctx, keys, raw, out); err != nil {
						b.Fatal(err)
					}
				}
				perKey(b, size, start)
			})
		}
	}
	b.Run("put 500", func(b *testing.B) {
		i, start := n, cpuTime()
		b.ReportAllocs()
		for b.Loop() {
			put(b, s, domains(i, i+500), time.Now(), time.Hour)
			i += 500
		}
		perKey(b, 500, start)
	})
	b.Run("claim and release 500", func(b *testing.B) {
		keys := domains(1<<30, 1<<30+500)
		claims, out := make([]lookupcache.Claim, 500), make([]lookupcache.Entry, 500)
		start := cpuTime()
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Claim(ctx, keys, time.Time{}, time.Minute, claims, out); err != nil {
				b.Fatal(err)
			}
			if err := s.Release(ctx, keys); err != nil {
				b.Fatal(err)
			}
		}
		perKey(b, 500, start)
	})
	b.Run("stats", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Stats(ctx, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGate(b *testing.B) {
	for _, others := range []int{0, 7} {
		b.Run(fmt.Sprintf("with %d other stores", others), func(b *testing.B) {
			dir := b.TempDir()
			p := limit.Policy{Rate: 1e9, Burst: 1 << 20, BreakAfter: 5, Cooldown: time.Second}
			round := func(g limit.Gate) {
				tk, err := g.Take(context.Background())
				if err != nil {
					b.Error(err)
					return
				}
				tk.Done(limit.Outcome{Seen: time.Now()})
			}
			stop := make(chan struct{})
			ended := make(chan struct{})
			for range others {
				s := open(b, Options{Dir: dir})
				go func() {
					defer func() { ended <- struct{}{} }()
					g := s.Gate("x", p, limit.Interactive)
					for {
						select {
						case <-stop:
							return
						default:
							round(g)
						}
					}
				}()
			}
			g := open(b, Options{Dir: dir}).Gate("x", p, limit.Interactive)
			for b.Loop() {
				round(g)
			}
			close(stop)
			for range others {
				<-ended
			}
		})
	}
}
