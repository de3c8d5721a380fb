package looptest

import "penstock/loop"

type connection = *loop.Conn

// Write sends bytes from a scripted end; what the socket buffer does not take waits. It copies b.
func (e *End) Write(b []byte) {
	if e.closed || e.shut || e.halving || e.closing {
		return
	}
	if e.tap != nil {
		e.tap(b, e.write)
		return
	}
	e.write(b)
}

func (e *End) write(b []byte) {
	e.out = append(e.out, b...)
	e.push()
}

// Tap puts f between the script and the network: it gets what the script writes, and passes on what is to be sent, and when.
func (e *End) Tap(f func(b []byte, write func([]byte))) { e.tap = f }

// Spoil plants a fault into a loop's end: what f returns goes out instead of what the loop writes. The connection takes all of it.
func (e *End) Spoil(f func(b []byte) []byte) {
	l := *e.link
	l.BufferBytes, l.ShortWrites = unbounded, false
	e.link, e.spoil = &l, f
}

// Unsent is how many bytes of a scripted end wait for room.
func (e *End) Unsent() int { return len(e.out) }

// Closed says that this end does not exist any more.
func (e *End) Closed() bool { return e.closed }

// Shutdown ends the sending of a scripted end after what was written: a half-close.
func (e *End) Shutdown() {
	e.halving = true
	e.push()
}

// Close closes a scripted end after what was written. Input that was not read turns it into a reset, as with TCP.
func (e *End) Close() {
	e.closing = true
	e.push()
}

// Reset drops the connection from a scripted end.
func (e *End) Reset() { e.release(true) }

// Pause stops a scripted end's reading; the socket buffer fills and holds the far end back.
func (e *End) Pause() { e.paused = true }

// Paused says that a scripted end does not read.
func (e *End) Paused() bool { return e.paused }

// Resume reads on.
func (e *End) Resume() {
	if e.paused {
		e.paused = false
		e.arriveIn(0)
	}
}

func (e *End) push() {
	if e.closed {
		return
	}
	if len(e.out) > 0 {
		n, err := e.put(e.out)
		if err != nil {
			n = len(e.out)
		}
		e.out = e.out[:copy(e.out, e.out[n:])]
	}
	if len(e.out) > 0 {
		return
	}
	if e.closing {
		e.release(false)
	} else if e.halving {
		e.shutdown()
	}
}
