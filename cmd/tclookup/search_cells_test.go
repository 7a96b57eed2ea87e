package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked/chunkedtest"
	"github.com/tclookup/tclookup/internal/accept"
)

// converse begins a conversation and gets through getinfo.
func converse(t testing.TB, p *accept.Program, spl string) *chunkedtest.Conversation {
	t.Helper()
	c, err := dial(t, p)()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r, err := c.Getinfo(chunkedtest.Parse(spl))
	if err != nil {
		t.Fatal(err)
	}
	if r.Error != "" {
		t.Fatalf("refused: %s", r.Error)
	}
	return c
}

// execute sends a body and returns the reply.
func execute(t testing.TB, c *chunkedtest.Conversation, body string, finished bool) *chunkedtest.Reply {
	t.Helper()
	r, err := c.Execute([]byte(body), finished)
	if err != nil {
		t.Fatalf("%v\nbody: %.300q", err, body)
	}
	if r.Error != "" {
		t.Fatalf("the search was failed: %s\nbody: %.300q", r.Error, body)
	}
	return r
}

// Cells that a reader of CSV may stumble over. Their bytes come back as they
// are.
var cells = []string{
	``, `x`, `""`, `"a ""quoted"" word"`, `""""`, `""""""`, "\"line\nline\"", "\"line\r\nline\r\n\"", "\"\n\"", "\"\r\"",
	"\x00", "\"\x00,\x00\"", "\xff\xfe", "\"\xc3\x28\xa0\"", ` lead`, `trail `, "\ttab\t", `"=cmd|' /C calc'!A0"`, `"a,b"`, `","`, `",,,,"`,
	`"$a$;$b$"`, `"bücher 漢字 🦊"`, `"` + strings.Repeat("long ", 50_000) + `"`, `"bad.com"`, `"\"`, `'`, `"'` + `"`,
}

func TestSearchHostileCells(t *testing.T) {
	s := accept.NewServer(t, nil)
	for _, end := range []string{"\n", "\r\n"} {
		var body bytes.Buffer
		body.WriteString(`before,"what",` + `"after" ` + end)
		body.Reset()
		body.WriteString(`before,"what","after, ""this"""` + end)
		var want []string
		for i, c := range cells {
			row := c + `,"bad.com",` + cells[len(cells)-1-i]
			want = append(want, row)
			body.WriteString(row + end)
		}
		c := converse(t, asking(t, s), "tclookup field=what output=status,verdict all_fields=true")
		r := execute(t, c, body.String(), true)
		rest, ok := strings.CutPrefix(string(r.Body), `before,"what","after, ""this""",tc_status,tc_verdict`+"\n")
		if !ok {
			t.Fatalf("the header is %.100q", r.Body)
		}
		for i, row := range want {
			if rest, ok = strings.CutPrefix(rest, row+",found,malicious"+end); !ok {
				t.Fatalf("row %d: %.200q is not in its place, but %.200q", i, row, rest)
			}
		}
		if rest != "" {
			t.Errorf("%q is left over", rest)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The same cells in the field that is looked up end in some status, and come
// back as they are.
func TestSearchHostileValues(t *testing.T) {
	s := accept.NewServer(t, nil)
	body := "what,x\n"
	for i, c := range cells {
		body += fmt.Sprintf("%s,%d\n", c, i)
	}
	c := converse(t, asking(t, s), "tclookup field=what output=status all_fields=true")
	r := execute(t, c, body, true)
	rest, _ := strings.CutPrefix(string(r.Body), "what,x,tc_status\n")
	for i, cell := range cells {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, fmt.Sprintf("%s,%d,", cell, i)); !ok {
			t.Fatalf("cell %d, %.100q, is not in its place: %.100q", i, cell, rest)
		}
		var status string
		status, rest, _ = strings.Cut(rest, "\n")
		empty := cell == "" || cell == `""`
		if empty != (status == "") {
			t.Errorf("%.100q has status %q", cell, status)
		}
		if status == "error" || status == "skipped" {
			t.Errorf("%.100q has status %q", cell, status)
		}
	}
	for k := range s.Counts() {
		if k != "domain/bad.com" {
			t.Errorf("the server was asked for %s", k)
		}
	}
}

func TestSearchOddFieldNames(t *testing.T) {
	s := accept.NewServer(t, nil)
	for _, tt := range []struct{ name, arg string }{
		{"a b", `field="a b"`}, {"tag::x", "field=tag::x"}, {"a{}.b", "field=a{}.b"}, {"bücher", "field=bücher"}, {"漢字", `"漢字"`},
		{"_raw", "_raw"}, {`q"uote`, `field="q\"uote"`}, {"x=y", `field="x=y"`}, {"$dollar$", "$dollar$"}, {"a;b", `field="a;b"`}, {"field", "field=field"}, {"tc_status", "tc_status"},
	} {
		t.Run(strings.ReplaceAll(tt.name, "$", "dollar "), func(t *testing.T) { // its home must not look like a variable
			t.Parallel()
			for _, all := range []string{"false", "true"} {
				in := chunkedtest.NewTable("x", tt.name, "y")
				in.Add("1", "bad.com", "2").Add("3", "10.0.0.1", "")
				res := search(t, asking(t, s), "tclookup "+tt.arg+" output=verdict,type all_fields="+all, in)
				untouched(t, in, res.Table)
				if res.Table.Get(0, "tc_verdict") != "malicious" || res.Table.Get(1, "tc_type") != "ip" {
					t.Errorf("all_fields=%s: %q", all, res.Table.Rows)
				}
			}
		})
	}
}

// Requests without rows get a reply too.
func TestSearchEmptyRequests(t *testing.T) {
	s := accept.NewServer(t, nil)
	for _, first := range []string{"", "what,\"_chunked_idx\"\n", "what,\"_chunked_idx\",\"__mv_what\",\"__mv__chunked_idx\"\n", "what\n", "what", "\"wh\nat\"\n", "\n"} {
		c := converse(t, asking(t, s), "tclookup what")
		for range 3 {
			if r := execute(t, c, first, false); r.Table != nil && len(r.Table.Rows) > 0 {
				t.Errorf("%q gets rows %q", first, r.Body)
			}
		}
		r := execute(t, c, "what,\"_chunked_idx\"\n\"bad.com\",0\n", false)
		if got := r.Table.Get(0, "tc_verdict"); got != "malicious" {
			t.Errorf("after %q: verdict %q", first, got)
		}
		if r := execute(t, c, first, true); !r.Finished {
			t.Errorf("%q is not finished", first)
		}
		if err := c.Close(); err != nil {
			t.Errorf("%q: %v", first, err)
		}
	}
}

// A search without any event starts nothing and says nothing.
func TestSearchWithoutEvents(t *testing.T) {
	s := accept.NewServer(t, nil)
	p := asking(t, s)
	c := converse(t, p, "tclookup what")
	r := execute(t, c, "", true)
	for _, m := range r.Messages {
		if m.Level != "INFO" {
			t.Errorf("it says %s: %s", m.Level, m.Text)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if f := accept.Files(t, p.Home); len(f) > 0 {
		t.Errorf("there are files %q", f)
	}
}

// Requests of one search may have different columns, in another order, also
// without the field.
func TestSearchChangingHeaders(t *testing.T) {
	s := accept.NewServer(t, nil)
	c := converse(t, asking(t, s), "tclookup what output=status,hashes all_fields=true")
	for i, tt := range []struct{ body, column, value string }{
		{"what,x\n\"bad.com\",1\n", "tc_status", "found"},
		{"x,what\n1,\"nothing.com\"\n", "tc_status", "not_found"},
		{"x,y\n1,2\n", "tc_status", ""},
		{"\"tc_status\",what\nold,\"10.0.0.1\"\n", "tc_status", "excluded"},
		{"\"__mv_tc_hashes\",what,\"tc_hashes\"\n\"$a$;$b$\",\"bad.com\",\"a\nb\"\n", "tc_hashes", "31d0e421894004393c48de1769744687"},
		{"what,x\n\"good.com\",1\n", "tc_status", "found"},
		{"what\n\"good.com\"\n", "tc_status", "found"},
		{"x\n1\n", "tc_status", ""},
	} {
		r := execute(t, c, tt.body, i == 7)
		if !slices.Contains(r.Table.Columns, "tc_status") || !slices.Contains(r.Table.Columns, "tc_hashes") {
			t.Errorf("%q: the columns are %q", tt.body, r.Table.Columns)
		}
		if got := r.Table.Get(0, tt.column); got != tt.value {
			t.Errorf("%q: %s is %q, should be %q", tt.body, tt.column, got, tt.value)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Rows that no CSV writer makes neither stop the search nor get lost.
func TestSearchMalformedRows(t *testing.T) {
	s := accept.NewServer(t, nil)
	for _, body := range []string{
		"what,x\n\"bad.com\",1,2,3\n\"good.com\"\n",
		"what,x\n\"never closed,1\n",
		"what,x\nbad\"quote,1\n",
		"what,x\n\"bad.com\"tail,1\n",
		"what,what\nbad.com,good.com\n",
		",what\n1,bad.com\n",
		"what,x\n\n\nbad.com,1\n",
		"what\n\nbad.com\n\n",
		"what,x\nbad.com,1",
		strings.Repeat(",", 1000) + "\n" + strings.Repeat("\n", 1000),
		"\"\n\n\n",
		"\x00\n\x00\n",
	} {
		p := asking(t, s)
		frame := func(meta, body string) string {
			return fmt.Sprintf("chunked 1.0,%d,%d\n%s%s", len(meta), len(body), meta, body)
		}
		o := p.Run(t, strings.NewReader(
			frame(`{"action":"getinfo","searchinfo":{"args":["what","all_fields=true"]}}`, "")+frame(`{"action":"execute","finished":true}`, body)), "splunk")
		if o.Code != 0 && !strings.Contains(o.Stdout, `"error":`) {
			t.Errorf("%.60q: exit code %d without an error; stdout %q, stderr %q", body, o.Code, o.Stdout, o.Stderr)
		}
		if n := strings.Count(o.Stdout, "chunked 1.0,"); n != 2 {
			t.Errorf("%.60q: %d frames: %q", body, n, o.Stdout)
		}
	}
}

// splunkd starts a command several times only to ask what it is.
func TestSearchGetinfoOnly(t *testing.T) {
	s := accept.NewServer(t, nil)
	p := asking(t, s)
	start := time.Now()
	const n = 5
	for range n {
		if err := converse(t, p, "tclookup field=what").Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%v each", time.Since(start)/n)
	if f := accept.Files(t, p.Home); len(f) > 0 {
		t.Errorf("there are files %q", f)
	}
	if q := s.Questions(); len(q) > 0 {
		t.Errorf("there were requests: %v", q)
	}
}

// What cannot be right is refused in getinfo, with a text that names the
// option, the value and what is allowed.
func TestSearchRefusals(t *testing.T) {
	for _, tt := range []struct {
		spl  string
		want []string
	}{
		{"tclookup", []string{"field"}},
		{"tclookup field=", []string{"field"}},
		{"tclookup fild=domain", []string{`"fild"`, "field"}},
		{"tclookup domain mode=never", []string{"mode", `"never"`, "live", "cache"}},
		{"tclookup domain type=url", []string{"type", `"url"`, "domain", "antivirus"}},
		{"tclookup domain output=verdikt", []string{"output", `"verdikt"`, "verdict"}},
		{"tclookup domain max_wait=soon", []string{"max_wait", "= soon", "30s"}},
		{"tclookup domain max_wait=0", []string{"max_wait", "30s"}},
		{"tclookup domain max_lookups=-1", []string{"max_lookups", "-1", "0"}},
		{"tclookup domain list_limit=many", []string{"list_limit", "= many", "number"}},
		{"tclookup domain refresh=perhaps", []string{"refresh", "perhaps", "true", "false"}},
		{"tclookup domain all_fields=3", []string{"all_fields", "3", "true", "false"}},
		{"tclookup domain ip prefix=x_", []string{"prefix", `"x_"`, "{field}"}},
		{"tclookup domain domain", []string{`"domain"`, "twice"}},
		{"tclookup domain source=nobody", []string{"source", "nobody"}},
		{"tclookup domain --mode=cache", []string{"--mode"}},
	} {
		t.Run(tt.spl, func(t *testing.T) {
			t.Parallel()
			p := program(t)
			c, err := dial(t, p)()
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Getinfo(chunkedtest.Parse(tt.spl))
			if err != nil {
				t.Fatal(err)
			}
			t.Log(r.Error)
			if r.Error == "" {
				t.Error("it is not refused")
			}
			for _, w := range tt.want {
				if !strings.Contains(r.Error, w) {
					t.Errorf("%q is not in %q", w, r.Error)
				}
			}
			if strings.Contains(r.Error, "\n") {
				t.Errorf("several lines: %q", r.Error)
			}
			if r.Type != "stateful" {
				t.Errorf("the refusal is of type %q", r.Type)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if f := accept.Files(t, p.Home); len(f) > 0 {
				t.Errorf("there are files %q", f)
			}
		})
	}
}

func TestSearchUnknownStanza(t *testing.T) {
	p := program(t)
	c, err := chunkedtest.Exec(p.Command(t.Context(), "splunk", "tcnothing"), 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Getinfo(chunkedtest.Parse("tcnothing x"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Error, `"tcnothing"`) || !strings.Contains(r.Error, "tclookup") {
		t.Errorf("it says %q", r.Error)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// A conversation that breaks off in the middle of a request ends with an
// error code, and without a word on stdout behind the replies.
func TestSearchHangUp(t *testing.T) {
	s := accept.NewServer(t, nil)
	info := `{"action":"getinfo","searchinfo":{"args":["what"]}}`
	head := fmt.Sprintf("chunked 1.0,%d,0\n%s", len(info), info)
	exec := `{"action":"execute","finished":false}`
	body := "what,_chunked_idx\nbad.com,0\n"
	whole := head + fmt.Sprintf("chunked 1.0,%d,%d\n%s%s", len(exec), len(body), exec, body)
	for n := 0; n <= len(whole); n += 5 {
		want := 1
		if n == 0 || n == len(head) || n == len(whole) {
			want = 0
		}
		if n != 0 && n < 8 {
			continue // fewer bytes than tell what it is
		}
		o := asking(t, s).Run(t, strings.NewReader(whole[:n]), "splunk")
		if o.Code != want {
			t.Errorf("after %d bytes: exit code %d, should be %d; stderr %q", n, o.Code, want, o.Stderr)
		}
		if (o.Stderr == "") != (want == 0) || strings.Count(o.Stderr, "\n") > 1 {
			t.Errorf("after %d bytes: stderr %q", n, o.Stderr)
		}
	}
	for _, n := range []int{len(head), len(whole)} {
		if o := asking(t, s).Run(t, strings.NewReader(whole[:n]), "splunk"); o.Code != 0 || o.Stderr != "" {
			t.Errorf("after %d whole bytes: exit code %d; stderr %q", n, o.Code, o.Stderr)
		}
	}
}

// splunkd may close its end of the replies.
func TestSearchBrokenPipe(t *testing.T) {
	s := accept.NewServer(t, nil)
	p := asking(t, s)
	c := p.Command(t.Context(), "splunk")
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = stdout.Close()
	info := `{"action":"getinfo","searchinfo":{"args":["what","all_fields=true"]}}`
	fmt.Fprintf(stdin, "chunked 1.0,%d,0\n%s", len(info), info)
	exe := `{"action":"execute","finished":false}`
	body := "what\n" + strings.Repeat("10.0.0.1\n", 50_000)
	for range 3 {
		fmt.Fprintf(stdin, "chunked 1.0,%d,%d\n%s%s", len(exe), len(body), exe, body)
	}
	_ = stdin.Close()
	err = c.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		t.Errorf("a signal ended it: %v", err)
	}
	if stderr.Len() > 0 {
		t.Errorf("it does not end quietly: %q", stderr.String())
	}
}
