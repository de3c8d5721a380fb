package gateway_test

import (
	"bytes"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"penstock/loop/looptest"
	"penstock/upstream/stream"
)

// keptSeeds failed once.
var keptSeeds = []uint64{2806, 5247, 1795473969575363316, 1795473978165301103}

// demandingSeeds are so many that each thing which can be drawn has to be among them.
const demandingSeeds = 5000

func sortStrings[S ~[]E, E ~string](s S) { slices.Sort(s) }

func TestSimulationGateway(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // schedules make garbage and keep nothing
	all := &total{coverage: *newCoverage()}
	looptest.Seeds(t, usualSeeds, keptSeeds, func(run *looptest.Run) error {
		r, users := schedule(run)
		err := r.simulate(users)
		if run.Trim == 0 {
			all.take(r.seen, r.w.Steps)
		}
		return err
	})
	if looptest.Replaying() {
		return
	}
	all.log(t)
	if !t.Failed() && all.schedules >= demandingSeeds {
		all.demand(t)
	}
}

// The parts of a schedule that can be left out: clients by their number from 0 on, and these.
const (
	partOperator = 32 + iota // what the operator does
	partLines                // faults of connections to providers
	partFates                // faults of requests at providers
	partDials                // faults of dials
	partHabits               // what clients do besides asking
	partSlow                 // slow and narrow links
	partEarly                // answers to half a request
	partBad                  // requests that the gateway refuses
)

// schedule draws a gateway, its providers, its clients and its operator from a seed.
func schedule(run *looptest.Run) (*rig, []*user) {
	rng := looptest.NewRNG(run.Seed ^ 0xABCD)
	calm := rng.Chance(25)
	r := newRig(run.Seed, draws(rng))
	r.w.Trace = run.Trace
	r.seen = newCoverage()
	r.calm, r.timed = calm, rng.Chance(70)
	if calm {
		r.pol.RequestsPerLoop, r.pol.MemoryPerLoop = 0, 0
	}
	chance := rng.Intn(40)
	r.lines = func() bool { return !run.Without(partLines) && r.w.RNG.Chance(chance) }
	r.earlies = !run.Without(partEarly)
	if run.Without(partFates) {
		r.fateOf = func(*ask) fate { return fateWell }
	}
	for _, name := range providers {
		t := r.d.targets[name]
		t.link = func() looptest.Link {
			if run.Without(partSlow) {
				return looptest.Link{}
			}
			l := r.link(r.w.RNG)
			if l.Split == looptest.SplitBytes && (calm || r.w.RNG.Chance(70)) {
				l.Split = looptest.SplitRandom
			}
			r.crumbs = r.crumbs || l.Split == looptest.SplitBytes
			return l
		}
		if !calm && !run.Without(partDials) {
			t.dial = func() (time.Duration, stream.Kind) { return r.drawDial(name) }
		}
	}
	var users []*user
	for i := range rng.Between(1, 8) {
		own := looptest.NewRNG(rng.Uint64())
		if run.Without(i) {
			continue
		}
		users = append(users, r.drawUser(run, own, uint32(i)))
	}
	for i := range actions {
		a := &actions[i]
		if at := rng.Duration(0, 2*time.Second); rng.Chance(a.chance) && (a.calm || !calm) && !run.Without(partOperator) {
			r.w.After(at, func() {
				r.count("operator " + a.name)
				r.trace("the operator %s", a.name)
				a.do(r)
			})
		}
	}
	return r, users
}

// link draws a connection; where all has to go well it is not so narrow that a timer ends what is on it.
func (r *rig) link(rng *looptest.RNG) looptest.Link {
	l := looptest.DrawLink(rng)
	if r.calm {
		l.BufferBytes, l.MaxDelay = max(l.BufferBytes, 8<<10), min(l.MaxDelay, time.Millisecond)
	}
	return l
}

// drawUser draws a client, the number of which is i, from a generator of its own: clients may be left out without changing the others.
func (r *rig) drawUser(run *looptest.Run, rng *looptest.RNG, i uint32) *user {
	l := r.link(rng)
	if run.Without(partSlow) {
		l = looptest.Link{}
	}
	var qs []*request
	for n := range uint32(rng.Between(1, 6)) {
		size := byte('s')
		switch {
		case l.Split == looptest.SplitBytes || l.BufferBytes < 1024:
		case rng.Chance(1):
			size = 'H'
		case rng.Chance(8):
			size = 'B'
		}
		k := r.drawKind(rng, l.Split == looptest.SplitBytes, run.Without(partBad))
		model := []string{"m-alpha", "m-beta", "both", "both"}[rng.Intn(4)]
		if !r.calm && rng.Chance(5) {
			model = "m-gamma"
		}
		q := newRequest(k, model, makeToken(size, uint32(rng.Intn(1000))<<12|i<<4|n))
		if i%3 == 2 {
			q.wire = bytes.Replace(q.wire, []byte(goodKey), []byte(otherKey), 1)
		}
		qs = append(qs, q)
	}
	u := newUser(r, l, qs)
	u.rng = rng
	begin := rng.Duration(0, 300*time.Millisecond)
	for h := range habits {
		row := &habits[h]
		if rng.Chance(row.chance) && (row.calm || !r.calm) && !run.Without(partHabits) {
			r.count("client " + row.name)
			r.trace("%s %s", u.e.Label, row.name)
			row.begin(r, u)
		}
	}
	r.w.After(begin, u.begin)
	return u
}

var kindTotal = func() (n int) {
	for _, k := range requestKinds {
		n += k.weight
	}
	return n
}()

func (r *rig) drawKind(rng *looptest.RNG, small, good bool) kind {
	for {
		n := rng.Intn(kindTotal)
		for _, k := range requestKinds {
			if n -= k.weight; n >= 0 {
				continue
			}
			if small && k.large || good && k.op == "" {
				break
			}
			return k
		}
	}
}

// simulate runs the clients to their end and checks what has to hold.
func (r *rig) simulate(users []*user) error {
	all := func() bool {
		if len(r.bad) > 0 {
			return true
		}
		for _, u := range users {
			if !u.done() && u.answers < len(u.requests) {
				return false
			}
		}
		return true
	}
	if !r.w.Run(4*time.Minute, all) {
		for i, u := range users {
			if !u.done() && u.answers < len(u.requests) {
				r.fail("client %d has %d answers to %d requests after four minutes (%s)", i, u.answers, u.next, u.requests[u.answers].kind.name)
			}
		}
	}
	if err := r.err(); err != nil {
		return err
	}
	for i, u := range users {
		if u.left {
			continue
		}
		if len(u.in) > 0 && u.cur == nil && !u.over {
			r.fail("client %d got more than its answers: %q", i, u.in)
		}
		if r.calm && !u.closing && u.answers < len(u.requests) {
			r.fail("client %d was left with %d answers to %d requests", i, u.answers, len(u.requests))
		}
		u.e.Resume()
		u.e.Close()
		u.left = true
	}
	return r.end()
}
