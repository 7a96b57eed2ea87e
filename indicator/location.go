package indicator

import "bytes"

// cutScheme returns what follows "scheme://", or "//" alone. The scheme may be
// a defanged one, such as "hxxp" or "h**p".
func cutScheme(s []byte) (rest []byte, ok bool) {
	i := 0
	for i < len(s) && (classes[s[i]] != classOther || s[i] == '*' || s[i] == '+') {
		i++
	}
	if i > 0 {
		if isDigit(s[0]) || i >= len(s) || s[i] != ':' {
			return nil, false
		}
		i++
	}
	if len(s) < i+2 || !isSlash(s[i]) || !isSlash(s[i+1]) || i == 0 && s[0] == '\\' {
		return nil, false
	}
	return s[i+2:], true
}

func isSlash(c byte) bool { return c == '/' || c == '\\' }

// location appends the host of a URL with or without its scheme, of host:port
// or of nothing but a host; without anything around it, it may be a hash.
func (p *Parser) location(dst, s []byte) ([]byte, Type, error) {
	if rest, ok := cutScheme(s); ok {
		if i := bytes.IndexAny(rest, "/?#\\"); i >= 0 {
			rest = rest[:i]
		}
		if i := bytes.LastIndexByte(rest, '@'); i >= 0 {
			rest = rest[i+1:]
		}
		return p.hostPort(dst, trimBlanks(rest))
	}
	if hasSpace(s) {
		return dst, None, errBlank
	}
	i := bytes.IndexAny(s, "/?#")
	if i < 0 {
		if !bytes.ContainsAny(s, ":[%*") && isASCII(s) {
			return p.name(dst, s, false)
		}
		return p.hostPort(dst, s)
	}
	out, t, err := p.hostPort(dst, s[:i])
	switch {
	case err != nil:
		return dst, None, err
	case t == IP:
		if err := checkNetwork(out[len(dst):], s[i:]); err != nil {
			return dst, None, err
		}
	case bytes.IndexByte(out[len(dst):], '.') < 0: // "n/a", "text/html"
		return dst, None, errNoPath
	}
	return out, t, nil
}

// checkNetwork refuses what follows an address when it makes it a network. A
// network of a single address is one.
func checkNetwork(ip, rest []byte) error {
	if rest[0] != '/' {
		return nil
	}
	mask := rest[1:]
	full := "128"
	if bytes.IndexByte(ip, ':') < 0 {
		full = "32"
	}
	switch {
	case string(mask) == full:
		return nil
	case len(mask) <= 3 && allDigits(mask), bytes.IndexByte(mask, '.') > 0 && checkQuad(mask) == nil:
		return errNetwork
	}
	return nil
}

func checkQuad(s []byte) error {
	var a [4]byte
	if !dottedQuad(a[:], s) {
		return errIPv4
	}
	return nil
}

// hostPort appends the host of host:port, where the port may be missing and an
// IPv6 address stands with or without its brackets.
func (p *Parser) hostPort(dst, s []byte) ([]byte, Type, error) {
	if len(s) == 0 {
		return dst, None, errNoHost
	}
	if s[0] == '[' {
		end := bytes.IndexByte(s, ']')
		if end < 0 {
			return dst, None, errBracket
		}
		if err := checkPort(s[end+1:]); err != nil {
			return dst, None, err
		}
		return appendAddress(dst, s[1:end], errBracket)
	}
	colon := bytes.IndexByte(s, ':')
	if colon >= 0 {
		if bytes.IndexByte(s[colon+1:], ':') >= 0 {
			return appendAddress(dst, s, errIPv6)
		}
		if err := checkPort(s[colon:]); err != nil {
			return dst, None, err
		}
		s = s[:colon]
	}
	if bytes.IndexByte(s, '%') >= 0 {
		return appendAddress(dst, s, errZone)
	}
	return p.wild(dst, s)
}

// appendAddress appends an IP address without its zone.
func appendAddress(dst, s []byte, otherwise error) ([]byte, Type, error) {
	s, _, _ = bytes.Cut(s, []byte("%"))
	if out, ok := appendIPv6(dst, s); ok {
		return out, IP, nil
	}
	if checkQuad(s) == nil {
		return append(dst, s...), IP, nil
	}
	return dst, None, otherwise
}

// checkPort checks what follows a host, colon included.
func checkPort(s []byte) error {
	if len(s) == 0 {
		return nil
	}
	if s[0] != ':' {
		return errPort
	}
	n := 0
	for _, c := range s[1:] {
		if !isDigit(c) {
			return errPort
		}
		if n = n*10 + int(c-'0'); n > 65535 {
			return errPort
		}
	}
	return nil
}

// wild appends a host that may have a wildcard in front.
func (p *Parser) wild(dst, s []byte) ([]byte, Type, error) {
	name := bytes.TrimLeft(s, ".")
	for bytes.HasPrefix(name, []byte("*.")) {
		name = bytes.TrimLeft(name[2:], ".")
	}
	out, t, err := p.host(dst, name)
	if err == nil && t == IP && bytes.IndexByte(s, '*') >= 0 {
		return dst, None, errWildcardIP
	}
	return out, t, err
}

// host appends a domain or an IPv4 address, in which there may be letters and
// digits outside of ASCII.
func (p *Parser) host(dst, s []byte) ([]byte, Type, error) {
	if !isASCII(s) {
		ascii, err := toASCII(s)
		if err != nil {
			return dst, None, err
		}
		s = ascii
	}
	return p.name(dst, s, true)
}
