package input

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/splunkapp"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/lookupcache/disk"
	"github.com/tclookup/tclookup/source"
)

const inputXML = `<?xml version="1.0" encoding="UTF-8"?>
<input>
  <server_host>search-01</server_host><server_uri>https://127.0.0.1:8089</server_uri>
  <session_key>not-for-logs</session_key><checkpoint_dir>/opt/splunk/var/lib/splunk/modinputs/tclookup</checkpoint_dir>
  <configuration><stanza name="tclookup://queue"><param name="for">%s</param><param name="interval">60</param></stanza></configuration>
</input>`

func TestInputScheme(t *testing.T) {
	var out bytes.Buffer
	if err := Scheme(&out); err != nil {
		t.Fatal(err)
	}
	var s struct {
		XMLName xml.Name `xml:"scheme"`
		Args    []struct {
			Name string `xml:"name,attr"`
		} `xml:"endpoint>args>arg"`
	}
	if err := xml.Unmarshal(out.Bytes(), &s); err != nil || len(s.Args) != 2 || s.Args[0].Name != "for" || s.Args[1].Name != "task" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestInputValidation(t *testing.T) {
	const items = `<items><item name="queue">PARAM</item></items>`
	for param, want := range map[string]string{
		"": "", `<param name="for">50m</param>`: "", `<param name="for"></param>`: "", `<param name="task"> queue </param>`: "",
		`<param name="interval">60</param>`: "", `<param name="for">soon</param>`: "for = soon", `<param name="for">0s</param>`: "a second or more",
		`<param name="task">a&lt;b</param>`: "task = a&lt;b: unknown; allowed are feeds, queue",
		`<param name="task">feeds</param>`:  "",
	} {
		var out bytes.Buffer
		err := Validate(strings.NewReader(strings.Replace(items, "PARAM", param, 1)), &out)
		if (err == nil) != (want == "") || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %s", param, err, out.String())
		}
	}
	if err := Validate(strings.NewReader("<items>"), io.Discard); !errors.Is(err, ErrInvalid) {
		t.Errorf("broken XML: %v", err)
	}
}

// TestInputDrains: the input asks for what is in the queue, and ends when it
// is told.
func TestInputDrains(t *testing.T) {
	asked := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Get("domain")
		_, _ = io.WriteString(w, `{"response_code":"0"}`)
	}))
	defer srv.Close()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := disk.Open(t.Context(), disk.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := lookupcache.Key{
		Scope:     "threatcrowd@" + strings.TrimPrefix(srv.URL, "http://"),
		Indicator: indicator.Indicator{Type: indicator.Domain, Value: "wanted.com"},
	}
	if err := s.Queue().Add(t.Context(), []disk.QueueItem{{Key: key, Rows: 3}}); err != nil {
		t.Fatal(err)
	}
	p := splunkapp.Place{Environ: []string{"TCLOOKUP_SOURCE_THREATCROWD_BASE_URL=" + srv.URL, "TCLOOKUP_DATA_DIR=" + dir, "TCLOOKUP_SOURCE_THREATCROWD_PROXY=none"},
		Getenv: func(string) string { return "" }}
	ctx, cancel := context.WithCancel(t.Context())
	var out, log bytes.Buffer
	ended := make(chan error)
	go func() {
		ended <- Run(ctx, p, Streams{In: strings.NewReader(strings.Replace(inputXML, "%s", "5m", 1)), Out: &out, Log: &log})
	}()
	select {
	case v := <-asked:
		if v != "wanted.com" {
			t.Errorf("asked for %q", v)
		}
	case err := <-ended:
		t.Fatalf("ended with %v: %s", err, log.String())
	}
	for {
		if n, err := s.Queue().Len(t.Context()); err != nil || n == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := out.String(); got != "<stream></stream>\n" {
		t.Errorf("stdout %q", got)
	}
	if !strings.Contains(log.String(), "INFO tclookup: answered=1 failed=0") || strings.Contains(log.String(), "not-for-logs") {
		t.Errorf("log %s", log.String())
	}
	entry := make([]lookupcache.Entry, 1)
	if err := s.Get(t.Context(), []lookupcache.Key{key}, false, entry); err != nil || entry[0].Status != source.NotFound {
		t.Errorf("kept %+v, %v", entry[0], err)
	}
	// Its time being up ends it as well.
	if err := Run(t.Context(), p, Streams{In: strings.NewReader(strings.Replace(inputXML, "%s", "1s", 1)), Out: io.Discard, Log: io.Discard}); err != nil {
		t.Errorf("after its time: %v", err)
	}
	// And so does the end of stdin, where that is the sign.
	s2 := Streams{In: strings.NewReader(strings.Replace(inputXML, "%s", "5m", 1)), End: strings.NewReader(""), Out: io.Discard, Log: io.Discard}
	if err := Run(t.Context(), p, s2); err != nil {
		t.Errorf("after the end of stdin: %v", err)
	}
}
