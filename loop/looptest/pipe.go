package looptest

import (
	"syscall"
	"time"
)

// Split says how the bytes that have come are cut into reads.
type Split uint8

// The splits.
const (
	SplitWhole  Split = iota // each read takes all that is there
	SplitBytes               // each read takes one byte
	SplitRandom              // each read takes a random part
)

// Link says how a connection behaves, both directions alike.
type Link struct {
	BufferBytes int // socket buffer of one direction; 0: 64 KiB
	LowBytes    int // where a write was refused, room is told of once no more than so much is left in the buffer; 0: as soon as there is any
	Split       Split
	// From a write to its arrival a time between the two passes. Within one direction nothing overtakes.
	MinDelay, MaxDelay time.Duration
	ShortWrites        bool // a write may take less than there is room for
}

// DrawLink draws a Link from the world's seed.
func (w *World) DrawLink() Link { return DrawLink(w.RNG) }

// DrawLink draws a Link: mostly fast and whole, sometimes slow, narrow and in crumbs.
func DrawLink(r *RNG) Link {
	l := Link{BufferBytes: 1 << r.Between(8, 18), Split: SplitWhole, ShortWrites: r.Chance(20)}
	switch {
	case r.Chance(10):
		l.Split = SplitBytes
	case r.Chance(40):
		l.Split = SplitRandom
	}
	if r.Chance(60) {
		l.MaxDelay = time.Duration(1) << r.Between(8, 25) // up to 33 ms
	}
	return l
}

// Script is what a scripted end does. Its methods are called by the world, on no loop.
type Script interface {
	// OnBytes lends bytes that have come.
	OnBytes(e *End, b []byte)
	// OnEnd says that the far end has ended its sending (err nil) or has reset the connection. After a reset nothing more is called.
	OnEnd(e *End, err error)
}

// End is one end of a connection: of a loop (Host.Attach), or of a script.
type End struct {
	// Label names the end in a trace.
	Label string

	w      *World
	far    *End
	link   *Link
	host   *Host
	conn   connection
	script Script
	spoil  func([]byte) []byte // of a loop's end: a planted fault

	in       []byte // on the way to this end, or waiting to be read; from is what has been read of it
	from     int
	eof      bool // the far end has ended its sending
	reset    bool // the far end has reset the connection
	arriving bool // an arrival is in the queue
	told     bool // of eof or reset
	shut     bool // this end has ended its sending
	wants    bool // was refused room, and is told when there is some
	rooming  bool // an event of room is in the queue
	closed   bool // this end does not exist any more

	// Scripted ends only.
	paused  bool
	closing bool // close when out is written
	halving bool // shut when out is written
	tap     func(b []byte, write func([]byte))
	out     []byte // what the socket buffer did not take
}

// Pipe makes a connection; its two ends are given to a script or a loop next.
func (w *World) Pipe(l Link) (near, far *End) {
	if l.BufferBytes == 0 {
		l.BufferBytes = defaultBufferBytes
	}
	near, far = &End{w: w, link: &l}, &End{w: w, link: &l}
	near.far, far.far = far, near
	return near, far
}

// Play gives the end to a script.
func (e *End) Play(s Script) {
	e.script = s
	e.arriveIn(0)
}

func (e *End) delay() time.Duration { return e.w.RNG.Duration(e.link.MinDelay, e.link.MaxDelay) }

// put takes bytes from this end's user into the far end's socket buffer.
func (e *End) put(b []byte) (int, error) {
	f := e.far
	switch {
	case e.reset:
		return 0, syscall.ECONNRESET
	case e.shut:
		return 0, syscall.EPIPE
	case f.closed:
		// What comes to a socket that is gone is answered with a reset.
		e.reset = true
		e.arriveIn(e.delay())
		return len(b), nil
	}
	space := e.link.BufferBytes - (len(f.in) - f.from)
	n := min(len(b), max(space, 0))
	short := n > 1 && e.link.ShortWrites && e.w.RNG.Chance(25)
	if short {
		n = e.w.RNG.Between(1, n)
	}
	if e.w.Trace != nil {
		e.w.Trace("%s sends %d of %d bytes", e.name(), n, len(b))
	}
	if n > 0 {
		if f.from > 0 && len(f.in)+n > cap(f.in) {
			f.in = f.in[:copy(f.in, f.in[f.from:])]
			f.from = 0
		}
		f.in = append(f.in, b[:n]...)
		f.arriveIn(e.delay())
	}
	if n < len(b) {
		e.wants = true
		if short {
			e.roomIn(e.delay())
		}
	}
	return n, nil
}

// unread is how much of what this end wrote the far end has not read.
func (e *End) unread() int { return len(e.far.in) - e.far.from }

func (e *End) shutdown() {
	if !e.shut {
		e.shut, e.far.eof = true, true
		e.far.arriveIn(e.delay())
	}
}

// release is the end of this end. As with TCP, closing with unread input resets.
func (e *End) release(reset bool) {
	if e.closed {
		return
	}
	e.closed = true
	if e.w.Trace != nil {
		e.w.Trace("%s closes (reset %v, unread %d)", e.name(), reset, len(e.in)-e.from)
	}
	f := e.far
	if reset || len(e.in) > e.from {
		f.reset = true
	} else {
		f.eof = true
	}
	e.in, e.from = nil, 0
	f.arriveIn(e.delay())
	if f.wants {
		f.roomIn(e.delay())
	}
}

func (e *End) arriveIn(d time.Duration) {
	if !e.arriving && !e.closed && (e.host != nil || e.script != nil) {
		e.arriving = true
		e.w.post(event{what: arrival, end: e}, d)
	}
}

func (e *End) roomIn(d time.Duration) {
	if !e.rooming {
		e.rooming = true
		e.w.post(event{what: room, end: e}, d)
	}
}

// arrive gives the end's user a part of what has come.
func (e *End) arrive() {
	e.arriving = false
	for {
		if e.closed || e.told {
			return
		}
		if e.reset {
			e.told = true
			e.in, e.from = nil, 0
			e.over(syscall.ECONNRESET)
			return
		}
		if e.isPaused() {
			return
		}
		waiting := len(e.in) - e.from
		if waiting == 0 {
			if e.eof {
				e.told = true
				e.over(nil)
			}
			return
		}
		n := e.cut(waiting)
		b := e.in[e.from : e.from+n : e.from+n]
		e.from += n
		e.deliver(b)
		if e.closed {
			return
		}
		if e.from == len(e.in) {
			e.in, e.from = e.in[:0], 0
		}
		if e.far.wants {
			e.far.roomIn(e.delay())
		}
		if e.from == len(e.in) && !e.eof && !e.reset {
			return
		}
		// A loop reads on in the same batch, or is called again for the rest.
		if e.w.RNG.Chance(50) {
			e.arriveIn(e.delay() / 4)
			return
		}
	}
}

func (e *End) cut(n int) int {
	switch e.link.Split {
	case SplitBytes:
		return 1
	case SplitRandom:
		return e.w.RNG.Between(1, min(n, readBytes))
	}
	return min(n, readBytes)
}

func (e *End) isPaused() bool {
	if e.host != nil {
		return e.conn.Paused()
	}
	return e.paused
}

// name is the label of the end, or that of the far one for the end that nobody has named.
func (e *End) name() string {
	if e.Label == "" {
		return "the far end of " + e.far.Label
	}
	return e.Label
}

func (e *End) deliver(b []byte) {
	if e.w.Trace != nil {
		e.w.Trace("%s gets %q", e.name(), b)
	}
	if e.host != nil {
		e.host.Loop.Readable(e.conn, b)
		for len(b) > 0 {
			b = b[copy(b, spoiled):]
		}
		return
	}
	e.script.OnBytes(e, b)
}

func (e *End) over(err error) {
	if e.w.Trace != nil {
		e.w.Trace("%s hears of the end: %v", e.name(), err)
	}
	if e.host != nil {
		e.host.Loop.Gone(e.conn, err)
		return
	}
	if err != nil {
		e.closed = true
	}
	e.script.OnEnd(e, err)
}

// hasRoom lets the end's user write again.
func (e *End) hasRoom() {
	e.rooming = false
	if e.closed || !e.wants {
		return
	}
	full := e.link.BufferBytes - 1
	if e.link.LowBytes > 0 {
		full = e.link.LowBytes
	}
	if e.unread() > full && !e.far.closed && !e.reset {
		return
	}
	e.wants = false
	if e.host != nil {
		e.host.Loop.Writable(e.conn)
		return
	}
	e.push()
}
