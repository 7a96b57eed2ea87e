package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
)

// known is what the data set knows, by kind, the most frequent in the log
// first.
type known struct {
	domains, ips, emails, signatures []string
	files                            []file
}

type file struct{ md5, sha1 string }

// readEntities takes the entities in turn from the several campaigns, so that
// each campaign has some that are frequent.
func readEntities(table []byte) (*known, error) {
	r := csv.NewReader(bytes.NewReader(table))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	k := &known{}
	for _, row := range rows[1:] {
		switch kind, value := row[0], row[1]; kind {
		case "domain":
			k.domains = append(k.domains, value)
		case "ip":
			k.ips = append(k.ips, value)
		case "email":
			k.emails = append(k.emails, value)
		case "antivirus":
			k.signatures = append(k.signatures, value)
		case "hash":
			f := file{value, row[3]}
			if f.sha1 == "" {
				f = file{"", value}
			}
			k.files = append(k.files, f)
		default:
			return nil, fmt.Errorf("type %q is not known", kind)
		}
	}
	k.domains = interleave(k.domains)
	k.ips = interleave(k.ips)
	k.files = interleave(k.files)
	return k, nil
}

// interleave takes every seventh element, then every seventh from the second
// on, and so forth.
func interleave[T any](in []T) []T {
	out := make([]T, 0, len(in))
	for start := range 7 {
		for i := start; i < len(in); i += 7 {
			out = append(out, in[i])
		}
	}
	return out
}
