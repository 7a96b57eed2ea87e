package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/server"
)

// feedKinds are the feeds by their names below pathFeeds.
var feedKinds = [...]struct {
	name string
	kind indicator.Type
}{{"domains.txt", indicator.Domain}, {"ips.txt", indicator.IP}, {"hashes.txt", indicator.Hash}}

// maxFeed bounds a feed, in bytes.
const maxFeed = 256 << 20

var errFeedSize = errors.New("the feed would be larger than 256 MiB")

// feed is a list of all that is judged malicious, one value a line, as it was
// when the local intelligence changed last.
type feed struct {
	kind indicator.Type

	mu            sync.Mutex // one builds, the others wait
	built         bool
	version       int64
	plain, zipped []byte
	tag           string    // of the content, without quotes
	changed       time.Time // when the content was first seen
}

// content returns the feed as it is now.
func (f *feed) content(ctx context.Context, s *Service) (plain, zipped []byte, tag string, changed time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	version := int64(0)
	if s.o.Version != nil {
		if version, err = s.o.Version(ctx); err != nil {
			return nil, nil, "", time.Time{}, err
		}
	}
	if !f.built || f.version != version {
		var buf bytes.Buffer
		err := s.o.Lists.Malicious(ctx, f.kind, func(value string) error {
			if strings.ContainsAny(value, "\r\n") {
				return nil // it would be two lines
			}
			buf.WriteString(value)
			buf.WriteByte('\n')
			if buf.Len() > maxFeed {
				return errFeedSize
			}
			return nil
		})
		if err != nil {
			return nil, nil, "", time.Time{}, err
		}
		sum := sha256.Sum256(buf.Bytes())
		if tag := hex.EncodeToString(sum[:12]); tag != f.tag {
			f.plain, f.tag, f.changed = buf.Bytes(), tag, s.now()
			f.zipped = zip(f.plain)
		}
		f.built, f.version = true, version
	}
	return f.plain, f.zipped, f.tag, f.changed, nil
}

// feed answers one of the feeds. Clients that ask again send what they have
// and get 304 when it is the same.
func (s *Service) feed(w http.ResponseWriter, r *http.Request) int {
	name := strings.TrimPrefix(r.URL.Path, pathFeeds)
	for _, k := range feedKinds {
		if k.name != name || s.o.Lists == nil {
			continue
		}
		if !allow(w, r, http.MethodGet, http.MethodHead) {
			return http.StatusMethodNotAllowed
		}
		plain, zipped, tag, changed, err := s.feeds[k.kind].content(r.Context(), s)
		if err != nil {
			s.log.Error("a feed cannot be made", "feed", name, "error", err)
			return fail(w, http.StatusServiceUnavailable, "the feed cannot be made at the moment")
		}
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "private, no-cache")
		h["Vary"] = valueVary
		out := plain
		if len(plain) >= minZip && server.AcceptsGzip(r.Header["Accept-Encoding"]) {
			h["Content-Encoding"] = valueGzip
			out, tag = zipped, tag+"-gzip"
		}
		h.Set("ETag", `"`+tag+`"`)
		rec := &recorder{ResponseWriter: w, code: http.StatusOK}
		http.ServeContent(rec, r, "", changed, bytes.NewReader(out))
		return rec.code
	}
	return fail(w, http.StatusNotFound, "no such feed; there are domains.txt, ips.txt and hashes.txt")
}
