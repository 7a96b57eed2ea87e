package indicator

import (
	"bufio"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
)

type testCase struct {
	line                           int
	input, want, typ, value, apart string
}

// readCases reads testdata/cases.tsv, whose head says what the columns are.
func readCases(t testing.TB) []testCase {
	t.Helper()
	f, err := os.Open("testdata/cases.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []testCase
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		if line == "" || strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "## ") {
			continue
		}
		c := strings.Split(line, "\t")
		if len(c) != 5 {
			t.Fatalf("line %d has %d columns, want 5", n, len(c))
		}
		if strings.HasPrefix(c[0], `"`) {
			if c[0], err = strconv.Unquote(c[0]); err != nil {
				t.Fatalf("line %d: %v", n, err)
			}
		}
		cases = append(cases, testCase{n, c[0], c[1], c[2], c[3], c[4]})
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

func testParser(t testing.TB) *Parser {
	t.Helper()
	p, err := NewParser(ParserConfig{Suffixes: []string{".acme", "lab.zone9"}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testRules(t testing.TB) *Rules {
	t.Helper()
	r, err := NewRules(RulesConfig{
		CIDR:     []netip.Prefix{netip.MustParsePrefix("8.8.4.0/24")},
		Suffixes: []string{".Partner-Net.com"},
		Allow: []string{
			"allowed[.]org", "9.9.9[.]9", "149.112.112.0/24", "Vip@Evil[.]net",
			"MD5:00000000000000000000000000000000", "Eicar-Test-Signature", "W32/Known  Good",
		},
		Defaults: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCases(t *testing.T) {
	p, r := testParser(t), testRules(t)
	cases := readCases(t)
	if len(cases) < 300 {
		t.Errorf("%d cases, want them all", len(cases))
	}
	for _, c := range cases {
		want, err := ParseType(c.want)
		if err != nil {
			t.Fatalf("line %d: %v", c.line, err)
		}
		ind, err := p.Parse(c.input, want)
		switch c.typ {
		case "empty":
			if err != ErrEmpty {
				t.Errorf("line %d: Parse(%q) = %v, %v, want ErrEmpty", c.line, c.input, ind, err)
			}
		case "-":
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.value) {
				t.Errorf("line %d: Parse(%q) = %v, %v, want an error with %q", c.line, c.input, ind, err, c.value)
			}
		default:
			if err != nil || ind.Type.String() != c.typ || ind.Value != c.value {
				t.Errorf("line %d: Parse(%q) = %v, %v, want %s %s", c.line, c.input, ind, err, c.typ, c.value)
				continue
			}
			got := r.Excluded(ind)
			if c.apart == "-" && got != "" || c.apart != "-" && (got == "" || !strings.HasPrefix(got, c.apart)) {
				t.Errorf("line %d: Excluded(%v) = %q, want %q", c.line, ind, got, c.apart)
			}
		}
	}
}
