package config

import "slices"

// usual are names that other programs give to what is called otherwise here.
var usual = [...][2]string{
	{"disabled", "enabled"}, {"url", "base_url"}, {"host", "base_url"}, {"server", "base_url"}, {"endpoint", "base_url"},
	{"key", "api_key"}, {"apikey", "api_key"}, {"token", "api_key"}, {"password", "api_key"},
	{"verify", "insecure_tls"}, {"verify_ssl", "insecure_tls"}, {"ssl_verify", "insecure_tls"}, {"insecure", "insecure_tls"},
	{"ca", "ca_file"}, {"ca_cert", "ca_file"}, {"https_proxy", "proxy"}, {"http_proxy", "proxy"},
	{"rate_limit", "rate"}, {"type", "types"}, {"api", "kind"}, {"source", "sources"},
	{"ttl", "ttl_found"}, {"size", "max_disk"}, {"networks", "cidr"}, {"allowlist", "allowlist_file"},
}

// keysOf returns the keys of a section of the table.
func keysOf(section string) []string {
	var keys []string
	for i := range table {
		if table[i].Stanza == section {
			keys = append(keys, table[i].Key)
		}
	}
	for i := range feedTable {
		if section == AnyFeed {
			keys = append(keys, feedTable[i].Key)
		}
	}
	return keys
}

// suggestKey returns what may have been meant by an unknown key of a section:
// a key of it, else the name of a stanza that has the key. Both are empty when
// nothing comes to mind.
func suggestKey(section, key string) (near, stanza string) {
	keys := keysOf(section)
	if near = nearest(key, keys); near != "" {
		return near, ""
	}
	for _, u := range usual {
		if u[0] == key && slices.Contains(keys, u[1]) {
			return u[1], ""
		}
	}
	for i := range table {
		if table[i].Key == key && table[i].Stanza != section {
			return "", table[i].Stanza
		}
	}
	return "", ""
}

// nearest returns the candidate that word is a slip of the pen from, or
// nothing.
func nearest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	best, most := "", 1+len(word)/4
	for _, c := range candidates {
		if d := distance(word, c); d <= most && c != word {
			best, most = c, d-1
		}
	}
	return best
}

// nearestVariable is nearest for the names of variables: what a name has in
// common with a candidate up to an underscore makes it no more likely, and less
// is forgiven: other programs may have variables of such names.
func nearestVariable(name string, candidates []string) string {
	best, least := "", -1
	for _, c := range candidates {
		same := 0
		for i := 0; i < len(name) && i < len(c) && name[i] == c[i]; i++ {
			if name[i] == '_' {
				same = i + 1
			}
		}
		rest := name[same:]
		if d := distance(rest, c[same:]); len(rest) <= 64 && d <= 1+len(rest)/8 && (least < 0 || d < least) {
			best, least = c, d
		}
	}
	return best
}

// distance is the least number of changes that make a into b: a byte put in,
// left out or replaced, or two neighbours swapped. Case and the difference
// between - and _ count nothing.
func distance(a, b string) int {
	fold := func(c byte) byte {
		switch {
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case c == '-' || c == ' ' || c == '.':
			return '_'
		}
		return c
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			x, y, cost := fold(a[i-1]), fold(b[j-1]), 1
			if x == y {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x == fold(b[j-2]) && fold(a[i-2]) == y {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
