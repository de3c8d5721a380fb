package h2

import "penstock/upstream/stream"

// Stream is one request in flight. It comes from the connection's free list and goes back there when it has ended, but not
// before the outermost call into the connection returns: a sink may still touch it from within its callbacks.
type Stream struct {
	conn *Conn
	sink stream.Sink
	id   uint32

	open      bool // in the table
	sent      bool // END_STREAM is out
	answered  bool // the final head has come
	noBody    bool // the response can have none: HEAD, 204, 304
	headOnly  bool // the request is HEAD
	queued    bool // in the send queue
	interims  uint8
	framesIn  uint64 // of the connection as the stream was opened
	sendBytes int64  // window: may be negative, RFC 9113 §6.9.2

	// The body that is still to be sent.
	body      [][]byte
	offset    int // into body[0]
	remaining int64

	recvBytes int // window: what the server may still send
	unread    int // delivered and not yet credited
	due       int // credited and not yet announced

	contentLength int64 // -1: not said
	received      int64

	older, newer         *Stream // open streams by age
	sendPrev, sendFollow *Stream // send queue
}

var _ stream.Stream = (*Stream)(nil)

// Credit says that the consumer has drained n more body bytes. More than was delivered is cut.
func (s *Stream) Credit(n int) {
	if !s.open || n <= 0 {
		return
	}
	c := s.conn
	checkCredit(n, s.unread)
	n = min(n, s.unread)
	s.unread -= n
	s.due += n
	c.due += n
	if s.due < c.streamCreditBytes && c.due < c.connCreditBytes {
		return
	}
	c.depth++
	c.announce(s)
	c.leave()
}

// Cancel resets the stream with CANCEL and forgets it.
func (s *Stream) Cancel() {
	if !s.open {
		return
	}
	c := s.conn
	c.depth++
	c.forget(s, false)
	c.writeReset(s.id, ErrCodeCancel)
	c.leave()
}

// newStream takes a stream from the free list, with the next id.
func (c *Conn) newStream(sink stream.Sink) *Stream {
	s := c.streams.Get()
	*s = Stream{
		conn: c, sink: sink, id: c.nextID, open: true,
		framesIn: c.stats.FramesIn, sendBytes: c.server.windowBytes, recvBytes: c.cfg.StreamWindowBytes,
		contentLength: -1,
	}
	c.nextID += 2
	c.table.put(s)
	c.active++
	if s.older = c.newest; s.older != nil {
		s.older.newer = s
	} else {
		c.oldest = s
	}
	c.newest = s
	return s
}

// forget takes a stream out of everything, remembers how it ended, and gives the connection back what its consumer had not
// credited. The sink may be told afterwards.
func (c *Conn) forget(s *Stream, ended bool) {
	s.open = false
	c.table.remove(s.id)
	c.closed.note(s.id, ended)
	c.active--
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		c.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		c.newest = s.older
	}
	c.dequeue(s)
	if c.current == s {
		c.current = nil
	}
	s.body = nil
	c.due += s.unread
	s.unread = 0
	c.announce(nil)
	c.dying = append(c.dying, s)
}

// finish ends a stream whose response is complete.
func (c *Conn) finish(s *Stream, trailers []stream.Field) {
	if !s.noBody && s.contentLength >= 0 && s.received != s.contentLength {
		c.reset(s, errBodyLength)
		return
	}
	c.forget(s, true)
	if !s.sent {
		// The server answered without waiting for the body: what is left of it is of no use (RFC 9113 §8.1).
		c.writeReset(s.id, ErrCodeNo)
	}
	c.stats.Completed++
	c.floods.refill(&c.cfg.Floods)
	s.sink.OnEnd(trailers)
}

// reset ends a stream on which the server sent something wrong.
func (c *Conn) reset(s *Stream, e *StreamError) {
	c.forget(s, false)
	c.writeReset(s.id, e.Code)
	s.sink.OnFail(stream.Failure{Kind: e.kind, Sent: true, Answered: s.answered, Code: uint32(e.Code), Cause: e})
}

// refuse ends a stream that the server did not process.
func (c *Conn) refuse(s *Stream, code ErrCode, cause error) {
	c.stats.Refused++
	c.forget(s, false)
	s.sink.OnFail(stream.Failure{
		Kind: stream.KindRefused, Sent: true, Unprocessed: true, Answered: s.answered, Code: uint32(code), Cause: cause,
	})
}

// drop ends a stream whose connection is lost. Reused is about the race of an idle connection that the server closes while a
// request is on its way: any frame since the request was written shows that this is not what happened.
func (c *Conn) drop(s *Stream, kind stream.Kind, code ErrCode, cause error) {
	c.forget(s, false)
	s.sink.OnFail(stream.Failure{
		Kind: kind, Sent: true, Answered: s.answered, Code: uint32(code), Cause: cause,
		Reused: c.stats.Completed > 0 && s.framesIn == c.stats.FramesIn,
	})
}
