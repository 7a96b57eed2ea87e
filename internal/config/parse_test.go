package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump writes a file the way the tests compare it.
func dump(f *File) string {
	var b strings.Builder
	for _, s := range f.Stanzas {
		fmt.Fprintf(&b, "%d [%s]\n", s.Line, s.Name)
		for _, e := range s.Entries {
			fmt.Fprintf(&b, "%d %s=%q\n", e.Line, e.Key, e.Value)
		}
	}
	return b.String()
}

func TestParseFile(t *testing.T) {
	tests := []struct {
		name, in, want string
		problems       []string // parts of them, in order
	}{
		{"empty", "", "", nil},
		{"plain", "[a]\nk = v\n\n# c\n[b:x]\nl=\n", "1 [a]\n2 k=\"v\"\n5 [b:x]\n6 l=\"\"\n", nil},
		{"no newline at the end", "[a]\nk=v", "1 [a]\n2 k=\"v\"\n", nil},
		{"CRLF", "[a]\r\nk = v\r\nl = 1 \\\r\n2\r\n", "1 [a]\n2 k=\"v\"\n3 l=\"1 \\n2\"\n", nil},
		{"first equals sign separates", "[a]\nk = x=y = z\n", "1 [a]\n2 k=\"x=y = z\"\n", nil},
		{"hash in a value", "[a]\nk = v # no comment\n", "1 [a]\n2 k=\"v # no comment\"\n", nil},
		{"blanks and tabs", "[a]\n\t k\t=\t v \t\n", "1 [a]\n2 k=\"v\"\n", nil},
		{"continuation", "[a]\nk = 1,\\\n 2,\\\n 3\nl = 4\n", "1 [a]\n2 k=\"1,\\n 2,\\n 3\"\n5 l=\"4\"\n", nil},
		{"continued by what looks like something else", "[a]\nk = 1 \\\n# 2 \\\n[b]\n", "1 [a]\n2 k=\"1 \\n# 2 \\n[b]\"\n", nil},
		{"comment does not continue", "[a]\n# c \\\nk = v\n", "1 [a]\n3 k=\"v\"\n", nil},
		{"continued into nothing", "[a]\nk = 1 \\\n\nl = 2\n", "1 [a]\n2 k=\"1\"\n4 l=\"2\"\n", nil},
		{"brackets inside a stanza", "[a[0]]\n", "1 [a[0]]\n", nil},
		{"empty stanza name", "[]\nk=v\n", "1 []\n2 k=\"v\"\n", nil},

		{"blank behind the backslash", "[a]\nk = 1 \\ \nl = 2\n", "1 [a]\n2 k=\"1 \\\\\"\n3 l=\"2\"\n", []string{"f:2: blanks after the backslash"}},
		{"blank behind a later backslash", "[a]\nk = 1 \\\n2 \\\t\nl = 2\n", "1 [a]\n2 k=\"1 \\n2 \\\\\"\n4 l=\"2\"\n", []string{"f:3: blanks after the backslash"}},
		{"backslash at the end of the file", "[a]\nk = 1 \\", "1 [a]\n2 k=\"1\"\n", []string{"f:2: the value ends in a backslash"}},
		{"indented comment", "[a]\n # c\n", "1 [a]\n", []string{"f:2: a comment must begin"}},
		{"text behind a stanza", "[a] # c\nk=v\n", "1 [a]\n2 k=\"v\"\n", []string{"f:1: text after the stanza"}},
		{"open stanza", "[a\nk=v\n", "1 [a]\n2 k=\"v\"\n", []string{"f:1: the stanza's closing ]"}},
		{"no equals sign", "[a]\nsomething\nk=v\n", "1 [a]\n3 k=\"v\"\n", []string{"f:2: neither"}},
		{"no equals sign, continued", "[a]\nsomething \\\nk=v\nl=w\n", "1 [a]\n4 l=\"w\"\n", []string{"f:2: neither"}},
		{"no key", "[a]\n= v\n", "1 [a]\n", []string{"f:2: the key before"}},
		{"above the first stanza", "k=v\nl=w\n[a]\n", "1 [default]\n1 k=\"v\"\n2 l=\"w\"\n3 [a]\n", []string{"f:1: a key above"}},
		{"default stanza", "[default]\nk=v\n", "1 [default]\n2 k=\"v\"\n", []string{"f:1: a [default] stanza"}},
		{"byte order mark", "\uFEFF[a]\n", "1 [a]\n", []string{"f:1: the file begins with a byte order mark"}},
		{"UTF-16", "\xFF\xFE[\x00a\x00]\x00", "", []string{"f:1: the file is UTF-16"}},
		{"not UTF-8", "[a]\nk = \xE4\n", "1 [a]\n2 k=\"\\xe4\"\n", []string{"f:2: the line is not UTF-8"}},
		{"control character", "[a]\nk = v\x00\nl = \x1b\n", "1 [a]\n2 k=\"v\\x00\"\n3 l=\"\\x1b\"\n", []string{"f:2: the line holds a control character"}},
		{"lone carriage return", "[a]\rk = v\n", "1 [a]\n", []string{"f:1: the line holds a control character", "f:1: text after"}},
		{"repeated key", "[a]\nk=1\nk=2\n", "1 [a]\n2 k=\"1\"\n3 k=\"2\"\n", []string{"W f:3: [a] k: set in line 2 already"}},
		{"repeated stanza", "[a]\nk=1\n[b]\n[a]\nl=1\nk=2\n", "1 [a]\n2 k=\"1\"\n3 [b]\n4 [a]\n5 l=\"1\"\n6 k=\"2\"\n",
			[]string{"W f:4: [a]: the stanza was opened in line 1", "W f:6: [a] k: set in line 2 already"}},
		{"in order of lines", "[a]\nk=1\nk=2\nx\n", "1 [a]\n2 k=\"1\"\n3 k=\"2\"\n", []string{"W f:3:", "f:4:"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, problems := ParseFile("f", []byte(tt.in))
			if d := cmp.Diff(tt.want, dump(f)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			comparePrefixes(t, tt.problems, problems)
		})
	}
}

// comparePrefixes compares problems with how they begin; "W " stands before a
// warning.
func comparePrefixes(t *testing.T, want []string, got []Problem) {
	t.Helper()
	for i, p := range got {
		s := p.String()
		if p.Warning {
			s = "W " + s
		}
		switch {
		case i >= len(want):
			t.Errorf("unexpected: %s", s)
		case !strings.HasPrefix(s, want[i]):
			t.Errorf("problem %d:\n%s\nwant\n%s…", i, s, want[i])
		}
	}
	for i := len(got); i < len(want); i++ {
		t.Errorf("not reported: %s", want[i])
	}
}

func TestGet(t *testing.T) {
	f, _ := ParseFile("f", []byte("[a]\nk=1\nk=2\n[b]\nk=3\n[a]\nk=4\n"))
	if e, ok := f.Get("a", "k"); !ok || e.Value != "4" || e.Line != 7 {
		t.Errorf("got %+v, %t", e, ok)
	}
	for _, at := range [][2]string{{"a", "l"}, {"c", "k"}} {
		if e, ok := f.Get(at[0], at[1]); ok {
			t.Errorf("%v: got %+v", at, e)
		}
	}
}

func TestSyntaxProblemsRepeatNoText(t *testing.T) {
	_, problems := ParseFile("f", []byte("[a]\napi_key hunter2\nhunter2\n= hunter2\nk = hunter2 \\ \nk = hunter2\n # hunter2\n"))
	if len(problems) < 5 {
		t.Fatalf("only %d problems", len(problems))
	}
	for _, p := range problems {
		if strings.Contains(p.String(), "hunter2") {
			t.Errorf("shows a secret: %s", p)
		}
	}
}

// render writes a file so that parsing it gives the same file.
func render(f *File) string {
	var b strings.Builder
	for _, s := range f.Stanzas {
		fmt.Fprintf(&b, "[%s]\n", s.Name)
		for _, e := range s.Entries {
			fmt.Fprintf(&b, "%s = %s\n", e.Key, strings.ReplaceAll(e.Value, "\n", "\\\n"))
		}
	}
	return b.String()
}

func FuzzParseFile(f *testing.F) {
	for _, s := range []string{
		"", "[a]\nk = v\n", "k=v\n[default]\n", "[a]\r\nk = 1 \\\r\n2\r\n", "[a\n[b] x\n=\n#\n #\n", "\uFEFF[a]\n",
		"\xFF\xFE", "[a]\nk=1\\\n\\\n\\ \n", "[a]\nk=\x00\x80\n", "[a]\nk=1\nk=2\n[a]\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, problems := ParseFile("f", data)
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range problems {
			if p.From != "f" || p.Line < 1 || p.Line > lines || p.Message == "" {
				t.Fatalf("bad problem %+v", p)
			}
			if strings.ContainsAny(p.String(), "\n\r\x00\x1b") {
				t.Fatalf("problem is not one clean line: %q", p.String())
			}
		}
		for _, s := range file.Stanzas {
			if s.Line < 1 || s.Line > lines {
				t.Fatalf("stanza %q in line %d of %d", s.Name, s.Line, lines)
			}
			for _, e := range s.Entries {
				if e.Line < s.Line || e.Line > lines || e.Key == "" || strings.ContainsAny(e.Key, "=\n") {
					t.Fatalf("bad entry %+v", e)
				}
				if e.Value != strings.Trim(e.Value, " \t\n") {
					t.Fatalf("untrimmed value %q", e.Value)
				}
			}
		}
		if len(problems) > 0 {
			return
		}
		// A file without problems says the same when it is written anew.
		again, problems := ParseFile("f", []byte(render(file)))
		if len(problems) > 0 {
			t.Fatalf("written anew: %v\n%s", problems, render(file))
		}
		strip := func(s string) string { // line numbers differ
			var b strings.Builder
			for line := range strings.SplitSeq(s, "\n") {
				_, text, _ := strings.Cut(line, " ")
				b.WriteString(text + "\n")
			}
			return b.String()
		}
		if d := cmp.Diff(strip(dump(file)), strip(dump(again))); d != "" {
			t.Fatalf("written anew (-before +after)\n%s", d)
		}
	})
}
