// Package workload generates the inputs of the measurements: a proxy log of
// ten fields whose domains follow Zipf's law, the same bytes every time.
package workload

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A Log generates the rows of a proxy log. It is not safe for concurrent use.
type Log struct {
	distinct int
	rng      *rand.Rand
	zipf     *rand.Zipf
	n        int
	row      row
}

// row is one event.
type row struct {
	domain                    int // number of the domain
	time                      string
	host, src, user           string
	url, method, status, size string
	agent                     string
}

// New returns a log with domains 0 to distinct-1: by Zipf's law, or every
// domain once, in order and then again, if zipf is false. The latter fills
// caches.
func New(distinct int, zipf bool) *Log {
	rng := rand.New(rand.NewPCG(20261124, 10))
	l := &Log{distinct: distinct, rng: rng}
	if zipf {
		l.zipf = rand.NewZipf(rng, 1.07, 3, uint64(distinct-1))
	}
	return l
}

var (
	words   = []string{"cdn", "static", "mail", "api", "update", "login", "img", "news", "tracker", "download", "a", "telemetry", "shop", "files", "eu-west", "edge"}
	zones   = []string{"example.com", "example.net", "example.org"}
	users   = []string{"alice", "bob", "carol", "dave", "erin", "svc-backup", "mallory", "o'brien"}
	methods = []string{"GET", "GET", "GET", "POST", "CONNECT"}
	codes   = []string{"200", "200", "200", "304", "404", "302", "503"}
	paths   = []string{"/assets/v2/themes/dark/app.js?build=", "/intranet/index.html?session=", "/api/v1/events?limit=500&cursor=", "/download/2026/installer.bin?mirror=", "/search?q=weather+tomorrow&lang=en&id="}
	agents  = []string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
		"Microsoft-CryptoAPI/10.0",
		"curl/8.11.1",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
	}
)

// Domain returns the name of domain i: under a name reserved by RFC 2606.
func Domain(i int) string {
	return words[i%len(words)] + strconv.FormatInt(int64(i), 36) + "." + zones[i/len(words)%len(zones)]
}

// Number returns the number of a domain, false if it is none of the workload's.
func Number(domain string) (int, bool) {
	label, _, _ := strings.Cut(domain, ".")
	for n := 1; n < len(label); n++ {
		i, err := strconv.ParseUint(label[n:], 36, 31)
		if err == nil && Domain(int(i)) == domain {
			return int(i), true
		}
	}
	return 0, false
}

// next makes the next row.
func (l *Log) next() *row {
	r, rng := &l.row, l.rng
	if l.zipf != nil {
		// The frequent ones are not the neighbours of each other.
		r.domain = int((l.zipf.Uint64()*7919 + 13) % uint64(l.distinct))
	} else {
		r.domain = l.n % l.distinct
	}
	ms := 1763930099125 + int64(l.n)*7
	r.time = fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
	r.host = "proxy-eu-" + strconv.Itoa(1+rng.IntN(4))
	r.src = "10." + strconv.Itoa(rng.IntN(4)) + "." + strconv.Itoa(rng.IntN(256)) + "." + strconv.Itoa(1+rng.IntN(254))
	r.user = users[rng.IntN(len(users))]
	r.url = "https://" + Domain(r.domain) + paths[rng.IntN(len(paths))] + strconv.FormatUint(rng.Uint64(), 36)
	r.method = methods[rng.IntN(len(methods))]
	r.status = codes[rng.IntN(len(codes))]
	r.size = strconv.Itoa(rng.IntN(250_000))
	r.agent = agents[rng.IntN(len(agents))]
	l.n++
	return r
}

// Answer is what is known about domain i: the columns that a program adds.
// About a quarter of the domains are unknown.
func Answer(i int) (known bool, votes int, lastSeen string) {
	h := uint32(i)*2654435761 + 12345
	if h>>16%4 == 0 {
		return false, 0, ""
	}
	return true, int(h>>8%3) - 1, fmt.Sprintf("2026-%02d-%02d", 1+h>>4%11, 1+h>>20%28)
}

// Domains returns the numbers of the domains of the next n rows.
func (l *Log) Domains(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = l.next().domain
	}
	return out
}
