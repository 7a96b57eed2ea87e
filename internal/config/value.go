package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var errOutOfRange = errors.New("out of range")

// The readers of values take trimmed text that is not empty. Their errors say
// what is wrong; what is allowed is added from the table by the caller.

func parseBool(s string) (bool, error) {
	if len(s) <= len("false") {
		switch strings.ToLower(s) {
		case "true", "t", "1", "yes", "y":
			return true, nil
		case "false", "f", "0", "no", "n":
			return false, nil
		}
	}
	return false, errors.New("neither yes nor no")
}

func parseInt(s string, lo, hi int64) (int, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("not a whole number")
	}
	if err != nil || n < lo || n > hi {
		return 0, errOutOfRange
	}
	return int(n), nil
}

// splitNumber cuts s behind its leading decimal number.
func splitNumber(s string) (number, rest string) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	return s[:i], s[i:]
}

// decimal reads digits with at most one point among them.
func decimal(s string) (float64, error) {
	if s == "" || s == "." {
		return 0, errors.New("not a number")
	}
	for i := 0; i < len(s); i++ {
		if (s[i] < '0' || s[i] > '9') && s[i] != '.' {
			return 0, errors.New("not a number")
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errOutOfRange
	}
	if err != nil {
		return 0, errors.New("not a number")
	}
	return f, nil
}

var durationUnits = [...]struct {
	name string
	unit time.Duration
}{
	{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour},
	{"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour},
	{"ms", time.Millisecond}, {"us", time.Microsecond}, {"µs", time.Microsecond}, {"μs", time.Microsecond},
	{"ns", time.Nanosecond},
}

// ParseDuration reads a duration as the configuration writes it: numbers with
// units, such as 30s, 24h, 7d, 2w or 1h30m. A number without unit counts
// seconds, as in Splunk's own settings. A day has 24 hours. Negative durations
// are refused.
func ParseDuration(s string) (time.Duration, error) {
	var sum time.Duration
	if s == "" {
		return 0, errors.New("not a duration")
	}
	for rest := s; rest != ""; {
		number, tail := splitNumber(rest)
		unit := time.Duration(0)
		end := 0
		for end < len(tail) && tail[end] != '.' && (tail[end] < '0' || tail[end] > '9') {
			end++
		}
		for i := range durationUnits {
			if durationUnits[i].name == tail[:end] {
				unit = durationUnits[i].unit
			}
		}
		if tail == "" && number == s {
			unit = time.Second
		}
		if number == "" || unit == 0 {
			return 0, errors.New("not a duration")
		}
		d, err := times(number, unit)
		if err != nil {
			return 0, err
		}
		if sum > math.MaxInt64-d {
			return 0, errOutOfRange
		}
		sum += d
		rest = tail[end:]
	}
	return sum, nil
}

// times multiplies a decimal number with a unit: exactly where it is whole.
func times(number string, unit time.Duration) (time.Duration, error) {
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/int64(unit) {
			return 0, errOutOfRange
		}
		return time.Duration(n) * unit, nil
	}
	f, err := decimal(number)
	if err != nil {
		return 0, errors.New("not a duration")
	}
	if f *= float64(unit); f >= math.MaxInt64 {
		return 0, errOutOfRange
	}
	return time.Duration(math.Round(f)), nil
}

var sizeUnits = [...]struct {
	name string
	unit int64
}{
	{"", 1}, {"b", 1},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
}

// ParseSize reads a number of bytes, such as 256MiB, 1GB, 500 MB or 1048576.
// kB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB of 1024; case
// does not matter.
func ParseSize(s string) (int64, error) {
	number, unit := splitNumber(s)
	f, err := decimal(number)
	if err != nil {
		return 0, errors.New("not a size")
	}
	unit = strings.ToLower(strings.TrimLeft(unit, blanks))
	for _, u := range sizeUnits {
		if u.name != unit {
			continue
		}
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n <= math.MaxInt64/u.unit {
			return n * u.unit, nil
		}
		if f *= float64(u.unit); f >= math.MaxInt64 {
			return 0, errOutOfRange
		}
		return int64(f), nil
	}
	return 0, fmt.Errorf("unknown unit %q", printable(unit))
}

// parsePercent reads 10%, 2.5% or 10 as a part of 1; most is the largest
// percentage allowed.
func parsePercent(s string, most int64) (float64, error) {
	number, sign := strings.CutSuffix(s, "%")
	number = strings.TrimRight(number, blanks)
	f, err := decimal(number)
	switch {
	case err != nil:
		return 0, errors.New("not a percentage")
	case !sign && strings.Contains(number, "."):
		return 0, errors.New("a fraction of a percent, or of the whole? Write the % sign")
	case f > float64(most):
		return 0, errOutOfRange
	}
	return f / 100, nil
}

// list cuts a value at commas and white space. It never returns an empty
// element.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return r == ',' || r == ' ' || r == '\t' || r == '\n'
	})
}
