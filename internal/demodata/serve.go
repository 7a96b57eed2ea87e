package demodata

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
)

// Server serves the data set on the loopback interface, so that a
// demonstration goes through the same client as a real look-up. Its methods
// are safe for concurrent use.
type Server struct {
	url   string
	count *countingStore
	http  *http.Server
	stop  func() bool   // ends the watch over the context
	done  chan struct{} // closed when err is set
	err   error
}

// Serve starts a server on a free port of 127.0.0.1. It runs until Close is
// called or ctx ends.
func Serve(ctx context.Context) (*Server, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("demo server: %w", err)
	}
	store, err := Store()
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo server: %w", err)
	}
	count := &countingStore{Store: store, asked: map[indicator.Indicator]int{}}
	s := &Server{
		url:   "http://" + ln.Addr().String() + server.Root,
		count: count,
		http: &http.Server{
			Handler:           server.New(count),
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			MaxHeaderBytes:    32 << 10,
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.err = fmt.Errorf("demo server: %w", err)
		}
	}()
	s.stop = context.AfterFunc(ctx, func() { _ = s.http.Close() })
	return s, nil
}

// BaseURL is the base address for a client of the API: http, and with the
// slash at its end.
func (s *Server) BaseURL() string { return s.url }

// Requests returns how often each indicator was asked for, in the canonical
// form of server.Store. The map is the caller's own.
func (s *Server) Requests() map[indicator.Indicator]int {
	s.count.mu.Lock()
	defer s.count.mu.Unlock()
	return maps.Clone(s.count.asked)
}

// Total returns how many questions about an indicator were answered.
func (s *Server) Total() int {
	s.count.mu.Lock()
	defer s.count.mu.Unlock()
	total := 0
	for _, n := range s.count.asked {
		total += n
	}
	return total
}

// Close stops the server and waits for it; requests that are being answered
// are cut off. The error is that of the server if it had ended by itself. It
// may be called again.
func (s *Server) Close() error {
	s.stop()
	_ = s.http.Close() // only says that the listener was closed already
	<-s.done
	return s.err
}

type countingStore struct {
	server.Store
	mu    sync.Mutex
	asked map[indicator.Indicator]int
}

// Report implements server.Store.
func (c *countingStore) Report(ctx context.Context, ind indicator.Indicator) (*server.Report, bool, error) {
	c.mu.Lock()
	c.asked[ind]++
	c.mu.Unlock()
	return c.Store.Report(ctx, ind)
}
