package enrich

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/record"
	"github.com/tclookup/tclookup/source"
)

// cell is a distinct cell of an input field: its values and the columns that
// follow from them, made once and used for every row that holds it.
type cell struct {
	// What every batch looks at comes first, so that it lies together.

	// until is when it must be looked whether set still holds: 0 when an answer
	// has changed.
	until   int64
	set     *record.Set
	rows    uint32 // of the current batch
	batches uint32 // that held it since the last sweep
	status  Status // of worst
	changed bool

	values []*answer
	one    [1]*answer // the memory of values, as long as there is one
	cim    *record.Set
	worst  *answer // nil if there are no values
	made   int64   // when set was made, in nanoseconds since the Unix epoch
	cost   uint32  // of set, in bytes
}

// bring makes the columns of c hold at now, and notes for how long they do:
// until one of its answers must be asked for again, and where an age is shown
// until the next second.
func (e *Enricher) bring(c *cell, now int64) {
	if c.set == nil || c.changed || e.shows(c) && now-c.made >= int64(time.Second) {
		e.project(c, now)
	}
	c.until = now + int64(time.Hour)
	for _, a := range c.values {
		if !a.asked {
			c.until = now
		} else {
			c.until = min(c.until, a.until)
		}
	}
	if e.shows(c) {
		c.until = min(c.until, c.made+int64(time.Second))
	}
}

// shows reports whether the age of an answer is among the columns of c.
func (e *Enricher) shows(c *cell) bool {
	return e.ages && c.worst != nil && c.worst.fetched != 0
}

// worstOf returns the answer that speaks for a cell.
func worstOf(values []*answer) *answer {
	if len(values) == 0 {
		return nil
	}
	return slices.MaxFunc(values, func(a, b *answer) int {
		if a.status != b.status || a.status != Found {
			return cmp.Compare(a.status, b.status)
		}
		return cmp.Compare(badness(a), badness(b))
	})
}

// badness orders verdicts: an unknown one is worse than a harmless one.
func badness(a *answer) int {
	switch a.summary.Verdict {
	case source.Malicious:
		return 3
	case source.Suspicious:
		return 2
	case source.Harmless:
		return 0
	}
	return 1
}

// project makes the columns of a cell.
func (e *Enricher) project(c *cell, now int64) {
	old := c.set
	same := old != nil && !c.changed && c.worst == worstOf(c.values)
	c.worst, c.changed, c.made = worstOf(c.values), false, now
	if c.worst != nil {
		c.status = c.worst.status
	}
	if same && c.worst != nil && c.worst.status == Found { // only the age has changed
		values := slices.Clone(old.Values)
		for i, col := range e.columns {
			if col == colAge {
				values[i] = e.scalar(colAge, c.worst, now)
			}
		}
		c.set = &record.Set{Values: values}
		return
	}
	p := projection{e: e, c: c, now: now}
	c.set = &record.Set{Values: p.values(e.columns)}
	if e.opts.CIM {
		c.cim = &record.Set{Values: p.values(cimColumns)}
	}
	e.held -= int(c.cost)
	cost := 0
	for _, v := range c.set.Values {
		cost += valueCost + 2*len(v.Text) + 16*len(v.List)
		for _, s := range v.List {
			cost += 2 * len(s)
		}
	}
	c.cost = uint32(min(cost, math.MaxUint32))
	e.held += int(c.cost)
}

// What a cell, an answer and a value cost besides their texts, in bytes: their
// structures, and what finds and encodes them.
const (
	cellCost   = 330
	answerCost = 260
	valueCost  = 52
)

// projection makes columns of the answers of one cell.
type projection struct {
	e       *Enricher
	c       *cell
	now     int64
	reports []*source.Report
	decoded bool
}

func (p *projection) values(cs []column) []record.Value {
	out := make([]record.Value, len(cs))
	for i, col := range cs {
		switch {
		case columnInfo[col].list:
			out[i] = record.Value{Kind: record.List, List: p.list(col)}
		case col == colMD5 || col == colSHA1:
			for _, r := range p.load() {
				if v := r.SHA1; col == colSHA1 && v != "" {
					out[i].Text = v
				} else if v := r.MD5; col == colMD5 && v != "" {
					out[i].Text = v
				}
			}
		case col == colJSON:
			out[i] = record.Value{Kind: record.JSON, Text: p.json()}
		default:
			out[i] = p.e.scalar(col, p.c.worst, p.now)
		}
	}
	return out
}

// load decodes the reports of the cell's found answers. One that cannot be
// decoded was checked when it came, so it is left out.
func (p *projection) load() []*source.Report {
	if p.decoded {
		return p.reports
	}
	p.decoded = true
	for _, a := range p.c.values {
		if a.status != Found {
			continue
		}
		if r, err := p.e.opts.Decode(a.source, a.ind, a.raw); err == nil {
			p.reports = append(p.reports, r)
		}
	}
	return p.reports
}

// scalar returns a column of one value.
func (e *Enricher) scalar(col column, a *answer, now int64) record.Value {
	number := record.Value{Kind: record.Number}
	if a == nil {
		switch col {
		case colVotes, colRelated, colAge:
			return number
		}
		return record.Value{}
	}
	s := &a.summary
	found, answered := a.status == Found, a.status == Found || a.status == NotFound
	text := ""
	switch col {
	case colStatus:
		text = a.status.String()
	case colType:
		text = a.ind.Type.String()
	case colVerdict:
		if a.ind.Type != indicator.None {
			text = source.Unknown.String()
		}
		if found {
			text = s.Verdict.String()
		}
	case colVotes:
		if found && s.HasVotes {
			number.Text = strconv.Itoa(int(s.Votes))
		}
		return number
	case colRelated:
		if found {
			number.Text = strconv.Itoa(int(s.Related))
		}
		return number
	case colAge:
		if answered && a.fetched != 0 {
			number.Text = strconv.FormatInt(max(0, (now-a.fetched)/int64(time.Second)), 10)
		}
		return number
	case colLastSeen:
		if found {
			text = s.LastSeen
		}
	case colPermalink:
		if found {
			text = s.Permalink
		}
	case colSource:
		text = a.source
	case colIndicator:
		text = a.ind.Value
	case colCache:
		if answered {
			text = string(a.origin)
		}
	case colError:
		text = a.reason
	}
	return record.Value{Text: text}
}

// list returns a list column: the union over the cell's reports.
func (p *projection) list(col column) []string {
	var out []string
	seen := map[string]bool{}
	add := func(vs ...string) {
		for _, v := range vs {
			if v != "" && !seen[v] {
				seen[v] = true
				out = append(out, v)
			}
		}
	}
	if col == colResolutions || col == colResolutionDates {
		for _, r := range p.resolutions() {
			if col == colResolutions {
				out = append(out, r.Value)
			} else {
				out = append(out, r.LastSeen)
			}
		}
	}
	for _, r := range p.load() {
		switch col {
		case colHashes, cimFileHash:
			add(r.Hashes...)
		case colEmails:
			add(r.Emails...)
		case colSubdomains:
			add(r.Subdomains...)
		case colDomains, cimDestName:
			add(r.Domains...)
		case colIPs, cimDestIP:
			add(r.IPs...)
		case colScans, cimSignature:
			add(r.Scans...)
		case colReferences:
			add(r.References...)
		}
	}
	if col >= cimDestIP {
		p.addCIM(col, add)
	}
	if n := p.e.opts.ListLimit; n > 0 && len(out) > n {
		out = out[:n:n]
	}
	return out
}

// addCIM adds what only the CIM names hold: the indicator itself, and
// resolutions under the name of what they are.
func (p *projection) addCIM(col column, add func(...string)) {
	for _, a := range p.c.values {
		if a.status != Found {
			continue
		}
		switch {
		case col == cimDestIP && a.ind.Type == indicator.IP,
			col == cimDestName && a.ind.Type == indicator.Domain,
			col == cimFileHash && a.ind.Type == indicator.Hash,
			col == cimSignature && a.ind.Type == indicator.Antivirus:
			add(a.ind.Value)
		case col == cimDestIP && a.ind.Type == indicator.Domain,
			col == cimDestName && a.ind.Type == indicator.IP:
			for _, r := range p.resolutions() {
				add(r.Value)
			}
		}
	}
}

// resolutions returns the union of all resolutions, newest first, unknown
// dates last.
func (p *projection) resolutions() []source.Resolution {
	reports := p.load()
	if len(reports) == 1 {
		return reports[0].Resolutions
	}
	var all []source.Resolution
	for _, r := range reports {
		all = append(all, r.Resolutions...)
	}
	slices.SortStableFunc(all, func(a, b source.Resolution) int { return cmp.Compare(b.LastSeen, a.LastSeen) })
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(r source.Resolution) bool {
		dup := seen[r.Value]
		seen[r.Value] = true
		return dup
	})
}

// json returns the whole report of the answer that speaks for the cell.
func (p *projection) json() string {
	a := p.c.worst
	if a == nil || a.status != Found {
		return ""
	}
	r, err := p.e.opts.Decode(a.source, a.ind, a.raw)
	if err != nil {
		return ""
	}
	return string(r.AppendJSON(nil, a.ind, a.source))
}

// cim makes the annotation of the CIM names, the last one: each row's come
// from the first of its fields that was found.
func (e *Enricher) cim(b *record.Batch) {
	a := &b.Annotations[len(e.fields)]
	a.Sets = a.Sets[:0]
	a.Of = slices.Grow(a.Of[:0], len(b.Rows))[:len(b.Rows)]
	var first []uint32
	for i := range e.fields {
		first = append(first, uint32(len(a.Sets)))
		for _, c := range e.fields[i].cells {
			a.Sets = append(a.Sets, c.cim)
		}
	}
	for r := range a.Of {
		for i := range e.fields {
			n := b.Annotations[i].Of[r]
			a.Of[r] = first[i] + n
			if e.fields[i].cells[n].status == Found {
				break
			}
		}
	}
}
