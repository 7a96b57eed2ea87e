package chunked

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseInfo(t *testing.T) {
	info, err := ParseInfo([]byte(`{"action":"getinfo","preview":true,"streaming_command_will_restart":false,"searchinfo":{
		"args":["field=domain","out=tc list",7],"raw_args":["field=domain","out=\"tc list\"","7"],"dispatch_dir":"C:\\d","sid":1763930101.17,
		"app":"search","owner":"o","username":"u","session_key":"k3y","splunkd_uri":"https://127.0.0.1:8089","splunk_version":"9.4.0",
		"search":"search%20index%3D%C3%BC%20%7C%20x","command":"x","maxresultrows":"50000","earliest_time":1763926500.25,"latest_time":"0"}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Info{
		Preview: true, Args: []string{"field=domain", "out=tc list", "7"}, RawArgs: []string{"field=domain", `out="tc list"`, "7"},
		DispatchDir: `C:\d`, SID: "1763930101.17", App: "search", Owner: "o", Username: "u", SessionKey: NewSecret("k3y"),
		SplunkdURI: "https://127.0.0.1:8089", SplunkVersion: "9.4.0", Search: "search%20index%3D%C3%BC%20%7C%20x", Command: "x",
		MaxResultRows: 50000, EarliestTime: "1763926500.25", LatestTime: "0",
	}
	if !reflect.DeepEqual(info, want) {
		t.Errorf("got %+v\nwant %+v", info, want)
	}
	if info.SessionKey.Reveal() != "k3y" {
		t.Error("the session key is lost")
	}
	if got := info.SearchText(); got != "search index=ü | x" {
		t.Errorf("search %q", got)
	}
	if at, ok := info.Earliest(); !ok || !at.Equal(time.Unix(1763926500, 250e6)) {
		t.Errorf("earliest %v, %t", at, ok)
	}
	if at, ok := info.Latest(); ok {
		t.Errorf("latest %v", at)
	}
}

func TestParseInfoIsLenient(t *testing.T) {
	for _, meta := range []string{
		`{"action":"getinfo"}`,
		`{"action":"getinfo","searchinfo":null}`,
		`{"action":"getinfo","searchinfo":{"args":null,"session_key":{},"maxresultrows":"many","earliest_time":[],"preview":1}}`,
	} {
		info, err := ParseInfo([]byte(meta))
		if err != nil || !reflect.DeepEqual(info, &Info{}) {
			t.Errorf("%s: %+v, %v", meta, info, err)
		}
	}
	info, err := ParseInfo([]byte(`{"action":"getinfo","preview":"t","searchinfo":{"args":"one","maxresultrows":1e3,"search":"50% off"}}`))
	if err != nil || !info.Preview || len(info.Args) != 1 || info.MaxResultRows != 1000 || info.SearchText() != "50% off" {
		t.Errorf("%+v, %v", info, err)
	}
	for _, meta := range []string{``, `[]`, `null`, `{"action":"execute"}`, `{"searchinfo":{}}`, `{"action":"getinfo","searchinfo":"x"}`} {
		if info, err := ParseInfo([]byte(meta)); err == nil {
			t.Errorf("%s: %+v", meta, info)
		}
	}
}

func TestEpoch(t *testing.T) {
	for s, want := range map[string]time.Time{
		"1":                    time.Unix(1, 0),
		"1380899494":           time.Unix(1380899494, 0),
		"1599171244.277":       time.Unix(1599171244, 277e6),
		" 1599171244.0 ":       time.Unix(1599171244, 0),
		"1599171244.123456789": time.Unix(1599171244, 123456789),
		"1.5e9":                time.Unix(1500000000, 0),
		"-1.5":                 time.Unix(-2, 5e8),
	} {
		if got, ok := epoch(s); !ok || !got.Equal(want) {
			t.Errorf("%q: %v, %t", s, got, ok)
		}
	}
	for _, s := range []string{"", "0", "0.000", "now", "-", ".", "NaN", "Inf", "1e300", "99999999999999999999"} {
		if got, ok := epoch(s); ok {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	const key = "k3yEXAMPLE"
	info := Info{SessionKey: NewSecret(key)}
	type hidden struct{ info Info }
	var out strings.Builder
	for _, v := range []any{info, &info, info.SessionKey, &info.SessionKey, hidden{info}, []any{info}, map[string]Secret{"k": info.SessionKey}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10s"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
	}
	b, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "info", info, "key", info.SessionKey)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "info", info, "key", info.SessionKey)
	out.Write(log.Bytes())
	hex := fmt.Sprintf("%x", key)
	for _, bad := range []string{key, hex, strings.ToUpper(hex), key[:5]} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q is shown", bad)
		}
	}
	if !strings.Contains(out.String(), redacted) {
		t.Error("nothing says that there is something hidden")
	}
	if !NewSecret("").IsZero() || info.SessionKey.IsZero() || (Secret{}).Reveal() != "" {
		t.Error("IsZero")
	}
}
