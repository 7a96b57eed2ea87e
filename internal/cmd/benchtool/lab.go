package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/lookupcache/disk"
	"github.com/tclookup/tclookup/server"
	"github.com/tclookup/tclookup/source"
)

const ours = "tclookup"

// lab is what the measurements need: the programs, a source that knows every
// domain, and a directory that is removed at the end.
type lab struct {
	dir     string
	store   *domainStore
	http    *http.Server
	baseURL string
}

func newLab() (*lab, error) {
	dir, err := os.MkdirTemp("", "benchtool-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, store: new(domainStore)}
	// An interrupted run leaves no inputs of some hundred megabytes behind.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		_ = os.RemoveAll(dir)
		os.Exit(130)
	}()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	l.baseURL = "http://" + ln.Addr().String() + server.Root
	l.http = &http.Server{Handler: server.New(l.store), ReadHeaderTimeout: time.Minute}
	go func() { _ = l.http.Serve(ln) }() // ends with close
	return l, nil
}

func (l *lab) close() error {
	var err error
	if l.http != nil {
		err = l.http.Close()
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

// write puts a file into the directory.
func (l *lab) write(name string, text []byte) (string, error) {
	return l.path(name), os.WriteFile(l.path(name), text, 0o600)
}

// build compiles a package of the module as it is released.
func (l *lab) build(pkg string) (string, error) {
	out := l.path(filepath.Join("bin", filepath.Base(pkg)))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s (run it from the root of the module): %w: %s", pkg, err, text)
	}
	return out, nil
}

// environment is that of the reference programs.
func (l *lab) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "TMPDIR=" + l.dir}
}

// configured is the environment of tclookup with its data in a directory.
func (l *lab) configured(data string) []string {
	return append(l.environment(),
		"XDG_CONFIG_HOME="+l.dir,
		"TCLOOKUP_DATA_DIR="+l.path(data),
		"TCLOOKUP_SOURCE_THREATCROWD_BASE_URL="+l.baseURL,
		"TCLOOKUP_SOURCE_THREATCROWD_RATE=unlimited",
		"TCLOOKUP_SOURCE_THREATCROWD_CONCURRENCY=16",
		"TCLOOKUP_SOURCE_THREATCROWD_PROXY=none",
		"TCLOOKUP_MAX_WAIT=5m",
		"TCLOOKUP_CACHE_TTL_FOUND=7d", "TCLOOKUP_CACHE_TTL_NOT_FOUND=7d",
		"TCLOOKUP_CACHE_MAX_DISK=16GiB",
	)
}

// fill has tclookup itself look up domains 0 to n-1 once, so that they are on
// disk, and makes sure that a second process asks nobody.
func (l *lab) fill(p program, n int) error {
	in, err := l.write("fill.csv", append(workload.CSVHeader(), workload.New(n, false).AppendCSV(nil, n)...))
	if err != nil {
		return err
	}
	for _, allowed := range []int64{int64(n), 0} {
		before := l.store.asked.Load()
		if _, _, err := p.filter(in, nil, os.DevNull); err != nil {
			return fmt.Errorf("filling the disk cache: %w", err)
		}
		if asked := l.store.asked.Load() - before; asked > allowed {
			return fmt.Errorf("filling the disk cache: %d requests where at most %d were due: is the disk cache in use?", asked, allowed)
		}
	}
	return nil
}

// crowd puts domains from to to-1 on disk without asking for them.
func (l *lab) crowd(data string, from, to int) error {
	ctx := context.Background()
	store, err := disk.Open(ctx, disk.Options{Dir: l.path(data)})
	if err != nil {
		return err
	}
	scope, err := scopeOf(ctx, store)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	now := time.Now()
	const batch = 20_000
	keys, entries := make([]lookupcache.Key, 0, batch), make([]lookupcache.Entry, 0, batch)
	for i := from; i < to; i++ {
		ind := indicator.Indicator{Type: indicator.Domain, Value: workload.Domain(i)}
		keys = append(keys, lookupcache.Key{Scope: scope, Indicator: ind})
		entries = append(entries, entry(ind, i, now))
		if len(keys) == batch || i == to-1 {
			if err := store.Put(ctx, keys, entries); err != nil {
				return errors.Join(err, store.Close())
			}
			keys, entries = keys[:0], entries[:0]
		}
	}
	return store.Close()
}

// scopeOf returns how the program names its source in the answers on disk.
func scopeOf(ctx context.Context, store *disk.Store) (string, error) {
	var all bytes.Buffer
	if _, err := store.Export(ctx, &all); err != nil {
		return "", err
	}
	var first struct{ Scope string }
	if err := json.NewDecoder(&all).Decode(&first); err != nil {
		return "", fmt.Errorf("no answer on disk: %w", err)
	}
	return first.Scope, nil
}

// entry is the answer about domain i as the cache keeps it.
func entry(ind indicator.Indicator, i int, now time.Time) lookupcache.Entry {
	e := lookupcache.Entry{Status: source.NotFound, Fetched: now, Expires: now.Add(7 * 24 * time.Hour)}
	known, votes, seen := workload.Answer(i)
	if known {
		e.Status = source.Found
		e.Summary = source.Summary{
			Verdict: []source.Verdict{source.Malicious, source.Unknown, source.Harmless}[votes+1], HasVotes: true, Votes: int8(votes),
			Related: 2, LastSeen: seen, Permalink: "https://www.threatcrowd.org/domain.php?domain=" + ind.Value,
		}
		e.Raw = server.Append(nil, ind.Type, report(i))
	}
	return e
}

// domainStore knows every domain of the workload.
type domainStore struct{ asked atomic.Int64 }

// Report implements server.Store.
func (d *domainStore) Report(_ context.Context, ind indicator.Indicator) (*server.Report, bool, error) {
	d.asked.Add(1)
	i, ok := workload.Number(ind.Value)
	if !ok {
		return nil, false, nil
	}
	if known, _, _ := workload.Answer(i); !known {
		return nil, false, nil
	}
	return report(i), true, nil
}

// report is what is known about domain i on the wire.
func report(i int) *server.Report {
	_, votes, seen := workload.Answer(i)
	return &server.Report{
		Resolutions: []server.Resolution{{LastResolved: seen, Value: "192.0.2." + strconv.Itoa(i%256)}},
		Hashes:      []string{strings.Repeat("0", 24) + fmt.Sprintf("%08x", i)},
		Votes:       int8(votes), HasVotes: true,
	}
}
