package indicator

import (
	"bytes"
	"errors"
)

// hashSize reports whether a hash can have n hexadecimal digits: MD5, SHA-1,
// SHA-256 and SHA-512 do.
func hashSize(n int) bool { return n == 32 || n == 40 || n == 64 || n == 128 }

var algorithms = [...]struct {
	name string
	size int // in hexadecimal digits
}{
	{"md5", 32},
	{"sha1", 40}, {"sha-1", 40},
	{"sha256", 64}, {"sha-256", 64},
	{"sha512", 128}, {"sha-512", 128},
}

// cutHashPrefix takes "md5:", "SHA1=" and their like off s. size is the number
// of digits the algorithm has, 0 when there is no such prefix. s is not empty.
func cutHashPrefix(s []byte) (size int, digits []byte) {
	if c := lowers[s[0]]; c != 'm' && c != 's' {
		return 0, nil
	}
	i := bytes.IndexAny(s[:min(len(s), 10)], ":=")
	if i < 0 {
		return 0, nil
	}
	for _, a := range algorithms {
		if equalFold(bytes.TrimRight(s[:i], " \t"), a.name) {
			return a.size, trim(s[i+1:])
		}
	}
	return 0, nil
}

func (p *Parser) prefixedHash(dst, digits []byte, size int) ([]byte, Type, error) {
	out, t, err := p.name(dst, digits, false)
	switch {
	case err == nil && t == Hash && len(out)-len(dst) == size:
		return out, Hash, nil
	case bytes.ContainsAny(digits, ",; \t"):
		return dst, None, errSeveralHashes
	}
	return dst, None, errHashLength
}

// noHash reports whether a value asked for as a hash is nothing else either,
// so that there is no better reason than how a hash looks.
func noHash(found []byte, t Type, err error) bool {
	switch err {
	case nil:
		return t == Domain && bytes.IndexByte(found, '.') < 0
	case errSeveralHashes, errHashLength, errUTF8:
		return false
	}
	return errors.Is(err, ErrInvalid)
}
