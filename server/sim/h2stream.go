package sim

import "penstock/upstream/h2"

// h2stream is one request on an HTTP/2 connection.
type h2stream struct {
	x    exchange
	conn *h2conn
	body []byte // a slab

	sendWindow    int64
	receiveWindow int64
	length        int64 // content-length; -1: none
	received      int64
	id            uint32
	ended         bool // the client has sent all
	rejected      bool // an answer goes out although the body has not come
	gone          bool // not among the connection's streams any more

	next, previous *h2stream // in h2conn.waiting
	isWaiting      bool
}

// streamList is a list of streams, linked through them.
type streamList struct {
	first, last *h2stream
	count       int
}

func (l *streamList) add(s *h2stream) {
	if s.isWaiting {
		return
	}
	s.isWaiting = true
	s.previous, s.next = l.last, nil
	if l.last != nil {
		l.last.next = s
	} else {
		l.first = s
	}
	l.last = s
	l.count++
}

func (l *streamList) remove(s *h2stream) {
	if !s.isWaiting {
		return
	}
	if s.previous != nil {
		s.previous.next = s.next
	} else {
		l.first = s.next
	}
	if s.next != nil {
		s.next.previous = s.previous
	} else {
		l.last = s.previous
	}
	s.next, s.previous, s.isWaiting = nil, nil, false
	l.count--
}

func (h *h2conn) newStream(id uint32) *h2stream {
	s := h.lane.streams.Get()
	if s.x.lane == nil {
		s.x.init(s, h.lane)
	}
	s.x.req.reset()
	s.conn, s.id = h, id
	s.sendWindow, s.receiveWindow = h.streamWindow, streamWindowBytes
	s.length, s.received = -1, 0
	s.ended, s.rejected, s.gone = false, false, false
	h.streams[id] = s
	return s
}

// gather keeps a part of the body, and gives back window once half of it is used.
func (s *h2stream) gather(content []byte) {
	if s.rejected {
		return
	}
	s.received += int64(len(content))
	if s.length >= 0 && s.received > s.length {
		s.refuse(h2.ErrCodeProtocol) // §8.1.1
		return
	}
	if s.received > bodyLimitBytes {
		s.rejected = true
		s.dropBody()
		s.x.reject(errTooLarge)
		return
	}
	if s.body == nil {
		s.body = s.conn.lane.loop.Slabs.Get(max(len(content), int(min(s.length, streamWindowBytes))))
	}
	s.body = append(s.conn.lane.loop.Slabs.Grow(s.body, len(content)), content...)
	if s.receiveWindow < streamWindowBytes/2 {
		b := s.conn.c.Buffer(h2.FrameHeaderBytes + 4)
		*b = h2.AppendWindowUpdate(*b, s.id, int(streamWindowBytes-s.receiveWindow))
		s.receiveWindow = streamWindowBytes
	}
}

// complete takes the last part of the body and answers.
func (s *h2stream) complete(content []byte) {
	s.ended = true
	if s.rejected {
		return
	}
	if total := s.received + int64(len(content)); s.length >= 0 && total != s.length {
		s.refuse(h2.ErrCodeProtocol) // §8.1.1
		return
	}
	if s.body == nil {
		s.x.serve(content)
		return
	}
	if s.gather(content); s.gone || s.rejected {
		return
	}
	body := s.body
	s.body = nil
	slabs := &s.conn.lane.loop.Slabs
	s.x.serve(body)
	slabs.Put(body)
}

func (s *h2stream) dropBody() {
	if s.body != nil {
		s.conn.lane.loop.Slabs.Put(s.body)
		s.body = nil
	}
}

// refuse resets a stream whose client broke the rules.
func (s *h2stream) refuse(code h2.ErrCode) {
	s.conn.resetStream(s.id, code)
	s.x.cancel()
	s.leave()
}

// leave takes the stream off its connection, which ends with its last stream once it has said so.
func (s *h2stream) leave() {
	h := s.conn
	delete(h.streams, s.id)
	s.release()
	if h.leaving && len(h.streams) == 0 && !h.ended {
		h.ended = true
		h.c.Close()
	}
}

// release gives back what the stream holds, and the stream itself.
func (s *h2stream) release() {
	s.dropBody()
	s.conn.waiting.remove(s)
	s.gone = true
	s.conn.lane.streams.Put(s)
}

func (s *h2stream) begin(head *head) {
	h := s.conn
	if head.last {
		h.leave()
	}
	l := h.lane
	block := l.appendHead2(l.fields[:0], head)
	b := h.c.Buffer(h2.FrameHeaderBytes + len(block))
	*b = h2.AppendFrameHeader(*b, len(block), h2.FrameHeaders, h2.FlagEndHeaders, s.id)
	*b = append(*b, block...)
	l.fields = block[:0]
}

// room is the least of both windows and of what may be queued.
func (s *h2stream) room() int {
	n := min(s.sendWindow, s.conn.sendWindow, int64(queueLimitBytes-s.conn.c.Queued()))
	if n <= 0 || !s.conn.c.Open() {
		s.conn.waiting.add(s)
		return 0
	}
	return int(n)
}

func (s *h2stream) send(b []byte, last bool) int {
	if s.x.req.headOnly {
		if last {
			s.sendEnd()
		}
		return len(b)
	}
	if len(b) == 0 {
		if last {
			s.sendEnd()
		}
		return 0
	}
	h := s.conn
	n := min(len(b), s.room())
	s.sendWindow -= int64(n)
	h.sendWindow -= int64(n)
	h.lane.s.stats.bytesOut.Add(int64(n))
	for sent := 0; sent < n; {
		size := min(n-sent, frameLimitBytes)
		flags := h2.Flags(0)
		if last && sent+size == len(b) {
			flags = h2.FlagEndStream
		}
		out := h.c.Buffer(h2.FrameHeaderBytes + size)
		*out = h2.AppendFrameHeader(*out, size, h2.FrameData, flags, s.id)
		*out = append(*out, b[sent:sent+size]...)
		sent += size
	}
	return n
}

func (s *h2stream) sendEnd() {
	b := s.conn.c.Buffer(h2.FrameHeaderBytes)
	*b = h2.AppendFrameHeader(*b, 0, h2.FrameData, h2.FlagEndStream, s.id)
}

func (s *h2stream) abort() {
	s.conn.resetStream(s.id, h2.ErrCodeInternal)
	s.leave()
}

func (s *h2stream) hangUp() {
	h := s.conn
	h.ended = true
	s.leave()
	h.c.Close()
}

// done ends the stream; a client that is still sending is told to stop (RFC 9113 §8.1).
func (s *h2stream) done() {
	if !s.ended {
		s.conn.resetStream(s.id, h2.ErrCodeNo)
	}
	s.leave()
}
