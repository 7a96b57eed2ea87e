package indicator

import (
	"errors"
	"fmt"
)

// ErrInvalid is what every error about a value that is no indicator of the
// asked-for kind is (errors.Is). The text of the error says why; it holds no
// control characters and at most a few bytes of the value.
var ErrInvalid = errors.New("not an indicator")

// ErrEmpty says that nothing is left of a value when white space, quotes and
// control characters are trimmed. It is no ErrInvalid.
var ErrEmpty = errors.New("empty value")

// reason is an ErrInvalid with a fixed text.
type reason string

func (r reason) Error() string        { return string(r) }
func (r reason) Is(target error) bool { return target == ErrInvalid }

const (
	errTooLong       = reason("longer than 2,048 bytes")
	errUTF8          = reason("not valid UTF-8")
	errNoHost        = reason("no host name")
	errBlank         = reason("free text or several values: an indicator has no blanks")
	errDeep          = reason("defanged or quoted too many times over")
	errLongName      = reason("domain name longer than 253 bytes")
	errLongLabel     = reason("label longer than 63 bytes in a domain name")
	errEmptyLabel    = reason("empty label in a domain name")
	errNumericLabel  = reason("last label of a domain name is a number")
	errNoLetter      = reason("no letter in a host name")
	errHashHost      = reason("a host name that is a file hash by its looks")
	errHostChar      = reason("a character that no host name has")
	errNoPath        = reason("neither a host name nor a URL: no scheme and no domain before the path")
	errWildcardIP    = reason("wildcard before an IP address")
	errIPv4          = reason("not an IPv4 address: it needs four numbers from 0 to 255")
	errIPv4Zero      = reason("leading zero in an IPv4 address: decimal or octal is ambiguous")
	errIPv6          = reason("neither an IPv6 address nor host:port")
	errBracket       = reason("no IP address between the brackets")
	errZone          = reason("a % that belongs to no IP address")
	errPort          = reason("port is not a number from 0 to 65535")
	errNetwork       = reason("a network, not an address")
	errSeveralMail   = reason("several e-mail addresses: one value at a time")
	errTwoAts        = reason("more than one @")
	errAngle         = reason("text after the > of an e-mail address")
	errNoMail        = reason("no e-mail address where there must be one")
	errLocalEmpty    = reason("nothing before the @")
	errLocalLong     = reason("more than 64 bytes before the @")
	errLocalChar     = reason("a character before the @ that no e-mail address has")
	errLocalQuote    = reason("a quote before the @ that does not end there")
	errMailIP        = reason("e-mail address at an IP address")
	errSeveralHashes = reason("several hashes: one value at a time")
	errHashLength    = reason("hash does not have the length of the algorithm named before it")
	errNotHash       = reason("not a file hash: MD5 has 32 hexadecimal digits, SHA-1 40, SHA-256 64, SHA-512 128")
	errAntivirusChar = reason("a control or invisible character in an antivirus name")
	errType          = reason("asked for as an unknown type")
)

var article = [...]string{
	Domain:    "a domain name",
	IP:        "an IP address",
	Email:     "an e-mail address",
	Hash:      "a file hash",
	Antivirus: "an antivirus name",
}

// mismatch says that a value is an indicator of another kind than asked for.
type mismatch struct{ is, want Type }

func (m mismatch) Error() string        { return "is " + article[m.is] + ", not " + article[m.want] }
func (m mismatch) Is(target error) bool { return target == ErrInvalid }

// suffixError names the last label of a domain without a public suffix.
type suffixError struct{ label string }

func (e suffixError) Error() string {
	return fmt.Sprintf("unknown suffix .%s: neither a public suffix nor listed as a suffix of yours", e.label)
}
func (e suffixError) Is(target error) bool { return target == ErrInvalid }
