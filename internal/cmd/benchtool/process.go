package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// runLimit ends a program that hangs.
const runLimit = 10 * time.Minute

// program is an executable with its arguments and all of its environment.
type program struct {
	path string
	args []string
	env  []string
	// outArg: it writes to the file named by one more argument, not to stdout,
	// and says on stderr how long the work took without its start.
	outArg bool
}

// with returns p with more in its environment.
func (p program) with(env ...string) program {
	p.env = append(append([]string{}, p.env...), env...)
	return p
}

func (p program) command() (*exec.Cmd, *bytes.Buffer, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Env = p.env
	stderr := new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr, cancel
}

// failure is the error of a program that ended badly.
func failure(p program, err error, stderr *bytes.Buffer) error {
	text := strings.TrimSpace(stderr.String())
	if len(text) > 400 {
		text = text[:400] + " …"
	}
	return fmt.Errorf("%s %s: %w: %s", p.path, strings.Join(p.args, " "), err, text)
}

// filter runs p with stdin from a file, or if feed is not nil from a pipe that
// feed writes to, and stdout to the file out.
func (p program) filter(in string, feed func(io.Writer) error, out string) (s sample, stderr string, err error) {
	cmd, text, cancel := p.command()
	defer cancel()
	var pipe io.WriteCloser
	if feed != nil {
		if pipe, err = cmd.StdinPipe(); err != nil {
			return s, "", err
		}
	} else if in != "" {
		f, err := os.Open(in)
		if err != nil {
			return s, "", err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	if p.outArg {
		cmd.Args, out = append(cmd.Args, out), os.DevNull
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return s, "", err
	}
	defer f.Close()
	cmd.Stdout = f
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return s, "", err
	}
	stop := watchPeak(cmd.Process.Pid)
	if feed != nil {
		err = feed(pipe)
		pipe.Close()
	}
	waitErr := cmd.Wait()
	s.Wall = time.Since(start)
	s.PeakRSS = stop()
	if waitErr != nil {
		return s, "", failure(p, waitErr, text)
	}
	if err != nil {
		return s, "", failure(p, err, text)
	}
	s.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if s.PeakRSS == 0 {
		s.PeakRSS = maxRSS(cmd.ProcessState)
	}
	return s, text.String(), nil
}

// watchPeak looks every few milliseconds at the peak of the resident size of a
// process, which only ever rises. The figure that the kernel gives at the end,
// ru_maxrss, cannot be had for this: on Linux it starts with the size of the
// process that forked, and this one holds the inputs.
func watchPeak(pid int) (stop func() int64) {
	ended, peak := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, peakRSS(pid))
			select {
			case <-ended:
				peak <- most
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 { close(ended); return <-peak }
}

// peakRSS returns the peak of the resident size of a running process in bytes,
// 0 where the system does not tell.
func peakRSS(pid int) int64 {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// processorTime returns the time that the threads of a running process have
// computed for so far, 0 where the system does not tell.
func processorTime(pid int) (sum time.Duration) {
	names, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
	if err != nil {
		return 0
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has ended in the meantime
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(ns)
	}
	return sum
}
