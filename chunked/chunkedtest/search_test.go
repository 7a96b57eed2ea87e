package chunkedtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/chunked"
)

// command returns a command that measures field a.
func command(required bool) chunked.Handler {
	c := &chunked.StreamingCommand{Outputs: []string{"len", "parts"}}
	if required {
		c.Config.RequiredFields = []string{"a", "absent"}
	}
	var o struct {
		Fail bool `arg:"fail"`
	}
	c.Options = &o
	c.Each = func(_ context.Context, rec *chunked.Record) error {
		if o.Fail {
			return errors.New("told to")
		}
		rec.Set("len", strconv.Itoa(len(rec.Get("a"))))
		rec.SetValues("parts", rec.Values("a")...)
		return nil
	}
	c.Done = func(_ context.Context, insp *chunked.Inspector) error {
		insp.Info("done")
		insp.Metric("m", 0, 1, 2, 3)
		return nil
	}
	return c
}

func search(required bool) *Search {
	return &Search{
		Dial:   func() (*Conversation, error) { return Start(context.Background(), nil, command(required)), nil },
		Info:   Parse("command"),
		Probes: 3,
	}
}

func events(n int) *Table {
	t := NewTable("_time", "a", "_raw")
	for i := range n {
		t.Add(1700000000+i, []string{strings.Repeat("x", i%3+1), "$"}, "line\r\n\"quoted\", "+strconv.Itoa(i))
	}
	return t
}

func TestSearchMergesReplies(t *testing.T) {
	in := events(25)
	want := NewTable("_time", "a", "_raw", "len", "parts")
	for i, row := range in.Rows {
		want.Add(row[0].String(), []string(row[1]), row[2].String(), i%3+3, []string(row[1]))
	}
	for _, required := range []bool{false, true} {
		for _, lastEmpty := range []bool{false, true} {
			for _, sizes := range [][]int{nil, {1}, {7}, {1, 20, 3}, {25}, {100}} {
				s := search(required)
				s.ChunkRows, s.LastEmpty = sizes, lastEmpty
				res, err := s.Run(in)
				if err != nil {
					t.Fatalf("%t %t %v: %v", required, lastEmpty, sizes, err)
				}
				got := res.Table
				if required {
					got = got.project(want.Columns)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%t %t %v: got %v\nwant %v", required, lastEmpty, sizes, got, want)
				}
				if len(res.Messages) != 1 || res.Messages[0] != (Message{"INFO", "command: done"}) || *res.Metrics["m"][3] != 3 {
					t.Errorf("messages %v, metrics %v", res.Messages, res.Metrics)
				}
			}
		}
	}
	if !reflect.DeepEqual(in, events(25)) {
		t.Error("the events were changed")
	}
}

func TestSearchOfNothing(t *testing.T) {
	for _, in := range []*Table{nil, NewTable("a")} {
		res, err := search(false).Run(in)
		if err != nil || len(res.Table.Rows) != 0 || res.Replies != 1 {
			t.Errorf("%v, %v", res, err)
		}
	}
}

func TestSearchFails(t *testing.T) {
	var failed *CommandError
	s := search(false)
	s.Info = Parse("command fail=t")
	if _, err := s.Run(events(3)); !errors.As(err, &failed) || failed.Text != "told to" {
		t.Errorf("got %v", err)
	}
	s.Info = Parse("command fial=t")
	_, err := s.Run(events(3))
	if !errors.As(err, &failed) || failed.Text != `unknown option "fial"; did you mean "fail"?` {
		t.Errorf("got %v", err)
	}
}

func TestEndlessGenerator(t *testing.T) {
	n := 0
	s := Search{Dial: func() (*Conversation, error) {
		return Start(context.Background(), nil, &chunked.GeneratingCommand{
			Outputs: []string{"n"}, ChunkRows: 1000,
			Generate: func(_ context.Context, rec *chunked.Record, yield func() bool) error {
				for n = range 2500 {
					rec.Set("n", strconv.Itoa(n))
					if !yield() {
						break
					}
				}
				return nil
			},
		}), nil
	}, Info: Parse("gen")}
	res, err := s.Run(nil)
	if err != nil || len(res.Table.Rows) != 2500 || res.Replies != 3 || res.Table.Get(2499, "n") != "2499" {
		t.Errorf("%d rows in %d replies, %v", len(res.Table.Rows), res.Replies, err)
	}
}

// The test binary is also the program that is started.
func TestMain(m *testing.M) {
	if os.Getenv("CHUNKEDTEST_COMMAND") != "" {
		chunked.Main(command(os.Getenv("CHUNKEDTEST_COMMAND") == "selected"))
	}
	os.Exit(m.Run())
}

// environ makes the test binary the command; the race detector would let each
// one sleep for a second before it ends.
func environ(mode string) []string {
	return append(os.Environ(), "CHUNKEDTEST_COMMAND="+mode, "GORACE=atexit_sleep_ms=0")
}

// Nobody reading the replies is a regular end, also for a program, which a
// SIGPIPE would kill.
func TestMainSurvivesClosedStdout(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(program)
	cmd.Env = environ("all")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	cmd.Stdin, cmd.Stdout = strings.NewReader(frame(string(Parse("command").metadata()), "")), w
	err = cmd.Run()
	_ = w.Close()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%v, %s", err, stderr.String())
	}
}

func TestExec(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	for _, mode := range []string{"all", "selected"} {
		s := search(false)
		s.ChunkRows = []int{3000}
		s.Dial = func() (*Conversation, error) {
			cmd := exec.Command(program)
			cmd.Env = environ(mode)
			cmd.Stderr = os.Stderr
			return Exec(cmd, 0)
		}
		res, err := s.Run(events(10_000))
		if err != nil || len(res.Table.Rows) != 10_000 || res.Table.Get(9_999, "len") != "3" {
			t.Errorf("%s: %v", mode, err)
		}
		s.Info = Parse("command fail=t")
		var failed *CommandError
		if _, err := s.Run(events(3)); !errors.As(err, &failed) {
			t.Errorf("%s: failing: %v", mode, err)
		}
	}
}

func TestExecKillsWhatIsStuck(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	c, err := Exec(cmd, 1)
	if err != nil {
		t.Skip(err)
	}
	var v *Violation
	if _, err := c.Getinfo(Info{}); !errors.As(err, &v) {
		t.Errorf("got %v", err)
	}
	if err := c.Close(); !errors.As(err, &v) || cmd.ProcessState == nil {
		t.Errorf("Close returned %v", err)
	}
}

func TestExecReportsStatus(t *testing.T) {
	c, err := Exec(exec.Command("false"), 0)
	if err != nil {
		t.Skip(err)
	}
	if _, err := c.Getinfo(Info{}); err == nil {
		t.Error("getinfo was answered")
	}
	if err := c.Close(); err == nil {
		t.Error("Close returned nil")
	}
}

func TestParse(t *testing.T) {
	info := Parse(`cmd field=domain  out="tc list", a, b, "x=\"y\" z" pattern="\w+"`)
	want := []string{"field=domain", `out="tc list"`, "a", "b", `"x=\"y\" z"`, `pattern="\w+"`}
	if info.Command != "cmd" || !reflect.DeepEqual(info.RawArgs, want) {
		t.Errorf("got %q", info.RawArgs)
	}
	got, err := chunked.ParseInfo(info.metadata())
	if err != nil || !reflect.DeepEqual(got.Args, []string{"field=domain", "out=tc list", "a", "b", `x="y" z`, `pattern=\w+`}) {
		t.Errorf("got %q, %v", got.Args, err)
	}
	if !strings.HasPrefix(got.SearchText(), "search index=main | cmd field=domain out=") || got.MaxResultRows != 50000 {
		t.Errorf("got %+v", got)
	}
}

func TestEncode(t *testing.T) {
	got := string(NewTable("_time", "a b", "c").Add("1.5", []string{"x", "y$"}, `"`).Add().Encode())
	want := "\"_time\",\"a b\",c,\"__mv__time\",\"__mv_a b\",\"__mv_c\"\n" +
		"\"1.5\",\"x\ny$\",\"\"\"\",,\"$x$;$y$$$\",\n,,,,,\n"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
