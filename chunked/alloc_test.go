package chunked

import (
	"context"
	"io"
	"runtime"
	"strings"
	"testing"
)

// repeated reads a text n times after another text.
func repeated(first, s string, n int) io.Reader {
	rs := []io.Reader{strings.NewReader(first)}
	for range n {
		rs = append(rs, strings.NewReader(s))
	}
	return io.MultiReader(rs...)
}

// mallocs returns the number of allocations of a conversation with n requests.
func mallocs(t testing.TB, h Handler, body string, n int) uint64 {
	t.Helper()
	in := repeated(frame(getinfoMeta, ""), frame(executeMore, body), n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Serve(context.Background(), in, io.Discard, h); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// perRequest is the number of allocations of one more request.
func perRequest(t testing.TB, h func() Handler, body string) float64 {
	t.Helper()
	const few, many = 10, 510
	return (float64(mallocs(t, h(), body, many)) - float64(mallocs(t, h(), body, few))) / (many - few)
}

func TestRequestsAllocateNothing(t *testing.T) {
	body := "a,b,__mv_a,__mv_b\n" + strings.Repeat("x,\"y\"\"z\",,\n", 200)
	for name, test := range map[string]struct {
		h     func() Handler
		limit float64
	}{
		// The row level splits the header of each request.
		"echo": {func() Handler { return echo }, 1},
		"streaming rows": {func() Handler {
			return &StreamingCommand{Outputs: []string{"n"}, Each: func(_ context.Context, rec *Record) error {
				if len(rec.Bytes("b")) == 3 {
					rec.Set("n", "3")
				}
				return nil
			}}
		}, 5},
	} {
		if got := perRequest(t, test.h, body); got > test.limit {
			t.Errorf("%s: %.1f allocations for each request of 200 rows, want %.0f at most", name, got, test.limit)
		} else {
			t.Logf("%s: %.1f allocations for each request", name, got)
		}
	}
}

func BenchmarkEcho(b *testing.B) {
	body := "\"_time\",host,domain,\"_raw\",\"__mv__time\",\"__mv_host\",\"__mv_domain\",\"__mv__raw\"\n" +
		strings.Repeat("\"1763930099.125\",proxy01,\"evil.example\",\"GET /a\",,,,\n", 5000)
	benchmark(b, echo, body)
}

func BenchmarkStreamingRows(b *testing.B) {
	body := "\"_time\",host,domain,\"_raw\",\"__mv__time\",\"__mv_host\",\"__mv_domain\",\"__mv__raw\"\n" +
		strings.Repeat("\"1763930099.125\",proxy01,\"evil.example\",\"GET /a\",,,,\n", 5000)
	benchmark(b, &StreamingCommand{Outputs: []string{"out"}, Each: func(_ context.Context, rec *Record) error {
		if len(rec.Bytes("domain")) > 3 {
			rec.Set("out", "long")
		}
		return nil
	}}, body)
}

func benchmark(b *testing.B, h Handler, body string) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	in := repeated(frame(getinfoMeta, ""), frame(executeMore, body), b.N)
	b.ResetTimer()
	if err := Serve(context.Background(), in, io.Discard, h); err != nil {
		b.Fatal(err)
	}
}
