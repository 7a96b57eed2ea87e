//go:build unix

package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tclookup/tclookup/internal/accept"
)

// TestServePagesFurther: beyond the first hop a page draws what the caches
// hold, and asks for nothing; no page asks for anything private.
func TestServePagesFurther(t *testing.T) {
	up := accept.NewServer(t, nil)
	s := startService(t, asking(t, up))
	const page, csv = "/domain.php?domain=bad.com&depth=2", "/download/related.csv?type=domain&value=bad.com&depth=2"
	look := func(path string, code int) string {
		t.Helper()
		got, body := s.get(path)
		if got != code {
			t.Errorf("%s: %d\n%s", path, got, body)
		}
		return body
	}
	if body := look(page, 200); !strings.Contains(body, "What is related to bad.com") || strings.Contains(body, "Trojan.A*B") {
		t.Errorf("before the file is known:\n%s", body)
	}
	look("/malware.php?md5=31D0E421894004393C48DE1769744687", 200)
	if body := look(page, 200); !strings.Contains(body, "Trojan.A*B") {
		t.Errorf("after the file is known:\n%s", body)
	}
	if body := look(csv, 200); !strings.Contains(body, "31d0e421894004393c48de1769744687,hash,detection,Trojan.A*B,antivirus,") {
		t.Errorf("got\n%s", body)
	}
	look("/ip.php?ip=10.0.0.1", 200)
	look("/domain.php?domain=intranet.corp", 200)
	look("/domain.php?domain=two+words", 400)
	look("/nothing", 404)
	look("/search?q="+url.QueryEscape("hxxp://bad[.]com/x"), 200) // follows
	if n := up.Counts(); len(n) != 2 || n["domain/bad.com"] != 1 || n["file/31d0e421894004393c48de1769744687"] != 1 {
		t.Errorf("asked for %v", n)
	}
}
