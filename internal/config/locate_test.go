package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vars makes a getenv of a few variables.
func vars(m map[string]string) func(string) string {
	return func(name string) string { return m[name] }
}

func TestAppDir(t *testing.T) {
	splunk := vars(map[string]string{"SPLUNK_HOME": "/opt/splunk"})
	for exe, want := range map[string]string{
		"/opt/splunk/etc/apps/tclookup/linux_x86_64/bin/tclookup": "/opt/splunk/etc/apps/tclookup",
		"/opt/splunk/etc/apps/tclookup/bin/tclookup":              "/opt/splunk/etc/apps/tclookup",
		"/data/s/etc/apps/other/linux_arm64/bin/tclookup":         "/data/s/etc/apps/other",
		"/opt/splunk/etc/peer-apps/tclookup/bin/tclookup":         "/opt/splunk/etc/peer-apps/tclookup",
		"/usr/bin/tclookup":                              "",
		"/opt/splunk/bin/tclookup":                       "",
		"/opt/splunk/etc/apps/tclookup/tclookup":         "",
		"/opt/splunk/etc/apps/tclookup/a/b/bin/tclookup": "",
		"/home/u/apps/tclookup/bin/tclookup":             "",
		"/opt/splunk/etc/apps/bin/tclookup":              "",
		"":                                               "",
		"tclookup":                                       "",
		"/opt/splunk/etc/apps/tclookup/bin/../bin//tclookup": "/opt/splunk/etc/apps/tclookup",
	} {
		got, ok := AppDir(splunk, filepath.FromSlash(exe))
		if got != filepath.FromSlash(want) || ok != (want != "") {
			t.Errorf("AppDir(%q) = %q, %t; want %q", exe, got, ok, want)
		}
		if got, ok := AppDir(vars(nil), filepath.FromSlash(exe)); ok {
			t.Errorf("AppDir(%q) = %q without SPLUNK_HOME", exe, got)
		}
	}
}

func TestLocate(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "AppData"} {
		t.Setenv(name, home)
	}
	here := write(t, "")
	absent := filepath.Join(t.TempDir(), "absent.conf")
	app := filepath.FromSlash("/opt/splunk/etc/apps/tclookup")
	exe := filepath.Join(app, "linux_x86_64", "bin", "tclookup")
	inApp := []string{filepath.Join(app, "default", FileName), filepath.Join(app, "local", FileName)}
	tests := []struct {
		name, splunk, variable, exe, flag string
		want                              []string // nil: an error that fits from
		from                              string
	}{
		{"flag in Splunk", "/opt/splunk", absent, exe, here, []string{here}, ""},
		{"in Splunk", "/opt/splunk", here, exe, "", inApp, ""},
		{"app's program by hand", "", here, exe, "", []string{here}, ""},
		{"variable", "/opt/splunk", here, "/usr/bin/tclookup", "", []string{here}, ""},
		{"flag that is not there", "", here, "", absent, nil, "--config: cannot read the configuration file " + absent},
		{"variable that is not there", "", absent, "", "", nil, "environment TCLOOKUP_CONFIG: cannot read the configuration file " + absent},
		{"directory", "", "", "", home, nil, "--config: cannot read the configuration file " + home + ": it is a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Locate(vars(map[string]string{"SPLUNK_HOME": tt.splunk, PathVariable: tt.variable}), tt.exe, tt.flag)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if tt.want != nil && err != nil {
				t.Error(err)
			}
			if tt.want == nil {
				var e *Error
				if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), tt.from) {
					t.Errorf("error %v, want %s", err, tt.from)
				}
				if strings.Contains(tt.name, "not there") && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%v is not fs.ErrNotExist", err)
				}
			}
		})
	}
	got, err := Locate(vars(nil), "/usr/bin/tclookup", "")
	if err != nil || len(got) != 1 || !strings.HasPrefix(got[0], home) || filepath.Base(got[0]) != FileName {
		t.Errorf("user's file: %v, %v", got, err)
	}
}

func TestLocateWithoutHome(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "AppData", "LocalAppData"} {
		t.Setenv(name, "")
	}
	if got, err := Locate(vars(nil), "", ""); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := DataDir(load(t, Options{}), vars(nil), ""); err == nil || !strings.Contains(err.Error(), "data_dir") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestDataDir(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	exe := filepath.FromSlash("/opt/splunk/etc/apps/tclookup/bin/tclookup")
	splunk := vars(map[string]string{"SPLUNK_HOME": filepath.FromSlash("/opt/splunk")})
	file := []string{write(t, "[tclookup]\ndata_dir = /f\n")}
	env := []string{"TCLOOKUP_DATA_DIR=/e"}
	flag := []Override{{GlobalStanza, "data_dir", "/o", "--data-dir"}}
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Files: file, Environ: env, Overrides: flag}, "/o"},
		{Options{Files: file, Environ: env}, "/e"},
		{Options{Files: file}, "/f"},
		{Options{}, "/opt/splunk/var/lib/tclookup"},
	} {
		if got, err := DataDir(load(t, tt.o), splunk, exe); err != nil || got != filepath.FromSlash(tt.want) {
			t.Errorf("%+v: %s, %v; want %s", tt.o, got, err, tt.want)
		}
	}
	got, err := DataDir(load(t, Options{}), vars(nil), "/usr/bin/tclookup")
	if err != nil || !strings.HasPrefix(got, home) || filepath.Base(got) != "tclookup" {
		t.Errorf("user's cache: %s, %v", got, err)
	}
}
