package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

const (
	// readyEntries and readyBytes bound the answers held ready in memory:
	// their number, and the size of each.
	readyEntries = 16384
	readyBytes   = 8 << 10
	// fresh is for how long answers held ready are not compared with the
	// database: a change made by another process is seen that much later.
	fresh = 200 * time.Millisecond
	// maxAliases bounds how many hashes of one file are followed.
	maxAliases = 16
)

// chunkSizes are the numbers of indicators that one query asks for.
var chunkSizes = [...]int{64, 8, 1}

// answer is what is known about an indicator. It is shared and never changed.
type answer struct {
	report *source.Report // nil: nothing
	raw    []byte
}

// row is one fact as a query returns it.
type row struct {
	subject, object int64
	kind            Kind
	first, last     int64
	count           int64
	verdict         source.Verdict
	confidence      uint8
	otherType       indicator.Type
	other           string
}

const factColumns = `select f.subject, f.kind, f.object, f.first_seen, f.last_seen, f.count, f.verdict, f.confidence, e.type, e.value
from facts f join generations g on g.id = f.generation and g.state = 1 join entities e on e.id = f.object where `

// in returns a condition on a column for n numbers, with placeholders from
// number 1 on.
func in(column string, n int) string {
	var b strings.Builder
	b.WriteString(column + " in (")
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	b.WriteByte(')')
	return b.String()
}

func anys(ids []int64) []any {
	out := make([]any, len(ids), len(ids)+1)
	for i, id := range ids {
		out[i] = id
	}
	return out
}

// rows reads facts about some subjects: all of one kind, or with kind < 0 of
// all kinds. more is set when there are more than limit.
func (s *Store) rows(ctx context.Context, ids []int64, kind, limit int) (out []row, more bool, err error) {
	query := factColumns + in("f.subject", len(ids))
	if kind >= 0 {
		query += fmt.Sprintf(" and f.kind = %d", kind)
	}
	query += fmt.Sprintf(" order by f.subject, f.kind, f.object limit %d", limit+1)
	st, err := s.prepared(ctx, query)
	if err != nil {
		return nil, false, err
	}
	rows, err := st.QueryContext(ctx, anys(ids)...)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.subject, &r.kind, &r.object, &r.first, &r.last, &r.count, &r.verdict, &r.confidence, &r.otherType, &r.other); err != nil {
			return nil, false, err
		}
		if len(out) == limit {
			return out, true, nil
		}
		out = append(out, r)
	}
	return out, false, rows.Err()
}

// facts reads the facts about some subjects by their ids. Of a subject with
// very many, each kind has a part.
func (s *Store) facts(ctx context.Context, ids []int64, to map[int64][]row) error {
	rows, more, err := s.rows(ctx, ids, -1, s.opts.MaxList)
	if err != nil {
		return err
	}
	if !more {
		for _, r := range rows {
			to[r.subject] = append(to[r.subject], r)
		}
		return nil
	}
	if len(ids) > 1 {
		for _, id := range ids {
			if err := s.facts(ctx, []int64{id}, to); err != nil {
				return err
			}
		}
		return nil
	}
	for k := range kinds {
		rows, _, err := s.rows(ctx, ids, int(k), s.opts.MaxList)
		if err != nil {
			return err
		}
		to[ids[0]] = append(to[ids[0]], rows...)
	}
	return nil
}

// tally is what the votes about a subject add up to.
type tally struct{ sum, voters int64 }

func (s *Store) tallies(ctx context.Context, ids []int64, to map[int64]tally) error {
	if !s.voted.Load() {
		return nil
	}
	st, err := s.prepared(ctx, "select entity, sum(vote), count(*) from votes where "+in("entity", len(ids))+" group by entity")
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, anys(ids)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var t tally
		if err := rows.Scan(&id, &t.sum, &t.voters); err != nil {
			return err
		}
		to[id] = t
	}
	return rows.Err()
}

// known reads what is known about distinct indicators, one answer for each.
func (s *Store) known(ctx context.Context, in []indicator.Indicator) ([]*answer, error) {
	out := make([]*answer, len(in))
	var open []int
	version, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	for i, ind := range in {
		if s.opts.Conceal != nil && s.opts.Conceal(ind) {
			out[i] = new(answer)
		} else if a, ok := s.ready.Get(ind); ok {
			out[i] = a
		} else {
			open = append(open, i)
		}
	}
	for len(open) > 0 {
		n := 1
		for _, size := range chunkSizes {
			if len(open) >= size {
				n = size
				break
			}
		}
		if err := s.read(ctx, in, open[:n], out); err != nil {
			return nil, err
		}
		for _, i := range open[:n] {
			// Not if the database has changed while it was read.
			if len(out[i].raw) <= readyBytes && s.version.Load() == version {
				s.ready.Add(in[i], out[i])
			}
		}
		open = open[n:]
	}
	return out, nil
}

// current forgets the answers held ready when the database has changed. It
// returns the version they are of.
func (s *Store) current(ctx context.Context) (int64, error) {
	have := s.version.Load()
	now := time.Now().UnixMilli()
	if age := now - s.checked.Load(); age >= 0 && age < fresh.Milliseconds() && have != 0 {
		return have, nil
	}
	v, err := s.Version(ctx)
	if err != nil {
		return 0, err
	}
	if v != have {
		var voted bool
		if err := s.db.QueryRowContext(ctx, "select exists (select 1 from votes)").Scan(&voted); err != nil {
			return 0, err
		}
		s.voted.Store(voted)
		s.ready.Purge()
		s.version.Store(v)
	}
	s.checked.Store(now)
	return v, nil
}

// stale has the next look-up compare with the database: this process changed it.
func (s *Store) stale() { s.checked.Store(0) }

// read reads the answers for the members of open, which index into in.
func (s *Store) read(ctx context.Context, in []indicator.Indicator, open []int, out []*answer) error {
	ids := make([]int64, len(open))
	facts, votes := make(map[int64][]row, len(open)), map[int64]tally{}
	for n, i := range open {
		ids[n] = s.id(in[i])
	}
	if err := s.facts(ctx, ids, facts); err != nil {
		return err
	}
	if err := s.tallies(ctx, ids, votes); err != nil {
		return err
	}
	for n, i := range open {
		subjects := []int64{ids[n]}
		if in[i].Type == indicator.Hash {
			var err error
			if subjects, err = s.aliases(ctx, ids[n], facts, votes); err != nil {
				return err
			}
		}
		out[i] = s.compose(in[i], subjects, facts, votes)
	}
	return nil
}

// aliases reads the facts about all hashes of a file, beginning with id.
func (s *Store) aliases(ctx context.Context, id int64, facts map[int64][]row, votes map[int64]tally) ([]int64, error) {
	all := []int64{id}
	for at := 0; at < len(all); at++ {
		if at > 0 {
			if _, have := facts[all[at]]; !have {
				one := all[at : at+1]
				if err := errors.Join(s.facts(ctx, one, facts), s.tallies(ctx, one, votes)); err != nil {
					return nil, err
				}
			}
		}
		for _, r := range facts[all[at]] {
			if r.kind == Alias && len(all) < maxAliases && !slices.Contains(all, r.object) {
				all = append(all, r.object)
			}
		}
	}
	return all, nil
}

// compose makes the answer from facts.
func (s *Store) compose(ind indicator.Indicator, subjects []int64, facts map[int64][]row, votes map[int64]tally) *answer {
	type relation struct {
		kind   Kind
		object int64
	}
	var list []row
	at := map[relation]int{}
	var sum tally
	known := false
	r := new(source.Report)
	var last int64
	for _, id := range subjects {
		t := votes[id]
		sum.sum += t.sum
		sum.voters += t.voters
		for _, f := range facts[id] {
			known = true
			last = max(last, f.last)
			if f.kind == Listed {
				r.Verdict = max(r.Verdict, f.verdict)
				continue
			}
			if s.opts.Conceal != nil && f.otherType != indicator.None && s.opts.Conceal(indicator.Indicator{Type: f.otherType, Value: f.other}) {
				continue
			}
			key := relation{f.kind, f.object}
			if i, ok := at[key]; ok {
				list[i].last = max(list[i].last, f.last)
				continue
			}
			at[key] = len(list)
			list = append(list, f)
		}
	}
	if !known && sum.voters == 0 {
		return new(answer)
	}
	if sum.voters > 0 {
		r.HasVotes, r.Votes = true, int8(cmp.Compare(sum.sum, 0))
		switch { // people have the last word
		case sum.sum < 0:
			r.Verdict = source.Malicious
		case sum.sum > 0:
			r.Verdict = source.Harmless
		}
	}
	slices.SortFunc(list, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(b.last, a.last), cmp.Compare(a.other, b.other))
	})
	digest(r, ind)
	for _, f := range list {
		place(r, &f)
	}
	r.LastSeen = day(last)
	r.Related = uint32(len(r.Resolutions) + len(r.Hashes) + len(r.Emails) + len(r.Subdomains) + len(r.Domains) + len(r.IPs) + len(r.Scans))
	return &answer{report: r, raw: r.AppendJSON(nil, ind, s.opts.Name)}
}

// digest writes a hash into its field of a report about a file.
func digest(r *source.Report, ind indicator.Indicator) {
	if ind.Type != indicator.Hash {
		return
	}
	switch len(ind.Value) {
	case 32:
		if r.MD5 == "" {
			r.MD5 = ind.Value
		}
	case 40:
		if r.SHA1 == "" {
			r.SHA1 = ind.Value
		}
	}
}

// place puts a relation into the list it belongs to.
func place(r *source.Report, f *row) {
	switch f.kind {
	case Resolution:
		r.Resolutions = append(r.Resolutions, source.Resolution{Value: f.other, LastSeen: day(f.last)})
	case Contacted:
		if f.otherType == indicator.IP {
			r.IPs = append(r.IPs, f.other)
		} else {
			r.Domains = append(r.Domains, f.other)
		}
	case contactedBy, detects:
		r.Hashes = append(r.Hashes, f.other)
	case Registrant:
		r.Emails = append(r.Emails, f.other)
	case registered:
		r.Domains = append(r.Domains, f.other)
	case Subdomain:
		r.Subdomains = append(r.Subdomains, f.other)
	case Detection:
		r.Scans = append(r.Scans, f.other)
	case Reference:
		r.References = append(r.References, f.other)
	case Alias:
		digest(r, indicator.Indicator{Type: indicator.Hash, Value: f.other})
	}
}

// day is the UTC date of a time in seconds, empty for 0.
func day(t int64) string {
	if t <= 0 {
		return ""
	}
	return time.Unix(t, 0).UTC().Format(time.DateOnly)
}

// Report returns what is known about an indicator; false means nothing is.
// The report is shared: nobody changes it.
func (s *Store) Report(ctx context.Context, ind indicator.Indicator) (*source.Report, bool, error) {
	a, err := s.known(ctx, []indicator.Indicator{ind})
	if err != nil {
		return nil, false, s.wrap(err)
	}
	return a[0].report, a[0].report != nil, nil
}

// Name implements source.Source.
func (s *Store) Name() string { return s.opts.Name }

// Types implements source.Source.
func (s *Store) Types() indicator.TypeSet { return s.opts.Types }

// Lookup implements source.Source. An answer without a verdict is marked as
// Partial: that a name once resolved to an address does not say that another
// source knows nothing worse.
func (s *Store) Lookup(ctx context.Context, in []indicator.Indicator, done func(i int, r source.Result)) {
	const most = 256 // so that first answers come soon
	for start := 0; start < len(in); start += most {
		part := in[start:min(start+most, len(in))]
		answers, err := s.known(ctx, part)
		now := s.now()
		for i := range part {
			r := source.Result{Source: s.opts.Name, Origin: source.Local, Fetched: now}
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				r.Status, r.Err = source.Limited, fmt.Errorf("%s: not read in time: %w", s.opts.Name, err)
			case err != nil:
				r.Status, r.Err = source.Failed, s.wrap(err)
			case !s.opts.Types.Has(part[i].Type):
				r.Status = source.Unsupported
			case answers[i].report == nil:
				r.Status = source.NotFound
			default:
				r.Status, r.Summary, r.Raw = source.Found, answers[i].report.Summary, answers[i].raw
				r.Partial = r.Summary.Verdict == source.Unknown
			}
			done(start+i, r)
		}
	}
}

// Decode implements source.Source.
func (s *Store) Decode(_ indicator.Indicator, raw []byte) (*source.Report, error) {
	return source.ParseJSON(raw)
}

// Known is a fact with the feed that says it.
type Known struct {
	Fact
	Feed       string
	Generation int64
}

// Known lists the facts about an indicator, feed by feed: at most limit, by
// kind and object.
func (s *Store) Known(ctx context.Context, ind indicator.Indicator, limit int) (out []Known, err error) {
	st, err := s.prepared(ctx, `select f.kind, f.first_seen, f.last_seen, f.count, f.verdict, f.confidence, e.type, e.value, g.feed, g.id
from facts f join generations g on g.id = f.generation and g.state = 1 join entities e on e.id = f.object
where f.subject = $1 order by f.kind, e.value, g.id limit $2`)
	if err != nil {
		return nil, s.wrap(err)
	}
	rows, err := st.QueryContext(ctx, s.id(ind), limit)
	if err != nil {
		return nil, s.wrap(err)
	}
	defer func() { err = errors.Join(err, s.wrap(rows.Err()), rows.Close()) }()
	for rows.Next() {
		k := Known{Fact: Fact{Subject: ind}}
		var first, last int64
		if err := rows.Scan(&k.Kind, &first, &last, &k.Count, &k.Verdict, &k.Confidence, &k.Object.Type, &k.Object.Value, &k.Feed, &k.Generation); err != nil {
			return nil, s.wrap(err)
		}
		if k.Kind == Listed {
			k.Object = indicator.Indicator{}
		}
		k.First, k.Last = moment(first), moment(last)
		out = append(out, k)
	}
	return out, nil
}

// moment is a time in seconds; 0 is the zero time.
func moment(t int64) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(t, 0).UTC()
}

// seconds is the reverse of moment.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

var _ source.Source = (*Store)(nil)
