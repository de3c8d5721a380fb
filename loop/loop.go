package loop

import (
	"io"

	"penstock/pool"
)

// Handler is what a connection belongs to. Its methods are called on the loop's thread, never from within a call on the Conn.
type Handler interface {
	// OnData lends bytes that came in; all of them are taken: what the handler wants to keep it copies.
	OnData(c *Conn, b []byte)
	// OnDrain says that output which the socket had refused for a while has been written.
	OnDrain(c *Conn)
	// OnClose says that the connection is over, whoever ended it: once per connection, and the last call. err is nil where
	// this side closed or the peer closed cleanly.
	OnClose(c *Conn, err error)
}

// InputEnder is a Handler that wants to know at once that the peer has ended its sending, where OnClose has to wait for output that
// the socket has not taken yet.
type InputEnder interface {
	OnInputEnd(c *Conn)
}

// Backend moves the bytes of one loop's connections: gnet's poller on metal, a scripted network in looptest.
type Backend interface {
	// Write takes as many bytes as it can without waiting: n < len(b) with a nil error means that Loop.Writable follows.
	Write(c *Conn, b []byte) (n int, err error)
	// Unacked is how many bytes that Write took the peer has not acknowledged yet, as far as that is known, else 0.
	Unacked(c *Conn) int
	// ShutdownWrite ends the sending direction.
	ShutdownWrite(c *Conn)
	// Reread has Loop.Readable called again for a connection whose reading was paused while bytes may have come.
	Reread(c *Conn)
	// Release closes the socket; reset drops what the kernel has not sent yet.
	Release(c *Conn, reset bool)
	// Wake has the mailbox looked at soon. Safe on every thread.
	Wake()
}

// Deferred is work for the end of the current poll batch.
type Deferred interface{ OnBatchEnd() }

// Loop is one event loop. Every method without the suffix OffLoop belongs to its thread.
type Loop struct {
	id      int
	backend Backend
	now     int64 // ns on a monotonic clock, read once per batch
	epoch   int64 // wall clock at now == 0, Unix ns

	// Slabs serve every connection of the loop.
	Slabs pool.Slabs
	// OnBatch, where set, is told of every poll batch: its events, and how long the last of them had to wait, in ns.
	OnBatch func(events int, lag int64)

	handshakes int // accepted connections in their TLS handshake

	wheel    wheel
	dirty    []*Conn    // have output to flush at the end of the batch
	ended    []*Conn    // are to be told OnClose at the end of the batch
	deferred []Deferred // run at the end of the batch
	mail     mailbox
	conns    int
	stats    Stats
	onPanic  func(where string, reason any, stack []byte)
	fireFn   func(*Timer)
}

// Options of a loop.
type Options struct {
	// OnPanic is told of a panic in a callback after it has been confined; on the loop's thread.
	OnPanic func(where string, reason any, stack []byte)
}

// New makes a loop on a backend; now and wall are the two clocks in ns (monotonic and Unix) at this moment. It is what a
// Backend calls; programs use Start.
func New(id int, b Backend, now, wall int64, o Options) *Loop {
	l := &Loop{id: id, backend: b, now: now, epoch: wall - now, onPanic: o.OnPanic}
	l.wheel.tick = now >> tickShift
	l.fireFn = l.fire
	return l
}

// ID is the loop's number, from 0.
func (l *Loop) ID() int { return l.id }

// Now is the monotonic time in ns, read once per poll batch.
func (l *Loop) Now() int64 { return l.now }

// UnixNano is the wall clock belonging to Now.
func (l *Loop) UnixNano() int64 { return l.epoch + l.now }

// Conns is the number of open connections, upstream ones included.
func (l *Loop) Conns() int { return l.conns }

// Stats returns a copy of the loop's counters.
func (l *Loop) Stats() Stats {
	s := l.stats
	s.Timers, s.Conns, s.Slabs = l.wheel.count, l.conns, l.Slabs.Stats()
	return s
}

// Defer has d.OnBatchEnd called at the end of the current batch, before the flush.
func (l *Loop) Defer(d Deferred) { l.deferred = append(l.deferred, d) }

// Enter begins a poll batch at the given monotonic time. For backends.
func (l *Loop) Enter(now int64) {
	if now > l.now {
		l.now = now
	}
	l.stats.Batches++
}

// Tick runs what is due: timers, then the mailbox. For backends, within a batch.
func (l *Loop) Tick() {
	if l.wheel.count > 0 {
		l.wheel.advance(l.now>>tickShift, l.fireFn)
	} else {
		l.wheel.tick = l.now >> tickShift
	}
	l.runMail()
}

func (l *Loop) fire(t *Timer) {
	defer l.confine("timer", nil)
	l.stats.TimersFired++
	t.owner.OnTimer(t)
}

// Leave ends a poll batch: deferred work, one write per connection with output, and the OnClose calls that came due. For backends.
func (l *Loop) Leave() {
	for {
		for i := 0; i < len(l.deferred); i++ {
			d := l.deferred[i]
			l.deferred[i] = nil
			l.runDeferred(d)
		}
		l.deferred = l.deferred[:0]
		for i := 0; i < len(l.dirty); i++ {
			c := l.dirty[i]
			l.dirty[i] = nil
			c.dirty = false
			c.flush()
		}
		l.dirty = l.dirty[:0]
		if len(l.ended) == 0 && len(l.deferred) == 0 {
			return
		}
		for i := 0; i < len(l.ended); i++ {
			c := l.ended[i]
			l.ended[i] = nil
			c.finish()
		}
		l.ended = l.ended[:0]
	}
}

func (l *Loop) runDeferred(d Deferred) {
	defer l.confine("batch end", nil)
	d.OnBatchEnd()
}

// Readable hands bytes of the peer to the connection's handler. For backends.
func (l *Loop) Readable(c *Conn, b []byte) {
	l.stats.Events++
	l.stats.BytesIn += uint64(len(b))
	if c.state != stateOpen {
		c.discard(len(b))
		return
	}
	defer l.confine("read", c)
	if c.tls != nil {
		c.tls.read(c, b)
		return
	}
	c.h.OnData(c, b)
}

// Writable says that the socket takes bytes again. For backends.
func (l *Loop) Writable(c *Conn) {
	if !c.blocked || c.state == stateDone {
		return
	}
	defer l.confine("write", c)
	c.blocked = false
	c.flush()
	if !c.blocked && c.state == stateOpen {
		c.h.OnDrain(c)
	}
}

// Gone says that the peer closed (err nil) or that the connection broke. For backends.
func (l *Loop) Gone(c *Conn, err error) {
	if c.state == stateDone {
		return
	}
	if err == nil && c.tls != nil && !c.tls.server && c.state == stateOpen {
		// An end without TLS's own close could have been made by anybody on the way, and cut a response short. A client's end cuts
		// nothing: where its request ends is in the request, and many clients just close.
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		c.inputEnded()
		return
	}
	c.end(err, true)
}

// confine turns a panic of a callback into the end of the connection it served: the process and its other connections go on.
func (l *Loop) confine(where string, c *Conn) {
	if r := recover(); r != nil {
		l.panicked(where, r, stackTrace())
		if c != nil {
			c.end(ErrPanic, true)
		}
	}
}

func (l *Loop) panicked(where string, reason any, stack []byte) {
	l.stats.Panics++
	if l.onPanic != nil {
		l.onPanic(where, reason, stack)
	}
}
