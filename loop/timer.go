package loop

import (
	"math/bits"
	"time"
)

// Firer is what a timer belongs to.
type Firer interface {
	// OnTimer is called on the loop when t is due; t is not armed any more and may be armed again.
	OnTimer(t *Timer)
}

// Timer is a cancellable timer that lives inside the thing it belongs to, so arming it allocates nothing.
type Timer struct {
	next, prev *Timer
	owner      Firer
	tick       int64 // when it is due, in ticks
	slot       int32 // level<<8 | index, -1 when not armed
}

// Init ties the timer to its owner; it must be called once before Arm.
func (t *Timer) Init(owner Firer) { t.owner, t.slot = owner, -1 }

// Armed says whether the timer is waiting.
func (t *Timer) Armed() bool { return t.owner != nil && t.slot >= 0 }

const (
	tickShift  = 20 // a tick is 2^20 ns, about 1.05 ms
	wheelBits  = 8
	wheelSlots = 1 << wheelBits
	wheelMask  = wheelSlots - 1
	levels     = 4 // 2^32 ticks: 52 days
)

// wheel is a hierarchical timer wheel: arm and disarm are O(1); each timer is moved at most levels times.
type wheel struct {
	tick  int64 // everything due at or before it has fired
	count int
	heads [levels][wheelSlots]*Timer
	used  [levels][wheelSlots / 64]uint64
}

func (w *wheel) place(t *Timer) {
	due := t.tick
	if due <= w.tick {
		due = w.tick + 1
	}
	level := 0
	for d := due - w.tick; d >= wheelSlots && level < levels-1; d >>= wheelBits {
		level++
	}
	if limit := w.tick + 1<<(wheelBits*levels) - 1; due > limit {
		due = limit
	}
	i := int(due>>(wheelBits*level)) & wheelMask
	t.slot = int32(level<<wheelBits | i)
	h := w.heads[level][i]
	t.prev, t.next = nil, h
	if h != nil {
		h.prev = t
	}
	w.heads[level][i] = t
	w.used[level][i/64] |= 1 << (i % 64)
}

func (w *wheel) unlink(t *Timer) {
	level, i := int(t.slot)>>wheelBits, int(t.slot)&wheelMask
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.heads[level][i] = t.next
		if t.next == nil {
			w.used[level][i/64] &^= 1 << (i % 64)
		}
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.slot = nil, nil, -1
}

// nextUsed returns the distance from slot from (exclusive) to the next used slot of a level, 1…wheelSlots, or 0 for none.
func (w *wheel) nextUsed(level, from int) int {
	for d := 1; d <= wheelSlots; {
		i := (from + d) & wheelMask
		word := w.used[level][i/64] >> (i % 64)
		if word != 0 {
			if d += bits.TrailingZeros64(word); d <= wheelSlots {
				return d
			}
			return 0
		}
		d += 64 - i%64
	}
	return 0
}

// nextTick returns the tick at which something has to be done (a timer fires or a coarser slot is spread), or -1.
func (w *wheel) nextTick() int64 {
	if w.count == 0 {
		return -1
	}
	best := int64(-1)
	for level := range levels {
		shift := wheelBits * level
		at := w.tick >> shift
		if d := w.nextUsed(level, int(at)&wheelMask); d > 0 {
			if t := (at + int64(d)) << shift; best < 0 || t < best {
				best = t
			}
		}
	}
	return best
}

// advance fires everything due at or before to. Timers armed by a callback wait for a later tick.
func (w *wheel) advance(to int64, fire func(*Timer)) {
	for w.tick < to {
		n := w.nextTick()
		if n < 0 || n > to {
			w.tick = to
			return
		}
		w.tick = n
		for level := levels - 1; level > 0; level-- {
			shift := wheelBits * level
			if n&(1<<shift-1) != 0 {
				continue
			}
			i := int(n>>shift) & wheelMask
			for t := w.heads[level][i]; t != nil; t = w.heads[level][i] {
				w.unlink(t)
				if t.tick <= n {
					// Due right at the boundary: put it where this very tick looks.
					w.placeAt(t, int(n)&wheelMask)
				} else {
					w.place(t)
				}
			}
		}
		i := int(n) & wheelMask
		for t := w.heads[0][i]; t != nil; t = w.heads[0][i] {
			w.unlink(t)
			w.count--
			fire(t)
		}
	}
}

func (w *wheel) placeAt(t *Timer, i int) {
	t.slot = int32(i)
	h := w.heads[0][i]
	t.prev, t.next = nil, h
	if h != nil {
		h.prev = t
	}
	w.heads[0][i] = t
	w.used[0][i/64] |= 1 << (i % 64)
}

// Arm sets t to fire once, d from now (rounded up to the next tick of about a millisecond), whatever it was set to before.
func (l *Loop) Arm(t *Timer, d time.Duration) {
	if t.slot >= 0 {
		l.wheel.unlink(t)
		l.wheel.count--
	}
	t.tick = (l.now + int64(d) + 1<<tickShift - 1) >> tickShift
	l.wheel.place(t)
	l.wheel.count++
}

// Disarm stops t; it is a no-op where t is not armed.
func (l *Loop) Disarm(t *Timer) {
	if t.slot >= 0 && t.owner != nil {
		l.wheel.unlink(t)
		l.wheel.count--
	}
}

// NextDeadline is the time (as Now counts) at which the loop has to look at its timers again, or -1 when none is armed.
func (l *Loop) NextDeadline() int64 {
	n := l.wheel.nextTick()
	if n < 0 {
		return -1
	}
	return n << tickShift
}

// Timers is the number of armed timers.
func (l *Loop) Timers() int { return l.wheel.count }
