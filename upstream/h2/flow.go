package h2

import "encoding/binary"

// enqueue lets a stream with body bytes wait for its turn.
func (c *Conn) enqueue(s *Stream) {
	if s.queued {
		return
	}
	s.queued = true
	s.sendFollow = nil
	if s.sendPrev = c.sendLast; s.sendPrev != nil {
		s.sendPrev.sendFollow = s
	} else {
		c.sendFirst = s
	}
	c.sendLast = s
}

func (c *Conn) dequeue(s *Stream) {
	if !s.queued {
		return
	}
	s.queued = false
	if s.sendPrev != nil {
		s.sendPrev.sendFollow = s.sendFollow
	} else {
		c.sendFirst = s.sendFollow
	}
	if s.sendFollow != nil {
		s.sendFollow.sendPrev = s.sendPrev
	} else {
		c.sendLast = s.sendPrev
	}
}

// send writes DATA as far as the windows allow, one frame per stream and turn. A stream without a window of its own leaves
// the queue until it gets one; where the connection's is used up, or the transport has enough, everybody waits.
func (c *Conn) send() {
	if c.sending {
		return // from within OnSent: the loop below goes on
	}
	c.sending = true
	for c.sendFirst != nil && !c.lost {
		if c.sendBytes <= 0 {
			c.stats.ConnStalls++
			break
		}
		if c.backlog != nil && c.backlog.Unsent() >= maxBacklogBytes {
			break // until Drained
		}
		s := c.sendFirst
		c.dequeue(s)
		if s.sendBytes <= 0 {
			c.stats.StreamStalls++
			continue
		}
		c.writeData(s, int(min(s.remaining, s.sendBytes, c.sendBytes, initialFrameBytes)))
		if !s.open {
			continue
		}
		if s.remaining > 0 {
			c.enqueue(s)
			continue
		}
		s.sent = true
		s.body = nil
		s.sink.OnSent()
	}
	c.sending = false
}

// writeData writes one DATA frame with the next n bytes of the body.
func (c *Conn) writeData(s *Stream, n int) {
	s.remaining -= int64(n)
	s.sendBytes -= int64(n)
	c.sendBytes -= int64(n)
	c.floods.WindowUpdate = min(c.floods.WindowUpdate+n>>8, c.cfg.Floods.WindowUpdate)
	flags := Flags(0)
	if s.remaining == 0 {
		flags = FlagEndStream
	}
	b := c.room(FrameHeaderBytes + n)
	out := AppendFrameHeader(*b, n, FrameData, flags, s.id)
	for n > 0 {
		piece := s.body[0][s.offset:]
		if len(piece) > n {
			out = append(out, piece[:n]...)
			s.offset += n
			break
		}
		out = append(out, piece...)
		n -= len(piece)
		s.body, s.offset = s.body[1:], 0
	}
	*b = out
}

// windowUpdate takes a WINDOW_UPDATE frame (RFC 9113 §6.9).
func (c *Conn) windowUpdate(payload []byte) *ConnError {
	if len(payload) != 4 {
		return &ConnError{ErrCodeFrameSize, "WINDOW_UPDATE of the wrong length (§6.9)"}
	}
	if c.floods.WindowUpdate--; c.floods.WindowUpdate < 0 {
		return errWindowUpdateFlood
	}
	increment := int64(binary.BigEndian.Uint32(payload) & maxWindow)
	id := c.frame.StreamID
	if id == 0 {
		if increment == 0 {
			return &ConnError{ErrCodeProtocol, "WINDOW_UPDATE of zero (§6.9)"}
		}
		if c.sendBytes += increment; c.sendBytes > maxWindow {
			return &ConnError{ErrCodeFlowControl, "connection window above 2^31-1 (§6.9.1)"}
		}
		c.send()
		return nil
	}
	s := c.table.get(id)
	switch {
	case s == nil:
		return c.lateFrame(id)
	case increment == 0:
		c.reset(s, errZeroIncrement)
		return nil
	}
	if s.sendBytes += increment; s.sendBytes > maxWindow {
		c.reset(s, errWindowOverflow)
		return nil
	}
	if s.remaining > 0 && s.sendBytes > 0 {
		c.enqueue(s)
		c.send()
	}
	return nil
}

// announce tells the server what has become free, of s (where it is not nil) and of the connection, once it is enough.
func (c *Conn) announce(s *Stream) {
	if s != nil && s.due >= c.streamCreditBytes {
		n := s.due
		s.due = 0
		s.recvBytes += n
		b := c.room(FrameHeaderBytes + 4)
		*b = AppendWindowUpdate(*b, s.id, n)
	}
	if c.due >= c.connCreditBytes {
		n := c.due
		c.due = 0
		c.recvBytes += n
		b := c.room(FrameHeaderBytes + 4)
		*b = AppendWindowUpdate(*b, 0, n)
	}
}
