package limit

import (
	"math"
	"time"
)

// period is the time between two requests in the long run, 0 when unlimited.
func (p Policy) period() int64 {
	if !(p.Rate > 0) || math.IsInf(p.Rate, 1) {
		return 0
	}
	return int64(min(math.Ceil(float64(time.Second)/p.Rate), float64(maxPeriod)))
}

func (p Policy) burst() int { return max(p.Burst, 1) }

// refill is how long an empty budget takes to be full again.
func (p Policy) refill() int64 { return times(p.period(), p.burst()) }

// times is period*n, at most a value that can be added to a time.
func times(period int64, n int) int64 {
	const most = math.MaxInt64 / 4
	if n > 0 && period > most/int64(n) {
		return most
	}
	return period * int64(n)
}

// less is v-back, without wrapping around.
func less(v, back int64) int64 {
	if v < math.MinInt64+back {
		return math.MinInt64
	}
	return v - back
}

// dayOf is the UTC day of a time.
func dayOf(t int64) int64 {
	d := t / day
	if t%day < 0 {
		d--
	}
	return d
}

// UsedUp is the state of a budget whose burst was used up at now: the careful
// guess where the state is not known.
func UsedUp(now time.Time, p Policy) State {
	t := now.UnixNano()
	return State{Last: t, TAT: t + p.refill(), Day: dayOf(t)}
}
