package feed

import (
	"strconv"
	"strings"
	"time"
)

// moments are the ways in which feeds write times; without a zone they are in
// UTC.
var moments = [...]string{
	time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 UTC", "2006-01-02T15:04:05", "2006-01-02T15:04:05.999999",
	time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04:05.999999-0700", "2006/01/02 15:04:05", "2006/01/02",
}

// when reads a time; what cannot be read is no time.
func when(s string) time.Time {
	s = strings.TrimSpace(s)
	if none(s) {
		return time.Time{}
	}
	for _, m := range moments {
		if t, err := time.Parse(m, s); err == nil && t.Year() >= 1970 && t.Year() < 3000 {
			return t.UTC()
		}
	}
	// Seconds, or milliseconds, since 1970.
	if f, err := strconv.ParseFloat(s, 64); err == nil && f > 0 && f < 1e14 {
		if f > 1e11 {
			f /= 1000
		}
		return time.Unix(int64(f), 0).UTC()
	}
	return time.Time{}
}

// none reports whether a cell says that there is nothing: abuse.ch writes
// None, n/a and nothing at all.
func none(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "none", "n/a", "null", "-", "nan", "0000-00-00", "unknown":
		return true
	}
	return false
}
