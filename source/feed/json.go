package feed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxJSON is the largest JSON text of one input, in bytes.
const maxJSON = 256 << 20

// json reads one or more JSON texts, one behind the other.
func (r *reading) json(b *bufio.Reader, each func(raw json.RawMessage) error) error {
	limited := &io.LimitedReader{R: b, N: maxJSON + 1}
	for d := json.NewDecoder(limited); r.ended() == nil; {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if limited.N <= 0 {
			return fmt.Errorf("more than %d MiB of JSON", maxJSON>>20)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
		}
		if err := each(raw); err != nil {
			return err
		}
	}
	return r.err
}

// truth is a boolean that may be written as a string or a number.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(string(bytes.Trim(b, `"`))) {
	case "true", "1":
		*t = true
	default:
		*t = false
	}
	return nil
}

// number is a number or a text, kept as a text.
type number string

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		s, err := strconv.Unquote(string(b))
		if err != nil {
			s = strings.Trim(string(b), `"`)
		}
		*n = number(s)
		return nil
	}
	if string(b) != "null" {
		*n = number(b)
	}
	return nil
}

// many is a list that may be written as a single element. What is neither is
// empty.
type many[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (m *many[T]) UnmarshalJSON(b []byte) error {
	var list []T
	if err := json.Unmarshal(b, &list); err == nil {
		*m = list
		return nil
	}
	var one T
	if err := json.Unmarshal(b, &one); err == nil && string(b) != "null" {
		*m = []T{one}
	}
	return nil
}
