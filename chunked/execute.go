package chunked

import (
	"encoding/json"
	"fmt"
)

// The metadata of execute requests as every known splunkd sends it.
const (
	executeMore = `{"action":"execute","finished":false}`
	executeLast = `{"action":"execute","finished":true}`
)

// parseExecute reads the metadata of an execute request.
func parseExecute(meta []byte) (finished bool, err error) {
	switch string(meta) {
	case executeMore:
		return false, nil
	case executeLast:
		return true, nil
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(meta, &top); err != nil {
		return false, fmt.Errorf("chunked: execute request: %w", scrub(err))
	}
	if a := looseString(top["action"]); a != "execute" {
		return false, fmt.Errorf("chunked: a request has action %q, want \"execute\"", cut(a, 40))
	}
	v, present := top["finished"]
	finished, ok := looseBool(v)
	if present && !ok {
		return false, fmt.Errorf("chunked: execute request: \"finished\" is no truth value")
	}
	return finished, nil
}
