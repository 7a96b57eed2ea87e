package chunked

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Type says how splunkd may run a command.
type Type string

// The types of commands.
const (
	// TypeStreaming commands keep no state between requests. They run on the
	// search peers and the search head, on several machines at once.
	TypeStreaming Type = "streaming"
	// TypeStateful commands see all rows in order, on the search head.
	TypeStateful Type = "stateful"
	// TypeEvents commands see all rows on the search head and may reorder
	// them; splunkd always sends all fields.
	TypeEvents Type = "events"
	// TypeReporting commands turn all rows into a new table.
	TypeReporting Type = "reporting"
)

// Config is the reply to getinfo.
type Config struct {
	// Inspector takes messages and metrics for this reply.
	Inspector
	// Type is TypeStreaming when empty.
	Type Type
	// Generating commands make events themselves and come first in a search.
	Generating bool
	// RequiredFields are the fields splunkd should send; none means all. A
	// streaming or stateful command then gets only these and _chunked_idx,
	// which has to be in every row of the reply, unchanged.
	RequiredFields []string
	// MaxWait is how long splunkd waits for a reply, in whole seconds, rounded
	// up. 0 leaves the setting of commands.conf, a negative value means for
	// ever.
	MaxWait time.Duration
	// StreamingPreop is the SPL of a streaming command that is to run before
	// a reporting command, possibly on the peers.
	StreamingPreop string
}

// check reports a mistake of the command's author that splunkd would answer
// with an unclear message.
func (c *Config) check() error {
	switch c.Type {
	case "", TypeStreaming, TypeStateful, TypeEvents, TypeReporting:
	default:
		return fmt.Errorf("chunked: Config.Type is %q; use streaming, stateful, events or reporting", c.Type)
	}
	if c.StreamingPreop != "" && c.Type != TypeReporting {
		return fmt.Errorf("chunked: Config.StreamingPreop is for reporting commands, the type is %q", c.typ())
	}
	if slices.Contains(c.RequiredFields, "") {
		return fmt.Errorf("chunked: Config.RequiredFields has an empty name")
	}
	return nil
}

func (c *Config) typ() Type {
	if c.Type == "" {
		return TypeStreaming
	}
	return c.Type
}

// append appends the metadata of the reply.
func (c *Config) append(dst []byte, s *sent) []byte {
	dst = append(dst, `{"type":`...)
	dst = appendJSON(dst, string(c.typ()))
	if c.Generating {
		dst = append(dst, `,"generating":true`...)
	}
	if len(c.RequiredFields) > 0 {
		dst = append(dst, `,"required_fields":[`...)
		for i, f := range c.RequiredFields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, f)
		}
		dst = append(dst, ']')
	}
	if c.MaxWait != 0 {
		dst = append(dst, `,"maxwait":`...)
		dst = strconv.AppendInt(dst, int64(max(0, (c.MaxWait+time.Second-1)/time.Second)), 10)
	}
	if c.StreamingPreop != "" {
		dst = append(dst, `,"streaming_preop":`...)
		dst = appendJSON(dst, c.StreamingPreop)
	}
	dst = append(dst, ',')
	dst = s.append(dst, &c.Inspector)
	dst[len(dst)-1] = '}' // in place of the comma
	return dst
}
