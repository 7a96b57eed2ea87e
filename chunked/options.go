package chunked

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Kind is the kind of value an option takes.
type Kind string

// The kinds of options.
const (
	KindString   Kind = "string"
	KindBool     Kind = "bool"
	KindInt      Kind = "int"
	KindUint     Kind = "uint"
	KindFloat    Kind = "float"
	KindDuration Kind = "duration"
	KindList     Kind = "list"
	KindText     Kind = "text" // an encoding.TextUnmarshaler
)

// An Option describes one option of a command, as the tags of its field do.
type Option struct {
	// Name is empty if the option is only given by words.
	Name string
	Kind Kind
	// Default is used when the option is not given and HasDefault is set.
	Default    string
	HasDefault bool
	// Required options must be given and not be empty.
	Required bool
	// Positional lists take the words that belong to no option.
	Positional bool
	// Min and Max are the bounds of a number or duration, empty for none.
	Min, Max string
	// Enum lists the choices, if there are such.
	Enum []string
	Help string
}

// Options returns the options that ParseArgs would read into dst, in the order
// of the fields.
func Options(dst any) ([]Option, error) {
	set, err := optionsOf(dst)
	if err != nil {
		return nil, err
	}
	out := make([]Option, len(set))
	for i, o := range set {
		out[i] = o.Option
	}
	return out, nil
}

// option is an option and its field.
type option struct {
	Option
	field reflect.Value
	words string // what to call an option without a name
	given bool
	empty bool // the last value was empty, or the list is
}

// label names the option in texts for the user.
func (o *option) label() string {
	if o.Name == "" {
		return o.words
	}
	return o.Name
}

func (o *option) unmarshal(value string) error {
	u, _ := o.field.Addr().Interface().(encoding.TextUnmarshaler)
	return u.UnmarshalText([]byte(value))
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func optionsOf(dst any) ([]*option, error) {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("chunked: options are read into a pointer to a struct, not %T", dst)
	}
	var set []*option
	if err := collect(v.Elem(), &set); err != nil {
		return nil, err
	}
	names, positional := map[string]bool{}, false
	for _, o := range set {
		if o.Name != "" && names[o.Name] {
			return nil, fmt.Errorf("chunked: two options have the name %q", o.Name)
		}
		if o.Positional && positional {
			return nil, fmt.Errorf("chunked: option %q: only one option can be positional", o.Name)
		}
		names[o.Name], positional = true, positional || o.Positional
	}
	return set, nil
}

func collect(v reflect.Value, set *[]*option) error {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("arg")
		if !ok {
			if f.Anonymous && f.Type.Kind() == reflect.Struct {
				if err := collect(v.Field(i), set); err != nil {
					return err
				}
			}
			continue
		}
		o, err := newOption(f, v.Field(i), tag)
		if err != nil {
			return fmt.Errorf("chunked: options: field %s.%s: %w", t, f.Name, err)
		}
		*set = append(*set, o)
	}
	return nil
}

func newOption(f reflect.StructField, v reflect.Value, tag string) (*option, error) {
	name, flags, _ := strings.Cut(tag, ",")
	o := &option{field: v, words: strings.ToLower(f.Name)}
	o.Name, o.Help, o.Min, o.Max = name, f.Tag.Get("help"), f.Tag.Get("min"), f.Tag.Get("max")
	o.Default, o.HasDefault = f.Tag.Lookup("default")
	if e := f.Tag.Get("enum"); e != "" {
		o.Enum = strings.Split(e, ",")
	}
	for flag := range strings.SplitSeq(flags, ",") {
		switch flag {
		case "":
		case "required":
			o.Required = true
		case "positional":
			o.Positional = true
		default:
			return nil, fmt.Errorf("tag arg has %q; use required or positional", flag)
		}
	}
	var err error
	if !v.CanSet() {
		return nil, fmt.Errorf("is not exported")
	}
	if o.Kind, err = kindOf(f.Type); err != nil {
		return nil, err
	}
	switch {
	case name == "" && !o.Positional:
		return nil, fmt.Errorf("tag arg has no name")
	case strings.ContainsAny(name, "=\", \t\n"):
		return nil, fmt.Errorf("the name %q cannot be typed", name)
	case o.Positional && o.Kind != KindList:
		return nil, fmt.Errorf("a positional option has to be a []string")
	}
	return o, o.checkTags()
}

func kindOf(t reflect.Type) (Kind, error) {
	switch {
	case reflect.PointerTo(t).Implements(textType):
		return KindText, nil
	case t == durationType:
		return KindDuration, nil
	}
	switch t.Kind() {
	case reflect.String:
		return KindString, nil
	case reflect.Bool:
		return KindBool, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return KindInt, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return KindUint, nil
	case reflect.Float32, reflect.Float64:
		return KindFloat, nil
	case reflect.Slice:
		if t.Elem() == reflect.TypeFor[string]() {
			return KindList, nil
		}
	}
	return "", fmt.Errorf("options cannot be of type %s", t)
}

// checkTags reports bounds that are none.
func (o *option) checkTags() error {
	for _, m := range []string{o.Min, o.Max} {
		if m == "" {
			continue
		}
		var err error
		switch o.Kind {
		case KindInt:
			_, err = strconv.ParseInt(m, 10, 64)
		case KindUint:
			_, err = strconv.ParseUint(m, 10, 64)
		case KindFloat:
			_, err = strconv.ParseFloat(m, 64)
		case KindDuration:
			_, err = parseDuration(m)
		default:
			err = fmt.Errorf("min and max are for numbers and durations")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func listValue(list []string, t reflect.Type) reflect.Value {
	return reflect.ValueOf(list).Convert(t)
}
