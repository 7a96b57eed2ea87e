package chunked

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// stream runs Each over one last request and returns the reply's body.
func stream(t *testing.T, body string, outs []string, each func(rec *Record) error) (string, error) {
	t.Helper()
	c := &StreamingCommand{Outputs: outs, Each: func(_ context.Context, rec *Record) error { return each(rec) }}
	out, err := serve(t, conversationOf(body), c)
	_, reply, _ := strings.Cut(out, `{"finished":true}`)
	return reply, err
}

func TestRecordReads(t *testing.T) {
	const body = "a,\"b c\",_chunked_idx,__mv_a,\"__mv_b c\",__mv__chunked_idx,d\n" +
		"\"x\ny\",\"q\"\"r\",0,$x$;$y$,\"broken\",,\n"
	_, err := stream(t, body, []string{"out"}, func(rec *Record) error {
		if got := rec.Fields(); !slices.Equal(got, []string{"a", "b c", "d"}) {
			t.Errorf("fields %q", got)
		}
		for _, test := range []struct {
			field  string
			has    bool
			values []string
		}{
			{"a", true, []string{"x", "y"}},
			{"b c", true, []string{`q"r`}},
			{"d", true, nil},
			{"none", false, nil},
			{"out", false, nil},
			{ChunkedIdx, false, nil},
			{"__mv_a", false, nil},
		} {
			if rec.Has(test.field) != test.has || !slices.Equal(rec.Values(test.field), test.values) ||
				rec.Get(test.field) != strings.Join(test.values, "\n") || string(rec.Bytes(test.field)) != rec.Get(test.field) {
				t.Errorf("%s: %t, %q, %q", test.field, rec.Has(test.field), rec.Values(test.field), rec.Get(test.field))
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRecordReadsWhatWasSet(t *testing.T) {
	reply, err := stream(t, "a,__mv_a\n1,\n", []string{"a", "b"}, func(rec *Record) error {
		for _, values := range [][]string{{"x"}, {" \"q\",\n"}, {"p", "", "$q$"}, {"", ""}, nil} {
			rec.SetValues("a", values...)
			rec.SetValues("b", values...)
			for _, f := range []string{"a", "b"} {
				if got := rec.Values(f); !slices.Equal(got, values) || rec.Get(f) != strings.Join(values, "\n") {
					t.Errorf("%q became %q", values, got)
				}
			}
		}
		rec.Set("a", "last")
		return nil
	})
	if want := "a,__mv_a,b,__mv_b\nlast,,,\n"; reply != want || err != nil {
		t.Errorf("got %q, %v", reply, err)
	}
}

func TestRecordMistakesFail(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		each func(rec *Record)
		want string
	}{
		"undeclared": {"a\n1\n", func(rec *Record) { rec.Set("a", "") }, `sets the field "a", which is not in its Outputs`},
		"internal":   {"a\n1\n", func(rec *Record) { rec.SetValues("__mv_out", "x", "y") }, `sets the field "__mv_out"`},
		"index":      {"a,_chunked_idx\n1,0\n", func(rec *Record) { rec.Set(ChunkedIdx, "1") }, `sets the field "_chunked_idx"`},
		"drop":       {"a,_chunked_idx\n1,0\n", func(rec *Record) { rec.Drop() }, "drops a record although it has required fields"},
	} {
		_, err := stream(t, test.body, []string{"out"}, func(rec *Record) error { test.each(rec); return nil })
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDrop(t *testing.T) {
	reply, err := stream(t, "a\n1\n2\n3\n", []string{"b"}, func(rec *Record) error {
		if rec.Get("a") == "2" {
			rec.Drop()
		}
		return nil
	})
	if reply != "a,b,__mv_b\n1,,\n3,,\n" || err != nil {
		t.Errorf("%q, %v", reply, err)
	}
	if reply, err = stream(t, "a\n1\n", nil, func(rec *Record) error { rec.Drop(); return nil }); reply != "" || err != nil {
		t.Errorf("all dropped: %q, %v", reply, err)
	}
}

func TestLoneEmptyCellIsQuoted(t *testing.T) {
	reply, err := stream(t, "a\n\n1\n", nil, func(*Record) error { return nil })
	if reply != "a\n\"\"\n1\n" || err != nil {
		t.Errorf("%q, %v", reply, err)
	}
}

func TestCommandsCheckTheirAuthor(t *testing.T) {
	each := func(context.Context, *Record) error { return nil }
	for want, h := range map[string]Handler{
		"a StreamingCommand cannot be of type": &StreamingCommand{Config: Config{Type: TypeEvents}, Each: each},
		"a ReportingCommand cannot be of type": &ReportingCommand{Config: Config{Type: TypeStreaming}, Each: each},
		"an EventsCommand cannot be of type":   &EventsCommand{Config: Config{Type: TypeReporting}},
		`"__mv_a" cannot be a field`:           &StreamingCommand{Outputs: []string{"__mv_a"}, Each: each},
		`"" cannot be a field`:                 &GeneratingCommand{Outputs: []string{""}},
		`"a" is there twice`:                   &ReportingCommand{Outputs: []string{"a", "a"}, Each: each},
		"is for reporting commands":            &StreamingCommand{Config: Config{StreamingPreop: "x"}, Each: each},
		"RequiredFields has an empty name":     &StreamingCommand{Config: Config{RequiredFields: []string{""}}, Each: each},
	} {
		if _, err := serve(t, conversationOf(""), h); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func TestErrorsOfRowFunctions(t *testing.T) {
	bad := errors.New("bad")
	each := func(context.Context, *Record) error { return bad }
	ok := func(context.Context, *Record) error { return nil }
	undeclared := func(_ context.Context, rec *Record, yield func() bool) error {
		rec.Set("b", "")
		yield()
		return nil
	}
	for name, test := range map[string]struct {
		h    Handler
		want string
	}{
		"each":       {&StreamingCommand{Each: each}, "bad"},
		"done":       {&StreamingCommand{Each: ok, Done: func(context.Context, *Inspector) error { return bad }}, "bad"},
		"setup":      {&StreamingCommand{Setup: func(context.Context, *Info) error { return bad }}, "bad"},
		"generate":   {&GeneratingCommand{Generate: func(context.Context, *Record, func() bool) error { return bad }}, "bad"},
		"generate b": {&GeneratingCommand{Outputs: []string{"a"}, Generate: undeclared}, "not in its Outputs"},
		"report":     {&ReportingCommand{Outputs: []string{"a"}, Each: ok, Report: undeclared}, "not in its Outputs"},
		"arrange":    {&EventsCommand{Arrange: func(context.Context, []*Record) ([]*Record, error) { return nil, bad }}, "bad"},
		"panic":      {&GeneratingCommand{Generate: func(context.Context, *Record, func() bool) error { panic("oh") }}, "oh"},
	} {
		if _, err := serve(t, conversationOf("a\n1\n"), test.h); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestUnexpectedArgumentsAreRefused(t *testing.T) {
	in := frame(`{"action":"getinfo","searchinfo":{"args":["x=1"]}}`, "")
	if _, err := serve(t, in, &StreamingCommand{}); err == nil || !strings.Contains(err.Error(), `unknown option "x"`) {
		t.Errorf("got %v", err)
	}
}
