// Command tclookup tells what is known about domains, IP addresses, e-mail
// addresses, file hashes and antivirus names: as a search command in Splunk,
// and as a filter outside.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/internal/splunkapp/alert"
	"github.com/tclookup/tclookup/internal/splunkapp/input"
	"github.com/tclookup/tclookup/internal/splunkapp/lookup"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // the run could not be completed
	exitUsage       = 2   // the command line or the configuration is wrong
	exitStatus      = 3   // rows ended in a status named by --fail-on
	exitInterrupted = 130 // by a signal
)

func main() {
	// stdout is the data stream or the protocol: nothing else gets hold of it.
	stdout := os.Stdout
	os.Stdout = os.Stderr
	growStack(false)
	os.Exit(run(os.Args[1:], os.Stdin, stdout))
}

// growStack makes room on the stack while there is little on it. Otherwise it
// grows step by step, and each time all calls that are open are moved: a run over
// one record took 34 ms, with this 31.
//
//go:noinline
func growStack(never bool) byte {
	if !never {
		return 0
	}
	var room [24 << 10]byte // in the frame, but not touched
	for i := range room {
		room[i] = byte(os.Getpid() >> i)
	}
	return room[os.Getpid()%len(room)]
}

// run is the program. It returns the exit code.
func run(args []string, stdin *os.File, stdout *os.File) int {
	if len(args) > 0 && args[0] == "splunk" {
		stanza := stanzas[0]
		if len(args) > 1 {
			stanza = args[1]
		}
		return serve(stanza, stdin, stdout)
	}
	if len(args) > 0 && args[0] == "lookup" && !asksHelp(args) {
		return runLookup(args[1:], stdin, stdout)
	}
	if len(args) == 1 && args[0] == "--execute" {
		return runAlert(stdin)
	}
	if len(args) == 1 && args[0] == "--scheme" {
		return codeOf(input.Scheme(stdout))
	}
	if len(args) == 1 && args[0] == "--validate-arguments" {
		return codeOf(input.Validate(stdin, stdout))
	}
	if len(args) == 0 {
		if !isatty.IsTerminal(stdin.Fd()) {
			switch in, role := sniff(stdin); role {
			case roleCommand:
				return serve(stanzas[0], in, stdout)
			case roleInput:
				return runInput(in, stdin, stdout)
			}
		}
		usage(os.Stderr)
		return exitUsage
	}
	widen(stdin, stdout)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	a := &app{place: here(), stdin: stdin, stdout: stdout, stderr: os.Stderr}
	return a.exitCode(a.run(ctx, args))
}

// What splunkd may have started the program as, when it did not say so with
// an argument.
const (
	roleNone = iota
	roleCommand
	roleInput
)

// sniff tells by the first bytes of stdin what is wanted, and returns a reader
// of all of it.
func sniff(stdin io.Reader) (io.Reader, int) {
	const magic = "chunked"
	head := make([]byte, 0, len(magic))
	for len(head) < len(magic) && strings.HasPrefix(magic, string(head)) {
		n, err := stdin.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err != nil {
			break
		}
	}
	all := io.MultiReader(bytes.NewReader(head), stdin)
	switch {
	case string(head) == magic:
		return all, roleCommand
	case len(head) > 0 && head[0] == '<':
		return all, roleInput
	}
	return all, roleNone
}

// codeOf is the exit code of a role that has said what went wrong.
func codeOf(err error) int {
	if err != nil {
		return exitFailed
	}
	return exitOK
}

// runLookup runs the external lookup.
func runLookup(fields []string, stdin io.Reader, stdout io.Writer) int {
	ignoreSIGPIPE()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := lookup.Run(ctx, here().app(), fields, stdin, stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "tclookup:", err)
		return exitFailed
	}
	return exitOK
}

// runAlert runs the alert action.
func runAlert(stdin io.Reader) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return codeOf(alert.Run(ctx, here().app(), stdin, os.Stderr))
}

// runInput runs the modular input.
func runInput(in io.Reader, stdin, stdout *os.File) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var end io.Reader
	if runtime.GOOS == "windows" { // there splunkd closes stdin to end the input
		end = stdin
	}
	return codeOf(input.Run(ctx, here().app(), input.Streams{In: in, End: end, Out: stdout, Log: os.Stderr}))
}

// serve speaks the chunked protocol.
func serve(stanza string, in io.Reader, out *os.File) int {
	ignoreSIGPIPE()
	widen(out)
	if f, ok := in.(*os.File); ok {
		widen(f)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := new(chunked.Server).Serve(ctx, in, out, handlerFor(stanza, here()))
	var reported *chunked.ReportedError
	switch {
	case err == nil:
		return exitOK
	case !errors.As(err, &reported):
		fmt.Fprintln(os.Stderr, "tclookup:", err)
	}
	return exitFailed
}
