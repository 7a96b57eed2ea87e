package results

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// table writes rows as CSV. The columns are those of the first page.
type table struct {
	separator string   // between the elements of a list
	single    []string // columns that must not hold a list
	columns   []string
	places    map[string]int
	out       bytes.Buffer
	csv       *csv.Writer
}

// header begins the table and returns its header.
func (t *table) header(p *Page) ([]byte, error) {
	t.columns = slices.Clone(p.Fields)
	if len(t.columns) == 0 { // a server that does not say: what the first result has, in order
		for _, row := range p.Rows[:min(1, len(p.Rows))] {
			if err := members(row, func(name string, _ json.RawMessage) error {
				t.columns = append(t.columns, name)
				return nil
			}); err != nil {
				return nil, err
			}
		}
	}
	t.places = map[string]int{}
	for i, c := range t.columns {
		if _, twice := t.places[c]; !twice {
			t.places[c] = i
		}
	}
	t.csv = csv.NewWriter(&t.out)
	return t.record(t.columns)
}

func (t *table) record(cells []string) ([]byte, error) {
	t.out.Reset()
	if len(cells) == 1 && cells[0] == "" { // an empty line would be no record
		return []byte("\"\"\n"), nil
	}
	if err := t.csv.Write(cells); err != nil {
		return nil, err
	}
	t.csv.Flush()
	return t.out.Bytes(), t.csv.Error()
}

// row returns a result as a record. number is that of the result, from 1.
func (t *table) row(row json.RawMessage, number int64) ([]byte, error) {
	cells := make([]string, len(t.columns))
	err := members(row, func(name string, value json.RawMessage) error {
		i, ok := t.places[name]
		if !ok {
			return fmt.Errorf("has a field %q that the first page does not name: use --format jsonl, or end the search with | table and the fields you want", name)
		}
		var err error
		cells[i], err = t.cell(name, value)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("result %d %w", number, err)
	}
	return t.record(cells)
}

func (t *table) cell(name string, value json.RawMessage) (string, error) {
	switch value[0] {
	case '"':
		var s string
		err := json.Unmarshal(value, &s)
		return s, err
	case 'n':
		return "", nil
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(value, &list); err != nil {
			return "", err
		}
		if len(list) > 1 && slices.Contains(t.single, name) {
			return "", fmt.Errorf("has %d values in field %q, and CSV has no lists: use --format jsonl, where each value is looked up", len(list), name)
		}
		texts := make([]string, len(list))
		for i, v := range list {
			var err error
			if texts[i], err = t.cell("", v); err != nil {
				return "", err
			}
		}
		return strings.Join(texts, t.separator), nil
	}
	return string(value), nil
}

// members calls f with each member of an object, in order.
func members(object json.RawMessage, f func(name string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok || len(v) == 0 {
			return fmt.Errorf("is no object")
		}
		if err := f(name, v); err != nil {
			return err
		}
	}
	return nil
}
