package threatcrowd

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// decoder reads lists and counts what it leaves out.
type decoder struct {
	r *source.Report
}

// isArray tells whether v holds a list. Another value, but for null, counts
// as one element of a wrong type.
func (d *decoder) isArray(v string) bool {
	if v == "" || v == "null" {
		return false
	}
	if v[0] != '[' {
		d.r.Dropped++
		return false
	}
	return true
}

// absent reports whether a cleaned value stands for none.
func absent(s string) bool { return s == "" || s == "-" }

// cleanAddress is cleanLower for addresses; those that stand for "none" are
// empty.
func cleanAddress(s string) string {
	if s = cleanLower(s); s == "0.0.0.0" {
		return ""
	}
	return s
}

// list reads a list of strings.
func (d *decoder) list(v string, clean func(string) string) []string {
	if !d.isArray(v) {
		return nil
	}
	var (
		out  []string
		seen distinct
	)
	p := scanner{s: v}
	_ = p.array(0, func(elem string) { // was read before, so it cannot fail
		if elem[0] != '"' {
			d.r.Dropped++
			return
		}
		s := clean(unquote(elem))
		if absent(s) {
			return
		}
		if out == nil {
			seen.room = min(1024, strings.Count(v, ",")+1)
			out = make([]string, 0, seen.room)
		}
		if _, ok := seen.index(s, len(out), func(i int) string { return out[i] }); !ok {
			out = append(out, s)
		}
	})
	return out
}

// resolutions reads a list of {"last_resolved", "ip_address" or "domain"}.
func (d *decoder) resolutions(v string, t indicator.Type) []source.Resolution {
	if !d.isArray(v) {
		return nil
	}
	var (
		out  []source.Resolution
		seen distinct
	)
	p := scanner{s: v}
	_ = p.array(0, func(v string) {
		if v[0] != '{' {
			d.r.Dropped++
			return
		}
		var date, addr, domain string
		e := scanner{s: v}
		_ = e.object(0, func(key, value string) {
			switch {
			case key == "last_resolved":
				date = value
			case key == "ip_address":
				addr = value
			case key == "domain":
				domain = value
			}
		})
		value := addr
		if t == indicator.IP && isString(domain) || !isString(addr) {
			value = domain
		}
		if !isString(value) {
			d.r.Dropped++
			return
		}
		s := cleanAddress(unquote(value))
		if absent(s) {
			return
		}
		day := text(date, cleanDate)
		if i, ok := seen.index(s, len(out), func(i int) string { return out[i].Value }); ok {
			out[i].LastSeen = max(out[i].LastSeen, day)
			return
		}
		out = append(out, source.Resolution{Value: s, LastSeen: day})
	})
	// YYYY-MM-DD sorts as text, and unknown, empty, as the oldest.
	slices.SortStableFunc(out, func(a, b source.Resolution) int { return cmp.Compare(b.LastSeen, a.LastSeen) })
	return out
}

func isString(v string) bool { return v != "" && v[0] == '"' }

// distinct finds repeats: by looking at all of a short list, with a map in a
// long one.
type distinct struct {
	room int // about how many there may be
	at   map[string]int
}

// index returns where s is among the n values seen so far, of which value
// gives the i-th. If it is not there the caller adds it as the next.
func (d *distinct) index(s string, n int, value func(int) string) (int, bool) {
	const short = 8
	if n < short {
		for i := range n {
			if value(i) == s {
				return i, true
			}
		}
		return 0, false
	}
	if d.at == nil {
		d.at = make(map[string]int, max(d.room, 4*short))
		for i := range n {
			d.at[value(i)] = i
		}
	}
	if i, ok := d.at[s]; ok {
		return i, true
	}
	d.at[s] = n
	return 0, false
}
