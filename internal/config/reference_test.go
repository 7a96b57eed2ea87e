package config

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of settings into docs/configure.md")

const page = "../../docs/configure.md"

// readPage returns the page in the parts before, in and behind the tables.
func readPage(t *testing.T) (before, tables, behind string) {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	start := strings.Index(text, "<!-- settings:")
	end := strings.Index(text, "<!-- /settings -->")
	if start < 0 || end < start {
		t.Fatalf("%s has no place for the tables", page)
	}
	start += strings.IndexByte(text[start:], '\n') + 1
	return text[:start], text[start:end], text[end:]
}

func TestReference(t *testing.T) {
	before, tables, behind := readPage(t)
	want := "\n" + Reference() + "\n"
	if *update {
		if err := os.WriteFile(page, []byte(before+want+behind), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, tables); d != "" {
		t.Errorf("%s is not what the table says; run go test ./internal/config -update (-want +got)\n%s", page, d)
	}
}

// The examples of the page must be right.
func TestExamples(t *testing.T) {
	before, _, _ := readPage(t)
	parts := strings.Split(before, "```ini\n")
	if len(parts) < 4 {
		t.Fatalf("only %d examples", len(parts)-1)
	}
	for _, p := range parts[1:] {
		conf, _, _ := strings.Cut(p, "```")
		c, err := Load(Options{Files: []string{write(t, conf)}, Strict: true})
		if err != nil || len(c.Warnings()) > 0 {
			t.Errorf("%v %v in\n%s", err, c.Warnings(), conf)
		}
		if len(c.Active()) == 0 {
			t.Errorf("no source is configured in\n%s", conf)
		}
	}
}

// The messages that the page shows must be those that the program gives.
func TestExampleOfMistakes(t *testing.T) {
	before, _, _ := readPage(t)
	_, shown, ok := strings.Cut(before, "```\n2 mistakes")
	shown, _, _ = strings.Cut(shown, "```")
	if !ok {
		t.Fatal("no example")
	}
	path := write(t, "# c\n[source:threatcrowd]\nrate = 60\n\n\n\n\n\n\n[cache]\nttl_foud = 1d\n")
	_, err := Load(Options{Files: []string{path}})
	got := strings.ReplaceAll(err.Error(), path, FileName)
	if d := cmp.Diff("2 mistakes"+shown, got+"\n"); d != "" {
		t.Errorf("(-page +program)\n%s", d)
	}
}
