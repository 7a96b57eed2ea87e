package doctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/cloud/scs/scstest"
	"github.com/tclookup/tclookup/internal/demodata"
	"github.com/tclookup/tclookup/internal/hec/hectest"
	"github.com/tclookup/tclookup/internal/splunkd/splunkdtest"
)

const root = "../.."

// documents returns the paths of the documents, relative to the project.
func documents(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(docs) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	all := []string{"README.md", "CONTRIBUTING.md", "app/README.md"}
	for _, d := range docs {
		all = append(all, "docs/"+filepath.Base(d))
	}
	return all
}

// build builds the program and returns the directory it is in.
func build(t *testing.T) string {
	t.Helper()
	name := "tclookup"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(bin, name), "./cmd/tclookup")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// page is a document under test.
type page struct {
	path string // relative to the project
	dir  string // where its commands run
	env  []string
	bin  string
}

func (p *page) at(line int) string { return fmt.Sprintf("%s:%d", p.path, line) }

func TestDocuments(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	bin := build(t)
	for _, path := range documents(t) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			list, err := blocks(string(data))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			p := newPage(t, path, bin)
			p.shell(t, list)
			p.searches(t, list)
			p.programs(t, list)
		})
	}
}

func newPage(t *testing.T, path, bin string) *page {
	t.Helper()
	srv, err := demodata.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	collector := httptest.NewServer(&hectest.Server{Token: "0ff1ce-token", Acks: true})
	t.Cleanup(collector.Close)
	stack, scs := elsewhere(t)
	p := &page{path: path, dir: t.TempDir(), bin: bin}
	samples(t, p.dir)
	home := t.TempDir()
	p.env = []string{
		"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"HOME=" + home, "USERPROFILE=" + home, "TMPDIR=" + home, "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"TCLOOKUP_DATA_DIR=" + filepath.Join(home, "data"),
		"TCLOOKUP_SOURCE_THREATCROWD_BASE_URL=" + srv.BaseURL(),
		"TCLOOKUP_SOURCE_THREATCROWD_RATE=unlimited",
		"HEC_URL=" + collector.URL, "TCLOOKUP_HEC_TOKEN=0ff1ce-token",
		"SPLUNKD_URL=" + stack.URL, "TCLOOKUP_SPLUNKD_TOKEN=stack-token",
		"SCS_URL=" + scs.URL, "TCLOOKUP_CLOUD_CLIENT_SECRET=" + scstest.ClientSecret,
	}
	return p
}

// elsewhere returns a Splunk and a tenant of Splunk Cloud Services whose
// searches find three proxy events.
func elsewhere(t *testing.T) (*splunkdtest.Server, *scstest.Server) {
	t.Helper()
	fields := []string{"_time", "src_ip", "domain"}
	rows := []string{
		`{"_time":"2026-03-02T08:00:01.000+00:00","src_ip":"10.20.0.15","domain":"zq-updates-demo.com"}`,
		`{"_time":"2026-03-02T08:00:07.000+00:00","src_ip":"10.20.0.31","domain":"intranet.corp"}`,
		`{"_time":"2026-03-02T08:01:12.000+00:00","src_ip":"10.20.0.15","domain":"example.org"}`,
	}
	stack := splunkdtest.New(t)
	stack.Users["stack-token"] = splunkdtest.User{Name: "analyst"}
	stack.Search = func(url.Values) *splunkdtest.Job { return &splunkdtest.Job{Fields: fields, Rows: rows} }
	scs := scstest.Start()
	t.Cleanup(scs.Close)
	scs.Search = func(string) *scstest.Job { return &scstest.Job{Fields: fields, Rows: rows} }
	return stack, scs
}

// shell runs the sh blocks and compares what they print.
func (p *page) shell(t *testing.T, list []block) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ran := false
	for _, b := range list {
		switch {
		case b.kind == "sh":
			if _, err := exec.LookPath("sh"); err != nil && runtime.GOOS == "windows" && os.Getenv("CI") == "" {
				t.Logf("%s: not run: there is no sh on this machine", p.at(b.line))
				continue
			}
			want, err := b.exit()
			if err != nil {
				t.Fatalf("%s: exit code: %v", p.at(b.line), err)
			}
			stdout.Reset()
			stderr.Reset()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			cmd := exec.CommandContext(ctx, "sh", "-e", "-c", b.text)
			cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.env, &stdout, &stderr
			err = cmd.Run()
			cancel()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatalf("%s: %v", p.at(b.line), err)
			}
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("%s: exit code %d, want %d\n%s%s", p.at(b.line), got, want, b.text, stderr.String())
			}
			ran = true
		case ran && slices.Contains(b.options, "output"):
			p.compare(t, &b, stdout.String())
		case ran && slices.Contains(b.options, "stderr"):
			p.compare(t, &b, stderr.String())
		}
	}
}

func (p *page) compare(t *testing.T, b *block, got string) {
	t.Helper()
	if line, ok := matches(b.text, got); !ok {
		t.Errorf("%s: the document shows %q; this was printed:\n%s", p.at(b.line), line, got)
	}
}

// searches has the program read the options of each of its calls.
func (p *page) searches(t *testing.T, list []block) {
	t.Helper()
	m, err := appMacros()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if b.kind != "spl" {
			continue
		}
		calls := 0
		for _, s := range searches(&b) {
			calls += p.calls(t, m, p.at(s.line), s.text)
		}
		if calls == 0 {
			t.Errorf("%s: a search block without the command", p.at(b.line))
		}
	}
}

// commands are the app's commands.
var commands = []string{"tclookup", "threatcrowdlookup", "tcreport", "tcstatus", "tcvote"}

// calls has the program read the options of each of its calls in a search, and
// returns how many there are.
func (p *page) calls(t *testing.T, m macros, at, spl string) (n int) {
	t.Helper()
	expanded, err := m.expand(spl)
	if err != nil {
		t.Errorf("%s: %v", at, err)
	}
	for _, stage := range stages(expanded) {
		name, _, _ := strings.Cut(stage, " ")
		if !slices.Contains(commands, name) {
			continue
		}
		n++
		if err := p.getinfo(t.Context(), name, stage); err != nil {
			t.Errorf("%s: %s: %v", at, stage, err)
		}
	}
	return n
}

// getinfo starts the program as splunkd does and sends it the options.
func (p *page) getinfo(ctx context.Context, name, stage string) error {
	typed, err := asTyped(stage)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "tclookup"), "splunk", name)
	cmd.Dir, cmd.Env = p.dir, p.env
	c, err := chunkedtest.Exec(cmd, 0)
	if err != nil {
		return err
	}
	reply, err := c.Getinfo(chunkedtest.Parse(typed))
	if err != nil {
		return errors.Join(err, c.Close())
	}
	if reply.Error != "" {
		err = errors.New(reply.Error)
	}
	for _, m := range reply.Messages {
		err = errors.Join(err, fmt.Errorf("the program says %+v", m))
	}
	return errors.Join(err, c.Close())
}

// programs tests the go blocks of the document.
func (p *page) programs(t *testing.T, list []block) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"test"}
	for _, b := range list {
		if b.kind != "go" {
			continue
		}
		name, ok := b.option("file")
		if !ok {
			t.Errorf("%s: a go block without file=NAME", p.at(b.line))
			continue
		}
		path := filepath.Join(dir, name)
		// Errors of the compiler name the place in the document.
		text := fmt.Sprintf("//line %s:%d\n%s", p.path, b.line, b.text)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if len(args) == 1 {
		return
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: go test: %v\n%s", p.path, err, out)
	}
}
