package chunkedtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A Message is a message of a command for the people who look at the search.
type Message struct{ Level, Text string }

// A Metric is seconds, invocations, input and output count; nil for null.
type Metric [4]*float64

// A Reply is what a command replied.
type Reply struct {
	// Metadata and Body as received.
	Metadata, Body []byte

	// Of a reply to getinfo.
	Type           string
	Generating     bool
	RequiredFields []string
	MaxWait        float64
	StreamingPreop string

	Finished bool
	// Error is the text with which the command failed the search, if it did.
	Error    string
	Messages []Message
	Metrics  map[string]Metric
	// Table is the body, nil if it is empty.
	Table *Table
	// Merged is, for Send to a command that asked for some fields only, the
	// events with the reply put into them by _chunked_idx; else it is Table.
	Merged *Table

	records *records
}

// object reads a JSON object with its keys in order.
func object(raw []byte) (keys []string, values map[string]json.RawMessage, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil, fmt.Errorf("no JSON object: %.80q", raw)
	}
	values = map[string]json.RawMessage{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		key, _ := tok.(string)
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, nil, err
		}
		if _, dup := values[key]; dup {
			return nil, nil, fmt.Errorf("the key %q is there twice", key)
		}
		keys = append(keys, key)
		values[key] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, err
	}
	if rest := raw[dec.InputOffset():]; len(rest) > 0 {
		return nil, nil, fmt.Errorf("%.40q follows the object", rest)
	}
	return keys, values, nil
}

// parse reads and checks the metadata.
func (r *Reply) parse(getinfo bool, sent map[string]bool) *Violation {
	keys, values, err := object(r.Metadata)
	if err != nil {
		return &Violation{Rule: RuleMetadata, Detail: "the metadata cannot be read", Err: err}
	}
	for _, k := range keys {
		if v := r.key(getinfo, k, values[k], sent); v != nil {
			return v
		}
	}
	_, failed := values["error"]
	_, finished := values["finished"]
	switch {
	case failed && r.Error == "":
		return broken(RuleError, "the error has no text")
	case failed && !r.Finished:
		return broken(RuleError, "finished is not true")
	case failed && slices.Index(keys, "inspector") > slices.Index(keys, "error"):
		return broken(RuleError, "splunkd does not read inspector behind error")
	case failed && slices.Index(keys, "finished") > slices.Index(keys, "error"):
		return broken(RuleError, "splunkd does not read finished behind error")
	case getinfo && finished && !failed:
		return broken(RuleKeys, "a reply to getinfo has finished only with an error")
	case !getinfo && !finished:
		return broken(RuleKeys, "finished is missing")
	case (getinfo || failed) && len(r.Body) > 0:
		return broken(RuleNoBody, "the body has %d bytes", len(r.Body))
	}
	return nil
}

func (r *Reply) key(getinfo bool, key string, value json.RawMessage, sent map[string]bool) *Violation {
	var dst any
	switch key {
	case "finished":
		dst = &r.Finished
	case "error":
		dst = &r.Error
	case "inspector":
		return r.inspector(value, sent)
	}
	if getinfo {
		switch key {
		case "type":
			dst = &r.Type
		case "generating":
			dst = &r.Generating
		case "required_fields":
			dst = &r.RequiredFields
		case "maxwait":
			dst = &r.MaxWait
		case "streaming_preop":
			dst = &r.StreamingPreop
		}
	}
	if dst == nil {
		return broken(RuleKeys, "the key %q is not known", key)
	}
	if err := json.Unmarshal(value, dst); err != nil || string(value) == "null" {
		return broken(RuleKeys, "%q cannot be %.60s", key, value)
	}
	if key == "type" && !slices.Contains([]string{"streaming", "stateful", "events", "reporting"}, r.Type) {
		return broken(RuleKeys, "%q is no type", r.Type)
	}
	if key == "required_fields" && (len(r.RequiredFields) == 0 || slices.Contains(r.RequiredFields, "")) {
		return broken(RuleKeys, "required_fields is or has an empty name")
	}
	return nil
}

func (r *Reply) inspector(raw json.RawMessage, sent map[string]bool) *Violation {
	keys, values, err := object(raw)
	if err != nil {
		return &Violation{Rule: RuleMessage, Detail: "inspector cannot be read", Err: err}
	}
	for _, k := range keys {
		name, isMetric := strings.CutPrefix(k, "metric.")
		switch {
		case k == "messages":
			if v := r.messages(values[k], sent); v != nil {
				return v
			}
		case isMetric && name != "":
			var m []*float64
			if err := json.Unmarshal(values[k], &m); err != nil || len(m) != 4 {
				return broken(RuleMetric, "%q cannot be %.60s", k, values[k])
			}
			if r.Metrics == nil {
				r.Metrics = map[string]Metric{}
			}
			r.Metrics[name] = Metric(m)
		default:
			return broken(RuleKeys, "the key %q in inspector is not known", k)
		}
	}
	return nil
}

func (r *Reply) messages(raw json.RawMessage, sent map[string]bool) *Violation {
	var list [][]string
	if err := json.Unmarshal(raw, &list); err != nil {
		return &Violation{Rule: RuleMessage, Detail: "messages cannot be read", Err: err}
	}
	for _, m := range list {
		switch {
		case len(m) != 2:
			return broken(RuleMessage, "a message has %d parts", len(m))
		case !slices.Contains([]string{"DEBUG", "INFO", "WARN", "ERROR", "FATAL"}, m[0]):
			return broken(RuleMessage, "%q is no level", m[0])
		case m[1] == "" || strings.ContainsAny(m[1], "\r\n"):
			return broken(RuleMessage, "the text %q is empty or has line ends", m[1])
		case sent[m[1]]:
			return broken(RuleMessage, "the text %q was sent before", m[1])
		}
		sent[m[1]] = true
		r.Messages = append(r.Messages, Message{m[0], m[1]})
	}
	return nil
}
