package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// The test binary starts itself as another process: this variable names what
// it does then, the next one the database.
const (
	roleEnv = "TCLOOKUP_LOCAL_TEST_ROLE"
	dirEnv  = "TCLOOKUP_LOCAL_TEST_DIR"
)

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case "vote":
		err = voteForever()
	case "import":
		err = importForever()
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// voteForever casts votes and says so after each, until it is killed.
func voteForever() error {
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: os.Getenv(dirEnv)})
	for n := 0; err == nil; n++ {
		if err = s.Vote(ctx, domain("v.example.com"), fmt.Sprint("voter ", n), -1, "test"); err == nil {
			fmt.Println(n + 1)
		}
	}
	return err
}

// importForever imports generations of facts that all name one number, until
// it is killed.
func importForever() error {
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: os.Getenv(dirEnv)})
	for n := 0; err == nil; n++ {
		var facts []Fact
		for i := range 200 {
			facts = append(facts, Fact{Kind: Subdomain, Subject: domain("all.example.com"), Object: domain(fmt.Sprintf("n%d-%d.all.example.com", n, i))})
		}
		if _, err = tryLoad(ctx, s, Meta{Feed: "f"}, Total{}, facts...); err == nil {
			fmt.Println(n + 1)
		}
	}
	return err
}

// start starts a role and returns what it prints.
func start(t *testing.T, role, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+role, dirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewReader(out)
}

// kill kills a process and returns the last number it printed.
func kill(t *testing.T, cmd *exec.Cmd, out *bufio.Reader) int64 {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(rest), "\n"), "\n")
	n, _ := strconv.ParseInt(lines[len(lines)-1], 10, 64)
	return n
}

func wait(t *testing.T, out *bufio.Reader, lines int) {
	t.Helper()
	for range lines {
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilledVoter: a vote that was taken is there after a kill.
func TestKilledVoter(t *testing.T) {
	dir := t.TempDir()
	cmd, out := start(t, "vote", dir)
	wait(t, out, 20)
	said := max(kill(t, cmd, out), 20)
	s := open(t, Options{Dir: dir})
	tally, err := s.Tally(t.Context(), domain("v.example.com"))
	if err != nil || tally.Malicious < said || tally.Malicious > said+1 {
		t.Errorf("%+v after %d votes were taken, %v", tally, said, err)
	}
	log, err := s.VoteLog(t.Context(), domain("v.example.com"), 1_000_000)
	if err != nil || int64(len(log)) != tally.Malicious {
		t.Errorf("%d votes in the log, %d counted, %v", len(log), tally.Malicious, err)
	}
}

// TestImportsBesideReaders: who looks while another process imports, and after
// it was killed, sees one generation, whole.
func TestImportsBesideReaders(t *testing.T) {
	dir := t.TempDir()
	cmd, out := start(t, "import", dir)
	wait(t, out, 1)
	s := open(t, Options{Dir: dir})
	look := func() {
		t.Helper()
		s.stale()
		s.Lookup(t.Context(), []indicator.Indicator{domain("all.example.com")}, func(_ int, r source.Result) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			rep, err := s.Decode(domain("all.example.com"), r.Raw)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(rep.Subdomains[0], "-")
			for _, sub := range rep.Subdomains {
				if !strings.HasPrefix(sub, first+"-") {
					t.Fatalf("%s beside %s", sub, rep.Subdomains[0])
				}
			}
			if len(rep.Subdomains) != 200 {
				t.Fatalf("%d of 200 facts", len(rep.Subdomains))
			}
		})
	}
	for range 10 {
		look()
		wait(t, out, 1)
	}
	kill(t, cmd, out)
	look()
	if _, err := s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	look()
}
