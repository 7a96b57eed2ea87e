package config

import "log/slog"

// Secret is a text that is shown nowhere: printing, JSON encoding and logging
// it give a placeholder. Only Reveal returns it.
type Secret struct {
	// A pointer, as package fmt prints unexported fields of other structs
	// without asking their methods, but does not follow pointers in them.
	text *string
}

// NewSecret makes a secret of text.
func NewSecret(text string) Secret { return Secret{&text} }

// Redacted stands for a secret wherever settings are shown.
const Redacted = "(secret)"

// Reveal returns the text itself, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns a placeholder, or nothing when there is no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Redacted
}

// GoString is String: %#v shows no secret either.
func (s Secret) GoString() string { return s.String() }

// MarshalText gives encoders, encoding/json among them, the placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON gives encoding/json the placeholder.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// LogValue gives log/slog the placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
