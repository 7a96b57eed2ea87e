package apppkg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// semver2 is the grammar of semver.org 2.0.0 without build metadata, which has
// no order and so no place in a release.
var semver2 = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?$`)

// ReadVersion returns the version in the file VERSION at the project's root.
func ReadVersion(root string) (string, error) {
	name := filepath.Join(root, "VERSION")
	data, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("project version: %w", err)
	}
	v := strings.TrimSpace(string(data))
	if !semver2.MatchString(v) {
		return "", fmt.Errorf("%s: %q is not a semantic version such as 1.2.3 or 1.2.3-beta.1", name, v)
	}
	return v, nil
}

// BuildNumber turns a version into app.conf's build, a number that rises with
// every release: 1.2.3-rc.4 is 1002000304, 1.2.3 is 1002000399. A pre-release counts by
// the last number in its name.
func BuildNumber(version string) (int64, error) {
	m := semver2.FindStringSubmatch(version)
	if m == nil {
		return 0, fmt.Errorf("version %q: not a semantic version", version)
	}
	var n int64
	for i, limit := range []int64{0, 999, 999} {
		part, err := strconv.ParseInt(m[i+1], 10, 32)
		if err != nil || limit > 0 && part > limit || limit == 0 && part > 9999 {
			return 0, fmt.Errorf("version %q: %s is too large for a build number", version, m[i+1])
		}
		n = n*1000 + part
	}
	last := int64(99)
	if m[4] != "" {
		last = 0
		for part := range strings.SplitSeq(m[4], ".") {
			if v, err := strconv.ParseInt(part, 10, 32); err == nil {
				last = min(v, 98)
			}
		}
	}
	return n*100 + last, nil
}

// fallbackTime is the time of a package made outside version control.
var fallbackTime = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// SourceTime is the one time all members of a package get: epoch, the value of
// SOURCE_DATE_EPOCH (reproducible-builds.org), when it is not empty; otherwise that
// of the last commit; otherwise a fixed date.
func SourceTime(ctx context.Context, root, epoch string) (time.Time, error) {
	if epoch == "" {
		out, err := git(ctx, root, "log", "-1", "--format=%ct")
		if err != nil {
			return fallbackTime, nil
		}
		epoch = out
	}
	sec, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || sec < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q: want seconds since 1970", epoch)
	}
	return time.Unix(sec, 0).UTC(), nil
}

// Revision names the commit of the sources, with "-dirty" behind it when files
// of it were changed; empty outside version control.
//
// It is asked for here and linked in: go build's own stamp is missing in linked
// worktrees and in shallow copies that git refuses to look at.
func Revision(ctx context.Context, root string) string {
	rev, err := git(ctx, root, "rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	if out, err := git(ctx, root, "status", "--porcelain", "--untracked-files=no"); err != nil || out != "" {
		rev += "-dirty"
	}
	return rev
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
