package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// FileName is the name of the configuration file wherever it lies.
const FileName = "tclookup.conf"

// AppDir returns the directory of the Splunk app that the program runs from,
// and whether it does. It does when SPLUNK_HOME is set, as splunkd sets it for
// what it starts, and the program lies in the bin directory of an app or of
// one of its platforms: …/etc/apps/APP/bin or …/etc/apps/APP/PLATFORM/bin.
func AppDir(env func(string) string, exe string) (string, bool) {
	if env("SPLUNK_HOME") == "" || exe == "" {
		return "", false
	}
	bin := filepath.Dir(filepath.Clean(exe))
	if !strings.EqualFold(filepath.Base(bin), "bin") {
		return "", false
	}
	app := filepath.Dir(bin)
	for range 2 {
		apps := filepath.Dir(app)
		// Members of an indexer cluster have apps under the other two names.
		switch filepath.Base(apps) {
		case "apps", "peer-apps", "slave-apps":
			if strings.EqualFold(filepath.Base(filepath.Dir(apps)), "etc") {
				return app, true
			}
		}
		app = apps
	}
	return "", false
}

// Locate returns the configuration files to read, in order. flag is the value
// of --config and counts before everything else. Inside Splunk they are those
// of the app's default and local directories; elsewhere the one that
// TCLOOKUP_CONFIG names, else the one in the user's configuration directory.
// Only a file that flag or the variable names must exist.
//
// env is os.Getenv, exe the path of the program as os.Executable returns it.
func Locate(env func(string) string, exe, flag string) ([]string, error) {
	if flag != "" {
		return named(flag, "--config")
	}
	if app, ok := AppDir(env, exe); ok {
		return []string{filepath.Join(app, "default", FileName), filepath.Join(app, "local", FileName)}, nil
	}
	if path := env(PathVariable); path != "" {
		return named(path, "environment "+PathVariable)
	}
	dir, err := os.UserConfigDir()
	if err != nil { // no home directory, then no file in it
		return nil, nil
	}
	return []string{filepath.Join(dir, "tclookup", FileName)}, nil
}

// named returns the path of a file that must exist.
func named(path, from string) ([]string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory; name the file in it")
	}
	if err != nil {
		return nil, &Error{Problems: []Problem{{
			Origin:  Origin{From: from},
			Message: fmt.Sprintf("cannot read the configuration file %s: %s", printable(path), reason(err)),
			Err:     err,
		}}}
	}
	return []string{path}, nil
}

// DataDir returns the directory for cache, queue and local intelligence: the
// setting data_dir, else inside Splunk $SPLUNK_HOME/var/lib/tclookup, else
// tclookup in the user's cache directory. It makes nothing. It fails when the
// user has no cache directory.
func DataDir(c *Config, env func(string) string, exe string) (string, error) {
	if c.DataDir != "" {
		return c.DataDir, nil
	}
	if _, ok := AppDir(env, exe); ok {
		return filepath.Join(env("SPLUNK_HOME"), "var", "lib", "tclookup"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no directory for the cache: %w; set data_dir", err)
	}
	return filepath.Join(dir, "tclookup"), nil
}
