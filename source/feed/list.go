package feed

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source/local"
)

// list reads one value a line. Lines of a hosts file (an address and names)
// and of block lists (||name^) are understood too; # ; and // begin comments.
func (r *reading) list(b *bufio.Reader) error {
	for n := 1; r.ended() == nil; n++ {
		text, err := line(b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errLongLine) {
			r.counts.Records++
			r.bad(n, "", "longer than 64 KiB")
			continue
		}
		if err != nil {
			return err
		}
		r.listLine(n, text)
	}
	return r.err
}

func (r *reading) listLine(n int, text string) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' || text[0] == ';' || text[0] == '!' || strings.HasPrefix(text, "//") {
		return
	}
	for _, mark := range []string{" #", "\t#", " ;", "\t;", " //"} {
		if i := strings.Index(text, mark); i > 0 {
			text = strings.TrimSpace(text[:i])
		}
	}
	r.counts.Records++
	if names, ok := hostsLine(text); ok {
		good := 0
		for _, name := range names {
			if ind, err := r.parse(name, indicator.Domain); err == nil {
				r.listed(ind)
				good++
			} else if strings.Contains(name, ".") {
				r.bad(n, "", err.Error())
				return
			}
		}
		if good == 0 { // localhost and the like
			r.counts.Passed++
		}
		return
	}
	if inner, ok := strings.CutPrefix(text, "||"); ok {
		text = strings.TrimSuffix(inner, "^")
	}
	ind, err := r.parse(text, indicator.None)
	if err != nil {
		r.bad(n, "", err.Error())
		return
	}
	r.listed(ind)
}

func (r *reading) listed(ind indicator.Indicator) {
	r.fact(local.Fact{Kind: local.Listed, Subject: ind, Verdict: r.o.Verdict})
}

// hostsLine returns the names of a line of a hosts file that sends them
// nowhere.
func hostsLine(text string) (names []string, ok bool) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return nil, false
	}
	switch f[0] {
	case "0.0.0.0", "127.0.0.1", "127.0.1.1", "::", "::1", "255.255.255.255", "fe80::1%lo0", "ff02::1", "ff02::2", "ff00::0", "ff02::3":
		return f[1:], true
	}
	return nil, false
}
