//go:build !nocloud

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/cloud/scs/scstest"
	"github.com/tclookup/tclookup/internal/accept"
)

// tenant is a tenant of Splunk Cloud Services that runs searches with n
// results, the program, and the arguments that name the tenant.
func tenant(t testing.TB, n int) (*scstest.Server, *accept.Program, []string) {
	t.Helper()
	s := scstest.Start()
	t.Cleanup(s.Close)
	s.Do(func() {
		s.Search = func(string) *scstest.Job {
			j := proxyJob(n)
			return &scstest.Job{Fields: j.Fields, Rows: j.Rows, Polls: 1}
		}
	})
	p := asking(t, accept.NewServer(t, nil), "TCLOOKUP_CLOUD_CLIENT_SECRET="+scstest.ClientSecret)
	return s, p, []string{
		"cloud", "enrich", "--tenant", scstest.Tenant, "--client-id", scstest.ClientID, "--api-url", s.URL, "--auth-url", s.URL,
		"--field", "d", "--output", "status",
	}
}

func wantRows(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"d":"%s","n":"%d","tc_status":"%s"}`+"\n", []string{"bad.com", "one.com", "10.0.0.1"}[i%3], i, []string{"found", "found", "excluded"}[i%3])
	}
	return b.String()
}

// The results of a tenant come enriched on stdout, and nothing else does.
// Nothing of the SDK shows: no files, no flags, no lines.
func TestTenant(t *testing.T) {
	s, p, args := tenant(t, 7)
	o := p.Run(t, nil, append(args, "--search", "from main", "--page-rows", "3", "--earliest", "-1d")...)
	checkOutcome(t, o, 0, wantRows(0, 7), "")
	o = p.Run(t, nil, append(args, "--job", "sid-1", "--format", "csv", "--summary")...)
	checkOutcome(t, o, 0, "*", `"job":"sid-1"`)
	if got := column(t, o.Stdout, "tc_status"); len(got) != 7 || got[2] != "excluded" {
		t.Errorf("%q", got)
	}
	if n := s.Issued(); n != 2 {
		t.Errorf("%d tokens", n)
	}
	for _, f := range accept.Files(t, p.Home) {
		if f != "data" && !strings.HasPrefix(f, "data"+string(filepath.Separator)) {
			t.Errorf("the program left %s", f)
		}
	}
	for _, flag := range []string{"-logtostderr", "--logtostderr", "--alsologtostderr", "--log_dir=x", "--stderrthreshold=INFO", "--vmodule=x=1", "--log_backtrace_at=x:1"} {
		checkOutcome(t, p.Run(t, nil, append(slices.Clone(args), flag)...), 2, "", "tclookup: ")
		checkOutcome(t, p.Run(t, nil, flag), 2, "", "tclookup: ")
	}
	help := p.Run(t, nil, "cloud", "enrich", "--help")
	if strings.Contains(help.Stdout, "logtostderr") || !strings.Contains(help.Stdout, "--tenant") {
		t.Error(help.Stdout)
	}
}

func TestTenantFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(s *scstest.Server, n int64, w http.ResponseWriter, r *http.Request) bool
		code  int
		rows  int
		text  string
	}{
		"token expires in the middle": {func(s *scstest.Server, n int64, _ http.ResponseWriter, r *http.Request) bool {
			if n == 5 {
				s.Expire()
			}
			return false
		}, 0, 7, ""},
		"429 and 503": {func(_ *scstest.Server, n int64, w http.ResponseWriter, r *http.Request) bool {
			if n != 1 && n != 5 {
				return false
			}
			w.WriteHeader(map[int64]int{1: 429, 5: 503}[n])
			return true
		}, 0, 7, ""},
		"cut page": {func(_ *scstest.Server, n int64, w http.ResponseWriter, r *http.Request) bool {
			if n != 5 {
				return false
			}
			fmt.Fprint(w, `{"results":[{"d":`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 0, 7, ""},
		"slow page": {func(_ *scstest.Server, n int64, w http.ResponseWriter, r *http.Request) bool {
			if n == 5 {
				time.Sleep(300 * time.Millisecond)
			}
			return false
		}, 0, 7, ""},
		"client taken away": {func(_ *scstest.Server, n int64, w http.ResponseWriter, r *http.Request) bool {
			if n < 5 {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"code":"forbidden","message":"%s"}`, r.Header.Get("Authorization"))
			return true
		}, 1, 3, "HTTP 403"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, args := tenant(t, 7)
			var n atomic.Int64 // requests: the start, two states, and then the pages
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				return r.URL.Path != "/token" && tt.fault(s, n.Add(1), w, r)
			}
			o := p.Run(t, nil, append(args, "--search", "x", "--page-rows", "3")...)
			checkOutcome(t, o, tt.code, wantRows(0, tt.rows), tt.text)
			if strings.Contains(o.Stderr, "access-token") || strings.Contains(o.Stderr, scstest.ClientSecret) {
				t.Errorf("a secret on stderr: %s", o.Stderr)
			}
		})
	}
}

// A killed run goes on with the same job.
func TestTenantResumeAfterKill(t *testing.T) {
	s, p, args := tenant(t, 200)
	checkOutcome(t, p.Run(t, strings.NewReader("d\nbad.com\none.com\n"), "enrich", "--field", "d"), 0, "*", "")
	out := filepath.Join(p.Home, "out")
	args = append(args, "--search", "x", "--page-rows", "10", "--resume", filepath.Join(p.Home, "journal"), "-o", out)
	for _, pages := range []int64{0, 6} {
		blocked, release := make(chan struct{}, 100), make(chan struct{})
		var n atomic.Int64
		s.Locked(func() {
			s.Fault = func(_ http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/results") || n.Add(1) <= pages {
					return false
				}
				blocked <- struct{}{}
				<-release
				return true
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		c := p.Command(ctx, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		<-blocked
		_ = c.Process.Kill()
		_ = c.Wait()
		cancel()
		close(release)
	}
	s.Locked(func() { s.Fault = nil })
	checkOutcome(t, p.Run(t, nil, args...), 0, "", "")
	if got, err := os.ReadFile(out); err != nil || string(got) != wantRows(0, 200) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := len(s.Jobs); n != 1 {
		t.Errorf("%d jobs were started", n)
	}
}

func TestTenantWrong(t *testing.T) {
	s, p, args := tenant(t, 1)
	file := filepath.Join(p.Home, "secret")
	if err := os.WriteFile(file, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	without := *p
	without.Env = slices.DeleteFunc(slices.Clone(p.Env), func(s string) bool { return strings.HasPrefix(s, "TCLOOKUP_CLOUD_") })
	both := *p
	both.Env = append(slices.Clone(p.Env), "TCLOOKUP_CLOUD_REFRESH_TOKEN="+scstest.RefreshToken)
	for _, tt := range []struct {
		p    *accept.Program
		args []string
		code int
		want string
	}{
		{p, []string{"--splunkd", "https://x:8089"}, 2, "cannot be had together"},
		{p, []string{"--token-file", file}, 2, "belong to --splunkd"},
		{p, []string{"--api-url", "http://api.example.com"}, 2, "has to be https"},
		{&without, nil, 2, "one of the two"},
		{&both, nil, 2, "one of the two"},
		{p, []string{"--client-secret-file", file}, 1, "no token from the identity provider"},
	} {
		checkOutcome(t, tt.p.Run(t, nil, append(append(slices.Clone(args), "--search", "x"), tt.args...)...), tt.code, "", tt.want)
	}
	if err := os.WriteFile(file, []byte(scstest.RefreshToken), 0o600); err != nil {
		t.Fatal(err)
	}
	checkOutcome(t, p.Run(t, nil, append(args, "--search", "x", "--refresh-token-file", file)...), 0, wantRows(0, 1), "")
	if n := s.Issued(); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

// Events go to the ingest service with what was added as attributes. A run that
// is killed in the middle is continued: every event arrives, what may be there
// twice is counted and has the same id.
func TestTenantIngest(t *testing.T) {
	const rows = 1200
	s, p, args := tenant(t, rows)
	checkOutcome(t, p.Run(t, strings.NewReader("d\nbad.com\none.com\n"), "enrich", "--field", "d"), 0, "*", "")
	args = append(args, "--search", "x", "--page-rows", "100", "--to", "ingest", "--ingest-sourcetype", "st", "--ingest-in-flight", "1",
		"--resume", filepath.Join(p.Home, "journal"), "--summary")
	blocked, release := make(chan struct{}, 100), make(chan struct{})
	var n atomic.Int64
	s.Locked(func() {
		s.Fault = func(_ http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/events") || n.Add(1) != 2 {
				return false
			}
			blocked <- struct{}{}
			<-release
			return true // and what came is lost
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := p.Command(ctx, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-blocked
	_ = c.Process.Kill()
	_ = c.Wait()
	close(release)
	first := len(s.Events())
	if first == 0 || first == rows {
		t.Fatalf("%d events had arrived when it was killed", first)
	}
	o := p.Run(t, nil, args...)
	checkOutcome(t, o, 0, "", `"complete":true`)
	ids := map[string]string{}
	for _, e := range s.Events() {
		var v struct {
			ID         string
			Sourcetype string
			Body       struct{ D, N string }
			Attributes map[string]any
		}
		if err := json.Unmarshal(e, &v); err != nil {
			t.Fatal(err)
		}
		if old, again := ids[v.Body.N]; again && old != v.ID {
			t.Errorf("event %s came twice with other ids", v.Body.N)
		}
		ids[v.Body.N] = v.ID
		if want := map[string]string{"10.0.0.1": "excluded"}[v.Body.D]; v.Sourcetype != "st" || v.Attributes["tc_status"] == "" || want != "" && v.Attributes["tc_status"] != want {
			t.Fatalf("%s", e)
		}
	}
	if len(ids) != rows {
		t.Errorf("%d of %d events arrived", len(ids), rows)
	}
	var account struct {
		RowsRead  int `json:"rows_read"`
		Rows      int `json:"rows"`
		Sent      int `json:"sent"`
		Confirmed int `json:"confirmed"`
	}
	if err := json.Unmarshal([]byte(o.Stderr), &account); err != nil {
		t.Fatalf("%v: %s", err, o.Stderr)
	}
	if left := rows - first; account.Sent != left || account.Confirmed != left || account.Rows != left || account.RowsRead != left {
		t.Errorf("%+v, %d events were left", account, left)
	}
	checkOutcome(t, p.Run(t, nil, args...), 0, "", "complete already")
	checkOutcome(t, p.Run(t, strings.NewReader("d\nx.com\n"), "enrich", "--field", "d", "--to", "ingest"), 2, "", "allowed is hec")
	checkOutcome(t, p.Run(t, nil, "cloud", "enrich", "--splunkd", "https://127.0.0.1:1", "--job", "1", "--field", "d", "--to", "ingest"), 2, "", "needs --tenant")
}

// A collection of the tenant is one more cache: what one host has learned,
// another does not ask for.
func TestTenantKVStore(t *testing.T) {
	s, p, args := tenant(t, 3)
	s.Collections["tclookup"] = map[string]map[string]any{}
	args = append(args[:len(args)-1], "status,cache,verdict", "--search", "x", "--kvstore-collection", "tclookup")
	first := p.Run(t, nil, args...)
	if first.Code != 0 || !strings.Contains(first.Stdout, `"tc_cache":"live"`) {
		t.Fatalf("%d %s %s", first.Code, first.Stdout, first.Stderr)
	}
	other := accept.NewProgram(t, p.Path, p.Env...)
	o := other.Run(t, nil, append(slices.Clone(args), "--summary")...)
	if o.Code != 0 || o.Stdout != strings.ReplaceAll(first.Stdout, `"live"`, `"kvstore"`) || !strings.Contains(o.Stderr, `"requests":0`) {
		t.Errorf("%d %s %s", o.Code, o.Stdout, o.Stderr)
	}
	// Without the collection the run goes on, and says so.
	third := accept.NewProgram(t, p.Path, p.Env...)
	args[len(args)-1] = "nosuch"
	o = third.Run(t, nil, args...)
	checkOutcome(t, o, 0, first.Stdout, "collection nosuch")
}
