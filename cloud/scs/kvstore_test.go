package scs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tclookup/tclookup/cloud/scs/scstest"
	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

func collection(t testing.TB) (*scstest.Server, *KVStore) {
	t.Helper()
	s := tenant(t)
	s.Collections["cache"] = map[string]map[string]any{}
	k, err := NewKVStore(client(t, s, nil), "cache")
	if err != nil {
		t.Fatal(err)
	}
	return s, k
}

func keys(n int) (ks []lookupcache.Key, es []lookupcache.Entry) {
	at := time.UnixMilli(1772438400123).UTC()
	for i := range n {
		ks = append(ks, lookupcache.Key{Scope: "threatcrowd@host", Indicator: indicator.Indicator{Type: indicator.Domain, Value: fmt.Sprintf("d%d.com", i)}})
		e := lookupcache.Entry{Status: source.NotFound, Fetched: at, Expires: at.Add(time.Hour)}
		if i%3 > 0 {
			e.Status, e.Raw = source.Found, []byte(`{"big": 12345678901234567890, "x":"<&>\u0000"}`)
			e.Summary = source.Summary{Verdict: source.Malicious, Votes: -1, HasVotes: true, Related: 1 << 31, LastSeen: "2026-01-02", Permalink: "https://x/"}
		}
		es = append(es, e)
	}
	return ks, es
}

// What is kept comes back as it was, however many keys are asked for.
func TestKVStore(t *testing.T) {
	s, k := collection(t)
	ks, es := keys(230)
	if err := k.Put(t.Context(), ks, es); err != nil {
		t.Fatal(err)
	}
	if err := k.Put(t.Context(), ks[:1], es[:1]); err != nil { // over what is there
		t.Fatal(err)
	}
	if n := len(s.Records("cache")); n != 230 {
		t.Errorf("%d records", n)
	}
	ask := append(append([]lookupcache.Key{}, ks...), ks[1], lookupcache.Key{Scope: "other@host", Indicator: ks[1].Indicator}, lookupcache.Key{Scope: ks[1].Scope, Indicator: indicator.Indicator{Type: indicator.Email, Value: ks[1].Value}})
	out := make([]lookupcache.Entry, len(ask))
	if err := k.Get(t.Context(), ask, true, out); err != nil {
		t.Fatal(err)
	}
	for i := range out {
		want := lookupcache.Entry{}
		if i < len(es) {
			want = es[i]
		} else if i == len(es) {
			want = es[1]
		}
		if !reflect.DeepEqual(out[i], want) {
			t.Fatalf("%v: %+v, want %+v", ask[i], out[i], want)
		}
	}
}

// A record that is not ours, is damaged or comes from a clock ahead is a miss.
func TestKVStoreDamaged(t *testing.T) {
	s, k := collection(t)
	ks, es := keys(2)
	for name, change := range map[string]func(map[string]any){
		"another's value": func(r map[string]any) { r["value"] = "other.com" },
		"another type":    func(r map[string]any) { r["fetched"] = "yesterday" },
		"no status":       func(r map[string]any) { r["status"] = "error" },
		"no verdict":      func(r map[string]any) { r["verdict"] = "worst" },
		"votes":           func(r map[string]any) { r["votes"] = 7 },
		"ahead":           func(r map[string]any) { r["fetched"], r["expires"] = 4e12, 5e12 },
		"backwards":       func(r map[string]any) { r["expires"] = 1 },
		"report":          func(r map[string]any) { r["report"] = "{" },
		"no report":       func(r map[string]any) { r["report"] = "" },
	} {
		if err := k.Put(t.Context(), ks[1:], es[1:]); err != nil {
			t.Fatal(err)
		}
		s.Locked(func() { change(s.Collections["cache"][keyOf(&ks[1])]) })
		out := make([]lookupcache.Entry, 1)
		if err := k.Get(t.Context(), ks[1:], true, out); err != nil || out[0].OK() {
			t.Errorf("%s: %+v, %v", name, out[0], err)
		}
	}
}

// A service that fails is left alone for a while, and an interruption is no
// failure.
func TestKVStoreRests(t *testing.T) {
	s, k := collection(t)
	ks, es := keys(1)
	now := time.Now()
	k.now = func() time.Time { return now }
	var n atomic.Int64
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			return false
		}
		n.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
		return true
	}
	out := make([]lookupcache.Entry, 1)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Get(gone, ks, true, out); err == nil {
		t.Error("no error of an interrupted call")
	}
	if err := k.Get(t.Context(), ks, true, out); err == nil || !strings.Contains(err.Error(), "collection cache: GET") {
		t.Error(err)
	}
	before := n.Load()
	if err := k.Put(t.Context(), ks, es); err != nil || n.Load() != before {
		t.Errorf("%v, %d requests", err, n.Load()-before)
	}
	now = now.Add(kvRest)
	if err := k.Put(t.Context(), ks, es); err == nil || n.Load() == before {
		t.Errorf("%v, %d requests", err, n.Load()-before)
	}
	if _, err := NewKVStore(client(t, s, nil), "a/b"); err == nil {
		t.Error("a collection a/b")
	}
}

// FuzzRecord: whatever a record holds, it is an answer for its key or none.
func FuzzRecord(f *testing.F) {
	f.Add(`{"_key":"x","scope":"threatcrowd@host","type":"domain","value":"d0.com","status":"found","fetched":1772438400123,"expires":1772438400124,"verdict":"malicious","report":"{}"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var r kept
		if json.Unmarshal([]byte(text), &r) != nil {
			return
		}
		ks, _ := keys(1)
		if e := r.entry(&ks[0], time.Now()); e.OK() && (r.Value != ks[0].Value || e.Raw != nil && !json.Valid(e.Raw)) {
			t.Fatalf("%+v of %s", e, text)
		}
	})
}
