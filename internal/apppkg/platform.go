// Package apppkg puts the Splunk app together: it builds the program for every
// platform, lays it out where splunkd looks for it and fills in the version.
package apppkg

import (
	"fmt"
	"slices"
	"strings"
)

// AppID is the app's id: the name of its directory, of its main command and of
// its conf file.
const AppID = "tclookup"

// Target is one build of the program.
type Target struct{ OS, Arch string }

func (t Target) String() string { return t.OS + "/" + t.Arch }

// Program is one program file of the app: its path below the app's directory
// and the builds in it. Two builds make one universal Mach-O file.
type Program struct {
	Path    string
	Targets []Target
}

// Platform is one kind of package.
type Platform struct {
	// Name is "all" or what the package's file name ends in.
	Name     string
	Programs []Program
}

// All names the package that serves every platform.
const All = "all"

// The directories are those in which splunkd looks for a program: that of the
// platform, then bin (commands.conf.spec, "filename"). No directory is documented
// for arm64, so that build lies in bin itself. A package for one platform has its
// program at the same place as the package for all: whichever is unpacked over
// the other, no older program is left in a directory that is searched first.
var (
	linuxAMD64 = Program{"linux_x86_64/bin/tclookup", []Target{{"linux", "amd64"}}}
	linuxARM64 = Program{"bin/tclookup", []Target{{"linux", "arm64"}}}
	darwin     = Program{"darwin_x86_64/bin/tclookup", []Target{{"darwin", "amd64"}, {"darwin", "arm64"}}}
	windows    = Program{"windows_x86_64/bin/tclookup.exe", []Target{{"windows", "amd64"}}}
)

// Platforms returns every kind of package, "all" first.
func Platforms() []Platform {
	return []Platform{
		{All, []Program{linuxAMD64, linuxARM64, darwin, windows}},
		{"linux_x86_64", []Program{linuxAMD64}},
		{"linux_arm64", []Program{linuxARM64}},
		{"windows_x86_64", []Program{windows}},
		{"darwin", []Program{darwin}},
	}
}

// PlatformNames returns the names of Platforms in the same order.
func PlatformNames() []string {
	var names []string
	for _, p := range Platforms() {
		names = append(names, p.Name)
	}
	return names
}

// ParsePlatforms reads a comma separated list of platform names.
func ParsePlatforms(list string) ([]Platform, error) {
	var out []Platform
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(Platforms(), func(p Platform) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("platform %q: choose from %s", name, strings.Join(PlatformNames(), ", "))
		}
		if !slices.ContainsFunc(out, func(p Platform) bool { return p.Name == name }) {
			out = append(out, Platforms()[i])
		}
	}
	return out, nil
}

// Targets returns the builds the platforms need, each once, in a fixed order.
func Targets(platforms ...Platform) []Target {
	var out []Target
	for _, p := range platforms {
		for _, prog := range p.Programs {
			for _, t := range prog.Targets {
				if !slices.Contains(out, t) {
					out = append(out, t)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Target) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// windows reports whether the package is for Windows alone.
func (p Platform) windows() bool {
	return len(p.Programs) == 1 && p.Programs[0].Targets[0].OS == "windows"
}

// FileName is the name of the package file: tclookup-<version>.tgz for all
// platforms, with the platform's name behind the version otherwise.
func (p Platform) FileName(version string) string {
	if p.Name == All {
		return AppID + "-" + version + ".tgz"
	}
	return AppID + "-" + version + "-" + p.Name + ".tgz"
}
