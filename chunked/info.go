package chunked

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Info is what splunkd says in getinfo. Every field may be empty: Splunk
// versions differ in what they send.
type Info struct {
	// Preview is set when this run is for preview results.
	Preview bool
	// StreamingCommandWillRestart is not documented by Splunk.
	StreamingCommandWillRestart bool

	// Args are the arguments of the command with the quotes removed, RawArgs
	// the same as typed. See ParseArgs.
	Args, RawArgs []string
	// DispatchDir is the working directory of the search. Empty or temporary
	// in runs that end after getinfo.
	DispatchDir string
	// SID is the search id.
	SID string
	// App is the app the search runs in, Owner that context's owner and
	// Username who runs the search.
	App, Owner, Username string
	// SessionKey is a token for the REST API at SplunkdURI.
	SessionKey Secret
	SplunkdURI string
	// SplunkVersion is a dotted version or a build date.
	SplunkVersion string
	// Search is the search text as sent: percent-encoded. See SearchText.
	Search string
	// Command is the name of the command.
	Command string
	// MaxResultRows is the largest number of rows in a request or reply,
	// 0 if not sent.
	MaxResultRows int
	// EarliestTime and LatestTime are epoch seconds as sent. See Earliest.
	EarliestTime, LatestTime string
}

// Earliest returns the begin of the search's time range, false when it has
// none.
func (i *Info) Earliest() (time.Time, bool) { return epoch(i.EarliestTime) }

// Latest returns the end of the search's time range, false when it has none.
func (i *Info) Latest() (time.Time, bool) { return epoch(i.LatestTime) }

// SearchText returns the search decoded. A text with malformed escapes is
// returned as it is: recordings made by Splunk's Python library hold decoded
// text.
func (i *Info) SearchText() string {
	s, err := url.PathUnescape(i.Search)
	if err != nil {
		return i.Search
	}
	return s
}

// ParseInfo reads the metadata of a getinfo request. Unknown keys are ignored;
// numbers may be quoted and texts may be numbers.
func ParseInfo(metadata []byte) (*Info, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(metadata, &top); err != nil {
		return nil, fmt.Errorf("chunked: getinfo request: %w", scrub(err))
	}
	if a := looseString(top["action"]); a != "getinfo" {
		return nil, fmt.Errorf("chunked: the first request has action %q, want \"getinfo\"", cut(a, 40))
	}
	var si map[string]json.RawMessage
	if v := top["searchinfo"]; len(v) > 0 {
		if err := json.Unmarshal(v, &si); err != nil {
			return nil, fmt.Errorf("chunked: getinfo request: searchinfo: %w", scrub(err))
		}
	}
	info := &Info{
		Args:          looseStrings(si["args"]),
		RawArgs:       looseStrings(si["raw_args"]),
		DispatchDir:   looseString(si["dispatch_dir"]),
		SID:           looseString(si["sid"]),
		App:           looseString(si["app"]),
		Owner:         looseString(si["owner"]),
		Username:      looseString(si["username"]),
		SessionKey:    NewSecret(looseString(si["session_key"])),
		SplunkdURI:    looseString(si["splunkd_uri"]),
		SplunkVersion: looseString(si["splunk_version"]),
		Search:        looseString(si["search"]),
		Command:       looseString(si["command"]),
		MaxResultRows: max(0, looseInt(si["maxresultrows"])),
		EarliestTime:  looseString(si["earliest_time"]),
		LatestTime:    looseString(si["latest_time"]),
	}
	info.Preview, _ = looseBool(top["preview"])
	info.StreamingCommandWillRestart, _ = looseBool(top["streaming_command_will_restart"])
	return info, nil
}

// scrub keeps the text of a JSON error free of the metadata, which holds the
// session key.
func scrub(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not JSON (at byte %d)", syntax.Offset)
	}
	return errors.New("not a JSON object")
}

// epoch reads epoch seconds with an optional fraction. Zero and what is no
// number means that there is no bound.
func epoch(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	whole, frac, _ := strings.Cut(s, ".")
	if sec, err := strconv.ParseInt(whole, 10, 64); err == nil && allDigits(frac) && whole[0] != '-' {
		frac = (frac + "000000000")[:9]
		nsec, _ := strconv.ParseInt(frac, 10, 64)
		if sec == 0 && nsec == 0 {
			return time.Time{}, false
		}
		return time.Unix(sec, nsec), true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f == 0 || math.IsNaN(f) || math.Abs(f) > 1<<52 {
		return time.Time{}, false
	}
	sec := math.Floor(f)
	return time.Unix(int64(sec), int64((f-sec)*1e9)), true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
