package main

import (
	"os/exec"
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
