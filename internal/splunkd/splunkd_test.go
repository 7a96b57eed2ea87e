package splunkd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/internal/splunkd"
	"github.com/tclookup/tclookup/internal/splunkd/splunkdtest"
)

const token = "k3y^with_0"

func client(t *testing.T, s *splunkdtest.Server, u splunkdtest.User) *splunkd.Client {
	t.Helper()
	s.Users[token] = u
	c, err := splunkd.New(splunkd.Config{URI: s.URL, Token: chunked.NewSecret(token)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestPasswordsOfOneRealm(t *testing.T) {
	s := splunkdtest.New(t)
	s.Passwords = map[[2]string]string{
		{"tclookup", "threatcrowd"}: "our-key", {"tclookup", "other"}: "second",
		{"tclookup2", "threatcrowd"}: "not-ours", {"", "threatcrowd"}: "nobody's",
	}
	c := client(t, s, splunkdtest.User{Name: "admin", Capabilities: []string{"list_storage_passwords"}})
	got, err := c.Passwords(t.Context(), "tclookup")
	if err != nil || len(got) != 2 || got["threatcrowd"] != "our-key" || got["other"] != "second" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDenied(t *testing.T) {
	s := splunkdtest.New(t)
	c := client(t, s, splunkdtest.User{Name: "analyst"})
	_, err := c.Passwords(t.Context(), "tclookup")
	if !errors.Is(err, splunkd.ErrDenied) || !strings.Contains(err.Error(), "insufficient permission") || !strings.Contains(err.Error(), "HTTP 403") {
		t.Error(err)
	}
	if err := c.Receive(t.Context(), splunkd.Place{Index: "main"}, []byte("x")); !errors.Is(err, splunkd.ErrDenied) {
		t.Error(err)
	}
	delete(s.Users, token) // the session has ended
	if _, err := c.CurrentUser(t.Context()); !errors.Is(err, splunkd.ErrDenied) || strings.Contains(err.Error(), token) {
		t.Error(err)
	}
}

func TestCurrentUser(t *testing.T) {
	s := splunkdtest.New(t)
	c := client(t, s, splunkdtest.User{Name: "analyst", Roles: []string{"user"}, Capabilities: []string{"search", "tclookup_vote"}})
	u, err := c.CurrentUser(t.Context())
	if err != nil || u.Name != "analyst" || !u.Can("tclookup_vote") || u.Can("tclookup") {
		t.Errorf("%+v, %v", u, err)
	}
	s.Roles = []string{"search_head", "shc_member"}
	if roles, err := c.ServerRoles(t.Context()); err != nil || fmt.Sprint(roles) != "[search_head shc_member]" {
		t.Error(roles, err)
	}
}

func TestReceive(t *testing.T) {
	s := splunkdtest.New(t)
	c := client(t, s, splunkdtest.User{Name: "admin", Capabilities: []string{"edit_tcp"}})
	err := c.Receive(t.Context(), splunkd.Place{Index: "notable", Source: "an alert & more", Sourcetype: "tclookup:result"}, []byte("{\"a\":1}\n{\"b\":2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := splunkdtest.Event{User: "admin", Index: "notable", Source: "an alert & more", Sourcetype: "tclookup:result", Body: "{\"a\":1}\n{\"b\":2}\n"}
	if got := s.Events(); len(got) != 1 || got[0] != want {
		t.Errorf("%+v", got)
	}
	if err := c.Receive(t.Context(), splunkd.Place{Index: "missing"}, nil); err == nil || !strings.Contains(err.Error(), "supplied index 'missing' missing") {
		t.Error(err)
	}
}

func TestCollections(t *testing.T) {
	s := splunkdtest.New(t)
	s.Collections["c"] = nil
	c := client(t, s, splunkdtest.User{Name: "admin"})
	var docs []json.RawMessage
	for i := range 1201 {
		docs = append(docs, json.RawMessage(fmt.Sprintf(`{"_key":"k/%d","n":%d}`, i, i)))
	}
	if n, err := c.Save(t.Context(), "c", docs); n != 1201 || err != nil {
		t.Fatal(n, err)
	}
	if n := len(s.Documents("c")); n != 1201 {
		t.Errorf("%d documents", n)
	}
	if n := len(s.Calls()); n != 3 {
		t.Errorf("%d requests", n)
	}
	var d struct{ N int }
	if err := c.Get(t.Context(), "c", "k/17", &d); err != nil || d.N != 17 {
		t.Error(d, err)
	}
	if err := c.Get(t.Context(), "c", "no", &d); !errors.Is(err, splunkd.ErrNotFound) {
		t.Error(err)
	}
	if err := c.Insert(t.Context(), "c", map[string]any{"_key": "k/17"}); !errors.Is(err, splunkd.ErrConflict) {
		t.Error(err)
	}
	if err := c.Insert(t.Context(), "c", map[string]any{"_key": "new", "n": 5}); err != nil {
		t.Error(err)
	}
	if err := c.Replace(t.Context(), "c", "k/17", map[string]any{"n": 18}); err != nil || s.Documents("c")["k/17"]["n"] != 18.0 {
		t.Error(err)
	}
	if err := c.Delete(t.Context(), "c", map[string]any{"n": map[string]any{"$lt": 1000}}); err != nil || len(s.Documents("c")) != 201 {
		t.Error(err, len(s.Documents("c")))
	}
	for _, all := range []any{map[string]any{}, nil} {
		if err := c.Delete(t.Context(), "c", all); err == nil {
			t.Errorf("%v empties the collection", all)
		}
	}
	if _, err := c.Save(t.Context(), "none", docs[:1]); !errors.Is(err, splunkd.ErrNotFound) {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for _, tt := range []struct{ uri, token, want string }{
		{"", "t", "no session"}, {"https://127.0.0.1:8089", "", "no session"},
		{"127.0.0.1:8089", "t", "give https://host:8089"}, {"ftp://h", "t", "give https"}, {"https://u:secret@h", "t", "more than"},
		{"https://h/?q", "t", "more than"}, {"https://h", "a\nb", "cannot be sent"}, {"https://h:\x00", "t", "not a URL"},
	} {
		_, err := splunkd.New(splunkd.Config{URI: tt.uri, Token: chunked.NewSecret(tt.token)})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", tt.uri, err)
		}
	}
	_, err := splunkd.New(splunkd.Config{URI: "https://splunk.example", Token: chunked.NewSecret("t"), CAFile: filepath.Join(t.TempDir(), "no.pem")})
	if err == nil || !strings.Contains(err.Error(), "no.pem") {
		t.Error(err)
	}
	if _, err = splunkd.New(splunkd.Config{URI: "https://splunk.example", Token: chunked.NewSecret("t"), TrustFile: "no.pem"}); err != nil {
		t.Error(err)
	}
}

// A server that is not on this host has to prove who it is.
func TestCertificates(t *testing.T) {
	s := splunkdtest.New(t)
	s.Users[token] = splunkdtest.User{Name: "admin"}
	c, err := splunkd.New(splunkd.Config{URI: s.URL, Token: chunked.NewSecret(token), CAFile: pemOfOthers(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CurrentUser(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with authorities of others: %v", err)
	}
	if c, err = splunkd.New(splunkd.Config{URI: s.URL, Token: chunked.NewSecret(token), CAFile: pemOfOthers(t), InsecureTLS: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CurrentUser(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"no answer within": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"HTTP 302": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example/", http.StatusFound)
		},
		"down for backup; later": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
			fmt.Fprint(w, "<response><messages><msg type=\"ERROR\">down\n for backup</msg><msg type='WARN'>later</msg></messages></response>")
		},
		"plain *** text": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			fmt.Fprint(w, "plain "+token+" text")
		},
		"not the JSON":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"names no user": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"entry":[]}`) },
	}
	for want, h := range answers {
		srv := httptest.NewServer(h)
		c, err := splunkd.New(splunkd.Config{URI: srv.URL, Token: chunked.NewSecret(token), Timeout: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.CurrentUser(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v", want, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err = c.CurrentUser(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		c.Close()
		srv.Close()
		if _, err = c.CurrentUser(t.Context()); err == nil || !strings.Contains(err.Error(), "/current-context") {
			t.Error(err)
		}
	}
}

func TestBearer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"entry":[{"content":{"username":%q}}]}`, r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	for bearer, want := range map[bool]string{false: "Splunk t0", true: "Bearer t0"} {
		c, err := splunkd.New(splunkd.Config{URI: srv.URL + "/", Token: chunked.NewSecret("t0"), Bearer: bearer})
		if err != nil {
			t.Fatal(err)
		}
		if u, err := c.CurrentUser(t.Context()); err != nil || u.Name != want {
			t.Errorf("%v, %v", u, err)
		}
		c.Close()
	}
}
