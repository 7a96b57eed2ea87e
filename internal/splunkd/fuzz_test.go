package splunkd

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzMessages: whatever a server says, an error is one short line without the
// token.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"messages":[{"type":"ERROR","text":"a\nsecret-token b"}]}`))
	f.Add([]byte(`<response><messages><msg type="ERROR">x</msg></messages></response>`))
	f.Add([]byte("plain secret-token \x00\x1b[31m text"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &Client{token: "secret-token"}
		e := &Error{Method: "GET", Path: "/x", Status: 500, Messages: c.messages(body)}
		if len(e.Messages) > 5 || len(e.Error()) > 8000 {
			t.Fatalf("too long: %d messages, %d bytes", len(e.Messages), len(e.Error()))
		}
		for _, m := range e.Messages {
			if strings.Contains(m, "secret-token") || strings.ContainsAny(m, "\n\r\x00\x1b") {
				t.Fatalf("%q", m)
			}
		}
	})
}

// FuzzExport: whatever splunkd streams, results are objects and nothing
// panics.
func FuzzExport(f *testing.F) {
	f.Add([]byte("{\"preview\":false,\"offset\":0,\"lastrow\":true,\"result\":{\"a\":\"1\"}}\n"))
	f.Add([]byte("{\"messages\":[{\"type\":\"FATAL\",\"text\":\"x\"}]}\n{\"preview\":true,\"result\":{}}"))
	f.Add([]byte("[]\n{\"result\":[1]}\nnull"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &Client{token: "secret-token"}
		_ = c.readExport(bytes.NewReader(body), func(r []byte) error {
			var o map[string]any
			if err := json.Unmarshal(r, &o); err != nil {
				t.Fatalf("%q: %v", r, err)
			}
			return nil
		}, func(string) {})
	})
}
