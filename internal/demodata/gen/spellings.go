package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// What the data set does not know, is not to be looked up, or is no indicator.
var (
	unknownDomains = []string{
		"static.postkontor-demo.cn", "cdn.wetterdienst-demo.de", "intake.telemetry-demo.io", "www.tram-timetable-demo.ch", "fonts.blue-lantern-demo.io",
		"updates.print-spooler-demo.com", "login.city-library-demo.org", "img.kochrezepte-demo.at", "api.ticket-desk-demo.co.uk", "shop.bücher-und-mehr-demo.de",
		"video.lecture-hall-demo.edu.au", "ocsp.cert-check-demo.net", "пример-demo.com", "ads.ad-server-demo.biz", "m.nachrichten-demo.info",
	}
	internalDomains = []string{"dc01.corp", "print.hq.local", "wiki.intranet", "nas.home.arpa", "build-7.internal", "LOCALHOST", "fileserver", "wpad", "a.b.example", "sinkhole.test"}
	junkDomains     = []string{"", "-", "n/a", "(none)", "???", "foo..bar", "report.final.docx", "http://", "a b c", strings.Repeat("x", 70) + ".com", "-", ""}
	unknownIPs      = []string{"44.128.220.1", "44.128.220.9", "44.128.221.77", "3ffe:b80:99::1", "44.128.222.3", "44.128.223.250"}
	localIPs        = []string{"10.20.0.5", "192.168.1.254", "172.16.31.9", "127.0.0.1", "169.254.10.11", "100.64.3.2", "fe80::1", "fd12:3456::7", "::1", "224.0.0.251", "198.51.100.23", "2001:db8::5", "0.0.0.0"}
	junkIPs         = []string{"", "-", "999.1.2.3", "1.2.3", "unknown", "44.128.17", "10.0.0.0/8"}
	otherSenders    = []string{"newsletter@kochrezepte-demo.at", "no-reply@ticket-desk-demo.co.uk", "postmaster@hq.local", "root@localhost", "<>", "MAILER-DAEMON", "not an address", "a@b@c", "grüße@wetterdienst-demo.de"}
	junkHashes      = []string{"-", "n/a", "deadbeef", "not computed", "zz259c66a2f74c1a9f2c4d6c8d9c0b1f"}
	otherSignatures = []string{"Clean", "Suspicious.Cloud.7", "Heur.AdvML.B"}
)

// spelling is a way in which a log writes something down.
type spelling func(string) string

func plain(s string) string     { return s }
func defanged(s string) string  { return strings.ReplaceAll(s, ".", "[.]") }
func upper(s string) string     { return strings.ToUpper(s) }
func addressed(s string) string { return "https://" + s + "/" }

var domainSpellings = []spelling{
	plain, upper, defanged, addressed,
	func(s string) string { return s + "." },
	func(s string) string { return "hxxp://" + defanged(s) + "/gate.php?id=7" },
	func(s string) string { return "https://user:secret@" + s + ":8443/a/b?q=x,y&z=%20#top" },
	func(s string) string { return s + ":443" },
	func(s string) string { return "*." + s },
	func(s string) string { return strings.ReplaceAll(s, ".", " dot ") },
	func(s string) string { return "\"" + s + "\"" },
	func(s string) string { return "  " + s + "\t" },
	func(s string) string { i := strings.LastIndexByte(s, '.'); return s[:i] + "(.)" + s[i+1:] },
	func(s string) string { return "HXXPS[:]//" + upper(s) + "/index.html" },
}

func bracketed(ip string) string {
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}

var ipSpellings = []spelling{
	plain,
	func(s string) string { return bracketed(s) + ":443" },
	func(s string) string {
		if strings.Contains(s, ":") {
			return upper(s)
		}
		return "::ffff:" + s
	},
	defanged,
	func(s string) string { return "http://" + bracketed(s) + ":8080/x" },
	func(s string) string { return " " + s },
	bracketed,
}

var emailSpellings = []spelling{
	plain,
	func(s string) string { return "Accounts, Central <" + s + ">" },
	func(s string) string { return strings.NewReplacer("@", "[@]", ".", "[.]").Replace(s) },
	func(s string) string { at := strings.IndexByte(s, '@'); return s[:at] + upper(s[at:]) },
	func(s string) string { return "\"Jürgen Weiß\" <" + s + ">" },
	func(s string) string { return "mailto:" + s },
	func(s string) string { return "<" + s + ">" },
}

var hashSpellings = []func(file) string{
	func(f file) string { return f.md5 },
	func(f file) string { return f.sha1 },
	func(f file) string { return upper(f.md5) },
	func(f file) string { return "MD5:" + f.md5 },
	sha256Of,
	func(f file) string { return upper(f.sha1) },
	func(f file) string { return upper(sha256Of(f)) },
}

// sha256Of returns an invented SHA-256 for a file, which the data set, as the
// original, does not know.
func sha256Of(f file) string {
	sum := sha256.Sum256([]byte(f.sha1))
	return hex.EncodeToString(sum[:])
}
