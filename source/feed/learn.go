package feed

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/stream"
	"github.com/tclookup/tclookup/source/local"
)

// Learned is the name of the feed of what was learned.
const Learned = "learned"

// LearnOptions say how logs are read. Parser and Rules are required.
type LearnOptions struct {
	Parser *indicator.Parser
	// Rules say which names are internal: they are passed over, as nobody
	// looks them up. Internal answers to other names are learned.
	Rules *indicator.Rules
	// Columns maps query, answer, time and count to the names of columns of a
	// CSV log; without it they are known by their usual names.
	Columns map[string]string
	Bad     func(Bad)
}

// Learn reads the resolutions in a log of name servers or of a network sensor:
// Zeek's dns.log (tab-separated or JSON), Suricata's eve.json, or a CSV export
// with a column of queries and one of answers. It becomes one generation of
// the feed Learned.
//
// A log may be learned again: the same one changes nothing
// (local.ErrUnchanged), and one that has grown takes the place of its
// beginning.
func Learn(ctx context.Context, s *local.Store, o LearnOptions, in Input) (g local.Generation, c Counts, err error) {
	older, err := s.Generations(ctx, Learned)
	if err != nil {
		return g, c, err
	}
	im, err := s.Begin(ctx, local.Meta{Feed: Learned, Source: in.Name, Format: "log", Add: true})
	if err != nil {
		return g, c, err
	}
	defer func() {
		if err != nil && !errors.Is(err, local.ErrUnchanged) {
			err = errors.Join(err, im.Abort(ctx))
		}
	}()
	known := newPrefixes(older)
	l := &learning{
		reading: reading{o: &Options{Parser: o.Parser, Bad: o.Bad}, ctx: ctx, input: in.Name, add: func(f local.Fact) error { return im.Add(ctx, f) }},
		rules:   o.Rules, columns: o.Columns,
	}
	err = l.log(in, known)
	c = l.counts
	if err != nil {
		return g, c, fmt.Errorf("%s: %w", in.Name, err)
	}
	digest, contains := known.sum()
	g, err = im.Commit(ctx, local.Total{Bytes: c.Bytes, Digest: digest, Records: c.Records, Bad: c.Bad, Contains: contains})
	return g, c, err
}

// prefixes hashes what is written and finds out which older inputs it begins
// with.
type prefixes struct {
	h     hash.Hash
	n     int64
	older []local.Generation // visible, the shortest first, longer than n
	found []int64
}

func newPrefixes(older []local.Generation) *prefixes {
	p := &prefixes{h: sha256.New()}
	for _, g := range older {
		if g.State == "live" && g.Bytes > 0 {
			p.older = append(p.older, g)
		}
	}
	slices.SortFunc(p.older, func(a, b local.Generation) int { return int(min(max(a.Bytes-b.Bytes, -1), 1)) })
	return p
}

// Write implements io.Writer. It never fails.
func (p *prefixes) Write(b []byte) (int, error) {
	n := len(b)
	for len(p.older) > 0 && p.older[0].Bytes <= p.n+int64(len(b)) {
		part := p.older[0].Bytes - p.n
		p.h.Write(b[:part])
		p.n, b = p.n+part, b[part:]
		if hex.EncodeToString(p.h.Sum(nil)) == p.older[0].Digest {
			p.found = append(p.found, p.older[0].ID)
		}
		p.older = p.older[1:]
	}
	p.h.Write(b)
	p.n += int64(len(b))
	return n, nil
}

func (p *prefixes) sum() (digest string, contains []int64) {
	return hex.EncodeToString(p.h.Sum(nil)), p.found
}

type learning struct {
	reading
	rules   *indicator.Rules
	columns map[string]string
}

// log reads one log, compressed or not.
func (l *learning) log(in Input, sum io.Writer) error {
	f, err := in.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := stream.NewReader(f)
	if err != nil {
		return err
	}
	defer s.Close()
	b := bufio.NewReaderSize(io.TeeReader(&counting{s, &l.counts.Bytes}, sum), 256<<10)
	head, err := b.Peek(4096)
	if len(head) == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return err
	}
	switch text := strings.TrimLeft(string(head), " \t\r\n"); {
	case strings.HasPrefix(text, "#separator"), strings.HasPrefix(text, "#fields"):
		err = l.lines(b, new(zeekLog).line)
	case strings.HasPrefix(text, "{"):
		err = l.lines(b, jsonLine)
	default:
		err = l.table(b)
	}
	if l.err != nil {
		return l.err
	}
	return err
}

// answered is a query with its answers.
type answered struct {
	query   string
	answers []string
	at      time.Time
	count   int64
}

// lines reads a log line by line. read returns false for a line that is no
// answered query.
func (l *learning) lines(b *bufio.Reader, read func(text string) (answered, bool, error)) error {
	for n := 1; l.ended() == nil; n++ {
		text, err := line(b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errLongLine) {
			l.counts.Records++
			l.bad(n, "", "longer than 64 KiB")
			continue
		}
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		a, ok, err := read(text)
		if err == nil && !ok && text[0] == '#' {
			continue
		}
		l.counts.Records++
		switch {
		case err != nil:
			l.bad(n, "", err.Error())
		case !ok:
			l.counts.Passed++
		default:
			l.answer(n, a)
		}
	}
	return l.err
}

// answer learns what a query was answered. An alias is followed: the
// addresses are those of the name that was asked for.
func (l *learning) answer(n int, a answered) {
	var ips []indicator.Indicator
	for _, text := range a.answers {
		if ind, err := l.o.Parser.Parse(text, indicator.IP); err == nil {
			ips = append(ips, ind)
		}
	}
	if len(ips) == 0 {
		l.counts.Passed++
		return
	}
	name, err := l.parse(a.query, indicator.Domain)
	if err != nil {
		if !strings.Contains(strings.Trim(a.query, "."), ".") { // a name of the own network
			l.counts.Passed++
			return
		}
		l.bad(n, "", err.Error())
		return
	}
	if l.rules.Excluded(name) != "" {
		l.counts.Passed++
		return
	}
	for _, ip := range ips {
		l.fact(local.Fact{Kind: local.Resolution, Subject: name, Object: ip, First: a.at, Last: a.at, Count: max(a.count, 1)})
	}
}

// zeekLog reads Zeek's tab-separated logs. Its header may come again.
type zeekLog struct {
	separator, set, empty, unset string
	query, answers, ts           int
}

func (z *zeekLog) line(text string) (a answered, ok bool, err error) {
	if z.separator == "" {
		z.separator, z.set, z.empty, z.unset, z.query = "\t", ",", "(empty)", "-", -1
	}
	if text[0] == '#' {
		return a, false, z.header(text)
	}
	if z.query < 0 {
		return a, false, errors.New("no #fields line before it")
	}
	cells := strings.Split(text, z.separator)
	if max(z.query, z.answers, z.ts) >= len(cells) {
		return a, false, fmt.Errorf("%d columns, fewer than its header names", len(cells))
	}
	query, answers := cells[z.query], cells[z.answers]
	if query == z.unset || answers == z.unset || answers == z.empty {
		return a, false, nil
	}
	return answered{query: query, answers: strings.Split(answers, z.set), at: when(cells[z.ts])}, true, nil
}

func (z *zeekLog) header(text string) error {
	key, rest, _ := strings.Cut(text, z.separator)
	switch key {
	case "#set_separator":
		z.set = rest
	case "#empty_field":
		z.empty = rest
	case "#unset_field":
		z.unset = rest
	case "#fields":
		names := strings.Split(rest, z.separator)
		z.query, z.answers, z.ts = slices.Index(names, "query"), slices.Index(names, "answers"), slices.Index(names, "ts")
		if min(z.query, z.answers, z.ts) < 0 {
			z.query = -1
			return errors.New("a log without the fields ts, query and answers: it is not Zeek's dns.log")
		}
	default:
		if sep, ok := strings.CutPrefix(text, "#separator "); ok {
			if code, err := hex.DecodeString(strings.TrimPrefix(sep, `\x`)); err == nil && len(code) == 1 {
				sep = string(code)
			}
			if sep != "" {
				z.separator = sep
			}
		}
	}
	return nil
}

// jsonLine reads a line of Zeek's dns.log in JSON, or of Suricata's eve.json in
// any of its three forms of DNS events.
func jsonLine(text string) (a answered, ok bool, err error) {
	var v struct {
		// Zeek
		TS      number       `json:"ts"`
		Query   string       `json:"query"`
		Answers many[string] `json:"answers"`
		// Suricata
		Event     string `json:"event_type"`
		Timestamp string `json:"timestamp"`
		DNS       *struct {
			Type    string `json:"type"`
			Name    string `json:"rrname"`
			Data    string `json:"rdata"`
			Queries []struct {
				Name string `json:"rrname"`
			} `json:"queries"`
			Answers []struct {
				Name string `json:"rrname"`
				Data string `json:"rdata"`
			} `json:"answers"`
			Grouped map[string]json.RawMessage `json:"grouped"`
		} `json:"dns"`
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return a, false, fmt.Errorf("not a JSON object: %w", err)
	}
	if v.DNS == nil {
		return answered{query: v.Query, answers: v.Answers, at: when(string(v.TS))}, v.Query != "" && len(v.Answers) > 0 && v.Event == "", nil
	}
	d := v.DNS
	a = answered{query: d.Name, at: when(v.Timestamp)}
	if len(d.Queries) > 0 && a.query == "" {
		a.query = d.Queries[0].Name
	}
	if d.Data != "" {
		a.answers = append(a.answers, d.Data)
	}
	for _, x := range d.Answers {
		if a.query == "" {
			a.query = x.Name
		}
		a.answers = append(a.answers, x.Data)
	}
	for _, kind := range []string{"A", "AAAA"} {
		var list many[string]
		if raw, ok := d.Grouped[kind]; ok && json.Unmarshal(raw, &list) == nil {
			a.answers = append(a.answers, list...)
		}
	}
	ok = v.Event == "dns" && (d.Type == "answer" || d.Type == "response" || d.Type == "") && a.query != "" && len(a.answers) > 0
	return a, ok, nil
}

// logNames are the names under which tables have what is learned from.
var logNames = map[string][]string{
	"query":  {"query", "dns_query", "query_name", "qname", "rrname", "domain", "name"},
	"answer": {"answer", "answers", "dns_answer", "rdata", "resolved_ip", "response", "message", "dest_ip"},
	"time":   {"_time", "time", "timestamp", "ts", "date"},
	"count":  {"count"},
}

// LogColumns are what a column of a log can mean.
var LogColumns = []string{"query", "answer", "time", "count"}

// table reads a CSV log.
func (l *learning) table(b *bufio.Reader) error {
	top, err := line(b)
	if err != nil {
		return err
	}
	names, comma := cells(top), separator(top)
	at := map[string]int{"query": -1, "answer": -1, "time": -1, "count": -1}
	for _, meaning := range slices.Sorted(maps.Keys(l.columns)) {
		if _, ok := at[meaning]; !ok {
			return fmt.Errorf("--column %s: there are %s", meaning, strings.Join(LogColumns, ", "))
		}
		if at[meaning] = slices.Index(names, strings.ToLower(l.columns[meaning])); at[meaning] < 0 {
			return fmt.Errorf("--column %s=%s: there is no such column; there are %s", meaning, l.columns[meaning], strings.Join(names, ", "))
		}
	}
	for meaning, usual := range logNames {
		for _, u := range usual {
			if at[meaning] < 0 {
				at[meaning] = slices.Index(names, u)
			}
		}
	}
	if at["query"] < 0 || at["answer"] < 0 {
		return errors.New("neither Zeek's dns.log, nor Suricata's eve.json, nor a table with columns query and answer; name columns with --column query=NAME --column answer=NAME")
	}
	g := &guard{b, maxRow}
	c := reader(g, comma)
	c.Comment = 0
	cell := func(row []string, meaning string) string {
		if i := at[meaning]; i >= 0 && i < len(row) {
			return row[i]
		}
		return ""
	}
	for l.ended() == nil {
		g.room = maxRow
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var syntax *csv.ParseError
		if err != nil && !errors.As(err, &syntax) {
			return err
		}
		l.counts.Records++
		if err != nil {
			l.bad(syntax.Line+1, "", syntax.Err.Error())
			continue
		}
		n, _ := c.FieldPos(0)
		query := cell(row, "query")
		if none(query) {
			l.counts.Passed++
			continue
		}
		a := answered{query: query, at: when(cell(row, "time"))}
		// Several answers stand in lines of their own (Splunk's multivalue
		// fields), or behind commas, semicolons or blanks.
		a.answers = strings.FieldsFunc(cell(row, "answer"), func(r rune) bool { return strings.ContainsRune(" ,;|\r\n\t", r) })
		if _, err := fmt.Sscan(cell(row, "count"), &a.count); err != nil || a.count < 1 {
			a.count = 1
		}
		l.answer(n+1, a)
	}
	return l.err
}
