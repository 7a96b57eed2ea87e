package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverShown(t *testing.T) {
	s := NewSecret("hunter2")
	if s.Reveal() != "hunter2" || s.IsZero() {
		t.Fatal("the secret itself is lost")
	}
	in := struct {
		Key Secret
		Ptr *Secret
		m   map[string]Secret
	}{s, &s, map[string]Secret{"k": s}}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+"\n", s)
		fmt.Fprintf(&b, verb+"\n", &s)
		fmt.Fprintf(&b, verb+"\n", in)
	}
	j, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(j)
	text, _ := s.MarshalText()
	b.Write(text)
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("m", "key", s, "any", in)
	}
	for _, shown := range []string{"hunter2", "68756e74657232"} {
		if i := strings.Index(b.String(), shown); i >= 0 {
			t.Errorf("shown: …%s…", b.String()[max(0, i-40):i+7])
		}
	}
	if !strings.Contains(b.String(), Redacted) {
		t.Error("no placeholder")
	}
	if got := fmt.Sprint(Secret{}); got != "" {
		t.Errorf("no secret is shown as %q", got)
	}
}
