package hec

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tclookup/tclookup/internal/httpx"
)

// errNoAck is the error of an acknowledgement that did not come in time.
var errNoAck = errors.New("no acknowledgement")

// pollMost is the longest time between two questions.
const pollMost = 5 * time.Second

// acks waits for the acknowledgements of all batches under way with one
// question for all.
type acks struct {
	h    *Collector
	wake chan struct{} // there is something to wait for
	stop context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	waiting map[int64]waiter
	typical time.Duration // how long the last acknowledgement was out
}

// waiter waits for one acknowledgement.
type waiter struct {
	came  chan error
	since time.Time
}

func newAcks(h *Collector) *acks {
	ctx, stop := context.WithCancel(context.Background())
	a := &acks{h: h, wake: make(chan struct{}, 1), stop: stop, waiting: map[int64]waiter{}}
	a.done.Go(func() { a.poll(ctx) })
	return a
}

func (a *acks) close() {
	a.stop()
	a.done.Wait()
}

// wait returns nil when the acknowledgement comes, errNoAck after d.
func (a *acks) wait(ctx context.Context, id int64, d time.Duration) error {
	came := make(chan error, 1)
	a.mu.Lock()
	if old, ok := a.waiting[id]; ok { // the collector counts anew: it has lost what it knew
		old.came <- errNoAck
	}
	a.waiting[id] = waiter{came, time.Now()}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.waiting[id].came == came {
			delete(a.waiting, id)
		}
	}()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case err := <-came:
		return err
	case <-t.C:
		return errNoAck
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// open returns what is waited for, in order.
func (a *acks) open() []int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]int64, 0, len(a.waiting))
	for id := range a.waiting {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// pause is how long to wait before the next question: a quarter of the time
// that acknowledgements take, or that the last batch waits for its own already.
func (a *acks) pause() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	least := pollMost
	for _, w := range a.waiting {
		least = min(least, time.Since(w.since))
	}
	return min(max(a.typical/4, least/4, a.h.poll), pollMost)
}

// poll asks for what is waited for until ctx ends.
func (a *acks) poll(ctx context.Context) {
	var after time.Duration // what the server asked to wait
	for ctx.Err() == nil {
		ids := a.open()
		if len(ids) == 0 {
			select {
			case <-a.wake:
			case <-ctx.Done():
			}
			continue
		}
		a.rest(ctx, max(a.pause(), min(after, time.Minute)))
		after = a.ask(ctx, a.open())
	}
}

// rest waits between two questions, less when there is something new to ask
// for.
func (a *acks) rest(ctx context.Context, d time.Duration) {
	began := time.Now()
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return
		case <-ctx.Done():
			return
		case <-a.wake:
			if soon := a.pause(); soon < d-time.Since(began) {
				t.Reset(soon)
			}
		}
	}
}

// ask asks the collector for acknowledgements, hands out those that came, and
// returns what the server asks to wait.
// Faults are not told: the next question may be answered, and else the events
// are sent again.
func (a *acks) ask(ctx context.Context, ids []int64) (after time.Duration) {
	if len(ids) == 0 || ctx.Err() != nil {
		return 0
	}
	body, err := json.Marshal(map[string][]int64{"acks": ids})
	if err != nil {
		return 0
	}
	r := httpx.Request{Method: http.MethodPost, Path: "services/collector/ack", Query: "channel=" + a.h.channel, Body: body, Accept: answers(), Header: a.h.header()}
	a.h.jar.add(r.Header)
	resp, err := a.h.http.Do(ctx, r)
	if err != nil {
		return 0
	}
	if resp.Status != http.StatusOK {
		_, _, why := judge(resp)
		a.h.once("asking", "%s: the question for acknowledgements was answered with HTTP %d: %s", a.h.host, resp.Status, oneLine(why))
		return httpx.RetryAfter(resp.Header, time.Now())
	}
	var got struct {
		Acks map[int64]bool `json:"acks"`
	}
	if err := json.Unmarshal(resp.Body, &got); err != nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		if w, ok := a.waiting[id]; ok && got.Acks[id] {
			delete(a.waiting, id)
			w.came <- nil
			a.typical = time.Since(w.since)
		}
	}
	return 0
}

// jar keeps the cookies by which a load balancer knows the server that has our
// acknowledgements.
type jar struct {
	mu   sync.Mutex
	list []*http.Cookie
}

// keep keeps the cookies of an answer. A name that is known keeps its value
// unless the server takes it away: all requests are to go to one server.
func (j *jar) keep(h http.Header) {
	set := (&http.Response{Header: h}).Cookies()
	if len(set) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range set {
		i := slices.IndexFunc(j.list, func(o *http.Cookie) bool { return o.Name == c.Name })
		switch {
		case i < 0 && c.MaxAge >= 0 && len(j.list) < 20:
			j.list = append(j.list, c)
		case i >= 0 && c.MaxAge < 0:
			j.list = slices.Delete(j.list, i, i+1)
		case i >= 0:
			j.list[i] = c
		}
	}
}

// add adds the cookies to a request.
func (j *jar) add(h http.Header) {
	j.mu.Lock()
	defer j.mu.Unlock()
	h.Del("Cookie")
	r := &http.Request{Header: h}
	for _, c := range j.list {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
}
