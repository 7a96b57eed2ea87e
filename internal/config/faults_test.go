package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What is no directory has no configuration in it.
func TestConfigurationDirectoryIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tclookup")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Options{Files: []string{filepath.Join(file, FileName)}})
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" { // there it is a file that does not exist
		return
	}
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0].String(), "is no directory: going on without it") {
		t.Errorf("%v", w)
	}
}

// Only a slip of the pen is taken for a name.
func TestNearestVariable(t *testing.T) {
	known := []string{"TCLOOKUP_CONFIG", "TCLOOKUP_MAX_WAIT", "TCLOOKUP_MODE", "TCLOOKUP_CACHE_DISK", "TCLOOKUP_SOURCE_THREATCROWD_RATE", "TCLOOKUP_SOURCE_THREATCROWD_BASE_URL"}
	for name, want := range map[string]string{
		"TCLOOKUP_MAXWAIT":                     "TCLOOKUP_MAX_WAIT",
		"TCLOOKUP_MODES":                       "TCLOOKUP_MODE",
		"TCLOOKUP_SOURCE_THREATCROWD_RATES":    "TCLOOKUP_SOURCE_THREATCROWD_RATE",
		"TCLOOKUP_SOURCE_THREATCROWD_BASEURL":  "TCLOOKUP_SOURCE_THREATCROWD_BASE_URL",
		"TCLOOKUP_SOURCE_THREATCROW_RATE":      "TCLOOKUP_SOURCE_THREATCROWD_RATE",
		"TCLOOKUP_HOME":                        "",
		"TCLOOKUP_TOKEN":                       "",
		"TCLOOKUP_CACHE_DIR":                   "",
		"TCLOOKUP_TEST":                        "",
		"TCLOOKUP_SOURCE_THREATCROWD_SITE":     "",
		"TCLOOKUP_SOURCE_THREATCROWD_BASE_DIR": "",
		"TCLOOKUP_":                            "",
	} {
		if got := nearestVariable(name, known); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
