package h1

import (
	"penstock/upstream/stream"
)

// Backlog is what an Output may offer besides stream.Output: how many of the bytes that were appended to its buffers the
// transport has not taken yet. With it a Conn notices an answer that comes before its request has left (the connection is not
// used again then), bytes that cannot be the answer because nothing of the request has left, and tells in Failure.Sent that
// nothing was sent.
type Backlog interface{ Unsent() int }

// Config says how a connection writes and what it bears.
type Config struct {
	Output stream.Output // may also be a Backlog

	MaxHeadBytes int // of a response head, and of a trailer section; 0 means 64 KiB
	MaxFields    int // field lines of a response head, and of a trailer section; 0 means 128
}

type state uint8

const (
	stateIdle       state = iota // no request in flight
	stateHead                    // a request is out; its final response head has not come yet
	stateSized                   // left bytes of the body are to come
	stateUntilClose              // the body ends with the connection
	stateChunkLine               // a chunk's size and extensions
	stateChunk                   // left bytes of the chunk are to come
	stateChunkCR                 // CR after a chunk
	stateChunkLF                 // LF after that
	stateTrailers                // the trailer section
	stateDead                    // nothing is read any more
)

// Conn is the client half of one HTTP/1.1 connection; it carries one request at a time. It implements stream.Conn. Loop thread
// only.
type Conn struct {
	out       stream.Output
	backlog   Backlog // nil where the Output is none
	headBytes int
	fieldsMax int

	state   state
	closing bool
	err     error // what Feed returns once dead; nil after Cancel or Fail
	served  int

	// The exchange in flight. Two slots take turns, so that a stream that has ended is not mistaken for its successor.
	slots    [2]exchange
	current  *exchange // nil where idle or dead
	sink     stream.Sink
	isHead   bool
	begun    bool // a byte of the response has come
	answered bool // OnHead was called
	interim  int  // 1xx responses seen
	buffered int  // body bytes lent and not credited
	sent     int64
	left     int64 // bytes of the body or chunk to come
	chunk    chunkLine

	section section
	blocks  blockCache
	digits  [40]byte // scratch of the Content-Length line
}

var _ stream.Conn = (*Conn)(nil)

// exchange is the handle of one request.
type exchange struct{ conn *Conn }

// New returns a connection on which nothing has been sent.
func New(cfg Config) *Conn {
	c := &Conn{out: cfg.Output, headBytes: cfg.MaxHeadBytes, fieldsMax: cfg.MaxFields}
	c.backlog, _ = cfg.Output.(Backlog)
	if c.headBytes <= 0 {
		c.headBytes = defaultHeadBytes
	}
	if c.fieldsMax <= 0 {
		c.fieldsMax = defaultFields
	}
	for i := range c.slots {
		c.slots[i].conn = c
	}
	return c
}

// Open starts a request: all of it, body included, is copied into the output, and OnSent is called before Open returns. Errors:
// stream.ErrBusy, stream.ErrClosing, and those of this package for a request that HTTP/1.1 cannot carry; nothing was sent then.
func (c *Conn) Open(r *stream.Request, s stream.Sink) (stream.Stream, error) {
	if c.closing {
		return nil, stream.ErrClosing
	}
	if c.state != stateIdle {
		return nil, stream.ErrBusy
	}
	sent, isHead, err := c.write(r)
	if err != nil {
		return nil, err
	}
	e := &c.slots[c.served&1]
	c.current, c.sink = e, s
	c.isHead, c.begun, c.answered = isHead, false, false
	c.interim, c.buffered, c.sent = 0, 0, sent
	c.section.reset(false)
	c.state = stateHead
	s.OnSent()
	return e, nil
}

// Feed takes bytes of the provider; b is borrowed, and what the Sink is lent points into it. The error is an *Error; the open
// stream has had its OnFail by then, except where the error is about bytes that belong to no stream.
func (c *Conn) Feed(b []byte) error {
	if c.state == stateHead && !c.begun && len(b) > 0 {
		if c.backlog != nil && int64(c.backlog.Unsent()) >= c.sent {
			// The idle connection turned out to be useless before the request left: to the request it is one that was closed.
			c.endWith(stream.Failure{Kind: stream.KindClosed, Cause: errUnsolicited}, errUnsolicited)
			return errUnsolicited
		}
		c.begun = true
	}
	for len(b) > 0 {
		n, fault := 0, (*Error)(nil)
		switch c.state {
		case stateHead, stateTrailers:
			n, fault = c.feedSection(b)
		case stateSized, stateUntilClose, stateChunk:
			n = c.feedBody(b)
		case stateChunkLine:
			n, fault = c.feedChunkLine(b)
		case stateChunkCR, stateChunkLF:
			n, fault = c.feedChunkEnd(b)
		case stateIdle:
			fault = errUnsolicited
		case stateDead:
			return c.err
		}
		if fault != nil {
			return c.fail(fault)
		}
		b = b[n:]
	}
	if c.state == stateDead {
		return c.err
	}
	return nil
}

// Fail tells that the transport is gone. cause is nil for a clean end of file only: an end without TLS's close_notify is a cause,
// or a body that ends with the connection could be cut short unnoticed (RFC 9112 §9.8).
func (c *Conn) Fail(cause error) {
	if c.state == stateUntilClose && cause == nil {
		c.complete(false, nil)
		c.die(nil)
		return
	}
	f := stream.Failure{Kind: stream.KindClosed, Cause: cause}
	if cause != nil {
		f.Kind = stream.KindReset
	}
	c.endWith(f, nil)
}

// Slots is 1 where a request can be opened now, else 0.
func (c *Conn) Slots() int {
	if c.state == stateIdle && !c.closing {
		return 1
	}
	return 0
}

// Active is 1 while a request is in flight, else 0.
func (c *Conn) Active() int {
	if c.current != nil {
		return 1
	}
	return 0
}

// Closing says that no request can be opened any more: the provider said so, framing demands it, or the connection failed.
func (c *Conn) Closing() bool { return c.closing }

// Served is the number of responses that were completed on this connection.
func (c *Conn) Served() int { return c.served }

// Buffered is the number of response body bytes that were lent to the Sink of the open stream and have not been credited yet.
// The owner stops reading from the transport above its bound: HTTP/1.1 has no other back-pressure.
func (c *Conn) Buffered() int { return c.buffered }

// Credit says that the consumer has drained n more body bytes. It does nothing for a stream that has ended.
func (e *exchange) Credit(n int) {
	c := e.conn
	if c.current != e {
		return
	}
	mustCredit(n, c.buffered)
	c.buffered = max(c.buffered-n, 0)
}

// Cancel gives the request up, and with it the connection: HTTP/1.1 has no other way to stop a response. It does nothing for a
// stream that has ended.
func (e *exchange) Cancel() {
	if e.conn.current == e {
		e.conn.die(nil)
	}
}

// complete ends the exchange well and calls OnEnd, from where the Sink may open the next one. surplus says that bytes follow
// which belong to no response: they may not become the answer to what the Sink opens.
func (c *Conn) complete(surplus bool, trailers []stream.Field) {
	s := c.sink
	c.current, c.sink, c.buffered = nil, nil, 0
	c.served++
	c.state = stateIdle
	if surplus {
		c.die(errSurplus)
	}
	s.OnEnd(trailers)
}

// fail ends the connection for a fault of the provider.
func (c *Conn) fail(fault *Error) error {
	c.endWith(stream.Failure{Kind: fault.Kind, Cause: fault}, fault)
	return fault
}

// endWith ends the connection, and the exchange in flight with f, whose history it fills in.
func (c *Conn) endWith(f stream.Failure, err error) {
	s := c.sink
	if s == nil {
		c.die(err)
		return
	}
	f.Sent = c.begun || c.backlog == nil || int64(c.backlog.Unsent()) < c.sent
	f.Reused = c.served > 0 && !c.begun
	f.Answered = c.answered
	c.die(err)
	s.OnFail(f)
}

// die makes the connection deaf; err is what Feed returns from now on.
func (c *Conn) die(err error) {
	c.state, c.closing, c.err = stateDead, true, err
	c.current, c.sink, c.buffered = nil, nil, 0
}
