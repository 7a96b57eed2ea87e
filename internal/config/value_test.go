package config

import (
	"math"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	const d = 24 * time.Hour
	good := map[string]time.Duration{
		"0": 0, "0s": 0, "30": 30 * time.Second, "30s": 30 * time.Second, "24h": d, "7d": 7 * d, "2w": 14 * d,
		"1h30m": 90 * time.Minute, "1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "250ms": 250 * time.Millisecond,
		"2.5": 2500 * time.Millisecond, "3us": 3 * time.Microsecond, "3µs": 3 * time.Microsecond, "5ns": 5,
	}
	for in, want := range good {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "s", "-1s", "+1s", "1x", "1h30", "1 h", "1.2.3s", ".", ".s", "1e3s", "h1", "99999999w", "9223372037s", "200000d200000d", "1D", "Inf", "1_0s"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v", in, got)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"30s", "7d", "1h30m", "1.5h", "12", "-3s", "9223372036854775807ns", "1w1d1h1m1s1ms"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseDuration(s)
		if err == nil && got < 0 {
			t.Fatalf("%q: negative: %v", s, got)
		}
		// What both know, both read alike, but for the last bit of fractions.
		want, stdErr := time.ParseDuration(s)
		if stdErr == nil && want >= 0 && s[0] != '+' && s[0] != '-' {
			if err != nil {
				t.Fatalf("%q: %v; time.ParseDuration reads %v", s, err, want)
			}
			if diff := math.Abs(float64(got - want)); diff > 2+float64(want)*1e-12 {
				t.Fatalf("%q: %v; time.ParseDuration reads %v", s, got, want)
			}
		}
	})
}

func TestParseSize(t *testing.T) {
	good := map[string]int64{
		"0": 0, "1024": 1024, "12B": 12, "256MiB": 256 << 20, "1GiB": 1 << 30, "1gib": 1 << 30, "1GB": 1e9, "500 MB": 500e6,
		"1.5KiB": 1536, "2kB": 2000, "3TB": 3e12, "1TiB": 1 << 40, "9223372036854775807": math.MaxInt64,
	}
	for in, want := range good {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MB", "-1", "1G", "1M", "1PB", "1.2.3", "1 0", "1e3", "9223372036854775808", "99999999TiB", ".", "1MB x"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %v", in, got)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"1GiB", "500MB", "12", "1.5kB", "9223372036854775807B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSize(s)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("%q: negative: %d", s, n)
		}
		if again, err := ParseSize(formatSize(n)); err != nil || again != n {
			t.Fatalf("%d is written %s and read %d, %v", n, formatSize(n), again, err)
		}
	})
}

func TestParsePercent(t *testing.T) {
	for in, want := range map[string]float64{"0": 0, "10": 0.1, "10%": 0.1, "2.5%": 0.025, "50 %": 0.5} {
		if got, err := parsePercent(in, 50); err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("parsePercent(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "%", "0.1", "51%", "51", "-1%", "1%%", "x", "NaN%", "1e400%"} {
		if got, err := parsePercent(in, 50); err == nil {
			t.Errorf("parsePercent(%q) = %v", in, got)
		}
	}
}

func TestParseBool(t *testing.T) {
	for _, in := range []string{"true", "True", "1", "yes", "t", "Y"} {
		if got, err := parseBool(in); err != nil || !got {
			t.Errorf("parseBool(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"false", "FALSE", "0", "no", "f", "n"} {
		if got, err := parseBool(in); err != nil || got {
			t.Errorf("parseBool(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "on", "off", "2", "truer", "enabled"} {
		if got, err := parseBool(in); err == nil {
			t.Errorf("parseBool(%q) = %v", in, got)
		}
	}
}

func TestParseInt(t *testing.T) {
	for in, want := range map[string]int{"1": 1, "5": 5, "+3": 3, "010": 10} {
		if got, err := parseInt(in, 1, 10); err != nil || got != want {
			t.Errorf("parseInt(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for in, message := range map[string]string{
		"0": "out of range", "11": "out of range", "-1": "out of range", "99999999999999999999": "out of range",
		"x": "not a whole number", "": "not a whole number", "1.5": "not a whole number", "1_000": "not a whole number",
	} {
		if got, err := parseInt(in, 1, 10); err == nil || err.Error() != message {
			t.Errorf("parseInt(%q) = %v, %v; want %s", in, got, err, message)
		}
	}
}
