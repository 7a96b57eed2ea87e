package limit

import (
	"math"
	"strings"
	"testing"
)

func TestParseRate(t *testing.T) {
	for _, c := range []struct {
		in   string
		want float64
		out  string
	}{
		{"6/m", 0.1, "6/m"},
		{"0.1/s", 0.1, "6/m"},
		{"500/d", 500.0 / 86400, "500/d"},
		{"10/h", 10.0 / 3600, "10/h"},
		{"1/10s", 0.1, "6/m"},
		{" 4 / M ", 4.0 / 60, "4/m"},
		{"1000/s", 1000, "1000/s"},
		{"2.5/s", 2.5, "2.5/s"},
		{"unlimited", 0, "unlimited"},
		{"Unlimited", 0, "unlimited"},
	} {
		got, err := ParseRate(c.in)
		if err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("ParseRate(%q) = %v, %v; want %v", c.in, got, err, c.want)
		}
		if s := FormatRate(got); s != c.out {
			t.Errorf("FormatRate(%v) = %q, want %q", got, s, c.out)
		}
	}
	for _, in := range []string{"", "6", "/m", "6/", "0/s", "-1/s", "6/w", "6/m/s", "NaN/s", "Inf/s", "1e3/s", "6/0s", "6 m", "0x1/s", "1/1_0s", strings.Repeat("9", 400) + "/s"} {
		if r, err := ParseRate(in); err == nil {
			t.Errorf("ParseRate(%q) = %v, want an error", in, r)
		} else if !strings.Contains(err.Error(), "6/m") {
			t.Errorf("ParseRate(%q): the error does not say what is allowed: %v", in, err)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"6/m", "0.1/s", "500/d", "10/h", "unlimited", "1/10s", "3/7h", "x", "1/.5d", "0.0000001/d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRate(s)
		if err != nil {
			return
		}
		if r < 0 || math.IsNaN(r) || math.IsInf(r, 0) {
			t.Fatalf("ParseRate(%q) = %v", s, r)
		}
		text := FormatRate(r)
		if again, err := ParseRate(text); err != nil || again != r {
			t.Fatalf("%q is %v, written %q, which is %v, %v", s, r, text, again, err)
		}
		if (Policy{Rate: r}).period() < 0 {
			t.Fatalf("%q: negative period", s)
		}
	})
}
