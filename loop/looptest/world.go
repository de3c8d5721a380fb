package looptest

import (
	"time"
)

// World is one simulation: a queue of events in the order of virtual time, and the loops and connections that live in it.
type World struct {
	Seed uint64
	// RNG decides everything that is left open. A test draws its own plans from it as well.
	RNG *RNG
	// Steps counts events and timer runs.
	Steps int
	// OnStep, where set, is called after each step, when no loop is within a batch: what has to hold at any time is checked there.
	OnStep func()
	// Trace, where set, is told in one line each what the network and the loops do.
	Trace func(format string, args ...any)

	now    int64
	events []event // a heap
	count  uint64
	hosts  []*Host
	batch  int // events that a poll batch gathers at most, drawn per batch from 1 to this
}

type what uint8

const (
	arrival what = iota // bytes, an end of file or a reset come to end
	room                // end may write again
	call                // run is called, in a batch of host where there is one
)

// event is one thing that happens. Among those of one instant tie decides, which is drawn from the seed.
type event struct {
	at    int64
	tie   uint64
	order uint64
	what  what
	end   *End
	host  *Host
	run   func()
}

// NewWorld returns a world in which nothing has happened yet.
func NewWorld(seed uint64) *World {
	return &World{Seed: seed, RNG: NewRNG(seed), now: monoStart, batch: batchEvents}
}

// Elapsed is the virtual time since the world began.
func (w *World) Elapsed() time.Duration { return time.Duration(w.now - monoStart) }

// Now is the virtual time, in ns of a monotonic clock.
func (w *World) Now() int64 { return w.now }

// After has f called d from now, on no loop.
func (w *World) After(d time.Duration, f func()) { w.post(event{what: call, run: f}, d) }

func (w *World) post(e event, d time.Duration) {
	e.at = w.now + int64(max(d, 0))
	e.tie = w.RNG.Uint64()
	e.order = w.count
	w.count++
	w.events = append(w.events, e)
	i := len(w.events) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !w.before(i, parent) {
			break
		}
		w.events[i], w.events[parent] = w.events[parent], w.events[i]
		i = parent
	}
}

func (w *World) before(i, j int) bool {
	a, b := &w.events[i], &w.events[j]
	if a.at != b.at {
		return a.at < b.at
	}
	if a.tie != b.tie {
		return a.tie < b.tie
	}
	return a.order < b.order
}

func (w *World) pop() event {
	e := w.events[0]
	n := len(w.events) - 1
	w.events[0] = w.events[n]
	w.events[n] = event{}
	w.events = w.events[:n]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < n; c++ {
			if w.before(c, least) {
				least = c
			}
		}
		if least == i {
			return e
		}
		w.events[i], w.events[least] = w.events[least], w.events[i]
		i = least
	}
}

// Step lets the next thing happen: one event of a script, or one poll batch of a loop. False means that nothing is left to happen.
func (w *World) Step() bool {
	if !w.step() {
		return false
	}
	if w.OnStep != nil {
		w.OnStep()
	}
	return true
}

func (w *World) step() bool {
	at, host := int64(-1), (*Host)(nil)
	if len(w.events) > 0 {
		at = w.events[0].at
	}
	for _, h := range w.hosts {
		if d := h.deadline(); d >= 0 && (at < 0 || d < at) {
			at, host = d, h
		}
	}
	if at < 0 {
		return false
	}
	w.now = max(w.now, at)
	w.Steps++
	if host != nil {
		host.enter()
		host.leave(0)
		return true
	}
	e := w.pop()
	h := e.loop()
	if h == nil {
		w.happen(&e)
		return true
	}
	h.enter()
	n := 1
	w.happen(&e)
	for most := w.RNG.Between(1, w.batch); n < most && len(w.events) > 0 && w.events[0].at <= w.now && w.events[0].loop() == h; n++ {
		e = w.pop()
		w.happen(&e)
	}
	h.leave(n)
	return true
}

// loop is the host in whose batch the event belongs, nil for a script.
func (e *event) loop() *Host {
	if e.end != nil {
		return e.end.host
	}
	return e.host
}

func (w *World) happen(e *event) {
	switch e.what {
	case arrival:
		e.end.arrive()
	case room:
		e.end.hasRoom()
	case call:
		e.run()
	}
}

// Run lets things happen until done says so, and returns whether it did before limit had passed and events ran out.
func (w *World) Run(limit time.Duration, done func() bool) bool {
	end := w.now + int64(limit)
	for !done() {
		if w.next() > end || !w.Step() {
			return done()
		}
	}
	return true
}

// Pass lets everything happen that happens within d, and sets the clock to its end.
func (w *World) Pass(d time.Duration) {
	end := w.now + int64(d)
	for {
		at := w.next()
		if at < 0 || at > end {
			break
		}
		w.Step()
	}
	w.now = max(w.now, end)
}

// next is when something happens next, -1 for never.
func (w *World) next() int64 {
	at := int64(-1)
	if len(w.events) > 0 {
		at = w.events[0].at
	}
	for _, h := range w.hosts {
		if d := h.deadline(); d >= 0 && (at < 0 || d < at) {
			at = d
		}
	}
	return at
}
