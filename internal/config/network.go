package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

var errPassword = errors.New("holds a user name or password; take it out of the URL")

// parseURL reads an absolute URL of one of the schemes and returns it without
// a slash at the end.
func parseURL(s string, schemes ...string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil && strings.Contains(s, "@"):
		return "", errPassword // or something else, but safe to say
	case err != nil:
		var cause *url.Error
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return "", fmt.Errorf("not a URL: %w", err)
	case u.User != nil:
		return "", errPassword
	case u.Scheme == "" || u.Host == "" && u.Opaque != "":
		return "", errors.New("not a URL: it does not begin with " + schemes[0] + "://")
	case !slices.Contains(schemes, u.Scheme):
		return "", fmt.Errorf("unknown scheme %q", printable(u.Scheme))
	case u.Hostname() == "":
		return "", errors.New("the URL names no host")
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("the URL has a query or a fragment")
	}
	return strings.TrimRight(s, "/"), nil
}

// parseFileURL reads the URL of a file. What follows the path is kept.
func parseFileURL(s string) (string, error) {
	bare, query, _ := strings.Cut(s, "?")
	if strings.Contains(query, "#") {
		return "", errors.New("the URL has a fragment")
	}
	if _, err := parseURL(bare, "https", "http"); err != nil {
		return "", err
	}
	return s, nil
}

// parseProxy reads the URL of a proxy, which may hold a user name and a
// password, or "none".
func parseProxy(s string) (string, error) {
	if s == "none" {
		return s, nil
	}
	bare := s
	if u, err := url.Parse(s); err == nil && u.User != nil {
		u.User = nil
		bare = u.String()
	} else if err != nil && strings.Contains(s, "@") {
		return "", errors.New("not a URL") // the cause may quote the password
	}
	if _, err := parseURL(bare, "http", "https", "socks5", "socks5h"); err != nil {
		return "", err
	}
	return strings.TrimRight(s, "/"), nil
}

// hidePassword takes the user name and the password out of a URL.
func hidePassword(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	at := strings.LastIndexByte(rest, '@')
	if !ok || at < 0 {
		return s
	}
	return scheme + "://" + Redacted + rest[at:]
}

// parseAddress reads an address to listen on, host:port.
func parseAddress(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", errors.New("not an address")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", errors.New("the port is not a number from 0 to 65535")
	}
	if strings.ContainsAny(host, " /@\t") {
		return "", errors.New("not an address")
	}
	return s, nil
}

// parsePrefix reads a network, or an address as the network of it alone.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%s is no address", printable(s))
		}
		if a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%s has a zone", printable(s))
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is no network", printable(s))
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%s holds more than IPv4-mapped addresses", printable(s))
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// parseSuffix reads a domain suffix in any spelling (example.com,
// .example.com, *.example.com) and returns it in lower case, in ASCII, without
// the dots around it.
func parseSuffix(s string) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(s, "*."), "."), ".")
	for i := 0; i < len(name); i++ {
		if name[i] >= 0x80 {
			a, err := idna.Lookup.ToASCII(name)
			if err != nil {
				return "", fmt.Errorf("%s is no domain", printable(s))
			}
			name = a
			break
		}
	}
	name = strings.ToLower(name)
	if name == "" || len(name) > 253 || !utf8.ValidString(s) {
		return "", fmt.Errorf("%s is no domain", printable(s))
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return "", fmt.Errorf("%s is no domain", printable(s))
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", fmt.Errorf("%s is no domain", printable(s))
			}
		}
	}
	return name, nil
}
