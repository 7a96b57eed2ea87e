package config

import (
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://tc.example.com":            "https://tc.example.com",
		"https://tc.example.com/":           "https://tc.example.com",
		"http://127.0.0.1:8080/threatcrowd": "http://127.0.0.1:8080/threatcrowd",
		"http://[::1]:8080//":               "http://[::1]:8080",
		"HTTPS://tc.example.com":            "HTTPS://tc.example.com",
	} {
		if got, err := parseURL(in, "https", "http"); err != nil || got != want {
			t.Errorf("parseURL(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for in, part := range map[string]string{
		"tc.example.com":                   "does not begin with https://",
		"tc.example.com:8080":              "does not begin with https://",
		"localhost:8080":                   "does not begin with https://",
		"ftp://tc.example.com":             `unknown scheme "ftp"`,
		"https://":                         "names no host",
		"https://:8080":                    "names no host",
		"https://u:p@tc.example.com":       "user name or password",
		"https://u:p@tc.example.com:x":     "user name or password",
		"https://tc.example.com?x=1":       "query",
		"https://tc.example.com/#f":        "fragment",
		"https://tc.example.com:port":      "invalid port",
		"https://tc.exa mple.com":          "not a URL",
		"https://%zz":                      "not a URL",
		"/threatcrowd":                     "does not begin with https://",
		"https//tc.example.com":            "does not begin with https://",
		"https://tc.example.com/\x7f/path": "not a URL",
	} {
		got, err := parseURL(in, "https", "http")
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("parseURL(%q) = %q, %v; want %q in the error", in, got, err, part)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"https://tc.example.com/x/", "http://u:secret@h", "localhost:80", "https://[::1%25eth0]:1", "a:b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseURL(s, "https", "http")
		if err != nil {
			return
		}
		if again, err := parseURL(got, "https", "http"); err != nil || again != got {
			t.Fatalf("%q gives %q, which gives %q, %v", s, got, again, err)
		}
	})
}

func TestParseProxy(t *testing.T) {
	for in, shown := range map[string]string{
		"none": "none", "http://proxy.example.com:3128": "http://proxy.example.com:3128",
		"http://u:p@proxy.example.com:3128": "http://(secret)@proxy.example.com:3128",
		"socks5h://u@[::1]:1080":            "socks5h://(secret)@[::1]:1080",
	} {
		got, err := parseProxy(in)
		if err != nil || got != in {
			t.Errorf("parseProxy(%q) = %q, %v", in, got, err)
		}
		if got := hidePassword(in); got != shown {
			t.Errorf("hidePassword(%q) = %q, want %q", in, got, shown)
		}
	}
	for _, in := range []string{"proxy", "proxy:3128", "ftp://proxy", "http://", "http://u:p@", "http://u:p@h:x", "http://h?x", "direct"} {
		if got, err := parseProxy(in); err == nil {
			t.Errorf("parseProxy(%q) = %q", in, got)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	for in, want := range map[string]string{
		"198.51.100.0/24": "198.51.100.0/24", "198.51.100.7/24": "198.51.100.0/24", "198.51.100.7": "198.51.100.7/32",
		"2001:db8::/32": "2001:db8::/32", "2001:DB8::1": "2001:db8::1/128", "::ffff:198.51.100.7": "198.51.100.7/32",
		"::ffff:198.51.100.0/120": "198.51.100.0/24", "0.0.0.0/0": "0.0.0.0/0",
	} {
		if got, err := parsePrefix(in); err != nil || got.String() != want {
			t.Errorf("parsePrefix(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "x", "198.51.100.0/33", "198.51.100", "fe80::1%eth0", "fe80::%eth0/64", "198.51.100.1-9", "/24", "::ffff:0:0/90", "01.2.3.4"} {
		if got, err := parsePrefix(in); err == nil {
			t.Errorf("parsePrefix(%q) = %v", in, got)
		}
	}
}

func TestParseSuffix(t *testing.T) {
	for in, want := range map[string]string{
		"example.com": "example.com", ".example.com": "example.com", "*.Example.COM.": "example.com", "lan": "lan",
		"bücher.example": "xn--bcher-kva.example", "_dmarc.example": "_dmarc.example",
	} {
		if got, err := parseSuffix(in); err != nil || got != want {
			t.Errorf("parseSuffix(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", ".", "*.", "*", "*example.com", "a..b", "-a.example", "a-.example", "http://a.example", "a b", "a@b.example",
		strings.Repeat("a", 64) + ".example", strings.Repeat("abc.", 70), "\xff.example", "a\u200b\u00ad.\u2024example"} {
		if got, err := parseSuffix(in); err == nil {
			t.Errorf("parseSuffix(%q) = %q", in, got)
		}
	}
}
