// Package splunkapp is what the program's roles in Splunk have in common: where
// the app lies, the session with splunkd and what is done with it, and the
// account of a run in the app's log.
package splunkapp

import (
	"path/filepath"

	"github.com/tclookup/tclookup/internal/config"
)

// Place is where the program runs: what the configuration depends on besides
// the options.
type Place struct {
	Exe     string   // as os.Executable returns it
	Environ []string // as os.Environ returns it
	Getenv  func(string) string
	// KnownEnv are variables of the program that are no settings, such as
	// those that hold tokens.
	KnownEnv []string
}

// Load reads the configuration. file is the flag --config.
func (p Place) Load(file string, overrides []config.Override) (*config.Config, error) {
	files, err := config.Locate(p.Getenv, p.Exe, file)
	if err != nil {
		return nil, err
	}
	return config.Load(config.Options{Files: files, Environ: p.Environ, KnownEnv: p.KnownEnv, Overrides: overrides})
}

// DataDir returns where what outlives a run is kept, empty if nowhere.
func (p Place) DataDir(c *config.Config) string {
	dir, err := config.DataDir(c, p.Getenv, p.Exe)
	if err != nil {
		return ""
	}
	return dir
}

// splunk returns a path below $SPLUNK_HOME, empty if the program does not run
// from an app there.
func (p Place) splunk(parts ...string) string {
	if _, ok := config.AppDir(p.Getenv, p.Exe); !ok {
		return ""
	}
	return filepath.Join(append([]string{p.Getenv("SPLUNK_HOME")}, parts...)...)
}
