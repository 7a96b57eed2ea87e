package service

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/tclookup/tclookup/server/token"
)

// client is who sent a request.
type client struct {
	name     string // token:NAME, cert:NAME or address:ADDRESS
	vote     bool   // may vote
	explicit bool   // by a token that browsers do not send on their own
}

type clientKey struct{}

// Client returns who sent a request that a page is asked to answer, and
// whether they may vote. It is empty for other requests.
func Client(r *http.Request) (name string, mayVote bool) {
	c, _ := r.Context().Value(clientKey{}).(client)
	return c.name, c.vote
}

// hostAllowed reports whether the service goes by the name of a request.
func (s *Service) hostAllowed(host string) bool {
	if s.o.Access.Hosts == nil {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	return slices.Contains(s.o.Access.Hosts, name)
}

// admit finds out who sent a request and whether it may be answered. A code
// other than 0 means that it has been answered.
func (s *Service) admit(w http.ResponseWriter, r *http.Request) (client, int) {
	addr := addressOf(r.RemoteAddr)
	who, known, wrong := s.identify(r)
	if !known {
		who = client{name: "address:" + addr.String()}
	}
	if s.limits != nil && (known || !addr.IsLoopback()) {
		key := who.name
		if !known {
			key = network(addr)
		}
		if !s.limits.take(key) {
			w.Header().Set("Retry-After", "1")
			return who, fail(w, http.StatusTooManyRequests, "too many requests from this client; the limit is client_rate of the service")
		}
	}
	if wrong || !known && !s.o.Access.Open {
		s.meter.denied.Add(1)
		// Browsers ask for a password then, and send the token as one.
		w.Header().Set("WWW-Authenticate", `Basic realm="tclookup: any name, the token as password", charset="UTF-8"`)
		text := "a token is needed: Authorization: Bearer TOKEN, or X-Api-Key: TOKEN"
		if wrong {
			text = "this token is not known here"
		}
		return who, fail(w, http.StatusUnauthorized, text)
	}
	return who, 0
}

// identify returns who proves to have sent a request: by a certificate that
// the server has verified, or by a token. A token that is none is wrong.
func (s *Service) identify(r *http.Request) (who client, known, wrong bool) {
	if t := tokenOf(r); t != "" {
		if s.o.Access.Tokens == nil {
			return who, false, true
		}
		e, ok := s.o.Access.Tokens.Find(t)
		if !ok {
			return who, false, true
		}
		_, _, basic := r.BasicAuth()
		return client{"token:" + e.Name, e.Scope == token.Vote, r.Header.Get("X-Api-Key") != "" || !basic}, true, false
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		c := r.TLS.VerifiedChains[0][0]
		name := c.Subject.CommonName
		if name == "" && len(c.DNSNames) > 0 {
			name = c.DNSNames[0]
		}
		if name == "" {
			name = c.SerialNumber.Text(16)
		}
		return client{name: "cert:" + clip(name, 64), vote: true}, true, false
	}
	return who, false, false
}

// tokenOf returns the token of a request: as a bearer, as the password of
// basic authentication, which browsers and old clients can send, or in the
// field in which tclookup itself sends its api_key.
func tokenOf(r *http.Request) string {
	if v := r.Header.Get("X-Api-Key"); v != "" {
		return v
	}
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return ""
	}
	if scheme, rest, ok := strings.Cut(auth, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest)
	}
	if _, pass, ok := r.BasicAuth(); ok {
		return pass
	}
	return "?" // neither: no token is this, and the answer says so
}

func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// network names the bucket of an address without a token: an IPv6 client has
// at least a /64 to itself.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// limits holds the rate of each client, of the most recent ones.
type limits struct {
	rate    rate.Limit
	burst   int
	mu      sync.Mutex // so that a new client gets one limiter
	clients *lru.Cache[string, *rate.Limiter]
}

// maxClients bounds the table. A client that drops out of it begins anew.
const maxClients = 16384

func newLimits(perSecond float64, burst int) *limits {
	if perSecond <= 0 {
		return nil
	}
	l := &limits{rate: rate.Limit(perSecond), burst: max(burst, 1)}
	l.clients, _ = lru.New[string, *rate.Limiter](maxClients) // fails for sizes below 1 only
	return l
}

func (l *limits) take(key string) bool {
	lim, ok := l.clients.Get(key)
	if !ok {
		l.mu.Lock()
		if lim, ok = l.clients.Get(key); !ok {
			lim = rate.NewLimiter(l.rate, l.burst)
			l.clients.Add(key, lim)
		}
		l.mu.Unlock()
	}
	return lim.Allow()
}
