package chunked

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// valueError says what values an option takes, as a phrase.
type valueError struct{ allowed string }

func (e *valueError) Error() string { return e.allowed }

func allow(format string, args ...any) error { return &valueError{fmt.Sprintf(format, args...)} }

// set stores a value in the option's field. For a list, whole keeps value from
// being split; the first value replaces what was in the field.
func (o *option) set(value string, whole bool) error {
	o.empty = value == ""
	switch o.Kind {
	case KindString:
		s, err := o.choose(value)
		if err == nil {
			o.field.SetString(s)
		}
		return err
	case KindBool:
		b, ok := parseBool(value)
		if !ok {
			return allow("use true or false")
		}
		o.field.SetBool(b)
		return nil
	case KindInt:
		return o.setInt(value)
	case KindUint:
		return o.setUint(value)
	case KindFloat:
		f, err := strconv.ParseFloat(value, o.field.Type().Bits())
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return allow("use a number%s", o.bounds())
		}
		if o.below(func(m string) bool { v, _ := strconv.ParseFloat(m, 64); return f < v }) ||
			o.above(func(m string) bool { v, _ := strconv.ParseFloat(m, 64); return f > v }) {
			return allow("use a number%s", o.bounds())
		}
		o.field.SetFloat(f)
		return nil
	case KindDuration:
		d, err := parseDuration(value)
		if err != nil ||
			o.below(func(m string) bool { v, _ := parseDuration(m); return d < v }) ||
			o.above(func(m string) bool { v, _ := parseDuration(m); return d > v }) {
			return allow("use a duration like 30s, 5m, 24h or 7d%s", o.bounds())
		}
		o.field.SetInt(int64(d))
		return nil
	case KindList:
		return o.setList(value, whole)
	default:
		s, err := o.choose(value)
		if err != nil {
			return err
		}
		return o.unmarshal(s)
	}
}

func (o *option) setInt(value string) error {
	n, err := strconv.ParseInt(value, 10, o.field.Type().Bits())
	if err != nil ||
		o.below(func(m string) bool { v, _ := strconv.ParseInt(m, 10, 64); return n < v }) ||
		o.above(func(m string) bool { v, _ := strconv.ParseInt(m, 10, 64); return n > v }) {
		return allow("use a whole number%s", o.bounds())
	}
	o.field.SetInt(n)
	return nil
}

func (o *option) setUint(value string) error {
	n, err := strconv.ParseUint(value, 10, o.field.Type().Bits())
	if err != nil ||
		o.below(func(m string) bool { v, _ := strconv.ParseUint(m, 10, 64); return n < v }) ||
		o.above(func(m string) bool { v, _ := strconv.ParseUint(m, 10, 64); return n > v }) {
		bounds := o.bounds()
		if o.Min == "" && o.Max == "" {
			bounds = ", 0 or more"
		}
		return allow("use a whole number%s", bounds)
	}
	o.field.SetUint(n)
	return nil
}

func (o *option) setList(value string, whole bool) error {
	elems := []string{value}
	if !whole {
		elems = splitList(value)
	}
	list, _ := o.field.Interface().([]string)
	if !o.given {
		list = nil
	}
	for _, e := range elems {
		s, err := o.choose(e)
		if err != nil {
			return err
		}
		if s != "" {
			list = append(list, s)
		}
	}
	o.empty = len(list) == 0
	o.field.Set(listValue(list, o.field.Type()))
	return nil
}

func (o *option) below(less func(string) bool) bool { return o.Min != "" && less(o.Min) }
func (o *option) above(more func(string) bool) bool { return o.Max != "" && more(o.Max) }

// bounds says what the limits are, for an error text.
func (o *option) bounds() string {
	switch {
	case o.Min != "" && o.Max != "":
		return fmt.Sprintf(", from %s to %s", o.Min, o.Max)
	case o.Min != "":
		return fmt.Sprintf(", %s or more", o.Min)
	case o.Max != "":
		return fmt.Sprintf(", %s or less", o.Max)
	}
	return ""
}

// choose returns the choice that is meant by value.
func (o *option) choose(value string) (string, error) {
	if len(o.Enum) == 0 {
		return value, nil
	}
	for _, e := range o.Enum {
		if strings.EqualFold(e, value) {
			return e, nil
		}
	}
	if best := closest(value, o.Enum); best != "" {
		return "", allow("did you mean %q? Use %s", best, oneOf(o.Enum))
	}
	return "", allow("use %s", oneOf(o.Enum))
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// splitList splits at commas outside of double quotes, trims blanks, takes
// the quotes away and leaves empty elements out.
func splitList(s string) []string {
	var out []string
	for s != "" {
		var elem string
		s = strings.TrimLeft(s, " \t\n")
		if strings.HasPrefix(s, `"`) {
			if end := strings.IndexByte(s[1:], '"'); end >= 0 {
				if rest := strings.TrimLeft(s[end+2:], " \t\n"); rest == "" || rest[0] == ',' {
					elem, s = s[1:end+1], strings.TrimPrefix(rest, ",")
					if elem != "" {
						out = append(out, elem)
					}
					continue
				}
			}
		}
		elem, s, _ = strings.Cut(s, ",")
		if elem = strings.TrimSpace(elem); elem != "" {
			out = append(out, elem)
		}
	}
	return out
}

// parseDuration reads what time.ParseDuration does, with d and w, which are 24
// hours and seven days.
func parseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("not a duration: %q", s)
	rest, neg := strings.CutPrefix(s, "-")
	total := time.Duration(0)
	small := ""
	for rest != "" {
		i := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		if i <= 0 {
			break
		}
		j := i + 1
		for j < len(rest) && rest[j] != '.' && (rest[j] < '0' || rest[j] > '9') {
			j++
		}
		var unit time.Duration
		switch rest[i:j] {
		case "d":
			unit = 24 * time.Hour
		case "w":
			unit = 7 * 24 * time.Hour
		default:
			small += rest[:j]
			rest = rest[j:]
			continue
		}
		f, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || f*float64(unit) > math.MaxInt64/2 {
			return 0, bad
		}
		total += time.Duration(f * float64(unit))
		rest = rest[j:]
		if rest == "" && small == "" {
			if neg {
				total = -total
			}
			return total, nil
		}
	}
	d, err := time.ParseDuration(small + rest)
	if err != nil || d < 0 || total < 0 || total+d < 0 {
		return 0, bad
	}
	if total += d; neg {
		total = -total
	}
	return total, nil
}
