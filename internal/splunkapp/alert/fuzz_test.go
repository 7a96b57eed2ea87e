package alert

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/enrich"
	"github.com/tclookup/tclookup/record"
)

// FuzzRead: no payload brings the action down, and no error tells the session
// key.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"session_key":"s3cret-key","server_uri":"https://127.0.0.1:8089","configuration":{"field":"d, e","vote":"off"},"result":{"d":["a","b"]}}`))
	f.Add([]byte(`{"configuration":{"field":7,"vote_limit":1.5,"demo":true},"session_key":"s3cret-key`))
	f.Add([]byte(`<alert/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a := &action{say: func(string, string, ...any) {}}
		err := a.read(bytes.NewReader(data))
		if err != nil && strings.Contains(err.Error(), "s3cret-key") && !strings.Contains(string(data), `param`) {
			var p payload
			if json.Unmarshal(data, &p) != nil || p.SessionKey == "s3cret-key" && !strings.Contains(text(p.Configuration["vote"])+text(p.Configuration["demo"])+text(p.Configuration["vote_limit"]), "s3cret-key") {
				t.Fatalf("%v", err)
			}
		}
		if err == nil && (len(a.params.Fields) == 0 || a.params.VoteLimit < 1) {
			t.Fatalf("%+v", a.params)
		}
	})
}

// FuzzLines: each line is one JSON object that begins with its time, whatever
// the results hold.
func FuzzLines(f *testing.F) {
	f.Add([]byte("d,\"__mv_d\",tc_status\n\"a\nb\",\"$a$;$b$\",found\nx,,\n"), "d")
	f.Add([]byte("d\n\xff\"\n"), "__mv_d")
	f.Add([]byte("time,time,orig_sid\n1,2,3\n"), "time")
	f.Fuzz(func(t *testing.T, body []byte, field string) {
		a := &action{payload: payload{SID: "1", SearchName: "a\nb"}}
		lines, distinct, err := a.lines(body, []enrich.Field{{Name: field}}, record.Selection{Outputs: []record.Output{{Name: "tc_status"}}})
		if err != nil {
			return
		}
		for _, l := range lines {
			if !json.Valid(l) || bytes.ContainsAny(l, "\n\r") || !bytes.HasPrefix(l, []byte(`{"time":"2`)) {
				t.Fatalf("%q", l)
			}
		}
		for i, v := range distinct {
			if v == "" || i > 0 && v == distinct[i-1] {
				t.Fatalf("%q", distinct)
			}
		}
	})
}

// A result in the payload becomes a table that gives its values back.
func TestTable(t *testing.T) {
	for _, tt := range []struct {
		result map[string]any
		want   []string
	}{
		{map[string]any{"d": "a\"b,\nc", "x": "y"}, []string{"a\"b,\nc"}},
		{map[string]any{"d": []any{"a$;$b", "", "c"}}, []string{"a$;$b", "c"}},
		{map[string]any{"d": []any{"one"}}, []string{"one"}},
		{map[string]any{"d": 17.0}, []string{"17"}},
		{map[string]any{"d": "", "x": "y"}, nil},
		{map[string]any{"e": nil, "x": "y"}, nil},
	} {
		a := &action{}
		lines, distinct, err := a.lines(table(tt.result), []enrich.Field{{Name: "d"}}, record.Selection{})
		if err != nil || len(lines) != 1 || strings.Join(distinct, "|") != strings.Join(tt.want, "|") {
			t.Errorf("%v: %q, %q, %v", tt.result, lines, distinct, err)
		}
	}
	if got := table(nil); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
