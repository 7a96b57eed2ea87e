package demodata

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
)

func fetch(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return string(b)
}

func TestServe(t *testing.T) {
	s, err := Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.HasPrefix(s.BaseURL(), "http://127.0.0.1:") {
		t.Errorf("base address %s", s.BaseURL())
	}
	const email = `{"response_code":"1","domains":["webmail-quota-demo.xyz","signin-cloud-demo.io"],"references":[],"permalink":"https:\/\/www.threatcrowd.org\/email.php?email=zhang.wei@postkontor-demo.cn"}`
	const ip = `{"response_code":"1","resolutions":[{"last_resolved":"2025-10-02","domain":"kestrel-sync-demo.net"},{"last_resolved":"2025-08-14","domain":"kestrel-sync-demo.net"},` +
		`{"last_resolved":"2025-10-02","domain":"api.kestrel-sync-demo.net"},{"last_resolved":"2025-03-22","domain":"kestrel-sync-demo.net\r"}],` +
		`"hashes":["4b59f519a26ec5da482a6b7d349e1f09"],"references":[],"votes":-1,"permalink":"https:\/\/www.threatcrowd.org\/ip.php?ip=44.128.17.64"}`
	for _, tt := range []struct{ path, want string }{
		{"email/report/?email=" + url.QueryEscape("zhang.wei@Postkontor-Demo.cn"), email},
		{"ip/report/?ip=44.128.17.64", ip},
		{"ip/report/?ip=::ffff:44.128.17.64", ip},
		{"domain/report/?domain=nothing-demo.com", `{"response_code":"0"}`},
		{"domain/report/?domain=", `{"response_code":"0"}`},
	} {
		if diff := cmp.Diff(tt.want, fetch(t, s.BaseURL()+tt.path)); diff != "" {
			t.Errorf("%s: %s", tt.path, diff)
		}
	}
	want := map[indicator.Indicator]int{
		{Type: indicator.Email, Value: "zhang.wei@postkontor-demo.cn"}: 1,
		{Type: indicator.IP, Value: "44.128.17.64"}:                    2,
		{Type: indicator.Domain, Value: "nothing-demo.com"}:            1,
	}
	if diff := cmp.Diff(want, s.Requests()); diff != "" {
		t.Error(diff)
	}
	if s.Total() != 4 {
		t.Errorf("%d requests in total", s.Total())
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if resp, err := http.Get(s.BaseURL()); err == nil {
		resp.Body.Close()
		t.Error("still served after Close")
	}
}

func TestServeEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Serve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-s.done
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Serve(ctx); err == nil {
		t.Error("started although the context had ended")
	}
}
