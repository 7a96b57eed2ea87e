// Package version says which version of tclookup a program was built as.
package version

import "runtime/debug"

// Both are set by the linker, for instance
//
//	-X github.com/tclookup/tclookup/internal/version.version=0.1.0
//
// and never change afterwards.
var (
	version string
	commit  string
)

// Devel is the version of a program built without the linker flag.
const Devel = "devel"

// String is the semantic version without a leading "v", or Devel.
func String() string {
	if version == "" {
		return Devel
	}
	return version
}

// Commit is the revision the program was built from, with "-dirty" behind it
// when the tree had changes; empty when that is not known.
func Commit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return vcsRevision(info.Settings)
}

func vcsRevision(settings []debug.BuildSetting) string {
	var revision, suffix string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			suffix = "-dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + suffix
}
