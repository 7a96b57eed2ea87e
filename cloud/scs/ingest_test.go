package scs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tclookup/tclookup/cloud/scs/scstest"
	"github.com/tclookup/tclookup/internal/sink"
)

// record is a record as the filter gives it.
func record(i int, body string) *sink.Record {
	return &sink.Record{
		Input: []byte(body), Added: []byte(`{"tc_status":"found","tc_votes":-1,"big":12345678901234567890,"l":["a","<b>&"]}`),
		Columns: []string{"2026-03-02T08:00:00.250Z"}, At: sink.Position{Offset: int64(i + 1)},
	}
}

func TestIngestEvent(t *testing.T) {
	s := tenant(t)
	d := NewIngest(client(t, s, nil), IngestConfig{Host: "h\"1", Sourcetype: "st", TimeColumn: "_time", Run: "job"})
	to := sink.New(d, sink.Options{})
	for i, r := range []*sink.Record{
		record(0, `{"d":"bad.com","n":1.50,"x":"<&>"}`),
		{Text: []byte("no record"), Added: []byte("{}"), Columns: []string{"never"}, At: sink.Position{Offset: 9}},
	} {
		if err := to.Add(t.Context(), r); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := to.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := s.Events()
	if len(got) != 2 {
		t.Fatalf("%d events", len(got))
	}
	// The bytes are those that were given: nothing is escaped, no number is another.
	for want, i := range map[string]int{
		`"body":{"d":"bad.com","n":1.50,"x":"<&>"}`: 0, `"tc_votes":-1`: 0, `"big":12345678901234567890`: 0, `"l":["a","<b>&"]`: 0,
		`"host":"h\"1"`: 0, `"sourcetype":"st"`: 0, `"timestamp":1772438400250`: 0, `"body":"no record"`: 1,
	} {
		if !strings.Contains(string(got[i]), want) {
			t.Errorf("%s is not in %s", want, got[i])
		}
	}
	var a, b struct{ ID string }
	if json.Unmarshal(got[0], &a) != nil || json.Unmarshal(got[1], &b) != nil || len(a.ID) != 32 || a.ID == b.ID {
		t.Errorf("ids %q, %q", a.ID, b.ID)
	}
	if d.Untimed() != 1 || strings.Contains(string(got[1]), "attributes") {
		t.Errorf("%d, %s", d.Untimed(), got[1])
	}
}

// send sends n records, of which some are poison, and returns the account and
// what was refused.
func send(t testing.TB, s *scstest.Server, n int, poison func(int) bool, o sink.Options) (sink.Stats, []int64, error) {
	t.Helper()
	var refused []int64
	o.Refused = func(r *sink.Refusal) error { refused = append(refused, r.At.Offset-1); return nil }
	to := sink.New(NewIngest(client(t, s, nil), IngestConfig{Run: "job"}), o)
	for i := range n {
		body := fmt.Sprintf(`{"n":"%d"}`, i)
		if poison(i) {
			body = fmt.Sprintf(`{"n":"%d poison"}`, i)
		}
		if err := to.Add(t.Context(), record(i, body)); err != nil {
			break
		}
	}
	err := to.Close(t.Context())
	slices.Sort(refused)
	return to.Stats(), refused, err
}

func none(int) bool { return false }

// arrived returns how often each record arrived, told apart by their ids.
func arrived(t testing.TB, s *scstest.Server) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, e := range s.Events() {
		var v struct{ ID string }
		if err := json.Unmarshal(e, &v); err != nil {
			t.Fatal(err)
		}
		n[v.ID]++
	}
	return n
}

// Single events that the service does not take are left out, and no others.
func TestIngestRefuses(t *testing.T) {
	s := tenant(t)
	st, refused, err := send(t, s, 1000, func(i int) bool { return i%333 == 7 }, sink.Options{Events: 100})
	if err != nil || fmt.Sprint(refused) != "[7 340 673]" || st.Refused != 3 || st.Confirmed != 997 || len(arrived(t, s)) != 997 {
		t.Errorf("%+v, refused %v, %d arrived, %v", st, refused, len(arrived(t, s)), err)
	}
	// That none is taken is no matter of single events.
	s = tenant(t)
	st, refused, err = send(t, s, 50, func(int) bool { return true }, sink.Options{Events: 10})
	if err == nil || !strings.Contains(err.Error(), "takes none of 10 events") || len(refused) != 0 || st.Confirmed != 0 {
		t.Errorf("%+v, refused %v, %v", st, refused, err)
	}
}

// Requests that are too large are divided.
func TestIngestTooLarge(t *testing.T) {
	s := tenant(t)
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength < 2000 {
			return false
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return true
	}
	st, refused, err := send(t, s, 100, none, sink.Options{})
	if err != nil || len(refused) != 0 || st.Confirmed != 100 || len(arrived(t, s)) != 100 {
		t.Errorf("%+v, refused %v, %v", st, refused, err)
	}
}

// Whatever passes, every event arrives, and those that may be there twice are
// counted and have the same id.
func TestIngestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(s *scstest.Server, w http.ResponseWriter, r *http.Request)
		twice bool
	}{
		"429":          {func(_ *scstest.Server, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, false},
		"500":          {func(_ *scstest.Server, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, true},
		"cut":          {func(*scstest.Server, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true},
		"expired":      {func(s *scstest.Server, w http.ResponseWriter, _ *http.Request) { s.Expire(); w.WriteHeader(401) }, false},
		"empty answer": {func(_ *scstest.Server, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := tenant(t)
			var n atomic.Int64
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" || n.Add(1)%3 != 0 {
					return false
				}
				tt.fault(s, w, r)
				return true
			}
			st, _, err := send(t, s, 300, none, sink.Options{Events: 20, InFlight: 2})
			if err != nil || st.Confirmed != 300 || len(arrived(t, s)) != 300 {
				t.Errorf("%+v, %d arrived, %v", st, len(arrived(t, s)), err)
			}
			if (st.Resent > 0) != tt.twice {
				t.Errorf("%+v", st)
			}
		})
	}
	s := tenant(t)
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	}
	if st, refused, err := send(t, s, 3, none, sink.Options{}); err == nil || !strings.Contains(err.Error(), "ingest: POST") || len(refused) != 0 || st.Confirmed != 0 {
		t.Errorf("%+v, %v, %v", st, refused, err)
	}
}

// A request that is under way ends with the context.
func TestIngestCancelled(t *testing.T) {
	s := tenant(t)
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	s.Fault = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			return false
		}
		arrived <- struct{}{}
		<-release
		return true
	}
	defer close(release)
	to := sink.New(NewIngest(client(t, s, nil), IngestConfig{}), sink.Options{Events: 1})
	if err := to.Add(t.Context(), record(0, `{}`)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if err := to.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzEncode: whatever a record holds, the event is what the SDK sends.
func FuzzEncode(f *testing.F) {
	f.Add(`{"a":"1"}`, `{"tc_status":"found"}`, "text", "1763980000.5")
	f.Add(``, `{}`, "no\x00record\xff", "x")
	f.Fuzz(func(t *testing.T, input, added, text, at string) {
		if input != "" && !json.Valid([]byte(input)) || !json.Valid([]byte(added)) || !strings.HasPrefix(added, "{") {
			return
		}
		d := NewIngest(nil, IngestConfig{Source: text, TimeColumn: "t"})
		out, err := d.Encode(nil, &sink.Record{Input: []byte(input), Added: []byte(added), Text: []byte(text), Columns: []string{at}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := event(out); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
	})
}
