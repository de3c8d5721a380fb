package gateway

import "penstock/server/observe"

// admission decides which requests a loop takes on when it has too much to do. It counts what is in flight for each key and knows how
// long events have to wait. Refusing costs about half of serving a small request, so it pays only while work takes long elsewhere: what
// the loop itself cannot keep up with is left to wait in the kernel, where it costs nothing.
type admission struct {
	open   int   // requests in flight that were admitted
	keys   []int // of those, by slot
	active int   // slots that have some, or had lately

	// What each slot had at most, within its share, in this period and in the one before.
	peaks, before []int
	periodAt      int64 // when this period began, ns
	kept          int   // places that slots had lately and may come back for: the sum of missing

	lagging int64   // since when events have waited for too long, ns; 0: they do not
	shed    float64 // part of the requests to be refused for that
	debt    float64 // of refusals
}

// slot is where requests of a key are counted; those without a key share one.
func (a *admission) slot(keyIndex int) int {
	s := keyIndex + 1
	for len(a.keys) <= s {
		a.keys, a.peaks, a.before = append(a.keys, 0), append(a.peaks, 0), append(a.before, 0)
	}
	return s
}

// demand is how many places the slot has or had lately.
func (a *admission) demand(slot int) int { return max(a.keys[slot], a.peaks[slot], a.before[slot]) }

// missing is how many of them it does not have now.
func (a *admission) missing(slot int) int { return a.demand(slot) - a.keys[slot] }

// move changes what is in flight for the slot and what it had at most, and keeps the sums.
func (a *admission) move(slot, by, peak int) {
	demand, missing := a.demand(slot), a.missing(slot)
	a.keys[slot] += by
	a.open += by
	a.peaks[slot] = max(a.peaks[slot], peak)
	a.kept += a.missing(slot) - missing
	switch now := a.demand(slot); {
	case demand == 0 && now > 0:
		a.active++
	case demand > 0 && now == 0:
		a.active--
	}
}

// tick begins a new period once the last one is over.
func (a *admission) tick(now int64) {
	if now-a.periodAt < int64(demandPeriod) {
		return
	}
	a.periodAt, a.active, a.kept = now, 0, 0
	a.peaks, a.before = a.before, a.peaks
	for s := range a.keys {
		a.peaks[s] = 0
		if a.demand(s) > 0 {
			a.active++
		}
		a.kept += a.missing(s)
	}
}

// overShare says whether one more request would give the slot more than an equal part of n.
func (a *admission) overShare(slot, n int) bool {
	active := a.active
	if a.demand(slot) == 0 {
		active++
	}
	return (a.keys[slot]+1)*active > n
}

// full says whether the bound refuses a request of the slot. One with less than its equal share may go beyond the bound by an eighth
// of it, and one with more leaves free what others had lately: otherwise a key that fills the bound takes every place that another
// one leaves between two of its requests.
func (a *admission) full(slot, bound int) bool {
	switch {
	case bound == 0:
		return false
	case a.overShare(slot, bound):
		return a.open+a.kept-a.missing(slot) >= bound
	case a.open < bound+max(bound/reservePart, 1):
		return false
	}
	a.move(slot, 0, a.keys[slot]+1)
	return true
}

// late says whether a request of the slot is refused because the loop is behind. Keys that have more than their share are refused first.
func (a *admission) late(slot int) bool {
	if a.shed == 0 {
		return false
	}
	if a.debt = min(a.debt+a.shed, shedDebt); a.debt < 1 || !a.overShare(slot, a.open) {
		return false
	}
	a.debt--
	return true
}

// enter and leave count a request that was admitted.
func (a *admission) enter(slot, bound int) {
	peak := 0
	if !a.overShare(slot, bound) {
		peak = a.keys[slot] + 1
	}
	a.move(slot, 1, peak)
}

func (a *admission) leave(slot int) { a.move(slot, -1, 0) }

// lag takes how long the last event of a batch had waited, and moves the part to be refused: up while events wait for too long, down as
// soon as they do not.
func (a *admission) lag(now, ns int64) {
	if ns <= int64(lagLimit) {
		if a.lagging = 0; a.shed > 0 {
			a.shed = max(a.shed-shedStep, 0)
		}
		return
	}
	if a.lagging == 0 {
		a.lagging = now
	}
	if now-a.lagging >= int64(lagPatience) {
		a.lagging = now
		a.shed = min(a.shed+shedStep, shedLimit)
	}
}

// admit takes a request on, or refuses it.
func (ex *exchange) admit() bool {
	a, p := &ex.g.admission, ex.policy
	a.tick(ex.g.loop.Now())
	slot := a.slot(p.keyIndex(ex.key))
	why := ""
	switch {
	case a.full(slot, p.RequestsPerLoop):
		why = "the gateway has as many requests in flight as it may have; try again"
	case p.MemoryPerLoop > 0 && ex.g.loop.Slabs.Stats().LentBytes > p.MemoryPerLoop:
		why = "the requests in flight hold as much memory as they may; try again"
	case a.late(slot):
		why = "the gateway is behind with its work; try again"
	default:
		a.enter(slot, p.RequestsPerLoop)
		ex.slot = slot + 1
		return true
	}
	ex.overload(why)
	return false
}

func (ex *exchange) overload(why string) {
	ex.refuse(observe.RefusedOverload, fault{status: 503, typ: overloadedType(ex.api), code: "overloaded", message: why})
}
