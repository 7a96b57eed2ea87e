package disk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
	"github.com/tclookup/tclookup/source"
)

func TestExportImport(t *testing.T) {
	c := newClock()
	a := open(t, Options{Now: c.now})
	keys := domains(0, 1200)
	put(t, a, keys, c.now(), time.Hour)
	odd := lookupcache.Key{Scope: "odd", Indicator: domain(0).Indicator}
	if err := a.Put(t.Context(), []lookupcache.Key{odd}, []lookupcache.Entry{{
		Status: source.Found, Fetched: c.now(), Expires: c.now().Add(time.Hour), Raw: []byte("no JSON \xff"),
	}}); err != nil {
		t.Fatal(err)
	}
	var first bytes.Buffer
	if n, err := a.Export(t.Context(), &first); n != 1201 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}

	b := open(t, Options{Now: c.now})
	newer := c.now().Add(time.Second)
	put(t, b, keys[:5], newer, time.Hour)
	lines := "\xef\xbb\xbf\n" + first.String() + "{\"scope\":\"x\"}\nnonsense\n"
	acc, err := b.Import(t.Context(), strings.NewReader(lines))
	if err != nil || acc.Lines != 1203 || acc.Kept != 1196 || acc.Older != 5 || acc.Bad != 2 {
		t.Fatalf("%+v, %v", acc, err)
	}
	if acc.Errors[0].Line != 1203 || acc.Errors[1].Line != 1204 || !strings.Contains(acc.Errors[1].Error(), "line 1204") {
		t.Errorf("%v", acc.Errors)
	}
	bare := good(t, b, `{"scope":"bare","type":"ip","value":"192.0.2.7","status":"found","fetched":"2026-03-04T00:00:00Z","expires":"2026-03-05T00:00:00Z"}`)
	if out := get(t, b, bare, false); !out[0].OK() {
		t.Error("a summary without a report is not given")
	}
	if out := get(t, b, bare, true); out[0].OK() {
		t.Error("an answer without its report is given to who wants the report")
	}
	claims, out := make([]lookupcache.Claim, 1), make([]lookupcache.Entry, 1)
	if err := b.Claim(t.Context(), bare, time.Time{}, time.Minute, claims, out); err != nil || claims[0] != lookupcache.Mine {
		t.Errorf("the report cannot be asked for: %v %v", claims, err)
	}
	if n, err := b.Purge(t.Context(), Purge{Scope: "bare"}); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	for i, e := range get(t, b, keys, true) {
		if err := genuine(keys[i], &e, true); err != nil {
			t.Fatal(err)
		}
		if e.Fetched.Equal(newer) != (i < 5) {
			t.Errorf("%d: fetched %v", i, e.Fetched)
		}
	}
	if e := get(t, b, []lookupcache.Key{odd}, true)[0]; string(e.Raw) != "no JSON \xff" {
		t.Errorf("%q", e.Raw)
	}
	var again bytes.Buffer
	put(t, a, keys[:5], newer, time.Hour)
	first.Reset()
	if _, err := a.Export(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Export(t.Context(), &again); err != nil {
		t.Fatal(err)
	}
	if sortedLines(first.String()) != sortedLines(again.String()) {
		t.Error("the second export differs from the first")
	}

	broken := errors.New("broken")
	if _, err := b.Import(t.Context(), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// good imports one line and returns its key.
func good(t *testing.T, s *Store, text string) []lookupcache.Key {
	t.Helper()
	acc, err := s.Import(t.Context(), strings.NewReader(text))
	k, _, err2 := parseLine([]byte(text), s.now())
	if err != nil || err2 != nil || acc.Kept != 1 {
		t.Fatalf("%+v, %v, %v", acc, err, err2)
	}
	return []lookupcache.Key{k}
}

func sortedLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func encode(l line) []byte {
	b, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	return b
}

func TestImportNamesWhatIsWrong(t *testing.T) {
	now := newClock().now()
	good := `{"scope":"s","type":"domain","value":"host.example.com","status":"found","fetched":"2026-03-01T00:00:00Z","expires":"2026-03-02T00:00:00Z"`
	if _, _, err := parseLine([]byte(good+"}"), now); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"s"`, `""`, "scope"},
		{`"domain"`, `"auto"`, "type"},
		{`"host.example.com"`, `""`, "value"},
		{`"host.example.com"`, `"` + strings.Repeat("x", 2049) + `"`, "value"},
		{`"found"`, `"error"`, "status"},
		{`"2026-03-01T00:00:00Z"`, `"2027-03-01T00:00:00Z"`, "future"},
		{`"2026-03-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`, "fetched"},
		{`"2026-03-02T00:00:00Z"`, `"never"`, "JSON"},
		{`"s"`, `"s","votes":2`, "votes"},
		{`"s"`, `"s","verdict":"bad"`, "verdict"},
	} {
		_, _, err := parseLine([]byte(strings.Replace(good, c.old, c.new, 1)+"}"), now)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v", c.new, c.old, err)
		}
	}
}

func FuzzImportLine(f *testing.F) {
	now := newClock().now()
	for i := range 5 {
		e := answer(domain(i), now, time.Hour)
		f.Add(encode(newLine(domain(i), &e)))
	}
	f.Add([]byte(`{"report":null,"report_base64":"!"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, e, err := parseLine(text, now)
		if err != nil {
			return
		}
		again, e2, err := parseLine(encode(newLine(k, &e)), now)
		if err != nil || again != k || e2.Status != e.Status || !e2.Expires.Equal(e.Expires) {
			t.Fatalf("%q: %v %+v, again %v %+v, %v", text, k, e, again, e2, err)
		}
		scope, ind, err := splitKey(appendKey(nil, 300, k.Indicator))
		if err != nil || scope != 300 || ind != k.Indicator {
			t.Fatalf("key: %d %v %v", scope, ind, err)
		}
	})
}

// TestExportSkipsWhatCannotBeRead: more unreadable reports than are read at a
// time do not end it.
func TestExportSkipsWhatCannotBeRead(t *testing.T) {
	s := open(t, Options{})
	put(t, s, domains(0, 3*exportBatch), time.Now(), time.Hour)
	all := get(t, s, domains(0, 3*exportBatch), true)
	want := len(all)
	for _, e := range all {
		if e.Raw != nil {
			want--
		}
	}
	if err := s.write(t.Context(), "test", func(w *write) error {
		_, err := w.exec("update reports set body = x'07'")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Export(t.Context(), io.Discard); n != want || err != nil {
		t.Errorf("%d, %v; want %d", n, err, want)
	}
}

func TestLineReader(t *testing.T) {
	in := "\xef\xbb\xbf one \r\n\n" + strings.Repeat("x", 200) + "\n" + strings.Repeat("y", 100) + "\nlast"
	r := lineReader{r: bufio.NewReaderSize(strings.NewReader(in), 16), max: 150}
	for i, want := range []string{"one", "", "too long", strings.Repeat("y", 100), "last", "EOF"} {
		text, err := r.next()
		got := string(text)
		switch {
		case errors.Is(err, errLongLine):
			got = "too long"
		case errors.Is(err, io.EOF):
			got = "EOF"
		case err != nil:
			t.Fatal(err)
		}
		if got != want || r.number != i+1 {
			t.Errorf("line %d: %q, want %q", r.number, got, want)
		}
	}
}

// FuzzImport: an account adds up, and what was kept is exported and imported
// again.
func FuzzImport(f *testing.F) {
	c := newClock()
	e := answer(domain(1), c.now(), time.Hour)
	good := string(encode(newLine(domain(1), &e)))
	f.Add([]byte(good + "\n" + good + "\nnonsense\n"))
	f.Add([]byte("\xef\xbb\xbf\n\n{}\n" + good))
	s := open(f, Options{Now: c.now})
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := s.Purge(t.Context(), Purge{}); err != nil {
			t.Fatal(err)
		}
		acc, err := s.Import(t.Context(), bytes.NewReader(text))
		if err != nil || acc.Lines != acc.Kept+acc.Older+acc.Bad || len(acc.Errors) != min(acc.Bad, maxErrors) {
			t.Fatalf("%+v, %v", acc, err)
		}
		var out bytes.Buffer
		n, err := s.Export(t.Context(), &out)
		if err != nil || n > acc.Kept || (n == 0) != (acc.Kept == 0) {
			t.Fatalf("%d exported, %+v, %v", n, acc, err)
		}
		again, err := s.Import(t.Context(), &out)
		if err != nil || again.Bad != 0 || again.Lines != n || again.Older != 0 {
			t.Fatalf("%+v, %v", again, err)
		}
	})
}

// FuzzSplitKey: a key is refused or means one indicator.
func FuzzSplitKey(f *testing.F) {
	f.Add(appendKey(nil, 1, domain(1).Indicator))
	f.Add(appendKey(nil, 1<<63, domain(1).Indicator))
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, key []byte) {
		scope, ind, err := splitKey(key)
		if err != nil {
			return
		}
		k := appendKey(nil, scope, ind)
		if len(k) > len(key) || len(k) == len(key) && !bytes.Equal(k, key) {
			t.Fatalf("%x is read as %d %v, which is %x", key, scope, ind, k)
		}
		if from, to := scopeRange(scope); bytes.Compare(k, from) <= 0 || bytes.Compare(k, to) >= 0 {
			t.Fatalf("%x is not within %x and %x", k, from, to)
		}
	})
}
