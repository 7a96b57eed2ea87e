package doctest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// foreign are messages of others that the page explains.
var foreign = []string{"Unknown search command 'tclookup'", "output=verdict,votes"}

// Every message that the page on troubles explains is one that the program can
// print: its parts between … stand in the sources.
func TestMessagesExist(t *testing.T) {
	const path = "docs/troubleshoot.md"
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	code := sources(t)
	found := 0
	for n, line := range strings.Split(string(data), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(cells[1], -1) {
			for _, f := range foreign {
				span = strings.ReplaceAll(span, f, "")
			}
			for _, part := range strings.Split(strings.Trim(span, "`"), "…") {
				part = strings.Trim(part, " \"")
				if len(part) < 6 {
					continue
				}
				found++
				if !strings.Contains(code, part) {
					t.Errorf("%s:%d: nothing prints %q", path, n+1, part)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("%d parts of messages were found in %s", found, path)
	}
}

// sources returns the text of the program's sources, with string literals
// that go on in the next line joined and quotes in them without backslash.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "doctest" || name == "accept" || name == ".git" || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`\"`, `"`, `\n`, "\n").Replace(all.String())
}
