package disk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tclookup/tclookup/limit"
)

// Gate returns the gate to the budget of a source, which all processes with
// this database share; name tells apart servers and accounts, as a scope does.
// When the database fails the gate goes on within this process, from what it
// knew last, and says so once.
func (s *Store) Gate(name string, p limit.Policy, prio limit.Priority) limit.Gate {
	spread := 2 * time.Millisecond
	if p.Rate > 0 {
		spread = min(max(time.Duration(float64(time.Second)/p.Rate/20), spread), 250*time.Millisecond)
	}
	b := &budget{store: s, name: name, policy: p, spread: spread}
	return &gate{budget: b, line: limit.NewLine(b, p, spread, s.now), prio: prio}
}

type gate struct {
	budget *budget
	line   *limit.Line
	prio   limit.Priority
}

func (g *gate) Take(ctx context.Context) (limit.Ticket, error) {
	if l := g.budget.fallback(); l != nil {
		return g.alone(l).Take(ctx)
	}
	t, err := g.line.Take(ctx, g.prio)
	if errors.Is(err, errFailed) {
		return g.alone(g.budget.fallback()).Take(ctx)
	}
	return t, err
}

func (g *gate) alone(l *limit.Local) limit.Gate {
	if g.prio == limit.Background {
		return l.Background()
	}
	return l
}

func (g *gate) Status(ctx context.Context) (limit.Status, error) {
	return g.budget.Status(ctx)
}

// errFailed: the database failed and the fallback is there.
var errFailed = errors.New("the shared budget cannot be used")

// budget is a limit.Allowance kept in a row.
type budget struct {
	store  *Store
	name   string
	policy limit.Policy
	spread time.Duration

	mu    sync.Mutex
	last  *limit.State // as it was last read or written
	local *limit.Local // the fallback, once the database has failed
}

const (
	selectBudget = "select state from budgets where source = ?"
	putBudget    = `insert into budgets (source, policy, state) values (?1, ?2, ?3)
	on conflict (source) do update set policy = ?2, state = ?3`
)

func (b *budget) fallback() *limit.Local {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.local
}

// fail turns an error of the database into errFailed and sets up the
// fallback. Errors of ctx and denials stay what they are.
func (b *budget) fail(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, limit.ErrDenied) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.store.warn("budget "+b.name, "The budget shared with other processes cannot be used; this process keeps to it on its own.",
		"source", b.name, "error", err)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.local == nil {
		b.local = limit.NewLocal(b.policy)
		b.local.Resume(b.last)
	}
	return errFailed
}

func (b *budget) remember(st *limit.State) {
	b.mu.Lock()
	b.last = st
	b.mu.Unlock()
}

// parse reads the state of a row. One that cannot be read is taken for a
// budget that was just used up; one that is gone, as in a new database in the
// place of a damaged one, is what it was when it was last seen.
func (b *budget) parse(text string, found bool) *limit.State {
	st := new(limit.State)
	if found {
		if json.Unmarshal([]byte(text), st) != nil {
			*st = limit.UsedUp(b.store.now(), b.policy)
		}
		return st
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last != nil {
		*st = *b.last
		st.Open = slices.Clone(b.last.Open)
	}
	return st
}

func (b *budget) load(ctx context.Context) (*limit.State, error) {
	var text string
	var found bool
	err := b.store.read(ctx, "read budget", func(h *handle) (err error) {
		found, err = h.row(ctx, selectBudget, []any{b.name}, &text)
		return err
	})
	if err != nil {
		return nil, err
	}
	st := b.parse(text, found)
	b.remember(st)
	return st, nil
}

// change runs f on the state in one transaction; when f returns false nothing
// is written.
func (b *budget) change(ctx context.Context, f func(now time.Time, st *limit.State) bool) error {
	return b.store.write(ctx, "update budget", func(w *write) error {
		var text string
		found, err := w.row(selectBudget, []any{b.name}, &text)
		if err != nil {
			return err
		}
		st := b.parse(text, found)
		// The time is taken under the lock, so that it never runs backwards
		// from one process to the next.
		changed := f(b.store.now(), st)
		b.remember(st)
		if !changed {
			return errUnchanged
		}
		state, err := json.Marshal(st)
		if err != nil {
			return err
		}
		policy, err := json.Marshal(b.policy)
		if err != nil {
			return err
		}
		_, err = w.exec(putBudget, b.name, string(policy), string(state))
		return err
	})
}

// Take takes one request in one transaction. It looks first, so that waiting
// processes do not take the write lock in vain.
func (b *budget) Take(ctx context.Context, prio limit.Priority) (limit.Ticket, error) {
	if err := b.Check(ctx, prio, 0); err != nil {
		return nil, err
	}
	var seq uint64
	var denied *limit.Denied
	err := b.change(ctx, func(now time.Time, st *limit.State) bool {
		seq, denied = st.Take(now, b.policy, prio, b.store.opts.TicketLife)
		if denied != nil {
			return b.want(now, st, prio, denied)
		}
		return true
	})
	if err != nil {
		return nil, b.fail(ctx, err)
	}
	if denied != nil {
		return nil, denied
	}
	return &ticket{budget: b, seq: seq}, nil
}

// Check reads the state, and writes when it has to note that an interactive
// caller waits.
func (b *budget) Check(ctx context.Context, prio limit.Priority, ahead int) error {
	st, err := b.load(ctx)
	if err != nil {
		return b.fail(ctx, err)
	}
	probe := *st
	probe.Open = append([]limit.OpenState(nil), st.Open...)
	denied := probe.Check(b.store.now(), b.policy, prio, ahead)
	if denied == nil {
		return nil
	}
	if waits(ctx, denied) && b.want(b.store.now(), &probe, prio, denied) {
		err := b.change(ctx, func(now time.Time, st *limit.State) bool { return b.want(now, st, prio, denied) })
		if err = b.fail(ctx, err); err != nil {
			return err
		}
	}
	return denied
}

// waits reports whether a caller with this deadline will wait.
func waits(ctx context.Context, d *limit.Denied) bool {
	end, ok := ctx.Deadline()
	return !ok || !time.Now().Add(d.Retry).After(end)
}

// want notes in the state that an interactive caller waits, and reports
// whether that is new.
func (b *budget) want(now time.Time, st *limit.State, prio limit.Priority, d *limit.Denied) bool {
	if prio != limit.Interactive || d.Reason != limit.Budget {
		return false
	}
	until := now.Add(d.Retry + b.spread)
	if st.Wanted >= until.UnixNano() {
		return false
	}
	// Some more, so that it need not be written again at once.
	st.Want(now, b.policy, until.Add(time.Second))
	return true
}

// Status tells what is left.
func (b *budget) Status(ctx context.Context) (limit.Status, error) {
	if l := b.fallback(); l != nil {
		return l.Status(ctx)
	}
	st, err := b.load(ctx)
	if err != nil {
		return limit.Status{}, err
	}
	probe := *st
	probe.Open = append([]limit.OpenState(nil), st.Open...)
	return probe.Status(b.store.now(), b.policy), nil
}

type ticket struct {
	budget *budget
	seq    uint64
}

// settleTime bounds the wait of Done for the database. The ticket ends by
// itself when it could not be settled.
const settleTime = 5 * time.Second

func (t *ticket) Done(o limit.Outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	b := t.budget
	err := b.change(ctx, func(now time.Time, st *limit.State) bool {
		st.Done(now, b.policy, t.seq, o)
		return true
	})
	if err != nil {
		b.store.warn("settle", "The outcome of a request could not be noted; it counts as sent.", "source", b.name, "error", err)
	}
}

// BudgetStatus is what is left of one source's budget.
type BudgetStatus struct {
	Source string       `json:"source"`
	Policy limit.Policy `json:"-"` // as its last user had it
	limit.Status
}

// Budgets lists the budgets that were ever used, by name.
func (s *Store) Budgets(ctx context.Context) ([]BudgetStatus, error) {
	var list []BudgetStatus
	err := s.read(ctx, "list budgets", func(h *handle) error {
		list = nil
		rows, err := h.query(ctx, "select source, policy, state from budgets order by source")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var b BudgetStatus
			var policy, state string
			var st limit.State
			if err := rows.Scan(&b.Source, &policy, &state); err != nil {
				return err
			}
			if err := errors.Join(json.Unmarshal([]byte(policy), &b.Policy), json.Unmarshal([]byte(state), &st)); err != nil {
				return fmt.Errorf("budget of %s: %w", b.Source, err)
			}
			b.Status = st.Status(s.now(), b.Policy)
			list = append(list, b)
		}
		return rows.Err()
	})
	return list, err
}
