package codec

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestDetect(t *testing.T) {
	autoruns := []string{"Time", "Entry Location", "Entry", "Enabled", "Category", "Profile", "Description", "Signer", "Company", "Image Path", "Version", "Launch String", "MD5", "SHA-1", "PESHA-1", "PESHA-256", "SHA-256", "IMP"}
	for name, c := range map[string]struct {
		head string
		want Syntax
	}{
		"nothing":             {"", SyntaxCSV},
		"blank lines":         {"\r\n\n", SyntaxCSV},
		"object":              {`{"a":1,"b":2}`, SyntaxJSONL},
		"brace alone":         {"{", SyntaxJSONL},
		"blanks before":       {"\r\n \t{\"a\":1}", SyntaxJSONL},
		"mark before":         {"\ufeff{\"a\":1}", SyntaxJSONL},
		"array of objects":    {"[\n  {\"a\": 1},", SyntaxJSONL},
		"bracket in a header": {"[a],b\n", SyntaxCSV},
		"brace in a header":   {"a,{b}\n", SyntaxCSV},
		"single column":       {"domain\nexample.com\n", SyntaxCSV},
		"commas":              {"a,b,c\n", SyntaxCSV},
		"tabs":                {"a\tb\tc\n", SyntaxTSV},
		"semicolons":          {"a;b;c\r\n", SyntaxSSV},
		"first line decides":  {"a;b\n1,2,3;4\n", SyntaxSSV},
		"most":                {"a;b;c,d\n", SyntaxSSV},
		"equally many":        {"a;b,c\n", SyntaxCSV},
		"quoted delimiters":   {"\"a,b,c,d\"\te\n", SyntaxTSV},
		"quoted line end":     {"\"a,\n,\",b;c;d;e\n", SyntaxSSV},
		"doubled quotes":      {"\"a\"\",,\";b\n", SyntaxSSV},
		"inch":                {"5\" disk\tname,x\ty\n", SyntaxTSV},
		"quote never closed":  {"\"a;b;c\n1;2,3;4\n", SyntaxSSV},
		"empty first name":    {"\ta\tb,c\n", SyntaxTSV},
		"Autoruns -c":         {strings.Join(autoruns, ",") + "\r\n", SyntaxCSV},
		"Autoruns -ct":        {strings.Join(autoruns, "\t") + "\r\n", SyntaxTSV},
		"Autoruns quoted":     {"\"" + strings.Join(autoruns, "\",\"") + "\"\r\n", SyntaxCSV},
		"Zeek":                {"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#fields\tts\tuid\n", SyntaxTSV},
		"Zeek JSON":           {`{"ts":1795498608.1,"uid":"C1"}`, SyntaxJSONL},
		"Splunk":              {"\"_time\",host,\"__mv_host\"\n", SyntaxCSV},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Detect([]byte(c.head)); got != c.want {
				t.Errorf("Detect(%q) = %s, want %s", c.head, got, c.want)
			}
			for _, r := range []io.Reader{strings.NewReader(c.head), iotest.OneByteReader(strings.NewReader(c.head)), iotest.DataErrReader(strings.NewReader(c.head))} {
				got, all, err := Sniff(r)
				if err != nil {
					t.Fatal(err)
				}
				if got != c.want && !strings.HasPrefix(c.head, "\ufeff") {
					t.Errorf("Sniff of %q: %s, want %s", c.head, got, c.want)
				}
				if back, err := io.ReadAll(all); err != nil || string(back) != c.head {
					t.Errorf("Sniff gives back %q, %v, want %q", back, err, c.head)
				}
			}
		})
	}
}

// noMore is a reader that must not be asked.
type noMore struct{ t *testing.T }

func (n noMore) Read([]byte) (int, error) {
	n.t.Error("read more than was needed: a pipe would wait here")
	return 0, io.EOF
}

func TestSniffDoesNotWait(t *testing.T) {
	for _, in := range []string{"{", "\n {", "a,b\n", "[\n{", "[a]\n", "\"a\n\"\n"} {
		if _, _, err := Sniff(io.MultiReader(strings.NewReader(in), noMore{t})); err != nil {
			t.Error(err)
		}
	}
}

func TestSniffErrors(t *testing.T) {
	broken := errors.New("disk on fire")
	if _, _, err := Sniff(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	s, r, err := Sniff(io.MultiReader(strings.NewReader("a\tb"), iotest.ErrReader(broken)))
	if s != SyntaxTSV || err != nil {
		t.Fatalf("%s, %v", s, err)
	}
	if b, err := io.ReadAll(r); string(b) != "a\tb" || !errors.Is(err, broken) {
		t.Errorf("%q, %v: want the bytes, then the error", b, err)
	}
	// A text that is one long line.
	s, r, err = Sniff(strings.NewReader(strings.Repeat("x;", 1<<16)))
	if b, _ := io.ReadAll(r); s != SyntaxSSV || err != nil || len(b) != 1<<17 {
		t.Errorf("%s, %v, %d bytes", s, err, len(b))
	}
}

func TestSyntaxNames(t *testing.T) {
	for s := SyntaxCSV; s <= SyntaxJSONL; s++ {
		if got, err := ParseSyntax(s.String()); got != s || err != nil {
			t.Errorf("ParseSyntax(%q) = %s, %v", s, got, err)
		}
		if d, ok := s.Dialect(); ok == (s == SyntaxJSONL) || ok && !strings.ContainsRune(",\t;", rune(d.Comma)) {
			t.Errorf("%s: dialect %+v, %v", s, d, ok)
		}
	}
	if _, err := ParseSyntax("xml"); err == nil || !strings.Contains(err.Error(), "jsonl") {
		t.Errorf("xml: error %v, want one that says what is allowed", err)
	}
}

func FuzzDetect(f *testing.F) {
	f.Add([]byte("a,b\n"))
	f.Add([]byte("\"a;\n\";b"))
	f.Add([]byte("[ {"))
	f.Fuzz(func(t *testing.T, head []byte) {
		s := Detect(head)
		if d, ok := s.Dialect(); ok && s != SyntaxCSV && !strings.Contains(string(head), string(rune(d.Comma))) && !strings.Contains(string(head), `\x09`) {
			t.Errorf("%q is %s, but has no such delimiter", head, s)
		}
	})
}
