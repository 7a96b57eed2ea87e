package workload

import (
	"fmt"
	"strings"
)

// columns of the log, in order; splunk has the raw event in the place of the
// user agent.
var columns = []string{"_time", "host", "src_ip", "user", "domain", "url", "method", "status", "bytes", "user_agent"}

func (r *row) cells() [10]string {
	return [10]string{r.time, r.host, r.src, r.user, Domain(r.domain), r.url, r.method, r.status, r.size, r.agent}
}

// CSVHeader returns the header of AppendCSV's records.
func CSVHeader() []byte { return []byte(strings.Join(columns, ",") + "\n") }

// AppendCSV appends n rows as RFC 4180 has them, quoted where needed, with LF
// line ends.
func (l *Log) AppendCSV(dst []byte, n int) []byte {
	for range n {
		cells := l.next().cells()
		for i, c := range cells {
			if i > 0 {
				dst = append(dst, ',')
			}
			if strings.ContainsAny(c, ",\"\n") {
				dst = appendQuoted(dst, c)
			} else {
				dst = append(dst, c...)
			}
		}
		dst = append(dst, '\n')
	}
	return dst
}

func appendQuoted(dst []byte, c string) []byte {
	return append(append(append(dst, '"'), strings.ReplaceAll(c, `"`, `""`)...), '"')
}

// appendSplunk appends a cell as splunkd writes it: bare only if it holds
// nothing but ASCII letters and digits.
func appendSplunk(dst []byte, c string) []byte {
	for i := range len(c) {
		if b := c[i]; (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'z') {
			return appendQuoted(dst, c)
		}
	}
	return append(dst, c...)
}

// raw is the event as the proxy logged it.
func (r *row) raw() string {
	return r.time + " " + r.src + " " + r.user + ` "` + r.method + " " + Domain(r.domain) + `" ` + r.status + " " + r.size + ` "` + r.agent + `"`
}

// Body is a body of splunkd and the domains of its rows.
type Body struct {
	CSV     []byte
	Domains []int
}

// Body returns n rows as splunkd sends them: all fields, or only the field
// domain and the index that rows are matched by.
func (l *Log) Body(n int, selected bool) Body {
	names := append([]string{}, columns...)
	names[9] = "_raw"
	if selected {
		names = []string{"domain", "_chunked_idx"}
	}
	b := Body{CSV: make([]byte, 0, n*320), Domains: make([]int, 0, n)}
	for i, name := range names {
		if i > 0 {
			b.CSV = append(b.CSV, ',')
		}
		b.CSV = appendSplunk(b.CSV, name)
	}
	for _, name := range names {
		b.CSV = appendSplunk(append(b.CSV, ','), "__mv_"+name)
	}
	b.CSV = append(b.CSV, '\n')
	for k := range n {
		r := l.next()
		b.Domains = append(b.Domains, r.domain)
		if selected {
			b.CSV = appendSplunk(b.CSV, Domain(r.domain))
			b.CSV = fmt.Appendf(b.CSV, ",%d,,\n", k)
			continue
		}
		cells := r.cells()
		cells[9] = r.raw()
		for i, c := range cells {
			if i > 0 {
				b.CSV = append(b.CSV, ',')
			}
			b.CSV = appendSplunk(b.CSV, c)
		}
		b.CSV = append(b.CSV, ",,,,,,,,,,\n"...)
	}
	return b
}

// AppendJSONL appends n rows as JSON Lines. No value needs an escape but the
// quotes of none.
func (l *Log) AppendJSONL(dst []byte, n int) []byte {
	for range n {
		r := l.next()
		dst = fmt.Appendf(dst, `{"_time":%s,"host":%q,"src_ip":%q,"user":%q,"domain":%q,"http":{"url":%q,"method":%q,"status":%s,"bytes":%s},"user_agent":%q}`+"\n",
			r.time, r.host, r.src, r.user, Domain(r.domain), r.url, r.method, r.status, r.size, r.agent)
	}
	return dst
}

// AppendTable appends a table of n domains with what is known about them, as
// CSV with a header: what other programs join the log with.
func AppendTable(dst []byte, n int) []byte {
	dst = append(dst, "domain,tc_verdict,tc_votes,tc_last_seen\n"...)
	for i := range n {
		dst = append(dst, Domain(i)...)
		for _, c := range Cells(i) {
			dst = append(append(dst, ','), c...)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// Cells are the columns verdict, votes and last_seen of domain i.
func Cells(i int) [3]string {
	known, votes, seen := Answer(i)
	if !known {
		return [3]string{"unknown", "", ""}
	}
	return [3]string{[]string{"malicious", "unknown", "harmless"}[votes+1], fmt.Sprint(votes), seen}
}
