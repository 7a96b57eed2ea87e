package setuppage

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"testing"

	"github.com/tclookup/tclookup/internal/config"
)

const scriptFile = "../../../app/appserver/static/setup.js"

// TestScriptIsUpToDate: the page has every setting of the program, and no other.
func TestScriptIsUpToDate(t *testing.T) {
	script, err := os.ReadFile(scriptFile)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Update(script)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(script, want) {
		t.Fatalf(`%s has not the settings of today: run "go run ./internal/cmd/apptool setup"`, scriptFile)
	}
	lines := regexp.MustCompile(`(?m)^ {4}\{"stanza":"([^"]+)","key":"([^"]+)"`).FindAllSubmatch(script, -1)
	if len(lines) != len(Settings()) {
		t.Errorf("%d lines for %d settings", len(lines), len(Settings()))
	}
	for i, s := range Settings() {
		if i < len(lines) && (string(lines[i][1]) != s.Stanza || string(lines[i][2]) != s.Key) {
			t.Errorf("line %d is about [%s] %s, not [%s] %s", i, lines[i][1], lines[i][2], s.Stanza, s.Key)
		}
	}
}

// Every kind with a syntax has its check in the script, or is free text.
func TestScriptChecksKinds(t *testing.T) {
	script, err := os.ReadFile(scriptFile)
	if err != nil {
		t.Fatal(err)
	}
	free := map[config.Kind]bool{
		config.Text: true, config.Words: true, config.Domains: true, config.Networks: true, config.Path: true,
		config.Bool: true, config.Word: true, config.SecretKey: true, // chosen, not typed; kept elsewhere
	}
	for _, s := range Settings() {
		if !free[s.Kind] && !bytes.Contains(script, []byte("    '"+kindOf(&s)+"': function")) {
			t.Errorf("[%s] %s: setup.js has no check for the kind %q", s.Stanza, s.Key, kindOf(&s))
		}
	}
}

func TestUpdateNeedsMarks(t *testing.T) {
	for _, bad := range []string{"", "  // settings: x\n", "  // /settings\n  // settings: x\n"} {
		if _, err := Update([]byte(bad)); !errors.Is(err, ErrNoMarks) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
