package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Allowed says in words which values the setting takes.
func (s *Setting) Allowed() string {
	switch s.Kind {
	case Bool:
		return "true, false, yes, no, t, f, y, n, 1, 0"
	case Int:
		return fmt.Sprintf("a whole number from %d to %d", s.Min, s.Max)
	case Duration:
		return fmt.Sprintf("a duration such as 30s, 24h, 7d, 2w or 1h30m, or a number of seconds, from %s to %s",
			formatDuration(time.Duration(s.Min)), formatDuration(time.Duration(s.Max)))
	case Size:
		return "a size such as 256MiB, 1GB or a number of bytes, from " + formatSize(s.Min) + " to " + formatSize(s.Max)
	case Percent:
		return fmt.Sprintf("a percentage from 0%% to %d%%", s.Max)
	case Rate:
		return "a rate such as 6/m, 0.1/s, 10/h, 500/d, or unlimited"
	case Address:
		return "host:port, such as 127.0.0.1:8080, [::1]:8080 or :443 for all addresses of the machine"
	case Word:
		return strings.Join(s.Words, ", ")
	case Words:
		if len(s.Words) > 0 {
			return "a list of " + strings.Join(s.Words, ", ") + ", separated by commas or blanks"
		}
		return "a list of words, separated by commas or blanks"
	case Domains:
		return "a list of domains such as example.com, separated by commas or blanks"
	case Networks:
		return "a list of networks such as 198.51.100.0/24 or 2001:db8::/32 and single addresses, separated by commas or blanks"
	case Path:
		return "a path; $NAME stands for an environment variable, and a relative path begins at the directory of the file it is written in"
	case URL:
		return "an http or https URL without user name, password, query and fragment"
	case FileURL:
		return "an http or https URL without user name, password and fragment"
	case Proxy:
		return "the URL of an http, https, socks5 or socks5h proxy such as http://proxy.example.com:3128, or none"
	case SecretKey:
		return "any text on one line"
	}
	return "text without quotes, commas and equals signs; the only placeholder is {field}"
}

// formatDuration writes d in the largest unit that it is a multiple of.
func formatDuration(d time.Duration) string {
	for _, u := range [...]struct {
		name string
		unit time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d >= u.unit && d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return d.String()
}

// formatSize writes n in the largest unit of 1024 that it is a multiple of.
func formatSize(n int64) string {
	for i := len(sizeUnits) - 1; i >= 0; i-- {
		u := sizeUnits[i]
		if strings.HasSuffix(u.name, "ib") && n >= u.unit && n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + strings.ToUpper(u.name[:1]) + "iB"
		}
	}
	return strconv.FormatInt(n, 10)
}
