package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
)

// conversation is what splunkd says to a search command, made before the clock
// starts.
type conversation struct {
	getinfo []byte
	prime   []byte   // a request that is not counted, if not nil
	frames  [][]byte // the requests that are
	bodies  []workload.Body
	last    []byte // the request that ends the conversation
	rows    int64
	bytes   int64 // of bodies
	largest int   // body
	replies [][]byte
	scratch []byte
	// check looks at a reply after the clock has stopped.
	check   func(reply []byte, b *workload.Body) error
	checked map[uint64]bool // by hash
	seed    maphash.Seed
}

// options of the search: SPL arguments, as splunkd hands them on.
func newConversation(args, raw []string, bodies []workload.Body, prime *workload.Body) *conversation {
	info, _ := json.Marshal(map[string]any{ // strings and numbers: no error
		"action": "getinfo", "preview": false, "streaming_command_will_restart": false,
		"searchinfo": map[string]any{
			"args": args, "raw_args": raw, "dispatch_dir": "", "sid": "1763930101.17", "app": "search",
			"owner": "analyst", "username": "analyst", "session_key": "bench", "splunkd_uri": "https://127.0.0.1:8089",
			"splunk_version": "9.4.0", "search": "search%20index%3Dproxy%20%7C%20tclookup", "command": "tclookup",
			"maxresultrows": 50000, "earliest_time": "1763926500", "latest_time": "1763930100",
		},
	})
	c := &conversation{getinfo: frame(string(info), nil), bodies: bodies, checked: map[uint64]bool{}, seed: maphash.MakeSeed()}
	const execute = `{"action":"execute","finished":false}`
	for i := range bodies {
		body := bodies[i].CSV
		c.frames = append(c.frames, frame(execute, body))
		c.rows += int64(len(bodies[i].Domains))
		c.bytes += int64(len(body))
		c.largest = max(c.largest, len(body))
		c.replies = append(c.replies, make([]byte, 2*len(body)+64*len(bodies[i].Domains)+4096))
	}
	header := []byte("domain,__mv_domain\n")
	if len(bodies) > 0 {
		header = bodies[0].CSV[:bytes.IndexByte(bodies[0].CSV, '\n')+1]
	}
	c.last = frame(`{"action":"execute","finished":true}`, header)
	most := 1 << 20
	if prime != nil {
		c.prime = frame(execute, prime.CSV)
		most += 3 * len(prime.CSV)
	}
	c.scratch = make([]byte, most)
	for _, b := range append(c.replies, c.scratch) { // no page fault while the clock runs
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
	return c
}

func frame(meta string, body []byte) []byte {
	f := make([]byte, 0, len(meta)+len(body)+40)
	f = fmt.Appendf(f, "chunked 1.0,%d,%d\n%s", len(meta), len(body), meta)
	return append(f, body...)
}

// hold plays splunkd against p in lockstep.
func (c *conversation) hold(p program) (s sample, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	cmd, stderr, cancel := p.command()
	defer cancel()
	childIn, toChild, err := os.Pipe()
	if err != nil {
		return s, err
	}
	defer toChild.Close()
	fromChild, childOut, err := os.Pipe()
	if err != nil {
		return s, errors.Join(err, childIn.Close())
	}
	defer fromChild.Close()
	// Blocking system calls: the poller's detour would count as the program's.
	toChild.Fd()
	fromChild.Fd()
	cmd.Stdin, cmd.Stdout = childIn, childOut
	started := time.Now()
	err = cmd.Start()
	childIn.Close()
	childOut.Close()
	if err != nil {
		return s, err
	}
	lengths, talkErr := c.talk(&s, started, toChild, fromChild, cmd.Process.Pid)
	toChild.Close()
	_, _ = io.Copy(io.Discard, fromChild)
	if err := cmd.Wait(); err != nil {
		return s, failure(p, errors.Join(talkErr, err), stderr)
	}
	if talkErr != nil {
		return s, failure(p, talkErr, stderr)
	}
	if s.CPU == 0 {
		s.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if s.PeakRSS == 0 {
		s.PeakRSS = maxRSS(cmd.ProcessState)
	}
	for i, n := range lengths {
		if err := c.validate(c.replies[i][:n], &c.bodies[i]); err != nil {
			return s, fmt.Errorf("%s: reply %d: %w", p.path, i, err)
		}
	}
	return s, nil
}

// talk is the part with the clock running.
func (c *conversation) talk(s *sample, started time.Time, w io.Writer, r io.Reader, pid int) ([]int, error) {
	say := func(request, reply []byte) (int, error) {
		if _, err := w.Write(request); err != nil {
			return 0, err
		}
		return readReply(r, reply)
	}
	if _, err := say(c.getinfo, c.scratch); err != nil {
		return nil, err
	}
	s.Start = time.Since(started)
	s.Wall = s.Start
	if len(c.frames) == 0 {
		s.PeakRSS = peakRSS(pid)
		return nil, nil
	}
	if c.prime != nil {
		if _, err := say(c.prime, c.scratch); err != nil {
			return nil, err
		}
	}
	lengths := make([]int, len(c.frames))
	before := processorTime(pid)
	start := time.Now()
	for i, f := range c.frames {
		var err error
		if lengths[i], err = say(f, c.replies[i]); err != nil {
			return nil, err
		}
		if i == 0 {
			s.First = time.Since(start)
		}
	}
	s.Wall, s.Rows, s.Bytes = time.Since(start), c.rows, c.bytes
	s.CPU = processorTime(pid) - before
	s.PeakRSS = peakRSS(pid) // it still runs: the last request is yet to come
	_, err := say(c.last, c.scratch)
	return lengths, err
}

// readReply reads one frame into buf and returns its length. Nothing follows
// it before the next request.
func readReply(r io.Reader, buf []byte) (int, error) {
	have, size := 0, -1
	for size < 0 || have < size {
		n, err := r.Read(buf[have:])
		have += n
		if err != nil {
			return have, fmt.Errorf("reading a reply: %w", err)
		}
		if size >= 0 {
			continue
		}
		end := bytes.IndexByte(buf[:have], '\n')
		if end < 0 {
			continue
		}
		var meta, body int
		if _, err := fmt.Sscanf(string(buf[:end]), "chunked 1.0,%d,%d", &meta, &body); err != nil {
			return have, fmt.Errorf("header of a reply %q: %w", buf[:end], err)
		}
		if size = end + 1 + meta + body; size > len(buf) || meta < 0 || body < 0 {
			return have, fmt.Errorf("reply of %d bytes, expected at most %d", size, len(buf))
		}
	}
	if have > size {
		return have, errors.New("more than one reply")
	}
	return size, nil
}

// validate checks a reply unless one with the same bytes was checked before.
func (c *conversation) validate(reply []byte, b *workload.Body) error {
	if c.check == nil {
		return nil
	}
	h := maphash.Bytes(c.seed, reply)
	if c.checked[h] {
		return nil
	}
	end := bytes.IndexByte(reply, '\n')
	var meta, body int
	if _, err := fmt.Sscanf(string(reply[:end]), "chunked 1.0,%d,%d", &meta, &body); err != nil {
		return err
	}
	if err := c.check(reply[end+1+meta:], b); err != nil {
		return err
	}
	c.checked[h] = true
	return nil
}
