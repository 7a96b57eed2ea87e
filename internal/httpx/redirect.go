package httpx

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tclookup/tclookup/source"
)

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirect returns where the answer h to a request to u leads, or why it is
// not followed.
func (c *Client) redirect(r *Request, u *url.URL, status int, h http.Header) (*url.URL, error) {
	loc := h.Get("Location")
	refuse := func(why string) error {
		return c.fault(u, source.ErrRefused, status, why)
	}
	if loc == "" {
		return nil, c.fault(u, source.ErrMalformed, status, "redirect without a target")
	}
	t, err := u.Parse(loc)
	if err != nil {
		return nil, c.fault(u, source.ErrMalformed, status, "redirect to something that is no URL")
	}
	to := clean(t.Scheme+"://"+t.Host, 200)
	switch {
	case t.Scheme != "http" && t.Scheme != "https", t.User != nil, t.Opaque != "":
		return nil, refuse("redirect to an address that is not followed: check base_url")
	case !strings.EqualFold(t.Hostname(), c.base.Hostname()):
		return nil, refuse(fmt.Sprintf("redirects to %s, another host, which is not followed: if that is the right server, set base_url to it", to))
	case u.Scheme == "https" && t.Scheme == "http":
		return nil, refuse(fmt.Sprintf("redirects from https to %s, which is not followed: check base_url", to))
	case port(t) != port(u) && !(u.Scheme == "http" && t.Scheme == "https" && port(t) == "443"):
		return nil, refuse(fmt.Sprintf("redirects to %s, another port, which is not followed: if that is the right server, set base_url to it", to))
	case len(r.Body) > 0 && status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect:
		return nil, refuse("redirect of a request with a body: check base_url")
	}
	t.Fragment, t.RawFragment = "", ""
	t.Host = strings.ToLower(t.Host)
	return t, nil
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
