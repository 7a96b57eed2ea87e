package limit

import (
	"math"
	"time"
)

// Priority tells a search somebody waits for from work in the background.
type Priority uint8

// The priorities. Background callers are only served while no interactive
// caller waits, and leave it half of the burst and a tenth of the day.
const (
	Interactive Priority = iota
	Background
)

const (
	// jitter is how far the clock may seem to run backwards between two calls
	// before that is taken for a step of the clock: longer than a caller can
	// be held up between reading the clock and changing the state.
	jitter = int64(2 * time.Second)
	// maxPause bounds the silence a server may ask for.
	maxPause = int64(24 * time.Hour)
	// maxWanted bounds how long a vanished interactive caller holds up the
	// background.
	maxWanted = int64(10 * time.Minute)
	// maxLife bounds the life of a ticket that is not given back.
	maxLife = int64(time.Hour)
	// probeWait is when to look again for the outcome of another's probe.
	probeWait = int64(time.Second)
	maxPeriod = int64(400 * 24 * time.Hour)
	day       = int64(24 * time.Hour)
)

// State is the budget of one source: what was sent, what is under way and how
// the source fares. It holds no locks and reads no clock, so that it can be
// kept anywhere; its zero value is a budget nobody has used. All its times are
// nanoseconds since the Unix epoch. It is not safe for concurrent use.
//
// # The bound
//
// With T = 1/Rate and B = Burst, no window of w seconds in which the server
// receives requests has more than w/T+B of them. When the server receives a
// request is not known exactly: after it was granted and no later than the
// Seen of its outcome. So a request under way holds one request of the burst,
// and is charged when its outcome is known, at Seen:
//
//	Take at t is allowed when  max(TAT, t) + m*T <= t + (B-1)*T
//	Done sets                  TAT = max(TAT, Seen) + T
//
// where m is the number of requests under way. TAT is the theoretical arrival
// time of the generic cell rate algorithm (ITU-T I.371).
//
// Proof. For every x, TAT >= x + T*(number of charges with Seen >= x): a charge
// with Seen >= x raises TAT by at least T, and the first of them raises it to at
// least x+T, in whatever order they are made. Now let the server receive the
// set S in the window [x, y]; let n be the request of S that was granted last,
// at t, and of the others let D be those that were charged by then, O those
// under way. Each of D was received at or after x, so its Seen is not before x
// and TAT >= x + T*|D|. n was granted, so x + T*|D| + T*|O| <= t + (B-1)*T, which
// is |S| = |D|+|O|+1 <= (t-x)/T + B. As n was received at or after t and within
// the window, t <= y, and |S| <= (y-x)/T + B.
//
// It follows that (TAT-t)+ + m*T never exceeds B*T, so clamping TAT to t+B*T
// changes nothing while the clock is right. When it steps back, all times
// are moved with it: the state's time then still never runs faster than real
// time. A step forward cannot be told from idle time and frees at most one
// burst.
//
// A ticket that is not given back within its life counts as seen at its end.
type State struct {
	Last int64 `json:"last"`          // the latest time the state was used
	TAT  int64 `json:"tat,omitempty"` // when all that was charged has drained away

	Seq  uint64      `json:"seq"`            // of the last ticket
	Open []OpenState `json:"open,omitempty"` // tickets under way, in order of Seq

	Day  int64 `json:"day"`            // days since the epoch, UTC
	Used int   `json:"used,omitempty"` // requests of that day, those under way included

	Pause int64 `json:"pause,omitempty"` // end of the silence the server asked for

	Failures int    `json:"failures,omitempty"`  // consecutive
	Broken   bool   `json:"broken,omitempty"`    // open, and half-open from Until on
	Until    int64  `json:"until,omitempty"`     // end of the cooldown
	BreakSeq uint64 `json:"break_seq,omitempty"` // outcomes up to this ticket are old news

	Wanted int64 `json:"wanted,omitempty"` // until when an interactive caller waits
}

// OpenState is one ticket under way.
type OpenState struct {
	Seq   uint64 `json:"s"`
	At    int64  `json:"a"`           // when it was granted
	Ends  int64  `json:"e"`           // end of its life
	Probe bool   `json:"p,omitempty"` // the one request of a half-open breaker
}

// Take takes one request at now, for at most life, and returns the sequence
// number of its ticket, which goes to Done; or why not and when to ask again.
// Retry is then the earliest moment possible; requests that stay under way may
// make it later.
func (s *State) Take(now time.Time, p Policy, prio Priority, life time.Duration) (seq uint64, denied *Denied) {
	t := s.sync(now, p)
	if d := s.check(t, p, prio, 0); d != nil {
		return 0, d
	}
	s.Seq++
	s.Used++
	s.Open = append(s.Open, OpenState{
		Seq: s.Seq, At: t, Ends: t + min(max(int64(life), 1), maxLife), Probe: s.Broken,
	})
	if prio == Interactive {
		s.Wanted = 0
	}
	return s.Seq, nil
}

// Check says whether a request could be taken when ahead others were taken
// before it; nil means yes.
func (s *State) Check(now time.Time, p Policy, prio Priority, ahead int) *Denied {
	return s.check(s.sync(now, p), p, prio, max(ahead, 0))
}

// Want notes that an interactive caller waits until the given time at most.
// The background is not served before, or before the next interactive Take.
func (s *State) Want(now time.Time, p Policy, until time.Time) {
	t := s.sync(now, p)
	s.Wanted = max(s.Wanted, min(until.UnixNano(), t+maxWanted))
}

// Done settles the ticket seq. An outcome that comes after the ticket's life
// counts once more, which errs on the safe side.
func (s *State) Done(now time.Time, p Policy, seq uint64, o Outcome) {
	t := s.sync(now, p)
	k := OpenState{Seq: seq, At: math.MinInt64}
	for i := range s.Open {
		if s.Open[i].Seq == seq {
			k = s.Open[i]
			s.Open = append(s.Open[:i], s.Open[i+1:]...)
			break
		}
	}
	known := k.Ends != 0
	if o.Seen.IsZero() {
		if known {
			s.Used = max(s.Used-1, 0)
		}
	} else {
		if !known {
			s.Used++
		}
		s.charge(p, min(max(o.Seen.UnixNano(), k.At), t))
	}
	s.judge(t, p, k, o)
	s.clamp(t, p)
}

// Status tells what is left at now.
func (s *State) Status(now time.Time, p Policy) Status {
	t := s.sync(now, p)
	st := Status{Available: math.MaxInt32, DailyLeft: -1, Breaker: "closed", Failures: s.Failures}
	st.Next, st.Full = time.Unix(0, t).UTC(), time.Unix(0, t).UTC()
	if period := p.period(); period > 0 {
		full := p.refill()
		load := s.load(t, period, 0)
		st.Available = int(max(full-load, 0) / period)
		st.Full = st.Full.Add(time.Duration(load))
	}
	if p.Daily > 0 {
		st.DailyLeft = max(p.Daily-s.Used, 0)
		st.Available = min(st.Available, st.DailyLeft)
	}
	if s.Broken {
		st.Breaker = "half-open"
		st.Available = min(st.Available, 1)
		if s.Until > t {
			st.Breaker = "open"
		}
	}
	if d := s.check(t, p, Interactive, 0); d != nil {
		st.Available = 0
		st.Next = st.Next.Add(d.Retry)
	}
	if end := max(s.Pause, s.Until); end > t && (s.Broken || s.Pause > t) {
		st.Until = time.Unix(0, end).UTC()
	}
	return st
}

// check is Check at the state's own time t. Of several reasons it gives the
// one that lasts longest.
func (s *State) check(t int64, p Policy, prio Priority, ahead int) *Denied {
	var wait int64
	var why Reason
	deny := func(r Reason, until int64) {
		if until > t && until-t > wait {
			wait, why = until-t, r
		}
	}
	if s.Broken {
		deny(Open, s.Until)
		if s.Until <= t && (ahead > 0 || s.probing()) {
			deny(Open, t+probeWait)
		}
	}
	deny(Paused, s.Pause)
	spareBurst, spareDay := 0, 0
	if prio == Background {
		spareBurst, spareDay = p.burst()/2, p.Daily/10
		deny(Budget, s.Wanted)
	}
	if p.Daily > 0 && s.Used+ahead >= p.Daily-spareDay {
		deny(Daily, (s.Day+1)*day)
	}
	if period := p.period(); period > 0 {
		deny(Budget, t+s.load(t, period, ahead)-times(period, p.burst()-1-spareBurst))
	}
	if wait == 0 {
		return nil
	}
	return &Denied{Reason: why, Retry: time.Duration(wait)}
}

// load is how long it would take until the whole burst is there again, if all
// that is under way and more requests had arrived at t.
func (s *State) load(t, period int64, more int) int64 {
	return max(s.TAT, t) - t + times(period, len(s.Open)+more)
}

func (s *State) probing() bool {
	for i := range s.Open {
		if s.Open[i].Probe {
			return true
		}
	}
	return false
}

// charge books a request that a server has received at seen at the latest.
func (s *State) charge(p Policy, seen int64) {
	if dayOf(seen) < s.Day {
		s.Used = max(s.Used-1, 0) // under way at midnight, but of the day before
	}
	if period := p.period(); period > 0 {
		s.TAT = max(s.TAT, seen) + period
	}
}

// judge draws the conclusions about the server's health.
func (s *State) judge(t int64, p Policy, k OpenState, o Outcome) {
	if !o.Until.IsZero() {
		s.Pause = max(s.Pause, min(o.Until.UnixNano(), t+maxPause))
	} else if o.Verdict == Throttled {
		pause := min(max(p.period(), int64(time.Second)), int64(time.Minute))
		s.Pause = max(s.Pause, t+pause)
	}
	switch {
	case o.Verdict == Neutral, s.Broken && !k.Probe, !s.Broken && k.Seq <= s.BreakSeq:
		return // says nothing, or nothing new
	case o.Verdict != Failing: // a server that throttles is there
		if s.Broken {
			s.Broken, s.Until, s.BreakSeq = false, 0, s.Seq
		}
		s.Failures = 0
	default:
		s.Failures++
		if s.Broken || p.BreakAfter > 0 && s.Failures >= p.BreakAfter {
			s.Broken, s.Until, s.BreakSeq = true, t+int64(p.Cooldown), s.Seq
		}
	}
}

// sync brings the state to now and returns the state's own time.
func (s *State) sync(now time.Time, p Policy) int64 {
	t := now.UnixNano()
	if back := s.Last - t; back > 0 && s.Last != 0 {
		if back <= jitter {
			t = s.Last
		} else {
			s.shift(back)
		}
	}
	s.Last = t
	s.clamp(t, p)
	switch today := dayOf(t); {
	case today > s.Day:
		s.Day, s.Used = today, len(s.Open) // what is under way may arrive today
	case today < s.Day:
		s.Day = today
	}
	if p.BreakAfter <= 0 && s.Broken {
		s.Broken, s.Until, s.Failures, s.BreakSeq = false, 0, 0, s.Seq
	}
	open := s.Open[:0]
	for _, k := range s.Open {
		if k.Ends > t {
			open = append(open, k)
			continue
		}
		s.charge(p, k.Ends)
	}
	s.Open = open
	return t
}

// shift moves all times back, as the clock was.
func (s *State) shift(back int64) {
	for _, v := range []*int64{&s.TAT, &s.Pause, &s.Until, &s.Wanted} {
		if *v != 0 {
			*v = less(*v, back)
		}
	}
	for i := range s.Open {
		s.Open[i].At = less(s.Open[i].At, back)
		s.Open[i].Ends = less(s.Open[i].Ends, back)
	}
}

// clamp makes impossible values possible: nothing lasts longer than it can.
func (s *State) clamp(t int64, p Policy) {
	s.TAT = min(s.TAT, t+p.refill())
	s.Pause = min(s.Pause, t+maxPause)
	s.Until = min(s.Until, t+max(int64(p.Cooldown), 0))
	s.Wanted = min(s.Wanted, t+maxWanted)
	s.Used = max(s.Used, 0)
	for i := range s.Open {
		k := &s.Open[i]
		k.At, k.Ends = min(k.At, t), min(k.Ends, t+maxLife)
	}
}
