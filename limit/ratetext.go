package limit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unlimited is how an unlimited rate is written.
const Unlimited = "unlimited"

var rateUnits = [...]struct {
	name    string
	seconds float64
}{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}

// ParseRate reads a rate as the configuration writes it: "6/m", "0.1/s",
// "10/h", "500/d", "1/10s" or "unlimited". The result is in requests a second,
// 0 for unlimited.
func ParseRate(text string) (float64, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	if s == Unlimited {
		return 0, nil
	}
	fail := func() (float64, error) {
		return 0, fmt.Errorf("bad rate %q: write requests per s, m, h or d, as in 6/m, 0.1/s or 500/d, or %s", text, Unlimited)
	}
	count, per, ok := strings.Cut(s, "/")
	if !ok {
		return fail()
	}
	n, ok := parseNumber(strings.TrimSpace(count))
	per = strings.TrimSpace(per)
	if !ok || per == "" {
		return fail()
	}
	units := 1.0
	unit := per[len(per)-1:]
	if span := strings.TrimSpace(per[:len(per)-1]); span != "" {
		if units, ok = parseNumber(span); !ok {
			return fail()
		}
	}
	for _, u := range rateUnits {
		if u.name != unit {
			continue
		}
		r := n / (units * u.seconds)
		if !(r > 0) || math.IsInf(r, 0) {
			return fail()
		}
		return r, nil
	}
	return fail()
}

// parseNumber reads a positive decimal number.
func parseNumber(s string) (float64, bool) {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != '.' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && f > 0
}

// FormatRate writes a rate in requests a second the shortest way that
// ParseRate reads as the same number.
func FormatRate(r float64) string {
	if !(r > 0) || math.IsInf(r, 0) {
		return Unlimited
	}
	best := strconv.FormatFloat(r, 'f', -1, 64) + "/s"
	for _, u := range rateUnits {
		n := math.Round(r * u.seconds)
		if n < 1 || n > 1e15 {
			continue
		}
		s := strconv.FormatFloat(n, 'f', -1, 64) + "/" + u.name
		if v, err := ParseRate(s); err == nil && v == r && len(s) < len(best) {
			best = s
		}
	}
	return best
}
