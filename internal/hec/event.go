package hec

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tclookup/tclookup/internal/sink"
)

// Encode implements sink.Destination: one JSON object with the metadata and
// the event, an object or, of what is no object, a string.
func (h *Collector) Encode(dst []byte, r *sink.Record) ([]byte, error) {
	dst = append(dst, '{')
	if h.timeAt >= 0 {
		if t, ok := ParseTime(r.Columns[h.timeAt]); ok {
			dst = append(append(append(dst, `"time":`...), t...), ',')
		} else {
			h.noTime.Add(1)
		}
	}
	for i := range h.metas {
		m := &h.metas[i]
		switch {
		case m.at >= 0 && r.Columns[m.at] != "":
			dst = append(appendString(append(dst, m.key...), r.Columns[m.at]), ',')
		case m.text != "":
			dst = append(append(append(dst, m.key...), m.text...), ',')
		}
	}
	dst = append(dst, `"event":`...)
	switch {
	case len(r.Object) == 0:
		dst = appendString(dst, string(r.Text))
	case utf8.Valid(r.Object):
		dst = append(dst, r.Object...)
	default:
		dst = append(dst, bytes.ToValidUTF8(r.Object, []byte("\uFFFD"))...)
	}
	return append(dst, '}'), nil
}

// appendString appends a JSON string. What is no UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// The layouts of a time that is no number. Without a zone it is in UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 Z07:00", "2006-01-02 15:04:05.999999999 Z0700", "2006-01-02 15:04:05.999999999 MST",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02",
}

// ParseTime reads the time of an event and returns it as the collector takes
// it: seconds since 1970 with up to six decimals. It reads numbers of seconds,
// and of milli-, micro- and nanoseconds, which their size tells apart; the
// forms of RFC 3339 and ISO 8601; and how Splunk writes _time.
func ParseTime(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return "", false
	}
	if c := s[0]; c >= '0' && c <= '9' && strings.Trim(s, "0123456789.") == "" {
		whole, part, _ := strings.Cut(s, ".")
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || strings.Contains(part, ".") {
			return "", false
		}
		for scale := int64(1000); n >= 1e11; n /= scale { // beyond the year 5138: a smaller unit
			part = pad(n%scale) + part
		}
		return seconds(n, part), true
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if zone, offset := t.Zone(); strings.HasSuffix(layout, "MST") && (offset != 0 || zone != "UTC" && zone != "GMT") {
			return "", false // what an abbreviation means depends on the place
		}
		if t.Unix() < 0 || t.Unix() > math.MaxInt32*8 {
			return "", false
		}
		return seconds(t.Unix(), pad(int64(t.Nanosecond())/1e6)+pad(int64(t.Nanosecond())/1e3%1000)), true
	}
	return "", false
}

// pad writes a number below 1000 with three digits.
func pad(n int64) string { return strconv.FormatInt(1000+n, 10)[1:] }

func seconds(n int64, part string) string {
	part = strings.TrimRight(part[:min(len(part), 6)], "0")
	if part == "" {
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n, 10) + "." + part
}
