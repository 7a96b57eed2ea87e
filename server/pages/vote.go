package pages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"time"

	"github.com/tclookup/tclookup/indicator"
)

// formLife is how long the form of a page can be sent.
const formLife = 12 * time.Hour

// sign returns the token of a form: only who was shown the page of an
// indicator can send its vote, and only as who they were then.
func (h *Handler) sign(voter string, ind indicator.Indicator, at time.Time) string {
	mac := hmac.New(sha256.New, h.key[:])
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], uint64(at.Unix()))
	_, _ = mac.Write(head[:])
	for _, s := range []string{voter, ind.Type.String(), ind.Value} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		_, _ = mac.Write(n[:])
		_, _ = mac.Write([]byte(s))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(head[:]))
}

// signed reports whether a token is the one of a form that is not too old.
func (h *Handler) signed(token, voter string, ind indicator.Indicator) bool {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 8+sha256.Size {
		return false
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(b)), 0)
	age := h.o.Now().Sub(at)
	return hmac.Equal([]byte(h.sign(voter, ind, at)), []byte(token)) && age >= -time.Minute && age <= formLife
}

var voteWords = map[string]int8{"malicious": -1, "none": 0, "harmless": 1}

// vote takes the form of a page.
func (h *Handler) vote(w http.ResponseWriter, r *http.Request) {
	if h.o.Votes == nil {
		h.fail(w, r, http.StatusNotFound, "There is no such page", "No votes are taken here.")
		return
	}
	if err := h.guard.Check(r); err != nil {
		h.fail(w, r, http.StatusForbidden, "Not from here", "Votes are sent with the form of a page of this site.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxQuery)
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, http.StatusBadRequest, "The form could not be read", "Go back and try again.")
		return
	}
	typ, err := indicator.ParseType(r.PostForm.Get("type"))
	if err != nil || typ == indicator.None {
		h.fail(w, r, http.StatusBadRequest, "The form could not be read", "It does not say what the vote is about.")
		return
	}
	ind, err := h.o.Parser.Parse(r.PostForm.Get("value"), typ)
	v, ok := voteWords[r.PostForm.Get("vote")]
	if err != nil || !ok {
		h.fail(w, r, http.StatusBadRequest, "The form could not be read", "It does not say what the vote is about, or which it is.")
		return
	}
	voter, may := h.o.Votes.Voter(r)
	switch {
	case !may:
		h.show(w, r, http.StatusForbidden, "message.html", page{Title: "You may not vote", Body: message{
			Text: "A vote needs a token that may vote.", Link: signInAddress(ind), LinkText: "Sign in with a token",
		}})
	case !h.signed(r.PostForm.Get("token"), voter, ind):
		h.show(w, r, http.StatusForbidden, "message.html", page{Title: "The page is too old", Body: message{
			Text: "The form was shown too long ago, or to somebody else. Nothing was counted.", Link: Address(ind), LinkText: "Back to " + ind.Value,
		}})
	default:
		if err := h.o.Votes.Vote(r, ind, voter, v); err != nil {
			h.o.Log.Error("a vote was not kept", "error", err)
			h.show(w, r, http.StatusServiceUnavailable, "message.html", page{Title: "The vote was not kept", Body: message{
				Text: "It could not be written down. Try again in a while.", Link: Address(ind), LinkText: "Back to " + ind.Value,
			}})
			return
		}
		http.Redirect(w, r, Address(ind)+"&voted="+r.PostForm.Get("vote"), http.StatusSeeOther)
	}
}

func signInAddress(ind indicator.Indicator) string {
	return "/sign-in?type=" + ind.Type.String() + "&value=" + url.QueryEscape(ind.Value)
}

// signIn has the browser ask for a token, and leads to the page of an
// indicator then: nowhere else.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) {
	to := "/"
	q := r.URL.Query()
	if typ, err := indicator.ParseType(q.Get("type")); err == nil && typ != indicator.None {
		if ind, err := h.o.Parser.Parse(q.Get("value"), typ); err == nil {
			to = Address(ind)
		}
	}
	if h.o.Votes != nil {
		if _, may := h.o.Votes.Voter(r); !may {
			w.Header().Set("WWW-Authenticate", `Basic realm="tclookup: any name, the token as password", charset="UTF-8"`)
			h.show(w, r, http.StatusUnauthorized, "message.html", page{Title: "A token is needed", Body: message{
				Text: "A vote needs a token that may vote. The browser asks for it as a password; the name does not matter.", Link: to, LinkText: "Back",
			}})
			return
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
