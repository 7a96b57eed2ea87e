package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rows is the number of events in the log.
const rows = 320

var header = []string{"_time", "host", "src_ip", "user", "domain", "dest_ip", "sender", "file_hash", "signature", "url", "bytes", "_raw"}

var users = []string{"m.okafor", "s.lindqvist", "jürgen.weiß", "CORP\\t.nguyen", "-", "a.o'brien", "łucja.k", "svc_backup", "陳大文"}

// writer makes the cells of one event after another.
type writer struct {
	chance
	*known
	n int // of the event
}

// spell writes a value down; the first events go through all spellings, the
// others are mostly plain.
func spell[S any](w *writer, spellings []S) S {
	switch {
	case w.n < len(spellings):
		return spellings[w.n]
	case w.percent(60):
		return spellings[0]
	}
	return pick(&w.chance, spellings)
}

// odd returns the values of the lists one after the other, one an event from
// the given event on, so that none is left out.
func (w *writer) odd(from int, lists ...[]string) (string, bool) {
	i := w.n - from
	for _, list := range lists {
		if 0 <= i && i < len(list) {
			return list[i], true
		}
		i -= len(list)
	}
	return "", false
}

func proxyLog(k *known) ([]byte, error) {
	var buf bytes.Buffer
	out := csv.NewWriter(&buf)
	if err := out.Write(header); err != nil {
		return nil, err
	}
	w := &writer{chance: 20260302, known: k}
	at := time.Date(2026, 3, 2, 7, 58, 0, 0, time.UTC)
	for ; w.n < rows; w.n++ {
		at = at.Add(time.Duration(50+w.below(9000)) * time.Millisecond)
		if err := out.Write(w.event(at)); err != nil {
			return nil, err
		}
	}
	out.Flush()
	return buf.Bytes(), out.Error()
}

func (w *writer) event(at time.Time) []string {
	src := fmt.Sprintf("10.20.%d.%d", w.below(4), 10+w.below(40))
	user := zipf(&w.chance, users)
	domain, name := w.domain()
	ip, sender, hash, signature := w.ip(), w.sender(), w.hash(), w.signature()
	url := w.url(name)
	size := strconv.Itoa(200 + w.below(1<<uint(9+w.below(12))))
	stamp := at.Format("2006-01-02T15:04:05.000Z07:00")
	return []string{
		stamp, fmt.Sprintf("proxy%02d", 1+w.below(3)), src, user, domain, ip, sender, hash, signature, url, size,
		w.raw(stamp, src, user, url, size),
	}
}

// domain returns a cell, and the plain name in it, if any.
func (w *writer) domain() (cell, name string) {
	if v, ok := w.odd(40, internalDomains, junkDomains, []string{"xn--bcher-aktion-demo-22b.de", "Bücher-Aktion-DEMO.de"}); ok {
		return v, ""
	}
	first := w.n < len(domainSpellings)
	switch p := w.below(100); {
	case first || p < 58:
		name = zipf(&w.chance, w.domains)
		if strings.HasPrefix(name, "xn--bcher-aktion") && w.percent(50) {
			return "bücher-aktion-demo.de", name
		}
		return spell(w, domainSpellings)(name), name
	case p < 80:
		name = zipf(&w.chance, unknownDomains)
		return spell(w, domainSpellings)(name), name
	case p < 92:
		return zipf(&w.chance, internalDomains), ""
	}
	return pick(&w.chance, junkDomains), ""
}

func (w *writer) ip() string {
	if v, ok := w.odd(80, localIPs, junkIPs); ok {
		return v
	}
	first := w.n < 2*len(ipSpellings)
	switch p := w.below(100); {
	case first || p < 55:
		if first {
			// Every spelling of an IPv4 address, then of an IPv6 address.
			ip := "44.128.17.21"
			if w.n >= len(ipSpellings) {
				ip = "3ffe:b80:1f2::53"
			}
			return ipSpellings[w.n%len(ipSpellings)](ip)
		}
		return spell(w, ipSpellings)(zipf(&w.chance, w.ips))
	case p < 70:
		return spell(w, ipSpellings)(zipf(&w.chance, unknownIPs))
	case p < 90:
		return zipf(&w.chance, localIPs)
	}
	return pick(&w.chance, junkIPs)
}

func (w *writer) sender() string {
	if v, ok := w.odd(120, otherSenders); ok {
		return v
	}
	switch p := w.below(100); {
	case w.n < len(emailSpellings) || p < 25:
		return spell(w, emailSpellings)(zipf(&w.chance, w.emails))
	case p < 40:
		return pick(&w.chance, otherSenders)
	}
	return ""
}

func (w *writer) hash() string {
	if v, ok := w.odd(140, junkHashes); ok {
		return v
	}
	switch p := w.below(100); {
	case w.n < len(hashSpellings) || p < 30:
		f := zipf(&w.chance, w.files)
		if f.md5 == "" {
			return f.sha1
		}
		return spell(w, hashSpellings)(f)
	case p < 38:
		return sha256Of(file{sha1: strconv.Itoa(w.below(5))})[:pick(&w.chance, []int{32, 40, 64})]
	case p < 42:
		return pick(&w.chance, junkHashes)
	}
	return ""
}

func (w *writer) signature() string {
	switch p := w.below(100); {
	case p < 18:
		return zipf(&w.chance, w.signatures)
	case p < 24:
		return pick(&w.chance, otherSignatures)
	}
	return ""
}

func (w *writer) url(name string) string {
	if name == "" {
		return ""
	}
	path := pick(&w.chance, []string{"/", "/index.html", "/api/v1/items?limit=20&sort=name,asc", "/wp-content/uploads/invoice_0226.docm", "/search?q=%22a,b%22", "/~user/größe.html"})
	return pick(&w.chance, []string{"http://", "https://", "https://"}) + name + path
}

// raw returns the event as its machine wrote it, with all that makes CSV
// difficult.
func (w *writer) raw(stamp, src, user, url, size string) string {
	if url == "" {
		url = "-"
	}
	switch w.n % 6 {
	case 0:
		return fmt.Sprintf(`%s TCP_MISS/200 %s GET "%s" user="%s" agent="Mozilla/5.0 (X11; Linux x86_64), like Gecko"`, src, size, url, user)
	case 1:
		return fmt.Sprintf("POST %s HTTP/1.1\nX-Forwarded-For: %s\nX-Note: Größe geprüft, \"ok\"\n\nbody=%s", url, src, size)
	case 2:
		return fmt.Sprintf(`{"t":"%s","src":"%s","url":"%s","note":"a, b \"c\"","bytes":%s}`, stamp, src, url, size)
	case 3:
		return fmt.Sprintf("téléchargement bloqué, règle «Kestrel»; ファイル 検疫 🦦 src=%s octets=%s", src, size)
	case 4:
		return "CEF:0|Demo|Proxy|1.0|100|web request|3|src=" + src + " request=" + url + " msg=a\\=b\\|c"
	}
	return stamp + " " + src + " " + url
}
