package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for i := range table {
		s := &table[i]
		at := s.Stanza + " " + s.Key
		if seen[at] {
			t.Errorf("%s is there twice", at)
		}
		seen[at] = true
		if section(s.Stanza) != s.Stanza {
			t.Errorf("%s: unknown stanza", at)
		}
		if s.Meaning == "" || strings.ContainsAny(s.Meaning+s.Note, "\n|") || strings.HasSuffix(s.Meaning, ".") {
			t.Errorf("%s: meaning %q, note %q", at, s.Meaning, s.Note)
		}
		if (s.Default == "") != (s.Note != "") {
			t.Errorf("%s: default %q and note %q", at, s.Default, s.Note)
		}
		if s.Kind.String() == "unknown" || s.Allowed() == "" {
			t.Errorf("%s: kind %d", at, s.Kind)
		}
		if (s.Kind == Int || s.Kind == Duration || s.Kind == Size || s.Kind == Percent) && s.Max <= s.Min {
			t.Errorf("%s: from %d to %d", at, s.Min, s.Max)
		}
		c, src := &Config{}, &Source{}
		if err := s.decode("", s.ref(c, src), surroundings{}); err != nil {
			t.Errorf("%s: default: %v", at, err)
		}
	}
}

// No two settings may share a field.
func TestFieldsAreDistinct(t *testing.T) {
	c, src := &Config{}, &Source{}
	seen := map[any]string{}
	for i := range table {
		s := &table[i]
		ref := s.ref(c, src)
		if other := seen[ref]; other != "" {
			t.Errorf("%s and %s share a field", s.Key, other)
		}
		seen[ref] = s.Key
	}
}

func TestSuggestions(t *testing.T) {
	for _, tt := range [][4]string{
		{GlobalStanza, "maxwait", "max_wait", ""}, {GlobalStanza, "max-wait", "max_wait", ""}, {GlobalStanza, "mx_wait", "max_wait", ""},
		{GlobalStanza, "MAX_WAIT", "max_wait", ""}, {GlobalStanza, "list_limti", "list_limit", ""}, {GlobalStanza, "rate", "", AnySource},
		{AnySource, "url", "base_url", ""}, {AnySource, "disabled", "enabled", ""}, {CacheStanza, "xyzzy", "", ""},
		{CacheStanza, "ttl_not_fuond_ip", "ttl_not_found_ip", ""}, {GlobalStanza, strings.Repeat("max_wait", 1000), "", ""},
	} {
		if near, stanza := suggestKey(tt[0], tt[1]); near != tt[2] || stanza != tt[3] {
			t.Errorf("suggestKey(%s, %.40s) = %q, %q; want %q, %q", tt[0], tt[1], near, stanza, tt[2], tt[3])
		}
	}
}

// What people call otherwise must lead to settings that exist.
func TestUsualNames(t *testing.T) {
	for _, u := range usual {
		found := false
		for i := range table {
			found = found || table[i].Key == u[1]
		}
		if !found {
			t.Errorf("%s leads to %s, which is no setting", u[0], u[1])
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"abc", "ABC", 0}, {"a-b", "a_b", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "abcd", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want || distance(tt.b, tt.a) != got {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// Any text for any setting gives a value, or an error that leaves the field
// alone.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"true", "30s", "1GiB", "10%", "6/m", "a, b", "*.example.com", "198.51.100.0/24", "~/x", "$HOME/x", "https://x", "none", "{field}_", "live"} {
		for i := range table {
			f.Add(uint8(i), s)
		}
	}
	env := func(name string) (string, bool) { return "/v", name == "HOME" }
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		s := &table[int(n)%len(table)]
		text = strings.TrimSpace(text)
		c, src := &Config{}, &Source{}
		err := s.decode(text, s.ref(c, src), surroundings{"/d", env})
		if err != nil && err.Error() == "" {
			t.Fatal("empty message")
		}
		if err != nil && !(reflect.DeepEqual(c, &Config{}) && reflect.DeepEqual(src, &Source{})) {
			t.Fatalf("%s = %q: %v, but the field was set", s.Key, text, err)
		}
		if err == nil && s.Kind != Words && s.Kind != Domains && s.Kind != Networks && strings.Contains(text, "\n") {
			t.Fatalf("%s takes %q", s.Key, text)
		}
	})
}
