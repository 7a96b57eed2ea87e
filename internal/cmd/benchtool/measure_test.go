package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
)

func TestRatio(t *testing.T) {
	of := func(ms ...int) *result {
		r := &result{}
		for _, m := range ms {
			r.Samples = append(r.Samples, sample{Wall: time.Duration(m) * time.Millisecond})
		}
		return r
	}
	// A slow round hits both: the ratio stays.
	if got := ratio(of(20, 200, 20), of(10, 100, 10), sample.wallSeconds); got != 2 {
		t.Errorf("ratio %v, want 2", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median %v, want 2.5", got)
	}
}

func TestTargets(t *testing.T) {
	b := &bench{}
	fast := &result{Program: "fast", Samples: []sample{{Wall: time.Second, Rows: 10}}}
	slow := &result{Program: "slow", Samples: []sample{{Wall: 2 * time.Second, Rows: 10}}}
	gone := &result{Program: "gone", Skipped: "not installed"}
	b.compare(target{Path: "a", AtLeast: 2}, fast, slow, sample.rowsPerSecond)
	b.compare(target{Path: "b", AtLeast: 2.1}, fast, slow, sample.rowsPerSecond)
	b.compare(target{Path: "c", AtMost: 1}, slow, fast, sample.wallSeconds)
	b.compare(target{Path: "d", AtLeast: 2}, fast, gone, sample.rowsPerSecond)
	b.bound(target{Path: "e", Under: 3}, 3)
	b.bound(target{Path: "f", Zero: true}, 0)
	var got []string
	for _, tg := range b.targets {
		word := "-"
		if tg.Met != nil {
			word = map[bool]string{true: "yes", false: "no"}[*tg.Met]
		}
		got = append(got, tg.Path+" "+word)
	}
	if s := strings.Join(got, ", "); s != "a yes, b no, c no, d -, e no, f yes" {
		t.Error(s)
	}
	var out bytes.Buffer
	if err := b.print(&out); err != nil || !strings.Contains(out.String(), "gone: not installed") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestReadReply(t *testing.T) {
	reply := frame(`{"finished":false}`, []byte("a,b\n1,2\n"))
	buf := make([]byte, 100)
	n, err := readReply(iotest.OneByteReader(bytes.NewReader(reply)), buf)
	if err != nil || !bytes.Equal(buf[:n], reply) {
		t.Errorf("%q, %v", buf[:n], err)
	}
	for name, in := range map[string]string{
		"cut off":   string(reply[:len(reply)-1]),
		"no header": "hello\n",
		"too long":  "chunked 1.0,18,1000\n" + strings.Repeat("x", 70),
		"two":       string(reply) + "chunked 1.0,2,0\n{}",
	} {
		if _, err := readReply(strings.NewReader(in), buf); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestJoined: what is wrong with an output is noticed.
func TestJoined(t *testing.T) {
	paths, err := warmPaths(500)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if err := p.step(); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	body := workload.New(100, true).Body(50, false)
	var good bytes.Buffer
	for i, line := range strings.SplitAfter(strings.TrimSuffix(string(body.CSV), "\n"), "\n") {
		good.WriteString(strings.TrimSuffix(line, "\n"))
		add := added
		if i > 0 {
			cells := workload.Cells(body.Domains[i-1])
			add = cells[:]
		}
		good.WriteString("," + strings.Join(add, ",") + "\n")
	}
	if err := joined(good.Bytes(), &body); err != nil {
		t.Error(err)
	}
	lines := strings.SplitAfter(good.String(), "\n")
	for name, bad := range map[string]string{
		"a row lost":      strings.Join(append(append([]string{}, lines[:3]...), lines[4:]...), ""),
		"rows swapped":    strings.Join(append([]string{lines[0], lines[2], lines[1]}, lines[3:]...), ""),
		"a row too many":  good.String() + lines[1],
		"a changed cell":  strings.Replace(good.String(), "proxy-eu-", "proxy-us-", 1),
		"a column lost":   strings.Replace(good.String(), "tc_votes", "tc_other", 1),
		"another verdict": strings.Replace(strings.Replace(good.String(), ",unknown,", ",harmless,", 1), ",malicious,", ",harmless,", 1),
	} {
		if joined([]byte(bad), &body) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}
