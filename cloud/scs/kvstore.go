package scs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/splunk/splunk-cloud-sdk-go/services/kvstore"

	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

// KVStore is a tier of a cache: a collection in the KV store of the tenant,
// which all who work with the tenant share. It hands out no claims, so that
// two hosts may ask for the same at the same time. After a failure it is left
// alone for a while: a run does not wait for it again and again.
type KVStore struct {
	c          *Client
	collection string
	now        func() time.Time

	mu   sync.Mutex
	rest time.Time // until then it is not asked
}

var _ lookupcache.Tier = (*KVStore)(nil)

// The bounds of the tier.
const (
	queryKeys  = 50              // in one query, which is part of a URL
	saveCount  = 100             // records in one request
	saveBytes  = 1_000_000       // of them
	maxRecord  = 512 << 10       // a larger report is not kept
	kvWait     = 5 * time.Second // for one call of the cache
	kvRest     = time.Minute
	kvMaxAhead = 10 * time.Minute // a clock that is further ahead is not believed
)

// NewKVStore returns the tier. It sends nothing; the collection has to be
// there.
func NewKVStore(c *Client, collection string) (*KVStore, error) {
	if collection == "" || strings.ContainsFunc(collection, func(r rune) bool {
		return r >= unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	}) {
		return nil, fmt.Errorf("collection %q: a collection's name has letters, digits, - and _", collection)
	}
	few := *c // the cache does not wait as long as a search does
	few.tries = 2
	return &KVStore{c: &few, collection: collection, now: time.Now}, nil
}

// Name implements lookupcache.Tier.
func (s *KVStore) Name() string { return "kvstore" }

// Close implements lookupcache.Tier.
func (s *KVStore) Close() error { return nil }

// kept is a record of the collection. Times are milliseconds since 1970.
type kept struct {
	Key       string `json:"_key"`
	Scope     string `json:"scope"`
	Type      string `json:"type"`
	Value     string `json:"value"`
	Status    string `json:"status"` // found or not_found
	Fetched   int64  `json:"fetched"`
	Expires   int64  `json:"expires"`
	Verdict   string `json:"verdict"` // as the output field has it
	Votes     int8   `json:"votes"`
	HasVotes  bool   `json:"has_votes"`
	Related   uint32 `json:"related"`
	LastSeen  string `json:"last_seen"`
	Permalink string `json:"permalink"`
	Report    string `json:"report"` // as the source sent it
}

// The words that records have for statuses and verdicts.
var (
	statuses = map[string]source.Status{"found": source.Found, "not_found": source.NotFound}
	verdicts = map[string]source.Verdict{}
)

func init() {
	for _, v := range []source.Verdict{source.Unknown, source.Harmless, source.Suspicious, source.Malicious} {
		verdicts[v.String()] = v
	}
}

func nameOf[T comparable](names map[string]T, v T) string {
	for name, n := range names {
		if n == v {
			return name
		}
	}
	return ""
}

// keyOf is the name of a record: a hash, as an indicator may be too long or
// hold characters that a key cannot.
func keyOf(k *lookupcache.Key) string {
	h := sha256.Sum256([]byte(k.Scope + "\x00" + k.Type.String() + "\x00" + k.Value))
	return hex.EncodeToString(h[:16])
}

// resting reports whether the service failed a moment ago.
func (s *KVStore) resting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Before(s.rest)
}

// failed has the service left alone, unless it was ctx that ended the call.
func (s *KVStore) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		s.mu.Lock()
		s.rest = s.now().Add(kvRest)
		s.mu.Unlock()
	}
	return fmt.Errorf("collection %s: %w", s.collection, err)
}

// Get implements lookupcache.Tier.
func (s *KVStore) Get(ctx context.Context, keys []lookupcache.Key, raw bool, out []lookupcache.Entry) error {
	clear(out[:len(keys)])
	if s.resting() {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, kvWait)
	defer cancel()
	for from := 0; from < len(keys); from += queryKeys {
		to := min(len(keys), from+queryKeys)
		if err := s.query(bounded, keys[from:to], raw, out[from:to]); err != nil {
			return s.failed(ctx, err)
		}
	}
	return nil
}

// query asks for a few keys.
func (s *KVStore) query(ctx context.Context, keys []lookupcache.Key, raw bool, out []lookupcache.Entry) error {
	at := make(map[string][]int, len(keys))
	var or []map[string]string
	for i := range keys {
		name := keyOf(&keys[i])
		if at[name] == nil {
			or = append(or, map[string]string{"_key": name})
		}
		at[name] = append(at[name], i)
	}
	q, err := json.Marshal(map[string]any{"$or": or})
	if err != nil {
		return err
	}
	k := &call{c: s.c, ctx: ctx, policy: freely}
	params := kvstore.QueryRecordsQueryParams{}.SetQuery(string(q)).SetCount(int32(len(or)))
	if _, err := (&kvstore.Service{Client: k}).QueryRecords(s.collection, &params); err != nil {
		return err
	}
	var records []json.RawMessage
	if err := json.Unmarshal(k.body, &records); err != nil {
		return errors.New("the records are no JSON array")
	}
	for _, r := range records {
		var rec kept
		if json.Unmarshal(r, &rec) != nil {
			continue // somebody else's
		}
		for _, i := range at[rec.Key] {
			if e := rec.entry(&keys[i], s.now()); e.OK() && !(raw && e.Status == source.Found && e.Raw == nil) {
				out[i] = e
			}
		}
	}
	return nil
}

// entry returns the answer of a record, or the zero Entry where it is none for
// the key.
func (r *kept) entry(k *lookupcache.Key, now time.Time) lookupcache.Entry {
	if r.Scope != k.Scope || r.Type != k.Type.String() || r.Value != k.Value || r.Fetched > now.Add(kvMaxAhead).UnixMilli() || r.Fetched <= 0 || r.Expires < r.Fetched {
		return lookupcache.Entry{}
	}
	status, known := statuses[r.Status]
	verdict, known2 := verdicts[r.Verdict]
	if !known || !known2 || r.Votes < -1 || r.Votes > 1 || r.Report != "" && !json.Valid([]byte(r.Report)) {
		return lookupcache.Entry{}
	}
	e := lookupcache.Entry{
		Status: status, Fetched: time.UnixMilli(r.Fetched).UTC(), Expires: time.UnixMilli(r.Expires).UTC(),
		Summary: source.Summary{
			Verdict: verdict, Votes: r.Votes, HasVotes: r.HasVotes, Related: r.Related, LastSeen: r.LastSeen, Permalink: r.Permalink,
		},
	}
	if r.Report != "" {
		e.Raw = []byte(r.Report)
	}
	return e
}

// Put implements lookupcache.Tier.
func (s *KVStore) Put(ctx context.Context, keys []lookupcache.Key, entries []lookupcache.Entry) error {
	if s.resting() {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, kvWait)
	defer cancel()
	var list []map[string]interface{}
	size := 0
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		k := &call{c: s.c, ctx: bounded, policy: freely}
		over := kvstore.InsertRecordsQueryParams{}.SetAllowUpdates(true)
		_, err := (&kvstore.Service{Client: k}).InsertRecords(s.collection, list, &over)
		list, size = list[:0], 0
		return err
	}
	for i := range keys {
		e, k := &entries[i], &keys[i]
		if !e.OK() || len(e.Raw) > maxRecord {
			continue
		}
		list = append(list, map[string]interface{}{
			"_key": keyOf(k), "scope": k.Scope, "type": k.Type.String(), "value": k.Value,
			"status": nameOf(statuses, e.Status), "fetched": e.Fetched.UnixMilli(), "expires": e.Expires.UnixMilli(),
			"verdict": e.Summary.Verdict.String(), "votes": e.Summary.Votes, "has_votes": e.Summary.HasVotes, "related": e.Summary.Related,
			"last_seen": e.Summary.LastSeen, "permalink": e.Summary.Permalink, "report": string(e.Raw),
		})
		if size += len(e.Raw) + 512; len(list) >= saveCount || size >= saveBytes {
			if err := flush(); err != nil {
				return s.failed(ctx, err)
			}
		}
	}
	return s.failed(ctx, flush())
}
