package feed

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gocarina/gocsv"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
	"github.com/tclookup/tclookup/source/local"
)

// row is a row of a CSV feed.
type row interface {
	// facts gives the facts of the row; an error keeps the row out. Nothing
	// at all passes it over.
	facts(r *reading) ([]local.Fact, error)
}

// export is a known CSV file: its columns, and how its rows are read.
type export struct {
	columns []string // that tell it from others
	row     row      // a pointer to an empty row
}

// exports are the CSV files that are known by their columns, the most telling
// first.
var exports = []export{
	{[]string{"ioc_value", "ioc_type", "threat_type"}, new(threatFoxRow)},
	{[]string{"sha256_hash", "md5_hash", "sha1_hash", "signature"}, new(bazaarRow)},
	{[]string{"url", "url_status", "urlhaus_link"}, new(urlhausRow)},
	{[]string{"firstseen", "url", "sha256", "signature"}, new(urlhausPayloadRow)},
	{[]string{"dst_ip", "dst_port", "malware"}, new(feodoRow)},
	{[]string{"event_id", "type", "value", "to_ids"}, new(mispRow)},
}

// urlhausRow is a row of URLhaus's csv_recent, csv_online and csv. A URL on a
// host does not make the host bad (it may be a file service), so the verdict
// of a name is suspicious.
type urlhausRow struct {
	Added  string `csv:"dateadded"`
	Online string `csv:"last_online"`
	URL    string `csv:"url"`
	Link   string `csv:"urlhaus_link"`
}

func (u *urlhausRow) facts(r *reading) ([]local.Fact, error) {
	host, err := r.parse(u.URL, indicator.None)
	if err != nil {
		return nil, err
	}
	out := []local.Fact{{Kind: local.Listed, Subject: host, First: when(u.Added), Last: later(u.Added, u.Online), Verdict: source.Suspicious}}
	return reference(out, host, u.Link), nil
}

// later is the last known one of two times.
func later(first, last string) (t time.Time) {
	if t = when(last); t.IsZero() {
		t = when(first)
	}
	return t
}

// reference adds a reference to facts, if there is one.
func reference(out []local.Fact, ind indicator.Indicator, link string) []local.Fact {
	for l := range strings.FieldsFuncSeq(link, func(c rune) bool { return c == ' ' || c == ',' || c == '|' }) {
		if !none(l) {
			out = append(out, local.Fact{Kind: local.Reference, Subject: ind, Object: indicator.Indicator{Value: l}})
		}
	}
	return out
}

// urlhausPayloadRow is a row of URLhaus's payloads: a sample and where it was
// fetched from.
type urlhausPayloadRow struct {
	First     string `csv:"firstseen"`
	URL       string `csv:"url"`
	MD5       string `csv:"md5"`
	SHA256    string `csv:"sha256"`
	Signature string `csv:"signature"`
}

func (u *urlhausPayloadRow) facts(r *reading) ([]local.Fact, error) {
	out, sample, err := r.sample([]string{u.SHA256, u.MD5}, local.Fact{First: when(u.First), Last: when(u.First), Verdict: source.Malicious}, u.Signature)
	if err != nil {
		return nil, err
	}
	host, err := r.parse(u.URL, indicator.None)
	if err != nil {
		return nil, err
	}
	return append(out, local.Fact{Kind: local.Contacted, Subject: sample, Object: host, First: when(u.First), Last: when(u.First)}), nil
}

// sample gives the facts of a file known by several hashes, of which the first
// that is there stands for it.
func (r *reading) sample(hashes []string, listed local.Fact, names ...string) (out []local.Fact, main indicator.Indicator, err error) {
	for _, h := range hashes {
		if none(h) {
			continue
		}
		ind, err := r.parse(h, indicator.Hash)
		if err != nil {
			return nil, main, err
		}
		if main.Value == "" {
			main = ind
			listed.Kind, listed.Subject = local.Listed, ind
			out = append(out, listed)
		} else if ind != main {
			out = append(out, local.Fact{Kind: local.Alias, Subject: ind, Object: main})
		}
	}
	if main.Value == "" {
		return nil, main, errors.New("no hash")
	}
	for _, n := range names {
		if !none(n) {
			av, err := r.parse(n, indicator.Antivirus)
			if err != nil {
				return nil, main, err
			}
			out = append(out, local.Fact{Kind: local.Detection, Subject: main, Object: av, First: listed.First, Last: listed.Last})
		}
	}
	return out, main, nil
}

// threatFoxRow is a row of ThreatFox's exports. The kind of the value is told
// by the value: sha256_hash with a SHA-1 occurs.
type threatFoxRow struct {
	First      string `csv:"first_seen_utc"`
	Last       string `csv:"last_seen_utc"`
	Value      string `csv:"ioc_value"`
	Type       string `csv:"ioc_type"`
	Malware    string `csv:"malware_printable"`
	Confidence string `csv:"confidence_level"`
	Reference  string `csv:"reference"`
}

func (t *threatFoxRow) facts(r *reading) ([]local.Fact, error) {
	listed := local.Fact{Kind: local.Listed, First: when(t.First), Last: later(t.First, t.Last), Verdict: source.Malicious}
	confidence, err := percent(t.Confidence)
	if err != nil {
		return nil, err
	}
	listed.Confidence = confidence
	if confidence > 0 && confidence < 50 || strings.EqualFold(t.Type, "url") {
		listed.Verdict = source.Suspicious
	}
	ind, err := r.parse(t.Value, indicator.None)
	if err != nil {
		return nil, err
	}
	listed.Subject = ind
	out := []local.Fact{listed}
	if ind.Type == indicator.Hash {
		if out, _, err = r.sample([]string{t.Value}, listed, t.Malware); err != nil {
			return nil, err
		}
	}
	return reference(out, ind, t.Reference), nil
}

func percent(s string) (uint8, error) {
	if none(s) {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(s), "%"), 64)
	if err != nil || n < 0 || n > 100 {
		return 0, fmt.Errorf("confidence %.40q: not a number from 0 to 100", s)
	}
	return uint8(n), nil
}

// bazaarRow is a row of MalwareBazaar's exports.
type bazaarRow struct {
	First     string `csv:"first_seen_utc"`
	SHA256    string `csv:"sha256_hash"`
	MD5       string `csv:"md5_hash"`
	SHA1      string `csv:"sha1_hash"`
	Signature string `csv:"signature"`
	ClamAV    string `csv:"clamav"`
}

func (b *bazaarRow) facts(r *reading) ([]local.Fact, error) {
	out, _, err := r.sample([]string{b.SHA256, b.MD5, b.SHA1}, local.Fact{First: when(b.First), Last: when(b.First), Verdict: source.Malicious}, b.Signature, b.ClamAV)
	return out, err
}

// feodoRow is a row of Feodo Tracker's block list.
type feodoRow struct {
	First string `csv:"first_seen_utc"`
	Last  string `csv:"last_online"`
	IP    string `csv:"dst_ip"`
}

func (f *feodoRow) facts(r *reading) ([]local.Fact, error) {
	ind, err := r.parse(f.IP, indicator.IP)
	return []local.Fact{{Kind: local.Listed, Subject: ind, First: when(f.First), Last: later(f.First, f.Last), Verdict: source.Malicious}}, err
}

// mispRow is a row of a MISP attribute export.
type mispRow struct {
	Type  string `csv:"type"`
	Value string `csv:"value"`
	IDS   string `csv:"to_ids"`
	Date  string `csv:"date"`
}

func (m *mispRow) facts(r *reading) ([]local.Fact, error) {
	a := mispAttribute{Type: m.Type, Value: m.Value, ToIDS: truth(m.IDS == "1" || strings.EqualFold(m.IDS, "true")), Timestamp: number(m.Date)}
	return a.facts(r)
}

// ownRow is a row of any other table, with columns named by what they mean.
type ownRow struct {
	Value      string `csv:"value"`
	Type       string `csv:"type"`
	First      string `csv:"first_seen"`
	Last       string `csv:"last_seen"`
	Verdict    string `csv:"verdict"`
	Confidence string `csv:"confidence"`
	Reference  string `csv:"reference"`
	Detection  string `csv:"detection"`
	Resolution string `csv:"resolution"`
	Contacted  string `csv:"contacted"`
	Registrant string `csv:"registrant"`
	Subdomain  string `csv:"subdomain"`
	SameFile   string `csv:"same_file"`
}

// Meanings are what a column of a table of one's own can mean.
var Meanings = []string{
	"value", "type", "first_seen", "last_seen", "verdict", "confidence", "reference", "detection",
	"resolution", "contacted", "registrant", "subdomain", "same_file",
}

// usualNames are names under which tables have what value means, the most
// telling first.
var usualNames = map[string][]string{
	"value":      {"value", "indicator", "ioc", "ioc_value", "observable", "domain", "fqdn", "hostname", "host", "ip", "ip_address", "ipaddress", "dst_ip", "src_ip", "address", "url", "email", "sha256", "sha1", "md5", "hash", "file_hash"},
	"type":       {"type", "indicator_type", "ioc_type"},
	"first_seen": {"first_seen", "firstseen", "first_seen_utc", "date_added", "dateadded", "created"},
	"last_seen":  {"last_seen", "lastseen", "last_seen_utc", "last_online", "modified", "date"},
	"verdict":    {"verdict", "disposition", "classification"},
	"confidence": {"confidence", "confidence_level"},
	"reference":  {"reference", "references", "link"},
	"detection":  {"detection", "signature", "malware", "malware_printable"},
}

func (o *ownRow) facts(r *reading) ([]local.Fact, error) {
	want := indicator.None
	if t, err := indicator.ParseType(strings.ToLower(o.Type)); err == nil {
		want = t
	}
	ind, err := r.parse(o.Value, want)
	if err != nil {
		return nil, err
	}
	listed := local.Fact{Kind: local.Listed, Subject: ind, First: when(o.First), Last: later(o.First, o.Last), Verdict: r.o.Verdict}
	if listed.Confidence, err = percent(o.Confidence); err != nil {
		return nil, err
	}
	if !none(o.Verdict) {
		if listed.Verdict, err = verdict(o.Verdict); err != nil {
			return nil, err
		}
	}
	out := reference([]local.Fact{listed}, ind, o.Reference)
	for _, rel := range []struct {
		cell string
		kind local.Kind
		want indicator.Type
	}{
		{o.Detection, local.Detection, indicator.Antivirus}, {o.Resolution, local.Resolution, indicator.None},
		{o.Contacted, local.Contacted, indicator.None}, {o.Registrant, local.Registrant, indicator.Email},
		{o.Subdomain, local.Subdomain, indicator.Domain}, {o.SameFile, local.Alias, indicator.Hash},
	} {
		if none(rel.cell) || rel.kind == local.Detection && ind.Type != indicator.Hash {
			continue
		}
		object, err := r.parse(rel.cell, rel.want)
		if err != nil {
			return nil, err
		}
		out = append(out, local.Fact{Kind: rel.kind, Subject: ind, Object: object, First: listed.First, Last: listed.Last})
	}
	return out, nil
}

func verdict(s string) (source.Verdict, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "malicious", "bad", "malware", "-1":
		return source.Malicious, nil
	case "suspicious", "grayware", "greyware":
		return source.Suspicious, nil
	case "harmless", "benign", "good", "clean", "1":
		return source.Harmless, nil
	case "0":
		return source.Unknown, nil
	}
	return 0, fmt.Errorf("verdict %.40q: there are malicious, suspicious, harmless and unknown", s)
}

// separators between cells that are looked for in a header.
const separators = ",\t;|"

// header finds the line with the names of the columns in the beginning of a
// text: the last one of its first comments, or its first line. ok is false
// when no name of it means anything.
func header(text string) (names []string, ok bool) {
	var comment, first string
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		if inner, is := strings.CutPrefix(l, "#"); is {
			if strings.ContainsAny(inner, separators) && len(known(cells(inner))) > 0 {
				comment = inner
			}
			continue
		}
		if l != "" {
			first = l
			break
		}
	}
	for _, l := range []string{comment, first} {
		if c := cells(l); len(c) > 1 && len(known(c)) > 0 {
			return c, true
		}
	}
	return nil, false
}

// known returns the columns that mean something.
func known(names []string) []string {
	var out []string
	for _, n := range names {
		for _, usual := range usualNames {
			if slices.Contains(usual, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// separator is the one that a header has most of.
func separator(l string) rune {
	best, most := ',', 0
	for _, c := range separators {
		if n := strings.Count(l, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// cells cuts a header into names, in lower case.
func cells(l string) []string {
	c := reader(strings.NewReader(strings.TrimSpace(l)), separator(l))
	names, err := c.Read()
	if err != nil {
		return nil
	}
	for i := range names {
		names[i] = strings.ToLower(strings.TrimSpace(names[i]))
	}
	return names
}

func reader(in io.Reader, comma rune) *csv.Reader {
	c := csv.NewReader(in)
	c.Comma, c.Comment = comma, '#'
	c.LazyQuotes, c.TrimLeadingSpace, c.FieldsPerRecord, c.ReuseRecord = true, comma != '\t', -1, true
	return c
}

// maxRow is the most text that one row may take.
const maxRow = 1 << 20

// guard ends a row that never does, because of a quote that is not closed.
type guard struct {
	r    io.Reader
	room int
}

var errLongRow = errors.New("a row of more than 1 MiB: is there a quote that is not closed?")

func (g *guard) Read(p []byte) (int, error) {
	if g.room <= 0 {
		return 0, errLongRow
	}
	n, err := g.r.Read(p[:min(len(p), 4096)])
	g.room -= n
	return n, err
}

// csv reads a table.
func (r *reading) csv(b *bufio.Reader) error {
	head, _ := b.Peek(64 << 10)
	names, ok := header(string(head))
	if !ok && len(r.o.Columns) == 0 {
		return fmt.Errorf("no known column names in its first lines; say what the columns mean with --column value=NAME (%s)", strings.Join(Meanings, ", "))
	}
	if !ok {
		first, _, _ := strings.Cut(strings.TrimLeft(string(head), "\r\n"), "\n")
		names = cells(strings.TrimPrefix(first, "#"))
	}
	// The header is taken away, with what is in front of it.
	lines, comma := 0, ','
	for {
		l, err := line(b)
		lines++
		if errors.Is(err, io.EOF) {
			return errors.New("no header")
		}
		if err != nil {
			return err
		}
		if c := cells(strings.TrimPrefix(strings.TrimSpace(l), "#")); slices.Equal(c, names) {
			comma = separator(l)
			break
		}
	}
	what, names, err := r.table(names)
	if err != nil {
		return err
	}
	var top strings.Builder
	w := csv.NewWriter(&top)
	w.Comma = comma
	if err := errors.Join(w.Write(names), func() error { w.Flush(); return w.Error() }()); err != nil {
		return err
	}
	g := &guard{b, maxRow}
	c := reader(io.MultiReader(strings.NewReader(top.String()), g), comma)
	um, err := gocsv.NewUnmarshaller(c, what)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	for r.ended() == nil {
		g.room = maxRow
		got, err := um.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var syntax *csv.ParseError
		if err != nil && !errors.As(err, &syntax) {
			return err
		}
		r.counts.Records++
		at := lines - 1
		if err != nil {
			r.bad(at+syntax.Line, "", syntax.Err.Error())
			continue
		}
		n, _ := c.FieldPos(0)
		facts, err := got.(row).facts(r)
		for k := 0; k < len(facts) && err == nil; k++ {
			if err = facts[k].Check(); err != nil {
				err = fmt.Errorf("%s: %w", facts[k].Kind, err)
			}
		}
		switch {
		case err != nil:
			r.bad(at+n, "", err.Error())
		case len(facts) == 0:
			r.counts.Passed++
		}
		if err == nil {
			for _, f := range facts {
				r.fact(f)
			}
		}
	}
	return r.err
}

// table finds out how the rows below a header are read, and names its columns
// so.
func (r *reading) table(names []string) (row, []string, error) {
	if len(r.o.Columns) == 0 {
		for _, e := range exports {
			if !slices.ContainsFunc(e.columns, func(c string) bool { return !slices.Contains(names, c) }) {
				return e.row, names, nil
			}
		}
	}
	columns := map[string]string{}
	for meaning, name := range r.o.Columns {
		if !slices.Contains(Meanings, meaning) {
			return nil, nil, fmt.Errorf("--column %s: there are %s", meaning, strings.Join(Meanings, ", "))
		}
		if name = strings.ToLower(strings.TrimSpace(name)); !slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("--column %s=%s: there is no such column; there are %s", meaning, name, strings.Join(names, ", "))
		}
		columns[meaning] = name
	}
	for meaning, usual := range usualNames {
		if columns[meaning] != "" || len(r.o.Columns) > 0 && meaning != "value" {
			continue
		}
		for _, u := range usual {
			if slices.Contains(names, u) && !slices.Contains(slices.Collect(maps.Values(columns)), u) {
				columns[meaning] = u
				break
			}
		}
	}
	if columns["value"] == "" {
		return nil, nil, fmt.Errorf("which column has the values? Say so with --column value=NAME; there are %s", strings.Join(names, ", "))
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "\x00" + n // means nothing
		for meaning, name := range columns {
			if n == name {
				out[i] = meaning
			}
		}
	}
	return new(ownRow), out, nil
}
