package version

import (
	"runtime/debug"
	"testing"
)

func TestVCSRevision(t *testing.T) {
	tests := []struct {
		name string
		in   []debug.BuildSetting
		want string
	}{
		{"none", nil, ""},
		{"modified without a revision", []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}, ""},
		{"clean", []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}}, "abc"},
		{"dirty, flag first", []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc"}}, "abc-dirty"},
	}
	for _, tt := range tests {
		if got := vcsRevision(tt.in); got != tt.want {
			t.Errorf("%s: vcsRevision = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestStringWithoutLinkerFlag(t *testing.T) {
	if version != "" {
		t.Skip("built with a version")
	}
	if got := String(); got != Devel {
		t.Errorf("String() = %q, want %q", got, Devel)
	}
}
