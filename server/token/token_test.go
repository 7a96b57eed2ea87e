package token

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func TestAddFindRemove(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "tokens")
	a, err := Add(file, "splunk-1", Read, day)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Add(file, "analyst", Vote, day)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), a) || strings.Contains(string(data), strings.TrimPrefix(b, prefix)) || len(a) < 40 || a == b {
		t.Errorf("tokens %q and %q in the file:\n%s", a, b, data)
	}
	if info, _ := os.Stat(file); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	now := day
	s, err := open(file, func(err error) { t.Error(err) }, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := s.Find(b); !ok || e.Name != "analyst" || e.Scope != Vote || !e.Created.Equal(day) {
		t.Errorf("%+v, %t", e, ok)
	}
	for _, wrong := range []string{"", prefix, a + "x", a[:len(a)-1], strings.TrimPrefix(a, prefix), hashOf(a), prefix + strings.Repeat("x", 1<<20)} {
		if e, ok := s.Find(wrong); ok {
			t.Errorf("%.60q is the token of %s", wrong, e.Name)
		}
	}
	if err := Remove(file, "splunk-1"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	if _, ok := s.Find(a); ok {
		t.Error("a removed token counts")
	}
	if _, ok := s.Find(b); !ok || s.Len() != 1 {
		t.Error("another token is gone")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	if s.Len() != 0 {
		t.Error("the tokens of a file that is gone count")
	}
}

func TestBrokenLater(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	a, err := Add(file, "a", Read, day)
	if err != nil {
		t.Fatal(err)
	}
	now := day
	var said []string
	s, err := open(file, func(err error) { said = append(said, err.Error()) }, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("rubbish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(2 * time.Second)
		if _, ok := s.Find(a); !ok {
			t.Error("what was known is gone")
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "tokens:1: ") {
		t.Errorf("said %q", said)
	}
}

func TestWrong(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tokens")
	for _, name := range []string{"", "a b", "a/b", "ä", "-\n", strings.Repeat("a", 65)} {
		if _, err := Add(file, name, Read, day); err == nil {
			t.Errorf("name %q is taken", name)
		}
	}
	if _, err := Add(file, "a", "admin", day); err == nil {
		t.Error("an unknown scope is taken")
	}
	if _, err := Add(file, "a", Read, day); err != nil {
		t.Fatal(err)
	}
	if _, err := Add(file, "a", Read, day); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a second token of that name: %v", err)
	}
	if err := Remove(file, "b"); err == nil {
		t.Error("a token that is not there was removed")
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(file, 0o640); err != nil {
			t.Fatal(err)
		}
		for _, f := range []func() error{
			func() error { _, err := List(file); return err },
			func() error { _, err := Open(file, nil); return err },
			func() error { _, err := Add(file, "c", Read, day); return err },
		} {
			if err := f(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("a file that others may read: %v", err)
			}
		}
	}
	if _, err := List(dir); err == nil {
		t.Error("a directory is a token file")
	}
}

func TestParse(t *testing.T) {
	h, g := strings.Repeat("a", 64), strings.Repeat("b", 64)
	good := "# c\n\na read " + h + " 2026-01-02T03:04:05Z\nb vote " + g + " 2026-01-02T03:04:05+01:00\r\n"
	list, err := Parse("f", []byte(good))
	if err != nil || len(list) != 2 || list[1].Scope != Vote {
		t.Fatalf("%+v, %v", list, err)
	}
	for in, want := range map[string]string{
		"a read\n": "f:1: 2 words", "a read " + h + " yesterday": "f:1: the time", "\na/ read " + h + " 2026-01-02T03:04:05Z": "f:2: a name",
		"a root " + h + " 2026-01-02T03:04:05Z": "unknown scope", "a read " + h[1:] + " 2026-01-02T03:04:05Z": "SHA-256",
		"a read " + strings.ToUpper(h) + " 2026-01-02T03:04:05Z": "SHA-256", good + "a read " + strings.Repeat("c", 64) + " 2026-01-02T03:04:05Z": "f:5: the name",
		good + "c read " + h + " 2026-01-02T03:04:05Z": "f:5: the same token", strings.Repeat("#", maxFile+1): "larger than",
	} {
		if _, err := Parse("f", []byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", in, err, want)
		}
	}
}

// TestManyAtOnce: processes that add at the same time lose nothing.
func TestManyAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := Add(file, fmt.Sprint("n", i), Read, day); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if list, err := List(file); err != nil || len(list) != 20 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("# c\na read " + strings.Repeat("a", 64) + " 2026-01-02T03:04:05Z\n"))
	f.Add([]byte("a read x y\nb"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Parse("f", data)
		if err != nil {
			return
		}
		again, err := Parse("f", format(list))
		if err != nil || len(again) != len(list) {
			t.Fatalf("%v from %q", err, format(list))
		}
		for i := range list {
			if again[i].Name != list[i].Name || again[i].hash != list[i].hash || again[i].Scope != list[i].Scope {
				t.Errorf("%+v became %+v", list[i], again[i])
			}
		}
	})
}
