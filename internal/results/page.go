// Package results makes of the result pages of a search job one stream of
// records, as JSON Lines or CSV, the same bytes each time it is read.
package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Page is a part of the results of a search.
type Page struct {
	Fields []string          // in the order of the server; may be empty
	Rows   []json.RawMessage // an object for each result
}

// Parse reads a page in the form that splunkd (output_mode=json) and the
// search service of Splunk Cloud Services share: an object with fields, each
// an object with a name, and results. The rows keep the server's bytes, but
// for blanks between them.
func Parse(body []byte) (*Page, error) {
	var in struct {
		Fields  []field
		Results []json.RawMessage
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("the page of results is not the JSON that was asked for: %w", err)
	}
	p := &Page{}
	for _, f := range in.Fields {
		p.Fields = append(p.Fields, string(f))
	}
	for i, r := range in.Results {
		if len(r) == 0 || r[0] != '{' {
			return nil, fmt.Errorf("result %d of the page is no object", i+1)
		}
		var b bytes.Buffer
		if err := json.Compact(&b, r); err != nil {
			return nil, err
		}
		p.Rows = append(p.Rows, b.Bytes())
	}
	return p, nil
}

// field is the name of a field: an object with a name, or a string.
type field string

// UnmarshalJSON implements json.Unmarshaler.
func (f *field) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*f = field(s)
		return nil
	}
	var o struct {
		Name *string `json:"name"`
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return err
	}
	if o.Name == nil {
		return errors.New("a field has no name")
	}
	*f = field(*o.Name)
	return nil
}
