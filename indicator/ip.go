package indicator

import (
	"bytes"
	"net/netip"
)

// checkIPv4 says what is wrong with a dotted quad made of digits and dots.
func checkIPv4(s []byte) error {
	for i := 0; ; i++ {
		number, rest, more := bytes.Cut(s, []byte("."))
		if len(number) > 1 && number[0] == '0' {
			return errIPv4Zero
		}
		if len(number) == 0 || len(number) > 3 || decimal(number) > 255 || more == (i == 3) {
			return errIPv4
		}
		if !more {
			return nil
		}
		s = rest
	}
}

// decimal returns the value of a few digits.
func decimal(digits []byte) int {
	n := 0
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}

// parseIPv6 reads an IPv6 address without zone. It exists beside
// netip.ParseAddr because that one needs a string, hence an allocation.
func parseIPv6(s []byte) (a [16]byte, ok bool) {
	gap := -1 // where "::" stands
	if bytes.HasPrefix(s, []byte("::")) {
		gap = 0
		if s = s[2:]; len(s) == 0 {
			return a, true
		}
	}
	n := 0
	for n < 16 {
		group, digits := 0, 0
		for digits < len(s) && isHex(s[digits]) {
			if digits == 4 {
				return a, false
			}
			group = group<<4 | hexValue(s[digits])
			digits++
		}
		if digits == 0 {
			return a, false
		}
		if digits < len(s) && s[digits] == '.' {
			if n > 12 || gap < 0 && n != 12 || !dottedQuad(a[n:], s) {
				return a, false
			}
			n += 4
			s = nil
			break
		}
		a[n], a[n+1] = byte(group>>8), byte(group)
		n += 2
		if s = s[digits:]; len(s) == 0 {
			break
		}
		if s[0] != ':' || len(s) == 1 {
			return a, false
		}
		if s = s[1:]; s[0] == ':' {
			if gap >= 0 {
				return a, false
			}
			gap = n
			if s = s[1:]; len(s) == 0 {
				break
			}
		}
	}
	if len(s) > 0 || (gap < 0) != (n == 16) {
		return a, false
	}
	if gap >= 0 {
		tail := n - gap
		copy(a[16-tail:], a[gap:n])
		clear(a[gap : 16-tail])
	}
	return a, true
}

func hexValue(c byte) int {
	if isDigit(c) {
		return int(c - '0')
	}
	return int(lowers[c]-'a') + 10
}

// dottedQuad stores the IPv4 address s in the first four bytes of a.
func dottedQuad(a, s []byte) bool {
	for _, c := range s {
		if classes[c]&(classDigit|classDot) == 0 {
			return false
		}
	}
	if checkIPv4(s) != nil {
		return false
	}
	for i := range 4 {
		number, rest, _ := bytes.Cut(s, []byte("."))
		a[i] = byte(decimal(number))
		s = rest
	}
	return true
}

// appendIPv6 appends the canonical form of an IPv6 address, which is IPv4 for
// IPv4-mapped addresses.
func appendIPv6(dst, s []byte) ([]byte, bool) {
	a, ok := parseIPv6(s)
	if !ok {
		return dst, false
	}
	return netip.AddrFrom16(a).Unmap().AppendTo(dst), true
}
