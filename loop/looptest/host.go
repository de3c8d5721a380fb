package looptest

import (
	"fmt"
	"time"

	"penstock/loop"
)

// Host is one loop of a world. It is the loop's Backend.
type Host struct {
	Loop *loop.Loop
	Lag  time.Duration // how long the last event of each batch is said to have waited

	w     *World
	ends  []*End // of open connections
	inUse bool   // within a batch
}

var _ loop.Backend = (*Host)(nil)

// NewHost adds a loop to the world. A panic in a callback is a panic of the test, unless o says otherwise.
func (w *World) NewHost(o loop.Options) *Host {
	h := &Host{w: w}
	if o.OnPanic == nil {
		o.OnPanic = func(where string, reason any, stack []byte) {
			panic(fmt.Sprintf("looptest: panic in a %s callback (seed %d): %v\n%s", where, w.Seed, reason, stack))
		}
	}
	h.Loop = loop.New(len(w.hosts), h, w.now, wallStart+w.now, o)
	w.hosts = append(w.hosts, h)
	return h
}

// Do has f called on the loop, in a batch of its own or with others, d from now.
func (h *Host) Do(d time.Duration, f func()) { h.w.post(event{what: call, host: h, run: f}, d) }

// Attach makes e a connection of the loop, whose handler is what accept returns. It may be called within a batch only (see Do).
func (h *Host) Attach(e *End, accept func(*loop.Conn) loop.Handler) *loop.Conn {
	if !h.inUse {
		panic("looptest: Attach outside of a batch")
	}
	e.host = h
	e.conn = h.Loop.Adopt(-1, e, nil)
	h.ends = append(h.ends, e)
	e.conn.SetHandler(accept(e.conn))
	e.arriveIn(0)
	return e.conn
}

func (h *Host) enter() {
	h.inUse = true
	h.Loop.Enter(h.w.now)
}

func (h *Host) leave(events int) {
	h.Loop.Tick()
	h.Loop.Leave()
	if events > 0 {
		h.Loop.CountBatch(events, 0, int64(h.Lag))
	}
	h.inUse = false
}

// deadline is when the loop has to run without an event, -1 for never.
func (h *Host) deadline() int64 {
	if h.Loop.MailWaiting() {
		return h.w.now
	}
	return h.Loop.NextDeadline()
}

// Write implements loop.Backend.
func (h *Host) Write(c *loop.Conn, b []byte) (int, error) {
	e := c.Aux.(*End)
	if e.spoil == nil {
		return e.put(b)
	}
	_, err := e.put(e.spoil(b))
	return len(b), err
}

// Unacked implements loop.Backend: what the far end has not read counts as not acknowledged.
func (h *Host) Unacked(c *loop.Conn) int { return c.Aux.(*End).unread() }

// ShutdownWrite implements loop.Backend.
func (h *Host) ShutdownWrite(c *loop.Conn) { c.Aux.(*End).shutdown() }

// Reread implements loop.Backend.
func (h *Host) Reread(c *loop.Conn) { c.Aux.(*End).arriveIn(0) }

// Release implements loop.Backend.
func (h *Host) Release(c *loop.Conn, reset bool) {
	e := c.Aux.(*End)
	for i, x := range h.ends {
		if x == e {
			h.ends = append(h.ends[:i], h.ends[i+1:]...)
			break
		}
	}
	e.release(reset)
}

// Wake implements loop.Backend: the world looks at the mailbox before each step.
func (h *Host) Wake() {}

// Leaks says what the loop still holds beyond what is allowed: connections, more than timers armed timers, lent memory. It
// returns nil where there is nothing.
func (h *Host) Leaks(timers int) error {
	s := h.Loop.Stats()
	if s.Conns != 0 || s.Timers > timers || s.Slabs.LentBytes != 0 || len(h.ends) != 0 {
		return fmt.Errorf("loop %d still holds %d connections (%d on the network), %d timers (%d allowed), %d bytes of slabs",
			h.Loop.ID(), s.Conns, len(h.ends), s.Timers, timers, s.Slabs.LentBytes)
	}
	return nil
}
