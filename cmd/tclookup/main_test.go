package main

import (
	"io"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tclookup/tclookup/internal/accept"
)

func TestMain(m *testing.M) {
	// The test binary is the program too, under its name.
	testscript.Main(m, map[string]func(){"tclookup": main})
}

// program returns the program with an environment of its own.
func program(t testing.TB, env ...string) *accept.Program {
	t.Helper()
	path, err := exec.LookPath("tclookup")
	if err != nil {
		t.Fatal(err)
	}
	return accept.NewProgram(t, path, env...)
}

// asking returns the program with a server to ask, without a budget.
func asking(t testing.TB, s *accept.Server, env ...string) *accept.Program {
	t.Helper()
	return program(t, append([]string{
		"TCLOOKUP_SOURCE_THREATCROWD_BASE_URL=" + s.URL,
		"TCLOOKUP_SOURCE_THREATCROWD_RATE=unlimited",
		"TCLOOKUP_SOURCE_THREATCROWD_RETRIES=0",
		"TCLOOKUP_SOURCE_THREATCROWD_BREAK_AFTER=0",
	}, env...)...)
}

// TestQuickParse: a command line means the same in the grammar of enrich alone
// as in that of all commands, or is left to the latter.
func TestQuickParse(t *testing.T) {
	for _, tt := range []struct {
		line  string
		quick bool
	}{
		{"enrich --field domain", true},
		{"enrich --field domain --field src_ip --output verdict,votes --progress never", true},
		{"enrich --config /x/y.conf -v --log-format json --data-dir /d --field a", true},
		{"enrich --field a --max-wait 3s --mode cache --to hec --summary x.csv y.csv", true},
		{"enrich --field=a -- -x.csv", true},
		{"enrich", true},
		{"enrich --feild domain", false},
		{"enrich --field", false},
		{"enrich --help", false},
		{"enrich -h --field a", false},
		{"enrich -vh --field a", false},
		{"enrich --field a -- --help", true},
		{"-v enrich --field domain", false},
		{"report evil.example.com", false},
		{"", false},
	} {
		args := strings.Fields(tt.line)
		quick := &app{stdout: io.Discard, stderr: io.Discard}
		k := quick.quickParse(args)
		full := &app{stdout: io.Discard, stderr: io.Discard}
		parser, err := full.parser(&full.cli, new(bool))
		if err != nil {
			t.Fatal(err)
		}
		_, err = parser.Parse(args)
		if k == nil {
			if tt.quick && err == nil {
				t.Errorf("%q: not parsed quickly", tt.line)
			}
			continue
		}
		if !tt.quick || err != nil {
			t.Errorf("%q: parsed quickly; the grammar of all commands says %v", tt.line, err)
		}
		if !reflect.DeepEqual(quick.cli.Enrich, full.cli.Enrich) || quick.cli.globals != full.cli.globals {
			t.Errorf("%q: %+v\nwant %+v", tt.line, quick.cli.Enrich, full.cli.Enrich)
		}
	}
}
