package apppkg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBuildNumber(t *testing.T) {
	// Each is older than the next.
	versions := []string{"0.0.1-alpha", "0.0.1-alpha.1", "0.0.1-rc.2", "0.0.1", "0.1.0", "0.1.1", "0.2.0-1", "0.2.0", "1.0.0", "1.10.0", "2.0.0", "9999.999.999"}
	last := int64(-1)
	for _, v := range versions {
		n, err := BuildNumber(v)
		if err != nil || n <= last || n < 1 {
			t.Errorf("BuildNumber(%q) = %d, %v; the one before %d", v, n, err, last)
		}
		last = n
	}
	for _, v := range []string{"", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1.1000.0", "1.0.1000", "10000.0.0", "99999999999999999999.0.0"} {
		if n, err := BuildNumber(v); err == nil {
			t.Errorf("BuildNumber(%q) = %d, want an error", v, n)
		}
	}
}

func TestReadVersion(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadVersion(dir); err == nil {
		t.Error("no file: no error")
	}
	for text, want := range map[string]string{"1.2.3\n": "1.2.3", "1.2.3-beta.1": "1.2.3-beta.1", "next": "", "": ""} {
		if err := os.WriteFile(filepath.Join(dir, "VERSION"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadVersion(dir); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestSourceTime(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	at := func(epoch string) time.Time {
		t.Helper()
		got, err := SourceTime(t.Context(), dir, epoch)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := at("1700000000"); got.Unix() != 1700000000 {
		t.Errorf("with SOURCE_DATE_EPOCH: %v", got)
	}
	if got := at(""); got != fallbackTime {
		t.Errorf("outside version control: %v", got)
	}
	for _, bad := range []string{"today", "-1", "1.5"} {
		if got, err := SourceTime(t.Context(), dir, bad); err == nil {
			t.Errorf("%q: %v, want an error", bad, got)
		}
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the rest needs git")
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=1600000000 +0000", "GIT_AUTHOR_DATE=1500000000 +0000",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run("init", "-q")
	run("commit", "-q", "--allow-empty", "-m", "first")
	if got := at(""); got.Unix() != 1600000000 {
		t.Errorf("in a repository: %v", got)
	}

	if got := Revision(t.Context(), filepath.Join(dir, "none")); got != "" {
		t.Errorf("no directory: revision %q", got)
	}
	rev := Revision(t.Context(), dir)
	if len(rev) < 40 || strings.Contains(rev, "-") {
		t.Errorf("revision %q", rev)
	}
	name := filepath.Join(dir, "a")
	if err := os.WriteFile(name, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Revision(t.Context(), dir); got != rev {
		t.Errorf("with a file git does not know: %q, want %q", got, rev)
	}
	run("add", "a")
	if got := Revision(t.Context(), dir); got != rev+"-dirty" {
		t.Errorf("with changes: %q, want %q", got, rev+"-dirty")
	}
}

func TestParsePlatforms(t *testing.T) {
	got, err := ParsePlatforms("darwin, all,darwin")
	if err != nil || len(got) != 2 || got[0].Name != "darwin" || got[1].Name != All {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "linux", "all,,darwin"} {
		if _, err := ParsePlatforms(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	if got := platformFile("linux_arm64"); got != "tclookup-1.0.0-linux_arm64.tgz" {
		t.Error(got)
	}
	if got := platformFile("all"); got != "tclookup-1.0.0.tgz" {
		t.Error(got)
	}
	if n := len(Targets(Platforms()...)); n != 5 {
		t.Errorf("%d targets", n)
	}
}

func platformFile(name string) string {
	p, _ := ParsePlatforms(name)
	return p[0].FileName("1.0.0")
}

func TestSums(t *testing.T) {
	got := string(Sums(map[string][]byte{"b.tgz": nil, "a.tgz": []byte("abc")}))
	want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.tgz\n" +
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b.tgz\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%v left behind", entries)
	}
	if err := WriteFile(filepath.Join(dir, "none", "x"), nil); err == nil {
		t.Error("no directory: no error")
	}
}
