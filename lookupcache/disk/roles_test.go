package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/lookupcache"
)

// roles are what a process that the tests start does.
var roles = map[string]func() error{
	"ask":    roleAsk,
	"gate":   roleGate,
	"chaos":  roleChaos,
	"write":  roleWrite,
	"take":   roleTake,
	"recent": roleRecent,
}

func roleStore() (*Store, error) {
	return Open(context.Background(), Options{Dir: os.Getenv("DIR"), AllowNetworkFS: true, BusyTimeout: time.Minute})
}

// process starts a process in a role. Its standard output is what it says.
func process(t testing.TB, role string, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), roleEnv+"="+role), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

var gatePolicy = limit.Policy{Rate: 100, Burst: 10}

// roleGate sends requests as its budget allows.
func roleGate() error {
	s, err := roleStore()
	if err != nil {
		return err
	}
	defer s.Close()
	g := s.Gate("test", gatePolicy, limit.Interactive)
	n, _ := strconv.Atoi(os.Getenv("N"))
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for range 2 {
		wg.Go(func() {
			for range n / 2 {
				tk, err := g.Take(context.Background())
				if err != nil {
					errs <- err
					return
				}
				resp, err := http.Get(os.Getenv("UPSTREAM"))
				if err != nil {
					errs <- err
					return
				}
				resp.Body.Close()
				tk.Done(limit.Outcome{Seen: time.Now()})
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// TestGateBoundOverProcesses counts at the server, by the server's clock.
func TestGateBoundOverProcesses(t *testing.T) {
	const processes, each = 8, 30
	var mu sync.Mutex
	var seen []time.Time
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, time.Now()) // in order, as the lock is held
	}))
	defer srv.Close()
	dir := t.TempDir()
	start := time.Now()
	var running []*exec.Cmd
	for range processes {
		cmd := process(t, "gate", "DIR="+dir, "UPSTREAM="+srv.URL, fmt.Sprint("N=", each))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != processes*each {
		t.Fatalf("%d requests, want %d", len(seen), processes*each)
	}
	t.Logf("%d requests in %v, at best %v", len(seen), time.Since(start), time.Duration(len(seen)-gatePolicy.Burst)*10*time.Millisecond)
	period := time.Duration(float64(time.Second) / gatePolicy.Rate)
	for i := range seen {
		for j := i; j < len(seen); j++ {
			if w := seen[j].Sub(seen[i]); time.Duration(j-i+1-gatePolicy.Burst)*period > w {
				t.Fatalf("%d requests within %v", j-i+1, w)
			}
		}
	}
}

// chaosKeys are the keys that processes about to be killed work on.
const chaosKeys = 400

// roleChaos does everything a store can do, over and over, until it is
// killed. It writes a line when it has begun.
func roleChaos() error {
	ctx := context.Background()
	s, err := roleStore()
	if err != nil {
		return err
	}
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	g := s.Gate("test", limit.Policy{Rate: 1000, Burst: 50, BreakAfter: 5, Cooldown: time.Second}, limit.Interactive)
	fmt.Println("begun")
	for i := seed; ; i++ {
		keys := domains(i*37%chaosKeys, min(i*37%chaosKeys+40, chaosKeys))
		claims, out := make([]lookupcache.Claim, len(keys)), make([]lookupcache.Entry, len(keys))
		var items []QueueItem
		for _, k := range domains(chaosKeys, chaosKeys+50) { // never answered
			items = append(items, QueueItem{Key: k, Rows: 1})
		}
		q := s.Queue()
		_, takeErr := q.Take(ctx, 5, time.Minute)
		if err := errors.Join(s.Claim(ctx, keys, time.Now(), time.Minute, claims, out), q.Add(ctx, items), takeErr); err != nil {
			return err
		}
		tk, err := g.Take(ctx)
		if err != nil {
			return err
		}
		entries := make([]lookupcache.Entry, len(keys))
		for j, k := range keys {
			entries[j] = answer(k, time.Now(), time.Hour)
		}
		if err := s.Put(ctx, keys, entries); err != nil {
			return err
		}
		if i%3 > 0 {
			tk.Done(limit.Outcome{Seen: time.Now()})
		}
		if i%7 == 0 {
			if _, err := s.Purge(ctx, Purge{Indicator: domain(i % chaosKeys).Indicator}); err != nil {
				return err
			}
		}
	}
}

func TestKilledProcesses(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 20
	}
	dir := t.TempDir()
	const together = 4
	rng := uint32(1)
	for done := 0; done < kills; done += together {
		var cmds []*exec.Cmd
		for i := range together {
			cmd := process(t, "chaos", "DIR="+dir, fmt.Sprint("SEED=", done*13+i))
			pipe, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if done%8 == 0 { // else it is killed while it opens
				if l, err := bufio.NewReader(pipe).ReadString('\n'); err != nil {
					t.Fatal(l, err)
				}
			}
			cmds = append(cmds, cmd)
		}
		for _, cmd := range cmds {
			rng = rng*1664525 + 1013904223
			time.Sleep(time.Duration(rng>>16%40) * time.Millisecond) // any moment will do
			cmd.Process.Kill()
		}
		for _, cmd := range cmds {
			if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "kill") {
				t.Fatalf("a process ended by itself: %v", err)
			}
		}
		if done%40 == 0 || done+together >= kills {
			checkAfterKill(t, dir)
		}
	}
	if old, _ := os.ReadDir(dir); len(old) > 3 {
		t.Errorf("files: %v", old)
	}
}

// checkAfterKill looks at the database as a process does that comes later
// than all time-outs.
func checkAfterKill(t *testing.T, dir string) {
	t.Helper()
	j := new(journal)
	later := func() time.Time { return time.Now().Add(3 * time.Minute) }
	s := open(t, Options{Dir: dir, Logger: j.logger(), Now: later})
	defer s.Close()
	keys := domains(0, chaosKeys)
	for i, e := range get(t, s, keys, true) {
		if e.OK() {
			if err := genuine(keys[i], &e, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	claims, out := make([]lookupcache.Claim, len(keys)), make([]lookupcache.Entry, len(keys))
	if err := s.Claim(t.Context(), keys, later(), time.Millisecond, claims, out); err != nil {
		t.Fatal(err)
	}
	for i, c := range claims {
		if c != lookupcache.Mine {
			t.Fatalf("%v is stuck: %v", keys[i], c)
		}
	}
	if err := s.Release(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	p := limit.Policy{Rate: 1000, Burst: 50, BreakAfter: 5, Cooldown: time.Second}
	st, err := s.Gate("test", p, limit.Interactive).Status(t.Context())
	if err != nil || st.Available != p.Burst || st.Breaker != "closed" {
		t.Fatalf("the budget is stuck: %+v, %v", st, err)
	}
	items, err := s.Queue().Next(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	once := map[lookupcache.Key]bool{}
	for _, it := range items {
		if once[it.Key] {
			t.Fatalf("%v is in the queue twice", it.Key)
		}
		once[it.Key] = true
	}
	if n, err := s.Queue().Len(t.Context()); err != nil || n != len(items) || n > 0 && n != 50 {
		t.Fatalf("%d in the queue, %d to be had, want 50: %v", n, len(items), err)
	}
	var verdict string
	err = s.read(t.Context(), "check", func(h *handle) error {
		return h.db.QueryRow("pragma integrity_check").Scan(&verdict)
	})
	if err != nil || verdict != "ok" {
		t.Fatalf("integrity: %s %v", verdict, err)
	}
	if len(j.lines) > 0 {
		t.Fatal(j.lines)
	}
	// Undo the lasting traces of a clock that runs ahead.
	if err := s.write(t.Context(), "test", func(w *write) error {
		_, err := w.exec("delete from budgets")
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
