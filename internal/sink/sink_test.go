package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server is a Destination that keeps what it is sent, after answer is done
// with it.
type server struct {
	answer func(ctx context.Context, b *Batch) error
	encode func(dst []byte, r *Record) ([]byte, error)

	mu       sync.Mutex
	got      []string
	sizes    []int
	at, most int // batches being delivered
}

func (*server) Wants() Forms { return Forms{Text: true} }

func (s *server) Encode(dst []byte, r *Record) ([]byte, error) {
	if s.encode != nil {
		return s.encode(dst, r)
	}
	return append(dst, r.Text...), nil
}

func (s *server) Deliver(ctx context.Context, b *Batch) error {
	s.mu.Lock()
	s.at++
	s.most = max(s.most, s.at)
	s.mu.Unlock()
	var err error
	if s.answer != nil {
		err = s.answer(ctx, b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at--
	if err != nil {
		return err
	}
	for i := range b.Len() {
		s.got = append(s.got, string(b.Event(i)))
	}
	s.sizes = append(s.sizes, len(b.Events(0, b.Len())))
	return nil
}

func add(t *testing.T, s *Sink, i int) error {
	t.Helper()
	return s.Add(t.Context(), &Record{Text: fmt.Appendf(nil, "event-%04d", i), At: Position{Offset: int64(i) + 1}})
}

// Whatever the bounds and however long each delivery takes, every event
// arrives, and what is noted as confirmed never has a gap before it.
func TestEveryEventArrives(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := rng.IntN(300)
		o := Options{Events: 1 + rng.IntN(20), Bytes: 1 + rng.IntN(200), InFlight: 1 + rng.IntN(5)}
		pause := make([]time.Duration, 400)
		for i := range pause {
			pause[i] = time.Duration(rng.IntN(5000)) * time.Millisecond
		}
		synctest.Test(t, func(t *testing.T) {
			have := map[int64]bool{}
			var last Progress
			srv := &server{}
			srv.answer = func(_ context.Context, b *Batch) error {
				time.Sleep(pause[b.number])
				srv.mu.Lock()
				defer srv.mu.Unlock()
				for _, e := range b.events {
					have[e.at.Offset] = true
				}
				return nil
			}
			o.Note = func(p Progress) error {
				if p.Confirmed.Before(last.Confirmed) || p.Tried.Before(last.Tried) || p.Tried.Before(p.Confirmed) {
					t.Errorf("%+v after %+v", p, last)
				}
				last = p
				srv.mu.Lock()
				defer srv.mu.Unlock()
				for i := int64(1); i <= p.Confirmed.Offset; i++ {
					if !have[i] {
						t.Errorf("confirmed up to %d without event %d", p.Confirmed.Offset, i)
					}
				}
				return nil
			}
			s := New(srv, o)
			for i := range n {
				if err := add(t, s, i); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			slices.Sort(srv.got)
			for i := range n {
				if want := fmt.Sprintf("event-%04d", i); i >= len(srv.got) || srv.got[i] != want {
					t.Fatalf("event %d is missing or there twice", i)
				}
			}
			if st := s.Stats(); len(srv.got) != n || st.Sent != int64(n) || st.Confirmed != int64(n) || st.Resent != 0 {
				t.Errorf("%d events arrived, the account is %+v", len(srv.got), st)
			}
			if srv.most > o.InFlight {
				t.Errorf("%d batches at a time, the bound is %d", srv.most, o.InFlight)
			}
			for _, size := range srv.sizes {
				if size > max(o.Bytes, len("event-0000")) {
					t.Errorf("a batch of %d bytes, the bound is %d", size, o.Bytes)
				}
			}
			if last.Confirmed.Offset != int64(n) {
				t.Errorf("confirmed up to %d of %d", last.Confirmed.Offset, n)
			}
		})
	}
}

// A batch that is never confirmed holds up the others: what a killed run
// leaves open is bounded.
func TestUnconfirmedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{answer: func(ctx context.Context, b *Batch) error {
			if b.number == 0 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		s := New(srv, Options{Events: 10, InFlight: 3})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		added := 0
		var err error
		for ; err == nil; added++ {
			err = s.Add(ctx, &Record{Text: []byte("x"), At: Position{Offset: int64(added + 1)}})
		}
		if !errors.Is(err, context.DeadlineExceeded) || added-1 != 40 {
			t.Errorf("%d events were taken with nothing confirmed: %v", added-1, err)
		}
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{}
		s := New(srv, Options{Linger: 2 * time.Second})
		if err := add(t, s, 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := s.Stats().Confirmed; n != 0 {
			t.Errorf("%d events were sent at once", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := s.Stats().Confirmed; n != 1 {
			t.Errorf("%d events were sent after the time", n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := add(t, s, 2); !errors.Is(err, ErrClosed) {
			t.Errorf("adding to a closed sink: %v", err)
		}
	})
}

func TestFailureEndsTheRun(t *testing.T) {
	broken := errors.New("broken")
	for name, srv := range map[string]*server{
		"delivering": {answer: func(context.Context, *Batch) error { return broken }},
		"encoding":   {encode: func(dst []byte, _ *Record) ([]byte, error) { return dst, broken }},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(srv, Options{Events: 1, InFlight: 1})
			for i := 0; ; i++ {
				if err := add(t, s, i); errors.Is(err, broken) {
					break
				} else if err != nil || i > 10 {
					t.Fatalf("event %d: %v", i, err)
				}
			}
			if err := s.Close(t.Context()); !errors.Is(err, broken) {
				t.Errorf("Close: %v", err)
			}
		})
	}
	t.Run("noting", func(t *testing.T) {
		s := New(&server{}, Options{Note: func(Progress) error { return broken }})
		if err := add(t, s, 1); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Close: %v", err)
		}
	})
}

// What is refused, by the encoder, the bound or the server, is told with its
// place, and the place behind it counts as reached.
func TestRefusals(t *testing.T) {
	var told []string
	var last Progress
	srv := &server{
		encode: func(dst []byte, r *Record) ([]byte, error) {
			if bytes.HasSuffix(r.Text, []byte("2")) {
				return append(dst, "half"...), &Refusal{Reason: "no twos"}
			}
			if bytes.HasSuffix(r.Text, []byte("5")) {
				dst = append(dst, strings.Repeat("x", 100)...)
			}
			return append(dst, r.Text...), nil
		},
		answer: func(_ context.Context, b *Batch) error {
			for i := range b.Len() {
				if bytes.HasSuffix(b.Event(i), []byte("7")) {
					return b.Refuse(i, "no sevens")
				}
			}
			return nil
		},
	}
	s := New(srv, Options{
		Events: 3, MaxEvent: 50,
		Refused: func(r *Refusal) error {
			told = append(told, fmt.Sprintf("%d %s %.10s", r.At.Offset, r.Reason, r.Event))
			return nil
		},
		Note: func(p Progress) error { last = p; return nil },
	})
	for _, i := range []int{1, 2, 3, 4, 5, 6, 7, 8, 12} { // a refused one is the last
		if err := add(t, s, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(told)
	want := []string{"13 no twos half", "3 no twos half", "6 the event has 110 bytes, more than the bound of 50 xxxxxxxxxx", "8 no sevens event-0007"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if st := s.Stats(); st.Refused != 4 || st.Confirmed != 5 {
		t.Errorf("%+v", st)
	}
	if last.Confirmed.Offset != 13 || last.Refused != 4 {
		t.Errorf("%+v", last)
	}
}

// Events that an earlier run may have sent count as sent again.
func TestTried(t *testing.T) {
	s := New(&server{}, Options{Tried: Position{Offset: 4}})
	for i := range 10 {
		if err := add(t, s, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Resent != 4 || st.Sent != 10 {
		t.Errorf("%+v", st)
	}
}
