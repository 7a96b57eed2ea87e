package scs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/splunk/splunk-cloud-sdk-go/idp"
	"github.com/splunk/splunk-cloud-sdk-go/util"
)

// tokens has the access token, and gets a new one when that is needed: one
// request for all that wait. The SDK's retrievers know no context and no
// bound, so the one at work is left behind when the time is up.
type tokens struct {
	retriever idp.TokenRetriever
	hide      *strings.Replacer
	timeout   time.Duration
	pause     time.Duration
	server    string

	mu   sync.Mutex
	have *idp.Context
	err  error         // of the last request for a token
	busy chan struct{} // closed when the request under way has ended; nil if none is
}

// early is how long before its end a token is renewed.
const early = time.Minute

func newTokens(c Config, server string) *tokens {
	t := &tokens{timeout: c.Timeout, pause: c.Pause, server: server, hide: hider(c.ClientSecret.Reveal(), c.RefreshToken.Reveal())}
	if !c.ClientSecret.IsZero() {
		t.retriever = idp.NewClientCredentialsRetriever(c.ClientID, c.ClientSecret.Reveal(), c.Scope, server)
		return t
	}
	scope := c.Scope
	if scope == "" {
		scope = idp.DefaultRefreshScope
	}
	t.retriever = idp.NewRefreshTokenRetriever(c.ClientID, scope, c.RefreshToken.Reveal(), server)
	return t
}

// get returns a valid token, which is not stale.
func (t *tokens) get(ctx context.Context, stale string) (string, error) {
	for asked := false; ; asked = true {
		t.mu.Lock()
		if t.busy == nil {
			if h := t.have; h != nil && h.AccessToken != stale && (asked || t.lasts(h)) {
				t.mu.Unlock()
				return h.AccessToken, nil
			}
			if asked {
				err := t.err
				if err == nil {
					err = fmt.Errorf("the identity provider %s gives the same token again, which the service does not take", t.server)
				}
				t.mu.Unlock()
				return "", err
			}
			t.busy = make(chan struct{})
			go t.fetch(t.busy)
		}
		busy := t.busy
		t.mu.Unlock()
		late := time.NewTimer(t.timeout)
		select {
		case <-busy:
			late.Stop()
		case <-late.C:
			return "", fmt.Errorf("the identity provider %s gave no token within %s", t.server, t.timeout)
		case <-ctx.Done():
			late.Stop()
			return "", fmt.Errorf("waiting for a token: %w", ctx.Err())
		}
	}
}

// lasts reports whether a token is valid for a while. One that does not say
// how long it is valid is used until a service refuses it.
func (t *tokens) lasts(h *idp.Context) bool {
	return h.ExpiresIn <= 0 || time.Until(time.Unix(h.StartTime+int64(h.ExpiresIn), 0)) > min(early, time.Duration(h.ExpiresIn)*time.Second/10)
}

// refused is an answer that is the same each time.
var refused = regexp.MustCompile(`\b40[0134]\b`)

// fetch gets a token and closes done.
func (t *tokens) fetch(done chan struct{}) {
	var got *idp.Context
	var err error
	for n := range 3 {
		if n > 0 {
			time.Sleep(t.pause << n)
		}
		if got, err = t.retriever.GetTokenContext(); err == nil && got.AccessToken == "" {
			err = errors.New("the answer has no token")
		}
		if err == nil || refused.MatchString(err.Error()) {
			break
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err = nil; err != nil {
		t.have, t.err = nil, fmt.Errorf("no token from the identity provider %s: %s", t.server, oneLine(t.hide.Replace(err.Error())))
	} else {
		t.have = got
		if r, ok := t.retriever.(*idp.RefreshTokenRetriever); ok && got.RefreshToken != "" {
			r.RefreshToken = util.NewCredential(got.RefreshToken) // the old one may be used up
		}
	}
	t.busy = nil
	close(done)
}
