package filter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// hostile returns n records and what is to become of them.
func hostile(r *rand.Rand, n int) (in, out string) {
	var i, o strings.Builder
	i.WriteString("e,d,f\n")
	o.WriteString("e,d,f,tc_status\n")
	cells := []string{"", "1", `"a,b"`, "\"x\ny\"", `12" disk`, `"q""q"`, "\"\r\n,\"", `a"b"`, "ü"}
	for range n {
		status := "found"
		d := fmt.Sprintf("evil%d.com", r.IntN(300))
		switch r.IntN(4) {
		case 0:
			d, status = fmt.Sprintf("foo%d.com", r.IntN(300)), "not_found"
		case 1:
			d = `"` + d + `"`
		case 2:
			if r.IntN(9) == 0 {
				d, status = "", ""
			}
		}
		end := [...]string{"\n", "\r\n"}[r.IntN(2)]
		row := cells[r.IntN(len(cells))] + "," + d + "," + cells[r.IntN(len(cells))]
		i.WriteString(row + end)
		o.WriteString(row + "," + status + end)
		if r.IntN(50) == 0 {
			i.WriteString("\n")
			o.WriteString("\n")
		}
	}
	return i.String(), o.String()
}

// onCores runs f with several numbers of cores, and so of workers.
func onCores(t *testing.T, f func(t *testing.T)) {
	for _, n := range []int{1, 2, 3, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
			f(t)
		})
	}
}

// TestWorkers: the output does not depend on how many work at it, nor on how the
// input arrives.
func TestWorkers(t *testing.T) {
	in, want := hostile(rand.New(rand.NewPCG(1, 2)), 20_000)
	var lines, wantLines strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&lines, "{\"d\":\"evil%d.com\",\"n\":%d}\n", i%300, i)
		fmt.Fprintf(&wantLines, "{\"d\":\"evil%d.com\",\"n\":%d,\"tc_status\":\"found\"}\n", i%300, i)
	}
	onCores(t, func(t *testing.T) {
		for _, tt := range []struct{ name, in, want string }{{"CSV", in, want}, {"JSON Lines", lines.String(), wantLines.String()}} {
			for name, open := range map[string]func(io.Reader) io.Reader{
				"small reads":             func(r io.Reader) io.Reader { return &slow{r} },
				"large reads":             func(r io.Reader) io.Reader { return r },
				"end with the last bytes": func(r io.Reader) io.Reader { return iotest.DataErrReader(r) },
			} {
				var out bytes.Buffer
				o := Options{Inputs: []Input{{"in", func() (io.ReadCloser, error) { return io.NopCloser(open(strings.NewReader(tt.in))), nil }}},
					Out: &out, Detect: true, Enricher: enricher(t), Warn: func(string) {}}
				account, err := Run(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if out.String() != tt.want {
					t.Errorf("%s, %s: other bytes than expected, first at %d", tt.name, name, differ(out.String(), tt.want))
				}
				if rows := o.Enricher.Stats().Rows; account.RowsRead != rows || account.BytesIn != int64(len(tt.in)) || account.BytesOut != int64(len(tt.want)) {
					t.Errorf("%s, %s: account %+v, %d rows enriched", tt.name, name, account, rows)
				}
			}
		}
	})
}

func differ(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// TestWorkersReadFails: what was read before is written.
func TestWorkersReadFails(t *testing.T) {
	in, want := hostile(rand.New(rand.NewPCG(3, 4)), 3000)
	broken := errors.New("disk is broken")
	onCores(t, func(t *testing.T) {
		var out bytes.Buffer
		_, err := Run(t.Context(), Options{Inputs: []Input{{"in", func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(&slow{strings.NewReader(in)}, iotest.ErrReader(broken))), nil
		}}}, Out: &out, Detect: true, Enricher: enricher(t), Warn: func(string) {}})
		if !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
		if out.String() != want {
			t.Errorf("other bytes than expected, first at %d of %d", differ(out.String(), want), len(want))
		}
	})
}

// TestWorkersWriteFails: what was written is the beginning of the output, and
// nothing is written behind what could not be.
func TestWorkersWriteFails(t *testing.T) {
	in, want := hostile(rand.New(rand.NewPCG(5, 6)), 3000)
	full := errors.New("disk is full")
	onCores(t, func(t *testing.T) {
		for _, room := range []int{0, 10, 1000, 20_000, len(want) - 1} {
			out := &bounded{room: room, err: full}
			_, err := Run(t.Context(), Options{Inputs: []Input{{"in", func() (io.ReadCloser, error) {
				return io.NopCloser(&slow{strings.NewReader(in)}), nil
			}}}, Out: out, Detect: true, Enricher: enricher(t), Warn: func(string) {}})
			if !errors.Is(err, full) || out.failures != 1 {
				t.Errorf("room for %d: error %v, %d writes failed", room, err, out.failures)
			}
			if got := out.String(); !strings.HasPrefix(want, got) || len(got) != room {
				t.Errorf("room for %d: %d bytes written, right ones %d", room, len(got), differ(got, want))
			}
		}
	})
}

// bounded takes some bytes and then fails.
type bounded struct {
	bytes.Buffer
	room, failures int
	err            error
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.room)
	b.room -= n
	b.Buffer.Write(p[:n])
	if n < len(p) {
		b.failures++
		return n, b.err
	}
	return n, nil
}
