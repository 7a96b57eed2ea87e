package hec

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/internal/sink"
)

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"1772438400":                    "1772438400",
		"1772438400.250":                "1772438400.25",
		"1772438400.123456789":          "1772438400.123456",
		"1772438400123":                 "1772438400.123",
		"1772438400123456":              "1772438400.123456",
		"1772438400000000001":           "1772438400",
		"2026-03-02T08:00:00Z":          "1772438400",
		"2026-03-02T08:00:00.5+01:00":   "1772434800.5",
		"2026-03-02T08:00:00.000+0000":  "1772438400",
		"2026-03-02T09:00:00.001+0100":  "1772438400.001",
		"2026-03-02 08:00:00":           "1772438400",
		"2026-03-02 08:00:00.25 UTC":    "1772438400.25",
		"2026-03-02 08:00:00 GMT":       "1772438400",
		"2026-03-02":                    "1772409600",
		" 2026-03-02T08:00:00.000042 ":  "1772438400.000042",
		"0":                             "0",
		"":                              "",
		"yesterday":                     "",
		"2026-03-02 08:00:00 CEST":      "",
		"1772438400.1.2":                "",
		"-1":                            "",
		"1e9":                           "",
		"99999999999999999999999999999": "",
		"1969-12-31T23:59:59Z":          "",
		".5":                            "",
	} {
		if got, ok := ParseTime(in); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v; want %q", in, got, ok, want)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("1772438400.25")
	f.Add("2026-03-02T08:00:00.5+01:00")
	f.Add("9999999999999999999")
	f.Add(".")
	f.Fuzz(func(t *testing.T, in string) {
		got, ok := ParseTime(in)
		if !ok {
			return
		}
		v, err := strconv.ParseFloat(got, 64)
		if err != nil || !json.Valid([]byte(got)) || v < 0 || v >= 1e11 {
			t.Errorf("%q became %q", in, got)
		}
	})
}

func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Config
		r    sink.Record
		want string
	}{
		{"an object", Config{}, sink.Record{Object: []byte(`{"a":1,"b":[2]}`)}, `{"event":{"a":1,"b":[2]}}`},
		{"a line", Config{Raw: true}, sink.Record{Text: []byte("a,\"b\n<c>\"")}, `{"event":"a,\"b\n<c>\""}`},
		{"no record", Config{}, sink.Record{Text: []byte("oops\xff")}, `{"event":"oops\ufffd"}`},
		{"no UTF-8", Config{}, sink.Record{Object: []byte("{\"a\":\"\xff\"}")}, "{\"event\":{\"a\":\"\uFFFD\"}}"},
		{
			"metadata", Config{TimeColumn: "t", Host: Meta{Text: "h0", Column: "h"}, Source: Meta{Column: "s"}, Sourcetype: Meta{Text: "st"}, Index: Meta{Text: `i"x`}},
			sink.Record{Object: []byte(`{}`), Columns: []string{"1772438400.5", "web", ""}},
			`{"time":1772438400.5,"host":"web","sourcetype":"st","index":"i\"x","event":{}}`,
		},
		{
			"metadata that is missing", Config{TimeColumn: "t", Host: Meta{Text: "h0", Column: "h"}},
			sink.Record{Object: []byte(`{}`), Columns: []string{"soon", ""}}, `{"host":"h0","event":{}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.URL, tt.c.Token = "https://127.0.0.1:8088", "t0ken"
			h, err := New(tt.c)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			got, err := h.Encode([]byte("before"), &tt.r)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "before"+tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
			if n := h.Untimed(); (n > 0) != (strings.Contains(tt.name, "missing")) {
				t.Errorf("%d events without time", n)
			}
		})
	}
}

func TestBaseURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://h:8088":                                "https://h:8088",
		"https://h:8088/":                               "https://h:8088",
		"https://h/services/collector":                  "https://h",
		"https://h/services/collector/event":            "https://h",
		"https://h/services/collector/raw/1.0/":         "https://h",
		"https://h/splunk/hec/services/collector/event": "https://h/splunk/hec",
		"https://h/event":                               "https://h/event",
	} {
		if got, err := BaseURL(in); got != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", in, got, err, want)
		}
	}
	for _, tt := range []struct{ url, want string }{
		{"", "--hec-url is not set"},
		{"splunk.example.com:8088", "--hec-url"},
		{"ftp://h", "the scheme must be http or https"},
		{"https://user:geheim@h", "holds a user name or password"},
	} {
		_, err := New(Config{URL: tt.url, Token: "t0ken"})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "base_url") {
			t.Errorf("%q: %v, want %q", tt.url, err, tt.want)
		}
	}
}
