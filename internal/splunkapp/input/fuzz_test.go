package input

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"
)

// FuzzValidate: whatever splunkd sends, the answer is nothing or one XML
// document with a message.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(`<items><item name="queue"><param name="for">5m</param><param name="task">queue</param></item></items>`))
	f.Add([]byte(`<items><item name="a]]&gt;"><param name="for">&lt;x&#10;y</param></item><item><param name="task">q</param></item></items>`))
	f.Add([]byte(`<input><server_uri>https://h:8089</server_uri><configuration><stanza name="tclookup://q"><param name="for">-1s</param></stanza></configuration></input>`))
	f.Add([]byte("<\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		err := Validate(bytes.NewReader(data), &out)
		if err == nil {
			if out.Len() > 0 {
				t.Fatalf("no error, but %q", out.String())
			}
		} else {
			var e struct {
				XMLName xml.Name `xml:"error"`
				Message string   `xml:"message"`
			}
			if xml.Unmarshal(out.Bytes(), &e) != nil || e.Message == "" || strings.Count(out.String(), "\n") != 1 {
				t.Fatalf("%q", out.String())
			}
		}
		if d, err := read(io.LimitReader(bytes.NewReader(data), 1<<20)); err == nil {
			for _, i := range append(d.Items, d.Stanzas...) {
				if s, err := i.settings(); err == nil && (s.life < time.Second || tasks[s.task] == nil) {
					t.Fatalf("%+v", s)
				}
			}
		}
	})
}
