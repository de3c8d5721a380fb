package loop

import (
	"errors"
	"math"
	"runtime/debug"

	"penstock/pool"
)

// ErrPanic is what OnClose says of a connection whose handler panicked.
var ErrPanic = errors.New("loop: connection ended by a panic in its handler")

// ErrSlow is what OnClose says of a connection that did not take its last output in time.
var ErrSlow = errors.New("loop: connection did not take its output in time")

func stackTrace() []byte { return debug.Stack() }

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // output is still to be written, then the socket closes
	stateLinger        // output written, sending side shut down, input thrown away
	stateEnded         // OnClose is due at the end of the batch
	stateDone          // OnClose was called, socket released
)

// Conn is one connection. Loop thread only.
type Conn struct {
	loop *Loop
	h    Handler
	tls  *tlsLayer
	out  []byte // the write batch: plain bytes not yet written
	err  error  // what OnClose will say

	// FD is the descriptor on metal; Aux is the backend's own. Both are for backends.
	FD  int
	Aux any

	timer     Timer // closing and lingering only
	closeBy   int64 // when a closing connection has had enough time whatever it takes
	closeLeft int   // Unsent of a closing connection when its timer was set
	discarded int
	outBytes  uint32 // size of the last write batch: the next one starts with as much
	heldFrom  int    // 1 + index into out from where on it stays; 0: nothing is held

	state   state
	dirty   bool // in loop.dirty
	blocked bool // the socket took less than it was given
	paused  bool // reading is paused
	linger  bool // close by way of stateLinger
	eof     bool // the peer has ended its sending
	reset   bool // drop what the kernel has not sent
	endless bool // only Close ends what is being sent well

	accepted bool // counts as a client of the backend's
	patient  bool // a reset while reading is paused is seen when reading goes on
}

// Adopt makes a connection of the loop from what the backend knows under fd or aux. For backends and their helpers.
func (l *Loop) Adopt(fd int, aux any, h Handler) *Conn {
	c := &Conn{loop: l, h: h, FD: fd, Aux: aux}
	c.timer.Init(c)
	l.conns++
	return c
}

// Loop is the loop that the connection belongs to.
func (c *Conn) Loop() *Loop { return c.loop }

// SetHandler gives the connection to another handler.
func (c *Conn) SetHandler(h Handler) { c.h = h }

// Buffer returns the write batch to append to; it leaves in one write at the end of the poll batch. There is room for n more
// bytes (n up to 32 KiB) without growing unless the socket refuses output. The pointer is lent until the next call on the
// Conn. Whoever produces much looks at Queued and waits for OnDrain.
func (c *Conn) Buffer(n int) *[]byte {
	if cap(c.out)-len(c.out) < n {
		c.makeRoom(n)
	}
	if c.state <= stateClosing {
		c.markDirty()
	}
	return &c.out
}

func (c *Conn) makeRoom(n int) {
	if c.out != nil && len(c.out)+n > pool.SlabBytes && !c.blocked && c.state == stateOpen {
		c.flush()
	}
	if c.out == nil {
		c.out = c.loop.Slabs.Get(max(n, firstOutBytes, int(c.outBytes)))
	} else {
		c.out = c.loop.Slabs.Grow(c.out, n)
	}
	c.outBytes = uint32(min(cap(c.out), pool.SlabBytes))
}

// Write copies b into the write batch.
func (c *Conn) Write(b []byte) {
	for len(b) > outRoomBytes {
		p := c.Buffer(outRoomBytes)
		*p = append(*p, b[:outRoomBytes]...)
		b = b[outRoomBytes:]
	}
	p := c.Buffer(len(b))
	*p = append(*p, b...)
}

// Hold keeps what is appended from here on in the write batch, while what came before still leaves: an answer that may have to be
// taken back. Release lets it go, Rollback drops it; closing releases.
func (c *Conn) Hold() {
	if c.state == stateOpen {
		c.heldFrom = len(c.out) + 1
	}
}

// Release lets the bytes that were held leave with this batch.
func (c *Conn) Release() {
	if c.heldFrom == 0 {
		return
	}
	c.heldFrom = 0
	c.markDirty()
}

// Rollback drops the bytes that were held.
func (c *Conn) Rollback() {
	if c.heldFrom == 0 {
		return
	}
	c.out = c.out[:c.heldFrom-1]
	c.heldFrom = 0
	c.markDirty() // an empty batch gives its memory back
}

// Held is how many bytes are held.
func (c *Conn) Held() int {
	if c.heldFrom == 0 {
		return 0
	}
	return len(c.out) - c.heldFrom + 1
}

func (c *Conn) markDirty() {
	if !c.dirty {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// Queued is how many bytes the socket has not taken yet, those of the current batch included.
func (c *Conn) Queued() int {
	n := len(c.out)
	if c.tls != nil {
		n += len(c.tls.wire)
	}
	return n
}

// Unsent is Queued and what the socket has taken and the peer has not acknowledged. A socket takes more only once a third of its
// buffer is free, which is megabytes; a slow reader shows here long before. It asks the kernel: for timers, not for every event.
func (c *Conn) Unsent() int {
	if c.state == stateDone {
		return c.Queued()
	}
	return c.Queued() + c.loop.backend.Unacked(c)
}

// Blocked says that the socket refused bytes: OnDrain follows when it has taken all of them.
func (c *Conn) Blocked() bool { return c.blocked }

// Open says that the connection has neither ended nor been closed from this side.
func (c *Conn) Open() bool { return c.state == stateOpen }

// Pause stops reading: the kernel's buffer fills and the peer is held back.
func (c *Conn) Pause() { c.paused = true }

// Resume reads again.
func (c *Conn) Resume() {
	if c.paused {
		c.paused = false
		if c.state == stateOpen {
			c.loop.backend.Reread(c)
		}
	}
}

// KeepInput has what the peer sent delivered even if the peer resets the connection while reading is paused: the reset is seen once
// reading goes on and has come to the end of it. It is for who can still use an answer whose sender is gone; without it a reset ends
// the connection at once.
func (c *Conn) KeepInput() { c.patient = true }

// Paused says that reading is stopped. For backends as well.
func (c *Conn) Paused() bool { return c.paused }

// Unread looks into the socket: whether bytes of the peer, or the end of its sending, are there that the next poll batch will bring.
// It costs a system call; where the backend cannot tell, the answer is no.
func (c *Conn) Unread() bool {
	b, ok := c.loop.backend.(interface{ Unread(c *Conn) bool })
	return ok && c.state == stateOpen && b.Unread(c)
}

// Close writes what is batched up and closes; OnClose follows, with a nil error where the output was taken.
func (c *Conn) Close() { c.startClose(false) }

// CloseLinger is Close for a peer that is still sending: after the output the sending side is shut down and input is thrown
// away for a bounded time, so that the peer gets to read the answer (RFC 9112 §9.6).
func (c *Conn) CloseLinger() { c.startClose(true) }

// Abort drops the connection at once with a reset; unsent output is lost. OnClose follows at the end of the batch.
func (c *Conn) Abort() {
	if c.state < stateEnded {
		c.end(nil, true)
	}
}

// Endless says whether the end of the connection is the end of what is being sent: anything but Close ends it with a reset then, so
// that the peer does not take a part for the whole (RFC 9112 §8).
func (c *Conn) Endless(yes bool) { c.endless = yes }

func (c *Conn) startClose(linger bool) {
	if c.state != stateOpen {
		return
	}
	c.state, c.linger = stateClosing, linger
	c.paused, c.heldFrom = false, 0
	c.closeBy = c.loop.now + int64(closeFlushLimit)
	c.closeLeft = math.MaxInt // the first look at output that was not refused yet is no judgement
	if c.blocked {
		c.closeLeft = c.Unsent()
	}
	c.loop.Arm(&c.timer, closeFlushTime)
	c.markDirty()
}

// inputEnded acts on a clean end of the peer's sending. What was answered before it leaves first: a client may send its request and
// the end of its sending in one go, and both are then seen in one batch.
func (c *Conn) inputEnded() {
	c.eof = true
	switch c.state {
	case stateOpen:
		if c.tls != nil {
			c.tls.ending = true // each side says close_notify before it closes (RFC 8446 §6.1)
		}
		c.flush()
		switch {
		case c.endless:
			c.end(nil, true)
		case c.blocked:
			c.startClose(false)
			if h, ok := c.h.(InputEnder); ok {
				h.OnInputEnd(c)
			}
		default:
			c.end(nil, false)
		}
	case stateLinger:
		c.end(nil, false)
	}
}

// end has OnClose called at the end of the batch. It is safe from any depth of the stack.
func (c *Conn) end(err error, reset bool) {
	if c.state >= stateEnded {
		return
	}
	c.state, c.err, c.reset, c.heldFrom = stateEnded, err, reset, 0
	c.loop.ended = append(c.loop.ended, c)
}

func (c *Conn) finish() {
	if c.state == stateDone {
		return
	}
	l := c.loop
	l.Disarm(&c.timer)
	c.state = stateDone
	l.conns--
	l.backend.Release(c, c.reset)
	defer l.confine("close", nil)
	defer c.releaseOut() // not before: the handler may ask what has not been sent
	c.h.OnClose(c, c.err)
}

func (c *Conn) releaseOut() {
	if c.out != nil {
		c.loop.Slabs.Put(c.out)
		c.out = nil
	}
	if c.tls != nil {
		c.tls.release(c.loop)
	}
}

// OnTimer ends a connection that lingers or does not take its last output. For the loop.
func (c *Conn) OnTimer(*Timer) {
	switch c.state {
	case stateClosing:
		left := c.Unsent()
		if left >= c.closeLeft || c.loop.now >= c.closeBy {
			c.end(ErrSlow, true)
			return
		}
		c.closeLeft = left // slow, but taking it
		c.loop.Arm(&c.timer, closeFlushTime)
	case stateLinger:
		c.end(nil, false)
	}
}

func (c *Conn) discard(n int) {
	if c.state != stateLinger {
		return
	}
	if c.discarded += n; c.discarded > lingerBytes {
		c.paused = true
	} else if c.loop.now < c.closeBy {
		c.loop.Arm(&c.timer, lingerSilence)
	}
}

// flush gives the socket what is batched up, and moves a closing connection on.
func (c *Conn) flush() {
	if c.state >= stateLinger || c.blocked {
		return
	}
	l := c.loop
	if c.tls != nil {
		if !c.tls.seal(c) {
			return
		}
		c.tls.send(c)
	} else if c.heldFrom > 0 {
		c.sendBefore(c.heldFrom - 1)
	} else if c.out != nil {
		c.out = c.send(c.out)
	}
	if c.blocked || c.state != stateClosing {
		return
	}
	if !c.linger || c.eof {
		c.end(nil, false)
		return
	}
	c.state = stateLinger
	l.backend.ShutdownWrite(c)
	c.closeBy = l.now + int64(lingerTime)
	l.Arm(&c.timer, lingerSilence)
	l.backend.Reread(c)
}

// send writes b and returns what is left of it, nil when it all went; its memory is given back then.
func (c *Conn) send(b []byte) []byte {
	n := c.put(b)
	switch {
	case c.state >= stateEnded:
		return b[:0]
	case n == len(b):
		if b != nil {
			c.loop.Slabs.Put(b)
		}
		return nil
	}
	return b[:copy(b, b[n:])]
}

// sendBefore writes the first n bytes of the batch, and keeps those that are held behind them.
func (c *Conn) sendBefore(n int) {
	if sent := c.put(c.out[:n]); sent > 0 && c.state < stateEnded {
		c.keepFrom(sent)
	}
}

// keepFrom drops the first n bytes of the batch, which have left, and keeps what is held behind them.
func (c *Conn) keepFrom(n int) {
	c.heldFrom -= n
	if c.heldFrom > 1 || cap(c.out) <= pool.SlabBytes {
		c.out = c.out[:copy(c.out, c.out[n:])]
		return
	}
	// What a burst needed is not kept for the little that is held.
	small := append(c.loop.Slabs.Get(max(len(c.out)-n, firstOutBytes)), c.out[n:]...)
	c.loop.Slabs.Put(c.out)
	c.out = small
}

// put gives b to the socket and returns how much of it was taken. What is not taken blocks the connection; an error ends it.
func (c *Conn) put(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	l := c.loop
	n, err := l.backend.Write(c, b)
	l.stats.Writes++
	l.stats.BytesOut += uint64(n)
	if err != nil {
		c.end(err, true)
		return n
	}
	if n < len(b) {
		c.blocked = true
		l.stats.Blocked++
	}
	return n
}
