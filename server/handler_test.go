package server

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tclookup/tclookup/indicator"
)

type storeFunc func(indicator.Indicator) *Report

func (f storeFunc) Report(_ context.Context, ind indicator.Indicator) (*Report, bool, error) {
	r := f(ind)
	return r, r != nil, nil
}

type brokenStore struct{ err error }

func (b brokenStore) Report(context.Context, indicator.Indicator) (*Report, bool, error) {
	return nil, false, b.err
}

func get(h http.Handler, target string) *httptest.ResponseRecorder {
	return do(h, http.MethodGet, target, nil)
}

func do(h http.Handler, method, target string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://tc.example/", nil)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// asked returns a handler that knows everything and writes down what it was
// asked for.
func asked(into *[]indicator.Indicator) *Handler {
	return New(storeFunc(func(ind indicator.Indicator) *Report {
		*into = append(*into, ind)
		return &Report{}
	}))
}

func TestEndpoints(t *testing.T) {
	for _, tt := range []struct {
		target string
		want   indicator.Indicator
		link   string
	}{
		{"domain/report/?domain=example.com", indicator.Indicator{Type: indicator.Domain, Value: "example.com"}, "domain.php?domain=example.com"},
		{"domain/report?domain=%20WWW.Example.COM.%0d%0a", indicator.Indicator{Type: indicator.Domain, Value: "www.example.com"}, "domain.php?domain=www.example.com"},
		{"ip/report/?ip=192.0.2.1", indicator.Indicator{Type: indicator.IP, Value: "192.0.2.1"}, "ip.php?ip=192.0.2.1"},
		{"ip/report/?ip=2001:DB8:0::1", indicator.Indicator{Type: indicator.IP, Value: "2001:db8::1"}, "ip.php?ip=2001:db8::1"},
		{"ip/report?ip=%3A%3Affff%3A192.0.2.1", indicator.Indicator{Type: indicator.IP, Value: "192.0.2.1"}, "ip.php?ip=192.0.2.1"},
		{"email/report/?email=Some.One%40Example.ORG", indicator.Indicator{Type: indicator.Email, Value: "Some.One@example.org"}, "email.php?email=Some.One@example.org"},
		{"antivirus/report/?antivirus=Riskware+(+0040eff71+)", indicator.Indicator{Type: indicator.Antivirus, Value: "Riskware ( 0040eff71 )"}, "listMalware.php?antivirus=Riskware%20(%200040eff71%20)"},
		{"antivirus/report/?antivirus=W32/A:B;c%26d%zz", indicator.Indicator{Type: indicator.Antivirus, Value: "W32/A:B;c%26d%zz"}, "listMalware.php?antivirus=W32/A:B;c%2526d%25zz"},
		{"file/report/?resource=ABCDEF", indicator.Indicator{Type: indicator.Hash, Value: "abcdef"}, "malware.php?md5=abcdef"},
		{"file/report/?x=1&resource=aa&&resource=%62b&=&resource_=cc", indicator.Indicator{Type: indicator.Hash, Value: "bb"}, "malware.php?md5=bb"},
	} {
		t.Run(tt.target, func(t *testing.T) {
			var inds []indicator.Indicator
			w := get(asked(&inds), Root+tt.target)
			if diff := cmp.Diff([]indicator.Indicator{tt.want}, inds); diff != "" {
				t.Error(diff)
			}
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("status %d, content type %q", w.Code, w.Header().Get("Content-Type"))
			}
			want := `"permalink":"https:\/\/www.threatcrowd.org\/` + strings.ReplaceAll(tt.link, "/", `\/`) + `"}`
			if !strings.HasSuffix(w.Body.String(), want) {
				t.Errorf("got  %s\nwant …%s", w.Body, want)
			}
		})
	}
}

func TestNothingAsked(t *testing.T) {
	for _, target := range []string{
		"domain/report/", "domain/report/?domain=", "domain/report/?domain=%20", "domain/report/?domain=.", "domain/report/?ip=192.0.2.1",
		"domain/report/?Domain=example.com", "domain/report?domain=" + strings.Repeat("a", maxValue+1),
		"ip/report/?ip=example.com", "ip/report/?ip=192.0.2.1:80", "ip/report/?ip=fe80::1%25eth0", "ip/report/?ip=010.1.1.1",
		"email/report/?email=example.com", "email/report/?email=@example.com",
	} {
		t.Run(target, func(t *testing.T) {
			var inds []indicator.Indicator
			w := get(asked(&inds), Root+target)
			if w.Code != http.StatusOK || w.Body.String() != NotFound || inds != nil {
				t.Errorf("%d %s, asked for %v", w.Code, w.Body, inds)
			}
		})
	}
	w := get(New(storeFunc(func(indicator.Indicator) *Report { return nil })), Root+"domain/report/?domain=example.com")
	if w.Code != http.StatusOK || w.Body.String() != `{"response_code":"0"}` {
		t.Errorf("unknown domain: %d %s", w.Code, w.Body)
	}
}

func TestRefused(t *testing.T) {
	const good = Root + "domain/report/?domain=example.com"
	for _, tt := range []struct {
		method, target string
		want           int
	}{
		{"GET", "/", 404}, {"GET", Root, 404}, {"GET", Root + "url/report/?url=x", 404}, {"GET", Root + "domain/report//?domain=x", 404},
		{"GET", "/searchapi/v2/domain/report/?domain=x", 404}, {"GET", "/x" + good, 404},
		{"POST", good, 405}, {"DELETE", good, 405}, {"OPTIONS", good, 405},
		{"GET", good + "&x=" + strings.Repeat("x", MaxQuery), 414},
	} {
		w := do(New(storeFunc(func(indicator.Indicator) *Report { return &Report{} })), tt.method, tt.target, nil)
		if w.Code != tt.want || strings.Contains(w.Body.String(), "response_code") {
			t.Errorf("%s %.60s: %d %s", tt.method, tt.target, w.Code, w.Body)
		}
		if allow := w.Header().Get("Allow"); (allow == "GET, HEAD") != (tt.want == 405) {
			t.Errorf("%s %.60s: Allow: %q", tt.method, tt.target, allow)
		}
	}
}

func TestStoreError(t *testing.T) {
	broken := errors.New("index torn")
	var told []error
	h := New(brokenStore{broken}, WithErrorFunc(func(ind indicator.Indicator, err error) {
		if ind.Value == "example.com" {
			told = append(told, err)
		}
	}))
	w := get(h, Root+"domain/report/?domain=example.com")
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "torn") || strings.Contains(w.Body.String(), "response_code") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(told) != 1 || !errors.Is(told[0], broken) {
		t.Errorf("told %v", told)
	}
}

func TestOptions(t *testing.T) {
	h := New(storeFunc(func(ind indicator.Indicator) *Report {
		if ind.Value == "own.example" {
			return &Report{Permalink: "https://own.example/"}
		}
		return &Report{MD5: "0a"}
	}), WithContentType("text/html; charset=UTF-8"), WithPermalinks("http://127.0.0.1:1/"))
	w := get(h, Root+"file/report/?resource=0123")
	if got := w.Header().Get("Content-Type"); got != "text/html; charset=UTF-8" {
		t.Errorf("content type %q", got)
	}
	if want := `"permalink":"http:\/\/127.0.0.1:1\/malware.php?md5=0a"`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("got %s, want %s", w.Body, want)
	}
	w = get(h, Root+"domain/report/?domain=own.example")
	if want := `"permalink":"https:\/\/own.example\/"`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

func TestSharedReport(t *testing.T) {
	shared := &Report{}
	get(New(storeFunc(func(indicator.Indicator) *Report { return shared })), Root+"domain/report/?domain=a.example")
	if shared.Permalink != "" {
		t.Errorf("the store's report was changed: %+v", shared)
	}
}

func TestGzip(t *testing.T) {
	h := New(storeFunc(func(ind indicator.Indicator) *Report {
		if ind.Value == "none.example" {
			return nil
		}
		return &Report{Emails: []string{strings.Repeat("a", 3000)}}
	}))
	plain := get(h, Root+"domain/report/?domain=a.example").Body.String()
	for _, tt := range []struct {
		accept []string
		want   bool
	}{
		{nil, false}, {[]string{"gzip"}, true}, {[]string{"deflate, GZIP;q=0.5"}, true}, {[]string{"br", "x-gzip"}, true}, {[]string{"*"}, true},
		{[]string{"*, gzip;q=0"}, false}, {[]string{"gzip; q=0.000, *"}, false}, {[]string{"gzip;q=many"}, false}, {[]string{"identity"}, false}, {[]string{"*;q=0"}, false},
	} {
		w := do(h, http.MethodGet, Root+"domain/report/?domain=a.example", http.Header{"Accept-Encoding": tt.accept})
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != tt.want {
			t.Errorf("%q: gzip %t", tt.accept, got)
			continue
		}
		body := w.Body.String()
		if tt.want {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(b)
		}
		if body != plain || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: body of %d bytes, want %d; Vary %q", tt.accept, len(body), len(plain), w.Header().Get("Vary"))
		}
	}
	w := do(h, http.MethodGet, Root+"domain/report/?domain=none.example", http.Header{"Accept-Encoding": {"gzip"}})
	if w.Body.String() != NotFound {
		t.Errorf("a body of 21 bytes was compressed: %q", w.Body)
	}
}

func TestOverTheWire(t *testing.T) {
	srv := httptest.NewServer(New(storeFunc(func(indicator.Indicator) *Report { return &Report{HasVotes: true} })))
	defer srv.Close()
	const want = `{"response_code":"1","resolutions":[],"hashes":[],"references":[],"votes":0,"permalink":"https:\/\/www.threatcrowd.org\/ip.php?ip=192.0.2.1"}`
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		req, err := http.NewRequest(method, srv.URL+Root+"ip/report/?ip=192.0.2.1", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(want)) {
			t.Errorf("%s: status %d, length %d, %v", method, resp.StatusCode, resp.ContentLength, err)
		}
		if (method == http.MethodGet && string(b) != want) || (method == http.MethodHead && len(b) != 0) {
			t.Errorf("%s: %s", method, b)
		}
	}
}

// FuzzQuery gives the handler arbitrary paths and queries.
func FuzzQuery(f *testing.F) {
	for _, path := range []string{"domain/report/", "ip/report", "email/report/", "antivirus/report/", "file/report/", ""} {
		for _, query := range []string{"domain=a.example&ip=::1&email=a%40b&antivirus=+&resource=%41", "domain=%", "&&==&=&%3d", "ip=fe80::1%25x", "resource=\xff"} {
			f.Add(path, query)
		}
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		var inds []indicator.Indicator
		w := get(asked(&inds), Root+path+"?"+query)
		switch w.Code {
		case http.StatusOK:
		case http.StatusNotFound, http.StatusRequestURITooLong:
			if inds != nil {
				t.Fatalf("status %d, but asked for %v", w.Code, inds)
			}
			return
		default:
			t.Fatalf("status %d", w.Code)
		}
		var got struct {
			Code      string `json:"response_code"`
			Permalink string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		if (got.Code == "1") != (len(inds) == 1) || len(inds) > 1 {
			t.Fatalf("%s, asked for %v", w.Body, inds)
		}
		if inds == nil {
			return
		}
		ind := inds[0]
		if again, ok := canonical(ind.Type, ind.Value); !ok || again != ind {
			t.Errorf("%q is canonical, but becomes %q, %t", ind.Value, again.Value, ok)
		}
		link, err := url.Parse(got.Permalink)
		if err != nil {
			t.Fatalf("permalink %q: %v", got.Permalink, err)
		}
		if _, value, _ := strings.Cut(link.RawQuery, "="); unescape(value) != ind.Value {
			t.Errorf("permalink %q does not lead to %q", got.Permalink, ind.Value)
		}
	})
}
