package disk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

// upstream is a source that asks the server of a test: one request for each
// call, which counts the values in it.
type upstream struct{ url string }

func (u upstream) Name() string             { return "threatcrowd" }
func (u upstream) Types() indicator.TypeSet { return indicator.AllTypes }
func (u upstream) Decode(indicator.Indicator, []byte) (*source.Report, error) {
	return nil, errors.New("not used")
}

func (u upstream) Lookup(_ context.Context, in []indicator.Indicator, done func(int, source.Result)) {
	var body bytes.Buffer
	for _, ind := range in {
		fmt.Fprintln(&body, ind.Value)
	}
	resp, err := http.Post(u.url, "text/plain", &body)
	if err == nil {
		resp.Body.Close()
	}
	for i, ind := range in {
		if err != nil {
			done(i, source.Result{Status: source.Failed, Err: err})
			continue
		}
		e := answer(lookupcache.Key{Scope: domain(0).Scope, Indicator: ind}, time.Now(), time.Hour)
		done(i, source.Result{Status: e.Status, Source: u.Name(), Origin: source.Live, Fetched: e.Fetched, Summary: e.Summary, Raw: e.Raw})
	}
}

// roleAsk looks up all keys, as a search does: through a cache over memory and
// the shared store.
func roleAsk() error {
	s, err := roleStore()
	if err != nil {
		return err
	}
	defer s.Close()
	total, _ := strconv.Atoi(os.Getenv("KEYS"))
	shift, _ := strconv.Atoi(os.Getenv("SHIFT"))
	in := make([]indicator.Indicator, total)
	for i := range in {
		in[i] = domain((i + shift) % total).Indicator
	}
	var failed error
	cache := lookupcache.New(upstream{os.Getenv("UPSTREAM")}, lookupcache.Policy{
		Scope: domain(0).Scope, Reports: true, Lease: 10 * time.Minute,
		TTL: func(indicator.Indicator, source.Status, source.Verdict) time.Duration { return time.Hour },
	}, lookupcache.NewMemory(total, 0), s)
	answered := 0
	cache.Lookup(context.Background(), in, func(i int, r source.Result) {
		answered++
		k := lookupcache.Key{Scope: domain(0).Scope, Indicator: in[i]}
		e := lookupcache.Entry{Status: r.Status, Fetched: r.Fetched, Expires: r.Fetched.Add(time.Hour), Summary: r.Summary, Raw: r.Raw}
		failed = errors.Join(failed, r.Err, genuine(k, &e, true))
	})
	if answered != total {
		return fmt.Errorf("%d answers of %d", answered, total)
	}
	return failed
}

// counter is a server that counts what it is asked.
type counter struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
	more  chan struct{} // one element when something came
}

func newCounter(t *testing.T) *counter {
	c := &counter{asked: map[string]int{}, more: make(chan struct{}, 1)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for sc := bufio.NewScanner(r.Body); sc.Scan(); {
			c.asked[sc.Text()]++
		}
		select {
		case c.more <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *counter) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.asked)
}

func TestEachKeyAskedOnce(t *testing.T) {
	const keys = 2000
	for _, c := range []struct {
		processes int
		staggered bool
	}{{8, false}, {8, true}, {32, false}, {32, true}} {
		if testing.Short() && c.processes > 8 {
			continue
		}
		t.Run(fmt.Sprintf("%d processes staggered=%v", c.processes, c.staggered), func(t *testing.T) {
			srv := newCounter(t)
			dir := t.TempDir()
			ended := make(chan error, c.processes)
			left := c.processes
			end := func(err error) {
				left--
				if err != nil {
					t.Error(err)
				}
			}
			for i := range c.processes {
				shift := 0
				for c.staggered && left == c.processes && srv.len() < i*keys/c.processes/2 {
					// The next begins elsewhere, and when others are at work.
					shift = i * keys / c.processes
					select {
					case <-srv.more:
					case err := <-ended:
						end(err)
					}
				}
				cmd := process(t, "ask", "DIR="+dir, "UPSTREAM="+srv.URL, fmt.Sprint("KEYS=", keys), fmt.Sprint("SHIFT=", shift))
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				go func(cmd *exec.Cmd) { ended <- cmd.Wait() }(cmd)
			}
			for left > 0 {
				end(<-ended)
			}
			if n := srv.len(); n != keys {
				t.Errorf("%d keys were asked for, want %d", n, keys)
			}
			for k, n := range srv.asked {
				if n != 1 {
					t.Fatalf("%s was asked for %d times", k, n)
				}
			}
		})
	}
}
