package chunked

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main is the whole main function of a command: it serves os.Stdin and
// os.Stdout and exits. See Server.Main.
func Main(h Handler) { new(Server).Main(h) }

// Main serves os.Stdin and os.Stdout until the conversation ends and exits: 0
// when it ended regularly, 1 when not. What the program prints to os.Stdout
// meanwhile goes to stderr, as it would break the protocol. An error that
// splunkd has not been told of is printed on stderr. SIGINT and SIGTERM cancel
// the handler's context.
func (s *Server) Main(h Handler) {
	stdout := os.Stdout
	os.Stdout = os.Stderr
	ignoreSIGPIPE()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.Serve(ctx, os.Stdin, stdout, h)
	stop()
	if err == nil {
		os.Exit(0)
	}
	var reported *ReportedError
	if !errors.As(err, &reported) {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}
