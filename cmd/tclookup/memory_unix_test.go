//go:build linux || darwin

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/tclookup/tclookup/internal/accept"
)

// maxRSS is the most memory a program had, in MiB.
func maxRSS(t testing.TB, s *os.ProcessState) int64 {
	t.Helper()
	u, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Skip("the system does not tell how much memory a program had")
	}
	n := int64(u.Maxrss)
	if runtime.GOOS == "linux" {
		n <<= 10
	}
	return n >> 20
}

// repeated is a reader of the same bytes again and again.
type repeated struct {
	head, body []byte
	left       int64 // bytes of bodies
	rest       []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		switch {
		case r.head != nil:
			r.rest, r.head = r.head, nil
		case r.left <= 0:
			return 0, io.EOF
		default:
			r.rest = r.body
			r.left -= int64(len(r.body))
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// counted is an output of which only the length and the number of lines
// count. While it is written it looks at how much memory the writer has.
type counted struct {
	bytes, lines int64
	pid          atomic.Int64 // of the writer
	mib          int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	c.lines += int64(bytes.Count(p, []byte{'\n'}))
	if pid := c.pid.Load(); pid > 0 {
		c.mib = max(c.mib, peak(int(pid)))
	}
	return len(p), nil
}

// flow runs an input through the program and returns how much memory that
// took, in MiB.
func flow(t testing.TB, p *accept.Program, in io.Reader, args ...string) (*counted, int64) {
	t.Helper()
	c := p.Command(t.Context(), args...)
	out := new(counted)
	var errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = in, out, &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out.pid.Store(int64(c.Process.Pid))
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if out.mib == 0 {
		out.mib = maxRSS(t, c.ProcessState)
	}
	return out, out.mib
}

// peak is the most memory that a running program had, in MiB, and 0 where the
// system does not tell. What Linux tells of one that has ended is at least
// what the test's own process had when it started it.
func peak(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	var kib int64
	_, _ = fmt.Sscan(after, &kib)
	return kib >> 10
}

// Memory does not grow with the length of the input.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads hundreds of MB")
	}
	s := accept.NewServer(t, nil)
	var rows, lines bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&rows, "%d,host-%d.bad.com,10.%d.%d.7,\"GET /a/b?c=%d HTTP/1.1, \"\"Mozilla/5.0\"\"\",200\n", i, i%500, i%250, i%199, i)
		fmt.Fprintf(&lines, `{"n":%d,"d":"host-%d.bad.com","ip":"10.%d.%d.7","request":{"url":"/a/b?c=%d","agent":["Mozilla/5.0"]}}`+"\n", i, i%500, i%250, i%199, i)
	}
	const size = 200 << 20
	for _, tt := range []struct {
		name  string
		in    repeated
		bound int64 // MiB
		args  []string
	}{
		{"csv", repeated{head: []byte("n,d,ip,request,status\n"), body: rows.Bytes()}, 64, nil},
		{"jsonl", repeated{body: lines.Bytes()}, 64, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.in
			in.left = size
			want := (size + int64(len(in.body)) - 1) / int64(len(in.body)) * 20_000
			if in.head != nil {
				want++
			}
			out, mib := flow(t, asking(t, s), &in, append([]string{"enrich", "--field", "d", "--output", "status,verdict"}, tt.args...)...)
			if out.lines != want {
				t.Errorf("%d lines came out of %d", out.lines, want)
			}
			t.Logf("%d MiB for %d MiB in", mib, size>>20)
			if mib > tt.bound {
				t.Errorf("it took %d MiB, should be at most %d", mib, tt.bound)
			}
		})
	}
}

// Nor does it grow when no two values are the same.
func TestMemoryDistinctValues(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many rows")
	}
	r, w := io.Pipe()
	const n = 600_000
	go func() {
		var b bytes.Buffer
		b.WriteString("n,d\n")
		for i := range n {
			fmt.Fprintf(&b, "%d,10.%d.%d.%d\n", i, i>>16, i>>8&255, i&255)
			if b.Len() > 60_000 {
				_, _ = b.WriteTo(w)
			}
		}
		_, _ = b.WriteTo(w)
		_ = w.Close()
	}()
	out, mib := flow(t, program(t), r, "enrich", "--field", "d", "--output", "status,error")
	if out.lines != n+1 {
		t.Errorf("%d lines came out of %d", out.lines, n+1)
	}
	t.Logf("%d MiB", mib)
	if mib > 300 { // it levels out at about 235 MiB, however many values there are
		t.Errorf("%d distinct values took %d MiB", n, mib)
	}
}

// Packed input that would unpack to a lot is read piece by piece.
func TestMemoryPackedInput(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacks hundreds of MB")
	}
	s := accept.NewServer(t, nil)
	body := bytes.Repeat([]byte("bad.com,"+strings.Repeat("x", 100)+"\n"), 10_000)
	for _, kind := range []string{"gzip", "zstd"} {
		var packed bytes.Buffer
		z := io.WriteCloser(gzip.NewWriter(&packed))
		if kind == "zstd" {
			z, _ = zstd.NewWriter(&packed)
		}
		in := repeated{head: []byte("d,x\n"), body: body, left: 100 << 20}
		if _, err := io.Copy(z, &in); err != nil {
			t.Fatal(err)
		}
		_ = z.Close()
		out, mib := flow(t, asking(t, s), &packed, "enrich", "--field", "d", "--output", "status")
		t.Logf("%s: %d MiB, %d lines", kind, mib, out.lines)
		if mib > 64 {
			t.Errorf("%s: it took %d MiB", kind, mib)
		}
	}
}

// A single cell may be long, and a header may have many columns.
func TestLongCellsAndManyColumns(t *testing.T) {
	s := accept.NewServer(t, nil)
	size := 24 << 20
	columns := 100_000
	if testing.Short() {
		size, columns = 2<<20, 5_000
	}
	long := strings.Repeat("0123456789\n,\"\"", size/14)
	in := "a,d,b\n1,bad.com,\"" + long + "\"\n\"" + long + "\",nothing.com,2\n"
	o := asking(t, s).Run(t, strings.NewReader(in), "enrich", "--field", "d", "--output", "status")
	want := "a,d,b,tc_status\n1,bad.com,\"" + long + "\",found\n\"" + long + "\",nothing.com,2,not_found\n"
	if o.Code != 0 || o.Stdout != want {
		t.Errorf("long cells: exit code %d, %d bytes instead of %d; %s", o.Code, len(o.Stdout), len(want), o.Stderr)
	}
	t.Logf("cells of %d MiB: %d MiB, %v", size>>20, maxRSS(t, o.State), o.Took)

	// The value itself.
	in = "d\n\"" + long + "\"\n" + strings.Repeat("x", size) + ".com\nbad.com\n"
	o = asking(t, s).Run(t, strings.NewReader(in), "enrich", "--field", "d", "--output", "status")
	want = "d,tc_status\n\"" + long + "\",invalid\n" + strings.Repeat("x", size) + ".com,invalid\nbad.com,found\n"
	if o.Code != 0 || o.Stdout != want {
		t.Errorf("long values: exit code %d, %d bytes instead of %d; %s", o.Code, len(o.Stdout), len(want), o.Stderr)
	}

	var b strings.Builder
	for i := range columns {
		fmt.Fprintf(&b, "c%d,", i)
	}
	b.WriteString("d")
	head := b.String()
	row := strings.Repeat("v,", columns)
	in = head + "\n" + row + "bad.com\n" + row + "nothing.com\n"
	o = asking(t, s).Run(t, strings.NewReader(in), "enrich", "--field", "d", "--output", "status")
	want = head + ",tc_status\n" + row + "bad.com,found\n" + row + "nothing.com,not_found\n"
	if o.Code != 0 || o.Stdout != want {
		t.Errorf("many columns: exit code %d, %d bytes instead of %d; %.300s", o.Code, len(o.Stdout), len(want), o.Stderr)
	}
	t.Logf("%d columns: %v", columns, o.Took)

	// A JSON line of that size.
	in = `{"x":"` + strings.Repeat("y", size) + `","d":"bad.com"}` + "\n" + strings.Repeat("[", 100_000) + "\n" + `{"d":"nothing.com"}` + "\n"
	o = asking(t, s).Run(t, strings.NewReader(in), "enrich", "--field", "d", "--output", "status")
	want = `{"x":"` + strings.Repeat("y", size) + `","d":"bad.com","tc_status":"found"}` + "\n" + strings.Repeat("[", 100_000) + "\n" + `{"d":"nothing.com","tc_status":"not_found"}` + "\n"
	if o.Code != 0 || o.Stdout != want {
		t.Errorf("long lines: exit code %d, %d bytes instead of %d; %.300s", o.Code, len(o.Stdout), len(want), o.Stderr)
	}
}
